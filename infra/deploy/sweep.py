"""Takes a run down and proves that it is gone: destroys, then asks every service again.

Limit: what carries the tag in a service that `kinds` does not know is named, not destroyed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from infra.deploy import kinds
from infra.deploy.account import Reach, told
from infra.deploy.kinds import KINDS, Kind
from infra.deploy.runs import Run

BUDGET = "budget"
KNOWN = {kind.service for kind in KINDS}
PATIENCE = 90.0  # seconds for what was destroyed to leave the lists


@dataclass(frozen=True)
class Left:
    """Something that is still there, or a place into which nobody could look, and why."""

    what: str
    why: str


def holds(reach: Reach, run: Run) -> tuple[list[tuple[Kind, str]], list[Left]]:
    """Return what the run has in the account, and where nobody could look."""
    found: list[tuple[Kind, str]] = []
    blind: list[Left] = []
    for kind in KINDS:
        wrong = _try(lambda kind=kind: found.extend((kind, n) for n in kind.find(reach, run)))  # type: ignore[misc]
        if wrong:
            blind.append(Left(f"{kind.word}: could not look", wrong))
    return found, blind


def down(
    reach: Reach, run: Run, say: Callable[[str], None], keep: Collection[str] = ()
) -> list[Left]:
    """Destroy what the run has, except names in `keep`, and return what is left afterwards.

    What cannot be destroyed is passed over, so that the rest goes; run it again after mending.
    """
    refused: dict[str, str] = {}
    _destroy(reach, run, say, refused, lambda kind, name: kind.word == BUDGET or name in keep)
    if _rest(reach, run, refused, keep):
        refused[f"{BUDGET} {run.prefix}"] = "stays and watches until the rest is gone"
    else:
        _destroy(reach, run, say, refused, lambda kind, name: name in keep)
    return _rest(reach, run, refused, keep, budget=True)


def _destroy(
    reach: Reach, run: Run, say: Callable[[str], None], refused: dict[str, str],
    spare: Callable[[Kind, str], bool],
) -> None:
    for kind, name in holds(reach, run)[0]:
        if spare(kind, name):
            continue
        wrong = _gone(lambda kind=kind, name=name: kind.remove(reach, name))  # type: ignore[misc]
        if wrong:
            refused[f"{kind.word} {name}"] = wrong
        else:
            say(f"destroyed {kind.word} {name}")


def _rest(
    reach: Reach, run: Run, refused: dict[str, str], keep: Collection[str], *, budget: bool = False
) -> list[Left]:
    """Ask every service, then the tagging API, what they still know of the run.

    A queue or a secret is listed for some seconds after its end: what was not refused is waited
    for.
    """
    end = time.monotonic() + PATIENCE
    while True:
        found, blind = holds(reach, run)
        still = [
            f"{kind.word} {name}" for kind, name in found
            if name not in keep and (budget or kind.word != BUDGET)
        ]  # fmt: skip
        if budget or not set(still) - set(refused) or time.monotonic() > end:
            break
        time.sleep(2)
    remains = [Left(name, refused.get(name, "still there")) for name in still]
    return [*remains, *blind, *_elsewhere(reach, run), *_strays(reach, run)]


def _elsewhere(reach: Reach, run: Run) -> Iterator[Left]:
    """Tagged things of services that no kind knows; of the known ones, `find` has the last word.

    The tagging API may go on naming what has been gone for minutes.
    """
    arns: list[str] = []
    wrong = _try(lambda: arns.extend(kinds.tagged(reach, run)))
    if wrong:
        yield Left("tags: could not look", wrong)
    for arn in arns:
        if arn.split(":")[2] not in KNOWN:
            yield Left(arn, "of a service that is not swept; destroy it in the console")


def _strays(reach: Reach, run: Run) -> Iterator[Left]:
    keys: list[str] = []
    wrong = _try(lambda: keys.extend(kinds.strays(reach, run)))
    if wrong:
        yield Left("keys without a name: could not look", wrong)
    for key in keys:
        yield Left(
            f"key {key}", "made since the run began, without alias or tag: yours? Then aws kms "
            f"schedule-key-deletion --pending-window-in-days 7 --key-id {key}",
        )  # fmt: skip


def _gone(work: Callable[[], object]) -> str:
    """Destroy something; gone already is not wrong."""
    wrong = _try(work)
    code = wrong.partition(":")[0]
    absent = code.startswith(("NoSuch", "ResourceNotFound", "NotFound")) or "NonExistent" in code
    return "" if absent else wrong


def _try(work: Callable[[], object]) -> str:
    """Do it; return what went wrong, in one line, an error code first."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        work()
    except ClientError as error:
        return told(error)
    except (BotoCoreError, OSError) as error:
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return ""
