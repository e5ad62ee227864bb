"""Who may fetch a model, and what may happen to the ledger: by what is denied."""

from __future__ import annotations

from typing import Any

Site = dict[str, Any]
Document = dict[str, Any]


def serving(site: Site) -> Document:
    """Return the serving role's policy: fetch models, unless they say anything but approved."""
    models = f"arn:aws:s3:::{site['artefacts']}/models/*"
    tag = f"s3:ExistingObjectTag/{site['approved']['Key']}"
    unless = {"StringNotEquals": {tag: site["approved"]["Value"]}}
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "s3:GetObject", "Resource": models},
            {"Effect": "Deny", "Action": "s3:*", "Resource": models, "Condition": unless},
        ],
    }


def ledger(site: Site) -> Document:
    """Return the policy of the ledger's bucket: only reading and first writes are not denied."""
    bucket = f"arn:aws:s3:::{site['ledger']}"

    def deny(condition: Document | None = None, **scope: Any) -> Document:
        found = {"Effect": "Deny", "Principal": "*", "Resource": [bucket, f"{bucket}/*"], **scope}
        return found | ({"Condition": condition} if condition else {})

    return {
        "Version": "2012-10-17",
        "Statement": [
            deny(Action=["s3:Delete*", "s3:PutLifecycle*", "s3:PutBucketVersioning"]),
            deny({"StringNotEquals": {"s3:if-none-match": "*"}}, Action="s3:PutObject"),
        ],
    }
