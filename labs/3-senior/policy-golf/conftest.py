"""The claims desk of one seed: its account, its months, what lies beside them, and the ground.

No program of the learner's runs here: three documents are read, filled with an account's names,
published there, and judged by what the roles that carry them can do. A call is [service, operation,
parameters] in boto3's words; texts in round brackets stand for what only the moment knows.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from botocore.exceptions import ClientError
from larkmoor import stream
from larkmoor.account import ACCOUNT, NETWORK, REGIONS

from autograder import fixture, given
from infra.cloud.fixtures import Identity, loopback, private_cloud
from infra.cloud.surface import granted

ROLES = ("assessor", "cashier", "releaser")
PAR = 55
LONGEST = 6144  # characters of a managed policy, white space not counted
REFUSALS = {"AccessDenied", "AccessDeniedException", "AccessDeniedFault"}
VAULT = b"what everybody earns"
HEX = "0123456789abcdef"
PHOTO = "photos/{now}/{depot}/{claim}/1.jpg"
VERDICT = "verdicts/{now}/{claim}.json"
CLAIM, BANK = "CLAIM#{claim}", "BANK#{claim}"
Call = list[Any]
Site = dict[str, Any]


# --- names and months ------------------------------------------------------------------------


def names(seed: int) -> Site:
    """The names of one claims desk; nothing in them can be known before they are read."""
    rng = stream(seed, "claims desk")
    tag = "".join(HEX[i] for i in rng.integers(16, size=6))
    key = "-".join("".join(HEX[i] for i in rng.integers(16, size=n)) for n in (8, 4, 4, 4, 12))
    return {
        "account": ACCOUNT,
        "region": REGIONS[rng.integers(len(REGIONS))],
        "claims": f"larkmoor-claims-{tag}",
        "bank": f"larkmoor-bank-{tag}",
        "builds": f"larkmoor-builds-{tag}",
        "key": key,
        "secret": f"claims/bank-{tag}",
        "queue": f"claims-{tag}",
        "table": f"claims-{tag}",
        "functions": f"claims-{tag}",
        "fence": f"claims-fence-{tag}",
        "tag": tag,
    }


def months(seed: int) -> tuple[str, str]:
    """The month that was recorded and the next one, which begins a quarter."""
    rng = stream(seed, "claims months")
    year, quarter = 2024 + int(rng.integers(4)), int(rng.integers(4))
    last = year * 12 + 3 * quarter + 2
    ends, begins = (f"{month // 12}-{month % 12 + 1:02d}" for month in (last, last + 1))
    return ends, begins


def afterwards(seed: int) -> str:
    """A third month, up to a year on, which begins no quarter."""
    return _before(months(seed)[0], -int(stream(seed, "claims afterwards").choice([2, 5, 8, 11])))


def coined(seed: int) -> tuple[str, str]:
    """What whoever writes functions calls the next two; the second one takes over from the old."""
    rng = stream(seed, "claims functions")
    plain = f"{_letters(rng, int(rng.choice([2, 3, 6, 7, 8])))}{rng.integers(2, 10)}"
    long = f"{plain}-{_letters(rng, int(rng.integers(3, 9)))}"
    return (long if rng.integers(2) else plain), f"legacy-{_letters(rng, int(rng.integers(2, 9)))}"


def picture(rng: np.random.Generator) -> str:
    """What a customer calls a picture."""
    words = [_letters(rng, int(rng.integers(1, 7))) for _ in range(rng.integers(1, 3))]
    return "-".join([*words, *([str(rng.integers(1, 30))] * int(rng.integers(2)))])


def _letters(rng: np.random.Generator, length: int) -> str:
    return "".join(chr(ord("a") + i) for i in rng.integers(26, size=length))


def claim(rng: np.random.Generator) -> str:
    """A claim's number."""
    return f"C-{rng.integers(10**6):06d}"


def _before(month: str, back: int) -> str:
    number = int(month[:4]) * 12 + int(month[5:]) - 1 - back
    return f"{number // 12}-{number % 12 + 1:02d}"


def _quarter(month: str) -> str:
    return f"{month[:4]}-Q{(int(month[5:]) + 2) // 3}"


# --- a month of each program -----------------------------------------------------------------


def recorded(of: Site, role: str, seed: int) -> list[Call]:
    """The calls of a role in the month that was recorded."""
    return month_of(of, role, seed, months(seed)[0], "notify", ("resize",))


def next_month(of: Site, role: str, seed: int) -> list[Call]:
    """The calls of the same program a month later: films, restatements, a new function."""
    old = ("resize", "notify")
    return month_of(of, role, seed, months(seed)[1], coined(seed)[0], old)


def third_month(of: Site, role: str, seed: int) -> list[Call]:
    """The calls of the same program later in the year."""
    fresh, fresher = coined(seed)
    return month_of(of, role, seed, afterwards(seed), fresher, ("resize", fresh))


def month_of(
    of: Site, role: str, seed: int, month: str, fresh: str, old: Sequence[str]
) -> list[Call]:
    """The calls of one month; in a later one there are films and, at its time, restatements."""
    rng = stream(seed, "claims", role, month)
    if role == "releaser":
        return _releases(of, rng, fresh, old)
    later = month != months(seed)[0]
    return (_assessments if role == "assessor" else _payments)(of, rng, month, later)


def _assessments(of: Site, rng: np.random.Generator, month: str, later: bool) -> list[Call]:
    calls: list[Call] = []
    for number in [claim(rng) for _ in range(4)]:
        depot = NETWORK[rng.integers(len(NETWORK))]
        pictures = [("photos", f"{picture(rng)}.jpg"), ("photos", f"{picture(rng)}.jpg")]
        pictures += [("films", f"{picture(rng)}.mp4")] * later
        calls.append(["sqs", "receive_message", {"QueueUrl": "(queue)"}])
        for kind in dict.fromkeys(kind for kind, _ in pictures):
            place = f"{kind}/{month}/{depot}/{number}/"
            calls.append(["s3", "list_objects_v2", {"Bucket": of["claims"], "Prefix": place}])
        calls += [
            s3("get_object", of["claims"], f"{kind}/{month}/{depot}/{number}/{name}")
            for kind, name in pictures
        ]
        calls.append(row("get_item", of, f"CLAIM#{number}"))
        calls.append(row("update_item", of, f"CLAIM#{number}", **SET))
        calls.append(s3("put_object", of["claims"], f"verdicts/{month}/{number}.json", Body="{}"))
        calls.append(["sqs", "delete_message", RECEIPT])
    later_on = ["sqs", "change_message_visibility", RECEIPT | {"VisibilityTimeout": 9}]
    return [*calls, calls[0], later_on]


def _payments(of: Site, rng: np.random.Generator, month: str, later: bool) -> list[Call]:
    numbers = [claim(rng) for _ in range(4)]
    calls: list[Call] = [
        month_rows(of, month),
        ["secretsmanager", "get_secret_value", {"SecretId": of["secret"]}],
        ["s3", "list_objects_v2", {"Bucket": of["claims"], "Prefix": f"verdicts/{month}/"}],
    ]
    for number in numbers:
        calls.append(s3("get_object", of["claims"], f"verdicts/{month}/{number}.json"))
        calls.append(row("get_item", of, f"BANK#{number}"))
        calls.append(s3("put_object", of["bank"], f"outbox/{month}/{number}.xml", Body="<p/>"))
    calls.append(["s3", "list_objects_v2", {"Bucket": of["bank"], "Prefix": f"receipts/{month}/"}])
    calls += [
        s3("get_object", of["bank"], f"receipts/{month}/{number}.xml") for number in numbers[:2]
    ]
    quarter = _quarter(_before(month, 1))
    again = [
        s3("put_object", of["bank"], f"restatements/{quarter}/{one}.xml", Body="<p/>")
        for one in numbers[:2]
    ]
    return calls + (again if later and _quarter(month) != quarter else [])


