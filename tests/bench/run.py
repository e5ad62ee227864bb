"""Measures what a graded submission costs: ours, bare forks and, with --all, nbgrader and Otter.

    ladder bench [--all] [--runs N]
    ladder bench --cloud [--runs N]      the embedded cloud instead: see speed.py

All graders get the same 30 submissions in one run, taking turns, so that a machine that grows
slower does so for all. The figure is CPU seconds of the whole process tree. Exit 1 when a goal is
missed or two graders disagree about a score. Writes results.json beside this file only with --all.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Protocol

import peers
from assignment import STUDENTS
from graders import Floor, Ladder, Nbgrader, Otter
from measure import Failed, Run, machine
from submissions import endless

HERE = Path(__file__).parent
ENDING = [learner for learner in STUDENTS if not endless(learner)]
LOOP = next(filter(endless, STUDENTS))
ONE = ENDING[-1]  # half right: it costs about what a submission costs on average
LESS_THAN_NBGRADER, TIMES_THE_FLOOR = 20.0, 2.0


class Grader(Protocol):
    """What is measured."""

    name: str
    what: str

    def grade(self, learners: Sequence[str]) -> Run:
        """Grade these learners in one run."""


@dataclass
class Way:
    """One grader and what it has cost so far.

    `split`: its learners are shared out over the rounds, because one run of all takes minutes.
    """

    grader: Grader
    learners: Sequence[str] = tuple(ENDING)
    split: bool = False
    ends: bool = True
    runs: list[tuple[int, float]] = field(default_factory=list)
    single: list[float] = field(default_factory=list)
    loop: float | None = None
    points: dict[str, float] = field(default_factory=dict)

    def turn(self, number: int, rounds: int) -> None:
        """Take the turn of one round."""
        learners = self.learners[number::rounds] if self.split else self.learners
        if learners:
            self.runs.append((len(learners), self._grade(learners)))
        if number == 0 or not self.split:
            self.single.append(self._grade([ONE]))
        if number == 0 and self.ends:
            self.loop = self._grade([LOOP])

    def _grade(self, learners: Sequence[str]) -> float:
        done = self.grader.grade(learners)
        for learner, points in done.points.items():
            if self.points.setdefault(learner, points) != points:
                raise Failed(f"{self.grader.name} changed its mind about {learner}")
        return done.cpu

    def figures(self) -> dict[str, float]:
        """Return start-up, each further submission, and the mean when all are graded in one run.

        The cost of a run is taken to be start-up + submissions x further, and both are solved from
        the runs of many and the runs of one.
        """
        one, many = median(self.single), self._together()
        count = len(self.learners)
        further = (many[0] - many[1] * one) / (count - many[1])
        startup = one - further
        return {"startup": startup, "further": further, "mean": startup / count + further}

    def _together(self) -> tuple[float, int]:
        """Return the cost of grading all, and in how many runs."""
        if self.split:
            return sum(cpu for _, cpu in self.runs), len(self.runs)
        return median(cpu for _, cpu in self.runs), 1


def measure(ways: Sequence[Way], rounds: int) -> list[float]:
    """Let the graders take turns; return the machine's load after each turn."""
    loads = []
    for number in range(rounds):
        for way in ways:
            way.turn(number, rounds)
            loads.append(round(os.getloadavg()[0], 1))
            done = f"round {number + 1}/{rounds}  {way.grader.name}"
            print(f"{done}  (load {loads[-1]:.1f})", flush=True)
    return loads


def disagreements(reference: Mapping[str, float], other: Mapping[str, float]) -> list[str]:
    """Return the learners to whom two graders gave other points."""
    return sorted(one for one in reference.keys() & other.keys() if reference[one] != other[one])


