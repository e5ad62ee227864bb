"""The contract on LocalStack, which is installed for it: run by its own part of `./ladder test`."""

from __future__ import annotations

from tests.infra.contract import suite
from tests.infra.contract.targets import LocalStack


def test_each_case_comes_out_as_the_table_says() -> None:
    suite.hold(LocalStack())
