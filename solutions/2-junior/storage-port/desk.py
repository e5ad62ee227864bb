"""Stores and clients on the clouds of your desk, for trying things by hand. Given.

    ./ladder cloud up --with azure,gcp           # in the course's folder
    eval "$(./ladder cloud env)"
    python -i desk.py                            # here: `stores`, `boto`, `blobs`, `buckets`
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient
from botocore.config import Config
from google.api_core.exceptions import Conflict
from google.cloud.storage import Client
from port import Store, open_store

NAME = "larkmoor-desk"


def site() -> dict[str, Any]:
    """What a store needs, from the variables of `ladder cloud env`: no file has a key."""
    env = os.environ
    parts = dict(p.split("=", 1) for p in env["AZURE_STORAGE_CONNECTION_STRING"].split(";") if p)
    return {
        "s3": {
            "url": env["AWS_ENDPOINT_URL"], "region": env["AWS_REGION"], "bucket": NAME,
            "key_id": env["AWS_ACCESS_KEY_ID"], "secret": env["AWS_SECRET_ACCESS_KEY"],
        },
        "azure": {
            "url": parts["BlobEndpoint"].rpartition("/")[0], "container": NAME,
            "account": parts["AccountName"], "key": parts["AccountKey"],
        },
        "google": {
            "url": env["API_ENDPOINT_OVERRIDE"], "bucket": NAME,
            "key_file": json.loads(Path(env["GOOGLE_APPLICATION_CREDENTIALS"]).read_text()),
        },
    }  # fmt: skip


def written() -> dict[str, Store]:
    """Open the stores whose adapters are written so far."""
    found: dict[str, Store] = {}
    for cloud in ("s3", "azure", "google"):
        try:
            found[cloud] = open_store(cloud, site())
        except NotImplementedError:
            print(f"{cloud}: no adapter yet")
    return found


if __name__ == "__main__":
    boto = boto3.client("s3", config=Config(retries={"total_max_attempts": 1}))
    blobs = BlobServiceClient.from_connection_string(
        os.environ["AZURE_STORAGE_CONNECTION_STRING"], retry_total=0
    )
    buckets = Client()
    with suppress(boto.exceptions.BucketAlreadyOwnedByYou):
        place: Any = {"LocationConstraint": os.environ["AWS_REGION"]}
        boto.create_bucket(Bucket=NAME, CreateBucketConfiguration=place)
    with suppress(ResourceExistsError):
        blobs.create_container(NAME)
    with suppress(Conflict):
        buckets.create_bucket(NAME)
    stores = written()
