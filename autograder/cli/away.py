"""Grading that is not all on this machine: submissions and results by URL, workers over Dask.

Parses options and puts `storage` and `farm` together with a cohort; without them, nothing changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autograder.cli.grading import FOLDER, sandbox_mode
from autograder.cli.groups import ensure
from autograder.errors import UsageError

if TYPE_CHECKING:
    from autograder.channel import Found
    from autograder.cohort import Outcome, Plan
    from autograder.manifest import Course
    from autograder.scheduler import Farm

SCHEDULER = click.option(
    "--scheduler", metavar="ADDRESS", help="A Dask scheduler, whose workers judge: tls://HOST:8786."
)
CERTIFICATES = click.option(
    "--certificates", type=FOLDER, help="ca.pem, cert.pem and key.pem for tls://."
)


@contextmanager
def places(path: str, out: str | None) -> Iterator[tuple[Path, Path, Path | None]]:
    """Give local paths for submissions, for where their cohort.toml is looked for, and for results.

    A URL is copied for the time of the block; results are stored when it ends. Storage may be
    written by learners, so cohort.toml is looked for where one stands. Raises UsageError.
    """
    from autograder.storage import fetched, is_url, local, mirrored

    near = local(path)
    if near is None and out is None:
        raise UsageError("where do the results go?", path, "--out FOLDER, or --out URL")
    if any(is_url(place) and local(place) is None for place in (path, out or "")):
        ensure(["storage"])
    with ExitStack() as stack:
        results = stack.enter_context(mirrored(out)) if out else None
        yield stack.enter_context(fetched(path)), near or Path.cwd(), results


def farm_of(given: dict[str, Any]) -> Farm | None:
    """Return the farm that the options name. Raises UsageError for certificates without one."""
    if not given.get("scheduler"):
        if given.get("certificates"):
            raise UsageError("of which scheduler?", "--certificates", "--scheduler tls://HOST:8786")
        return None
    ensure(["farm"])
    from autograder.scheduler import Farm

    return Farm(given["scheduler"], given["certificates"])


def walls(given: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Return sandbox mode and layers of the machines that will judge. Raises UsageError."""
    farm = farm_of(given)
    if farm is None or given["without_sandbox"]:
        return sandbox_mode(given["without_sandbox"])
    from autograder.farm import walls as walls_of

    return walls_of(farm)


def judged(
    course: Course, found: Sequence[Found], plan: Plan, given: dict[str, Any]
) -> Iterator[Outcome]:
    """Judge submissions here, or on the workers of the scheduler that was named."""
    from autograder.cohort import judge_all, make_job

    farm = farm_of(given)
    if farm is None or not found:
        return judge_all(course, found, plan)
    from autograder.farm import judge_far

    return judge_far(course, found, plan, farm, make_job)
