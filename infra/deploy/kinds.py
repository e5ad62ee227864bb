"""How each kind of thing that a run may leave in an account is found and destroyed.

    find(reach, run)      the things that bear the run's name or tag
    remove(reach, name)   destroys one; nothing happens when it is gone already

Limit: the services that labs use. What else carries the tag is found by the tagging API and named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from infra.deploy.account import Reach, code
from infra.deploy.runs import TAG, Run

WAITING = {"PendingDeletion", "PendingReplicaDeletion"}  # a key's last days, which cost nothing


@dataclass(frozen=True)
class Kind:
    """One kind of thing: the word for it, the service in its ARNs, and its two functions."""

    word: str
    service: str
    find: Callable[[Reach, Run], Iterator[str]]
    remove: Callable[[Reach, str], None]


def _pages(reach: Reach, service: str, operation: str, key: str, **words: Any) -> Iterator[Any]:
    pages = reach.client(service).get_paginator(operation).paginate(**words)
    return (item for page in pages for item in page.get(key, []))


def _mine(run: Run, name: str) -> bool:
    return name.startswith((f"{run.prefix}-", f"{run.prefix}/")) or name == run.prefix


# ---------------------------------------------------------------- storage and secrets


def _buckets(reach: Reach, run: Run) -> Iterator[str]:
    found = reach.client("s3").list_buckets()["Buckets"]
    return (one["Name"] for one in found if _mine(run, one["Name"]))


def _remove_bucket(reach: Reach, name: str) -> None:
    s3 = reach.client("s3")
    s3.delete_bucket_policy(Bucket=name)  # it may refuse what follows
    for upload in _pages(reach, "s3", "list_multipart_uploads", "Uploads", Bucket=name):
        s3.abort_multipart_upload(Bucket=name, Key=upload["Key"], UploadId=upload["UploadId"])
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
        every = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        objects = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in every]
        if objects:
            done = s3.delete_objects(Bucket=name, Delete={"Objects": objects, "Quiet": True})
            for error in done.get("Errors", [])[:1]:
                raise PermissionError(f"{error['Code']} on s3://{name}/{error['Key']}")
    s3.delete_bucket(Bucket=name)


def _secrets(reach: Reach, run: Run) -> Iterator[str]:
    listed = _pages(
        reach, "secretsmanager", "list_secrets", "SecretList", IncludePlannedDeletion=True
    )
    return (one["Name"] for one in listed if _mine(run, one["Name"]))


def _remove_secret(reach: Reach, name: str) -> None:
    reach.client("secretsmanager").delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


def _tables(reach: Reach, run: Run) -> Iterator[str]:
    names = _pages(reach, "dynamodb", "list_tables", "TableNames")
    return (name for name in names if _mine(run, name))


def _remove_table(reach: Reach, name: str) -> None:
    reach.client("dynamodb").delete_table(TableName=name)
    reach.client("dynamodb").get_waiter("table_not_exists").wait(TableName=name)


def _queues(reach: Reach, run: Run) -> Iterator[str]:
    yield from _pages(reach, "sqs", "list_queues", "QueueUrls", QueueNamePrefix=f"{run.prefix}-")


def _remove_queue(reach: Reach, url: str) -> None:
    reach.client("sqs").delete_queue(QueueUrl=url)


# ---------------------------------------------------------------- keys


def _keys(reach: Reach, run: Run) -> Iterator[str]:
    """Keys behind the run's aliases, and those with its tag; a key has no name of its own."""
    seen = set()
    for alias in _pages(reach, "kms", "list_aliases", "Aliases"):
        if _mine(run, alias["AliasName"].removeprefix("alias/")) and "TargetKeyId" in alias:
            seen.add(alias["TargetKeyId"])
            yield alias["TargetKeyId"]
    for arn in tagged(reach, run):
        key = arn.rpartition("/")[2]
        if arn.split(":")[2] == "kms" and key not in seen and not waits(reach, key):
            yield key


def waits(reach: Reach, key: str) -> bool:
    """Tell whether a key is on its way out, and costs nothing any more, or gone."""
    kms = reach.client("kms")
    try:
        return kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] in WAITING
    except kms.exceptions.NotFoundException:
        return True


def _remove_key(reach: Reach, key: str) -> None:
    """Have the key deleted after the seven days that AWS insists on; its names go at once, last."""
    kms = reach.client("kms")
    if not waits(reach, key):
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    for alias in list(_pages(reach, "kms", "list_aliases", "Aliases", KeyId=key)):
        kms.delete_alias(AliasName=alias["AliasName"])


def strays(reach: Reach, run: Run) -> Iterator[str]:
    """Return keys made since the run began that nobody has named or tagged: perhaps of a program
    that died between the two. They are told, never destroyed.

    Keys that the caller may not describe are other people's.
    """
    kms = reach.client("kms")
    named = {a.get("TargetKeyId") for a in _pages(reach, "kms", "list_aliases", "Aliases")}
    for row in _pages(reach, "kms", "list_keys", "Keys"):
        if row["KeyId"] in named:
            continue
        about = _describe(kms, row["KeyId"])
        fresh = about and about["CreationDate"].timestamp() >= run.started
        if fresh and about["KeyManager"] == "CUSTOMER" and about["KeyState"] not in WAITING:
            yield row["KeyId"]