def _releases(of: Site, rng: np.random.Generator, new: str, others: Sequence[str]) -> list[Call]:
    fresh, *old = (f"{of['functions']}-{one}" for one in (new, *others))
    calls: list[Call] = [
        ["iam", "create_role", run_role(of, fresh)],
        ["iam", "put_role_policy", {
            "RoleName": fresh, "PolicyName": "run", "PolicyDocument": "(little)",
        }],
        ["iam", "get_role", {"RoleName": fresh}],
        build("put_object", of, fresh, rng),
        ["lambda", "create_function", new_function(fresh, run_arn(of, fresh))],
        ["lambda", "publish_version", {"FunctionName": fresh}],
        ["lambda", "create_alias", {"FunctionName": fresh, "Name": "live", "FunctionVersion": "1"}],
    ]  # fmt: skip
    for one in old:
        calls += [
            build("put_object", of, one, rng),
            ["lambda", "get_function_configuration", {"FunctionName": one}],
            ["lambda", "update_function_code", {"FunctionName": one, "ZipFile": "(zip)"}],
            ["lambda", "publish_version", {"FunctionName": one}],
            ["lambda", "update_alias", {
                "FunctionName": one, "Name": "live", "FunctionVersion": "1",
            }],
        ]  # fmt: skip
    last = next(call[2]["Key"] for call in reversed(calls) if call[0] == "s3")
    return [*calls, s3("get_object", of["builds"], last)]


# --- calls in short --------------------------------------------------------------------------

SET = {
    "UpdateExpression": "SET verdict = :v", "ExpressionAttributeValues": {":v": {"S": "pay"}},
}  # fmt: skip
RECEIPT = {"QueueUrl": "(queue)", "ReceiptHandle": "(receipt)"}


def s3(operation: str, bucket: str, key: str, **more: Any) -> Call:
    """A call about one object."""
    return ["s3", operation, {"Bucket": bucket, "Key": key, **more}]


def row(operation: str, of: Site, key: str, **more: Any) -> Call:
    """A call about one row of the table."""
    return ["dynamodb", operation, {"TableName": of["table"], "Key": {"pk": {"S": key}}, **more}]


def month_rows(of: Site, month: str) -> Call:
    """The question for the rows of a month."""
    return partition(of, f"MONTH#{month}")


def partition(of: Site, key: str) -> Call:
    """The question for all rows under one key."""
    return ["dynamodb", "query", {
        "TableName": of["table"], "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": {"S": key}},
    }]  # fmt: skip


def build(operation: str, of: Site, function: str, rng: np.random.Generator) -> Call:
    """A call about a build of a function."""
    name = "".join(HEX[i] for i in rng.integers(16, size=12))
    more = {"Body": "zip"} if operation == "put_object" else {}
    return s3(operation, of["builds"], f"claims/{function}/{name}.zip", **more)


def arn(of: Site, tail: str) -> str:
    """An ARN of IAM's."""
    return f"arn:aws:iam::{of['account']}:{tail}"


def run_arn(of: Site, function: str) -> str:
    """The role that a function of the desk's runs as."""
    return arn(of, f"role/claims/run/{function}")


def fence_arn(of: Site, more: str = "") -> str:
    """The permissions boundary of all such roles; with `more`, a policy of a similar name."""
    return arn(of, f"policy/claims/{of['fence']}{more}")


def run_role(of: Site, function: str) -> dict[str, Any]:
    """What makes such a role."""
    return {
        "Path": "/claims/run/", "RoleName": function, "PermissionsBoundary": fence_arn(of),
        "AssumeRolePolicyDocument": trust({"Service": "lambda.amazonaws.com"}),
    }  # fmt: skip


def new_function(name: str, role: str) -> dict[str, Any]:
    """What makes a function."""
    return {
        "FunctionName": name, "Role": role, "Runtime": "python3.12", "Handler": "app.handler",
        "Code": {"ZipFile": "(zip)"}, "MemorySize": 512, "Timeout": 60,
    }  # fmt: skip


def trust(principal: Any) -> str:
    """A trust policy."""
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return document(statement)


def document(*statements: dict[str, Any]) -> str:
    """A policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


ALL = document({"Effect": "Allow", "Action": "*", "Resource": "*"})


# --- what is next to the work ----------------------------------------------------------------


def probes(of: Site, role: str, seed: int) -> list[tuple[str, Call]]:
    """All calls beside a role's work: the first one of each of ten families, then the rest."""
    rng = stream(seed, "claims probes", role)
    when = dates(seed)
    make = {"assessor": _beside_assessor, "cashier": _beside_cashier, "releaser": _beside_releaser}
    families = make[role](of, when) | _everyones(of, role)
    rest = [(name, call) for name, calls in families.items() for call in calls[1:]]
    first = [(name, calls[0]) for name, calls in families.items()]
    return first + [rest[i] for i in rng.permutation(len(rest))]


def told(of: Site, seed: int) -> dict[str, Any]:
    """What the learner sees: each role's recorded month, and forty of the probes."""
    found = {}
    for number, role in enumerate(ROLES):
        beside = [call for _, call in probes(of, role, seed)]
        found[role] = {
            "passes": recorded(of, role, seed), "refused": beside[: 13 + (number == 2)]
        }
    return found


def _everyones(of: Site, role: str) -> dict[str, list[Call]]:
    key, own = {"KeyId": "(key)"}, policy_arn(of, role)
    return {
        "using the key by itself": [
            ["kms", "decrypt", {"CiphertextBlob": "(ciphertext)"}],
            ["kms", "generate_data_key", key | {"KeySpec": "AES_256"}],
            ["kms", "encrypt", key | {"Plaintext": "x"}],
            ["kms", "create_grant", key | {
                "GranteePrincipal": roles(of)[role], "Operations": ["Decrypt"],
            }],
            ["kms", "disable_key", key],
        ],
        "changing its own rights": [
            ["iam", "create_policy_version", {
                "PolicyArn": own, "PolicyDocument": ALL, "SetAsDefault": False,
            }],
            ["iam", "attach_role_policy", {
                "RoleName": f"{role}-{of['tag']}", "PolicyArn": ADMINISTRATOR,
            }],
            ["iam", "put_role_policy", {
                "RoleName": f"{role}-{of['tag']}", "PolicyName": "more", "PolicyDocument": ALL,
            }],
            ["iam", "create_access_key", {"UserName": f"admin-{of['tag']}"}],
            ["iam", "put_user_policy", {
                "UserName": f"admin-{of['tag']}", "PolicyName": "more", "PolicyDocument": ALL,
            }],
        ],
        "opening the vault and the copies": [
            s3("get_object", buckets(of)["vault"], "payroll.csv"),
            s3("get_object", buckets(of)["backup"], "verdicts/old.json"),
            s3("put_object", buckets(of)["backup"], "verdicts/new.json", Body="{}"),
            ["s3", "list_objects_v2", {"Bucket": buckets(of)["backup"]}],
        ],
        "changing a bucket": [
            ["s3", "put_bucket_policy", {"Bucket": of["claims"], "Policy": "(open)"}],
            ["s3", "get_bucket_policy", {"Bucket": of["bank"]}],
            ["s3", "put_bucket_versioning", {
                "Bucket": of["builds"], "VersioningConfiguration": {"Status": "Suspended"},
            }],
            ["s3", "list_object_versions", {"Bucket": of["claims"]}],
            ["s3", "delete_bucket", {"Bucket": of["claims"]}],
            ["s3", "put_bucket_lifecycle_configuration", {
                "Bucket": of["claims"], "LifecycleConfiguration": {"Rules": [
                    {"ID": "all", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}},
                ]},
            }],
        ],
    }  # fmt: skip


