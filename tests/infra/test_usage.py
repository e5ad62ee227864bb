"""What a bill is told besides calls: kept exactly, and nothing that is no amount."""

from __future__ import annotations

from decimal import Decimal

import pytest

from infra.cloud import usage
from infra.cloud.fixtures import Cloud, Usage
from infra.cloud.process import CloudError


def test_an_amount_is_exact_whatever_it_came_as() -> None:
    for amount in ("0.1", 0.1, Decimal("0.1")):
        assert Usage("athena", "scanned", amount, "TB").exact == Decimal("0.1")


@pytest.mark.parametrize("amount", [-1, "much", "NaN", float("inf")])
def test_what_is_no_amount_is_refused(amount: float | str) -> None:
    with pytest.raises(ValueError, match="is no amount"):
        Usage("athena", "scanned", amount, "TB")


def test_records_survive_the_wire() -> None:
    kept = Usage("lambda", "duration", Decimal("1.25"), "GB-second", "f", {"lab": "x"}, time=1.5)
    back = usage.loads(usage.dumps([kept]))[0]
    assert (back.exact, back.tags, back.time) == (kept.exact, kept.tags, kept.time)


def test_a_full_log_counts_what_it_drops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "LONGEST", 1)
    log = usage.UsageLog()
    for _ in range(3):
        log.add(Usage("s3", "egress", 1, "byte"))
    assert (len(log.records), log.dropped) == (1, 2)


def test_a_cloud_keeps_what_a_broker_tells(cloud: Cloud) -> None:
    assert cloud.usage_records == []
    cloud.use(Usage("sagemaker", "training ml.m5.large", 95.5, "second", "job/a", {"lab": "b"}))
    kept = cloud.usage_records[0]
    assert (kept.service, kept.exact, kept.unit, kept.tags) == (
        "sagemaker", Decimal("95.5"), "second", {"lab": "b"},
    )


def test_a_broken_record_is_an_error_and_the_cloud_lives_on(cloud: Cloud) -> None:
    with pytest.raises(CloudError, match="use: "):
        cloud._child.ask("use", service="s3", item="x", amount="-1", unit="byte")
    assert cloud.usage_records == []
