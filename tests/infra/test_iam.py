"""IAM's decisions against a table written from its documentation, three ways; and their edges.

`IAM_KEEP=1 pytest tests/infra/test_iam.py` writes what came out, `ladder sync` makes a page of it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest

from infra.cloud import conditions, iam
from infra.cloud.fixtures import Cloud, loopback, private_cloud
from tests.infra import iam_call, iam_runs
from tests.infra.iam_cases import CASES, A, Case, P, ask
from tests.infra.iam_cases.form import DENIED, HERE, NO, YES, when

CALLED = [case for case in CASES if iam_call.expressible(case)]


def title(case: Case) -> str:
    """Return a row's title as the id of a test."""
    return case.title.replace(" ", "-")


@pytest.fixture(scope="module")
def runs() -> iam_runs.Runs:
    """What came out so far."""
    empty = {case.title: "" for case in CASES}
    return iam_runs.Runs(dict(empty), dict(empty), dict(empty))


@pytest.fixture
def principals() -> Iterator[None]:
    """Ann and a role, in this process's engine while a test runs: clouds are forked from it."""
    with iam_runs.principals():
        yield


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    """One cloud for all simulations."""
    with loopback() as socket, private_cloud(socket) as running:
        yield running


@pytest.mark.parametrize("case", CASES, ids=title)
def test_the_door_decides(case: Case, runs: iam_runs.Runs, principals: None) -> None:
    found = runs.door[case.title] = iam_runs.door_verdict(case)
    assert found == case.verdict, (case.why, case.page)


@pytest.mark.parametrize("case", CASES, ids=title)
def test_the_simulator_answers(case: Case, runs: iam_runs.Runs, cloud: Cloud) -> None:
    found = runs.simulator[case.title] = iam_runs.simulated(case, cloud)
    assert found in {"", case.verdict}, (case.why, case.page)


@pytest.mark.parametrize("case", CALLED, ids=title)
def test_a_real_call_is_judged(case: Case, runs: iam_runs.Runs) -> None:
    found = runs.call[case.title] = iam_call.verdict(case)
    assert found == case.verdict, (case.why, case.page)


def test_the_table_is_large_and_has_no_twins() -> None:
    assert len(CASES) >= 400
    assert len({case.title for case in CASES}) == len(CASES)
    assert all(case.page and case.why for case in CASES)
    assert {case.verdict for case in CASES} == {YES, NO, DENIED}
    assert len(CALLED) >= 250


def test_the_table_on_the_site_is_what_happens(runs: iam_runs.Runs) -> None:
    if not all(runs.door.values()) or not all(runs.call[case.title] for case in CALLED):
        pytest.fail("run the whole file: this compares what all of its rows came to")
    found = iam_runs.table(CASES, runs)
    if os.environ.get("IAM_KEEP"):
        text = json.dumps(found, indent=1, ensure_ascii=False)
        iam_runs.RESULTS.write_text(text + "\n")
    kept = json.loads(iam_runs.RESULTS.read_text())
    assert kept == found, "IAM_KEEP=1 pytest tests/infra/test_iam.py, then ladder sync"


def test_a_disagreement_is_told_by_name() -> None:
    cases = CASES[:17]
    right = {case.title: case.verdict for case in cases}
    wrong = right | {cases[0].title: YES}
    found = iam_runs.table(cases, iam_runs.Runs(right, wrong, dict.fromkeys(right, "")))
    assert found["rows"][0][3:] == ["17 of 17", "16 of 17", "-"]
    assert found["text"][0].endswith("16 of 17 agree, 1 do not.")
    assert f"- {cases[0].title}: a real call says allowed, the documentation implicitDeny" in (
        found["after"]
    )


# --- edges that no page speaks of ----------------------------------------------------------------