def _beside_assessor(of: Site, when: dict[str, str]) -> dict[str, list[Call]]:
    claims, queue = of["claims"], {"QueueUrl": "(queue)"}
    photo, verdict = PHOTO.format(**when), VERDICT.format(**when)
    film = f"films/{photo.removeprefix('photos/')}"
    return {
        "reading other folders": [
            s3("get_object", claims, key) for key in (
                "models/judge.bin", verdict, f"photos-raw/{photo.removeprefix('photos/')}",
                "photos/upload.log", verdict.replace("verdicts/", "verdicts-draft/"),
            )
        ],
        "writing elsewhere": [
            s3("put_object", claims, key, Body="{}") for key in (
                photo, "models/judge.bin", film, verdict.replace("verdicts/", "verdicts-draft/"),
                f"verdicts/{when['now']}/summary.csv",
            )
        ],
        "listing more than a claim": _listings(
            claims, (
                "", "photos/", f"photos/{when['now']}/", f"verdicts/{when['now']}/", "films/",
                *(
                    f"{kind}/{when['now']}/{when['depot']}/{cut}"
                    for kind in ("photos", "films") for cut in ("", "C-", when["claim"][:4])
                ),
            ),
        ),
        "removing": [
            s3("delete_object", claims, photo), s3("delete_object", claims, verdict),
            row("delete_item", of, CLAIM.format(**when)),
            ["dynamodb", "delete_table", {"TableName": of["table"]}],
        ],
        "looking into other rows": [
            row("get_item", of, BANK.format(**when)),
            row("update_item", of, BANK.format(**when), **SET), row("get_item", of, "STAFF#7"),
            month_rows(of, when["now"]), ["dynamodb", "scan", {"TableName": of["table"]}],
            row("get_item", of | {"table": f"payroll-{of['tag']}"}, CLAIM.format(**when)),
        ],
        "other people's queues": [
            ["sqs", "send_message", queue | {"MessageBody": "{}"}],
            ["sqs", "receive_message", {"QueueUrl": "(dead)"}],
            ["sqs", "receive_message", {"QueueUrl": "(payroll)"}],
            ["sqs", "purge_queue", queue],
        ],
    }  # fmt: skip


def _beside_cashier(of: Site, when: dict[str, str]) -> dict[str, list[Call]]:
    claims, bank, now = of["claims"], of["bank"], when["now"]
    photo, verdict = PHOTO.format(**when), VERDICT.format(**when)
    paper = f"{now}/{when['claim']}.xml"
    return {
        "reading what it need not": [
            s3("get_object", bank, "keys/sftp.pem"), s3("get_object", claims, photo),
            s3("get_object", claims, f"verdicts/{now}/summary.csv"),
            s3("get_object", bank, f"receipts/{now}/statement.pdf"),
            s3("get_object", bank, f"outbox/{paper}"),
            s3("get_object", claims, f"films/{photo.removeprefix('photos/')}"),
        ],
        "writing elsewhere": [
            s3("put_object", claims, verdict, Body="{}"),
            s3("put_object", bank, f"outbox-test/{paper}", Body="<p/>"),
            s3("put_object", bank, f"outbox/{now}/manifest.txt", Body="x"),
            s3("put_object", bank, f"receipts/{paper}", Body="<p/>"),
            s3("delete_object", bank, f"outbox/{paper}"),
        ],
        "listing more than a month": [
            *_listings(bank, ("keys/", "", "receipts/", "outbox/")),
            *_listings(bank, (f"receipts/{cut}" for cut in (now[:1], now[:5]))),
            *_listings(claims, ("", "verdicts/", f"photos/{now}/")),
            *_listings(claims, (f"verdicts/{cut}" for cut in (now[:1], now[:5]))),
        ],
        "looking into other rows": [
            row("get_item", of, "STAFF#7"), row("get_item", of, CLAIM.format(**when)),
            row("update_item", of, BANK.format(**when), **SET),
            row("get_item", of | {"table": f"payroll-{of['tag']}"}, BANK.format(**when)),
        ],
        "asking for other rows": [
            partition(of, BANK.format(**when)), partition(of, "STAFF#7"),
            ["dynamodb", "scan", {"TableName": of["table"]}],
            ["dynamodb", "delete_table", {"TableName": of["table"]}],
        ],
        "opening other secrets": [
            ["secretsmanager", operation, {"SecretId": name} | more]
            for operation, name, more in (
                ("get_secret_value", f"{of['secret']}-archive", {}),
                ("get_secret_value", f"ops/break-glass-{of['tag']}", {}),
                ("put_secret_value", of["secret"], {"SecretString": "{}"}),
                ("delete_secret", of["secret"], {}),
            )
        ],
    }  # fmt: skip


def _beside_releaser(of: Site, when: dict[str, str]) -> dict[str, list[Call]]:
    name, builds, tag = of["functions"], of["builds"], of["tag"]
    audit, resize = {"FunctionName": f"claims-audit-{tag}"}, {"FunctionName": f"{name}-resize"}
    payroll, zipped = {"FunctionName": f"payroll-{tag}"}, {"ZipFile": "(zip)"}
    role = run_role(of, f"{name}-more")
    bare = {key: value for key, value in role.items() if key != "PermissionsBoundary"}
    run = {"RoleName": f"{name}-resize"}
    little = {"PolicyName": "run", "PolicyDocument": ALL}
    return {
        "other builds": [
            s3("put_object", builds, f"claims/{name}-legacy/0a1b2c3d4e5f.zip", Body="zip"),
            s3("put_object", builds, "payroll/run/0a1b2c3d4e5f.zip", Body="zip"),
            s3("put_object", builds, "claims/shared/lib.zip", Body="zip"),
            s3("get_object", of["claims"], VERDICT.format(**when)),
        ],
        "other functions": [
            ["lambda", "update_function_code", audit | zipped],
            ["lambda", "get_function_configuration", payroll],
            ["lambda", "update_function_code", payroll | zipped],
            ["lambda", "publish_version", audit],
            ["lambda", "publish_version", {"FunctionName": f"{name}-legacy"}],
        ],
        "running and ruining": [
            ["lambda", "invoke", resize | {"InvocationType": "DryRun"}],
            ["lambda", "update_function_configuration", resize | {"Timeout": 900}],
            ["lambda", "delete_function", resize], ["lambda", "delete_function", payroll],
        ],
        "roles outside the fence": [
            ["iam", "create_role", bare],
            ["iam", "create_role", role | {"Path": "/", "RoleName": f"friend-{tag}"}],
            ["iam", "put_role_policy", {"RoleName": f"{name}-legacy", **little}],
        ],
        "moving the fence": [
            ["iam", "create_policy_version", {
                "PolicyArn": fence_arn(of), "PolicyDocument": ALL, "SetAsDefault": False,
            }],
            ["iam", "delete_role_permissions_boundary", run],
            ["iam", "put_role_permissions_boundary", run | {
                "PermissionsBoundary": fence_arn(of, "-open"),
            }],
        ],
        "touching other roles": [
            ["iam", "update_assume_role_policy", run | {"PolicyDocument": trust({"AWS": "*"})}],
            ["iam", "attach_role_policy", run | {"PolicyArn": ADMINISTRATOR}],
            ["iam", "get_role", {"RoleName": f"break-glass-{tag}"}],
            ["iam", "list_roles", {}],
        ],
    }  # fmt: skip


def _listings(bucket: str, prefixes: Iterable[str]) -> list[Call]:
    return [
        ["s3", "list_objects_v2", {"Bucket": bucket, **({"Prefix": one} if one else {})}]
        for one in prefixes
    ]


# --- the ground: everything that could be asked ----------------------------------------------

# A cell is an action on a resource with the condition keys that such a request carries; `need`
# names the roles whose work asks for it, `weight` what it costs a role that may and need not.
READ, WRITE, PERMIT = 1, 3, 10
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
OTHERS = tuple(
    f"{name}.amazonaws.com" for name in (
        "codebuild", "datapipeline", "ecs-tasks", "events", "glue", "pods.eks", "sagemaker",
        "scheduler", "ssm", "states",
    )
)  # fmt: skip
CLOSED = (3, 11, 20)  # months ago, and up to four more
KEYS = (
    "dynamodb:leadingkeys", "iam:passedtoservice", "iam:permissionsboundary", "kms:viaservice",
    "s3:prefix",
)  # fmt: skip
Cell = dict[str, Any]

