"""The services of this cloud, by the name that signatures carry; s3 and its kin work in `door`.

A new service is one line here, its row in services.toml and, where the engine does not do, a module
of its own that makes a `Served`. Limit: names only, no work.
"""

from __future__ import annotations

from infra.cloud import (
    accounts,
    dynamodb,
    firehose,
    glue,
    kinesis,
    kms,
    rights,
    s3,
    secrets,
    sns,
    sqs,
    sts,
)
from infra.cloud.athena import served as athena
from infra.cloud.events import alarms, metrics, rules, scheduler, subscriptions
from infra.cloud.island import Needs, Served, island
from infra.cloud.lambdas import service as lambdas
from infra.cloud.sagemaker import service as sagemaker
from infra.cloud.stacks import service as stacks
from infra.cloud.states import service as states

CORE: dict[str, Needs] = {
    "s3": s3.needs,
    "iam": accounts.needs,
    "sts": sts.needs,
    "kms": kms.needs,
    "secretsmanager": secrets.needs,
}
ISLANDS: dict[str, Served] = {one.name: one for one in (
    sqs.SERVED,
    dynamodb.SERVED,
    sns.SERVED,
    island("logs", needs=rights.logs, own={
        **dict.fromkeys((
            "PutSubscriptionFilter", "PutMetricFilter", "PutLogEvents", "FilterLogEvents",
        ), subscriptions.answer),
        "DeleteLogGroup": subscriptions.delete_group,
        "PutRetentionPolicy": subscriptions.put_retention,
    }, revive=subscriptions.revive),
    island("monitoring", needs=rights.monitoring, own={
        "GetMetricData": metrics.get_data,
        "GetMetricStatistics": metrics.answer, "ListMetrics": metrics.answer,
    }, revive=alarms.revive),
    island("events", needs=rights.events, own={
        "PutRule": rules.put_rule, "TestEventPattern": rules.test_event_pattern,
    }, revive=rules.revive),
    island("ssm", needs=rights.ssm),
    glue.SERVED,
    athena.SERVED,
    island("ecr"),
    island("tagging", needs=rights.tagging),
    island("budgets", needs=rights.budgets),
    island("ce"),
    island("organizations"),
    kinesis.SERVED,
    firehose.SERVED,
    island("application-autoscaling", needs=rights.autoscaling),
    island("ec2", needs=rights.ec2),
    stacks.SERVED,
    lambdas.SERVED,
    scheduler.SERVED,
    states.SERVED,
    sagemaker.SERVED,
)}  # fmt: skip
SERVICES = frozenset(CORE) | frozenset(ISLANDS)


def needs(service: str) -> Needs:
    """Return the function that tells what a call of a service must be allowed to do."""
    return CORE[service] if service in CORE else ISLANDS[service].needs
