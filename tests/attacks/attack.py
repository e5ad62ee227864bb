"""Grades hostile submissions with `ladder grade` and says whether any of them got anything.

    python tests/attacks/attack.py [--all] [--only WORD] [--keep]

Each attack is handed in once, in turns as a notebook and a project, as root and as an ordinary
user; --all: in both kinds, as both. Honest neighbours are graded among them and after them. Exit 1
when a grade was lifted, something outside changed, something survived or leaked, or a neighbour
was hurt; 77 where boxes have no /tmp of their own. With --all results.json beside this file is
written, from which the site's table comes.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import archives
import table
from cases import HERE, KINDS, Attack, read_families, texts, twin
from grading import NOBODY, ROOT, Done, grade, hand_out, users
from host import Doors, adopt, changed, marked, snapshot, survivors
from leaks import active, canaries, commands, leaks

from autograder.manifest import load_course

EVERY = 12  # so many attacks between two honest neighbours
RESULTS = HERE / "results.json"
NOT_RUN = 77  # for tests/run.py


@dataclass(frozen=True)
class Entry:
    """One submission of a run. `attack`: None for an honest neighbour."""

    attack: Attack | None
    kind: str
    number: int

    @property
    def learner(self) -> str:
        """The id under which it is handed in; later ones come after in the batch."""
        return f"l{self.number:04}"

    @property
    def lab(self) -> str:
        """The lab it is for."""
        return KINDS[self.kind]


@dataclass
class Run:
    """One `ladder grade`, and everything that was wrong with it."""

    user: str
    entries: list[Entry]
    done: Done
    problems: list[str] = field(default_factory=list)
    ends: dict[str, str] = field(default_factory=dict)


def shared_out(attacks: Sequence[Attack], everything: bool) -> dict[str, list[tuple[Attack, str]]]:
    """Return for each user the attacks with their kind: all, or each once and in turns."""
    there = users()
    out: dict[str, list[tuple[Attack, str]]] = {user: [] for user in there}
    for number, attack in enumerate(attacks):
        kinds = attack.kinds if everything else (attack.kinds[number // 2 % len(attack.kinds)],)
        for user in there if everything else (there[number % len(there)],):
            out[user] += [(attack, kind) for kind in kinds]
    return out


def entries(chosen: Sequence[tuple[Attack, str]]) -> list[Entry]:
    """Return the submissions of one run, neighbours and twins among them, numbered in order."""
    made: list[Entry] = []
    for kind in sorted({kind for _, kind in chosen}):
        row: list[Attack | None] = [twin(kind)]
        for n, (attack, _) in enumerate((a, k) for a, k in chosen if k == kind):
            row += [attack] if (n + 1) % EVERY else [attack, None]
        made += [Entry(a, kind, len(made) + n) for n, a in enumerate([*row, None])]
    return made


def lay_out(place: Path, todo: Sequence[Entry], aim: dict[str, Any], mark: str) -> None:
    """Write all submissions, each where a channel would leave it."""
    for one in todo:
        folder = place / "submitted" / f"{one.lab}-{one.learner}"
        own = {**aim, "name": f"{mark}-{one.learner}"}
        if one.attack is not None and one.attack.raw is not None:
            one.attack.raw(archives.Place(folder, one.kind, archives.half(one.kind, own, mark)))
            continue
        for name, text in texts(one.attack, one.kind, own, mark).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


def attack_all(
    user: str, chosen: Sequence[tuple[Attack, str]], folder: Path, *more: str
) -> Run:
    """Grade these attacks in one run, and look at everything that it must not have changed.

    more: further words of the command line.
    """
    mark, todo, place = f"mk{secrets.token_hex(6)}", entries(chosen), folder / user
    course = place / "course"
    shutil.copytree(HERE / "course", course)
    for name in ("submitted", "home", "tmp", "out", "cache"):
        (place / name).mkdir()
    secret = secrets.token_hex(32)
    (place / "cohort.toml").write_text(f'title = "under attack"\nsecret = "{secret}"\n')
    with Doors(place, mark) as doors:
        aim = {
            **doors.aim(), "place": str(place), "pid": os.getpid(), "repository": str(ROOT),
            "other": str(place / "submitted" / f"{todo[-1].lab}-{todo[-1].learner}"),
        }  # fmt: skip
        lay_out(place, todo, aim, mark)
        _give(place, user)
        watched = [course, place / "submitted", place / "home", place / "cohort.toml"]
        before = snapshot(watched)
        done = grade(user, course, place, "--json", *more)
        made = hand_out(user, course, place) if done.results else []
        problems = [f"survived: {one}" for one in survivors(mark)]
        problems += [f"changed outside: {p}" for p in changed(before, snapshot(watched))]
        problems += [f"left in tmp: {p}" for p in sorted(os.listdir(place / "tmp"))]
        problems += [f"left outside: {p}" for p in marked(mark, spared=[folder])]
        problems += [f"came to the door: {name}" for name in doors.visitors()]
    known = canaries(load_course(course), bytes.fromhex(secret), {e.learner: e.lab for e in todo})
    said = [text for one in (done, *made) for text in (one.out, one.err)]
    problems += [f"exit code {one.code} afterwards: {one.err[-800:]}" for one in made if one.code]
    problems += leaks(place / "out", said, known)
    problems += [what for text in said for what in commands(text)]
    problems += [what for path in sorted((place / "out").rglob("*")) for what in active(path)]
    run = Run(user, todo, done, problems)
    if done.results:
        _judge(run)
    else:
        run.problems.append(f"nothing was graded: {done.err[-2000:]}")
    return run


def _give(place: Path, user: str) -> None:
    """Hand the run's folders to whoever grades; the secret is theirs alone, all else is open."""
    owner = NOBODY if user == "user" and not os.geteuid() else os.geteuid()
    (place / "cohort.toml").chmod(0o600)
    for command in (
        ["chown", "-hR", f"{owner}:{owner}", str(place)],
        ["find", str(place), "-type", "d", "-exec", "chmod", "777", "{}", "+"],
    ):
        subprocess.run(command, check=True)