_OBJECT = {
    READ: ("GetObject", "GetObjectVersion", "GetObjectTagging"),
    WRITE: ("PutObject", "DeleteObject", "DeleteObjectVersion", "PutObjectTagging"),
    PERMIT: ("PutObjectAcl",),
}
_BUCKET = {
    READ: ("GetBucketPolicy", "GetBucketLocation", "ListBucketVersions"),
    WRITE: ("PutLifecycleConfiguration", "PutBucketVersioning", "DeleteBucket"),
    PERMIT: ("PutBucketPolicy", "DeleteBucketPolicy", "PutBucketPublicAccessBlock"),
}
_QUEUE = {
    READ: ("ReceiveMessage", "GetQueueAttributes"),
    WRITE: ("DeleteMessage", "ChangeMessageVisibility", "SendMessage", "PurgeQueue"),
    PERMIT: ("AddPermission", "SetQueueAttributes"),
}
_ROWS = {
    READ: ("GetItem", "BatchGetItem", "Query"),
    WRITE: ("PutItem", "UpdateItem", "DeleteItem"),
}
_TABLE = {READ: ("Scan", "DescribeTable"), WRITE: ("UpdateTable", "DeleteTable")}
_SECRET = {
    READ: ("GetSecretValue", "DescribeSecret"),
    WRITE: ("PutSecretValue", "DeleteSecret"),
    PERMIT: ("PutResourcePolicy",),
}
_KEY = {
    READ: ("DescribeKey",),
    WRITE: ("DisableKey", "ScheduleKeyDeletion"),
    PERMIT: ("PutKeyPolicy", "CreateGrant"),
}
_FUNCTION = {
    READ: ("GetFunction", "GetFunctionConfiguration"),
    WRITE: (
        "CreateFunction", "UpdateFunctionCode", "UpdateFunctionConfiguration", "PublishVersion",
        "CreateAlias", "UpdateAlias", "DeleteAlias", "DeleteFunction", "InvokeFunction",
        "PutFunctionConcurrency", "DeleteFunctionConcurrency",
    ),
    PERMIT: ("AddPermission", "RemovePermission", "CreateFunctionUrlConfig"),
}  # fmt: skip
_RELEASE = (
    "GetFunctionConfiguration", "CreateFunction", "UpdateFunctionCode", "PublishVersion",
    "CreateAlias", "UpdateAlias",
)  # fmt: skip
_ROLE = {
    READ: ("GetRole", "ListRolePolicies"), PERMIT: ("DeleteRole", "UpdateAssumeRolePolicy"),
}  # fmt: skip
_RULES = {
    PERMIT: (
        "PutRolePolicy", "AttachRolePolicy", "DeleteRolePolicy", "DeleteRolePermissionsBoundary",
    )
}  # calls with the boundary that the role has
_POLICY = {
    READ: ("GetPolicyVersion",),
    PERMIT: ("CreatePolicyVersion", "SetDefaultPolicyVersion", "DeletePolicyVersion"),
}
_USER = {
    READ: ("GetUser",),
    PERMIT: (
        "CreateUser", "CreateAccessKey", "AttachUserPolicy", "PutUserPolicy", "CreateLoginProfile",
        "UpdateLoginProfile", "ChangePassword",
    ),
}
_GROUP = {PERMIT: ("AddUserToGroup", "AttachGroupPolicy", "PutGroupPolicy")}


class _Ground:
    """Cells as they are added."""

    def __init__(self, of: Site) -> None:
        self.of, self.cells = of, list[Cell]()

    def add(
        self, service: str, actions: dict[int, tuple[str, ...]], resources: Iterable[str],
        context: dict[str, str] | None = None, **need: Sequence[str],
    ) -> None:
        """Add each action on each resource; `need`: the actions that a role's work asks for."""
        for resource in resources:
            for weight, names in actions.items():
                for name in names:
                    who = [role for role in ROLES if name in need.get(role, ())]
                    self.cells.append({
                        "action": f"{service}:{name}", "resource": resource,
                        "context": context or {}, "weight": weight, "need": who,
                    })  # fmt: skip

    def arn(self, service: str, tail: str) -> str:
        """An ARN in the desk's region."""
        return f"arn:aws:{service}:{self.of['region']}:{self.of['account']}:{tail}"


def ground(of: Site, seed: int) -> list[Cell]:
    """Return every cell of one account but what only later months ask for: nobody pays for it."""
    field = _Ground(of)
    when = dates(seed)
    _objects(field, when)
    _lists(field, when)
    _keys(field)
    _shelves(field, when)
    _services(field)
    _identities(field, OTHERS[stream(seed, "claims lending").integers(len(OTHERS))])
    later = (when["later"], when["quarter"])
    return [
        cell for cell in field.cells
        if not (cell["need"] and any(word in json.dumps(cell) for word in later))
    ]  # fmt: skip


def dates(seed: int) -> dict[str, str]:
    """The recorded month, its quarter, the next month, three closed ones; a depot and a claim."""
    rng = stream(seed, "claims universe")
    now, later = months(seed)
    return {
        "now": now, "later": later, "quarter": _quarter(now),
        **{f"closed{back}": _before(now, back + int(rng.integers(5))) for back in CLOSED},
        "depot": NETWORK[rng.integers(len(NETWORK))], "claim": claim(rng),
    }  # fmt: skip


def _objects(field: _Ground, when: dict[str, str]) -> None:
    of, name = field.of, field.of["functions"]
    put, get = ("PutObject",), ("GetObject",)
    both = {"assessor": put, "cashier": get}
    closed = [f"{{closed{back}}}" for back in CLOSED]
    quarters = [_quarter(when[f"closed{back}"]) for back in CLOSED]
    places: list[tuple[str, str, dict[str, Sequence[str]]]] = [
        ("claims", "photos/{now}/{depot}/{claim}/1.jpg", {"assessor": get}),
        ("claims", "photos/{later}/{depot}/{claim}/1.jpg", {"assessor": get}),
        ("claims", "films/{later}/{depot}/{claim}/1.mp4", {"assessor": get}),
        *(("claims", f"photos/{month}/{{depot}}/{{claim}}/1.jpg", {}) for month in closed),
        ("claims", "photos/{now}/{depot}/index.html", {}),
        ("claims", "photos/upload.log", {}),
        ("claims", "photos-raw/{now}/{depot}/{claim}/1.jpg", {}),
        ("claims", "verdicts/{now}/{claim}.json", both),
        ("claims", "verdicts/{later}/{claim}.json", both),
        *(("claims", f"verdicts/{month}/{{claim}}.json", {}) for month in closed),
        ("claims", "verdicts/{now}/summary.csv", {}),
        ("claims", "verdicts-draft/{now}/{claim}.json", {}),
        ("claims", "models/judge.bin", {}),
        ("bank", "outbox/{now}/{claim}.xml", {"cashier": put}),
        ("bank", "outbox/{later}/{claim}.xml", {"cashier": put}),
        *(("bank", f"outbox/{month}/{{claim}}.xml", {}) for month in closed),
        ("bank", "outbox/{now}/manifest.txt", {}),
        ("bank", "outbox-test/{now}/{claim}.xml", {}),
        ("bank", "receipts/{now}/{claim}.xml", {"cashier": get}),
        ("bank", "receipts/{later}/{claim}.xml", {"cashier": get}),
        *(("bank", f"receipts/{month}/{{claim}}.xml", {}) for month in closed),
        ("bank", "receipts/{now}/statement.pdf", {}),
        ("bank", "restatements/{quarter}/{claim}.xml", {"cashier": put}),
        *(("bank", f"restatements/{quarter}/{{claim}}.xml", {}) for quarter in quarters),
        ("bank", "keys/sftp.pem", {}),
        ("builds", f"claims/{name}-resize/0a1b2c3d4e5f.zip", {"releaser": put + get}),
        ("builds", f"claims/{name}-notify/0a1b2c3d4e5f.zip", {"releaser": put + get}),
        ("builds", f"claims/{name}-legacy/0a1b2c3d4e5f.zip", {}),
        ("builds", f"claims/{name}-resize/notes.txt", {}),
        ("builds", "claims/shared/lib.zip", {}),
        ("builds", "payroll/run/0a1b2c3d4e5f.zip", {}),
        ("backup", "photos/{now}/{depot}/{claim}/1.jpg", {}),
        ("backup", "verdicts/{now}/{claim}.json", {}),
        ("vault", "payroll.csv", {}),
    ]
    for bucket, key, need in places:
        where = f"arn:aws:s3:::{buckets(of)[bucket]}/{key.format(**when)}"
        field.add("s3", _OBJECT, [where], **need)
    field.add("s3", _BUCKET, [f"arn:aws:s3:::{one}" for one in buckets(of).values()])
    field.add("s3", {READ: ("ListAllMyBuckets",), WRITE: ("CreateBucket",)}, ["*"])


