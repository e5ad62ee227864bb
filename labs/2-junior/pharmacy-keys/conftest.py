"""The pharmacy of one seed: its names, its cloud, its database, its traffic and its evidence."""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import io
import json
import socket
import ssl
import tarfile
import threading
import zlib
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote, urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from larkmoor import DEPOTS, customers, stream

from autograder import LearnerError, fixture, given
from infra.cloud.fixtures import Identity, private_cloud
from infra.cloud.gate import forwarder, listen

Call = list[Any]  # [service, operation, parameters]
NETWORK = [name.lower().replace(" ", "-") for name in DEPOTS]
ROLES = ("intake", "dispatch", "rotator")
REGIONS = ("eu-west-1", "eu-central-1", "eu-north-1", "eu-west-3")
DRUGS = ("Larkostatin 20 mg", "Moorivent 100 mcg", "Fellaprim 5 mg", "Insulark 100 u/ml")
REFUSALS = {"AccessDenied", "AccessDeniedException", "403"}


# --- names ---------------------------------------------------------------------------------


@given("site.json")
@fixture
def site(seed: int) -> dict[str, Any]:
    """The names of one pharmacy; nothing in them can be known before they are read."""
    rng = stream(seed, "pharmacy")
    tag = f"{rng.integers(16**6):06x}"
    depots = [NETWORK[i] for i in rng.permutation(len(NETWORK))[:3]]
    roles = {
        role: {
            "name": f"{role}-{tag}",
            "host": f"arn:aws:iam::123456789012:user/{role}-host-{tag}",
        }
        for role in ROLES
    }
    return {
        "account": "123456789012",
        "region": REGIONS[rng.integers(len(REGIONS))],
        "bucket": f"larkmoor-rx-{tag}",
        "inbox": ("inbox", "arrivals", "incoming")[rng.integers(3)],
        "receipts": ("receipts", "slips", "acknowledged")[rng.integers(3)],
        "key": f"alias/rx-{tag}",
        "secret": f"rx/database-{tag}",
        "network": NETWORK,
        "depots": depots,
        "roles": roles,
        "database": {"host": "127.0.0.1", "port": 5433},
    }


def number(rng: Any) -> str:
    """A prescription's number."""
    return f"RX-{rng.integers(10**6):06d}"


# --- the calls each role must be able to make, and those next to them -------------------------


@given("calls.json")
@fixture
def published(site: dict[str, Any], seed: int) -> dict[str, Any]:
    """What the learner sees: each role's workload, and half of its neighbours."""
    found = {}
    for role in ROLES:
        refused = [call for _, call in neighbours(site, role, seed)[::2]]
        found[role] = {"passes": workload(site, role, seed), "refused": refused}
    return found


def workload(site: dict[str, Any], role: str, seed: int) -> list[Call]:
    """Thirty calls as recorded on a working day of this role."""
    rng = stream(seed, "workload", role)
    return {"intake": _intakes, "dispatch": _dispatches, "rotator": _rotations}[role](site, rng)


def _intakes(site: dict[str, Any], rng: Any) -> list[Call]:
    depots = [NETWORK[i] for i in rng.integers(len(NETWORK), size=24)]
    keys = [f"{site['inbox']}/{depot}/{number(rng)}.json" for depot in depots]
    keys += [f"{site['receipts']}/{number(rng)}.json" for _ in range(6)]
    return [_s3(site, "put_object", key, Body="{}") for key in keys]


def _dispatches(site: dict[str, Any], rng: Any) -> list[Call]:
    inbox, depots = site["inbox"], site["depots"]
    lists = [
        ["s3", "list_objects_v2", {"Bucket": site["bucket"], "Prefix": f"{inbox}/{depot}/{more}"}]
        for depot in depots
        for more in ("", "RX-0")
    ]
    reads = [
        _s3(site, operation, f"{inbox}/{depots[i % 3]}/RX-{i % 6:06d}.json")
        for i, operation in enumerate(["get_object"] * 18 + ["head_object"] * 3)
    ]
    return lists + reads + [["secretsmanager", "get_secret_value", {"SecretId": site["secret"]}]] * 3


def _rotations(site: dict[str, Any], rng: Any) -> list[Call]:
    """Five rotations of six calls. The version that is current is known at the time only."""
    secret = {"SecretId": site["secret"]}
    calls: list[Call] = []
    for _ in range(5):
        token = f"{rng.integers(2**62):032x}"
        move = {"VersionStage": "AWSCURRENT", "MoveToVersionId": token}
        put = {"ClientRequestToken": token, "SecretString": "{}", "VersionStages": ["AWSPENDING"]}
        steps: list[tuple[str, dict[str, Any]]] = [
            ("describe_secret", secret),
            ("get_secret_value", secret | {"VersionStage": "AWSCURRENT"}),
            ("get_random_password", {"PasswordLength": 32}),
            ("put_secret_value", secret | put),
            ("get_secret_value", secret | {"VersionId": token}),
            ("update_secret_version_stage", secret | move | {"RemoveFromVersionId": "(current)"}),
        ]
        calls += [["secretsmanager", name, params] for name, params in steps]
    return calls


