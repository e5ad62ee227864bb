"""What an IAM call needs, and the parts of IAM that the engine lacks: boundaries on users.

Limit: service-linked roles, federation providers, MFA devices and certificates are absent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from infra.cloud import identifiers, managed, simulator, state, written
from infra.cloud.calls import Call, Context, Need, request_tags, resource_tags
from infra.cloud.dispatch import ACCOUNT
from infra.cloud.errors import Answer, AwsError, namespace
from infra.cloud.forms import members, values

_ON_USER = {
    "CreateUser", "GetUser", "DeleteUser", "UpdateUser", "CreateAccessKey", "UpdateAccessKey",
    "DeleteAccessKey", "ListAccessKeys", "PutUserPolicy", "GetUserPolicy", "DeleteUserPolicy",
    "ListUserPolicies", "AttachUserPolicy", "DetachUserPolicy", "ListAttachedUserPolicies",
    "TagUser", "UntagUser", "ListUserTags", "ListGroupsForUser", "PutUserPermissionsBoundary",
    "DeleteUserPermissionsBoundary", "GetAccessKeyLastUsed",
}
_ON_ROLE = {
    "CreateRole", "GetRole", "DeleteRole", "UpdateRole", "UpdateRoleDescription",
    "UpdateAssumeRolePolicy", "PutRolePolicy", "GetRolePolicy", "DeleteRolePolicy",
    "ListRolePolicies", "AttachRolePolicy", "DetachRolePolicy", "ListAttachedRolePolicies",
    "TagRole", "UntagRole", "ListRoleTags", "PutRolePermissionsBoundary",
    "DeleteRolePermissionsBoundary", "ListInstanceProfilesForRole",
}
_ON_GROUP = {
    "CreateGroup", "GetGroup", "DeleteGroup", "UpdateGroup", "PutGroupPolicy", "GetGroupPolicy",
    "DeleteGroupPolicy", "ListGroupPolicies", "AttachGroupPolicy", "DetachGroupPolicy",
    "ListAttachedGroupPolicies", "AddUserToGroup", "RemoveUserFromGroup",
}
_ON_POLICY = {
    "CreatePolicy", "GetPolicy", "DeletePolicy", "CreatePolicyVersion", "GetPolicyVersion",
    "DeletePolicyVersion", "ListPolicyVersions", "SetDefaultPolicyVersion", "TagPolicy",
    "UntagPolicy", "ListPolicyTags", "ListEntitiesForPolicy",
}
_ON_PROFILE = {
    "CreateInstanceProfile", "GetInstanceProfile", "DeleteInstanceProfile",
    "AddRoleToInstanceProfile", "RemoveRoleFromInstanceProfile",
}
_ON_ALL = {
    "ListUsers": "user/", "ListRoles": "role/", "ListGroups": "group/", "ListPolicies": "policy/",
    "ListInstanceProfiles": "instance-profile/", "GetAccountSummary": "*",
    "GetAccountAuthorizationDetails": "*", "ListAccountAliases": "*",
}
_ON_ALL |= dict.fromkeys(simulator.ON_ALL, "*")
# What the service authorization reference lists with iam:PermissionsBoundary; no other call has it.
_BOUNDED = {
    f"{verb}{kind}{what}"
    for kind in ("Role", "User")
    for verb, what in (
        ("Create", ""), ("Attach", "Policy"), ("Detach", "Policy"), ("Put", "Policy"),
        ("Delete", "Policy"), ("Put", "PermissionsBoundary"), ("Delete", "PermissionsBoundary"),
    )
}  # fmt: skip
SUPPORTED = (
    _ON_USER | _ON_ROLE | _ON_GROUP | _ON_POLICY | _ON_PROFILE | set(_ON_ALL) | simulator.ON_ENTITY
)
MENDS = (identifiers, written)  # imported for what it does to the engine
# Who leaves the user's name out means themselves.
_SELF = {"GetUser", "CreateAccessKey", "ListAccessKeys", "UpdateAccessKey", "DeleteAccessKey"}


def needs(call: Call) -> list[Need]:
    """Return what an IAM call needs, after filling in the caller's own name where AWS does."""
    name, params = call.operation, call.params
    if name not in SUPPORTED:
        raise AwsError("InvalidAction", f"This cloud has no iam:{name}.")
    if call.principal.kind == "user" and call.caller.issued is not None:
        # Credentials of GetSessionToken reach IAM only with MFA, which nobody has here.
        raise AwsError(
            "InvalidClientTokenId", "The security token included in the request is invalid.", 403
        )
    if name in _SELF and "UserName" not in params:
        if call.principal.kind != "user":
            raise AwsError(
                "ValidationError", "Must specify userName when calling with non-User credentials"
            )
        params["UserName"] = call.principal.name
    found = [Need(f"iam:{name}", _resource(name, params), _context(name, params))]
    if name in {"UpdateUser", "UpdateGroup"}:
        found.append(Need(f"iam:{name}", _renamed(name, params), _context(name, params)))
    if name == "AddRoleToInstanceProfile":
        found.append(Need("iam:PassRole", _role(params), {"iam:passedtoservice": EC2}))
    return found