def buckets(of: Site) -> dict[str, str]:
    """The buckets of the account: the desk's three and two of others."""
    return {
        **{name: of[name] for name in ("claims", "bank", "builds")},
        "backup": f"{of['claims']}-backup", "vault": f"larkmoor-vault-{of['tag']}",
    }  # fmt: skip


def _lists(field: _Ground, when: dict[str, str]) -> None:
    name = field.of["functions"]
    ask = ("ListBucket",)
    closed = [f"{{closed{back}}}" for back in CLOSED]
    prefixes: dict[str, dict[str, dict[str, Sequence[str]]]] = {
        "claims": {
            "": {}, "photos/": {}, "photos/{now}/": {}, "photos/{now}/{depot}/": {},
            "photos/{now}/{depot}/{claim}/": {"assessor": ask},
            "photos/{later}/{depot}/{claim}/": {"assessor": ask},
            "films/{later}/{depot}/{claim}/": {"assessor": ask},
            "photos/{now}/{depot}/C-": {}, "films/{now}/{depot}/C-": {}, "verdicts/2": {},
            f"verdicts/{when['now'][:5]}": {}, "verdicts/{now}": {},
            **{f"photos/{month}/{{depot}}/{{claim}}/": {} for month in closed},
            "films/": {}, "models/": {}, "verdicts/": {},
            "verdicts/{now}/": {"cashier": ask}, "verdicts/{later}/": {"cashier": ask},
            **{f"verdicts/{month}/": {} for month in closed}, "verdicts-draft/{now}/": {},
        },
        "bank": {
            "": {}, "receipts/": {}, "receipts/{now}/": {"cashier": ask},
            "receipts/{later}/": {"cashier": ask}, "receipts/2": {},
            f"receipts/{when['now'][:5]}": {}, "receipts/{now}": {},
            **{f"receipts/{month}/": {} for month in closed},
            "outbox/": {}, "outbox/{now}/": {}, "restatements/": {}, "keys/": {},
        },
        "builds": {"": {}, "claims/": {}, f"claims/{name}-resize/": {}, "payroll/": {}},
        "backup": {"": {}, "photos/{now}/": {}, "verdicts/{now}/": {}},
        "vault": {"": {}},
    }  # fmt: skip
    for bucket, found in prefixes.items():
        where = [f"arn:aws:s3:::{buckets(field.of)[bucket]}"]
        field.add("s3", {READ: ask}, where)
        for prefix, need in found.items():
            begins = {"s3:prefix": prefix.format(**when)}
            field.add("s3", {READ: (*ask, "ListBucketVersions")}, where, begins, **need)


def _keys(field: _Ground) -> None:
    ours, others = field.arn("kms", f"key/{field.of['key']}"), field.arn("kms", "key/0" + "a" * 9)
    use = {READ: ("Decrypt",), WRITE: ("GenerateDataKey", "Encrypt")}
    desk = ("Decrypt", "GenerateDataKey")
    field.add("kms", _KEY, [ours, others])
    field.add("kms", use, [ours, others])
    for service, need in (
        ("s3", {"assessor": desk, "cashier": desk}), ("secretsmanager", {"cashier": desk[:1]}),
        ("dynamodb", {}),
    ):  # fmt: skip
        via = {"kms:viaservice": f"{service}.{field.of['region']}.amazonaws.com"}
        field.add("kms", use, [ours], via, **need)
        field.add("kms", use, [others], via)


def _shelves(field: _Ground, when: dict[str, str]) -> None:
    """Queues, the table, the secrets."""
    of = field.of
    take = ("ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility")
    field.add("sqs", _QUEUE, [field.arn("sqs", of["queue"])], assessor=take)
    others = (f"{of['queue']}-dead", f"payroll-{of['tag']}")
    field.add("sqs", _QUEUE, [field.arn("sqs", one) for one in others])
    table, foreign = (
        field.arn("dynamodb", f"table/{one}") for one in (of["table"], f"payroll-{of['tag']}")
    )
    field.add("dynamodb", _TABLE | {PERMIT: ("PutResourcePolicy",)}, [table, foreign])
    rows: dict[str, dict[str, Sequence[str]]] = {
        "CLAIM#{claim}": {"assessor": ("GetItem", "UpdateItem")},
        "BANK#{claim}": {"cashier": ("GetItem",)},
        "MONTH#{now}": {"cashier": ("Query",)},
        "MONTH#{later}": {"cashier": ("Query",)},
        **{f"MONTH#{{closed{back}}}": {} for back in CLOSED},
        "STAFF#7": {},
    }
    for key, need in rows.items():
        asked = {"dynamodb:leadingkeys": key.format(**when)}
        field.add("dynamodb", _ROWS, [table], asked, **need)
        field.add("dynamodb", _ROWS, [foreign], asked)
    ends = {"": "AbC123", "-archive": "dEf456"}
    ours, old = (
        field.arn("secretsmanager", f"secret:{of['secret']}{more}-{end}")
        for more, end in ends.items()
    )
    ops = field.arn("secretsmanager", f"secret:ops/break-glass-{of['tag']}-gHi789")
    field.add("secretsmanager", _SECRET, [ours], cashier=("GetSecretValue",))
    field.add("secretsmanager", _SECRET, [old, ops])
    field.add("secretsmanager", {READ: ("ListSecrets",), WRITE: ("CreateSecret",)}, ["*"])


def _services(field: _Ground) -> None:
    of = field.of
    for name in ("resize", "notify"):
        where = [field.arn("lambda", f"function:{of['functions']}-{name}")]
        field.add("lambda", _FUNCTION, where, releaser=_RELEASE)
    others = (f"{of['functions']}-legacy", f"claims-audit-{of['tag']}", f"payroll-{of['tag']}")
    field.add("lambda", _FUNCTION, [field.arn("lambda", f"function:{one}") for one in others])
    asks = [field.arn("lambda", "event-source-mapping:91eaeb7e-c976-4939-9430-8833aa4d9d2f")]
    field.add("lambda", {WRITE: ("CreateEventSourceMapping",)}, asks)
    field.add("lambda", {WRITE: ("PublishLayerVersion",)}, [field.arn("lambda", "layer:common")])
    for service, weight, action, tail in (
        ("ec2", WRITE, "RunInstances", "instance/*"),
        ("ssm", PERMIT, "SendCommand", "managed-instance/mi-0a1b2c3d4e5f6a7b8"),
        ("cloudtrail", WRITE, "StopLogging", "trail/larkmoor"),
        ("cloudformation", WRITE, "CreateStack", "stack/network/0a1b2c3d"),
        ("logs", READ, "GetLogEvents", f"log-group:/aws/lambda/payroll-{of['tag']}:log-stream:a"),
    ):
        field.add(service, {weight: (action,)}, [field.arn(service, tail)])


def roles(of: Site) -> dict[str, str]:
    """The roles that are nobody's to change: the three, the old one, the one for emergencies."""
    found = {role: arn(of, f"role/claims/{role}-{of['tag']}") for role in ROLES}
    found["legacy"] = run_arn(of, f"{of['functions']}-legacy")
    found["break-glass"] = arn(of, f"role/ops/break-glass-{of['tag']}")
    return found


def policy_arn(of: Site, role: str) -> str:
    """The managed policy that a role carries."""
    return arn(of, f"policy/claims/{role}-{of['tag']}")


