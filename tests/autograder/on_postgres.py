"""The gradebook on a real PostgreSQL server of our own: `./ladder test postgres` runs this.

pytest finds it when it is named. The server lives in a scratch folder and listens on loopback.
"""

from __future__ import annotations

import multiprocessing
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from bench_course import make_lab, notebook
from click.testing import CliRunner
from test_gradebook import F, P, U, points, result

from autograder.cli.main import cli
from autograder.errors import GraderError, UsageError
from autograder.gradebook import Gradebook, write_csv
from autograder.gradebook import book as book_module
from autograder.policy import RULES
from autograder.standing import Mark

FOUND = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
BIN = FOUND[-1] if FOUND else Path(shutil.which("initdb") or "/usr/bin/initdb").parent


CHECKS = '''
@check(points=2, observes="returned")
def adds(work):
    """Two numbers are added."""
    assert work.add(2, 3) == 5, "what is the sum?"
'''


class Server:
    """A server in a folder, run by a user who is not root, as PostgreSQL wants it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, _free()
        self.user = _somebody() if not os.geteuid() else None
        self.password = secrets.token_hex(8)
        note = folder / "password"
        note.write_text(self.password)
        if self.user is not None:
            for path in (folder, note):
                os.chown(path, self.user, -1)
        self._do("initdb", "-D", "data", "-U", "class", "--pwfile", "password", "-A",
                 "scram-sha-256", "--no-sync", "--locale=C.UTF-8", "-E", "UTF8")  # fmt: skip

    def _do(self, command: str, *words: str) -> None:
        subprocess.run(
            [BIN / command, *words], cwd=self.folder, user=self.user, check=True,
            stdout=subprocess.DEVNULL, env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
        )  # fmt: skip

    def start(self) -> None:
        options = f"-p {self.port} -h 127.0.0.1 -k {self.folder}"
        self._do("pg_ctl", "-D", "data", "-w", "-l", "log", "-o", options, "start")

    def stop(self) -> None:
        self._do("pg_ctl", "-D", "data", "-w", "-m", "immediate", "stop")

    def database(self) -> str:
        """Make a new database; return its address."""
        name = f"class_{secrets.token_hex(4)}"
        engine = sa.create_engine(self.address("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return self.address(name)

    def address(self, name: str) -> str:
        return f"postgresql+psycopg://class:{self.password}@127.0.0.1:{self.port}/{name}"


def _free() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _somebody() -> int:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    return 65534


@pytest.fixture(scope="module")
def server():
    assert (BIN / "initdb").is_file(), "apt-get install postgresql, then type this again"
    folder = Path(tempfile.mkdtemp(prefix="ladder-pg-"))
    one = Server(folder)
    one.start()
    yield one
    one.stop()
    shutil.rmtree(folder)


@pytest.fixture
def address(server):
    return server.database()


@pytest.fixture
def book(address):
    with Gradebook(address, "Course") as one:
        yield one


def test_results_attempts_and_marks_are_kept(book, tmp_path):
    for _ in range(2):
        book.write(result(P, F), submitted=1.0)
        book.write(result(P, P, learner="李", submission="t"), submitted=2.0)
    assert book.write(result(F, F, version="2")).held
    book.write(result(U, U, learner="zoe"))
    book.mark(Mark("probe", "ann", 3.0, "Kim", 'it\'s "right"', 5.0))
    assert points(book) == {"ann": 2, "zoe": 0, "李": 4}
    write_csv(tmp_path / "g.csv", book.records(), RULES)
    assert [line.split(",")[1:3] for line in (tmp_path / "g.csv").read_text().splitlines()[1:]] == [
        ["ann", "3.0"], ["zoe", ""], ["李", "4.0"],
    ]  # fmt: skip
    assert book.knows(result(version="2").key)


def test_marks_cannot_be_changed_by_sql(book):
    book.mark(Mark("probe", "ann", 3.0, "Kim", "why", 5.0))
    for line in ("UPDATE mark SET points = 9", "DELETE FROM mark"):
        with pytest.raises(sa.exc.DBAPIError, match="only ever added"), book.engine.begin() as c:
            c.execute(sa.text(line))


def test_a_second_writer_is_refused_and_may_read(book, address):
    book.write(result(P))
    with Gradebook(address) as other:
        assert points(other) == {"ann": 2}
        with pytest.raises(UsageError, match=r"another grader \(connection \d+ at 127.0.0.1\)"):
            other.write(result(P, P))
    book.__exit__(None, None, None)
    with Gradebook(address) as other:
        other.write(result(P, P, submission="t"), submitted=9.0)


def _begin(address, gate, done):
    gate.wait()
    try:
        with Gradebook(address, "Course") as book:
            done.put(len(book.labs()))
    except Exception as error:
        done.put(repr(error))


def test_a_new_gradebook_may_begin_several_times_at_once(address):
    context = multiprocessing.get_context("fork")
    gate, done = context.Barrier(6), context.Queue()
    workers = [context.Process(target=_begin, args=(address, gate, done)) for _ in range(6)]
    for one in workers:
        one.start()
    assert [done.get(timeout=60) for _ in workers] == [0] * 6
    for one in workers:
        one.join()


def _cut(address: str) -> None:
    """End every other connection to a database, as a restart or a firewall does."""
    engine = sa.create_engine(address)
    with engine.connect() as connection:
        connection.execute(
            sa.text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    engine.dispose()


def test_a_lost_connection_is_taken_up_again(book, address):
    book.write(result(P))
    _cut(address)
    book.write(result(P, learner="bo"))
    _cut(address)
    book.attempted("probe", "bo", "s", 7.0)
    assert points(book) == {"ann": 2, "bo": 2}
    with Gradebook(address) as other, pytest.raises(UsageError, match="is writing"):
        other.claim()


def test_whoever_lost_the_lock_to_another_does_not_write(book, address):
    book.write(result(P))
    with Gradebook(address) as other:
        _cut(address)
        other.claim()
        with pytest.raises(UsageError, match="is writing"):
            book.write(result(P, learner="bo"))


def test_a_server_that_restarts_is_waited_for_and_one_that_is_gone_is_said(server, monkeypatch):
    address = server.database()
    with Gradebook(address, "Course") as book:
        book.write(result(P))
        server.stop()
        monkeypatch.setattr(book_module, "PAUSES", (0.0, 0.1))
        with pytest.raises(GraderError, match="goes on where it stopped") as caught:
            book.write(result(P, learner="bo"))
        assert server.password not in str(caught.value)
        monkeypatch.setattr(book_module, "PAUSES", (0.0, 0.1, 0.1))
        slept = time.sleep
        starts = [lambda: None, lambda: None, server.start]
        monkeypatch.setattr(
            "time.sleep", lambda pause: (starts.pop(0)() if starts else None, slept(pause))
        )
        book.write(result(P, learner="cy"))
        assert points(book) == {"ann": 2, "cy": 2}
        assert book.write(result(P)).before == 2


def test_a_database_that_is_not_there_is_said_without_the_password(server):
    with pytest.raises(UsageError, match="cannot be opened") as caught:
        Gradebook(server.address("none"))
    assert server.password not in str(caught.value)


def test_a_class_is_graded_into_it_and_explained_from_it(address, tmp_path, monkeypatch):
    make_lab(tmp_path, CHECKS)
    (tmp_path / "class" / "submitted").mkdir(parents=True)
    (tmp_path / "class" / "submitted" / "probe-ann.ipynb").write_bytes(
        notebook("def add(a, b):\n    return a + b\n")
    )
    toml = tmp_path / "class" / "cohort.toml"
    toml.write_text(f'secret = "{"ab" * 32}"\n')
    toml.chmod(0o600)
    monkeypatch.chdir(tmp_path)
    for words, what in (
        (("grade", "class/submitted", "--without-sandbox"), "1 graded"),
        (("grade", "class/submitted", "--without-sandbox"), "1 known already"),
        (("mark", "ann", "probe", "1", "--by", "Kim", "--because", "x", "--class", "class"), "why"),
        (("why", "ann", "probe", "--class", "class"), "Kim: 1 points, because x"),
    ):
        done = CliRunner().invoke(cli, [*words, "--gradebook", address])
        assert done.exit_code == 0, done.output
        assert what in done.output
    assert not list(tmp_path.rglob("gradebook.db"))
    assert ",1.0,2.0," in (tmp_path / "class" / "graded" / "grades.csv").read_text()
