"""The contract on Azurite, which needs Node.js: run by its own part of `./ladder test`."""

from __future__ import annotations

from tests.infra.contract import suite
from tests.infra.contract.targets import Azurite


def test_each_case_comes_out_as_the_table_says() -> None:
    suite.hold(Azurite())
