"""What calls of the smaller services need, where the table's one resource is not enough.

Logs, CloudWatch, EventBridge, Systems Manager, Kinesis, Firehose, tagging, budgets, EC2. Resources
and actions are those of the Service Authorization Reference. Limit: needs only, no answers.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from typing import Any

from infra.cloud import dispatch, island, kms
from infra.cloud.calls import Call, Context, Need
from infra.cloud.dispatch import ACCOUNT
from infra.cloud.errors import AwsError


def _arn(call: Call, service: str, tail: str) -> str:
    return f"arn:aws:{service}:{call.region}:{ACCOUNT}:{tail}"


def pass_role(arn: str, service: str) -> Need:
    """Return the right to hand a role to a service."""
    return Need("iam:PassRole", arn, {"iam:passedtoservice": service})


def _passed(params: Mapping[str, Any], service: str) -> list[Need]:
    """Return one need for each role that the parameters hand over, however deep it stands."""
    return [pass_role(arn, service) for arn in sorted(set(_roles(params)))]


def _roles(value: Any) -> Iterable[str]:
    if isinstance(value, list):
        for one in value:
            yield from _roles(one)
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in {"RoleArn", "RoleARN", "roleArn"} and isinstance(inner, str):
                yield inner
            else:
                yield from _roles(inner)


# --- logs ---------------------------------------------------------------------------------------

_IN_STREAM = {"PutLogEvents", "GetLogEvents", "DeleteLogStream", "CreateLogStream"}
_NO_LOGS = {
    "StartQuery", "StopQuery", "GetQueryResults", "DescribeQueries", "StartLiveTail",
    "CreateExportTask", "PutDataProtectionPolicy", "CreateLogAnomalyDetector",
}
_NO_GROUP = {
    "PutResourcePolicy", "DescribeResourcePolicies", "DeleteResourcePolicy", "DescribeDestinations",
    "DescribeExportTasks", "DescribeQueryDefinitions",
}


def logs(call: Call) -> list[Need]:
    """Return what a call of CloudWatch Logs needs; group and stream as its errors name them."""
    if call.operation in _NO_LOGS:
        raise AwsError("NotImplemented", f"This cloud has no logs:{call.operation}.", 501)
    if "resourceArn" in call.params or call.operation in _NO_GROUP:
        return [island.need(call, str(call.params.get("resourceArn", "*")))]
    stream = str(call.params.get("logStreamName", "")) if call.operation in _IN_STREAM else ""
    names = _groups(call.params) or [""]
    tails = (f"log-group:{name}:log-stream:{stream}" for name in names)
    needs = [island.need(call, _arn(call, "logs", tail)) for tail in tails]
    return needs + _passed(call.params, "logs.amazonaws.com")


def _groups(params: Mapping[str, Any]) -> list[str]:
    one = params.get("logGroupName") or params.get("logGroupIdentifier")
    many = params.get("logGroupNames") or params.get("logGroupIdentifiers") or []
    names = [one] if one else list(many)
    return [str(n).partition(":log-group:")[2].removesuffix(":*") if str(n).startswith("arn:")
            else str(n) for n in names]


# --- CloudWatch ---------------------------------------------------------------------------------

_ON_ALARMS = {
    "PutMetricAlarm", "DeleteAlarms", "DescribeAlarms", "SetAlarmState", "EnableAlarmActions",
    "DisableAlarmActions", "DescribeAlarmHistory", "PutCompositeAlarm",
}


def monitoring(call: Call) -> list[Need]:
    """Return what a call of CloudWatch needs."""
    if call.operation == "PutMetricData":
        namespace = str(call.params.get("Namespace", ""))
        return [island.need(call, "*", context={"cloudwatch:namespace": namespace})]
    found = island.resources(call)
    if found == ["*"] and call.operation in _ON_ALARMS:
        found = [_arn(call, "cloudwatch", "alarm:*")]
    actions = call.params.get("AlarmActions")
    keys: Context = {"cloudwatch:alarmactions": actions} if isinstance(actions, list) else {}
    return [island.need(call, arn, context=keys) for arn in found]


# --- EventBridge --------------------------------------------------------------------------------

_RULES = {
    "PutRule": "Name", "DescribeRule": "Name", "DeleteRule": "Name", "EnableRule": "Name",
    "DisableRule": "Name", "PutTargets": "Rule", "RemoveTargets": "Rule",
    "ListTargetsByRule": "Rule",
}
_BUSES = {"CreateEventBus", "DeleteEventBus", "DescribeEventBus", "UpdateEventBus"}
_PERMISSIONS = {"PutPermission", "RemovePermission"}


def events(call: Call) -> list[Need]:
    """Return what a call of EventBridge needs: one need for each bus that events are put on."""
    if call.operation == "PutEvents":
        return _put_events(call)
    roles = _passed(call.params, "events.amazonaws.com")
    if call.operation in _RULES:
        name = str(call.params.get(_RULES[call.operation], ""))
        bus = _bus_name(call.params.get("EventBusName"))
        tail = name if bus == "default" else f"{bus}/{name}"
        return [island.need(call, _arn(call, "events", f"rule/{tail}")), *roles]
    if call.operation in _BUSES | _PERMISSIONS:
        named = "EventBusName" if call.operation in _PERMISSIONS else "Name"
        bus = _bus_name(call.params.get(named))
        return [island.need(call, _arn(call, "events", f"event-bus/{bus}")), *roles]
    for parameter, kind in (("ArchiveName", "archive"), ("ReplayName", "replay")):
        if parameter in call.params:
            return [island.need(call, _arn(call, "events", f"{kind}/{call.params[parameter]}"))]
    return [island.need(call, str(call.params.get("ResourceARN", "*"))), *roles]


def _bus_name(given: Any) -> str:
    return str(given or "default").rpartition("event-bus/")[2]


def _put_events(call: Call) -> list[Need]:
    buses: dict[str, list[Mapping[str, Any]]] = {}
    for entry in call.params.get("Entries") or ():
        buses.setdefault(_bus_name(entry.get("EventBusName")), []).append(entry)
    return [_put_need(call, bus, entries) for bus, entries in (buses or {"default": []}).items()]


def _put_need(call: Call, bus: str, entries: list[Mapping[str, Any]]) -> Need:
    keys: Context = {
        "events:source": [str(e.get("Source", "")) for e in entries],
        "events:detail-type": [str(e.get("DetailType", "")) for e in entries],
    }
    return island.need(call, _arn(call, "events", f"event-bus/{bus}"), context=keys)


# --- Systems Manager ----------------------------------------------------------------------------

_READ = {"GetParameter", "GetParameters", "GetParametersByPath", "GetParameterHistory"}
_STORE = _READ | {
    "PutParameter", "DescribeParameters", "DeleteParameter", "DeleteParameters",
    "LabelParameterVersion", "UnlabelParameterVersion", "AddTagsToResource",
    "RemoveTagsFromResource", "ListTagsForResource",
}


def ssm(call: Call) -> list[Need]:
    """Return what a call about parameters needs, the key of a secure one included.

    NotImplemented: there are parameters here, no machines to manage.
    """
    if call.operation not in _STORE:
        raise AwsError("NotImplemented", f"This cloud has no ssm:{call.operation}.", 501)
    params = call.params
    names = params.get("Names") or [params.get("Name") or params.get("Path")]
    if params.get("ResourceType") == "Parameter":
        names = [params.get("ResourceId")]
    given = [str(name) for name in names if name]
    if call.operation == "DescribeParameters" or not given:
        return [island.need(call, "*")]
    tails = (f"parameter/{_plain(name).removeprefix('/')}" for name in given)
    needs = [island.need(call, _arn(call, "ssm", tail)) for tail in tails]
    return needs + [need for name in given for need in _parameter_key(call, _plain(name))]


def _plain(name: str) -> str:
    """Return a parameter's name without ARN, version and label."""
    return (name.partition(":parameter")[2] if name.startswith("arn:") else name).partition(":")[0]


