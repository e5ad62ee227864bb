"""Submissions and results by URL: the embedded cloud's S3, and a file system in memory."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import fsspec
import pytest
from click.testing import CliRunner

import infra.cloud.engine  # noqa: F401  (warm before the first fork, as a judge does it)
from autograder import storage
from autograder.channel import find
from autograder.cli.main import cli
from autograder.course import solved
from autograder.errors import SubmissionError, UsageError
from autograder.manifest import Course
from autograder.policy import make_cohort, read_cohort
from autograder.storage import fetched, local, mirrored, stored
from infra.cloud.fixtures import Cloud, allow, loopback, private_cloud


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """A fresh private cloud."""
    with loopback() as http, private_cloud(http) as running:
        yield running


@pytest.fixture
def s3(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """The cloud with a bucket `class`, and the environment of somebody who may use it."""
    cloud.bucket("class")
    owner = cloud.identity("teacher", [allow(["s3:*"], ["arn:aws:s3:::class*"])])
    for name, value in cloud.env(owner).items():
        monkeypatch.setenv(name, value)
    yield cloud
    forget()


def forget() -> None:
    """Close what s3fs has open: the next test has another cloud and other keys."""
    import s3fs

    for system in list(s3fs.S3FileSystem._cache.values()):
        system.close_session(system.loop, system._s3)
    s3fs.S3FileSystem.clear_instance_cache()


def put(cloud: Cloud, objects: Mapping[str, bytes]) -> None:
    for key, body in objects.items():
        cloud.client("s3").put_object(Bucket="class", Key=key, Body=body)


def keys(cloud: Cloud) -> dict[str, bytes]:
    client = cloud.client("s3")
    found = client.list_objects_v2(Bucket="class").get("Contents", [])
    return {o["Key"]: client.get_object(Bucket="class", Key=o["Key"])["Body"].read() for o in found}


def tree(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    """fsspec's file system in memory, empty."""
    system = fsspec.filesystem("memory")
    yield system
    system.store.clear()
    system.pseudo_dirs[:] = [""]


# ---------------------------------------------------------------- fetching


def test_a_path_is_left_alone(tmp_path: Path) -> None:
    for place in (tmp_path, str(tmp_path), f"file://{tmp_path}"):
        with fetched(place) as path:
            assert path == tmp_path
    assert local("file:///a%20b") == Path("/a b")
    assert local("s3://class/a") is None


def test_a_prefix_comes_as_a_folder_with_its_times(s3: Cloud) -> None:
    put(s3, {"submitted/ada/sum-up/lab.ipynb": b"{}", "submitted/b c/sum-up/lab.ipynb": b"[]"})
    s3.advance(86_400)
    put(s3, {"submitted/ada/sum-up/late.py": b"x", "other/kim/lab.ipynb": b"", "submitted/": b""})
    said = {
        o["Key"]: o["LastModified"].timestamp()
        for o in s3.client("s3").list_objects_v2(Bucket="class")["Contents"]
    }
    with fetched("s3://class/submitted") as path:
        assert path.name == "submitted"
        assert path.parent.stat().st_mode & 0o077 == 0
        assert tree(path) == {
            "ada/sum-up/lab.ipynb": b"{}",
            "ada/sum-up/late.py": b"x",
            "b c/sum-up/lab.ipynb": b"[]",
        }
        for name in tree(path):
            assert (path / name).stat().st_mtime == said[f"submitted/{name}"]
        late, early = said["submitted/ada/sum-up/late.py"], said["submitted/b c/sum-up/lab.ipynb"]
        assert (path / "ada" / "sum-up").stat().st_mtime == late
        assert (path / "b c" / "sum-up").stat().st_mtime == early
    assert not path.exists()


def test_the_channel_reads_who_and_when_from_objects(s3: Cloud, tiny_course: Course) -> None:
    put(s3, {"in/sum-up-ada.zip": b"PK", "in/sum-up-kim/lab.ipynb": b"{}"})
    times = {
        o["Key"]: o["LastModified"].timestamp()
        for o in s3.client("s3").list_objects_v2(Bucket="class")["Contents"]
    }
    with fetched("s3://class/in/") as path:
        found = find(tiny_course, path)
    assert [(f.learner, f.lab.id) for f in found] == [("ada", "sum-up"), ("kim", "sum-up")]
    assert {f.time for f in found} == set(times.values())


