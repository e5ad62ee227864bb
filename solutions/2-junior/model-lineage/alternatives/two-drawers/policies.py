"""Who may fetch a model, and what may happen to the ledger: AWS's own words for write-once."""

from __future__ import annotations

import json
from string import Template
from typing import Any

Site = dict[str, Any]
Document = dict[str, Any]

SERVING = """{"Version": "2012-10-17", "Statement": [{
  "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::$artefacts/models/*",
  "Condition": {"StringEquals": {"s3:ExistingObjectTag/$key": "$value"}}
}]}"""
LEDGER = """{"Version": "2012-10-17", "Statement": [{
  "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
  "Resource": "arn:aws:s3:::$ledger/*",
  "Condition": {
    "Null": {"s3:if-none-match": "true"},
    "Bool": {"s3:ObjectCreationOperation": "true"}
  }
}, {
  "Effect": "Deny", "Principal": "*", "Action": ["s3:DeleteObject", "s3:DeleteObjectVersion"],
  "Resource": "arn:aws:s3:::$ledger/*"
}, {
  "Effect": "Deny", "Principal": "*",
  "Action": ["s3:PutLifecycleConfiguration", "s3:PutBucketVersioning"],
  "Resource": "arn:aws:s3:::$ledger"
}]}"""


def serving(site: Site) -> Document:
    """Return the serving role's policy: it fetches what carries the tag."""
    tag = site["approved"]
    return filled(SERVING, artefacts=site["artefacts"], key=tag["Key"], value=tag["Value"])


def ledger(site: Site) -> Document:
    """Return the policy of the ledger's bucket; uploads in parts ask when they are completed."""
    return filled(LEDGER, ledger=site["ledger"])


def filled(text: str, **names: str) -> Document:
    """Return a policy with names put in."""
    found: Document = json.loads(Template(text).substitute(names))
    return found
