"""Step Functions state machines, and rules of EventBridge with their targets.

Limit: as in `kinds`.
"""

from __future__ import annotations

import json
from typing import Any

from infra.cloud.dispatch import ACCOUNT
from infra.cloud.stacks.intrinsics import text
from infra.cloud.stacks.kinds import (
    Already,
    Clients,
    Kind,
    Props,
    ask,
    changed_tags,
    known_or_none,
    listed,
    mapping,
    some,
)

# --- state machines -----------------------------------------------------------------------------

_SOURCES = ("Definition", "DefinitionString", "DefinitionS3Location")


def _definition(clients: Clients | None, props: Props) -> str:
    """Return a machine's definition with its placeholders filled in."""
    if "DefinitionS3Location" in props and clients is not None:
        place = props["DefinitionS3Location"]
        given = {"VersionId": place["Version"]} if "Version" in place else {}
        found = clients("s3").get_object(Bucket=place["Bucket"], Key=place["Key"], **given)
        whole = str(found["Body"].read().decode())
    elif "Definition" in props:
        whole = json.dumps(props["Definition"])
    else:
        whole = str(props["DefinitionString"])
    for name, value in (props.get("DefinitionSubstitutions") or {}).items():
        whole = whole.replace(f"${{{name}}}", text(value))
    return whole


def _make_machine(clients: Clients, props: Props) -> str:
    states, name = clients("stepfunctions"), props["StateMachineName"]
    there = f"arn:aws:states:{states.meta.region_name}:{ACCOUNT}:stateMachine:{name}"
    if known_or_none(lambda: states.describe_state_machine(stateMachineArn=there)):
        raise Already(name)
    made = states.create_state_machine(
        name=name, definition=_definition(clients, props), roleArn=props["RoleArn"],
        type=props.get("StateMachineType", "STANDARD"), tags=_lower(mapping(props.get("Tags"))),
    )
    return str(made["stateMachineArn"])


def _lower(found: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in sorted(found.items())]


def _set_machine(clients: Clients, machine: str, old: Props, new: Props) -> None:
    states = clients("stepfunctions")
    states.update_state_machine(
        stateMachineArn=machine, definition=_definition(clients, new), roleArn=new["RoleArn"]
    )
    off, on = changed_tags(old, new)
    if off:
        states.untag_resource(resourceArn=machine, tagKeys=off)
    if on:
        states.tag_resource(resourceArn=machine, tags=_lower(on))


def _read_machine(clients: Clients, machine: str) -> Props | None:
    states = clients("stepfunctions")
    found = known_or_none(lambda: states.describe_state_machine(stateMachineArn=machine))
    if found is None:
        return None
    marks = states.list_tags_for_resource(resourceArn=machine)["tags"]
    return {
        "StateMachineName": found["name"], "RoleArn": found["roleArn"],
        "StateMachineType": found["type"], "DefinitionString": found["definition"],
        "Definition": json.loads(found["definition"]),
        "Tags": [{"Key": one["key"], "Value": one["value"]} for one in marks],
    }


def _told_machine(props: Props) -> Props:
    if "DefinitionS3Location" in props:
        return props
    whole = _definition(None, props)
    key = "Definition" if "Definition" in props else "DefinitionString"
    return props | {key: json.loads(whole) if key == "Definition" else whole}


_MACHINE = Kind(
    "AWS::StepFunctions::StateMachine",
    listed(*_SOURCES, "DefinitionSubstitutions", "RoleArn", "Tags",
           always=("StateMachineName", "StateMachineType")),
    _make_machine, _read_machine, _set_machine,
    lambda clients, machine, props: clients("stepfunctions").delete_state_machine(
        stateMachineArn=machine
    ),
    "StateMachineName", "Arn", longest=80, required=("RoleArn",), told=_told_machine,
    attributes={"Arn": lambda c, i, p, r: i, "Name": lambda c, i, p, r: i.rsplit(":", 1)[1]},
)  # fmt: skip


# --- rules --------------------------------------------------------------------------------------

_RULE = ("Name", "Description", "ScheduleExpression", "State", "EventBusName", "RoleArn")


def _place(id_: str) -> Props:
    """Return bus and name of a rule: `name`, or `bus|name` on a bus of one's own."""
    bus, _, name = id_.rpartition("|")
    return {"Name": name} | ({"EventBusName": bus} if bus else {})


def _make_rule(clients: Clients, props: Props) -> str:
    name, bus = str(props["Name"]), str(props.get("EventBusName", "default"))
    made = name if bus == "default" else f"{bus}|{name}"
    if known_or_none(lambda: clients("events").describe_rule(**_place(made))):
        raise Already(name)
    _put_rule(clients, props)
    return made


def _put_rule(clients: Clients, props: Props) -> None:
    pattern = props.get("EventPattern")
    given = {} if pattern is None else {"EventPattern": json.dumps(pattern)}
    ask(clients("events"), "put_rule", **some(props, *_RULE), **given)


def _set_targets(clients: Clients, id_: str, old: Props, new: Props) -> None:
    events, place = clients("events"), _place(id_)
    place["Rule"] = place.pop("Name")
    shall = {one["Id"]: one for one in new.get("Targets") or ()}
    left = sorted({one["Id"] for one in old.get("Targets") or ()} - set(shall))
    if left:
        events.remove_targets(**place, Ids=left)
    changed = [one for one in shall.values() if one not in (old.get("Targets") or ())]
    if changed:
        done = ask(events, "put_targets", **place, Targets=changed)
        for failed in done.get("FailedEntries") or ():
            raise ValueError(f"{failed.get('ErrorCode')}: {failed.get('ErrorMessage')}")


def _set_rule(clients: Clients, id_: str, old: Props, new: Props) -> None:
    _put_rule(clients, new)
    _set_targets(clients, id_, old, new)


def _read_rule(clients: Clients, id_: str) -> Props | None:
    events, place = clients("events"), _place(id_)
    found = known_or_none(lambda: events.describe_rule(**place))
    if found is None:
        return None
    place["Rule"] = place.pop("Name")
    pattern = found.get("EventPattern")
    told: Props = {key: found.get(key) for key in _RULE}
    return told | {
        "EventPattern": json.loads(pattern) if pattern else None,
        "Targets": events.list_targets_by_rule(**place)["Targets"],
    }


def _drop_rule(clients: Clients, id_: str, props: Props) -> None:
    _set_targets(clients, id_, props, {})
    clients("events").delete_rule(**_place(id_))


def _rule_arn(_: Clients, id_: str, __: Props, region: str) -> Any:
    return f"arn:aws:events:{region}:{ACCOUNT}:rule/{id_.replace('|', '/')}"


_RULES = Kind(
    "AWS::Events::Rule",
    listed("Description", "EventPattern", "ScheduleExpression", "State", "Targets", "RoleArn",
           always=("Name", "EventBusName")),
    _make_rule, _read_rule, _set_rule, _drop_rule, "Name", "Arn", longest=64,
    finish=lambda clients, id_, props: _set_targets(clients, id_, {}, props),
    attributes={"Arn": _rule_arn},
)  # fmt: skip

KINDS = (_MACHINE, _RULES)
