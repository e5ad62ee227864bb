# ruff: noqa: E501  (a hostile line reads best on one line)
"""Ways round the judge that were once open: each is tried again, on real processes and channels."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import socket
import subprocess
import zipfile
from pathlib import Path
from typing import ClassVar

import pytest
from bench_course import judge, make_lab, notebook
from PIL import Image

from autograder import lines, plain
from autograder.channel import Found, find, unpacked
from autograder.cohort import Plan, judge_all
from autograder.court import BOOT, Court, Job
from autograder.errors import GraderError, LearnerError, SubmissionError
from autograder.formgrade import _stamp, rebuilt
from autograder.grade import HUNG, Bench, load_lab
from autograder.gradebook import Gradebook
from autograder.judge import Program
from autograder.manifest import load_course
from autograder.sandbox import Launcher, Limits, Usage
from autograder.submission import Submission, read_zip
from autograder.timeline import Timeline
from autograder.verdict import CheckResult, LabResult, Verdict

TOTAL = '''
@check(points=2, observes="returned")
def adds(work, rng):
    """The sum is right."""
    numbers = rng.integers(0, 9, 500)
    assert np.all(work.total(numbers) == np.full(500, numbers.sum())), "what is the sum?"
'''
RIGHT = "def total(x): return int(x.sum())"
FORGE = """
import json, os, struct, sys, time
from autograder.wire import send
def worker():
    frame = sys._getframe()
    while type(frame.f_locals.get("self")).__name__ != "Worker":
        frame = frame.f_back
    return frame.f_locals["self"]
def number():
    frame = sys._getframe()
    while "header" not in frame.f_locals:
        frame = frame.f_back
    return frame.f_locals["header"]["id"]
def say(value, *buffers):
    send(worker().conn, {"reply": "value", "value": value, "id": number()}, buffers)
    time.sleep(0.2)
    os._exit(0)
"""


@pytest.fixture(scope="module")
def boxes():
    """One zygote for all tests: each submission is a fork of it."""
    with Launcher("fork", ["autograder.cells", "numpy", "pandas"], "D") as one:
        yield one


@pytest.fixture
def judged(boxes, tmp_path):
    """Judge cells against TOTAL; return the result."""

    def run(*cells: str, checks: str = TOTAL, **options):
        make_lab(tmp_path, checks)
        return judge(boxes, tmp_path, {"lab.ipynb": notebook(*cells)}, **options)

    return run


SPIES = {
    "an error of the wire": "from autograder.errors import WireError\ndef total(x): raise WireError(f'CANARY {x.tolist()}')",
    "a length of a frame": FORGE
    + "def total(x): worker().conn.sendall(struct.pack('<4sIQ', b'LDR1', 0, 424242 << 40)); os._exit(0)",
}


@pytest.mark.parametrize("name", SPIES)
def test_an_answer_that_cannot_be_read_tells_no_input(judged, name):
    result = judged(SPIES[name])
    assert result.checks[0].message == "what came back cannot be read"
    assert "CANARY" not in result.to_json().decode()


def test_on_desk_data_an_answer_that_cannot_be_read_is_explained(judged):
    result = judged(SPIES["an error of the wire"], sealed=False)
    assert "CANARY" in result.checks[0].message


HOSTILE = {
    "an index of half floats": "{'X': ['c', None, ['arr', ['<f2', [1], 0]]]}, bytes(2)",
    "a folder of time zones": "{'S': [None, ['tz', ['<M8[ns]', [1], 0], 'America/Argentina'], ['r', 0, 1, 1]]}, bytes(8)",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_a_node_makes_pandas_raise_it_is_an_answer_that_cannot_be_read(judged, name):
    result = judged(FORGE + f"def total(x): say({HOSTILE[name]})")
    assert result.checks[0].verdict is Verdict.CRASHED
    assert result.checks[0].message == "what came back cannot be read"


LOADS = {
    "an array for a number": "{'d': [['outputs', {'l': []}], ['threads', {'o': [[2], [1, 2]]}]]}",
    "no dictionary": "{'X': ['c', None, ['arr', ['<f2', [1], 0]]]}, bytes(2)",
    "handles for outputs": "{'d': [['outputs', {'l': [{'l': [{'d': [['output_type', {'h': 3}]]}]}]}], ['threads', 1]]}",
    "arrays for outputs": "{'d': [['outputs', {'l': [{'l': [{'d': [['output_type', {'o': [[2], [1, 2]]}]]}]}]}], ['threads', 1]]}",
}


@pytest.mark.parametrize("name", LOADS)
def test_a_forged_account_of_the_loading_is_no_fault_of_ours(judged, name):
    result = judged(FORGE + f"say({LOADS[name]})")
    assert result.checks[0].verdict is Verdict.CRASHED, result.checks[0]
    assert not result.ungraded


def test_outputs_never_outgrow_a_result(judged):
    item = "{'d': [['output_type', 'error'], ['evalue', '\"' * 60_000]]}"
    cells = f"{{'d': [['outputs', {{'l': [{{'l': [{item}] * 12}}] * 5}}], ['threads', 1]]}}"
    result = judged(FORGE + f"say({cells})")
    assert len(result.outputs) == 5
    assert result.outputs[-1] == "[]"
    assert type(result).from_json(result.to_json()) == result


@pytest.fixture
def court(tmp_path):
    """The judge's own process, bounded, for TOTAL; judges cells with these seeds."""

    @contextlib.contextmanager
    def sit(checks: str = TOTAL):
        make_lab(tmp_path, checks)
        lab = load_course(tmp_path).lab("probe")
        with Court(lab) as one:
            yield lambda boxes, *cells: one.judge(
                Job(
                    Submission("probe", "ann", {"lab.ipynb": notebook(*cells)}),
                    {n: [1, 2] for n in one.checks},
                    7,
                ),
                boxes,
            )

    return sit