def _s3(site: dict[str, Any], operation: str, key: str, **more: Any) -> Call:
    return ["s3", operation, {"Bucket": site["bucket"], "Key": key, **more}]


def neighbours(site: dict[str, Any], role: str, seed: int) -> list[tuple[str, Call]]:
    """Forty calls that are none of this role's business, each with what it would be doing."""
    rng = stream(seed, "neighbours", role)
    families = _everyones(site, role, rng) | {
        "intake": _beside_intake, "dispatch": _beside_dispatch, "rotator": _beside_rotator,
    }[role](site, rng)  # fmt: skip
    drawn: list[tuple[str, Call]] = []
    for family, calls in families.items():
        drawn += [(family, calls[i]) for i in rng.permutation(len(calls))[:4]]
    assert len(drawn) >= 40, "forty neighbours"
    return [drawn[i] for i in sorted(rng.permutation(len(drawn))[:40])]


def _everyones(site: dict[str, Any], role: str, rng: Any) -> dict[str, list[Call]]:
    """What no role of the pharmacy may do."""
    bucket, other = {"Bucket": site["bucket"]}, {"Bucket": other_name(site["bucket"])}
    mine, others = site["roles"][role]["name"], [r for r in ROLES if r != role]
    key, secret = {"KeyId": site["key"]}, {"SecretId": other_name(site["secret"])}
    open_policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    attach = {"RoleName": mine, "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}
    arn = f"arn:aws:iam::{site['account']}:role/"
    return {
        "changing the bucket": [
            ["s3", "delete_bucket_policy", bucket],
            ["s3", "put_bucket_policy", bucket | {"Policy": open_policy}],
            ["s3", "delete_bucket_encryption", bucket],
            ["s3", "delete_public_access_block", bucket],
            ["s3", "put_bucket_versioning", bucket | {"VersioningConfiguration": {"Status": "Suspended"}}],
            ["s3", "get_bucket_policy", bucket],
        ],
        "reaching another bucket": [
            ["s3", "get_object", other | {"Key": f"{site['inbox']}/{site['depots'][0]}/RX-000000.json"}],
            ["s3", "put_object", other | {"Key": f"{site['inbox']}/{site['depots'][0]}/{number(rng)}.json", "Body": "{}"}],
            ["s3", "list_objects_v2", other | {"Prefix": f"{site['inbox']}/{site['depots'][0]}/"}],
            ["s3", "list_buckets", {}],
        ],
        "changing the key": [
            ["kms", "disable_key", key],
            ["kms", "schedule_key_deletion", key | {"PendingWindowInDays": 7}],
            ["kms", "put_key_policy", key | {"Policy": open_policy}],
            ["kms", "disable_key_rotation", key],
            ["kms", "create_grant", key | {"GranteePrincipal": arn + mine, "Operations": ["Decrypt"]}],
            ["kms", "update_alias", {"AliasName": site["key"], "TargetKeyId": other_name(site["key"])}],
        ],
        "using a key by itself": [
            ["kms", "encrypt", key | {"Plaintext": "x"}],
            ["kms", "generate_data_key", key | {"KeySpec": "AES_256"}],
            ["kms", "decrypt", {"CiphertextBlob": "(a ciphertext of the key)"}],
            ["kms", "generate_data_key_without_plaintext", key | {"KeySpec": "AES_256"}],
            ["kms", "encrypt", {"KeyId": other_name(site["key"]), "Plaintext": "x"}],
        ],
        "reaching another secret": [
            ["secretsmanager", "get_secret_value", secret],
            ["secretsmanager", "describe_secret", secret],
            ["secretsmanager", "put_secret_value", secret | {"SecretString": "{}"}],
            ["secretsmanager", "delete_secret", secret],
            ["secretsmanager", "list_secrets", {}],
        ],
        "destroying the secret": [
            ["secretsmanager", "delete_secret", {"SecretId": site["secret"]}],
            ["secretsmanager", "update_secret", {"SecretId": site["secret"], "Description": "mine"}],
            ["secretsmanager", "put_resource_policy", {"SecretId": site["secret"], "ResourcePolicy": open_policy}],
            ["secretsmanager", "tag_resource", {"SecretId": site["secret"], "Tags": [{"Key": "a", "Value": "b"}]}],
        ],
        "giving itself rights": [
            ["iam", "attach_role_policy", attach],
            ["iam", "put_role_policy", {"RoleName": mine, "PolicyName": "more", "PolicyDocument": open_policy}],
            ["iam", "update_assume_role_policy", {"RoleName": mine, "PolicyDocument": open_policy}],
            ["iam", "create_access_key", {"UserName": f"{role}-host"}],
            ["iam", "create_user", {"UserName": "friend"}],
            ["iam", "delete_role_policy", {"RoleName": mine, "PolicyName": "work"}],
        ],
        "becoming another role": [
            ["sts", "assume_role", {"RoleArn": arn + site["roles"][r]["name"], "RoleSessionName": "other"}]
            for r in others
        ],
    }  # fmt: skip


def _beside_intake(site: dict[str, Any], rng: Any) -> dict[str, list[Call]]:
    inbox, receipts = site["inbox"], site["receipts"]
    stored = f"{inbox}/{site['depots'][0]}/RX-000000.json"
    bucket = {"Bucket": site["bucket"]}
    return _reading(site, stored) | {
        "listing": [
            ["s3", "list_objects_v2", bucket],
            ["s3", "list_objects_v2", bucket | {"Prefix": f"{inbox}/"}],
            ["s3", "list_objects_v2", bucket | {"Prefix": f"{receipts}/"}],
            ["s3", "list_objects", bucket | {"Prefix": stored}],
            ["s3", "list_object_versions", bucket],
        ],
        "writing where nothing arrives": [
            _s3(site, "put_object", f"{name}/{number(rng)}.json", Body="{}")
            for name in (f"{inbox}-old", f"{receipts}2", f"old/{inbox}", "audit", f"{inbox[:-1]}")
        ] + [_s3(site, "put_object", inbox, Body="{}")],
        "removing": [
            _s3(site, "delete_object", stored),
            _s3(site, "delete_object", f"{receipts}/RX-000000.json"),
            ["s3", "delete_objects", bucket | {"Delete": {"Objects": [{"Key": stored}]}}],
        ],
        "reading the secret": [
            ["secretsmanager", "get_secret_value", {"SecretId": site["secret"]}],
            ["secretsmanager", "describe_secret", {"SecretId": site["secret"]}],
        ],
    }  # fmt: skip


def _beside_dispatch(site: dict[str, Any], rng: Any) -> dict[str, list[Call]]:
    inbox, depots, bucket = site["inbox"], site["depots"], {"Bucket": site["bucket"]}
    foreign = [name for name in NETWORK if name not in depots]
    elsewhere = [foreign[i] for i in rng.permutation(len(foreign))[:3]]
    near = [f"{inbox}/{d}-annex" for d in depots] + [f"{inbox}-old/{d}" for d in depots]
    return {
        "reading another depot's": [
            _s3(site, "get_object", f"{place}/RX-000000.json")
            for place in [f"{inbox}/{depot}" for depot in elsewhere] + near[::2]
        ] + [_s3(site, "get_object", f"{site['receipts']}/RX-000000.json")],
        "listing more than its depots": [
            ["s3", "list_objects_v2", bucket | more]
            for more in (
                {}, {"Prefix": ""}, {"Prefix": f"{inbox}/"}, {"Prefix": f"{inbox}/{elsewhere[0]}/"},
                {"Prefix": f"{near[0]}/"}, {"Prefix": f"{near[4]}/"}, {"Prefix": f"{inbox}/{depots[0]}"},
            )
        ] + [["s3", "list_object_versions", bucket | {"Prefix": f"{inbox}/{depots[0]}/"}]],
        "writing": [
            _s3(site, "put_object", f"{inbox}/{depots[0]}/{number(rng)}.json", Body="{}"),
            _s3(site, "put_object", f"{site['receipts']}/{number(rng)}.json", Body="{}"),
            _s3(site, "delete_object", f"{inbox}/{depots[1]}/RX-000001.json"),
            _s3(site, "put_object_acl", f"{inbox}/{depots[1]}/RX-000001.json", ACL="private"),
            _s3(site, "put_object_tagging", f"{inbox}/{depots[2]}/RX-000002.json", Tagging={"TagSet": []}),
        ],
        "looking around its objects": [
            _s3(site, "get_object_acl", f"{inbox}/{depots[0]}/RX-000000.json"),
            _s3(site, "get_object_tagging", f"{inbox}/{depots[1]}/RX-000001.json"),
            ["s3", "get_bucket_acl", bucket],
        ],
        "changing the secret": [
            ["secretsmanager", "put_secret_value", {"SecretId": site["secret"], "SecretString": "{}"}],
            ["secretsmanager", "list_secret_version_ids", {"SecretId": site["secret"]}],
            ["secretsmanager", "update_secret_version_stage", {
                "SecretId": site["secret"], "VersionStage": "AWSCURRENT", "MoveToVersionId": "0" * 32}],
        ],
    }  # fmt: skip


def _beside_rotator(site: dict[str, Any], rng: Any) -> dict[str, list[Call]]:
    stored = f"{site['inbox']}/{site['depots'][0]}/RX-000000.json"
    receipt = f"{site['receipts']}/RX-000000.json"
    secret = {"SecretId": site["secret"]}
    return _reading(site, stored) | {
        "listing": [
            ["s3", "list_objects_v2", {"Bucket": site["bucket"]}],
            ["s3", "list_objects_v2", {"Bucket": site["bucket"], "Prefix": f"{site['inbox']}/"}],
        ],
        "writing": [
            _s3(site, "put_object", f"{site['inbox']}/{site['depots'][0]}/{number(rng)}.json", Body="{}"),
            _s3(site, "put_object", receipt, Body="{}"),
            _s3(site, "delete_object", stored),
        ],
        "making and unmaking secrets": [
            ["secretsmanager", "create_secret", {"Name": f"rx/{number(rng)}", "SecretString": "{}"}],
            ["secretsmanager", "delete_resource_policy", secret],
            ["secretsmanager", "get_resource_policy", secret],
            ["secretsmanager", "restore_secret", secret],
        ],
        "reaching a secret with a longer name": [
            ["secretsmanager", operation, {"SecretId": site["secret"] + more}]
            for operation in ("get_secret_value", "describe_secret")
            for more in ("-copy", "/staging")
        ],
    }  # fmt: skip


def _reading(site: dict[str, Any], stored: str) -> dict[str, list[Call]]:
    receipt = f"{site['receipts']}/RX-000000.json"
    operations = ("get_object", "head_object", "get_object_tagging", "get_object_acl")
    return {
        "reading": [
            _s3(site, operation, key) for operation in operations for key in (stored, receipt)
        ]
    }


def other_name(name: str) -> str:
    """A neighbour's name that begins with ours."""
    return f"{name}-archive"


# --- the account ---------------------------------------------------------------------------


class Estate:
    """One fresh account, the learner's work in it, and the judge's eyes on both."""

    def __init__(self, work: Any, cloud: Any, site: dict[str, Any], seed: int) -> None:
        self.work, self.cloud, self.site, self.seed = work, cloud, site, seed
        self._clients: dict[tuple[str, Any], Any] = {}
        self.s3, self.kms, self.vault = map(cloud.client, ("s3", "kms", "secretsmanager"))
        self.deployer = self.stranger("deployer", "*")
        self.hosts = {role: cloud.identity(_host(site, role)) for role in ROLES}
        work.write("ca.pem", cloud.ca)
        work.write("site.json", json.dumps(site).encode())
        work.env.update(self.env(self.deployer))

    def env(self, identity: Any) -> dict[str, str]:
        """The environment in which a program of the learner's is this identity, over https."""
        return dict(self.cloud.env(identity, https=True, ca="ca.pem"))

    def stranger(self, name: str, *actions: str) -> Any:
        """Somebody in the account who may do `actions` on everything, as far as IAM goes."""
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        return self.cloud.identity(name, policies=[policy])

    def deploy(self, *roles: str) -> Estate:
        """The learner's stack, then what others keep beside it."""
        self.work.deploy(self.site, list(roles))
        return self.settle()

    def settle(self) -> Estate:
        """Fill the secret, store some objects, and give the pharmacy its neighbours."""
        site, key = self.site, self.key()
        self.vault.put_secret_value(SecretId=site["secret"], SecretString="{}")
        self.s3.create_bucket(
            Bucket=other_name(site["bucket"]),
            CreateBucketConfiguration={"LocationConstraint": site["region"]},
        )
        self.other_key = self.kms.create_key()["KeyMetadata"]["Arn"]
        self.kms.create_alias(AliasName=other_name(site["key"]), TargetKeyId=self.other_key)
        self.vault.create_secret(Name=other_name(site["secret"]), SecretString="{}")
        for i in range(6):
            name = f"{site['inbox']}/{site['depots'][i % 3]}/RX-{i:06d}.json"
            self.s3.put_object(Bucket=site["bucket"], Key=name, Body=b"{}")
        self.blob = self.kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        return self

    def key(self) -> str:
        """The ARN behind the site's alias."""
        return str(self.kms.describe_key(KeyId=self.site["key"])["KeyMetadata"]["Arn"])

    def close(self) -> None:
        """Close the connections of every client."""
        for client in (self.s3, self.kms, self.vault, *self._clients.values()):
            client.close()

    def switch(self, key: str, on: bool) -> None:
        """Enable or disable a key, with the judge's own rights."""
        turn = self.kms.enable_key if on else self.kms.disable_key
        turn(KeyId=key.rpartition("/")[2])

    def role(self, role: str) -> Any:
        """Temporary credentials of a role, as its own host gets them."""
        sts = self.client("sts", self.hosts[role])
        made = sts.assume_role(RoleArn=self._arn(role), RoleSessionName="work")
        keys = made["Credentials"]
        return Identity(
            made["AssumedRoleUser"]["Arn"],
            keys["AccessKeyId"],
            keys["SecretAccessKey"],
            keys["SessionToken"],
        )

    def _arn(self, role: str) -> str:
        return f"arn:aws:iam::{self.site['account']}:role/{self.site['roles'][role]['name']}"

    def client(self, service: str, identity: Any) -> Any:
        """A client of somebody, one for each service, on the judge's secure listener."""
        if (service, identity) not in self._clients:
            made = self.cloud.client(service, identity, https=True)
            self._clients[service, identity] = made
        return self._clients[service, identity]

    def over(self, https: bool, identity: Any, method: str, path: str, body: bytes = b"") -> int:
        """The status of one S3 request made where the learner's programs are, with TLS or without."""
        door = urlsplit(self.cloud.https_url if https else self.cloud.url)
        request = AWSRequest(method, f"{door.geturl()}{path}", data=body)
        who = Credentials(identity.key_id, identity.secret, identity.token or None)
        S3SigV4Auth(who, "s3", self.cloud.region).add_auth(request)
        line = self.work.connect(door.port)
        if https:
            context = ssl.create_default_context(cadata=self.cloud.ca.decode())
            line = context.wrap_socket(line, server_hostname="127.0.0.1")
        with contextlib.closing(HTTPConnection(door.netloc)) as connection:
            connection.sock = line
            connection.request(method, path, body, dict(request.headers))
            return connection.getresponse().status

    def attempt(self, identity: Any, call: Call) -> str:
        """Make one call as somebody; empty when it passes, otherwise the error's code."""
        service, operation, params = call
        client = self.client(service, identity)
        try:
            answer = getattr(client, operation)(**self._now(params))
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return str(answer["Errors"][0]["Code"]) if answer.get("Errors") else ""

    def workload(self, role: str) -> list[Call]:
        """The role's recorded day."""
        return workload(self.site, role, self.seed)

    def neighbours(self, role: str) -> list[tuple[str, Call]]:
        """What lies beside it."""
        return neighbours(self.site, role, self.seed)

    def only_its_host_becomes(self, role: str) -> bool:
        """Are all other hosts, and a stranger, refused this role?"""
        others = [host for name, host in self.hosts.items() if name != role]
        call = ["sts", "assume_role", {"RoleArn": self._arn(role), "RoleSessionName": "other"}]
        return all(self.attempt(one, call) in REFUSALS for one in (*others, self.stranger("guest", "s3:*")))

    def read(self, identity: Any, place: dict[str, str]) -> bytes:
        """The bytes that somebody gets."""
        return bytes(self.client("s3", identity).get_object(**place)["Body"].read())

    def take_in(self, morning: Morning) -> tuple[dict[str, Any], list[dict[str, Any]], list[bytes]]:
        """Let the intake role take a batch in: what is stored, what is logged, what can be found."""
        self.work.env.update(self.env(self.deployer))
        self.work.deploy(self.site, ["intake"])
        before = set(self.work.files("**/*"))
        self.work.write("morning.jsonl", "\n".join([*morning.lines, ""]).encode())
        env = self.env(self.role("intake"))
        program = self.work.run("intake.py", "site.json", "morning.jsonl", env=env)
        assert program.wait() == 0, "the intake program did not end well"
        written = set(self.work.files("**/*")) - before - {"morning.jsonl"}
        remains = b"\n".join(self.work.read(path) for path in sorted(written))
        secrets = [*morning.canaries, env["AWS_SECRET_ACCESS_KEY"]]
        left = [form for secret in secrets for form in forms(secret) if form in remains]
        entries = [json.loads(line) for line in self.work.read("intake.log").splitlines()]
        return self._stored(), entries, left

    def _stored(self) -> dict[str, Any]:
        """Every prescription in the inbox by number, where its depot looks for it."""
        bucket, inbox = self.site["bucket"], self.site["inbox"]
        found = {}
        for item in self.s3.list_objects_v2(Bucket=bucket).get("Contents", []):
            row = json.loads(self.s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read())
            place = f"{inbox}/{row['depot']}/{row['number']}.json"
            found[row["number"] if item["Key"] == place else item["Key"]] = row
        return found

    def _now(self, params: dict[str, Any]) -> dict[str, Any]:
        """Parameters with what only the moment knows."""
        filled = dict(params)
        if "CiphertextBlob" in params:
            filled["CiphertextBlob"] = self.blob
        if params.get("RemoveFromVersionId") == "(current)":
            secret = self.vault.describe_secret(SecretId=self.site["secret"])
            stages = secret["VersionIdsToStages"].items()
            filled["RemoveFromVersionId"] = next(v for v, s in stages if "AWSCURRENT" in s)
        return filled


def _host(site: dict[str, Any], role: str) -> str:
    return str(site["roles"][role]["host"]).rpartition("/")[2]


@fixture
def cloud(work: Any, site: dict[str, Any]) -> Iterator[Any]:
    """A private cloud on the sandbox's own loopback, plain and with TLS."""
    plain, secure = work.listen(4566), work.listen(4567)
    with private_cloud(plain, https_listener=secure, region=site["region"]) as one:
        yield one


@fixture
def estate(work: Any, cloud: Any, site: dict[str, Any], seed: int) -> Iterator[Estate]:
    """The account of this seed, nothing deployed yet."""
    one = Estate(work, cloud, site, seed)
    yield one
    one.close()


# --- the database --------------------------------------------------------------------------


class Pharmacy:
    """The database behind `database.py`: one account, two passwords at most, rows by number.

    `stop_after(request)` leaves the next such request done and unanswered.
    """

    def __init__(self, listener: socket.socket, rows: dict[str, Any], user: str, password: str):
        self.rows, self.user, self.newest, self.before = rows, user, password, ""
        self.refused = 0
        self.silent_after, self.stopped = "", threading.Event()
        self.listener = listener
        threading.Thread(target=self._accept, daemon=True).start()

    def stop_after(self, request: str) -> threading.Event:
        """Answer no more to the first such request that succeeds."""
        self.silent_after = request
        self.stopped.clear()
        return self.stopped

    def _accept(self) -> None:
        while True:
            try:
                line, _ = self.listener.accept()
            except OSError:
                return
            with line:
                self._serve(line)

    def _serve(self, line: socket.socket) -> None:
        try:
            message = json.loads(line.makefile("rb").readline(65536))
            answer = self._answer(message)
            if answer["accepted"] and message["request"] == self.silent_after:
                self.silent_after = ""
                self.kept = line.dup()  # open, and never answered
                self.stopped.set()
                return
            line.sendall(json.dumps(answer).encode() + b"\n")
        except (OSError, ValueError, KeyError, TypeError):
            return

    def _answer(self, message: dict[str, Any]) -> dict[str, Any]:
        password, request = message["password"], message["request"]
        known = {self.newest, self.before} - {""}
        if message["user"] != self.user or password not in known:
            self.refused += 1
            return {"accepted": False}
        if request == "change":
            self.before, self.newest = self.newest, str(message["new"])
        if request == "forget_old":
            if password != self.newest:
                return {"accepted": False}
            self.before = ""
        return {"accepted": True, "row": self.rows.get(message.get("number"))}


@fixture
def pharmacy(work: Any, site: dict[str, Any], rows: dict[str, Any], seed: int) -> Iterator[Pharmacy]:
    """The pharmacy's database, where the site says it is, with its first password."""
    listener = work.listen(site["database"]["port"])
    site["database"]["port"] = listener.getsockname()[1]
    password = hashlib.sha256(f"first {seed}".encode()).hexdigest()[:24]
    yield Pharmacy(listener, rows, "screen", password)
    listener.close()


class Seam:
    """Between a program and Secrets Manager: passes all on, and can stop at one call."""

    def __init__(self, forward: Any) -> None:
        self.forward, self.target, self.late = forward, "", False
        self.stopped = threading.Event()

    def stop_at(self, target: str, late: bool) -> threading.Event:
        """Say nothing to the next such call; `late`: after it has been done."""
        self.stopped.clear()
        self.target, self.late = target, late
        return self.stopped

    def __call__(self, request: Any) -> Any:
        """Answer one request, or not."""
        if not self.target or not request.header("x-amz-target").endswith(self.target):
            return self.forward(request)
        self.target = ""
        if self.late:
            self.forward(request)
        self.stopped.set()
        threading.Event().wait(60)  # until the caller has been killed
        return None


class Rotation:
    """A secret about to be rotated, the moments at which it will go wrong, and who is reading."""

    moments = ("after createSecret", "after setSecret", "after testSecret", "after finishSecret")

    def __init__(self, estate: Estate, pharmacy: Pharmacy, seam: Seam, env: dict[str, str]) -> None:
        self.estate, self.pharmacy, self.seam = estate, pharmacy, seam
        self.work, self.site, self.vault = estate.work, estate.site, estate.vault
        self.token = f"{stream(estate.seed, 'token').integers(2**62):032x}"
        self.numbers = list(pharmacy.rows)
        self.seam_env = env

    def begin(self) -> None:
        """Everything deployed by the learner's program, and the first password in the secret."""
        program = self.work.run("stack.py", "site.json")
        assert program.wait() == 0, "python stack.py site.json did not end well"
        first = {"user": self.pharmacy.user, "password": self.pharmacy.newest}
        self.vault.put_secret_value(SecretId=self.site["secret"], SecretString=json.dumps(first))
        self.rotator = self.estate.role("rotator")
        self.program_env = self.estate.env(self.rotator) | self.seam_env
        self.work.env.update(self.estate.env(self.estate.role("dispatch")))

    def reader(self) -> Any:
        """A new reader, as the dispatch role."""
        return self.work.module("reader").Reader(self.site)

    def reads(self, reader: Any, count: int) -> int:
        """How many of so many reads bring the right prescription."""
        right = 0
        for i in range(count):
            wanted = self.numbers[i % len(self.numbers)]
            try:
                right += reader.read(wanted) == self.pharmacy.rows[wanted]
            except LearnerError as error:
                if error.kind == "NotImplementedError":
                    raise
        return right

    def run_until(self, moment: str) -> None:
        """Start the rotation and kill it at this moment: done, and nobody has heard of it."""
        stopped = {
            "after createSecret": lambda: self.seam.stop_at("PutSecretValue", late=True),
            "after setSecret": lambda: self.pharmacy.stop_after("change"),
            "after testSecret": lambda: self.seam.stop_at("UpdateSecretVersionStage", late=False),
            "after finishSecret": lambda: self.seam.stop_at("UpdateSecretVersionStage", late=True),
        }[moment]()
        program = self._start(self.token)
        while not stopped.wait(0.02):
            assert program.poll() is None, f"{moment}: the rotation ended before it came so far"
        program.kill()

    def run(self, token: str = "") -> int:
        """Let a rotation run to its end; its exit status."""
        return int(self._start(token or self.token).wait())

    def _start(self, token: str) -> Any:
        return self.work.run("rotate.py", "site.json", token, env=self.program_env)

    def fetches(self) -> int:
        """How often readers have asked for the secret."""
        name = self.site["roles"]["dispatch"]["name"]
        asked = [c for c in self.estate.cloud.log if c.action == "secretsmanager:GetSecretValue"]
        return sum(name in call.principal for call in asked)

    def holders(self, label: str) -> list[str]:
        """The versions that carry a label."""
        stages = self.vault.describe_secret(SecretId=self.site["secret"])["VersionIdsToStages"]
        return [version for version, labels in stages.items() if label in labels]

    def accepted(self) -> list[str]:
        """The passwords that the database accepts."""
        return [word for word in (self.pharmacy.newest, self.pharmacy.before) if word]

    def promised(self) -> list[str]:
        """The password that the current version of the secret holds."""
        text = self.vault.get_secret_value(SecretId=self.site["secret"])["SecretString"]
        return [json.loads(text)["password"]]

    def neighbour_is_refused(self) -> bool:
        """May the rotator not read the secret next to its own?"""
        name = other_name(self.site["secret"])
        self.vault.create_secret(Name=name, SecretString="{}")
        call = ["secretsmanager", "get_secret_value", {"SecretId": name}]
        return self.estate.attempt(self.rotator, call) in REFUSALS


@fixture
def rotation(estate: Estate, pharmacy: Pharmacy, work: Any, cloud: Any, site: dict[str, Any]) -> Iterator[Rotation]:
    """An account, a database, and a seam between the rotation and Secrets Manager."""
    listener = work.listen(4568)
    seam = Seam(forwarder(*cloud.address))
    env = {"AWS_ENDPOINT_URL_SECRETS_MANAGER": f"http://127.0.0.1:{listener.getsockname()[1]}"}
    with listen(listener, seam):
        yield Rotation(estate, pharmacy, seam, env)


@fixture
def rows(seed: int) -> dict[str, Any]:
    """A hundred prescriptions by number."""
    found = prescriptions(stream(seed, "shelf"), seed, 100)
    return {row["number"]: row for row in found}


# --- what arrives in the morning -------------------------------------------------------------


def people(seed: int, count: int) -> list[dict[str, str]]:
    """Customers of this seed, no two of one name."""
    table = customers(seed, 3 * count).drop_duplicates("name").head(count)
    return [{k: str(v) for k, v in row.items()} for row in table.to_dict("records")]


def prescriptions(rng: Any, seed: int, count: int) -> list[dict[str, Any]]:
    """Prescriptions, no two of one number or one person."""
    numbers = rng.choice(10**6, count, replace=False)
    return [
        {
            "number": f"RX-{numbers[i]:06d}",
            "depot": NETWORK[rng.integers(len(NETWORK))],
            "patient": who["name"],
            "person_number": who["person_number"],
            "phone": who["phone"],
            "drug": DRUGS[rng.integers(len(DRUGS))],
        }
        for i, who in enumerate(people(seed, count))
    ]


class Morning:
    """A batch of prescriptions, some of them not what they should be.

    `outcomes` gives for each line the prescription if it must be stored, otherwise nothing;
    `canaries` are ten things of these lines that nobody may find in a log.
    """

    def __init__(self, seed: int) -> None:
        rng = stream(seed, "morning")
        rows = prescriptions(rng, seed, 23)
        good = rows[:16]
        for row in good[:4]:
            row["note"] = base64.b64encode(f"for {row['patient']}".encode()).decode()
        bad, personal = self._bad(rows[16:])
        lines = [(json.dumps(row, ensure_ascii=False), row) for row in good]
        lines += [(text, None) for text in bad]
        order = rng.permutation(len(lines))
        self.lines = [lines[i][0] for i in order]
        self.outcomes: list[dict[str, Any] | None] = [lines[i][1] for i in order]
        personal += [good[0]["patient"], good[1]["person_number"], good[2]["phone"]]
        self.canaries: list[str] = personal

    @staticmethod
    def _bad(rows: list[dict[str, Any]]) -> tuple[list[str], list[str]]:
        hidden = [row["patient"] for row in rows]
        hidden[1] = rows[1]["person_number"]
        rows[1]["number"] = rows[1]["person_number"]
        rows[2]["number"] += f" {rows[2]['patient']}"
        rows[3]["depot"] = f"c/o {rows[3]['patient']}"
        del rows[4]["depot"]
        rows[5]["number"] = {"patient": rows[5]["patient"]}
        texts = [json.dumps(row, ensure_ascii=False) for row in rows]
        texts[0] = texts[0][: -len('"}') - 5]
        texts[6] = json.dumps(f"{rows[6]['patient']} rang about {rows[6]['drug']}")
        return texts, hidden


@fixture
def morning(seed: int) -> Morning:
    """This seed's batch."""
    return Morning(seed)


@given("batch.jsonl")
@fixture
def batch(morning: Morning) -> str:
    """The batch as a file."""
    return "\n".join(morning.lines) + "\n"


def forms(secret: str) -> set[bytes]:
    """The forms in which a log may give a secret away: plain, escaped, in base64, hex or a URL."""
    raw = secret.encode()
    found = {raw, json.dumps(secret)[1:-1].encode(), raw.hex().encode(), quote(secret).encode()}
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + raw)
        first, last = -(-before * 4 // 3), (before + len(raw)) * 4 // 3
        found.add(whole[first:last])
    return found | {form.replace(b"+", b"-").replace(b"/", b"_") for form in found}


# --- evidence ------------------------------------------------------------------------------


class Evidence:
    """A folder in which ten canaries may lie: `files` by path, `truth` as pairs of canary, entry."""

    def __init__(self, seed: int) -> None:
        rng = stream(seed, "evidence")
        who = people(seed, 8)
        self.canaries = [p["name"].replace(" ", f" {rng.choice(list('ÅÆØÖÜ'))}. ") for p in who[:5]]
        self.canaries += [p["person_number"] for p in who[5:]]
        self.canaries += [f"rx-{rng.integers(2**60):015x}" for _ in range(2)]
        places = ["log", "old log", "trace", "basic", "layer", "env", "blob", "message"]
        homes = {places[p]: self.canaries[i] for i, p in enumerate(rng.permutation(len(places)))}
        homes["deep"], homes["attic"] = homes["log"], homes["layer"]
        near = [c[:-1] + ("x" if c[-1] != "x" else "y") for c in self.canaries]
        self.files = _logs(homes, near) | {"image.tar": _image(homes, near)} | _repository(homes, near)
        self.files["handover.txt"] = "\n".join([*near, _b64(" ".join(near))]).encode()
        entries = dict.fromkeys(("log", "old log", "trace", "basic"), "logs")
        entries |= dict.fromkeys(("layer", "env", "deep"), "image.tar")
        entries |= dict.fromkeys(("blob", "message", "attic"), "repo")
        self.truth = {(canary, entries[place]) for place, canary in homes.items()}


@fixture
def evidence(seed: int) -> Evidence:
    """This seed's folder."""
    return Evidence(seed)


@given("evidence/")
@fixture
def desk_evidence(evidence: Evidence) -> dict[str, bytes]:
    """The folder to try things on."""
    return evidence.files


@given("canaries.txt")
@fixture
def desk_canaries(evidence: Evidence) -> str:
    """What may lie in it."""
    return "\n".join(evidence.canaries) + "\n"


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _logs(homes: dict[str, str], near: list[str]) -> dict[str, bytes]:
    lines = [f"07:{i:02d} stored RX-{i:06d} {near[i % len(near)]}" for i in range(40)]
    old = [*lines[:20], f"07:20 label printed for {homes['old log']}", *lines[20:]]
    trace = [{"span": i, "note": near[i]} for i in range(9)] + [{"note": f"to {homes['trace']}"}]
    basic = _b64(f"screen:{homes['basic']}")
    return {
        "logs/app.log": "\n".join([*lines, f"08:01 {homes['log']} rang"]).encode(),
        "logs/app.log.1.gz": gzip.compress("\n".join(old).encode(), mtime=0),
        "logs/trace.jsonl": "\n".join(map(json.dumps, trace)).encode(),
        "logs/requests.log": f"GET /rx 200\nAuthorization: Basic {basic}\nGET /rx 200\n".encode(),
    }


def _image(homes: dict[str, str], near: list[str]) -> bytes:
    """What `docker save` writes: a configuration, and layers of which a later one deletes."""
    env = [f"TOKEN={_b64('token=' + homes['env'] + ';')}", f"OTHER={_b64(near[0])}"]
    deep = json.dumps({"backup": _b64(json.dumps({"patient": homes["deep"]}))})
    first = {"app/settings.ini": f"[contact]\nname = {homes['layer']}\n".encode(), "app/a.py": b"1"}
    second = {"app/.wh.settings.ini": b"", "app/near.txt": "\n".join(near).encode()}
    third = {"var/backup.json": deep.encode()}
    files = {"config.json": json.dumps({"config": {"Env": env}}).encode()}
    files |= {"1/layer.tar": _tar(first), "2/layer.tar": _tar(second)}
    files["3/layer.tar.gz"] = gzip.compress(_tar(third), mtime=0)
    manifest = [{"Config": "config.json", "Layers": [name for name in files if "layer" in name]}]
    return _tar(files | {"manifest.json": json.dumps(manifest).encode()})


def _tar(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def _repository(homes: dict[str, str], near: list[str]) -> dict[str, bytes]:
    """A repository that was never packed; its newest commit was taken back by a hard reset."""
    objects: dict[str, bytes] = {}

    def put(kind: str, data: bytes) -> str:
        whole = f"{kind} {len(data)}\0".encode() + data
        name = hashlib.sha1(whole).hexdigest()
        objects[f"repo/.git/objects/{name[:2]}/{name[2:]}"] = zlib.compress(whole)
        return name

    def commit(text: str, message: str, parent: str = "") -> str:
        blob = put("blob", text.encode())
        tree = put("tree", b"100644 intake.py\0" + bytes.fromhex(blob))
        who = "Robin Vale <robin@larkmoor.example> 1760000000 +0000"
        above = f"parent {parent}\n" if parent else ""
        return put(
            "commit",
            f"tree {tree}\n{above}author {who}\ncommitter {who}\n\n{message}\n".encode(),
        )

    first = commit("\n".join(near), "Take prescriptions in")
    head = commit("print('ok')\n", f"Greet {homes['message']} by name", first)
    commit(f"TEST = {homes['blob']!r}\n# {_b64('seen: ' + homes['attic'])}\n", "Try it", head)
    refs = {"repo/.git/HEAD": b"ref: refs/heads/main\n", "repo/.git/refs/heads/main": head.encode()}
    return objects | refs | {"repo/intake.py": b"print('ok')\n"}