def _identities(field: _Ground, other: str) -> None:
    of = field.of
    run = [run_arn(of, f"{of['functions']}-{name}") for name in ("resize", "notify")]
    fenced = {"iam:permissionsboundary": fence_arn(of)}
    make = ("CreateRole",)
    move = {PERMIT: ("PutRolePermissionsBoundary",)}
    field.add("iam", _ROLE, run, releaser=("GetRole",))
    field.add("iam", _RULES, run, fenced, releaser=("PutRolePolicy",))
    field.add("iam", {PERMIT: make}, run, fenced, releaser=make)
    field.add("iam", {PERMIT: make}, run)
    for boundary in (fence_arn(of, "-open"), ADMINISTRATOR):
        behind = {"iam:permissionsboundary": boundary}
        field.add("iam", {PERMIT: make}, run, behind)
        field.add("iam", move, run, behind)
    field.add("iam", _ROLE, roles(of).values())
    field.add("iam", _RULES, roles(of).values())
    field.add("iam", {PERMIT: make}, [arn(of, "role/friend")])
    field.add("iam", {PERMIT: make}, [arn(of, "role/friend")], fenced)
    for service in ("lambda.amazonaws.com", "ec2.amazonaws.com", other):
        to = {"iam:passedtoservice": service}
        need = {"releaser": ("PassRole",)} if service.startswith("lambda") else {}
        field.add("iam", {PERMIT: ("PassRole",)}, run, to, **need)
        field.add("iam", {PERMIT: ("PassRole",)}, roles(of).values(), to)
    field.add("sts", {PERMIT: ("AssumeRole",)}, [*run, *roles(of).values()])
    policies = [fence_arn(of), fence_arn(of, "-open"), *(policy_arn(of, role) for role in ROLES)]
    field.add("iam", _POLICY, policies)
    field.add("iam", _USER, [arn(of, f"user/ops/admin-{of['tag']}"), arn(of, "user/friend")])
    field.add("iam", _GROUP, [arn(of, "group/ops/admins")])
    field.add("iam", {READ: ("ListRoles",)}, [arn(of, "role/")])
    field.add("iam", {READ: ("ListUsers",)}, [arn(of, "user/")])


# --- the account -----------------------------------------------------------------------------


def zipped() -> bytes:
    """A build: a function that reads the vault with whatever role it runs as."""
    made = io.BytesIO()
    source = (
        "import boto3\n"
        "def handler(event, context):\n"
        "    body = boto3.client('s3').get_object(**event)['Body']\n"
        "    return body.read().decode()\n"
    )
    with zipfile.ZipFile(made, "w") as file:
        file.writestr(zipfile.ZipInfo("app.py"), source)
    return made.getvalue()


class Account:
    """One fresh account of the desk's: what lies in it, and the three roles with their policies.

    `first` has those of before the audit; the documents given here are published as their second
    versions, as one would mend them.
    """

    def __init__(self, cloud: Any, of: Site, seed: int, graded: bool) -> None:
        self.cloud, self.of, self.seed, self.graded = cloud, of, seed, graded
        self._clients: dict[tuple[str, Any], Any] = {}
        self.receipt = ""
        self.executes = False

    def client(self, service: str, who: Any = None) -> Any:
        """A client of somebody, one for each service; the judge's own when nobody is named."""
        if (service, who) not in self._clients:
            made = self.cloud.client(service, who, secure=True)
            self._clients[service, who] = made
        return self._clients[service, who]

    def close(self) -> None:
        """Close the connections of every client."""
        for one in self._clients.values():
            one.close()

    def furnish(self, policies: dict[str, Any], functions: Sequence[str] = ("resize",)) -> Account:
        """Put everything into the account that the programs and their neighbours have there."""
        self._stores()
        self._rights(policies)
        self._functions(functions)
        self.sessions = {
            role: self.cloud.session(f"{role}-{self.of['tag']}") for role in policies
        }
        return self

    def _stores(self) -> None:
        of, made = self.of, self.client("kms").create_key()["KeyMetadata"]
        self.names = of | {"key": made["KeyId"]}
        self.ciphertext = self.client("kms").encrypt(KeyId=made["KeyId"], Plaintext=b"x")[
            "CiphertextBlob"
        ]
        store, place = self.client("s3"), {"LocationConstraint": of["region"]}
        rule = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": made["Arn"]}
        for name, bucket in buckets(of).items():
            store.create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
            if name in ("claims", "bank"):
                rules = {"Rules": [{"ApplyServerSideEncryptionByDefault": rule}]}
                store.put_bucket_encryption(
                    Bucket=bucket, ServerSideEncryptionConfiguration=rules
                )
        store.put_bucket_policy(Bucket=of["bank"], Policy=document({
            "Effect": "Deny", "Principal": "*", "Action": "s3:*",
            "Resource": f"arn:aws:s3:::{of['bank']}/*",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }))  # fmt: skip
        store.put_object(Bucket=buckets(of)["vault"], Key="payroll.csv", Body=VAULT)
        vault = self.client("secretsmanager")
        vault.create_secret(Name=of["secret"], SecretString="{}", KmsKeyId=made["Arn"])
        vault.create_secret(Name=f"{of['secret']}-archive", SecretString="{}")
        for more in ("", "-dead"):
            self.client("sqs").create_queue(QueueName=f"{of['queue']}{more}")
        self.client("sqs").create_queue(QueueName=f"payroll-{of['tag']}")
        for _ in range(12):
            self.client("sqs").send_message(QueueUrl=self._url(of["queue"]), MessageBody="{}")
        for table in (of["table"], f"payroll-{of['tag']}"):
            self.client("dynamodb").create_table(
                TableName=table, BillingMode="PAY_PER_REQUEST",
                KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            )  # fmt: skip

    def _url(self, name: str) -> str:
        return f"{self.cloud.url}/{self.of['account']}/{name}"

    def _rights(self, policies: dict[str, Any]) -> None:
        of, iam = self.of, self.client("iam")
        little = document({"Effect": "Allow", "Action": "logs:*", "Resource": "*"})
        for more, text in (("", little), ("-open", ALL)):
            iam.create_policy(
                Path="/claims/", PolicyName=f"{of['fence']}{more}", PolicyDocument=text
            )
        for role, text in policies.items():
            name = f"{role}-{of['tag']}"
            self._role("/claims/", name, {"Service": "ec2.amazonaws.com"})
            made = iam.create_policy(Path="/claims/", PolicyName=name, PolicyDocument=ALL)
            iam.attach_role_policy(RoleName=name, PolicyArn=made["Policy"]["Arn"])
            text = json.dumps(filled(text, self.names), separators=(",", ":"))
            try:
                iam.create_policy_version(
                    PolicyArn=made["Policy"]["Arn"], PolicyDocument=text, SetAsDefault=True
                )
            except ClientError:
                raise AssertionError("IAM does not take one of the documents") from None
        self._role(
            "/ops/", f"break-glass-{of['tag']}",
            {"AWS": arn(of, "root"), "Service": "lambda.amazonaws.com"}, ALL,
        )  # fmt: skip
        admin = f"admin-{of['tag']}"
        iam.create_user(Path="/ops/", UserName=admin)
        iam.put_user_policy(UserName=admin, PolicyName="all", PolicyDocument=ALL)
        key = iam.create_access_key(UserName=admin)["AccessKey"]
        self.client("secretsmanager").create_secret(
            Name=f"ops/break-glass-{of['tag']}",
            SecretString=json.dumps([key["AccessKeyId"], key["SecretAccessKey"]]),
        )

    def _role(self, path: str, name: str, principal: Any, text: str = "", **more: Any) -> str:
        iam = self.client("iam")
        made = iam.create_role(
            Path=path, RoleName=name, AssumeRolePolicyDocument=trust(principal), **more
        )
        if text:
            iam.put_role_policy(RoleName=name, PolicyName="work", PolicyDocument=text)
        return str(made["Role"]["Arn"])

    def _functions(self, own: Sequence[str]) -> None:
        of, service = self.of, {"Service": "lambda.amazonaws.com"}
        fence = {"PermissionsBoundary": fence_arn(of)}
        for name in own:
            full = f"{of['functions']}-{name}"
            self._function(full, self._role("/claims/run/", full, service, **fence))
            self.client("lambda").create_alias(
                FunctionName=full, Name="live", FunctionVersion="$LATEST"
            )
        legacy = f"{of['functions']}-legacy"
        self._function(legacy, self._role("/claims/run/", legacy, service, ALL))
        strong = self._role("/ops/", f"night-{of['tag']}", service, ALL)
        for name in (f"claims-audit-{of['tag']}", f"payroll-{of['tag']}"):
            self._function(name, strong)

    def _function(self, name: str, role: str) -> None:
        self.client("lambda").create_function(**self._now(new_function(name, role)))

    def _now(self, value: Any) -> Any:
        """Parameters with what only the moment knows."""
        if isinstance(value, dict):
            return {key: self._now(one) for key, one in value.items()}
        of, found = self.of, value
        match value:
            case "(queue)":
                found = self._url(of["queue"])
            case "(dead)":
                found = self._url(f"{of['queue']}-dead")
            case "(payroll)":
                found = self._url(f"payroll-{of['tag']}")
            case "(receipt)":
                found = self.receipt
            case "(key)":
                found = self.names["key"]
            case "(ciphertext)":
                found = self.ciphertext
            case "(zip)":
                found = zipped()
            case "(little)":
                found = document({"Effect": "Allow", "Action": "logs:*", "Resource": "*"})
            case "(open)":
                everybody = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
                found = document(everybody | {"Resource": f"arn:aws:s3:::{of['claims']}/*"})
        return found

    def attempt(self, who: Any, call: Call) -> str:
        """Make one call as somebody; empty when it passes, otherwise the error's code."""
        service, operation, params = call
        try:
            answer = getattr(self.client(service, who), operation)(**self._now(params))
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        for message in answer.get("Messages", ()):
            self.receipt = message["ReceiptHandle"]
        return ""

    def store(self, calls: Iterable[Call]) -> None:
        """Have what the calls would read: S3 tells nobody but who may list what is not there."""
        for service, operation, params in calls:
            if (service, operation) == ("s3", "get_object"):
                self.client("s3").put_object(**params, Body=b"{}")

    def live_through(self, role: str, calls: list[Call]) -> None:
        """Make the calls of a month. On the desk, which is public, name the first refused one."""
        self.store(calls)
        for call in calls:
            if why := self.attempt(self.sessions[role], call):
                told = f": {role}, {call[0]} {call[1]} {json.dumps(call[2])[:160]} ({why})"
                raise AssertionError(
                    f"a call of the month is refused{'' if self.graded else told}"
                )

    def refuses(self, role: str, call: Call) -> bool:
        """Is it the rights that this call fails for?"""
        self.store([call])
        return self.attempt(self.sessions[role], call) in REFUSALS

    def runs(self, function: str) -> bool:
        """Does a function read the vault when the desk's dispatcher calls it, as it calls all?

        Where nobody runs functions, the rights that were granted so far answer.
        """
        if not self.executes:
            return True
        event = {"Bucket": buckets(self.of)["vault"], "Key": "payroll.csv"}
        done = self.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
        return bool(json.loads(done["Payload"].read()) == VAULT.decode())

    def vault_is_open(self, who: Any) -> bool:
        """Can somebody read what only an administrator reads?"""
        try:
            found = self.client("s3", who).get_object(
                Bucket=buckets(self.of)["vault"], Key="payroll.csv"
            )
        except ClientError:
            return False
        return bool(found["Body"].read() == VAULT)


