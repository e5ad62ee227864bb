"""Carry a lake into the emulated S3: the step that s3a:// paths make unnecessary on AWS.

    python carry.py lake

Only what differs is sent, and what is gone is deleted. Given; not yours to change.
"""

from __future__ import annotations

import hashlib
import json
import sys
from contextlib import suppress
from pathlib import Path

import boto3

SITE: dict[str, str] = json.loads(Path("site.json").read_text())
HERE = {"LocationConstraint": "eu-central-1"}


def seen(path: Path, lake: Path) -> bool:
    """Tell whether Hive sees a file: no part of its path begins with a dot or an underscore."""
    parts = path.relative_to(lake).parts
    return path.is_file() and not any(part.startswith((".", "_")) for part in parts)


def main(lake: Path) -> None:
    """Make the objects below the prefix those of the lake."""
    s3 = boto3.client("s3")
    for name in (SITE["bucket"], SITE["results"].removeprefix("s3://").rstrip("/")):
        with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
            s3.create_bucket(Bucket=name, CreateBucketConfiguration=HERE)
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=SITE["bucket"], Prefix=SITE["prefix"]
    )
    listed = [one for page in pages for one in page.get("Contents", [])]
    there = {one["Key"]: one["ETag"].strip('"') for one in listed}
    paths = [path for path in sorted(lake.rglob("*")) if seen(path, lake)]
    mine = {SITE["prefix"] + path.relative_to(lake).as_posix(): path for path in paths}
    for key in sorted(there.keys() - mine.keys()):
        s3.delete_object(Bucket=SITE["bucket"], Key=key)
    sent = 0
    for key, path in mine.items():
        body = path.read_bytes()
        if there.get(key) != hashlib.md5(body).hexdigest():
            s3.put_object(Bucket=SITE["bucket"], Key=key, Body=body)
            sent += 1
    print(f"{len(mine)} objects, {sent} sent, {len(there.keys() - mine.keys())} deleted")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
