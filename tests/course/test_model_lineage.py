"""The lesson of model-lineage: its code runs, its numbers and pictures are computed; what the
judge of the lab knows by itself; and that git, pip and MLflow's client read what it makes."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import subprocess
import sys
import threading
import zipfile
from datetime import UTC, datetime, timedelta
from http.server import ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from autograder.check import fixtures_of

ROOT = Path(__file__).parents[2]
LESSON = ROOT / "docs/2-junior/model-lineage"
SOLUTION = ROOT / "solutions/2-junior/model-lineage"
SEEDS = range(5)

pytest.importorskip("boto3")


def load(path: Path, name: str = "") -> ModuleType:
    spec = importlib.util.spec_from_file_location(name or f"lineage_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def worked() -> ModuleType:
    return load(LESSON / "worked.py", "worked_lineage_test")


@pytest.fixture(scope="module")
def lab() -> SimpleNamespace:
    """The lab's conftest, its fixtures as the plain functions that the judge calls."""
    conftest = load(ROOT / "labs/2-junior/model-lineage/conftest.py", "lineage_conftest")
    return SimpleNamespace(**{**vars(conftest), **fixtures_of(conftest)})


# --- the worked example ---------------------------------------------------------------------


def test_only_intent_and_outcome_is_right_whenever_a_release_dies(worked: ModuleType) -> None:
    wrong = {
        name: [worked.wrong_minutes(worked.night(way, calls)) for calls in worked.DEATHS]
        for name, way in worked.WAYS.items()
    }
    assert wrong["intent and outcome"] == [0, 0, 0]
    assert wrong["note after moving"] == wrong["note before moving"] == [0, 22, 0]
    assert min(wrong["note the wall clock"]) > worked.MINUTES / 2


