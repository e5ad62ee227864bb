"""Credentials of the desk's role for SDKs, asked for when they are needed. Writes none.

    [profile cloud-ai-ladder]
    credential_process = python -m infra.deploy.session FOLDER

SDKs run the program, read its answer and hold it for an hour. Limit: needs the learner's profile.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from infra.cloud.desk import DeskError, Folder
from infra.deploy import PROFILE, runs
from infra.deploy.account import ask, own_settings, session
from infra.deploy.runs import TAG, Run


def config(folder: Folder, run: Run) -> Path:
    """Write the SDKs' configuration of the desk, which holds no credentials; return its path."""
    here = str(folder.path.resolve())
    program = " ".join(
        f'"{word}"' for word in (sys.executable, "-P", "-m", "infra.deploy.session", here)
    )
    lines = [f"[profile {PROFILE}]", f"region = {run.region}", f"credential_process = {program}"]
    if run.endpoint:
        lines.append(f"endpoint_url = {run.endpoint}")
    if bundle := ca(run):
        lines.append(f"ca_bundle = {bundle}")
    folder.write("config", "\n".join([*lines, ""]))
    return (folder.path / "config").resolve()


def ca(run: Run) -> str:
    """Return the CA bundle of the learner's profile, empty when it names none."""
    scoped: dict[str, Any] = session(run.profile)._session.get_scoped_config()
    return str(scoped.get("ca_bundle", ""))


def variables(folder: Folder, run: Run) -> dict[str, str]:
    """Return the variables that lead SDKs and labs to the playground; none is a secret."""
    return {
        "LADDER_AWS_CONFIG_FILE": os.environ.get("AWS_CONFIG_FILE", ""),
        "AWS_CONFIG_FILE": str(config(folder, run)), "AWS_PROFILE": PROFILE,
        "AWS_REGION": run.region, "AWS_DEFAULT_REGION": run.region,
        "AWS_EC2_METADATA_DISABLED": "true", "LADDER_PREFIX": run.prefix,
        "LADDER_BUCKET": run.bucket,
    }


def desk(run: Run) -> Any:
    """Return a maker of clients with the rights of the desk's role."""
    import boto3

    got = credentials(run)
    keys = ("AccessKeyId", "SecretAccessKey", "SessionToken")
    signed = boto3.session.Session(*(got[key] for key in keys), region_name=run.region)

    def client(service: str) -> Any:
        return signed.client(service, endpoint_url=run.endpoint or None, verify=ca(run) or None)

    return client


def credentials(run: Run) -> dict[str, Any]:
    """Return the role's credentials in the shape that `credential_process` prints."""
    sts = session(run.profile, run.region).client("sts")
    got = ask(sts.assume_role, RoleArn=run.role_arn, RoleSessionName=TAG)["Credentials"]
    return {
        "Version": 1, "AccessKeyId": got["AccessKeyId"], "SecretAccessKey": got["SecretAccessKey"],
        "SessionToken": got["SessionToken"], "Expiration": got["Expiration"].isoformat(),
    }


def main() -> None:
    """Print the credentials; SDKs read standard output."""
    run = runs.read(Folder(Path(sys.argv[1])))
    own_settings()
    try:
        if run is None:
            raise DeskError("no run of this desk", "./ladder cloud up --on aws", code=1)
        print(json.dumps(credentials(run)))
    except DeskError as error:
        raise SystemExit(f"{error}\n  -> {error.then}") from None


if __name__ == "__main__":
    main()
