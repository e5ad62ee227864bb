"""IAM: roles, instance profiles, inline and managed policies.

Limit: as in `kinds`; roles and policies of the stack's own account only.
"""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from infra.cloud.dispatch import ACCOUNT
from infra.cloud.stacks.kinds import (
    Clients,
    Kind,
    Props,
    ask,
    changed_tags,
    gone,
    known_or_none,
    listed,
    some,
    tags,
)

# --- IAM roles ----------------------------------------------------------------------------------

def _make_role(clients: Clients, props: Props) -> str:
    kept = ("RoleName", "Path", "Description", "PermissionsBoundary", "MaxSessionDuration", "Tags")
    trust = json.dumps(props["AssumeRolePolicyDocument"])
    ask(clients("iam"), "create_role", AssumeRolePolicyDocument=trust, **some(props, *kept))
    return str(props["RoleName"])


def _set_role(clients: Clients, name: str, old: Props, new: Props) -> None:
    iam = clients("iam")
    if old.get("AssumeRolePolicyDocument") != new["AssumeRolePolicyDocument"]:
        text = json.dumps(new["AssumeRolePolicyDocument"])
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=text)
    if any(old.get(k) != new.get(k) for k in ("Description", "MaxSessionDuration")):
        iam.update_role(RoleName=name, Description=new.get("Description", ""),
                        MaxSessionDuration=int(new.get("MaxSessionDuration", 3600)))
    if old.get("PermissionsBoundary") != new.get("PermissionsBoundary"):
        if new.get("PermissionsBoundary"):
            iam.put_role_permissions_boundary(
                RoleName=name, PermissionsBoundary=new["PermissionsBoundary"]
            )
        else:
            iam.delete_role_permissions_boundary(RoleName=name)
    off, on = changed_tags(old, new)
    if off:
        iam.untag_role(RoleName=name, TagKeys=off)
    if on:
        iam.tag_role(RoleName=name, Tags=tags(on))
    _set_policies(clients, name, old, new)


def _set_policies(clients: Clients, name: str, old: Props, new: Props) -> None:
    iam, before, after = clients("iam"), _inline(old), _inline(new)
    for title in before:
        if title not in after:
            iam.delete_role_policy(RoleName=name, PolicyName=title)
    for title, document in after.items():
        if before.get(title) != document:
            text = json.dumps(document)
            iam.put_role_policy(RoleName=name, PolicyName=title, PolicyDocument=text)
    was, shall = set(old.get("ManagedPolicyArns") or ()), set(new.get("ManagedPolicyArns") or ())
    for one in sorted(was - shall):
        iam.detach_role_policy(RoleName=name, PolicyArn=one)
    for one in sorted(shall - was):
        iam.attach_role_policy(RoleName=name, PolicyArn=one)


def _inline(props: Props) -> dict[str, Any]:
    return {one["PolicyName"]: one["PolicyDocument"] for one in props.get("Policies") or ()}


def _read_role(clients: Clients, name: str) -> Props | None:
    iam = clients("iam")
    found = known_or_none(lambda: iam.get_role(RoleName=name)["Role"])
    if found is None:
        return None
    inline = iam.list_role_policies(RoleName=name)["PolicyNames"]
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    boundary = found.get("PermissionsBoundary") or {}
    return {
        "RoleName": name, "Path": found["Path"], "Description": found.get("Description", ""),
        "AssumeRolePolicyDocument": found["AssumeRolePolicyDocument"],
        "MaxSessionDuration": found.get("MaxSessionDuration", 3600),
        "PermissionsBoundary": boundary.get("PermissionsBoundaryArn"),
        "Policies": [{
            "PolicyName": title,
            "PolicyDocument": iam.get_role_policy(RoleName=name, PolicyName=title)[
                "PolicyDocument"
            ],
        } for title in inline],
        "ManagedPolicyArns": sorted(one["PolicyArn"] for one in attached),
        "Tags": tags(found.get("Tags")),
    }


def _sorted(props: Props) -> Props:
    """Return a role's properties with its managed policies in order: they are a set."""
    managed = sorted(props.get("ManagedPolicyArns") or ())
    return props | ({"ManagedPolicyArns": managed} if managed else {})


def _drop_role(clients: Clients, name: str, props: Props) -> None:
    _set_policies(clients, name, props, {})
    clients("iam").delete_role(RoleName=name)


def _of_role(part: str) -> Any:
    return lambda clients, name, _, __: str(clients("iam").get_role(RoleName=name)["Role"][part])


_ROLE = Kind(
    "AWS::IAM::Role",
    listed("AssumeRolePolicyDocument", "Policies", "ManagedPolicyArns", "Description",
           "MaxSessionDuration", "PermissionsBoundary", "Tags", always=("RoleName", "Path")),
    _make_role, _read_role, _set_role, _drop_role, "RoleName", "RoleName", longest=64,
    required=("AssumeRolePolicyDocument",), told=_sorted,
    finish=lambda clients, name, props: _set_policies(clients, name, {}, props),
    attributes={"Arn": _of_role("Arn"), "RoleId": _of_role("RoleId")},
)  # fmt: skip


# --- IAM policies -------------------------------------------------------------------------------

_HOLDERS = (("Roles", "role", "RoleName"), ("Users", "user", "UserName"),
            ("Groups", "group", "GroupName"))


def _make_policy(clients: Clients, props: Props) -> str:
    _set_policy(clients, "", {}, props)
    return str(props["PolicyName"])


