"""Grading over Dask: a real scheduler and workers on loopback, killed, lied to and kept out."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from click.testing import CliRunner
from distributed import Client

from autograder import farm, farmhand
from autograder.channel import Found, find
from autograder.cli.main import cli
from autograder.cohort import Plan, judge_all, make_job
from autograder.court import Court
from autograder.errors import GraderError, LadderError, SubmissionError, UsageError
from autograder.manifest import Course, load_course
from autograder.policy import make_cohort
from autograder.sandbox import own_slot
from autograder.scheduler import Farm, crew, loopback, secured
from autograder.verdict import MAX_RESULT, CheckResult, LabResult, Verdict

ROOT = Path(__file__).resolve().parents[2]
SECRET = b"a secret of thirty-two bytes, or more"
LAB = "sum-up"
GOOD, WRONG = "x = 1", "def total(weights):\n    return 1.0"
SLOW = "n = 0\nwhile n < 12_000_000:\n    n += 1"
# Without walls: kill whatever Dask's nanny has started to judge this.
POISON = """
import os, signal
pid = os.getppid()
while pid > 1:
    if b"multiprocessing" in open(f"/proc/{pid}/cmdline", "rb").read():
        os.kill(pid, signal.SIGKILL)
        break
    pid = int(open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[1])
"""


@dataclass
class Site:
    """A scheduler and workers of ours: processes, and the folder that they write to."""

    folder: Path
    course: Path
    stack: ExitStack
    tls: tuple[str, ...] = ()
    address: str = ""
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)

    def start(self) -> Site:
        """Start the scheduler and wait until its file names its address."""
        file = self.folder / "scheduler.json"
        kind = "tls" if self.tls else "tcp"
        self.scheduler = self._run(
            "dask_scheduler", "--host", f"{kind}://127.0.0.1", "--port", "0", "--no-dashboard",
            "--scheduler-file", str(file),
        )  # fmt: skip
        self.address = json.loads(written(file))["address"]
        return self

    def worker(self, *options: str) -> subprocess.Popen[bytes]:
        """Start one worker under its nanny."""
        one = self._run(
            "dask_worker", self.address, "--nthreads", "1", "--no-dashboard", "--memory-limit",
            "0", "--local-directory", str(self.folder / "space"), *options,
        )  # fmt: skip
        self.workers.append(one)
        return one

    def _run(self, program: str, *words: str) -> subprocess.Popen[bytes]:
        log = self.stack.enter_context((self.folder / f"{program}.log").open("ab"))
        process = subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{program}", *words, *self.tls],
            cwd=self.course, stdout=log, stderr=log,
            env={**os.environ, **self.env},
        )  # fmt: skip
        self.stack.callback(slay, process)
        return process

    def meet(self, count: int) -> None:
        """Wait until there are so many workers."""
        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(count, timeout=300)

    def log(self) -> str:
        """Return what scheduler and workers have said."""
        return "".join(p.read_text(errors="replace") for p in sorted(self.folder.glob("*.log")))


def written(file: Path) -> str:
    """Return the text of a file that another process writes, once it is there."""
    for _ in range(1800):
        if file.is_file() and file.stat().st_size:
            return file.read_text()
        time.sleep(0.1)
    raise AssertionError(f"{file} was never written")


def slay(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all that it has started, at once."""
    if process.poll() is None:
        tree = [psutil.Process(process.pid)]
        tree += tree[0].children(recursive=True)
        for one in tree:
            if one.is_running():
                one.kill()
    process.wait()


@pytest.fixture
def site(tmp_path: Path, tiny_course: Course) -> Iterator[Site]:
    """A scheduler on loopback; its workers are started by the test."""
    with ExitStack() as stack:
        yield Site(tmp_path, tiny_course.root, stack)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, tiny_course: Course) -> Iterator[Site]:
    """A scheduler and two workers for tests that kill nobody."""
    with ExitStack() as stack:
        one = Site(tmp_path_factory.mktemp("farm"), tiny_course.root, stack).start()
        one.worker()
        one.worker()
        one.meet(2)
        yield one


def hand_in(course: Course, folder: Path, **cells: str) -> list[Found]:
    """Lay out a submission for each learner: the solution and one more cell."""
    import nbformat

    from autograder.course import solved

    for learner, text in cells.items():
        book = nbformat.reads(solved(course.lab(LAB)), as_version=4)
        book.cells.append(nbformat.v4.new_code_cell(text))
        place = folder / learner / "lab.ipynb"
        place.parent.mkdir(parents=True)
        nbformat.write(book, place)
    return find(course, folder, course.lab(LAB))