def test_one_object_keeps_its_name(s3: Cloud) -> None:
    put(s3, {"in/sum-up-ada.zip": b"PK"})
    with fetched("s3://class/in/sum-up-ada.zip") as path:
        assert path.name == "sum-up-ada.zip"
        assert path.read_bytes() == b"PK"


def test_more_objects_than_are_fetched_at_once(memory: fsspec.AbstractFileSystem) -> None:
    objects = {f"/in/l{i}/lab.ipynb": f"{i}".encode() for i in range(2 * storage.AT_ONCE + 3)}
    memory.pipe(objects)
    with fetched("memory://in") as path:
        assert tree(path) == {k.removeprefix("/in/"): v for k, v in objects.items()}
        created = memory.info("/in/l5/lab.ipynb")["created"].timestamp()
        assert (path / "l5" / "lab.ipynb").stat().st_mtime == pytest.approx(created, abs=1e-3)


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("in/../../etc/passwd", "leads out"),
        ("in//etc/passwd", "leads out"),
        ("in/a//b", "leads out"),
        ("in/./b", "leads out"),
        ("in/" + "n" * 300, "too long"),
        ("in/ada.ipynb/x", "an object and a folder"),
    ],
)
def test_keys_that_lead_elsewhere_are_refused(s3: Cloud, key: str, why: str) -> None:
    put(s3, {"in/ada.ipynb": b"{}", key: b"x"})
    with pytest.raises(SubmissionError, match=why) as caught, fetched("s3://class/in"):
        raise AssertionError("it was laid out")
    assert caught.value.where == "s3://class/in"


