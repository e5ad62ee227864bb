"""Odd submissions, all of one class: each is graded like the same answers handed in plainly, or
refused with a sentence, and none stops another. `ODD_KEEP=1 pytest tests/odd` writes the table."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder import archive
from autograder.channel import Found, find, unpacked
from autograder.cohort import Plan, judge_all
from autograder.course import solved
from autograder.errors import SubmissionError, UsageError
from autograder.manifest import Course, load_course
from autograder.policy import make_cohort
from tests.autograder.course import make_course
from tests.odd import notebooks, packs, places, platforms
from tests.odd.hand import CASES, GROUPS, LAB, PROJECT, Case, Hand

REGISTERED = (notebooks, packs, places, platforms)  # by being imported
RESULTS = Path(__file__).with_name("results.json")
PLAN = Plan(b"odd" * 11, "D", workers=2)
NOBODY = 65534


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Course:
    """The tiny course, whose project also takes files of any name in `extra`."""
    root = make_course(tmp_path_factory.mktemp("odd") / "course").root
    file = root / "labs" / "2-junior" / PROJECT / "lab.toml"
    file.write_text(file.read_text().replace('"berths.json"]', '"berths.json", "extra/*"]'))
    return load_course(root)


@pytest.fixture(scope="module")
def material(course) -> tuple[dict, dict[str, bytes]]:
    """A notebook worth 7 of 9 points, and a project worth 7 of 7."""
    text = solved(course.lab(LAB))
    assert "weights > limit" in text
    project = course.lab(PROJECT)
    names = ("tally.py", "watch.py", "berths.json")
    files = {name: (project.solution / name).read_bytes() for name in names}
    files["lab.ipynb"] = (project.folder / "lab.ipynb").read_bytes()
    return json.loads(text.replace("weights > limit", "weights >= limit")), files


@pytest.fixture(scope="module")
def hands(material) -> Iterator[dict[str, Hand]]:
    """Every case, handed in to one class; and what a platform gave of one lab."""
    with tempfile.TemporaryDirectory(prefix="odd-") as folder:
        root, download = Path(folder, "submitted"), Path(folder, "download")
        made = {}
        for place in (root, download):
            place.mkdir()
        for case in CASES:
            made[case.slug] = Hand(root, download, case.slug, *material)
            case.put(made[case.slug])
        yield made


@pytest.fixture(scope="module")
def found(course, hands) -> list[Found]:
    """What the channel finds."""
    hand = next(iter(hands.values()))
    return find(course, hand.root) + find(course, hand.download, course.lab(LAB))


@pytest.fixture(scope="module")
def ends(course, hands, found) -> dict[str, list]:
    """What became of each case, by its slug: all were judged in one go."""
    of_path = {path: slug for slug, hand in hands.items() for path in hand.paths}
    ends: dict[str, list] = {slug: [] for slug in hands}
    for one, result in judge_all(course, found, PLAN):
        ends[of_path[one.path]].append(result)
    return ends


def say(case: Case) -> str:
    return f"{case.slug}: {case.title}"


@pytest.mark.parametrize("case", CASES, ids=say)
def test_each_is_graded_like_the_same_answers_or_refused_with_a_sentence(ends, hands, case):
    results = ends[case.slug]
    assert len(results) == len(hands[case.slug].paths)
    for result in results:
        if case.points is None:
            can_be_acted_on(result)
            assert case.why in result.what, result
        else:
            assert not isinstance(result, Exception), result
            assert not result.ungraded, result.checks
            assert result.points == case.points, [
                (c.name, c.verdict, c.message) for c in result.checks
            ]


def can_be_acted_on(error: object) -> None:
    """Assert that a refusal says what is wrong, where, and what to do, on lines of its own."""
    assert isinstance(error, SubmissionError), repr(error)
    for part in (error.what, error.where, error.next):
        assert part, error.args
        assert part.isprintable(), error.args
        assert len(part) < 400
    assert "Traceback" not in str(error)


def test_learners_keep_their_names(found):
    ids = {one.learner for one in found}
    assert set(places.LEARNERS.values()) <= ids
    assert {"René Noël", "Ann Doe", "Jürgen Größe", "doeann", "poebo"} <= ids


def test_times_are_the_channels(hands, found):
    by_title = {case.title: case.slug for case in CASES}
    twice = hands[next(s for t, s in by_title.items() if t.startswith("handed in twice"))]
    late = hands[next(s for t, s in by_title.items() if t.startswith("late:"))]
    times = {one.path: one.time for one in found}
    assert [times[path] for path in twice.paths] == [1795176000.0, 1795253400.0]
    assert times[late.paths[0]] == 2082758400


def test_reading_takes_bounded_memory(found):
    tracemalloc.start()
    try:
        for one in found:
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            with contextlib.suppress(SubmissionError):
                one.read()
            _, peak = tracemalloc.get_traced_memory()
            assert peak - before < 3 * archive.MAX_RAW, one.path
    finally:
        tracemalloc.stop()


# ---------------------------------------------------------------- what has to be caused


def unreadable(course: Course) -> SubmissionError:
    """Return the refusal of a folder that an ordinary user may not read."""
    with tempfile.TemporaryDirectory(prefix="odd-") as folder:
        place = Path(folder, "submitted", "ann", LAB)
        place.mkdir(parents=True)
        shutil.copy(course.lab(LAB).folder / "lab.ipynb", place)
        Path(folder, "submitted", f"{LAB}-bo.ipynb").write_bytes(b"{}")
        Path(folder).chmod(0o755)
        place.chmod(0)
        with ordinary_user():
            one = next(f for f in find(course, Path(folder, "submitted")) if f.learner == "ann")
            with pytest.raises(SubmissionError) as refusal:
                one.read()
        place.chmod(0o755)
    return refusal.value


@contextlib.contextmanager
def ordinary_user() -> Iterator[None]:
    """Be an ordinary user, whom permissions bind."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def changing(course: Course, folder: Path, patch: pytest.MonkeyPatch) -> SubmissionError:
    """Return the refusal of a file to which somebody writes while it is read."""
    path = folder / f"{LAB}-ann.ipynb"
    shutil.copy(course.lab(LAB).folder / "lab.ipynb", path)
    real = archive.bounded

    def writing(data: bytes, *rest: object) -> bytes:
        with path.open("ab") as file:
            file.write(b"more")
        return real(data, *rest)  # type: ignore[arg-type]

    patch.setattr(archive, "bounded", writing)
    with pytest.raises(SubmissionError) as refusal:
        find(course, path)[0].read()
    patch.undo()
    return refusal.value