def _describe(kms: Any, key: str) -> dict[str, Any]:
    from botocore.exceptions import ClientError

    try:
        return dict(kms.describe_key(KeyId=key)["KeyMetadata"])
    except ClientError as error:
        if code(error) not in {"AccessDeniedException", "NotFoundException"}:
            raise
        return {}


# ---------------------------------------------------------------- identities


def _roles(reach: Reach, run: Run) -> Iterator[str]:
    roles = _pages(reach, "iam", "list_roles", "Roles")
    return (one["RoleName"] for one in roles if _mine(run, one["RoleName"]))


def _remove_role(reach: Reach, name: str) -> None:
    iam = reach.client("iam")
    for one in _pages(reach, "iam", "list_attached_role_policies", "AttachedPolicies",
                      RoleName=name):  # fmt: skip
        iam.detach_role_policy(RoleName=name, PolicyArn=one["PolicyArn"])
    for policy in _pages(reach, "iam", "list_role_policies", "PolicyNames", RoleName=name):
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    for one in _pages(reach, "iam", "list_instance_profiles_for_role", "InstanceProfiles",
                      RoleName=name):  # fmt: skip
        profile = one["InstanceProfileName"]
        iam.remove_role_from_instance_profile(InstanceProfileName=profile, RoleName=name)
    iam.delete_role(RoleName=name)


def _users(reach: Reach, run: Run) -> Iterator[str]:
    users = _pages(reach, "iam", "list_users", "Users")
    return (one["UserName"] for one in users if _mine(run, one["UserName"]))


def _remove_user(reach: Reach, name: str) -> None:
    iam, who = reach.client("iam"), {"UserName": name}
    for key in _pages(reach, "iam", "list_access_keys", "AccessKeyMetadata", **who):
        iam.delete_access_key(AccessKeyId=key["AccessKeyId"], **who)
    for one in _pages(reach, "iam", "list_attached_user_policies", "AttachedPolicies", **who):
        iam.detach_user_policy(PolicyArn=one["PolicyArn"], **who)
    for policy in _pages(reach, "iam", "list_user_policies", "PolicyNames", **who):
        iam.delete_user_policy(PolicyName=policy, **who)
    for group in _pages(reach, "iam", "list_groups_for_user", "Groups", **who):
        iam.remove_user_from_group(GroupName=group["GroupName"], **who)
    iam.delete_user(**who)


def _policies(reach: Reach, run: Run) -> Iterator[str]:
    policies = _pages(reach, "iam", "list_policies", "Policies", Scope="Local")
    return (one["Arn"] for one in policies if _mine(run, one["PolicyName"]))


def _remove_policy(reach: Reach, arn: str) -> None:
    iam = reach.client("iam")
    for version in iam.list_policy_versions(PolicyArn=arn)["Versions"]:
        if not version["IsDefaultVersion"]:
            iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
    iam.delete_policy(PolicyArn=arn)


# ---------------------------------------------------------------- the budget, and the tag


def _budgets(reach: Reach, run: Run) -> Iterator[str]:
    budgets = reach.client("budgets")
    try:
        yield budgets.describe_budget(AccountId=run.account, BudgetName=run.prefix)["Budget"][
            "BudgetName"
        ]
    except budgets.exceptions.NotFoundException:
        return


def _remove_budget(reach: Reach, name: str) -> None:
    account = reach.client("sts").get_caller_identity()["Account"]
    reach.client("budgets").delete_budget(AccountId=account, BudgetName=name)


def tagged(reach: Reach, run: Run) -> Iterator[str]:
    """Return the ARNs that the tagging API knows with the run's tag; IAM's it does not know."""
    filters = [{"Key": TAG, "Values": [run.id]}]
    listed = _pages(
        reach, "resourcegroupstaggingapi", "get_resources", "ResourceTagMappingList",
        TagFilters=filters,
    )  # fmt: skip
    return (one["ResourceARN"] for one in listed)


# In the order in which they are destroyed: data first. The budget goes when all has gone.
KINDS = (
    Kind("bucket", "s3", _buckets, _remove_bucket),
    Kind("secret", "secretsmanager", _secrets, _remove_secret),
    Kind("table", "dynamodb", _tables, _remove_table),
    Kind("queue", "sqs", _queues, _remove_queue),
    Kind("key", "kms", _keys, _remove_key),
    Kind("user", "iam", _users, _remove_user),
    Kind("role", "iam", _roles, _remove_role),
    Kind("policy", "iam", _policies, _remove_policy),
    Kind("budget", "budgets", _budgets, _remove_budget),
)