@pytest.mark.parametrize("document", [
    {}, {"Statement": None}, {"Statement": "x"}, {"Statement": [1, None, []]},
    {"Statement": [{"Action": "*", "Resource": "*"}]},
    {"Statement": [{"Effect": "Allow", "Action": 3, "Resource": {}}]},
    {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": []}]},
    {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": "x"}]},
    {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"Bool": 1}}]},
    {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*", "Principal": 3,
                    "Condition": {"StringEquals": {"a:b": None}}}]},
    {"Statement": [when("StringResembles", "s3:prefix", "a/")]},
    {"Statement": [when("NullIfExists", "s3:prefix", "true")]},
    {"Statement": [A(NotPrincipal={"AWS": "444455556666"},
                     Condition={"StringEquals": {"a:b": "c"}})]},
])  # fmt: skip
def test_nonsense_allows_nothing_and_raises_nothing(document: dict[str, object]) -> None:
    policies = iam.Policies(identity=[document], resource=document)
    assert not iam.evaluate(ask(s3__prefix="a/"), policies).allowed


def test_not_principal_grants_nothing() -> None:
    grant = P(A(NotPrincipal={"AWS": "444455556666"}))
    assert not iam.evaluate(ask(), iam.Policies(resource=grant)).allowed


@pytest.mark.parametrize(("resource", "written"), [
    ("arn:aws:s3:::data/[1]", "arn:aws:s3:::data/[1]"),
    ("arn:aws:s3:::reports/xmayxcsv", "arn:aws:s3:::reports/x.may.csv"),
    ("arn:aws:s3:::home/bob", "arn:aws:s3:::home/${x:y}"),
])  # fmt: skip
def test_only_stars_and_question_marks_are_wild(resource: str, written: str) -> None:
    """A star in a value that fills a variable is none, either."""
    request = ask(resource=resource, x__y="*")
    allowed = iam.evaluate(request, iam.Policies([P(A(resource=written))])).allowed
    assert allowed is (resource == written)


@pytest.mark.parametrize("text", ["nan", "inf", "1_000", " 1", "٣", "0x10", ""])
def test_what_is_no_number(text: str) -> None:
    for left, right in ((text, "1"), ("1", text)):
        for name in ("NumericEquals", "NumericLessThan", "NumericGreaterThanEquals"):
            request = ask(s3__max_keys=left)
            policies = iam.Policies([P(when(name, "s3:max-keys", right))])
            assert not iam.evaluate(request, policies).allowed


def test_one_statement_needs_no_brackets() -> None:
    document = {"Version": "2012-10-17", "Statement": A()}
    assert iam.evaluate(ask(), iam.Policies(identity=[document])).allowed


def test_the_reason_is_told_in_the_words_of_aws() -> None:
    denied = iam.evaluate(ask(), iam.Policies(resource=P()))
    assert denied.because("s3:GetObject") == (
        "because no identity-based policy allows the s3:GetObject action"
    )
    explicit = iam.Decision(False, True, iam.RESOURCE)
    assert explicit.because("x") == "with an explicit deny in a resource-based policy"


@pytest.mark.parametrize(("limits", "source"), [
    ({"boundary": [P(A("iam:*"))]}, iam.BOUNDARY), ({"session": [P(A("iam:*"))]}, iam.SESSION),
    ({"boundary": [P(A("*"), {"Effect": "Deny", "Action": "*", "Resource": "*"})]}, iam.BOUNDARY),
])  # fmt: skip
def test_the_policy_that_decided_is_named(limits: dict[str, list[object]], source: str) -> None:
    policies = iam.Policies(identity=[P(A())], **limits)  # type: ignore[arg-type]
    assert iam.evaluate(ask(), policies).source == source


@pytest.mark.parametrize(("value", "glob", "matches"), [
    ("", "", True), ("", "*", True), ("a", "", False), ("ab", "a*b", True), ("ab", "a*ab", False),
    ("aab", "a*ab", True), ("abab", "*ab", True), ("aXbXc", "a?b?c", True), ("abc", "*?*", True),
    ("", "*?*", False), ("a\nb", "a?b", True), ("mississippi", "m*iss*ip*i", True),
    ("mississippi", "m*iss*iss*iss*", False), ("a*b", "a*b", True),
])  # fmt: skip
def test_globs(value: str, glob: str, matches: bool) -> None:
    assert conditions.like(value, glob) is matches


def test_a_pattern_full_of_stars_is_no_trap() -> None:
    """A backtracking matcher would not come back from this."""
    assert not conditions.like("a" * 2000, "*a" * 200 + "*b")


def test_rows_are_of_this_account() -> None:
    from infra.cloud.dispatch import ACCOUNT

    assert ACCOUNT == HERE