def at(site: Site) -> Farm:
    """Return the farm of a site whose workers may take their time to start."""
    return Farm(site.address, patience=300)


def plan(mode: str = "") -> Plan:
    return Plan(SECRET, mode)


def grades(outcomes: Sequence[Any]) -> dict[str, Any]:
    """Return what was found for each learner, without what a machine decides."""
    return {
        found.learner: [(c.name, c.verdict, c.message, c.seeds) for c in result.checks]
        if isinstance(result, LabResult)
        else type(result).__name__
        for found, result in outcomes
    }


# ---------------------------------------------------------------- judging


def test_grades_are_those_of_one_machine(pair: Site, tiny_course: Course, tmp_path: Path) -> None:
    found = hand_in(tiny_course, tmp_path, ada=GOOD, bob=WRONG, cyd="raise SystemExit", dan=GOOD)
    (tmp_path / "dan" / "lab.ipynb").write_text("not JSON")
    mode, layers = farm.walls(at(pair))
    assert mode in ("A", "B")
    far = list(farm.judge_far(tiny_course, found, plan(mode), at(pair), make_job))
    near = list(judge_all(tiny_course, found, Plan(SECRET, mode, layers, workers=1)))
    assert grades(far) == grades(near)
    assert grades(far)["dan"] == "SubmissionError"
    ada = next(r for f, r in far if f.learner == "ada")
    assert isinstance(ada, LabResult)
    assert (ada.points, ada.mode, ada.layers) == (ada.possible, mode, layers)


def test_few_submissions_are_under_way(pair: Site, tiny_course: Course, tmp_path: Path) -> None:
    found = hand_in(tiny_course, tmp_path, **{f"l{i}": GOOD for i in range(16)})
    made: list[str] = []

    def count(course: Course, court: Court, plan: Plan, submission: Any) -> Any:
        made.append(submission.learner)
        return make_job(course, court, plan, submission)

    ahead = []
    for number, _ in enumerate(farm.judge_far(tiny_course, found, plan(), at(pair), count), 1):
        ahead.append(len(made) - number)
    assert len(ahead) == 16
    assert max(ahead) <= 2 * farm.AHEAD  # two threads in all


def test_a_job_holds_no_secret(tiny_course: Course, tmp_path: Path) -> None:
    (one,) = hand_in(tiny_course, tmp_path, ada=GOOD)
    with Court(tiny_course.lab(LAB), "D") as court:
        job = make_job(tiny_course, court, plan(), one.read())
    head, body = farmhand.written(job, one.lab, True)
    for secret in (SECRET, SECRET.hex().encode(), b"gradebook"):
        assert secret not in head + body
    assert set(msgspec.json.decode(head)) == set(farmhand.Order.__struct_fields__)


def test_another_version_is_refused_with_both(
    pair: Site, course: Course, edit: Callable[[str, str, str], None], tmp_path: Path
) -> None:
    theirs = course.lab(LAB).version
    edit(f"labs/1-foundations/{LAB}/checks.py", "points=3", "points=4")
    ours = load_course(course.root)
    assert ours.lab(LAB).version != theirs
    found = hand_in(ours, tmp_path / "in", ada=GOOD)
    ((_, said),) = farm.judge_far(ours, found, plan(), at(pair), make_job)
    assert isinstance(said, GraderError)
    assert theirs in said.what
    assert ours.lab(LAB).version in said.what


def test_the_command_grades_there(
    pair: Site, tiny_course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_course.root)
    hand_in(tiny_course, tmp_path / "in", ada=GOOD, bob=WRONG)
    make_cohort(tmp_path, "Autumn")
    line = ["grade", str(tmp_path / "in"), "--lab", LAB, "--scheduler", pair.address]
    for said in ("2 graded, 0 refused", "0 graded, 0 refused, 0 ungraded, 2 known already"):
        done = CliRunner().invoke(cli, line, catch_exceptions=False)
        assert (done.exit_code, said in done.output) == (0, True), done.output
    assert "ada" in (tmp_path / "graded" / "grades.csv").read_text()