def test_what_a_lab_tells_of_a_program_commands_no_terminal(court, boxes, capfd):
    tells = TOTAL.replace(
        "    assert", "    print(work.call('total', [1, 2]), file=__import__('sys').stderr)\n    assert", 1
    )
    with court(tells) as judged:
        judged(boxes, "def total(x): return '\\x1b]0;mine\\x07\\x1b[2Jall\\rfull marks'")
    said = capfd.readouterr().err
    assert "full marks" in said
    assert not set(said) & {"\x1b", "\x07", "\r"}


def test_an_answer_that_broadcasts_beyond_the_judges_memory_fails(court, boxes):
    with court() as judged:
        result = judged(
            boxes, "import numpy as np\ndef total(x): return np.zeros((20_000_000, 1), 'u1')"
        )
    assert result.checks[0].verdict is Verdict.FAILED, result.checks[0]
    assert "expected form" in result.checks[0].message


def test_an_answer_whose_keys_collide_ends_with_the_judges_time(court, boxes, monkeypatch):
    monkeypatch.setattr(
        "autograder.court.BOOT",
        BOOT.replace("main(", "c.CPU = -22; c.main(").replace(
            "from autograder.court import main", "import autograder.court as c"
        ),
    )
    keys = "{'s': [{'i': hex(i * (2**61 - 1))} for i in range(1, 180_000)]}"
    with court() as judged:
        result = judged(boxes, FORGE + f"def total(x): say({keys})")
    assert result.checks[0].verdict is Verdict.CRASHED, result.checks[0]
    assert not result.ungraded


DAMAGED = '''
import gzip
@check(points=1, observes="artifact")
def opens(work):
    """The answer is a gzip file."""
    assert gzip.decompress(work.packed()) == b"x", "what is in it?"
'''


def test_what_a_reader_says_of_an_answers_bytes_is_no_fault_of_ours(judged):
    result = judged("def packed(): return b'not gzip at all'", checks=DAMAGED)
    assert result.checks[0].verdict is Verdict.FAILED, result.checks[0]


NB = notebook(RIGHT)


