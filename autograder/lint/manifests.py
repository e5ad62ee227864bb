"""Rules on a lab's folder, its lab.toml, its mistakes and its alternatives."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping

from autograder.check import Check
from autograder.errors import LadderError
from autograder.evidence import files
from autograder.grade import load_lab
from autograder.handout import handout, solution_files
from autograder.lint import Found, rule
from autograder.manifest import MARKS, Lab, MistakeFile, read
from autograder.starter import BEGIN
from autograder.submission import wanted

BY_HAND = ("lab.toml", "README.md", "checks.py", "conftest.py")
LEVELS = [0, 1, 2, 3]


def checks(lab: Lab) -> Mapping[str, Check]:
    """Return a lab's checks; none when they cannot be loaded, which is a rule of its own."""
    try:
        return load_lab(lab).checks
    except LadderError:
        return {}


@rule("loads")
def loads(lab: Lab) -> Found:
    """A lab's checks and fixtures can be imported, and its starter cut from its solution.

    Every other rule and every command begins with that.
    """
    try:
        handout(lab, load_lab(lab).checks)
    except LadderError as error:
        yield lab.folder, 0, str(error).splitlines()[0]


@rule("nothing-else")
def nothing_else(lab: Lab) -> Found:
    """A lab's folder holds lab.toml, README.md, checks.py and conftest.py, and what sync writes.

    Whatever else lies there has a home elsewhere: data comes from fixtures, mechanics from
    larkmoor or infra, the learner's files from the solution.
    """
    try:
        known = {lab.folder / name for name in BY_HAND} | set(handout(lab, load_lab(lab).checks))
    except LadderError:
        return
    for path in files(lab.folder):
        if path not in known:
            yield path, 0, "this file is neither written by hand nor by sync: move or delete it"


@rule("number-of-checks")
def number_of_checks(lab: Lab) -> Found:
    """Four to eight checks carry points, and at least one of them is a `must`.

    Fewer is an exam question, more is a checklist. The `must` is what a gate asks for: no leak, no
    loss, no key.
    """
    pointed = [c for c in checks(lab).values() if c.points]
    if checks(lab) and not 4 <= len(pointed) <= 8:
        yield lab.folder / "checks.py", 0, f"{len(pointed)} checks carry points: 4 to 8 are wanted"
    if pointed and not any(c.must for c in pointed):
        yield lab.folder / "checks.py", 0, "no check is a `must`: which claim may a gate not miss?"
    for one in pointed:
        if one.points < 0:
            yield lab.folder / "checks.py", 0, f"{one.name} takes points away: points are earned"


@rule("hints")
def hints(lab: Lab) -> Found:
    """Each check with points has a ladder of four hints: question, place, approach, fragment.

    The first makes the learner think, the last lets them go on. A hint that gives the answer away
    on the first rung is no ladder.
    """
    path = lab.folder / "lab.toml"
    known = checks(lab)
    for name, rungs in lab.file.hints.items():
        if known and name not in known:
            yield path, 0, f"hints for {name!r}, which is no check"
        if len(rungs) != 4 or not all(rung.strip() for rung in rungs):
            yield path, 0, f"{name} has {len(rungs)} hints: question, place, approach, fragment"
    for one in known.values():
        if one.points and one.name not in lab.file.hints:
            yield path, 0, f"{one.name} has no hints"


@rule("rows")
def rows(lab: Lab) -> Found:
    """Rows of the role and objectives of exams name a check of this lab and one of four marks.

    A row is a claim about what a check demonstrates: real, client, model or read.
    """
    known = checks(lab)
    shown = [(r.row, r.check, r.mark) for r in lab.file.role]
    shown += [(e.id, e.check, e.mark) for e in lab.file.exam]
    for name, one, mark in shown:
        if known and one not in known:
            yield lab.folder / "lab.toml", 0, f"{name} names {one!r}, which is no check"
        if mark not in MARKS:
            yield lab.folder / "lab.toml", 0, f"{name}: mark {mark!r} is not in {', '.join(MARKS)}"
    for pair, count in Counter(s[:2] for s in shown).items():
        if count > 1:
            yield lab.folder / "lab.toml", 0, f"{pair[0]} by {pair[1]} stands there {count} times"


@rule("questions")
def questions(lab: Lab) -> Found:
    """A question that a person reads has points, a rubric of four levels, and a place to answer it.

    Anchors, if there are any, lie on levels of the rubric. The answer is written in the notebook,
    so a project lab with questions lists lab.ipynb in `writes`.
    """
    path = lab.folder / "lab.toml"
    for one in lab.file.question:
        if [level.level for level in one.rubric] != LEVELS:
            yield path, 0, f"question {one.id}: the rubric has levels 0, 1, 2 and 3, in this order"
        if one.points <= 0:
            yield path, 0, f"question {one.id} has no points"
        if any(anchor.level not in LEVELS for anchor in one.anchors):
            yield path, 0, f"question {one.id}: an anchor lies on no level of the rubric"
        if one.id in checks(lab):
            yield path, 0, f"question {one.id} has the name of a check: its cell needs its own"
    if lab.file.question and not wanted(lab, "lab.ipynb"):
        yield path, 0, "answers are written in lab.ipynb, which `writes` does not list"


