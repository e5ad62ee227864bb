"""BatchGetSecretValue: one GetSecretValue after another, with each secret's own permissions.

What a caller may not read is named in `Errors`, with the code that GetSecretValue would give.
Limit: pages of filtered secrets follow their names.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from infra.cloud import dispatch, secrets, versions
from infra.cloud.calls import Call, Need
from infra.cloud.errors import Answer, AwsError

MOST = 20
_KEPT = ("ARN", "Name", "VersionId", "SecretBinary", "SecretString", "VersionStages", "CreatedDate")
Require = Callable[[Call, Need], None]


def answer(call: Call, require: Require) -> Answer:
    """Answer one call; `require` raises AwsError where a need is not allowed."""
    names, token = _wanted(call)
    found: dict[str, Any] = {"SecretValues": [], "Errors": []}
    for name in names:
        try:
            found["SecretValues"].append(_one(call, name, require))
        except AwsError as error:
            told = {"SecretId": name, "ErrorCode": error.code, "Message": error.message}
            found["Errors"].append(told)
    if token:
        found["NextToken"] = token
    headers = {"content-type": "application/x-amz-json-1.1"}
    return Answer(200, headers, json.dumps(found).encode())


def _wanted(call: Call) -> tuple[list[str], str]:
    """Return which secrets to read now, and the token of the next page."""
    listed, filters = call.params.get("SecretIdList"), call.params.get("Filters")
    if bool(listed) == bool(filters):
        raise _invalid("Either 'SecretIdList' or 'Filters' must be provided, but not both.")
    if listed:
        if len(listed) > MOST:
            raise _invalid(f"'SecretIdList' must have at most {MOST} members.")
        return [str(name) for name in listed], ""
    params = {"Filters": filters, "MaxResults": call.params.get("MaxResults") or MOST}
    if call.params.get("NextToken"):
        params["NextToken"] = call.params["NextToken"]
    page = json.loads(_engine(replace(call, operation="ListSecrets", params=params)).body)
    return [one["ARN"] for one in page["SecretList"]], page.get("NextToken") or ""


def _one(call: Call, name: str, require: Require) -> dict[str, Any]:
    asked = replace(call, operation="GetSecretValue", params={"SecretId": name})
    for need in secrets.needs(asked):
        require(asked, need)
    versions.own_work(asked)
    answer = _engine(asked)
    told: dict[str, Any] = json.loads(answer.body)
    if answer.status != 200:
        code = str(told.get("__type", "InternalServiceError")).rpartition("#")[2]
        raise AwsError(code, str(told.get("message") or told.get("Message") or ""))
    return {name: told[name] for name in _KEPT if told.get(name) is not None}


def _engine(call: Call) -> Answer:
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": f"secretsmanager.{call.operation}",
    }
    body = json.dumps(call.params).encode()
    return dispatch.call("secretsmanager", call.region, "POST", headers=headers, body=body)


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)