def test_what_is_too_large_is_refused(s3: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    put(s3, {"in/a": b"x" * 600, "in/b": b"x" * 600})
    mark = len(s3.log)
    with pytest.raises(SubmissionError, match="MB are more"), fetched("s3://class/in", 1000):
        raise AssertionError("it was laid out")
    assert "GetObject" not in {call.operation for call in s3.log_since(mark)}
    # an object that has grown since it was listed
    monkeypatch.setattr(storage, "_refuse", lambda *_: None)
    with pytest.raises(SubmissionError, match="MB are more"), fetched("s3://class/in", 1000):
        raise AssertionError("it was laid out")
    monkeypatch.undo()


def test_what_cannot_be_read_is_said(s3: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    for url in ("s3://class/nothing", "s3://others/in", "nope://x", "gs://x/y"):
        with pytest.raises(UsageError) as caught, fetched(url):
            raise AssertionError("there is something")
        assert caught.value.where == url


def test_nothing_is_left_when_the_block_fails(s3: Cloud) -> None:
    put(s3, {"in/a": b"x"})
    with pytest.raises(ZeroDivisionError), fetched("s3://class/in") as path:
        raise ZeroDivisionError
    assert not path.parent.exists()


# ---------------------------------------------------------------- storing


def test_results_are_stored_once_however_often(s3: Cloud, tmp_path: Path) -> None:
    (tmp_path / "feedback").mkdir()
    (tmp_path / "feedback" / "ada lab.html").write_bytes(b"<p>")
    (tmp_path / "grades.csv").write_bytes(b"ada,9\n")
    (tmp_path / "link").symlink_to("/etc/passwd")
    assert stored(tmp_path, "s3://class/graded") == 2
    assert keys(s3) == {"graded/feedback/ada lab.html": b"<p>", "graded/grades.csv": b"ada,9\n"}
    assert stored(tmp_path, "s3://class/graded") == 0
    (tmp_path / "grades.csv").write_bytes(b"ada,8\n")
    assert stored(tmp_path, "s3://class/graded") == 1
    assert keys(s3)["graded/grades.csv"] == b"ada,8\n"


def test_results_are_stored_in_a_folder_too(tmp_path: Path) -> None:
    source, goal = tmp_path / "from", tmp_path / "to"
    (source / "a").mkdir(parents=True)
    (source / "a" / "b").write_bytes(b"x")
    stored(source, f"file://{goal}")
    assert tree(goal) == {"a/b": b"x"}


def test_a_mirror_goes_on_where_the_last_one_stopped(s3: Cloud) -> None:
    for _ in range(2):
        with mirrored("s3://class/graded") as folder:
            book = folder / "gradebook.db"
            book.write_bytes((book.read_bytes() if book.exists() else b"") + b"1")
        assert not folder.exists()
    assert keys(s3) == {"graded/gradebook.db": b"11"}


def grade_into(url: str, then: Callable[[Path], None]) -> Path:
    """Write a gradebook into a mirror, and let something happen before it is stored."""
    with mirrored(url) as folder:
        (folder / "gradebook.db").write_bytes(b"ours")
        then(folder)
    return folder


def test_a_mirror_is_stored_when_grading_stops(s3: Cloud) -> None:
    seen: list[Path] = []

    def stop(folder: Path) -> None:
        seen.append(folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grade_into("s3://class/graded", stop)
    assert not seen[0].parent.exists()
    assert keys(s3) == {"graded/gradebook.db": b"ours"}


def test_a_mirror_never_overwrites_somebody_elses(s3: Cloud) -> None:
    seen: list[Path] = []

    def meanwhile(folder: Path) -> None:
        seen.append(folder)
        put(s3, {"graded/gradebook.db": b"theirs"})

    put(s3, {"graded/gradebook.db": b"before"})
    with pytest.raises(UsageError, match="meanwhile") as caught:
        grade_into("s3://class/graded", meanwhile)
    assert keys(s3) == {"graded/gradebook.db": b"theirs"}
    assert str(seen[0]) in caught.value.next
    assert tree(seen[0]) == {"gradebook.db": b"ours"}
    shutil.rmtree(seen[0].parent)


def test_results_stay_here_when_the_cloud_is_gone(
    s3: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Path] = []

    def outage(folder: Path) -> None:
        seen.append(folder)
        forget()
        with socket.create_server(("127.0.0.1", 0)) as gone:
            monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{gone.getsockname()[1]}")

    with pytest.raises(UsageError, match="not stored") as caught:
        grade_into("s3://class/graded", outage)
    assert str(seen[0]) in caught.value.next
    assert tree(seen[0]) == {"gradebook.db": b"ours"}
    assert seen[0].parent.stat().st_mode & 0o077 == 0
    shutil.rmtree(seen[0].parent)


# ---------------------------------------------------------------- the command


def ladder(*arguments: object, code: int = 0) -> str:
    """Run a command in this process; its output. Errors of ours are raised."""
    done = CliRunner().invoke(cli, [str(a) for a in arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.output


def test_a_class_is_graded_from_bucket_to_bucket(
    s3: Cloud, tiny_course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_course.root)
    cohort = make_cohort(tmp_path, "Autumn")
    good = solved(tiny_course.lab("sum-up")).encode()
    put(s3, {"submitted/sum-up-ada.ipynb": good, "submitted/sum-up-kim/lab.ipynb": b"no"})
    line = ("grade", "s3://class/submitted", "--out", "s3://class/graded", "--cohort", cohort)
    assert "1 graded, 1 refused, 0 ungraded" in ladder(*line, code=1)
    there = keys(s3)
    assert {"graded/gradebook.db", "graded/grades.csv", "graded/report.html"} <= set(there)
    assert b"ada" in there["graded/grades.csv"]
    assert not any(make_secret(cohort) in body for body in there.values())
    assert "0 graded, 1 refused, 0 ungraded, 1 known already" in ladder(*line, code=1)
    assert keys(s3)["graded/grades.csv"] == there["graded/grades.csv"]


def make_secret(cohort: Path) -> bytes:
    """Return the secret as cohort.toml has it."""
    return read_cohort(cohort).secret.encode()


def test_rules_are_never_read_from_storage(
    s3: Cloud, tiny_course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_course.root)
    theirs = make_cohort(tmp_path, "Theirs").read_bytes()
    good = solved(tiny_course.lab("sum-up")).encode()
    put(s3, {"in/sum-up-ada.ipynb": good, "in/cohort.toml": theirs})
    said = ladder("grade", "s3://class/in", "--out", tmp_path / "graded")
    assert "this is a self-check" in said


def test_results_need_a_place(tiny_course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny_course.root)
    with pytest.raises(UsageError, match="where do the results go"):
        ladder("grade", "s3://class/in")