@rule("minutes")
def minutes(lab: Lab) -> Found:
    """minutes.p50 is at least 10 and at most minutes.p80; a long lab is cut into sittings.

    A sitting takes 45 to 75 minutes and its line ends with the check it ends on.
    """
    path, time = lab.folder / "lab.toml", lab.file.minutes
    if not 10 <= time.p50 <= time.p80:
        yield path, 0, f"minutes: p50 = {time.p50}, p80 = {time.p80}: 10 <= p50 <= p80 is wanted"
    if time.p50 > 75 and len(lab.file.sittings) < time.p80 // 120:
        yield path, 0, f"{time.p50} minutes in {len(lab.file.sittings)} sittings: 45 to 75 each"
    known = checks(lab)
    for sitting in lab.file.sittings:
        if known and sitting.split()[-1].strip("`.") not in known:
            yield path, 0, f"the sitting {sitting!r} does not end with the name of a check"


@rule("manifest")
def manifest(lab: Lab) -> Found:
    """Skills are named, the pitch is one line, `after` names earlier labs, `ai` suits the stage.

    An assistant is a tutor in the first two stages, and free in the others, where checks ask for
    judgement.
    """
    path, file = lab.folder / "lab.toml", lab.file
    if not file.skills:
        yield path, 0, "skills is empty: what is practised here?"
    if "\n" in file.pitch.strip() or len(file.pitch) > 160:
        yield path, 0, "the pitch is one line of at most 160 characters"
    earlier = list(lab.course.labs)[: list(lab.course.labs).index(lab.id)]
    for name in file.after:
        if name not in earlier:
            yield path, 0, f"after names {name!r}, which is no earlier lab of the course"
    if file.ai != ("tutor" if lab.stage[0] in "12" else "free"):
        yield path, 0, f"ai = {file.ai!r} in stage {lab.stage}: tutor in 1 and 2, free in 3 and 4"
    if not wanted(lab, file.main):
        yield path, 0, f"main is {file.main!r}, which `writes` does not list"


@rule("mistakes")
def mistakes(lab: Lab) -> Found:
    """At least five mistakes, each one exact edit; every check is failed by one of them.

    A check that no plausible mistake fails checks nothing. An edit is `swap = [old, new]`, with old
    found exactly once in the file, or `put`, a whole file.
    """
    path = lab.solution / "mistakes.toml"
    try:
        found = read(path, MistakeFile).mistake
    except LadderError as error:
        yield path, 0, str(error).splitlines()[0]
        return
    if len(found) < 5:
        yield path, 0, f"{len(found)} mistakes: 5 at least"
    known = checks(lab)
    for one in found:
        if (len(one.swap) == 2) == bool(one.put):
            yield path, 0, f"{one.say!r} needs either swap = [old, new] or put"
        if not one.fails:
            yield path, 0, f"{one.say!r} fails no check"
        for name in one.fails:
            if known and name not in known:
                yield path, 0, f"{one.say!r} fails {name!r}, which is no check"
        file = lab.solution / one.file
        count = file.read_text().count(one.swap[0]) if file.is_file() and one.swap else 1
        if not file.is_file() and not one.put:
            yield path, 0, f"{one.say!r}: there is no {one.file}"
        elif count != 1:
            yield path, 0, f"{one.say!r}: its text is found {count} times in {one.file}, not once"
    failed = {name for one in found for name in one.fails}
    for name in known:
        if name not in failed:
            yield path, 0, f"no mistake fails {name}"


@rule("alternatives")
def alternatives(lab: Lab) -> Found:
    """At least one alternative solution, of which only the files that differ are there.

    It shows that the checks ask for an outcome and not for our way of doing it.
    """
    path = lab.solution / "alternatives"
    found = [one for one in sorted(path.glob("*")) if one.is_dir()]
    if not found:
        yield path, 0, "there is no alternative solution"
    for one in found:
        for file in files(one):
            same = lab.solution / file.relative_to(one)
            if same.is_file() and same.read_bytes() == file.read_bytes():
                yield file, 0, "this file is the solution's own: keep only what differs"
        if not list(files(one)):
            yield one, 0, "this alternative is empty"


@rule("gaps")
def gaps(lab: Lab) -> Found:
    """Every file that the learner writes has a marked gap in the solution.

    Without one, sync would hand out the solution. JSON has no comments: such a file starts empty.
    """
    written = [("lab.py", b"")] if lab.notebook else []
    written += [(n, body) for n, body in solution_files(lab) if wanted(lab, n)]
    for name, _ in written:
        path = lab.solution / name
        if name.endswith(".json") or not path.is_file():
            continue
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        if not any(BEGIN.match(line) for line in lines):
            yield path, 0, "no `### BEGIN SOLUTION: ...` here: the starter would be the solution"


@rule("shadowed")
def shadowed(lab: Lab) -> Found:
    """No file of the lab is named like a module of the standard library.

    A learner's queue.py is what `import queue` finds, in their code and in every library.
    """
    for name, _ in solution_files(lab):
        stem = name.partition("/")[0].removesuffix(".py")
        if name.endswith(".py") and stem in sys.stdlib_module_names:
            yield lab.solution / name, 0, f"{name} hides the standard module {stem!r}: rename it"