def _set_policy(clients: Clients, _: str, old: Props, new: Props) -> None:
    iam = clients("iam")
    for many, kind, named in _HOLDERS:
        shall = set(new.get(many) or ())
        left = set(old.get(many) or ()) - (
            shall if old.get("PolicyName") == new.get("PolicyName") else set()
        )
        for holder in sorted(left):
            getattr(iam, f"delete_{kind}_policy")(
                PolicyName=old["PolicyName"], **{named: holder}
            )
        for holder in sorted(shall):
            getattr(iam, f"put_{kind}_policy")(
                PolicyName=new["PolicyName"], PolicyDocument=json.dumps(new["PolicyDocument"]),
                **{named: holder},
            )


def _drop_policy(clients: Clients, _: str, props: Props) -> None:
    try:
        _set_policy(clients, "", props, {})
    except ClientError as error:
        if not gone(error):
            raise


_POLICY = Kind(
    "AWS::IAM::Policy", listed("PolicyName", "PolicyDocument", "Roles", "Users", "Groups"),
    _make_policy, lambda clients, name: {}, _set_policy, _drop_policy,
    required=("PolicyName", "PolicyDocument"),
)  # fmt: skip


def _make_managed(clients: Clients, props: Props) -> str:
    made = clients("iam").create_policy(
        PolicyName=props["ManagedPolicyName"], PolicyDocument=json.dumps(props["PolicyDocument"]),
        **some(props, "Path", "Description"),
    )
    return str(made["Policy"]["Arn"])


def _set_managed(clients: Clients, policy: str, old: Props, new: Props) -> None:
    if old.get("PolicyDocument") != new["PolicyDocument"]:
        _make_room(clients, policy)
        clients("iam").create_policy_version(
            PolicyArn=policy, PolicyDocument=json.dumps(new["PolicyDocument"]), SetAsDefault=True
        )
    _attach(clients, policy, old, new)


def _make_room(clients: Clients, policy: str) -> None:
    """Delete the oldest version where IAM keeps no sixth."""
    iam = clients("iam")
    versions = iam.list_policy_versions(PolicyArn=policy)["Versions"]
    spare = [one["VersionId"] for one in versions if not one["IsDefaultVersion"]]
    if len(versions) >= 5:
        oldest = min(spare, key=lambda version: int(version.removeprefix("v")))
        iam.delete_policy_version(PolicyArn=policy, VersionId=oldest)


def _attach(clients: Clients, policy: str, old: Props, new: Props) -> None:
    iam = clients("iam")
    for many, kind, named in _HOLDERS:
        was, shall = set(old.get(many) or ()), set(new.get(many) or ())
        for holder in sorted(was - shall):
            getattr(iam, f"detach_{kind}_policy")(PolicyArn=policy, **{named: holder})
        for holder in sorted(shall - was):
            getattr(iam, f"attach_{kind}_policy")(PolicyArn=policy, **{named: holder})


def _read_managed(clients: Clients, policy: str) -> Props | None:
    iam = clients("iam")
    found = known_or_none(lambda: iam.get_policy(PolicyArn=policy)["Policy"])
    if found is None:
        return None
    version = iam.get_policy_version(PolicyArn=policy, VersionId=found["DefaultVersionId"])
    return {"ManagedPolicyName": found["PolicyName"], "Path": found["Path"],
            "PolicyDocument": version["PolicyVersion"]["Document"]}


def _drop_managed(clients: Clients, policy: str, props: Props) -> None:
    iam = clients("iam")
    _attach(clients, policy, props, {})
    for version in iam.list_policy_versions(PolicyArn=policy)["Versions"]:
        if not version["IsDefaultVersion"]:
            iam.delete_policy_version(PolicyArn=policy, VersionId=version["VersionId"])
    iam.delete_policy(PolicyArn=policy)


_MANAGED = Kind(
    "AWS::IAM::ManagedPolicy",
    listed("PolicyDocument", "Roles", "Users", "Groups",
           always=("ManagedPolicyName", "Path", "Description")),
    _make_managed, _read_managed, _set_managed, _drop_managed, "ManagedPolicyName", "PolicyArn",
    longest=128, required=("PolicyDocument",),
    finish=lambda clients, policy, props: _attach(clients, policy, {}, props),
    attributes={"PolicyArn": lambda c, i, p, r: i},
)  # fmt: skip


# --- instance profiles --------------------------------------------------------------------------

def _make_profile(clients: Clients, props: Props) -> str:
    clients("iam").create_instance_profile(**some(props, "InstanceProfileName", "Path"))
    return str(props["InstanceProfileName"])


def _set_profile(clients: Clients, name: str, old: Props, new: Props) -> None:
    iam, was, shall = clients("iam"), set(old.get("Roles") or ()), set(new.get("Roles") or ())
    for role in sorted(was - shall):
        iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=role)
    for role in sorted(shall - was):
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role)


def _read_profile(clients: Clients, name: str) -> Props | None:
    iam = clients("iam")
    found = known_or_none(
        lambda: iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
    )
    if found is None:
        return None
    return {"InstanceProfileName": name, "Path": found["Path"],
            "Roles": [role["RoleName"] for role in found["Roles"]]}


def _drop_profile(clients: Clients, name: str, props: Props) -> None:
    _set_profile(clients, name, props, {})
    clients("iam").delete_instance_profile(InstanceProfileName=name)


_PROFILE = Kind(
    "AWS::IAM::InstanceProfile", listed("Roles", always=("InstanceProfileName", "Path")),
    _make_profile, _read_profile, _set_profile, _drop_profile, "InstanceProfileName",
    "InstanceProfileName", longest=128, required=("Roles",),
    finish=lambda clients, name, props: _set_profile(clients, name, {}, props),
    attributes={"Arn": lambda c, i, p, r: (
        f"arn:aws:iam::{ACCOUNT}:instance-profile{p.get('Path', '/')}{i}"
    )},
)  # fmt: skip

KINDS = (_ROLE, _POLICY, _MANAGED, _PROFILE)