# --- six ways up -----------------------------------------------------------------------------

Way = Callable[[Account, Any, str], bool]
WAYS: dict[str, Way] = {}


def way(name: str) -> Callable[[Way], Way]:
    """Declare a way from a role's rights to an administrator's."""

    def keep(function: Way) -> Way:
        WAYS[name] = function
        return function

    return keep


def went(account: Account, who: Any, *calls: Call) -> bool:
    """Make calls one after the other until one is refused."""
    return all(account.attempt(who, call) == "" for call in calls)


@way("the version of before the audit is made current again")
def old_version(account: Account, who: Any, role: str) -> bool:
    """`*:*` is still there as v1: IAM keeps five versions of a policy."""
    back = {"PolicyArn": policy_arn(account.of, role), "VersionId": "v1"}
    call = ["iam", "set_default_policy_version", back]
    return went(account, who, call) and account.vault_is_open(who)


@way("a role that trusts the whole account is put on")
def open_door(account: Account, who: Any, role: str) -> bool:
    """Its trust leaves the decision to the caller's own policies, or is written anew."""
    name = f"break-glass-{account.of['tag']}"
    if puts_on(account, who, f"/ops/{name}"):
        return True
    own = {"RoleName": name, "PolicyDocument": trust({"AWS": roles(account.of)[role]})}
    trusted = went(account, who, ["iam", "update_assume_role_policy", own])
    return trusted and puts_on(account, who, f"/ops/{name}")


def puts_on(account: Account, who: Any, role: str) -> bool:
    """Put a role on and try the vault with it."""
    wanted = {"RoleArn": arn(account.of, f"role{role}"), "RoleSessionName": "up"}
    try:
        made = account.client("sts", who).assume_role(**wanted)["Credentials"]
    except ClientError:
        return False
    keys = (made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])
    return account.vault_is_open(Identity("", *keys))


@way("an administrator's keys are found or made")
def drawer(account: Account, who: Any, role: str) -> bool:
    """A right to read is enough, where what is read is a right. Or keys are made, or let out."""
    of = account.of
    name, all_of_us = f"ops/break-glass-{of['tag']}", {"AWS": roles(of)[role]}
    let = {
        "Effect": "Allow", "Principal": all_of_us, "Resource": "*",
        "Action": "secretsmanager:GetSecretValue",
    }  # fmt: skip
    if reads_keys(account, who, name):
        return True
    post = {"SecretId": name, "ResourcePolicy": document(let)}
    if went(account, who, ["secretsmanager", "put_resource_policy", post]) and reads_keys(
        account, who, name
    ):
        return True
    try:
        asked = {"UserName": f"admin-{of['tag']}"}
        made = account.client("iam", who).create_access_key(**asked)["AccessKey"]
    except ClientError:
        return False
    return account.vault_is_open(Identity("", made["AccessKeyId"], made["SecretAccessKey"]))


def reads_keys(account: Account, who: Any, name: str) -> bool:
    """Open a secret and try the vault with the keys in it."""
    try:
        found = account.client("secretsmanager", who).get_secret_value(SecretId=name)
    except ClientError:
        return False
    return account.vault_is_open(Identity("", *json.loads(found["SecretString"])))


@way("a strong role is lent to a function of the desk's")
def borrowed_role(account: Account, who: Any, role: str) -> bool:
    """iam:PassRole lends what the lender has not. Two such roles; the first is named like ours."""
    of = account.of
    new = [f"role/claims/run/{of['functions']}-legacy", f"role/ops/night-{of['tag']}"]
    made = (
        new_function(f"{of['functions']}-up{number}", arn(of, tail))
        for number, tail in enumerate(new)
    )
    return any(
        went(account, who, ["lambda", "create_function", one])
        and account.runs(one["FunctionName"])
        for one in made
    )


@way("a function that runs with a strong role gets other code")
def other_code(account: Account, who: Any, role: str) -> bool:
    """No role is passed: it is there already. Two such functions; one is named like ours."""
    of = account.of
    return any(
        went(account, who, ["lambda", "update_function_code", {
            "FunctionName": name, "ZipFile": "(zip)",
        }]) and account.runs(name)
        for name in (f"{of['functions']}-legacy", f"claims-audit-{of['tag']}")
    )  # fmt: skip


