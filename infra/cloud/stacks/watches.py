"""Types that watch: log groups and alarms.

Limit: as in `kinds`; alarms on one metric, without metric math.
"""

from __future__ import annotations

from infra.cloud.dispatch import ACCOUNT
from infra.cloud.stacks.kinds import (
    Already,
    Clients,
    Kind,
    Props,
    arn,
    ask,
    changed_tags,
    listed,
    mapping,
    some,
    tags,
)


def _make_group(clients: Clients, props: Props) -> str:
    logs, name = clients("logs"), props["LogGroupName"]
    given = {"kmsKeyId": props["KmsKeyId"]} if "KmsKeyId" in props else {}
    logs.create_log_group(logGroupName=name, tags=mapping(props.get("Tags")), **given)
    return str(name)


def _finish_group(clients: Clients, name: str, props: Props) -> None:
    if "RetentionInDays" in props:
        ask(clients("logs"), "put_retention_policy", logGroupName=name,
            retentionInDays=props["RetentionInDays"])


def _set_group(clients: Clients, name: str, old: Props, new: Props) -> None:
    logs = clients("logs")
    if str(old.get("RetentionInDays")) != str(new.get("RetentionInDays")):
        _finish_group(clients, name, new)
        if "RetentionInDays" not in new:
            logs.delete_retention_policy(logGroupName=name)
    if old.get("KmsKeyId") != new.get("KmsKeyId") and "KmsKeyId" in new:
        logs.associate_kms_key(logGroupName=name, kmsKeyId=new["KmsKeyId"])
    resource = f"arn:aws:logs:{logs.meta.region_name}:{ACCOUNT}:log-group:{name}"
    off, on = changed_tags(old, new)
    if off:
        logs.untag_resource(resourceArn=resource, tagKeys=off)
    if on:
        logs.tag_resource(resourceArn=resource, tags=on)


def _read_group(clients: Clients, name: str) -> Props | None:
    logs = clients("logs")
    found = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    group = next((one for one in found if one["logGroupName"] == name), None)
    if group is None:
        return None
    resource = f"arn:aws:logs:{logs.meta.region_name}:{ACCOUNT}:log-group:{name}"
    return {
        "LogGroupName": name, "RetentionInDays": group.get("retentionInDays"),
        "KmsKeyId": group.get("kmsKeyId"),
        "Tags": tags(logs.list_tags_for_resource(resourceArn=resource)["tags"]),
    }


def _drop_group(clients: Clients, name: str, props: Props) -> None:
    clients("logs").delete_log_group(logGroupName=name)


_GROUP = Kind(
    "AWS::Logs::LogGroup", listed("RetentionInDays", "KmsKeyId", "Tags", always=("LogGroupName",)),
    _make_group, _read_group, _set_group, _drop_group, "LogGroupName", "LogGroupName", longest=512,
    finish=_finish_group,
    attributes={"Arn": arn("logs", "log-group:{id}:*")},
)  # fmt: skip

_SET = (
    "AlarmDescription", "Namespace", "MetricName", "Statistic", "ExtendedStatistic", "Unit",
    "ComparisonOperator", "TreatMissingData", "AlarmActions", "OKActions",
    "InsufficientDataActions", "Dimensions", "Period", "EvaluationPeriods", "DatapointsToAlarm",
    "Threshold", "ActionsEnabled",
)


def _make_alarm(clients: Clients, props: Props) -> str:
    watch, name = clients("cloudwatch"), props["AlarmName"]
    if watch.describe_alarms(AlarmNames=[name])["MetricAlarms"]:
        raise Already(name)
    marks = tags(mapping(props.get("Tags")))
    ask(watch, "put_metric_alarm", AlarmName=name, Tags=marks, **some(props, *_SET))
    return str(name)


def _set_alarm(clients: Clients, name: str, old: Props, new: Props) -> None:
    watch = clients("cloudwatch")
    ask(watch, "put_metric_alarm", AlarmName=name, **some(new, *_SET))
    resource = f"arn:aws:cloudwatch:{watch.meta.region_name}:{ACCOUNT}:alarm:{name}"
    off, on = changed_tags(old, new)
    if off:
        watch.untag_resource(ResourceARN=resource, TagKeys=off)
    if on:
        watch.tag_resource(ResourceARN=resource, Tags=tags(on))


def _read_alarm(clients: Clients, name: str) -> Props | None:
    found = clients("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    if not found:
        return None
    return {key: found[0].get(key) for key in ("AlarmName", *_SET)}


def _drop_alarm(clients: Clients, name: str, props: Props) -> None:
    clients("cloudwatch").delete_alarms(AlarmNames=[name])


_ALARM = Kind(
    "AWS::CloudWatch::Alarm",
    listed(*_SET, "Tags", always=("AlarmName",)),
    _make_alarm, _read_alarm, _set_alarm, _drop_alarm, "AlarmName", "AlarmName", longest=255,
    required=("ComparisonOperator", "EvaluationPeriods"),
    attributes={"Arn": arn("cloudwatch", "alarm:{id}")},
)  # fmt: skip

KINDS = (_GROUP, _ALARM)
