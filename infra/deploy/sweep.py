"""Takes a run down and proves that it is gone: destroys, then asks every service again.

Limit: what carries the tag in a service that `kinds` does not know is named, not destroyed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from infra.deploy import kinds
from infra.deploy.account import Reach, told
from infra.deploy.kinds import KINDS, Kind
from infra.deploy.runs import Run

KNOWN = {kind.service for kind in KINDS}


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
    found, _ = holds(reach, run)
    # Data and keys first, the budget last, even when something in between is refused.
    for kind, name in found:
        if name in keep:
            continue
        wrong = _try(lambda kind=kind, name=name: kind.remove(reach, name))  # type: ignore[misc]
        if wrong:
            refused[f"{kind.word} {name}"] = wrong
        else:
            say(f"destroyed  {kind.word} {name}")
    return [one for one in left(reach, run, refused) if one.what.partition(" ")[2] not in keep]


def left(reach: Reach, run: Run, refused: dict[str, str] | None = None) -> list[Left]:
    """Ask every service, then the tagging API, and return what they still know of the run."""
    why = refused or {}
    found, wrong = holds(reach, run)
    names = [f"{kind.word} {name}" for kind, name in found]
    still = [Left(name, why.get(name, "still there")) for name in names]
    return [*still, *wrong, *_elsewhere(reach, run), *_strays(reach, run)]


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


def _try(work: Callable[[], object]) -> str:
    """Do it; return what went wrong, in one line. Gone already is not wrong."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        work()
    except ClientError as error:
        code = error.response["Error"]["Code"]
        gone = code.startswith(("NoSuch", "ResourceNotFound", "NotFound")) or "NonExistent" in code
        return "" if gone else told(error)
    except (BotoCoreError, OSError) as error:
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return ""