def _parameter_key(call: Call, name: str) -> list[Need]:
    context = {"PARAMETER_ARN": _arn(call, "ssm", f"parameter/{name.removeprefix('/')}")}
    if call.operation == "PutParameter" and call.params.get("Type") == "SecureString":
        key = str(call.params.get("KeyId") or "alias/aws/ssm")
        return kms.use("Encrypt", call.region, key, "ssm", context)
    if call.operation not in _READ or not call.params.get("WithDecryption"):
        return []
    kept = dispatch.backend("ssm", call.region)._parameters.get(name) or []
    keys = {str(one.keyid) for one in kept[-1:] if one.parameter_type == "SecureString"}
    return [n for key in keys for n in kms.use("Decrypt", call.region, key, "ssm", context)]


# --- streams ------------------------------------------------------------------------------------

def kinesis(call: Call) -> list[Need]:
    """Return what a call of Kinesis needs; an iterator names its stream."""
    if call.operation == "GetRecords" and "StreamARN" not in call.params:
        try:
            text = base64.b64decode(str(call.params.get("ShardIterator", ""))).decode()
        except ValueError:
            text = ""
        name = text.partition(":")[0]
        return [island.need(call, _arn(call, "kinesis", f"stream/{name}") if name else "*")]
    return island.need_of_table(call)