@pytest.fixture(scope="module")
def caused(course, tmp_path_factory) -> dict[str, SubmissionError]:
    """Refusals that need more than a file: by title."""
    with pytest.MonkeyPatch.context() as patch:
        return {
            "a folder that may not be read": unreadable(course),
            "a file that changes while it is read": changing(
                course, tmp_path_factory.mktemp("changing"), patch
            ),
        }


def test_what_cannot_be_read_now_says_so(caused):
    for error in caused.values():
        can_be_acted_on(error)
    assert [error.what for error in caused.values()] == [
        "it may not be read by you", "this file changed while it was read",
    ]  # fmt: skip


# ---------------------------------------------------------------- a class in one zip


def test_a_zip_of_a_class_may_have_a_folder_around_it_and_members_that_cannot_be_read(
    course, material, tmp_path
):
    body = json.dumps(material[0]).encode()
    locked = bytearray(packs.zipped({"c/ann/sum-up/lab.ipynb": body, "c/bo/sum-up/lab.ipynb": body,
                                     "c/../cy/sum-up/lab.ipynb": body,
                                     "__MACOSX/c/._ann": b"x"}))  # fmt: skip
    for sign, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[locked.find(sign) + at] |= 1  # ann's is the first
    path = tmp_path / "class.zip"
    path.write_bytes(locked)
    with unpacked(course, path) as folder:
        read = {}
        for one in find(course, folder):
            try:
                read[one.learner] = one.read().files
            except SubmissionError as error:
                can_be_acted_on(error)
                read[one.learner] = error.what
    assert read["bo"] == {"lab.ipynb": body}
    assert "locked with a password" in read["ann"]
    assert any("leads out" in str(one) for one in read.values())


