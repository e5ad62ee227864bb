"""Import this in a process that forks clouds with every service: all engines loaded and warm.

Each service answers one call, by boto3 and through a door, so that a fork that may read no file
has what it needs. Limit: starts no thread, opens no socket; 5.4 CPU-s and 270 MB, once, which all
forks share. `infra.cloud.engine` alone does for whoever needs the five core services only.
"""

from __future__ import annotations

import gc
from functools import cache
from typing import Any

from infra.cloud import dynamodb, engine, registry, routes, sns, sqs
from infra.cloud.dispatch import ACCOUNT
from infra.cloud.door import Door
from infra.cloud.keys import RootKey

# boto3's client, a call of it that changes nothing, and its arguments.
CALLS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("sqs", "list_queues", {}),
    ("dynamodb", "list_tables", {}),
    ("dynamodbstreams", "list_streams", {}),
    ("sns", "list_topics", {}),
    ("logs", "describe_log_groups", {}),
    ("cloudwatch", "list_metrics", {}),
    ("events", "list_rules", {}),
    ("ssm", "describe_parameters", {}),
    ("glue", "get_databases", {}),
    ("ecr", "describe_repositories", {}),
    ("resourcegroupstaggingapi", "get_resources", {}),
    ("budgets", "describe_budgets", {"AccountId": ACCOUNT}),
    ("ce", "get_cost_and_usage", {
        "TimePeriod": {"Start": "2026-01-01", "End": "2026-01-02"}, "Granularity": "DAILY",
        "Metrics": ["UnblendedCost"],
    }),
    ("organizations", "describe_organization", {}),
    ("kinesis", "list_streams", {}),
    ("firehose", "list_delivery_streams", {}),
    ("application-autoscaling", "describe_scalable_targets", {"ServiceNamespace": "dynamodb"}),
    ("ec2", "describe_availability_zones", {}),
    ("cloudformation", "list_stacks", {}),
    ("lambda", "list_functions", {}),
    ("scheduler", "list_schedules", {}),
    ("stepfunctions", "list_state_machines", {}),
    ("athena", "list_work_groups", {}),
    ("sagemaker", "list_training_jobs", {}),
)  # fmt: skip


@cache
def ready() -> None:
    """Ask every service once, mend what is mended, and set the memory aside."""
    from botocore.exceptions import ClientError

    engine.ready()
    for mend in (dynamodb.mend, sqs.mend, sns.mend):
        mend()
    sns.key()
    door = Door(RootKey())
    for service, call, arguments in CALLS:
        if signed(service) not in registry.SERVICES:
            continue
        try:
            getattr(door.inside.own_client(service), call)(**arguments)
        except ClientError as error:  # a refusal has been through all of it, too
            if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
                raise RuntimeError(f"the engine does not work: {service}: {error}") from None
    gc.collect()
    gc.freeze()


def signed(service: str) -> str:
    """Return the name that a service's signatures carry."""
    metadata = routes.model(service).metadata
    return str(metadata.get("signingName") or metadata["endpointPrefix"])


ready()