def _renamed(name: str, params: dict[str, Any]) -> str:
    """The ARN after a rename: whoever may not touch that name may not take it."""
    kind = name.removeprefix("Update")
    old = _resource(name, params).partition(kind.lower())[2]
    path, _, last = old.rpartition("/")
    new_path = params.get("NewPath", path + "/")
    return _arn(f"{kind.lower()}{new_path}{params.get(f'New{kind}Name', last)}")


EC2 = "ec2.amazonaws.com"


def _resource(name: str, params: dict[str, Any]) -> str:
    kinds: tuple[tuple[set[str], Callable[[dict[str, Any]], str]], ...] = (
        (_ON_USER, _user), (_ON_ROLE, _role), (_ON_GROUP, _group), (_ON_POLICY, _policy),
        (_ON_PROFILE, _profile),
    )
    for names, make in kinds:
        if name in names:
            return make(params)
    if name in simulator.ON_ENTITY:
        return str(params.get("PolicySourceArn", "*"))
    tail = _ON_ALL[name]
    return tail if tail == "*" else _arn(tail)


def _arn(tail: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:{tail}"


def _user(params: dict[str, Any]) -> str:
    if "AccessKeyId" in params and "UserName" not in params:
        key = state.access_key(params["AccessKeyId"])
        params = {"UserName": key.user_name if key else "*"}
    found = state.user(params.get("UserName", ""))
    if found is not None:
        return str(found.arn)
    return _arn(f"user{params.get('Path', '/')}{params.get('UserName', '')}")


def _role(params: dict[str, Any]) -> str:
    found = state.role(params.get("RoleName", ""))
    if found is not None:
        return str(found.arn)
    return _arn(f"role{params.get('Path', '/')}{params.get('RoleName', '')}")


def _group(params: dict[str, Any]) -> str:
    found = state.iam().groups.get(params.get("GroupName", ""))
    if found is not None:
        return str(found.arn)
    return _arn(f"group{params.get('Path', '/')}{params.get('GroupName', '')}")


def _policy(params: dict[str, Any]) -> str:
    if "PolicyArn" in params:
        return str(params["PolicyArn"])
    return _arn(f"policy{params.get('Path', '/')}{params.get('PolicyName', '')}")


def _profile(params: dict[str, Any]) -> str:
    return _arn(f"instance-profile{params.get('Path', '/')}{params.get('InstanceProfileName', '')}")


def _context(name: str, params: dict[str, Any]) -> Context:
    keys: Context = {}
    if "PolicyArn" in params and name not in _ON_POLICY:
        keys["iam:policyarn"] = params["PolicyArn"]
    target = _target(name, params)
    if target is not None:
        keys |= resource_tags(state.pairs(target.tags), "iam")
    if "PermissionsBoundary" in params:
        keys["iam:permissionsboundary"] = params["PermissionsBoundary"]
    elif name in _BOUNDED:
        # Changes of a principal's policies are compared with the boundary that it already has.
        boundary = getattr(target, "permissions_boundary_arn", None)
        keys |= {"iam:permissionsboundary": boundary} if boundary else {}
    removed = values(params, "TagKeys.member")
    if removed:
        keys["aws:tagkeys"] = removed
    return keys | request_tags(members(params, "Tags.member"))


def _target(name: str, params: dict[str, Any]) -> Any | None:
    """Return the user or role that a call is about, if it is there."""
    if name in _ON_USER:
        return state.user(params.get("UserName", ""))
    return state.role(params.get("RoleName", "")) if name in _ON_ROLE else None


def own_work(call: Call) -> Answer | None:
    """Do what the engine cannot, or return None to leave the call to it."""
    if call.operation in simulator.ON_ENTITY | simulator.ON_ALL:
        return simulator.answer(call)
    if call.operation not in {"PutUserPermissionsBoundary", "DeleteUserPermissionsBoundary"}:
        return None
    found = state.user(call.params.get("UserName", ""))
    if found is None:
        raise AwsError("NoSuchEntity", "The user with that name cannot be found.", 404)
    put = call.operation.startswith("Put")
    found.permissions_boundary_arn = _known_policy(call) if put else None
    spoken = namespace("iam")
    body = f'<{call.operation}Response xmlns="{spoken}"/>'
    return Answer(200, {"content-type": "text/xml"}, body.encode())


def after(call: Call, answer: Answer) -> None:
    """Finish what the engine did by halves: it forgets the boundary of a new user."""
    if call.operation == "CreateUser" and answer.status == 200:
        found = state.user(call.params["UserName"])
        if found is not None and call.params.get("PermissionsBoundary"):
            found.permissions_boundary_arn = call.params["PermissionsBoundary"]


def before(call: Call) -> None:
    """Bring in AWS's own policies; refuse a boundary that is missing before anything is made."""
    if call.operation == "ListPolicies":
        managed.know_all()
    managed.know(call.params.values())
    if call.params.get("PermissionsBoundary"):
        _known_policy(call)


def _known_policy(call: Call) -> str:
    arn = str(call.params.get("PermissionsBoundary", ""))
    if arn not in state.iam().managed_policies:
        raise AwsError("NoSuchEntity", f"Policy {arn} does not exist or is not attachable.", 404)
    return arn
