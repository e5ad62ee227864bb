"""One call of every service that changes nothing: for warming a process, and for the doctor.

Limit: shows that a service answers; what it answers is not looked at.
"""

from __future__ import annotations

from typing import Any

from infra.cloud import routes
from infra.cloud.dispatch import ACCOUNT

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
    ("cloudformation", "validate_template", {
        "TemplateBody": "Resources: {Queue: {Type: 'AWS::SQS::Queue'}}",
    }),
    ("lambda", "list_functions", {}),
    ("scheduler", "list_schedules", {}),
    ("stepfunctions", "list_state_machines", {}),
    ("athena", "list_work_groups", {}),
    ("sagemaker", "list_training_jobs", {}),
)  # fmt: skip


def signed(service: str) -> str:
    """Return the name that a service's signatures carry."""
    metadata = routes.model(service).metadata
    return str(metadata.get("signingName") or metadata["endpointPrefix"])