def test_when_no_lab_is_known_at_all_the_command_is_wrong_and_no_submission(course, tmp_path):
    (tmp_path / "ann.ipynb").write_bytes(b"{}")
    with pytest.raises(UsageError, match="for which lab is this"):
        find(course, tmp_path)
    assert [f.learner for f in find(course, tmp_path, course.lab(LAB))] == ["ann"]


def test_one_submission_may_be_named_as_a_folder(course, material, tmp_path):
    folder = tmp_path / f"{LAB}-ann"
    folder.mkdir()
    (folder / "lab.ipynb").write_bytes(json.dumps(material[0]).encode())
    assert [f.learner for f in find(course, folder)] == ["ann"]


# ---------------------------------------------------------------- the command itself

THROUGH = ("plainly", "cut off", "merge", "100 MB", "Colab", "backslashes", "password", "bomb: 300",
           "empty folder", "does not exist", "files of no lab", "a pipe in place", "no encoding",
           "line end and", "a dash at", "an emoji", "a socket", "a link in place")  # fmt: skip


def test_the_command_grades_the_class_whatever_lies_in_it(course, hands, ends, tmp_path):
    subs = tmp_path / "submitted"
    subs.mkdir()
    chosen = [case for case in CASES if any(part in case.title for part in THROUGH)]
    for case in chosen:
        for path in hands[case.slug].paths:
            top = path.relative_to(hands[case.slug].root).parts[0]
            os.rename(hands[case.slug].root / top, subs / top)
    make_cohort(tmp_path)
    code = "from autograder.cli.main import main; main()"
    words = ["grade", str(subs), "--out", str(tmp_path / "out"), "--without-sandbox", "--json"]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=course.root, capture_output=True, check=False,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )  # fmt: skip
    said = done.stderr.decode("utf-8", "replace")
    for case in chosen:
        for path in hands[case.slug].paths:
            top = path.relative_to(hands[case.slug].root).parts[0]
            os.rename(subs / top, hands[case.slug].root / top)
    assert done.returncode == 1, said
    results = [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b"{")]
    assert len(results) == sum(case.points is not None for case in chosen)
    assert said.count("refused:") == sum(case.points is None for case in chosen)
    assert "Traceback" not in said
    assert "\x1b" not in said


# ---------------------------------------------------------------- the table

HEAD = [
    "Each row is handed in by the tests, all of them to one class in one run. *Graded* means: for"
    " exactly the points that the same answers earn when they are handed in plainly, 7 where"
    " nothing else is said. What is refused is refused with the sentence shown, which says what to"
    " do; nobody else's grade waits for it.",
    "What this means for you is on the page [What can be handed in](../instructors/handing-in.md).",
]


def outcome(results: list) -> str:
    first = results[0]
    if isinstance(first, Exception):
        end = "" if first.what.endswith("?") else "."
        return (
            f"refused: *{first.what}{end}* What to do: {first.next.replace(first.where, 'FOLDER')}"
        )
    return f"graded: {first.points:g} points" + (" each" if len(results) > 1 else "")


def test_the_table_on_the_site_is_what_happens(ends, caused):
    rows = [[case.group, case.title, outcome(ends[case.slug])] for case in CASES]
    rows += [[GROUPS[3], title, outcome([error])] for title, error in caused.items()]
    rows.sort(key=lambda row: GROUPS.index(row[0]))
    text = [*HEAD, f"{len(rows)} cases."]
    table = {"text": text, "columns": ["Kind", "What is handed in", "What happens"], "rows": rows}
    if os.environ.get("ODD_KEEP"):
        RESULTS.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n")
    kept = json.loads(RESULTS.read_text())
    assert kept == table, "ODD_KEEP=1 pytest tests/odd, then ladder sync"
