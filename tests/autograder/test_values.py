# ruff: noqa: E501  (a hostile line reads best on one line)
"""Values: what crosses comes out equal; what is hostile raises WireError and builds nothing large."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import tracemalloc
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograder.errors import WireError
from autograder.values import decode, encode


def crossed(value):
    node, buffers = encode(value, keep=lambda _: 7)
    wire = json.loads(json.dumps(node, allow_nan=False))
    return decode(
        wire, [memoryview(memoryview(b).cast("B")) for b in buffers], lambda n: ("handle", n)
    )


PLAIN = [
    None, True, 0, -(2**63) + 1, 2**63, -(2**200), 1.5, -0.0, "text", "\ud800", b"bytes", 1 + 2j,
    [1, [2]], (1, "a"), {1, 2}, {"a": [1], (1, 2): None}, Decimal("1.10"),
    dt.datetime(2026, 1, 2, 3, 4, 5, 6), dt.datetime(2026, 1, 2, tzinfo=dt.UTC), dt.date(2026, 1, 2),
    dt.timedelta(days=-1, microseconds=5),
]  # fmt: skip


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_values_cross(value):
    assert crossed(value) == value
    assert type(crossed(value)) is type(value)


@pytest.mark.parametrize("text", ["nan", "inf", "-inf"])
def test_numbers_that_are_none_cross(text):
    assert repr(crossed(float(text))) == text


ARRAYS = [
    np.array(3.0), np.array([], dtype="f4"), np.zeros((0, 3)), np.arange(6).reshape(2, 3)[:, ::-1],
    np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.arange(4, dtype=">i4"), np.array([True, False]),
    np.array(["a", "æøå"]), np.array([b"x", b"yz"]), np.array(["2026-01-01", "NaT"], dtype="M8[ns]"),
    np.array([np.nan, np.inf]), np.array([1 + 1j]), np.array([1, "x", None], dtype=object),
    np.broadcast_to(np.int8(1), (3, 2)), np.float16([1.5]), np.ma.array([1, 2], mask=[0, 0]),
]  # fmt: skip


@pytest.mark.parametrize("value", ARRAYS, ids=lambda a: f"{a.dtype}{a.shape}")
def test_arrays_cross(value):
    out = crossed(value)
    assert out.shape == value.shape
    assert out.dtype == value.dtype.newbyteorder("=")
    np.testing.assert_array_equal(out, np.asarray(value))


def test_numpy_scalars_cross_as_plain_numbers():
    assert crossed(np.float32(1.5)) == 1.5
    assert crossed(np.int64(3)) == 3
    assert crossed(np.True_) is True
    assert crossed(np.str_("x")) == "x"


FRAME = pd.DataFrame(
    {
        "whole": [1, 2, 3],
        "number": [1.0, np.nan, np.inf],
        "text": ["x", None, "z"],
        "mixed": ["q", np.nan, 3],
        "kind": pd.Categorical(["u", None, "u"], categories=["v", "u"], ordered=True),
        "Int": pd.array([1, None, 3], dtype="Int64"),
        "truth": pd.array([True, None, False], dtype="boolean"),
        "Float": pd.array([1.5, None, 2.5], dtype="Float64"),
        "local": pd.to_datetime(["2026-03-29 00:30", "NaT", "2026-10-25 12:00"]).tz_localize(
            "Europe/Copenhagen"
        ),
        "day": pd.date_range("2026-01-01", periods=3, unit="s"),
        "span": pd.to_timedelta([1, 2, 3], unit="h"),
        "lists": [[1], [2, 3], []],
        "truths": [True, False, True],
    },
    index=pd.Index([5, 6, 7], name="k"),
)


def test_a_frame_crosses_with_its_types():
    pd.testing.assert_frame_equal(crossed(FRAME), FRAME)


@pytest.mark.parametrize(
    "index",
    [
        pd.RangeIndex(1, 7, 2), pd.Index(list("abc")), pd.date_range("2026", periods=3, tz="UTC"),
        pd.MultiIndex.from_tuples([(1, "a"), (1, "b"), (2, "a")], names=["n", "t"]),
        pd.CategoricalIndex(["a", "b", "a"]),
    ],
    ids=lambda i: type(i).__name__,
)  # fmt: skip
def test_a_series_crosses_with_its_index(index):
    series = pd.Series([1.0, 2.0, 3.0], index=index, name=("a", 1))
    out = crossed(series)
    pd.testing.assert_series_equal(out, series, check_freq=False)
    pd.testing.assert_index_equal(crossed(index), index, exact="equiv")


def test_an_empty_frame_and_duplicate_columns_cross():
    assert crossed(pd.DataFrame()).shape == (0, 0)
    twice = pd.DataFrame([[1, "a"]], columns=["x", "x"])
    pd.testing.assert_frame_equal(crossed(twice), twice)


def test_text_columns_with_missing_values_cross():
    column = pd.Series(pd.array(["a", None], dtype="string"))
    assert crossed(column)[0] == "a"
    assert crossed(column)[1] is pd.NA


def test_tensors_cross_as_arrays():
    torch = pytest.importorskip("torch", reason="the group torch")
    np.testing.assert_array_equal(crossed(torch.ones(2, requires_grad=True)), [1, 1])
    np.testing.assert_array_equal(crossed(torch.ones(2, dtype=torch.bfloat16)), [1, 1])
    np.testing.assert_array_equal(
        crossed(torch.arange(6).reshape(2, 3).T), [[0, 3], [1, 4], [2, 5]]
    )


def test_anything_else_stays_behind_a_handle():
    assert crossed(object()) == ("handle", 7)
    assert crossed([object(), 1]) == [("handle", 7), 1]
    assert crossed(x for x in [1]) == ("handle", 7)


def test_two_hundred_nested_lists_do_not_cross():
    value: list = []
    for _ in range(200):
        value = [value]
    with pytest.raises(WireError, match="nested"):
        encode(value)
    node: object = None
    for _ in range(200):
        node = {"l": [node]}
    with pytest.raises(WireError, match="nested"):
        decode(node, [], print)


def test_a_list_that_holds_itself_does_not_cross():
    value: list = []
    value.append(value)
    with pytest.raises(WireError, match="nested"):
        encode(value)


EIGHT = memoryview(bytes(8))
HOSTILE = [
    {"a": ["<f8", [1 << 62], 0]},
    {"a": ["<f8", [1 << 31, 1 << 31, 1 << 31], 0]},
    {"a": ["<f8", [-1, -1], 0]},
    {"a": ["<f8", [0, 1 << 60], 0]},
    {"a": ["<f8", [2], 0]},
    {"a": ["<f8", [1.0], 0]},
    {"a": ["<f8", [True], 0]},
    {"a": ["<f8", [1] * 40, 0]},
    {"a": ["<f8", [1], 7]},
    {"a": ["<f8", [1], -1]},
    {"a": ["<f8", [1], 0, 0]},
    {"a": ["|O", [1], 0]},
    {"a": ["O", [1], 0]},
    {"a": [">f8", [1], 0]},
    {"a": ["|V8", [1], 0]},
    {"a": ["<f8,<f8", [1], 0]},
    {"a": [["x", "<f8"], [1], 0]},
    {"a": ["<U0", [1 << 40], 0]},
    {"a": ["|S0", [8], 0]},
    {"a": ["|b1", [8], 1]},
    {"a": ["<U2", [1], 2]},
    {"o": [[1 << 40], []]},
    {"o": [[2], [1]]},
    {"F": [1 << 60, [], [], ["r", 0, 1 << 60, 1]]},
    {"F": [1, ["x"], [], ["r", 0, 1, 1]]},
    {"F": [1, ["x"], [["arr", ["<f8", [1], 0]]], ["r", 0, 2, 1]]},
    {"F": [2, ["x"], [["arr", ["<f8", [1], 0]]], ["r", 0, 2, 1]]},
    {"F": [1, [{"l": []}], [["arr", ["<f8", [1], 0]]], ["r", 0, 1, 1]]},
    {"S": [None, ["arr", ["<f8", [1], 0]], ["r", 0, 1, 0]]},
    {"S": [None, ["cat", ["|i1", [8], 3], ["txt", 4], False], ["r", 0, 8, 1]]},
    {"S": [None, ["tz", ["<M8[ns]", [1], 0], "../../etc/passwd"], ["r", 0, 1, 1]]},
    {"S": [None, ["tz", ["<M8[ns]", [1], 0], "Nowhere/Here"], ["r", 0, 1, 1]]},
    {"S": [None, ["mask", "Int64", ["<i8", [1], 0], ["|b1", [2], 5]], ["r", 0, 1, 1]]},
    {"S": [None, ["mask", "os.system", ["<i8", [1], 0], ["|b1", [1], 5]], ["r", 0, 1, 1]]},
    {"S": [None, ["txt", 6], ["r", 0, 1, 1]]},
    {"S": [None, ["what", 6], ["r", 0, 1, 1]]},
    {"X": ["r", 0, 1 << 60, 1]},
    {"X": ["m", []]},
    {"X": ["m", [["m", [["m", []]]]]]},
    {"d": [[{"l": []}, 1]]},
    {"d": [[1]]},
    {"d": {"a": 1}},
    {"s": [{"d": []}]},
    {"h": -1},
    {"h": "1"},
    {"h": True},
    {"i": "0x" + "f" * 5000},
    {"i": "9" * 5000},
    {"i": 5},
    {"f": "1.0"},
    {"w": "x" * 10},
    {"w": 5},
    {"y": "2026-13-01"},
    {"e": [10**30, 0, 0]},
    {"c": ["1", 2]},
    {"n": "1e1000000000000000000000"},
    {"n": []},
    {"z": "None"},
    {"b": 99},
    {"unknown": 1},
    {"l": 1, "t": 2},
    {},
    [],
]
BUFFERS = [
    EIGHT, memoryview(b"\x02" * 8), memoryview(b"\xff" * 8), memoryview(b"\x7f" * 8),
    memoryview(b'["a"]'), memoryview(b"\0\1"), memoryview(b"[" * 3000),
]  # fmt: skip


@pytest.mark.parametrize("node", HOSTILE, ids=lambda n: json.dumps(n)[:60])
def test_hostile_nodes_are_refused_and_build_nothing(node):
    encode(FRAME)  # what is imported late is not counted
    tracemalloc.start()
    try:
        with pytest.raises(WireError):
            decode(node, BUFFERS, lambda n: n)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_what_is_decoded_is_charged_to_the_submission():
    budget = [1 << 20]
    node, buffers = encode(np.zeros(100_000))
    views = [memoryview(memoryview(b).cast("B")) for b in buffers]
    decode(node, views, print, budget)
    with pytest.raises(WireError, match="larger"):
        decode(node, views, print, budget)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["<f8", "|b1", "<U1", "r", "m", "c", "arr", "txt", "obj", "cat", "mask", "tz", "Int64", "UTC"])
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5)
    | st.dictionaries(st.sampled_from([*"fivcnltsdbwyezhaoSFXq"]), inner, min_size=1, max_size=1),
    max_leaves=25,
)  # fmt: skip


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(JSON, st.lists(st.binary(max_size=64), max_size=4))
def test_any_node_is_a_value_or_a_wire_error(node, buffers):
    with contextlib.suppress(WireError):
        decode(node, [memoryview(b) for b in buffers], lambda n: n, [1 << 22])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates()
    | st.timedeltas() | st.complex_numbers(),
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@settings(deadline=None)
@given(VALUES)
def test_what_is_encoded_comes_out_the_same(value):
    assert repr(crossed(value)) == repr(value)