def firehose(call: Call) -> list[Need]:
    """Return what a call of Firehose needs; who makes a stream hands it a role."""
    roles = call.operation in {"CreateDeliveryStream", "UpdateDestination"}
    passed = _passed(call.params, "firehose.amazonaws.com") if roles else []
    return [*island.need_of_table(call), *passed]


# --- tags and money -----------------------------------------------------------------------------

_TAGGING = {
    ("s3", "TagResources"): "s3:PutBucketTagging", ("s3", "UntagResources"): "s3:PutBucketTagging",
    ("sqs", "TagResources"): "sqs:TagQueue", ("sqs", "UntagResources"): "sqs:UntagQueue",
    ("ec2", "TagResources"): "ec2:CreateTags", ("ec2", "UntagResources"): "ec2:DeleteTags",
    ("kinesis", "TagResources"): "kinesis:AddTagsToStream",
    ("kinesis", "UntagResources"): "kinesis:RemoveTagsFromStream",
}


def tagging(call: Call) -> list[Need]:
    """Return the right on the tagging service and, for each resource, on the service it is of."""
    needs = [island.need(call, "*")]
    for arn in map(str, call.params.get("ResourceARNList") or ()):
        service = (arn.split(":") + [""] * 3)[2]
        plain = f"{service}:{call.operation.removesuffix('s')}"
        action = _TAGGING.get((service, call.operation), plain)
        needs.append(island.need(call, arn, action))
    return needs


def budgets(call: Call) -> list[Need]:
    """Return what a call of Budgets needs: it knows viewing and modifying."""
    if "Resource" in call.operation:  # of tags
        return [island.need(call, str(call.params.get("ResourceARN", "*")))]
    inner = call.params.get("Budget") or call.params.get("NewBudget") or {}
    name = call.params.get("BudgetName") or inner.get("BudgetName") or "*"
    action = "ViewBudget" if call.operation.startswith("Describe") else "ModifyBudget"
    return [island.need(call, f"arn:aws:budgets::{ACCOUNT}:budget/{name}", f"budgets:{action}")]


def autoscaling(call: Call) -> list[Need]:
    """Return what a call of Application Auto Scaling needs."""
    return [
        *island.need_of_table(call),
        *_passed(call.params, "application-autoscaling.amazonaws.com"),
    ]


# --- EC2 ----------------------------------------------------------------------------------------

_EC2 = re.compile(
    r"Describe\w+|Get\w+|(Create|Delete|Modify|Attach|Detach|Associate|Disassociate|Authorize|"
    r"Revoke|Replace|Update|Enable|Disable)\w*(Vpc|Subnet|SecurityGroup|Route|InternetGateway|"
    r"Tags|NetworkAcl)\w*"
)
_NO_EC2 = {"DescribeSpotPriceHistory", "GetConsoleOutput", "GetPasswordData"}


def ec2(call: Call) -> list[Need]:
    """Return what a call of EC2 needs. NotImplemented: there are networks here, no machines."""
    if not _EC2.fullmatch(call.operation) or call.operation in _NO_EC2:
        raise AwsError("NotImplemented", f"This cloud has no ec2:{call.operation}.", 501)
    return [island.need(call, "*")]
