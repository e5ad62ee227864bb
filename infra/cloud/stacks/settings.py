"""Parameters of Systems Manager, and secrets of Secrets Manager.

Limit: as in `kinds`; a parameter is no SecureString, as on AWS; a secret's value is never read
back, so drift does not see it.
"""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

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
    tags,
)

# --- Systems Manager ----------------------------------------------------------------------------

_GIVEN = ("Name", "Type", "Value", "Description", "AllowedPattern", "Tier")


def _make_parameter(clients: Clients, props: Props) -> str:
    _put_parameter(clients, props, again=False)
    return str(props["Name"])


def _put_parameter(clients: Clients, props: Props, *, again: bool) -> None:
    if props["Type"] not in {"String", "StringList"}:
        raise ValueError("#/Type: #: only 1 subschema matches out of 2: CloudFormation makes "
                         "parameters of type String and StringList only")
    try:
        ask(clients("ssm"), "put_parameter", **some(props, *_GIVEN), Overwrite=again)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ParameterAlreadyExists":
            raise Already(props["Name"]) from None
        raise


def _read_parameter(clients: Clients, name: str) -> Props | None:
    found = known_or_none(lambda: clients("ssm").get_parameter(Name=name)["Parameter"])
    return None if found is None else some(found, "Name", "Type", "Value")


_PARAMETER = Kind(
    "AWS::SSM::Parameter",
    listed("Type", "Value", "Description", "AllowedPattern", "Tier", always=("Name",)),
    _make_parameter, _read_parameter,
    lambda clients, name, old, new: _put_parameter(clients, new, again=True),
    lambda clients, name, props: clients("ssm").delete_parameter(Name=name),
    "Name", "Name", longest=1011, required=("Type", "Value"),
    attributes={"Type": lambda c, i, p, r: str(p["Type"]),
                "Value": lambda c, i, p, r: str(p["Value"])},
)  # fmt: skip


# --- Secrets Manager ----------------------------------------------------------------------------

def _make_secret(clients: Clients, props: Props) -> str:
    made = clients("secretsmanager").create_secret(
        **some(props, "Name", "Description", "KmsKeyId"), SecretString=_value(clients, props),
        Tags=tags(mapping(props.get("Tags"))),
    )
    return str(made["ARN"])


def _value(clients: Clients, props: Props) -> str:
    """Return a secret's value: given, or drawn as GenerateSecretString says."""
    wanted = props.get("GenerateSecretString")
    if wanted is None:
        return str(props.get("SecretString", ""))
    rules = {k: v for k, v in wanted.items() if k not in {"SecretStringTemplate",
                                                          "GenerateStringKey"}}
    drawn = ask(clients("secretsmanager"), "get_random_password", **rules)["RandomPassword"]
    if "SecretStringTemplate" not in wanted:
        return str(drawn)
    whole: dict[str, Any] = json.loads(wanted["SecretStringTemplate"])
    return json.dumps(whole | {wanted["GenerateStringKey"]: drawn})


def _set_secret(clients: Clients, secret: str, old: Props, new: Props) -> None:
    service, fields = clients("secretsmanager"), ("Description", "KmsKeyId")
    sources = ("SecretString", "GenerateSecretString")
    fresh = {} if some(old, *sources) == some(new, *sources) else {
        "SecretString": _value(clients, new)
    }
    if fresh or some(old, *fields) != some(new, *fields):
        service.update_secret(SecretId=secret, **some(new, *fields), **fresh)
    off, on = changed_tags(old, new)
    if off:
        service.untag_resource(SecretId=secret, TagKeys=off)
    if on:
        service.tag_resource(SecretId=secret, Tags=tags(on))


def _read_secret(clients: Clients, secret: str) -> Props | None:
    found = known_or_none(lambda: clients("secretsmanager").describe_secret(SecretId=secret))
    if found is None or found.get("DeletedDate"):
        return None
    return {key: found.get(key) for key in ("Name", "Description", "KmsKeyId")} | {
        "Tags": tags(found.get("Tags"))
    }


def _drop_secret(clients: Clients, secret: str, props: Props) -> None:
    clients("secretsmanager").delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)


_SECRET = Kind(
    "AWS::SecretsManager::Secret",
    listed("Description", "KmsKeyId", "SecretString", "GenerateSecretString", "Tags",
           always=("Name",)),
    _make_secret, _read_secret, _set_secret, _drop_secret, "Name", "Id", longest=512,
    attributes={"Id": lambda c, i, p, r: i},
)  # fmt: skip

KINDS = (_PARAMETER, _SECRET)