def test_pictures_and_table_are_up_to_date(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    text = LESSON.with_suffix(".md").read_text()
    for drawn in load(ROOT / "docs/figures/model_lineage.py").draw(tmp_path):
        assert drawn.read_text() == (LESSON / drawn.name).read_text(), drawn.name
        assert f"model-lineage/{drawn.name}" in text


def test_the_snippets_of_the_lesson_exist() -> None:
    source, text = (LESSON / "worked.py").read_text(), LESSON.with_suffix(".md").read_text()
    for name in ("world", "ways", "night", "turns", "elapsed"):
        assert f"worked.py:{name}" in text
        assert source.count(f"--8<-- [start:{name}]") == source.count(f"--8<-- [end:{name}]") == 1


def test_the_numbers_of_the_lesson(worked: ModuleType) -> None:
    text = LESSON.with_suffix(".md").read_text()
    assert "wrong for 22 minutes" in text
    wall, passed = worked.elapsed("2026-10-24T22:00", "2026-10-25T06:00", "Europe/Copenhagen")
    assert (wall, passed) == (timedelta(hours=8), timedelta(hours=9))
    assert "that gives eight hours, and nine have passed" in text
    objects = 5 * 365 * 2
    assert f"{objects:,} objects a year" in text
    assert round(objects / 1000 * 0.005 * 100) == 2
    assert "two cents" in text


@pytest.mark.parametrize(
    ("wall", "instants"),
    [
        ("2026-08-03T23:50", ["21:50"]),
        ("2026-10-25T02:30", ["00:30", "01:30"]),
        ("2026-10-25T03:00", ["02:00"]),
        ("2026-03-29T02:30", []),
        ("2026-03-29T03:00", ["01:00"]),
    ],
)
def test_turns(worked: ModuleType, lab: SimpleNamespace, wall: str, instants: list[str]) -> None:
    found = worked.turns(wall, "Europe/Copenhagen", worked.minutes_about(wall))
    assert [f"{one:%H:%M}" for one in found] == instants
    assert lab.moments(wall, "Europe/Copenhagen") == [one.timestamp() for one in found]


# --- what the judge makes, read by the real tools -------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_a_world_is_the_same_twice_and_has_every_trap(lab: SimpleNamespace, seed: int) -> None:
    world = lab.world_of(seed)
    lab.world_of.cache_clear()
    again = lab.world_of(seed)
    assert (again.bundle, again.remote, again.wheels) == (world.bundle, world.remote, world.wheels)
    assert len({one.model for one in world.versions}) == 9
    assert len({one.commit for one in world.versions}) == 9
    assert world.version(world.lonely).package == 0
    assert [one.package for one in world.submitted] == list(range(1, 9))
    assert world.corrected not in (world.lonely, world.hotfix)
    for name, data in world.wheels.items():
        assert world.altered(name) != data


@pytest.mark.parametrize("seed", [0, 1])
def test_git_reads_the_bundle(lab: SimpleNamespace, seed: int, tmp_path: Path) -> None:
    world = lab.world_of(seed)
    (tmp_path / "history.bundle").write_bytes(world.bundle)
    tree = tmp_path / "tree"

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    git("clone", "--quiet", str(tmp_path / "history.bundle"), str(tree))
    git("-C", str(tree), "fsck", "--strict")
    for version in world.versions:
        lock = git("-C", str(tree), "show", f"{version.commit}:dvc.lock")
        assert version.data in lock
        assert hashlib.md5(version.model).hexdigest() in lock
        assert version.recipe.command in lock
        branches = git("-C", str(tree), "branch", "-a", "--contains", version.commit)
        assert bool(branches) == (version.number != world.hotfix)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_remote_is_addressed_by_content(lab: SimpleNamespace, seed: int) -> None:
    world = lab.world_of(seed)
    for key, data in world.remote.items():
        name = key.removeprefix("files/md5/").replace("/", "").removesuffix(".dir")
        assert hashlib.md5(data).hexdigest() == name
    for version in world.versions:
        for name, content in world.months(version).items():
            assert lab.place_of(content) in world.remote, name


@pytest.mark.parametrize("seed", [0, 1])
def test_the_pinned_wheels_make_the_recorded_model(
    lab: SimpleNamespace, seed: int, tmp_path: Path
) -> None:
    world = lab.world_of(seed)
    version = world.version(world.hotfix)
    for name in world.pinned(version):
        with zipfile.ZipFile(BytesIO(world.wheels[name])) as wheel:
            wheel.extractall(tmp_path / "site")
    for name, content in world.months(version).items():
        path = tmp_path / "data" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(world.remote[lab.place_of(content)])
    line = [sys.executable, *version.recipe.command.split()[1:]]
    subprocess.run(line, cwd=tmp_path, check=True, env={"PYTHONPATH": str(tmp_path / "site")})
    assert (tmp_path / "model.json").read_bytes() == version.model


def test_the_registry_answers_mlflows_client(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    registry = load(SOLUTION / "registry.py")
    server = ThreadingHTTPServer(("127.0.0.1", 0), registry.Handler)
    registry.Handler.log_message = lambda *_: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        client = MlflowClient(f"http://127.0.0.1:{server.server_port}")
        client.create_registered_model("delay")
        for _ in range(2):
            client.create_model_version("delay", "s3://here/model.json", tags={"commit": "c"})
        client.set_registered_model_alias("delay", "live", "2")
        assert int(client.get_model_version_by_alias("delay", "live").version) == 2
        client.set_registered_model_alias("delay", "live", "1")
        assert client.get_registered_model("delay").aliases == {"live": "1"}
        client.set_model_version_tag("delay", "1", "commit", "d")
        assert client.get_model_version("delay", "1").tags == {"commit": "d"}
        found = client.search_model_versions("name='delay'")
        assert [int(one.version) for one in found] == [2, 1]
        with pytest.raises(MlflowException):
            client.get_model_version("delay", "3")
        client.delete_registered_model_alias("delay", "live")
        with pytest.raises(MlflowException):
            client.get_model_version_by_alias("delay", "live")
    finally:
        server.shutdown()
        server.server_close()


# --- the questions --------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_there_are_twenty_questions(lab: SimpleNamespace, seed: int) -> None:
    world = lab.world_of(seed)
    cast = lab.cast(world)
    parts = [*cast.good, cast.pending, cast.rejected, cast.thief, cast.lonely]
    assert sorted(parts) == sorted(range(1, 10))
    night = [(22, 26), (22, 15), (21, 40), (23, 50)]
    moves = [(datetime(2026, 8, 3, h, m, tzinfo=UTC).timestamp(), 1) for h, m in sorted(night)]
    estate = SimpleNamespace(world=world, way=SimpleNamespace(moves=moves))
    year = lab.Year(estate, cast)
    groups = [year.ordinary(), year.around_midnight(), year.twice_and_never(),
              year.after_november()]  # fmt: skip
    assert sum(map(len, groups)) == 20
    counts = [len(lab.moments(*moment)) for group in groups for moment in group]
    assert counts.count(2) == 2
    assert counts.count(0) == 1
    assert json.dumps(groups)