def packed(*files: tuple[str, bytes]) -> bytes:
    """Return a zip of these files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in (("lab.ipynb", NB), *files):
            archive.writestr(name, body)
    return stream.getvalue()


def damaged(data: bytes) -> bytes:
    """Return a zip whose first file does not decompress."""
    at = data.find(b"lab.ipynb") + len("lab.ipynb")
    return data[:at] + b"\x07" + data[at + 1 :]


ZIPS = {
    "a stream that does not decompress": (damaged(packed()), "cannot be read"),
    "a name that is no text": (packed(("ä.py", b"")).replace("ä".encode(), b"\xff\xfe"), "cannot be read"),
    "a name longer than a file system's": (packed(("a" * 300 + ".py", b"")), "no plain name"),
    "folders without end": (packed(("a/" * 99 + "b.py", b"")), "no plain name"),
    "names that fill a message": (packed(*((f"{i:04}" + "a" * 150, b"") for i in range(900))), "too large"),
    "a name that is there another way": (packed(("./x.py", b""), ("x.py", b"")), "no plain name"),
    "a control character": (packed(("a\nb.py", b"")), "no plain name"),
}  # fmt: skip


@pytest.fixture
def lab(tmp_path):
    """The lab of TOTAL, with data on the desk and more files than the notebook allowed."""
    data = '@given("rows.csv")\n@fixture\ndef rows(rng):\n    return "1"\n'
    make_lab(tmp_path / "course", TOTAL, data)
    return load_course(tmp_path / "course").lab("probe")


@pytest.mark.parametrize("name", ZIPS)
def test_a_zip_that_no_folder_can_hold_is_refused(lab, name):
    data, why = ZIPS[name]
    with pytest.raises(SubmissionError, match=why):
        read_zip(lab, data, "ann")


CLASHES = {
    "a file and a folder": {"a": b"", "a/b.py": b""},
    "a folder where the data are": {"rows.csv/b.py": b""},
    "more than the disk holds": {f"{i}.bin": bytes(15 << 20) for i in range(18)},
}


@pytest.mark.parametrize("name", CLASHES)
def test_files_that_do_not_fit_the_desk_are_refused(boxes, lab, name):
    with pytest.raises(SubmissionError):
        judge(boxes, lab.course.root, {"lab.ipynb": NB, **CLASHES[name]})


def deep(folder: Path) -> None:
    """Make a folder in a folder, 1200 times."""
    at = os.open(folder, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("d", dir_fd=at)
        inner = os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
    os.close(at)


def test_no_submission_stops_the_grading_of_the_others(lab, tmp_path):
    subs = tmp_path / "subs"
    for name in ("zoe", "deep"):
        (subs / name / "probe").mkdir(parents=True)
        (subs / name / "probe" / "lab.ipynb").write_bytes(NB)
    deep(subs / "deep" / "probe")
    for name, target in (("nowhere", "nothing"), ("thief", "../zoe/probe")):
        (subs / name).mkdir()
        (subs / name / "probe").symlink_to(target)
    (subs / "probe-ann.zip").write_bytes(damaged(packed()))
    (subs / "probe-...zip").write_bytes(packed())
    (subs / "probe-bo.zip").write_bytes(packed((".slip.json", b"[" * 9000)))
    found = find(lab.course, subs)
    try:
        ends = {
            f.learner: r for f, r in judge_all(lab.course, found, Plan(b"x" * 32, "D", workers=1))
        }
    finally:
        subprocess.run(["rm", "-rf", subs], check=True)
    refused = {name for name, end in ends.items() if isinstance(end, SubmissionError)}
    assert refused == {"deep", "nowhere", "thief", "ann", ".."}
    assert ends["zoe"].points == ends["bo"].points == 2


def test_a_fault_of_ours_in_one_submission_is_told_and_the_others_are_graded(
    lab, tmp_path, monkeypatch
):
    for name in ("ann", "bo"):
        (tmp_path / f"probe-{name}.ipynb").write_bytes(NB)
    read = Found.read
    monkeypatch.setattr(Found, "read", lambda one: read(one) if one.learner == "bo" else 1 / 0)
    found = find(lab.course, tmp_path / "probe-ann.ipynb") + find(
        lab.course, tmp_path / "probe-bo.ipynb"
    )
    ends = {f.learner: r for f, r in judge_all(lab.course, found, Plan(b"x" * 32, "D", workers=1))}
    assert isinstance(ends["ann"], GraderError)
    assert ends["bo"].points == 2


ARTIFACT = '''
@check(points=1, observes="artifact")
def leaves(work):
    """The report is left in the folder."""
    work.run("main.py").wait()
    assert work.read("out/report.json") == b"{}", "what is in it?"

@check(points=1, observes="artifact")
def reads(work):
    """The order is read from the folder."""
    work.run("main.py").wait()
    work.write("order.json", b"{}")
    assert work.files("**/*"), "what is there?"
'''
FOLDERS = {
    "a folder for a file": "import os; os.makedirs('out/report.json'); os.makedirs('order.json')",
    "a pipe for a file": "import os; os.mkdir('out'); os.mkfifo('out/report.json'); os.mkdir('order.json')",
    "a file for a folder": "open('out', 'w').close(); import os; os.mkdir('order.json')",
    "links in a ring": "import os; os.symlink('out', 'out'); os.mkdir('order.json')",
    "a file too long": "import os; os.mkdir('out'); os.mkdir('order.json'); open('out/report.json', 'w').truncate(100 << 20)",
}  # fmt: skip


@pytest.mark.parametrize("name", FOLDERS)
def test_whatever_lies_in_the_learners_folder_is_the_learners(boxes, tmp_path, name):
    make_lab(tmp_path, ARTIFACT, main="main.py")
    result = judge(boxes, tmp_path, {"main.py": FOLDERS[name].encode()})
    assert [c.verdict for c in result.checks] == [Verdict.CRASHED] * 2, result.checks


def test_a_program_that_ends_just_before_its_signal_is_no_fault_of_ours():
    class Ended:
        def signal(self, pid: int, number: int) -> None:
            raise ProcessLookupError(3, "the programme has ended")

        def wait(self, pid: int, timeout: float) -> int:
            return 0

    timeline = Timeline()
    assert Program(Ended(), 7, timeline, "watch.py").kill(15) == 0
    assert Program(Ended(), 7, timeline, "watch.py").kill(9) == 0
    assert [m.kind for m in timeline.moments] == ["started", "ended"] * 2


def outcome(verdict: Verdict) -> LabResult:
    """Return a result of one check."""
    one = CheckResult(name="adds", claim="It adds.", points=2, verdict=verdict)
    return LabResult(
        lab="probe", version="1", learner="ann", submission="s", epoch="e", mode="A", checks=(one,)
    )


def test_a_fault_of_ours_takes_no_grade_away(tmp_path):
    with Gradebook(tmp_path / "gradebook.db") as book:
        for verdict in (Verdict.UNGRADED, Verdict.PASSED, Verdict.UNGRADED):
            book.write(outcome(verdict))
        assert [r.points for r in book.results()] == [2]
        book.write(outcome(Verdict.FAILED), lower=True)
        assert [r.points for r in book.results()] == [0]


@pytest.mark.parametrize("text", ["2026-13-45 99:99:99 UTC", "never", "", "\0"])
def test_a_stamp_of_the_learners_making_stops_nothing(tmp_path, text):
    (tmp_path / "timestamp.txt").write_text(text)
    assert _stamp(tmp_path) is None
    (tmp_path / "timestamp.txt").write_bytes(b"\xff\xfe")
    assert _stamp(tmp_path) is None


SHEETS = {
    "no notebook": "not JSON",
    "a source that is no text": '[{"a": [1]}, null, 7, "def total"]',
    "a source without a bottom": "[" * 900 + "]" * 900,
}


@pytest.mark.parametrize("name", SHEETS)
def test_a_broken_sheet_stops_no_writing_back(lab, name):
    (lab.folder / "lab.ipynb").write_bytes(NB)
    mark = {"nbgrader": {"grade_id": "adds", "solution": True}}
    sheet = json.loads(NB)
    sheet["cells"][0] |= {"metadata": mark, "source": "SOURCE"}
    text = json.dumps(sheet).replace('"SOURCE"', SHEETS[name])
    handed_in = Submission("probe", "ann", {"lab.ipynb": text.encode()})
    cells = rebuilt(lab, handed_in, outcome(Verdict.PASSED))["cells"]
    own = [cell for cell in cells if cell["id"].startswith("own-")]
    assert len(cells) - len(own) == 1
    assert all(isinstance(cell["source"], str) for cell in own)


def test_a_zip_of_one_learner_hands_in_for_nobody_else(lab, tmp_path):
    path = tmp_path / "probe-ann.zip"
    path.write_bytes(packed(("probe-bo/lab.ipynb", NB), ("probe-cy.zip", packed())))
    with unpacked(lab.course, path) as folder:
        assert [f.learner for f in find(lab.course, folder)] == ["ann"]


ATTRIBUTES = '''
@check(points=1, observes="returned")
def unique(work):
    """No number is there twice."""
    assert work.numbers().is_unique, "which one is there twice?"

@check(points=1, observes="returned")
def typed(work):
    """The numbers are no objects."""
    assert work.numbers().dtype != object, "what are they?"
'''


def test_an_attribute_of_an_opaque_answer_is_neither_true_nor_different(judged):
    cell = "class L:\n    is_unique = dtype = 1\ndef numbers(): return L()"
    result = judged(cell, checks=ATTRIBUTES)
    assert [c.verdict for c in result.checks] == [Verdict.CRASHED] * 2


def picture(side: int) -> str:
    """Return a white square as a base64 PNG."""
    stream = io.BytesIO()
    Image.new("L", (side, side)).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def test_pictures_beyond_what_a_person_looks_at_cost_nothing():
    shown = {"output_type": "display_data", "data": {"image/png": picture(2000)}}
    kept = plain.outputs([[shown] * 30])[0]
    assert [("image/png" in item["data"]) for item in kept] == [True] * 15 + [False] * 15


TALKS = '''
@check(points=1, observes="returned")
def named(work):
    """A name is plain."""
    name = work.name()
    assert name == "ann", f"what is {name}?"
'''


def test_a_message_that_repeats_an_answer_commands_no_terminal(judged):
    answer = r"\x1b]0;taken\x07\x9b2Jx\u202ey"
    result = judged(f"def name(): return '{answer}'", checks=TALKS)
    assert result.checks[0].message == "what is ]0;taken2Jxy?"


def test_a_name_in_an_error_commands_no_terminal():
    said = str(SubmissionError("\x1b]0;taken\x07.py is a link", "a\x9b.zip", "hand in\nplain files"))
    assert said == "a\\x9b.zip: \\x1b]0;taken\\x07.py is a link\n  -> hand in\nplain files"


CALLS = '''
@check(points=1, observes="wire")
def listens(work):
    """It calls us."""
    work.session()
    with work.listen(7007):
        pass

@check(points=1, observes="wire")
def connects(work):
    """It is there."""
    work.session()
    with work.connect(7009):
        pass

@check(points=1, observes="wire")
def answers(work):
    """It answers."""
    work.serve("main.py", 7008)
    with work.connect(7008) as sock:
        sock.sendall(b"x" * 100_000)
        assert sock.recv(1) == b"y", "what does it answer?"

@check(points=1, observes="wire")
def reads(work):
    """It answers a library that reads for the check."""
    work.serve("main.py", 7008)
    with work.connect(7008) as sock, sock.makefile("rb") as file:
        assert file.read(1) == b"y", "what does it answer?"
'''
HANGS_UP = """
import socket, struct
if __name__ == "__main__":
    server = socket.create_server(("127.0.0.1", 7008))
    while True:
        line = server.accept()[0]
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        line.close()
else:
    taken = socket.create_server(("127.0.0.1", 7007))
