"""Versions and staging labels of secrets, as AWS moves them; the engine's own moves go astray.

The engine overwrites a version whose token comes twice with another value, leaves a label behind
when a move is refused half way, and forgets which version is current after a move.
Limit: keeps every version; AWS drops versions without labels after a while.
"""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

from infra.cloud import dispatch
from infra.cloud.calls import Call
from infra.cloud.errors import Answer, AwsError

CURRENT, PREVIOUS = "AWSCURRENT", "AWSPREVIOUS"
Versions = dict[str, dict[str, Any]]


def own_work(call: Call) -> Answer | None:
    """Do the calls that write versions; prepare the others for the engine and return None."""
    if call.operation == "PutSecretValue":
        return _put(call, _secret(call))
    if call.operation == "UpdateSecretVersionStage":
        return _move_label(call, _secret(call))
    if call.operation == "UpdateSecret" and _value(call):
        return _update(call, _secret(call))
    if call.operation == "GetSecretValue" and not call.params.get("VersionId"):
        # The engine's default is the version that was current first, not the one that is now.
        call.params.setdefault("VersionStage", CURRENT)
    return None


def labelled(call: Call, answer: Answer) -> Answer:
    """Leave versions without a label out of a secret's description, as AWS does."""
    if call.operation == "DescribeSecret" and answer.status == 200:
        told = json.loads(answer.body)
        versions = told.get("VersionIdsToStages") or {}
        told["VersionIdsToStages"] = {one: labels for one, labels in versions.items() if labels}
        answer.body = json.dumps(told).encode()
    return answer


def _secret(call: Call) -> Any:
    name = str(call.params.get("SecretId", ""))
    found = dispatch.backend("secretsmanager", call.region).secrets.get(name)
    if found is None:
        raise AwsError(
            "ResourceNotFoundException", "Secrets Manager can't find the specified secret."
        )
    if found.is_deleted():
        raise AwsError(
            "InvalidRequestException",
            "You can't perform this operation on the secret because it was marked for deletion.",
        )
    return found


def _value(call: Call) -> dict[str, str]:
    names = {"SecretString": "secret_string", "SecretBinary": "secret_binary"}
    return {names[name]: call.params[name] for name in names if call.params.get(name)}


def _put(call: Call, secret: Any) -> Answer:
    value = _value(call)
    if len(value) != 1:
        raise AwsError(
            "InvalidRequestException", "You must provide either SecretString or SecretBinary."
        )
    labels = call.params.get("VersionStages") or [CURRENT]
    version = add(secret, _token(call), value, [str(label) for label in labels])
    body = {
        "ARN": secret.arn, "Name": secret.name, "VersionId": version["version_id"],
        "VersionStages": version["version_stages"],
    }
    return _json(body)


def _update(call: Call, secret: Any) -> Answer:
    """A new current version; the rest of the update is the engine's."""
    version = add(secret, _token(call), _value(call), [CURRENT])
    if "KmsKeyId" in call.params:
        secret.kms_key_id = call.params["KmsKeyId"]
    if "Description" in call.params:
        secret.description = call.params["Description"]
    body = {"ARN": secret.arn, "Name": secret.name, "VersionId": version["version_id"]}
    return _json(body)


def _token(call: Call) -> str:
    token = str(call.params.get("ClientRequestToken") or uuid.uuid4())
    if not 32 <= len(token) <= 64:
        raise AwsError(
            "InvalidParameterException", "ClientRequestToken must be 32-64 characters long."
        )
    return token


def add(secret: Any, token: str, value: dict[str, str], labels: list[str]) -> dict[str, Any]:
    """Add a version, or return the one that the same token and value made before."""
    versions: Versions = secret.versions
    known = versions.get(token)
    if known is not None:
        if {k: known[k] for k in ("secret_string", "secret_binary") if k in known} == value:
            return known
        raise AwsError(
            "ResourceExistsException",
            f"You can't use ClientRequestToken {token} because that value is already in use "
            f"for a version of secret {secret.arn}.",
        )
    made: dict[str, Any] = {
        "createdate": int(time.time()), "version_id": token, "version_stages": [], **value,
    }
    first = not versions
    versions[token] = made
    for label in dict.fromkeys([*labels, CURRENT] if first else labels):
        _attach(versions, label, token)
    _settle(secret)
    return made


def _attach(versions: Versions, label: str, token: str) -> None:
    """Put a label on one version and take it off any other."""
    holder = holding(versions, label)
    if holder == token:
        return
    if holder is not None:
        versions[holder]["version_stages"].remove(label)
    versions[token]["version_stages"].append(label)
    if label == CURRENT and holder is not None:
        _attach(versions, PREVIOUS, holder)
        if PREVIOUS in versions[token]["version_stages"]:
            versions[token]["version_stages"].remove(PREVIOUS)


def holding(versions: Versions, label: str) -> str | None:
    """Return the id of the version that carries a label."""
    return next((v for v, data in versions.items() if label in data["version_stages"]), None)


def _settle(secret: Any) -> None:
    """Tell the engine which version is current, and that something changed."""
    secret.default_version_id = holding(secret.versions, CURRENT)
    secret.last_changed_date = int(time.time())


def _move_label(call: Call, secret: Any) -> Answer:
    """Check the whole move before any of it is made."""
    versions: Versions = secret.versions
    label = str(call.params.get("VersionStage", ""))
    source, goal = call.params.get("RemoveFromVersionId"), call.params.get("MoveToVersionId")
    holder = holding(versions, label)
    for version in (source, goal):
        if version is not None and version not in versions:
            raise AwsError(
                "ResourceNotFoundException",
                f"Secrets Manager can't find the specified secret version: {version}",
            )
    _may_move(label, holder, source, goal)
    if goal is not None:
        _attach(versions, label, goal)
    elif source is not None:
        versions[source]["version_stages"].remove(label)
    _settle(secret)
    return _json({"ARN": secret.arn, "Name": secret.name})


def _may_move(label: str, holder: str | None, source: Any, goal: Any) -> None:
    if not label or (source is None and goal is None):
        raise AwsError("InvalidParameterException", "There is nothing to move.")
    if source is not None and source != holder:
        raise AwsError(
            "InvalidParameterException",
            f"The staging label {label} isn't attached to version {source}.",
        )
    if goal is not None and holder not in {None, goal} and source is None:
        raise AwsError(
            "InvalidParameterException",
            f"The parameter RemoveFromVersionId can't be empty. Staging label {label} is currently "
            f"attached to version {holder}, so you must explicitly reference that version in "
            "RemoveFromVersionId.",
        )
    if label == CURRENT and goal is None:
        raise AwsError(
            "InvalidParameterException", f"You can't remove {CURRENT}; move it to another version."
        )


def _json(body: dict[str, Any]) -> Answer:
    return Answer(200, {"content-type": "application/x-amz-json-1.1"}, json.dumps(body).encode())