@contextmanager
def base() -> Iterator[Path]:
    """Give an empty folder; what attacks make in it may be deeper than Python walks."""
    folder = tempfile.mkdtemp(prefix="ladder-under-attack-")
    os.chmod(folder, 0o755)
    try:
        yield Path(folder)
    finally:
        subprocess.run(["rm", "-rf", "--", folder], check=True)


def _judge(run: Run) -> None:
    """Hold every submission to what it may get, and add what is wrong to the run's problems."""
    honest = {e.kind: points(run, e) for e in run.entries if e.attack and not e.attack.family}
    if any(p != 2 for p in honest.values()):
        run.problems.append(f"the honest twins got {honest}")
    for one in run.entries:
        run.ends[one.learner] = said = outcome(run, one)
        found = _wrong(run, one, said, honest[one.kind])
        run.problems += [f"{name(one)}: {what}" for what in found]
    refused = any(text.startswith("refused") for text in run.ends.values())
    if run.done.code != int(refused):
        run.problems.append(f"exit code {run.done.code}: {run.done.err[-800:]}")


def _wrong(run: Run, one: Entry, said: str, most: float) -> list[str]:
    """Return what is wrong with one outcome."""
    result, out = run.done.results.get(one.learner), []
    if not said:
        out.append("no outcome at all")
    if "ungraded" in said:
        out.append(f"ungraded: {said}")
    if one.attack is None:
        whole = result is not None and all(c["verdict"] == "passed" for c in result["checks"])
        return out if whole else [*out, f"an honest neighbour was hurt: {said}"]
    if points(run, one) > most:
        out.append(f"LIFTED to {points(run, one)} of {most}: {said}")
    if result and any(c["verdict"] != "passed" and not c.get("message") for c in result["checks"]):
        out.append(f"a verdict without a reason: {said}")
    if result and one.attack.code and "tells passed" in said:
        out.append(f"did not come to its end: {said}")
    if one.attack.ends not in said:
        out.append(f"ended otherwise than {one.attack.ends!r}: {said}")
    return out


def points(run: Run, one: Entry) -> float:
    """Return what a submission earned."""
    result = run.done.results.get(one.learner)
    checks = result["checks"] if result else []
    return float(sum(c["points"] for c in checks if c["verdict"] == "passed"))


def outcome(run: Run, one: Entry) -> str:
    """Return how a submission ended, in one line: its refusal, or each check's verdict."""
    result = run.done.results.get(one.learner)
    if result is None:
        mine = [t for t in run.done.refused if f"{one.lab}-{one.learner}" in t]
        return "; ".join(mine)
    checks = result["checks"]
    return "; ".join(f"{c['name']} {c['verdict']}: {c.get('message', '')}" for c in checks)


def name(one: Entry) -> str:
    """Return what a submission is called in a report."""
    return f"{one.attack.name if one.attack else 'neighbour'} ({one.kind}, {one.learner})"


def known() -> list[str]:
    """Return the names of the attacks that results.json has."""
    return json.loads(RESULTS.read_text())["names"] if RESULTS.is_file() else []


def main(arguments: Sequence[str] | None = None) -> int:
    """Attack, print, and say by the exit code whether all walls held."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--all", action="store_true", help="both kinds, both users; keep results")
    parser.add_argument("--only", metavar="WORD", help="attacks with this in name or family")
    parser.add_argument("--show", action="store_true", help="print how each attack ended")
    options = parser.parse_args(arguments)
    if HERE.is_relative_to("/tmp"):
        print("The repository lies under /tmp, so a box here has no /tmp of its own to attack.")
        print("Clone it elsewhere, then: ./ladder test attacks")
        return NOT_RUN
    attacks = [*read_families(), *archives.attacks()]
    if options.only:
        attacks = [a for a in attacks if options.only in f"{a.family}: {a.name}"]
    adopt()
    with base() as folder:
        chosen = shared_out(attacks, options.all)
        runs = [attack_all(user, some, folder) for user, some in chosen.items() if some]
    for run in runs:
        count = sum(e.attack is not None for e in run.entries)
        print(f"\nas {run.user}: {count} hostile submissions, {run.done.cpu:.0f} CPU-s")
        for one in run.entries if options.show else ():
            print(f"  {name(one)}: {run.ends[one.learner][:300]}")
        print("".join(f"  WRONG {one}\n" for one in run.problems), end="")
    wrong = sum(len(run.problems) for run in runs)
    if options.all and not options.only and not wrong:
        RESULTS.write_text(json.dumps(table.report(attacks, runs), indent=1) + "\n")
    if not options.only and known() != [a.name for a in attacks]:
        wrong += 1
        print(f"{RESULTS.name} is about other attacks: python tests/attacks/attack.py --all")
    print(f"{len(attacks)} attacks; {wrong} things wrong")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