def test_regrading_goes_there_too(
    site: Site, course: Course, edit: Callable[[str, str, str], None], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def ladder(*words: str) -> str:
        done = CliRunner().invoke(cli, list(words), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    monkeypatch.chdir(course.root)
    for one in hand_in(course, tmp_path / "in", ada=GOOD, bob=WRONG):
        place = tmp_path / "submitted" / one.learner / LAB
        place.parent.mkdir(parents=True)
        one.path.rename(place)
    make_cohort(tmp_path, "Autumn")
    ladder("grade", str(tmp_path / "submitted"))
    edit(f"labs/1-foundations/{LAB}/checks.py", "points=3", "points=4")
    site.course = course.root
    site.start()
    site.worker()
    line = ("regrade", LAB, "--class", str(tmp_path), "--yes", "--scheduler", site.address)
    assert "2 judged again: 1 higher, 0 lower, 1 the same" in ladder(*line)
    assert "2 were up to date" in ladder(*line)


def test_a_stale_worker_costs_nobody_a_grade(site: Site, course: Course, tmp_path: Path) -> None:
    site.start()
    site.worker()
    site.course = tmp_path / "stale"
    shutil.copytree(course.root, site.course)
    checks = site.course / "labs" / "1-foundations" / LAB / "checks.py"
    checks.write_text(checks.read_text().replace("points=3", "points=4"))
    site.worker()
    site.meet(2)
    found = hand_in(course, tmp_path / "in", **{f"l{i}": GOOD for i in range(6)})
    got = list(farm.judge_far(course, found, plan(), at(site), make_job))
    assert sorted(f.learner for f, _ in got) == [f.learner for f in found]
    assert all(isinstance(r, LabResult) and r.points == r.possible for _, r in got)


# ---------------------------------------------------------------- slots

HOLD = """
import sys, time
from autograder.sandbox import own_slot
with own_slot() as slot:
    print(slot, flush=True)
    sys.stdin.read()
"""


def hold() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_workers_of_one_machine_have_slots_of_their_own() -> None:
    with hold() as one, hold() as two, own_slot() as mine, own_slot() as more:
        assert one.stdout is not None
        assert two.stdout is not None
        slots = [int(one.stdout.readline()), int(two.stdout.readline()), mine, more]
        assert len(set(slots)) == 4
        one.kill()
        one.wait()
        with hold() as three:
            assert three.stdout is not None
            assert int(three.stdout.readline()) not in slots[1:]
            three.communicate("")
        two.communicate("")


# ---------------------------------------------------------------- deaths


def busy(address: str) -> set[str]:
    """Return the workers that have a job."""
    with Client(address, set_as_default=False) as client:
        return {worker for worker, keys in client.processing().items() if keys}


def address_of(worker: subprocess.Popen[bytes]) -> set[int]:
    """Return the ports that a nanny and its worker listen on."""
    tree = [psutil.Process(worker.pid), *psutil.Process(worker.pid).children(recursive=True)]
    return {c.laddr.port for p in tree for c in p.net_connections("tcp") if c.status == "LISTEN"}


def test_a_killed_worker_loses_nothing(site: Site, tiny_course: Course, tmp_path: Path) -> None:
    site.start()
    victim = site.worker()
    found = hand_in(tiny_course, tmp_path / "in", **{f"l{i}": SLOW for i in range(5)}, bob=WRONG)
    outcomes = farm.judge_far(tiny_course, found, plan(), at(site), make_job)
    got = [next(outcomes)]  # the next ones are with the victim by now
    assert {int(a.rsplit(":", 1)[1]) for a in busy(site.address)} & address_of(victim)
    slay(victim)
    site.worker()
    got += outcomes
    assert sorted(f.learner for f, _ in got) == ["bob", "l0", "l1", "l2", "l3", "l4"]
    assert all(isinstance(r, LabResult) and not r.ungraded for _, r in got)
    assert {r.points == r.possible for f, r in got if f.learner != "bob"} == {True}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killer_costs_only_its_own_grade(
    site: Site, tiny_course: Course, tmp_path: Path, workers: int
) -> None:
    site.env["DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES"] = "1"
    site.start()
    for _ in range(workers):
        site.worker()
    found = hand_in(tiny_course, tmp_path / "in", ada=GOOD, bad=POISON, bob=GOOD, cyd=WRONG)
    outcomes = farm.judge_far(tiny_course, found, plan("D"), at(site), make_job)
    got = {found.learner: result for found, result in outcomes}
    assert sorted(got) == ["ada", "bad", "bob", "cyd"]
    bad = got.pop("bad")
    assert isinstance(bad, LabResult)
    assert {c.verdict for c in bad.checks} == {Verdict.UNGRADED}
    assert "died" in bad.checks[0].message
    assert all(isinstance(r, LabResult) and not r.ungraded for r in got.values())
    assert site.log().count("signal 9") >= 4  # two workers in company, two alone


def test_a_scheduler_that_goes_away_ends_the_run(
    site: Site, tiny_course: Course, tmp_path: Path
) -> None:
    site.start()
    site.worker()
    found = hand_in(tiny_course, tmp_path / "in", **{f"l{i}": GOOD for i in range(6)})
    outcomes = farm.judge_far(tiny_course, found, plan(), at(site), make_job)
    _, first = next(outcomes)
    assert isinstance(first, LabResult)
    slay(site.scheduler)
    with pytest.raises(GraderError, match="scheduler went away") as caught:
        list(outcomes)
    assert caught.value.where == site.address


def test_no_worker_is_said(site: Site, tiny_course: Course, tmp_path: Path) -> None:
    site.start()
    found = hand_in(tiny_course, tmp_path / "in", ada=GOOD)
    lonely = Farm(site.address, patience=1)
    for run in (
        lambda: farm.walls(lonely),
        lambda: list(farm.judge_far(tiny_course, found, plan(), lonely, make_job)),
    ):
        with pytest.raises(GraderError, match="no worker") as caught:
            run()
        assert f"dask worker {site.address}" in caught.value.next


def test_no_scheduler_is_said() -> None:
    with pytest.raises(UsageError, match="no scheduler"):
        farm.walls(Farm("tcp://127.0.0.1:1"))


# ---------------------------------------------------------------- what workers answer


@pytest.fixture(scope="module")
def asked(
    tiny_course: Course, tmp_path_factory: pytest.TempPathFactory
) -> tuple[farm.Flight, dict[str, CheckResult], LabResult]:
    """A job, the checks of its lab, and the result that an honest worker would send."""
    (one,) = hand_in(tiny_course, tmp_path_factory.mktemp("asked"), ada=GOOD)
    with Court(one.lab, "D") as court:
        job = make_job(tiny_course, court, plan(), one.read())
        result = court.ungraded(replace(job, mode="A"), "a result")
    return farm.Flight(one, job), court.checks, result


def answer(say: str = "result", **parts: Any) -> bytes:
    return msgspec.json.encode({"say": say, **parts})


def test_an_honest_answer_is_taken(asked: Any) -> None:
    flight, checks, result = asked
    data = answer(result=msgspec.Raw(result.to_json()))
    assert farm.read_answer(data, flight, checks, True) == result


@pytest.mark.parametrize(
    "change",
    [
        {"learner": "eve"}, {"lab": "port-call"}, {"version": "0"}, {"submission": "0"},
        {"epoch": "desk"}, {"engine": 0}, {"mode": "D"}, {"checks": ()},
    ],
    ids=str,
)  # fmt: skip
def test_an_answer_to_something_else_is_refused(asked: Any, change: dict[str, Any]) -> None:
    flight, checks, result = asked
    data = answer(result=msgspec.Raw(msgspec.structs.replace(result, **change).to_json()))
    assert isinstance(farm.read_answer(data, flight, checks, True), GraderError)


@pytest.mark.parametrize("name", ["points", "name", "must", "claim"])
def test_a_worker_cannot_change_what_a_check_is(asked: Any, name: str) -> None:
    flight, checks, result = asked
    value = {"points": 100.0, "name": "other", "must": True, "claim": "anything"}[name]
    first = msgspec.structs.replace(result.checks[0], **{name: value})
    forged = msgspec.structs.replace(result, checks=(first, *result.checks[1:]))
    said = farm.read_answer(answer(result=msgspec.Raw(forged.to_json())), flight, checks, True)
    assert isinstance(said, GraderError)
    assert "other checks" in said.what


@pytest.mark.parametrize(
    "data",
    [
        b"", b"null", b"[" * 100_000, b'{"say": "perhaps"}', answer(result={}), answer(more=1),
        answer(result="x" * (MAX_RESULT + 1)), b" " * (farmhand.MAX_ANSWER + 1), "text", None,
    ],
    ids=range(10),
)  # fmt: skip
def test_what_is_no_answer_is_refused(asked: Any, data: Any) -> None:
    flight, checks, _ = asked
    assert isinstance(farm.read_answer(data, flight, checks, True), GraderError)


def test_what_a_worker_says_commands_no_terminal(asked: Any) -> None:
    flight, checks, _ = asked
    for say, kind in (("refused", SubmissionError), ("failed", GraderError)):
        said = farm.read_answer(
            answer(say, why=("\x1b]0;title\x07" + "w" * 9000, "a\x1b[2Jb", "next")),
            flight, checks, True,
        )  # fmt: skip
        assert type(said) is kind
        assert isinstance(said, LadderError)
        assert "\x1b" not in str(said)
        assert len(str(said)) < 3 * farmhand.MAX_SAID


# ---------------------------------------------------------------- who may join

PAGE = ROOT / "docs" / "instructors" / "dask.md"


def make_certificates(folder: Path) -> tuple[str, ...]:
    """Run the lines of the documentation in a folder; return Dask's options for what they make."""
    lines = [x for x in PAGE.read_text().splitlines() if x.startswith(("openssl ", "chmod "))]
    assert len(lines) == 3
    for line in lines:
        subprocess.run(line, shell=True, cwd=folder, check=True, capture_output=True)
    names = {"ca-file": "ca.pem", "cert": "cert.pem", "key": "key.pem"}
    return tuple(w for n, file in names.items() for w in (f"--tls-{n}", str(folder / file)))


def test_certificates_of_the_documentation_join(
    site: Site, tiny_course: Course, tmp_path: Path
) -> None:
    ours, others = tmp_path / "ours", tmp_path / "others"
    for folder in (ours, others):
        folder.mkdir()
    site.tls = make_certificates(ours)
    make_certificates(others)
    site.start()
    site.worker()
    assert site.address.startswith("tls://")
    found = hand_in(tiny_course, tmp_path / "in", ada=GOOD)
    safe = Farm(site.address, ours, patience=300)
    ((_, result),) = farm.judge_far(tiny_course, found, plan(), safe, make_job)
    assert isinstance(result, LabResult)
    assert result.points == result.possible
    with pytest.raises(UsageError, match="no scheduler answers"):
        farm.walls(Farm(site.address, others))
    with pytest.raises(UsageError, match="no scheduler answers"):
        farm.walls(Farm(site.address.replace("tls", "tcp")))


@pytest.mark.parametrize(
    "address",
    ["tcp://192.0.2.7:8786", "tcp://grader.example:8786", "ws://127.0.0.1:8786", "192.0.2.7:8786",
     "inproc://1/2/3", "tcp://0.0.0.0:8786", "tcp://[::]:8786", "tcp://127.0.0.1.example:1"],
)  # fmt: skip
def test_off_loopback_without_tls_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="in clear") as caught:
        secured(Farm(address))
    assert "tls://HOST:PORT --certificates FOLDER" in caught.value.next


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "tcp://localhost:1", "tcp://[::1]:1"])
def test_loopback_needs_no_tls(address: str) -> None:
    assert loopback(address)
    assert secured(Farm(address)) is None