"""


def test_a_connection_that_is_reset_before_it_is_ours_was_closed_too_early():
    def opened(port: int) -> socket.socket:
        raise ConnectionResetError(104, "reset")

    with pytest.raises(LearnerError, match="too early"):
        lines.connect(opened, 7008)


def test_no_program_makes_its_own_fault_ours_by_hanging_up(tmp_path):
    make_lab(tmp_path, CALLS, main="main.py")
    with Launcher("exec", mode="D" if os.geteuid() else "A") as boxes:
        result = judge(boxes, tmp_path, {"main.py": HANGS_UP.encode()})
    assert [c.verdict for c in result.checks] == [Verdict.CRASHED] * 4, result.checks
    said = [c.message.removeprefix("your code stopped: ") for c in result.checks]
    assert said[:2] == ["something of its own listens on port 7007", "nothing answers on port 7009"]
    assert said[2:] == ["it closed a connection too early"] * 2


def test_work_that_hung_once_holds_no_place_for_as_long_again(lab):
    class Hung:
        def close(self) -> Usage:
            return Usage(0.0, 0, "wall")

    class Boxes:
        walls: ClassVar[list[float]] = []

        def open(self, files: dict[str, bytes], limits: Limits) -> Hung:
            self.walls.append(limits.wall)
            return Hung()

    bench = Bench(load_lab(lab), Submission("probe", "ann", {}), Boxes(), True, 7)
    for _ in range(3):
        work = bench.opened({})
        work.box()
        work.close()
    assert Boxes.walls == [600, HUNG, HUNG]


GONE = '''
import socket, urllib.request
@check(points=1, observes="cloud")
def stored(work, address):
    """Something is stored."""
    work.total(np.arange(3))
    urllib.request.urlopen(address)

@check(points=1, observes="cloud")
def full(work, rows):
    """The disk holds what is compared."""
    assert rows == work.total(np.arange(3)), "what is the sum?"
'''
FAULTS = '''
import errno, os, socket
@fixture
def address(seed):
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}/"

@fixture
def rows(seed):
    with open("/dev/full", "w") as file:
        file.write("x")
'''


def test_a_cloud_that_is_gone_and_a_full_disk_are_no_score(boxes, tmp_path):
    make_lab(tmp_path, GONE, FAULTS)
    result = judge(boxes, tmp_path, {"lab.ipynb": notebook(RIGHT)})
    assert [c.verdict for c in result.checks] == [Verdict.UNGRADED] * 2, result.checks
    assert result.ungraded
    assert result.points == 0


def test_a_machine_without_a_temporary_folder_grades_nothing(court, boxes, monkeypatch):
    nowhere = "import tempfile; tempfile.tempdir = '/dev/null/nowhere'; main("
    monkeypatch.setattr("autograder.court.BOOT", BOOT.replace("main(", nowhere))
    with court() as judged:
        result = judged(boxes, RIGHT)
    assert {c.verdict for c in result.checks} == {Verdict.UNGRADED}, result.checks
    assert "no temporary folder" in result.checks[0].message
