"""Who may fetch a model, and what may happen to the ledger: documents, made from site.json."""

from __future__ import annotations

from typing import Any

Site = dict[str, Any]
Document = dict[str, Any]


def document(*statements: Document) -> Document:
    """Return a policy."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def serving(site: Site) -> Document:
    """Return the serving role's policy: it fetches approved artefacts, and does nothing else."""
    ### BEGIN SOLUTION: one statement; the object itself says whether it is approved
    tag = site["approved"]
    return document({
        "Effect": "Allow",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{site['artefacts']}/models/*",
        "Condition": {"StringEquals": {f"s3:ExistingObjectTag/{tag['Key']}": tag["Value"]}},
    })
    ### END SOLUTION


def ledger(site: Site) -> Document:
    """Return the policy of the ledger's bucket: entries are added, none is changed or removed."""
    ### BEGIN SOLUTION: no write without If-None-Match, and nothing that deletes now or later
    bucket = f"arn:aws:s3:::{site['ledger']}"
    overwrite = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"{bucket}/*",
        "Condition": {"Null": {"s3:if-none-match": "true"}},
    }
    remove = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutLifecycleConfiguration",
                   "s3:PutBucketVersioning"],
        "Resource": [bucket, f"{bucket}/*"],
    }  # fmt: skip
    return document(overwrite, remove)
    ### END SOLUTION
