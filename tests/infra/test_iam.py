"""IAM's decisions against a table written from its documentation."""

from __future__ import annotations

import pytest

from infra.cloud import conditions, iam
from tests.infra.iam_cases import CASES, A, Case, P, ask


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title.replace(" ", "-"))
def test_verdict(case: Case) -> None:
    decision = iam.evaluate(case.request, case.policies)
    assert decision.allowed is case.allowed
    assert not case.source or decision.source == case.source


def test_the_table_is_large_and_has_no_twins() -> None:
    assert len(CASES) >= 120
    assert len({case.title for case in CASES}) == len(CASES)


@pytest.mark.parametrize("document", [
    {}, {"Statement": None}, {"Statement": "x"}, {"Statement": [1, None, []]},
    {"Statement": [{"Effect": "Allow", "Action": 3, "Resource": {}}]},
    {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": []}]},
    {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": "x"}]},
    {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"Bool": 1}}]},
    {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*", "Principal": 3,
                    "Condition": {"StringEquals": {"a:b": None}}}]},
])  # fmt: skip
def test_nonsense_allows_nothing_and_raises_nothing(document: dict[str, object]) -> None:
    policies = iam.Policies(identity=[document], resource=document)
    assert not iam.evaluate(ask(), policies).allowed


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
