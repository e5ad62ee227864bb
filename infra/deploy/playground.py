"""What `up --on aws` makes: a budget, a role for the desk, a bucket. Each step may be run again.

Limit: the role keeps accidents in, not somebody who wants out: a lab makes roles with it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from infra.cloud.desk import DeskError
from infra.deploy.account import Caller, Reach, ask, code, told
from infra.deploy.runs import TAG, Run

THRESHOLDS = (("ACTUAL", 50.0), ("ACTUAL", 100.0), ("FORECASTED", 100.0))  # percent of the limit
PATIENCE = 90.0  # seconds until a new role has spread through IAM


def plan(run: Run) -> list[str]:
    """Return what would be made, in order."""
    return [
        f"budget   {run.prefix}: {run.limit} USD a month for the whole account, mail to {run.mail}",
        f"role     {run.role}: only names that begin with {run.prefix}, only in {run.region}",
        f"bucket   {run.bucket}: empty, closed to the public",
    ]


def make(reach: Reach, caller: Caller, run: Run) -> Iterator[str]:
    """Make what is not there yet; yield each step's name when it is done. Raises DeskError."""
    _budget(reach, run)
    yield "budget"
    _role(reach, caller, run)
    yield "role"
    _bucket(reach, run)
    yield "bucket"
    _until_the_role_works(reach, run)
    yield "signed in as the role"


def _budget(reach: Reach, run: Run) -> None:
    """First of all. It counts the whole account: a budget of one tag sees nothing until somebody
    has switched that tag on for billing, and then only from the next day.
    """
    from botocore.exceptions import ClientError

    subscriber = {"SubscriptionType": "EMAIL", "Address": run.mail}
    notices = [{
        "Notification": {
            "NotificationType": kind, "ComparisonOperator": "GREATER_THAN",
            "Threshold": share, "ThresholdType": "PERCENTAGE",
        },
        "Subscribers": [subscriber],
    } for kind, share in THRESHOLDS]  # fmt: skip
    budget = {
        "BudgetName": run.prefix, "BudgetType": "COST", "TimeUnit": "MONTHLY",
        "BudgetLimit": {"Amount": run.limit, "Unit": "USD"},
    }
    try:
        reach.client("budgets").create_budget(
            AccountId=run.account, Budget=budget, NotificationsWithSubscribers=notices,
            ResourceTags=run.tags,
        )
    except ClientError as error:
        if code(error) != "DuplicateRecordException":
            raise DeskError(
                f"without a budget nothing is made: {told(error)}",
                "have budgets:ModifyBudget granted, then the same command",
            ) from None


def _role(reach: Reach, caller: Caller, run: Run) -> None:
    iam = reach.client("iam")
    trust = {
        "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"AWS": _principal(iam, caller)},
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    try:
        ask(
            iam.create_role, RoleName=run.role, Path=run.path, AssumeRolePolicyDocument=document,
            Description="The desk of one Cloud AI Ladder run", Tags=run.tags,
        )
    except DeskError as error:
        if "EntityAlreadyExists" not in str(error):
            raise
        ask(iam.tag_role, RoleName=run.role, Tags=run.tags)
    ask(
        iam.put_role_policy, RoleName=run.role, PolicyName="desk",
        PolicyDocument=json.dumps(bounds(run)),
    )


def _principal(iam: Any, caller: Caller) -> str:
    """Return the ARN that a trust policy knows the caller by; a session's is that of its role."""
    if not caller.role:
        return caller.arn
    return str(ask(iam.get_role, RoleName=caller.role)["Role"]["Arn"])


def bounds(run: Run) -> dict[str, Any]:
    """Return the policy of the desk's role: this run's names, this region."""
    here = {"StringEquals": {"aws:RequestedRegion": run.region}}
    mine = f"arn:aws:iam::{run.account}:role/{run.prefix}-*"
    alias = f"arn:aws:kms:{run.region}:{run.account}:alias/{run.prefix}-*"
    ours = {"ForAnyValue:StringLike": {"kms:ResourceAliases": f"alias/{run.prefix}-*"}}
    vault = f"arn:aws:secretsmanager:{run.region}:{run.account}:secret:{run.prefix}/*"
    return {"Version": "2012-10-17", "Statement": [
        _allow("s3:*", [f"arn:aws:s3:::{run.prefix}-*", f"arn:aws:s3:::{run.prefix}-*/*"]),
        _allow("s3:ListAllMyBuckets", "*"),
        # A new key has no alias yet: it is made, set to rotate, and only then named.
        _allow(["kms:CreateKey", "kms:DescribeKey", "kms:EnableKeyRotation", "kms:ListAliases"],
               "*", here),
        _allow("kms:CreateAlias", [alias, f"arn:aws:kms:{run.region}:{run.account}:key/*"]),
        _allow("kms:DeleteAlias", alias),
        _allow("kms:*", "*", ours),
        _allow("secretsmanager:*", vault),
        _allow(["secretsmanager:GetRandomPassword", "secretsmanager:ListSecrets"], "*", here),
        _allow(["iam:*Role", "iam:*RolePolicy", "iam:*RolePolicies", "iam:*RoleTags",
                "iam:UpdateAssumeRolePolicy"], mine),
        _allow("sts:AssumeRole", mine),
    ]}  # fmt: skip


def _allow(
    actions: str | list[str], resources: str | list[str], condition: dict[str, Any] | None = None
) -> dict[str, Any]:
    found: dict[str, Any] = {"Effect": "Allow", "Action": actions, "Resource": resources}
    return found | ({"Condition": condition} if condition else {})


def _bucket(reach: Reach, run: Run) -> None:
    """Make, close, tag: a process that dies in between leaves a bucket that its name betrays."""
    s3 = reach.client("s3")
    place = {"CreateBucketConfiguration": {"LocationConstraint": run.region}}
    try:
        ask(s3.create_bucket, Bucket=run.bucket, **({} if run.region == "us-east-1" else place))
    except DeskError as error:
        if "BucketAlreadyOwnedByYou" not in str(error):
            raise
    closed = dict.fromkeys(
        ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
    )
    ask(s3.put_public_access_block, Bucket=run.bucket, PublicAccessBlockConfiguration=closed)
    ask(s3.put_bucket_tagging, Bucket=run.bucket, Tagging={"TagSet": run.tags})


def _until_the_role_works(reach: Reach, run: Run) -> None:
    """A new role is known everywhere in IAM only after some seconds."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            ask(reach.client("sts").assume_role, RoleArn=run.role_arn, RoleSessionName=TAG)
            return
        except DeskError as error:
            if "AccessDenied" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(1)
