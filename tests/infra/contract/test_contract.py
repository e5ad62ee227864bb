"""The contract on the targets that need nothing but Python; `on_azurite.py` has the other one."""

from __future__ import annotations

import pytest

from tests.infra.contract import suite
from tests.infra.contract.case import Case, Differs, Refused, outcome, refused, same
from tests.infra.contract.targets import TARGETS, Target

HERE = [target for target in TARGETS if not target.alone]


@pytest.mark.parametrize("target", HERE, ids=lambda target: target.name)
def test_each_case_comes_out_as_the_table_says(target: Target) -> None:
    suite.hold(target)


def test_the_table_knows_every_case_and_no_other() -> None:
    table = suite.read()
    assert [row["name"] for row in table["cases"]] == [one.name for one in suite.CASES]
    assert set(table["kinds"]) == {one.kind for one in suite.CASES}
    for row, one in zip(table["cases"], suite.CASES, strict=True):
        families = {target.family for target in TARGETS if target.name in row["outcomes"]}
        assert families <= set(one.sources), one.name


def test_every_case_names_the_page_it_follows() -> None:
    assert all(one.sources and all(one.sources.values()) for one in suite.CASES)
    assert {family for one in suite.CASES for family in one.sources} == {"aws", "azure", "gcp"}


def test_a_target_that_mended_itself_fails_and_says_what_to_type() -> None:
    one = suite.CASES[0]
    told = suite.complaint("embedded", {one.name: "right"}, {one.name: "differs: 1; really 2"})
    assert one.name in told
    assert "differs: 1; really 2" in told
    assert suite.AGAIN in told
    assert suite.complaint("embedded", {one.name: "right"}, {one.name: "right"}) == ""


# --- the cases' own language ------------------------------------------------------------------


def refuse(status: int, code: str) -> None:
    """Refuse as a service does."""
    raise Refused(status, code)


def test_what_a_case_may_find() -> None:
    def came_out(run: object) -> str:
        return outcome(Case("n", "k", "c", run), None)  # type: ignore[arg-type]

    assert came_out(lambda _: None) == "right"
    assert came_out(lambda _: same(1, 2, "the count")) == "differs: the count: 1; really 2"
    assert came_out(lambda _: refuse(501, "NotImplemented")) == "absent: 501 NotImplemented"
    assert came_out(lambda _: refuse(409, "Conflict")) == "differs: refused with 409 Conflict"
    assert came_out(lambda _: {}["k"]) == "differs: KeyError: 'k'"


def test_a_refusal_is_by_status_or_by_status_and_code() -> None:
    refused(lambda: refuse(404, "NoSuchKey"), "404")
    refused(lambda: refuse(404, "NoSuchKey"), "404 NoSuchKey")
    with pytest.raises(Differs, match="404 NoSuchKey; really 404 NoSuchBucket"):
        refused(lambda: refuse(404, "NoSuchKey"), "404 NoSuchBucket")
    with pytest.raises(Differs, match="it is allowed; really 403"):
        refused(lambda: None, "403")
