"""Functions, roles and queues for the tests of what computes."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from infra.cloud.fixtures import Cloud, allow

HANDLER = "app.handler"


def package(source: str, name: str = "app.py") -> bytes:
    """Return a zip package with one file."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr(name, source)
    return made.getvalue()


def trust(service: str) -> dict[str, Any]:
    """Return a trust policy for a service."""
    statement = {
        "Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def role(cloud: Cloud, name: str, *actions: str, service: str = "lambda") -> str:
    """Make a role that a service may assume; return its ARN."""
    policies = [allow(list(actions))] if actions else []
    return cloud.role(name, trust(service), policies).arn


def function(
    cloud: Cloud, name: str, source: str, *actions: str, **settings: Any
) -> str:
    """Make a function with a role of its own, which may write logs; return its ARN."""
    who = role(cloud, f"{name}-role", "logs:*", *actions)
    given = {"Runtime": "python3.11", "Handler": HANDLER, "Timeout": 60, **settings}
    made = cloud.client("lambda").create_function(
        FunctionName=name, Role=who, Code={"ZipFile": package(source)}, **given
    )
    return str(made["FunctionArn"])


def invoke(cloud: Cloud, name: str, event: Any = None, **more: Any) -> Any:
    """Invoke a function and return its answer as data; a failed one as (error, payload)."""
    client = cloud.client("lambda", read_timeout=120)
    done = client.invoke(FunctionName=name, Payload=json.dumps(event), **more)
    told = json.loads(done["Payload"].read() or b"null")
    return (done["FunctionError"], told) if "FunctionError" in done else told


def queue(cloud: Cloud, name: str, **attributes: str) -> tuple[str, str]:
    """Make a queue; return its URL and ARN."""
    url = cloud.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return url, f"arn:aws:sqs:{cloud.region}:{cloud.account}:{name}"


def open_queue(cloud: Cloud, name: str, service: str, source: str = "*") -> tuple[str, str]:
    """Make a queue whose policy lets a service send for a source."""
    url, arn = queue(cloud, name)
    statement = {
        "Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sqs:SendMessage", "Resource": arn,
        "Condition": {"ArnLike": {"aws:SourceArn": source}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    cloud.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    return url, arn


def bodies(cloud: Cloud, url: str) -> list[Any]:
    """Take what is visible in a queue; bodies that are JSON as data."""
    client, found = cloud.client("sqs"), []
    while got := client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for one in got:
            client.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
            found.append(_data(one["Body"]))
    return found


def _data(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
