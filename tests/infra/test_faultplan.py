"""The script of faults: what it refuses, whom a rule meets, and that chance is no chance."""

from __future__ import annotations

from pathlib import Path
from statistics import median

import pytest

from infra.cloud.asked import Asked
from infra.cloud.faultplan import Plan, Play, Rule, load
from infra.cloud.records import RecordError

PUT = Asked("aws", "s3", "PutObject", "reports/2026/a.csv", "PUT", "s3")
GET = Asked("aws", "s3", "GetObject", "reports/2026/a.csv", "GET", "s3")
BLOB = Asked("azure", "blob", "PutBlob", "reports/a.csv", "PUT", "blob")


def play(text: str) -> Play:
    return Play(load(text))


def struck(text: str, requests: list[Asked]) -> list[int]:
    """Return the places (from 1) of the requests that meet anything."""
    one = play(text)
    return [n for n, asked in enumerate(requests, 1) if one.meet(asked, 0.0)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[rule]]\nfault = 'error'\nopertion = 'x'", "Did you mean 'operation'?"),
        ("[[rules]]\nfault = 'error'", "Did you mean 'rule'?"),
        ("[[rule]]\nfault = 'slow'", "Invalid enum value 'slow' in rule[0].fault"),
        ("[[rule]]\nservice = 's3'", "missing required field `fault` in rule[0]"),
        ("[[rule]]\nfault = 'error'\nevery = 0", "in rule[0].every"),
        ("[[rule]]\nfault = 'error'\nchance = 1.5", "in rule[0].chance"),
        ("[[rule]]\nfault = 'error'\nstatus = 200", "in rule[0].status"),
        ("[[rule]]\nfault = 'error'\nms = 3", "'ms' goes with latency, not with 'error'"),
        ("[[rule]]\nfault = 'drop'\ncode = 'x'", "'code' goes with error or expired or throttle"),
        ("[[rule]]\nfault = 'latency'", "give one of ms, uniform, lognormal"),
        ("[[rule]]\nfault = 'latency'\nms = 1\nuniform = [1, 2]", "give one of"),
        ("[[rule]]\nfault = 'latency'\nuniform = [9, 2]", "from the smaller number"),
        ("[[rule]]\nfault = 'latency'\nms = -1", "in rule[0].ms"),
        ("[[rule]]\nname='a'\nfault='drop'\n[[rule]]\nname='a'\nfault='drop'", "named 'a'"),
        ("[[rule]\n", "not TOML"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(RecordError) as caught:
        load(text)
    assert said in str(caught.value)
    assert str(caught.value).startswith("plan: ")


def test_a_plan_is_read_from_a_file_which_errors_name(tmp_path: Path) -> None:
    path = tmp_path / "faults.toml"
    with pytest.raises(RecordError, match=r"faults\.toml cannot be read"):
        load(path)
    path.write_text("seed = 3\n[[rule]]\nfault = 'drop'\n")
    assert load(path).rule[0].name == "rule 1"
    path.write_text("sed = 3\n")
    with pytest.raises(RecordError, match=r"faults\.toml: .*'seed'"):
        load(path)


@pytest.mark.parametrize(
    ("rule", "places"),
    [
        ("every = 2", [2, 4, 6]),
        ("first = 2", [1, 2]),
        ("first = 5\nevery = 2", [2, 4]),
        ("chance = 0", []),
        ("chance = 1", [1, 2, 3, 4, 5, 6]),
    ],
)
def test_how_often_a_rule_strikes(rule: str, places: list[int]) -> None:
    assert struck(f"[[rule]]\nfault = 'drop'\n{rule}", [PUT] * 6) == places


@pytest.mark.parametrize(
    ("rule", "places"),
    [
        ("service = 's3'", [1, 2]),
        ("service = ['kms', 'blob']", [3]),
        ("operation = 'putobject'", [1]),
        ("operation = 'Put*'", [1, 3]),
        ("method = 'GET'", [2]),
        ("cloud = 'azure'", [3]),
        ("prefix = 'reports/2026/'", [1, 2]),
        ("prefix = 'other/'", []),
    ],
)
def test_whom_a_rule_meets(rule: str, places: list[int]) -> None:
    assert struck(f"[[rule]]\nfault = 'drop'\n{rule}", [PUT, GET, BLOB]) == places


def test_a_rule_counts_only_what_it_matches() -> None:
    text = "[[rule]]\nfault = 'drop'\nmethod = 'GET'\nevery = 2"
    assert struck(text, [GET, PUT, PUT, GET, PUT, GET, GET]) == [4, 7]


def test_a_window_is_seconds_since_the_switch() -> None:
    one = play("[[rule]]\nfault = 'drop'\nbetween = [1, 2]\nfirst = 1")
    assert [bool(one.meet(PUT, seconds)) for seconds in (0.5, 1.0, 1.5, 2.0)] == [
        False, True, False, False,
    ]  # what comes outside of the window is not counted


def test_the_same_seed_strikes_the_same_requests_and_another_others() -> None:
    text = "seed = {}\n[[rule]]\nname = 'a'\nfault = 'drop'\nchance = 0.3"
    first = struck(text.format(1), [PUT] * 400)
    assert first == struck(text.format(1), [PUT] * 400)
    assert first != struck(text.format(2), [PUT] * 400)
    # 120 expected, deviation 9.2: six deviations either way
    assert 65 < len(first) < 175


def test_rules_draw_apart_and_in_any_order() -> None:
    rules = ["[[rule]]\nname = 'a'\nfault = 'latency'\nms = 1\nchance = 0.5\n",
             "[[rule]]\nname = 'b'\nfault = 'latency'\nms = 1\nchance = 0.5\n"]

    def met(text: str) -> list[set[str]]:
        one = play(text)
        return [{strike.rule.name for strike in one.meet(PUT, 0.0)} for _ in range(60)]

    here, there = met("".join(rules)), met("".join(reversed(rules)))
    assert here == there
    assert {frozenset(names) for names in here} == {
        frozenset(), frozenset("a"), frozenset("b"), frozenset("ab"),
    }


def test_waits_add_up_and_the_first_other_fault_ends_it() -> None:
    one = play(
        "[[rule]]\nfault = 'latency'\nms = 5\n[[rule]]\nfault = 'latency'\nms = 7\n"
        "[[rule]]\nfault = 'error'\n[[rule]]\nfault = 'drop'\n"
    )
    strikes = one.meet(PUT, 0.0)
    assert [(s.rule.fault, s.ms) for s in strikes] == [
        ("latency", 5), ("latency", 7), ("error", 0),
    ]
    assert one.counts == {"rule 1": 1, "rule 2": 1, "rule 3": 1}


def test_waits_follow_their_distribution() -> None:
    flat = Rule(fault="latency", name="f", uniform=(20.0, 60.0))
    drawn = [flat.wait(1, n) for n in range(2000)]
    assert all(20 <= one <= 60 for one in drawn)
    assert 38 < median(drawn) < 42
    long = Rule(fault="latency", name="l", lognormal=(100.0, 0.5))
    tail = sorted(long.wait(1, n) for n in range(2000))
    assert 94 < median(tail) < 106
    # the 97.5th percentile of a lognormal lies at median * exp(1.96 sigma) = 266
    assert 240 < tail[1950] < 295
    assert Rule(fault="latency", name="c", ms=9.0).wait(1, 1) == 9


def test_a_plan_of_records_is_checked_too() -> None:
    with pytest.raises(RecordError, match="give one of ms"):
        load(Plan(rule=(Rule(fault="latency"),)))