def ratios(figures: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Return how often ours goes into nbgrader, and the floor into ours: all of it included."""
    ours = figures["ladder"]["mean"]
    found = {"times the floor": ours / figures["each"]["mean"]}
    if "nbgrader" in figures:
        found["less than nbgrader"] = figures["nbgrader"]["mean"] / ours
    return {name: round(value, 2) for name, value in found.items()}


def missed(found: Mapping[str, float]) -> list[str]:
    """Return the goals that were not reached, as sentences."""
    out = []
    if found["times the floor"] > TIMES_THE_FLOOR:
        out.append(f"ours costs {found['times the floor']} times the bare fork a check")
    if found.get("less than nbgrader", LESS_THAN_NBGRADER) < LESS_THAN_NBGRADER:
        out.append(f"nbgrader costs only {found['less than nbgrader']} times what ours costs")
    return out


def rows(ways: Mapping[str, Way]) -> list[list[str]]:
    """Return the table: a row for each grader."""
    figures = {name: way.figures() for name, way in ways.items()}
    ours = figures["ladder"]["mean"]
    out = []
    for name, way in ways.items():
        one = figures[name]
        loop = "not given" if way.loop is None else f"{way.loop - one['startup']:.1f}"
        cells = [f"{one[key]:.3f}" for key in ("mean", "further")]
        times = f"{one['mean'] / ours:.2f}"
        start = f"{one['startup']:.1f}"
        out.append([way.grader.name, *cells, start, times, loop, way.grader.what])
    return out


COLUMNS = [
    "Grader", "CPU-s a submission", "without start-up", "start-up, once", "times ours",
    "endless loop, CPU-s", "What it does",
]  # fmt: skip


def texts(ways: Mapping[str, Way], found: Mapping[str, float]) -> list[str]:
    """Return the paragraphs above the table."""
    lines = [
        f"{len(STUDENTS)} submissions of one assignment: six exercises with numpy, pandas and "
        "scikit-learn; right, wrong, raising, half right, and one that never ends. CPU-seconds of "
        f"the whole process tree. The first figures are means over the {len(ENDING)} that end.",
        f"Ours costs {found['times the floor']:.2f} times a bare fork that runs the same checks on "
        f"the same seeds (goal: at most {TIMES_THE_FLOOR:g}).",
    ]
    if "less than nbgrader" in found:
        lines[1] += (
            f" nbgrader costs {found['less than nbgrader']:.1f} times what ours costs "
            f"(goal: at least {LESS_THAN_NBGRADER:g})."
        )
        same = len(ways["ladder"].points.keys() & ways["nbgrader"].points.keys())
        wrong = disagreements(ways["nbgrader"].points, ways["ladder"].points)
        lines.append(f"Scores: the same as nbgrader's on {same - len(wrong)} of {same}.")
    return lines


def notes(ways: Mapping[str, Way], rounds: int, loads: Sequence[float]) -> list[str]:
    """Return the remarks below the table."""
    out = [
        f"Measured on {machine()}, Python {platform.python_version()}, with one thread each; "
        f"{rounds} rounds in which the graders took turns: medians, but each peer graded every "
        f"submission once, some in each round. Load while measuring: {min(loads):.1f} to "
        f"{max(loads):.1f}; a busy machine makes forks dearer.",
        "Start-up: importing the libraries, once a run. A class of a thousand pays it once, too.",
        "The bare forks read the learner's answers in the learner's own process: what we do not "
        "do. They are shown because nothing that forks can cost less.",
    ]
    if "otter" in ways:
        way = ways["otter"]
        wrong = disagreements(ways["ladder"].points, way.points)
        out.append(
            f"Otter graded {len(way.learners)} of the submissions and gave other points on "
            f"{len(wrong)} of them: it shares the points of a question out over its tests. It "
            "limits nothing by itself, so it was not given the endless loop."
        )
    return out


def report(ways: Mapping[str, Way], rounds: int, loads: Sequence[float]) -> dict[str, Any]:
    """Return everything that was found: for `ladder sync`, and for programs."""
    figures = {name: way.figures() for name, way in ways.items()}
    found = ratios(figures)
    return {
        "text": texts(ways, found),
        "columns": COLUMNS,
        "rows": rows(ways),
        "notes": notes(ways, rounds, loads),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "rounds": rounds,
        "loads": list(loads),
        "ratios": found,
        "figures": {
            name: {
                **{key: round(value, 4) for key, value in figures[name].items()},
                "loop": way.loop and round(way.loop, 2),
                "runs": [[count, round(cpu, 3)] for count, cpu in way.runs],
                "single": [round(cpu, 3) for cpu in way.single],
                "points": dict(sorted(way.points.items())),
            }
            for name, way in ways.items()
        },
    }


def wrong(ways: Mapping[str, Way], found: Mapping[str, float]) -> list[str]:
    """Return everything that must not be: goals missed, scores that differ."""
    out = missed(found)
    for name in ("each", "once", "nbgrader"):
        if name in ways:
            for learner in disagreements(ways["ladder"].points, ways[name].points):
                out.append(f"{learner}: {ways[name].grader.name} gives other points than ours")
    return out


def show(found: Mapping[str, Any]) -> None:
    """Print the table and the texts around it."""
    table = [found["columns"][:-1], *(row[:-1] for row in found["rows"])]
    widths = [max(len(row[n]) for row in table) for n in range(len(table[0]))]
    print()
    for row in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)))
    print("", *found["text"], *found["notes"], sep="\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and say by the exit code whether the goals hold."""
    parser = argparse.ArgumentParser(
        prog="ladder bench", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument(
        "--all", action="store_true", help="beside nbgrader and Otter; keep results"
    )
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="rounds (default: 3)")
    parser.add_argument(
        "--cloud", action="store_true", help="measure the emulated clouds instead of graders"
    )
    parser.add_argument(
        "--block", type=int, default=50, metavar="N", help="with --cloud: requests at a time"
    )
    options = parser.parse_args(arguments)
    if options.cloud:
        import speed

        return speed.main(options.runs, options.block)
    with tempfile.TemporaryDirectory(prefix="ladder-bench-") as folder:
        place = Path(folder)
        try:
            ways = {"ladder": Way(Ladder(place))}
            ways |= {how: Way(Floor(place, how)) for how in ("each", "once")}
            if options.all:
                ours = peers.environment()
                ways["nbgrader"] = Way(Nbgrader(place, ours), split=True)
                ways["otter"] = Way(Otter(place, ours), ENDING[::5], split=True, ends=False)
            loads = measure(list(ways.values()), options.runs)
        except Failed as error:
            print(error, file=sys.stderr)
            return 1
    found = report(ways, options.runs, loads)
    show(found)
    if options.all:
        (HERE / "results.json").write_text(json.dumps(found, indent=1) + "\n")
    problems = wrong(ways, found["ratios"])
    print("", *(f"- {one}" for one in problems), sep="\n" if problems else "")
    return int(bool(problems))


if __name__ == "__main__":
    raise SystemExit(main())
