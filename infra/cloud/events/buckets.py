"""Notifications of buckets: what happened to an object goes to functions, queues, topics, rules.

The engine keeps the configuration and sees what happens. Limit: events of objects that the engine
knows (created, removed, restored, tagged, ACL); replication and lifecycle never happen here.
"""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from infra.cloud import verdicts
from infra.cloud.calls import Need
from infra.cloud.dispatch import ACCOUNT
from infra.cloud.errors import AwsError
from infra.cloud.events import rules
from infra.cloud.events.delivery import Actor, Target, resource_policy, send

if TYPE_CHECKING:
    from infra.cloud.inside import Inside

SERVICE = "s3.amazonaws.com"
_NEEDED = {"lambda": "lambda:InvokeFunction", "sqs": "sqs:SendMessage", "sns": "SNS:Publish"}
_order = itertools.count(1)


def happened(inside: Inside, name: Any, bucket: Any, key: Any) -> None:
    """Tell of an event of an object. Under the door's lock."""
    found = bucket.notification_configuration
    if found is None:
        return
    actor, sequence = Actor(SERVICE, bucket.arn), f"{next(_order):016X}"
    for one in [*found.cloud_function, *found.queue, *found.topic]:
        if one.matches(name, key.name):
            body = {"Records": [_record(inside, one.id, name, bucket, key, sequence)]}
            send(inside, actor, Target(one.arn, subject="Amazon S3 Notification"), json.dumps(body))
    if found.event_bridge is not None:
        _to_rules(inside, name, bucket, key, sequence)


def _record(
    inside: Inside, configuration: str, name: Any, bucket: Any, key: Any, sequence: str
) -> dict[str, Any]:
    moment = datetime.fromtimestamp(inside.clock.now(), UTC)
    thing: dict[str, Any] = {"key": quote_plus(key.name, safe="/"), "sequencer": sequence}
    if "ObjectRemoved" not in str(name.value):
        thing |= {"size": key.size, "eTag": key.etag.strip('"')}
    if bucket.is_versioned:
        thing["versionId"] = key.version_id
    return {
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": bucket.region_name,
        "eventTime": moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
        "eventName": str(name.value).removeprefix("s3:"),
        "userIdentity": {"principalId": ACCOUNT},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": sequence, "x-amz-id-2": sequence},
        "s3": {
            "s3SchemaVersion": "1.0", "configurationId": configuration,
            "bucket": {
                "name": bucket.name, "ownerIdentity": {"principalId": ACCOUNT}, "arn": bucket.arn,
            },
            "object": thing,
        },
    }


def _to_rules(inside: Inside, name: Any, bucket: Any, key: Any, sequence: str) -> None:
    from moto.s3.notifications import _detail_type

    thing = {"key": key.name, "sequencer": sequence, "size": key.size, "etag": key.etag.strip('"')}
    detail = {
        "version": "0", "bucket": {"name": bucket.name}, "object": thing,
        "request-id": sequence, "requester": ACCOUNT, "source-ip-address": "127.0.0.1",
        "reason": str(name.value).split(":")[-1],
    }
    rules.emit(inside, bucket.region_name, "aws.s3", _detail_type(name), detail, [bucket.arn])


def accepted(inside: Inside, bucket: Any) -> None:
    """A new configuration: every destination must let the bucket in. AwsError: one does not."""
    found, actor = bucket.notification_configuration, Actor(SERVICE, bucket.arn)
    places = [one.arn for one in [*found.cloud_function, *found.queue, *found.topic]]
    for place in places:
        action = _NEEDED.get(place.split(":")[2], "")
        need = Need(action, place, actor.context(), resource_policy(place))
        if not verdicts.decide(actor.principal(), need, {}).allowed:
            bucket.notification_configuration = None
            raise AwsError(
                "InvalidArgument", "Unable to validate the following destination configurations"
            )
    told = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": bucket.name,
            "Time": rules.stamp(inside.clock.now())}
    for place in places:
        if ":lambda:" not in place:
            send(inside, actor, Target(place), json.dumps(told))
