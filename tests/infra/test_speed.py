"""The figures of `ladder bench --cloud`: what they are made from, and when the goal is missed."""

from __future__ import annotations

import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parents[1] / "bench"
sys.path.insert(0, str(BENCH))

import engines  # noqa: E402  they import each other by name, as `python tests/bench/run.py` does
import speed  # noqa: E402

sys.path.remove(str(BENCH))


def made(slower: float) -> dict[str, speed.Found]:
    """Return figures in which ours takes `slower` times what moto's server takes."""
    found = {one.name: speed.Found(one, [(1.0, 0.5, 60.0)]) for one in speed.SERVERS}
    for name, factor in ((speed.OURS, slower), (speed.BEHIND, 1.0), ("MiniStack", 0.5)):
        for kind in speed.KINDS:
            found[name].walls[kind] = [0.002 * factor * load for load in (1.0, 3.0, 2.0)]
            found[name].cpus[kind] = [0.001 * factor] * 3
    return found


def test_the_goal_is_a_tenth() -> None:
    assert speed.missed(made(1.1)) == []
    missed = speed.missed(made(1.2))
    assert len(missed) == len(speed.KINDS)
    assert missed[0] == "S3 PutObject, 1 KiB: ours takes 1.2 times what moto's server takes"


def test_a_row_has_every_cloud() -> None:
    row = speed.rows(made(0.5))[0]
    assert row == ["S3 PutObject, 1 KiB", "500", "250", "500", "absent", "0.50", "0.50", "1.00",
                   "0.50"]  # fmt: skip
    assert len(row) == len(speed.COLUMNS)


def test_every_request_is_answered_and_weighed(tmp_path: Path) -> None:
    found = {speed.OURS: speed.Found(speed.OTHERS[0])}
    with engines.forked(tmp_path) as up:
        speed.prepare(up, found[speed.OURS])
        assert not found[speed.OURS].absent
        speed.take_turns({speed.OURS: up}, found, 1, 12)
        assert up.memory() > 10
    assert set(found[speed.OURS].walls) == set(speed.KINDS)
    assert all(cpu > 0 for cpus in found[speed.OURS].cpus.values() for cpu in cpus)
