"""The policy documents of the pharmacy: who may do what, to which thing, on what condition.

Builds documents and calls no cloud; `stack.py` puts them in force.
"""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]
Statement = dict[str, Any]
Site = dict[str, Any]


def document(*statements: Statement) -> Document:
    """A policy of these statements, in the language's current version."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(actions: str | list[str], resources: str | list[str], **condition: Any) -> Statement:
    """Permit `actions` on `resources`, where every operator of `condition` holds."""
    statement = {"Effect": "Allow", "Action": actions, "Resource": resources}
    return statement | ({"Condition": condition} if condition else {})


def deny_all(actions: str | list[str], resources: str | list[str], **condition: Any) -> Statement:
    """Refuse everybody, whatever else permits it. For resource policies."""
    return allow(actions, resources, **condition) | {"Effect": "Deny", "Principal": "*"}


def via(site: Site, *services: str) -> dict[str, list[str]]:
    """The condition "only when one of these services asks the key on the caller's behalf"."""
    return {"kms:ViaService": [f"{service}.{site['region']}.amazonaws.com" for service in services]}


def trust(site: Site, role: str) -> Document:
    """Only this role's own host may put it on."""
    host = {"AWS": site["roles"][role]["host"]}
    return document({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": host})


def key(site: Site) -> Document:
    """The account decides by IAM who uses the key.

    Without this statement IAM has no say over the key, and nobody can mend it.
    """
    account = {"AWS": f"arn:aws:iam::{site['account']}:root"}
    return document({"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Principal": account})


def bucket(site: Site, key_arn: str) -> Document:
    """No plain HTTP for anybody, and no object under another key than ours."""
    # TODO: refuse plain HTTP, and refuse writes that ask for other encryption
    raise NotImplementedError


def intake(site: Site, key_arn: str, secret_arn: str) -> Document:
    """Drops prescriptions and receipts in, and can look at neither."""
    # TODO: permit the intake's writes, and what the key must do for them
    raise NotImplementedError


def dispatch(site: Site, key_arn: str, secret_arn: str) -> Document:
    """Lists and reads the prescriptions of its own depots, and logs in to the database."""
    # TODO: permit listing and reading the site's depots, and reading the secret
    raise NotImplementedError


def rotator(site: Site, key_arn: str, secret_arn: str) -> Document:
    """Replaces the value of one secret."""
    # TODO: permit the four steps of a rotation on this secret
    raise NotImplementedError