def test_each_file_of_tls_is_asked_for(tmp_path: Path) -> None:
    for name in ("ca.pem", "cert.pem", "key.pem"):
        with pytest.raises(UsageError, match=f"{name} is missing"):
            secured(Farm("tls://192.0.2.7:8786", tmp_path))
        (tmp_path / name).write_text("x")
        (tmp_path / name).chmod(0o644)
    with pytest.raises(UsageError, match="others may read the key"):
        secured(Farm("tls://192.0.2.7:8786", tmp_path))
    (tmp_path / "key.pem").chmod(0o600)
    security = secured(Farm("tls://192.0.2.7:8786", tmp_path))
    assert security is not None
    assert security.require_encryption
    with pytest.raises(UsageError, match=r"ca\.pem is missing"):
        secured(Farm("tls://192.0.2.7:8786"))


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Set one of Dask's settings by its variable: `settings(name, value)`."""
    import dask

    def put(name: str, value: str) -> None:
        monkeypatch.setenv(f"DASK_DISTRIBUTED__COMM__TLS__{name}", value)
        dask.config.refresh()

    yield put
    monkeypatch.undo()
    dask.config.refresh()


def test_dasks_own_settings_name_the_files(
    tmp_path: Path, settings: Callable[[str, str], None]
) -> None:
    names = {"CA_FILE": "ca.pem", "CLIENT__CERT": "cert.pem", "CLIENT__KEY": "key.pem"}
    for setting, name in names.items():
        (tmp_path / name).write_text("x")
        (tmp_path / name).chmod(0o600)
        settings(setting, str(tmp_path / name))
    security = secured(Farm("tls://192.0.2.7:8786"))
    assert security is not None
    assert security.tls_client_key == str(tmp_path / "key.pem")


class Crowd:
    """A client whose scheduler tells of these workers."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    def nthreads(self) -> dict[str, int]:
        return dict.fromkeys(self.addresses, 1)


@pytest.mark.parametrize(
    ("ours", "worker"),
    [
        ("tcp://127.0.0.1:8786", "tcp://192.0.2.7:1"),
        ("tls://192.0.2.1:8786", "tcp://127.0.0.1:1"),
        ("tls://192.0.2.1:8786", "tcp://192.0.2.7:1"),
    ],
)
def test_a_worker_in_clear_ends_the_run(ours: str, worker: str) -> None:
    with pytest.raises(UsageError, match="in clear") as caught:
        crew(Crowd("tls://192.0.2.3:1", worker), Farm(ours))  # type: ignore[arg-type]
    assert caught.value.where == worker