@way("a role is made outside the fence, or the fence is moved or taken off")
def unfenced_role(account: Account, who: Any, role: str) -> bool:
    """Without a boundary, behind one that lets all through, or after a change of ours."""
    of = account.of
    more = {"PolicyName": "up", "PolicyDocument": ALL}
    for number, boundary in enumerate(("", fence_arn(of, "-open"), ADMINISTRATOR)):
        name = f"{of['functions']}-out{number}"
        made = run_role(of, name) | {"AssumeRolePolicyDocument": trust({"AWS": roles(of)[role]})}
        made |= {"PermissionsBoundary": boundary}
        create = ["iam", "create_role", {key: value for key, value in made.items() if value}]
        put = ["iam", "put_role_policy", {"RoleName": name, **more}]
        if went(account, who, create, put) and puts_on(account, who, f"/claims/run/{name}"):
            return True
    ours = {"RoleName": f"{of['functions']}-resize"}
    moves: list[Call] = [
        ["iam", "create_policy_version", {
            "PolicyArn": fence_arn(of), "PolicyDocument": ALL, "SetAsDefault": True,
        }],
        ["iam", "put_role_permissions_boundary", ours | {
            "PermissionsBoundary": fence_arn(of, "-open"),
        }],
        ["iam", "put_role_permissions_boundary", ours | {"PermissionsBoundary": ADMINISTRATOR}],
        ["iam", "delete_role_permissions_boundary", ours],
    ]  # fmt: skip
    code = {"FunctionName": ours["RoleName"], "ZipFile": "(zip)"}
    return went(account, who, ["iam", "put_role_policy", ours | more]) and any(
        went(account, who, move, ["lambda", "update_function_code", code])
        and account.runs(ours["RoleName"])
        for move in moves
    )


# --- fixtures --------------------------------------------------------------------------------


@given("site.json")
@fixture
def site(seed: int) -> Site:
    """The names of this account."""
    return names(seed)


@given("calls.json")
@fixture
def calls(site: Site, seed: int) -> dict[str, Any]:
    """The recorded month of each role, and forty calls beside them."""
    return told(site, seed)


@given("ground.json")
@fixture
def desk_ground(site: Site, seed: int) -> str:
    """The ground: what the scorecard counts, and the judge."""
    cells = ground(site, seed)
    return "[\n" + ",\n".join(json.dumps(cell) for cell in cells) + "\n]\n"


@fixture
def policies(papers: Any) -> dict[str, Any]:
    """The three documents as they were handed in, names still open."""
    return {role: papers.json(f"{role}.json") for role in ROLES}


def filled(value: Any, of: Site) -> Any:
    """A document with the names of one account; an unknown name is left as it is."""
    if isinstance(value, dict):
        return {key: filled(inner, of) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, of) for inner in value]
    if isinstance(value, str):
        return re.sub(r"<(\w+)>", lambda found: str(of.get(found[1], found[0])), value)
    return value


@fixture
def form(policies: dict[str, Any], site: Site, opened: Callable[..., Account]) -> Form:
    """What can be said of the documents before anybody uses them."""
    return Form(policies, site, opened)


class Form:
    """Three documents as IAM would look at them."""

    def __init__(
        self, policies: dict[str, Any], of: Site, opened: Callable[..., Account]
    ) -> None:
        self.policies, self.of, self.opened = policies, of, opened

    def version(self, role: str) -> Any:
        """The version of the policy language that a document names."""
        return self.policies[role].get("Version")

    def fits(self, role: str) -> bool:
        """Is a document, filled, within what a managed policy may have?"""
        text = json.dumps(filled(self.policies[role], self.of), separators=(",", ":"))
        return len(text) <= LONGEST

    def names_are_known(self, role: str) -> bool:
        """Does an account fill every name?"""
        text = json.dumps(filled(self.policies[role], self.of))
        return "<" not in text and ">" not in text

    def names_are_open(self, role: str) -> bool:
        """Does no account's number stand in a document, no name of one, and no bucket by hand?"""
        text = json.dumps(self.policies[role])
        buckets = re.findall(r":s3:::([^/\"]+)", text)
        by_hand = [name for name in buckets if name != "*" and "<" not in name]
        known = any(str(name) in text for name in self.of.values())
        return not (by_hand or known or re.search(r"\d{12}", text))

    def keys_are_known(self, role: str) -> bool:
        """Does the ground know every key that the conditions are about?"""
        return all(
            key.lower() in KEYS
            for statement in _listed(self.policies[role]["Statement"])
            for keys in statement.get("Condition", {}).values()
            for key in keys
        )

    def can_be_published(self) -> bool:
        """Does IAM take all three? Raises AssertionError when it does not."""
        self.opened().furnish(self.policies)
        return True


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@fixture
def opened(site: Site, seed: int, graded: bool) -> Iterator[Callable[..., Account]]:
    """Give a function that opens one fresh account after the other."""
    with contextlib.ExitStack() as stack:

        def one(run: Any = None) -> Account:
            listener = stack.enter_context(loopback())
            cloud = stack.enter_context(private_cloud(listener, region=site["region"], run=run))
            account = Account(cloud, site, seed, graded)
            stack.callback(account.close)
            account.executes = run is not None
            return account

        yield one


@fixture
def desk(
    policies: dict[str, Any], opened: Callable[..., Account], site: Site, seed: int, graded: bool
) -> Desk:
    """What checks ask of the three roles."""
    return Desk(policies, opened, site, seed, graded)


class Desk:
    """The three roles with the learner's policies, in as many fresh accounts as are asked for."""

    def __init__(
        self, policies: dict[str, Any], opened: Callable[..., Account], of: Site, seed: int,
        graded: bool,
    ) -> None:
        self.policies, self.opened, self.of = policies, opened, of
        self.seed, self.graded = seed, graded

    def account(self, *functions: str) -> Account:
        """A fresh account in which the roles carry the learner's policies."""
        return self.opened().furnish(self.policies, ("resize", *functions))

    def month(self, role: str, later: int) -> list[Call]:
        """The recorded month of a role, the next, or one more."""
        return (recorded, next_month, third_month)[later](self.of, role, self.seed)

    def probes(self, role: str) -> list[Call]:
        """The calls beside a role's work."""
        return [call for _, call in probes(self.of, role, self.seed)]

    def ways(self) -> list[str]:
        """The six ways up, each of which leads up where everything is allowed."""
        account = self.opened().furnish(dict.fromkeys(ROLES, json.loads(ALL)))
        for name, go in WAYS.items():
            if not go(account, account.sessions["releaser"], "releaser"):
                raise RuntimeError(f"the way does not exist: {name}")
        return list(WAYS)

    def leads_up(self, account: Account, role: str, name: str) -> bool:
        """Does this way lead this role up? On the desk, which is public, say which it was."""
        if WAYS[name](account, account.sessions[role], role):
            assert self.graded, f"the {role} became an administrator: {name}"
            return True
        return False

    def refused(self, account: Account, role: str, call: Call) -> bool:
        """Is a call beside the work refused? On the desk, name it if it was published."""
        if account.refuses(role, call):
            return True
        shown = call in told(self.of, self.seed)[role]["refused"]
        text = f"{call[0]} {call[1]} {json.dumps(call[2])[:160]}"
        assert self.graded or not shown, f"the {role} was let in beside its work: {text}"
        return False

    def surplus(self) -> dict[str, list[Cell]]:
        """The cells that each role may ask for and need not."""
        cells = ground(self.of, self.seed)
        return {
            role: [one for one in allowed(filled(self.policies[role], self.of), cells)
                   if role not in one["need"]]
            for role in ROLES
        }  # fmt: skip

    def strokes(self) -> int:
        """What the surplus weighs."""
        return sum(one["weight"] for found in self.surplus().values() for one in found)

    def at_most(self, limit: int) -> bool:
        """Is the surplus within a limit? On the desk, which is public, say what it is made of."""
        found = self.surplus()
        weights = {role: sum(one["weight"] for one in cells) for role, cells in found.items()}
        if sum(weights.values()) <= limit or self.graded:
            return sum(weights.values()) <= limit
        told = ", ".join(f"{role} {weight}" for role, weight in weights.items())
        raise AssertionError(f"{sum(weights.values())} strokes ({told}), {limit} are allowed")


def allowed(document: Any, cells: list[Cell]) -> list[Cell]:
    """The cells that a document lets a role ask for."""
    alike: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        alike[json.dumps(cell["context"])].append(cell)
    found = []
    for some in alike.values():
        pairs = [(cell["action"], cell["resource"]) for cell in some]
        can = granted([document], pairs, context=some[0]["context"])
        found += [cell for cell, pair in zip(some, pairs, strict=True) if pair in can]
    return found
