"""The pharmacy that the lab draws from a seed: thirty calls, fifty neighbours, ten canaries."""

from __future__ import annotations

import base64
import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from larkmoor import pharmacy, pharmacy_calls
from larkmoor.evidence import Evidence, forms

LAB = Path(__file__).parents[2] / "labs/2-junior/pharmacy-keys"
SEEDS = range(1, 41)


@pytest.mark.parametrize("role", pharmacy.ROLES)
def test_no_neighbour_is_part_of_the_days_work(role: str) -> None:
    for seed in SEEDS:
        site = pharmacy.site(seed)
        work = [json.dumps(call) for call in pharmacy_calls.workload(site, role, seed)]
        beside = [json.dumps(call) for _, call in pharmacy_calls.neighbours(site, role, seed)]
        assert len(work) == 30
        assert len(beside) == len(set(beside)) == 50
        assert not set(work) & set(beside)


def test_half_of_the_neighbours_are_published() -> None:
    site = pharmacy.site(3)
    for role, told in pharmacy_calls.published(site, 3).items():
        every = [call for _, call in pharmacy_calls.neighbours(site, role, 3)]
        assert len(told["refused"]) == 25
        assert all(call in every for call in told["refused"])


def test_the_same_seed_gives_the_same_pharmacy() -> None:
    for make in (pharmacy.site, lambda s: pharmacy.Morning(s).lines, lambda s: Evidence(s).files):
        assert make(5) == make(5)
        assert make(5) != make(6)


def test_names_differ_between_pharmacies() -> None:
    sites = [pharmacy.site(seed) for seed in SEEDS]
    for name in ("bucket", "key", "secret"):
        assert len({site[name] for site in sites}) == len(sites)
    for name in ("region", "inbox", "receipts"):
        assert len({site[name] for site in sites}) > 1


def test_a_morning_holds_its_canaries_and_marks_what_is_well_formed() -> None:
    for seed in SEEDS:
        morning = pharmacy.Morning(seed)
        text = b"\n".join(morning.lines).decode(errors="replace")
        assert len(morning.canaries) == len(set(morning.canaries))
        told = [canary for canary in morning.canaries if canary in text]
        assert len(told) > 100
        assert sum(birth in text for birth in morning.births) >= 27  # two lines have a name only
        stored = morning.stored("inbox")
        assert 8 <= len(stored) == sum(row is not None for row in morning.outcomes) < 16
        assert not any(f"/{morning.closed}/" in key for key in stored)
        assert len(morning.lines) == 29


def test_every_line_that_is_stored_is_json_and_not_all_are_written_alike() -> None:
    morning = pharmacy.Morning(4)
    for line, row in zip(morning.lines, morning.outcomes, strict=True):
        assert b"\n" not in line
        assert row is None or json.loads(line).items() >= row.items()
    alike = [line for line, row in zip(morning.lines, morning.outcomes, strict=True) if row]
    assert any(line != json.dumps(json.loads(line), ensure_ascii=False).encode() for line in alike)


def test_some_depots_of_larkmoor_are_not_the_pharmacys() -> None:
    sites = [pharmacy.site(seed) for seed in SEEDS]
    assert all(set(site["depots"]) < set(site["network"]) < set(pharmacy.NETWORK) for site in sites)
    assert len({tuple(site["network"]) for site in sites}) > 30


def test_a_canary_is_known_in_each_of_its_forms() -> None:
    assert b"S0FOQVJJRU5WT0dFT" not in forms("kanarienvogel")
    for before in ("", "a", "ab"):
        told = base64.b64encode(f"{before}Ida Å. Quern, and more".encode())
        assert any(form in told for form in forms("Ida Å. Quern"))


def test_evidence_lies_in_four_entries_and_nowhere_else() -> None:
    for seed in SEEDS:
        evidence = Evidence(seed)
        assert {entry for _, entry in evidence.truth} == {"logs", "queue", "image.tar", "repo"}
        assert 0 < len({canary for canary, _ in evidence.truth}) < len(evidence.canaries) == 10
        assert not any(c.encode() in evidence.files["handover.txt"] for c in evidence.canaries)


def test_git_finds_the_repository_sound_and_one_commit_dangling(tmp_path: Path) -> None:
    for name, data in Evidence(1).files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    git = ["git", "-C", str(tmp_path / "repo"), "-c", "safe.directory=*"]
    found = subprocess.run([*git, "fsck"], capture_output=True, text=True, check=True)
    assert found.stdout.count("dangling commit") == 1
    log = subprocess.run([*git, "log", "--oneline"], capture_output=True, text=True, check=True)
    assert len(log.stdout.splitlines()) == 2


def test_the_search_beside_the_work_folder_leaves_the_machine_alone(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("pharmacy_keys_conftest", LAB / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    lab = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(lab)
    work, own = tmp_path / "work", tmp_path / "own"
    for folder in (work, own / "deep"):
        folder.mkdir(parents=True)
    (work / "os.py").write_text("print('not what the search imports')")
    (work / "search.py").write_text(lab.SCRATCH)
    (own / "deep" / "log").write_text("M. Aarts")
    with tempfile.NamedTemporaryFile(suffix="of-somebody-else") as other:
        other.write(b"not the learner's")
        other.flush()
        said = subprocess.run(
            [sys.executable, "search.py"],
            cwd=work, env={"TMPDIR": str(own)}, capture_output=True, check=True,
        ).stdout  # fmt: skip
    assert said == b"%s/deep/logM. Aarts" % str(own).encode()
