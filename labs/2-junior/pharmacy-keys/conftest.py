"""The pharmacy of one seed: its cloud account, its database, and a rotation that can be stopped."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import larkmoor.pharmacy
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from larkmoor import stream
from larkmoor.evidence import Evidence, forms
from larkmoor.pharmacy import ROLES, Morning, prescriptions
from larkmoor.pharmacy_calls import Call, neighbours, other_name, published, workload

from autograder import LearnerError, fixture, given
from infra.cloud.fixtures import Identity, private_cloud
from infra.cloud.gate import forwarder, listen

REFUSALS = {"AccessDenied", "AccessDeniedException", "403"}


# --- what is drawn from the seed -------------------------------------------------------------


@given("site.json")
@fixture
def site(seed: int) -> dict[str, Any]:
    """The names of one pharmacy; nothing in them can be known before they are read."""
    return larkmoor.pharmacy.site(seed)


@given("calls.json")
@fixture
def calls(site: dict[str, Any], seed: int) -> dict[str, Any]:
    """What the learner sees of each role's day, and of what lies next to it."""
    return published(site, seed)


@fixture
def rows(seed: int) -> dict[str, Any]:
    """A hundred prescriptions by number."""
    found = prescriptions(stream(seed, "shelf"), seed, 100)
    return {row["number"]: row for row in found}


@fixture
def morning(seed: int) -> Morning:
    """This seed's batch."""
    return Morning(seed)


@given("batch.jsonl")
@fixture
def batch(morning: Morning) -> bytes:
    """The batch as a file."""
    return b"\n".join([*morning.lines, b""])


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
    return "\n".join([*evidence.canaries, ""])


# --- the account ---------------------------------------------------------------------------

# Run in the sandbox, prints what lies where a program may write besides its work folder. It takes
# nothing from that folder, whose modules would come first.
SCRATCH = """
import os, sys

def refuse(error):
    raise error

scratch = os.environ["TMPDIR"]
own = os.path.realpath("/tmp") == os.path.realpath(scratch)  # else both are all the machine's
for place in (scratch, "/dev/shm") if own else (scratch,):
    for folder, _, names in os.walk(place, onerror=refuse):
        for path in (os.path.join(folder, name) for name in names):
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    sys.stdout.buffer.write(os.fsencode(path) + file.read(65536))
"""


def found_in_scratch(work: Any) -> list[bytes]:
    """The bytes of the files that lie outside the work folder."""
    work.write(".scratch.py", SCRATCH.encode())
    program = work.run(".scratch.py")
    assert program.wait() == 0, "a file was left outside the work folder that cannot be read"
    work.remove(".scratch.py")
    return [program.output()]


class Estate:
    """One fresh account, the learner's work in it, and the judge's eyes on both."""

    def __init__(
        self, work: Any, cloud: Any, site: dict[str, Any], seed: int, graded: bool
    ) -> None:
        self.work, self.cloud, self.site, self.seed = work, cloud, site, seed
        self.graded = graded
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
        policy = json.dumps(_open_to_copies(site["account"]))
        self.other_key = self.kms.create_key(Policy=policy)["KeyMetadata"]["Arn"]
        self.kms.create_alias(AliasName=other_name(site["key"]), TargetKeyId=self.other_key)
        self.vault.create_secret(Name=other_name(site["secret"]), SecretString="{}")
        for i in range(6):
            name = f"{site['inbox']}/{site['depots'][i % 3]}/RX-{i:06d}.json"
            self.s3.put_object(Bucket=site["bucket"], Key=name, Body=b"{}")
        self.blob = self.kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        return self

    def key(self) -> str:
        """The ARN behind the site's alias."""
        try:
            return str(self.kms.describe_key(KeyId=self.site["key"])["KeyMetadata"]["Arn"])
        except ClientError:
            raise AssertionError("no key answers to the alias of the site") from None

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
        try:
            made = sts.assume_role(RoleArn=self._arn(role), RoleSessionName="work")
        except ClientError:
            raise AssertionError("a role's own host cannot put it on") from None
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
        """A client of somebody, one for each service, on a listener that counts as secure."""
        if (service, identity) not in self._clients:
            made = self.cloud.client(service, identity, secure=True)
            self._clients[service, identity] = made
        return self._clients[service, identity]

    def over(self, https: bool, identity: Any, method: str, path: str, body: bytes = b"") -> int:
        """The status of one S3 request made where the learner's programs are, with TLS or without.
        """
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

    def live_through_the_day(self, role: str, identity: Any) -> None:
        """Make the calls of the role's recorded day. On the desk, which is public, name the first
        that is refused.
        """
        for call in self.workload(role):
            if why := self.attempt(identity, call):
                named = "" if self.graded else f": {call[0]} {call[1]} ({why})"
                raise AssertionError(f"a call of its recorded day was refused{named}")

    def neighbours(self, role: str) -> dict[str, list[Call]]:
        """Fifty calls that lie beside it, by what one would be doing."""
        found: dict[str, list[Call]] = {}
        for deed, call in neighbours(self.site, role, self.seed):
            found.setdefault(deed, []).append(call)
            self._store(*call[1:])
        return found

    def _store(self, operation: str, params: dict[str, Any]) -> None:
        """Have what a call would read: for what is not there S3 may refuse anybody who asks."""
        if operation in ("get_object", "head_object"):
            self.s3.put_object(Bucket=params["Bucket"], Key=params["Key"], Body=b"{}")

    def only_its_host_becomes(self, role: str) -> bool:
        """Are all other hosts, and a stranger, refused this role?"""
        others = [host for name, host in self.hosts.items() if name != role]
        call = ["sts", "assume_role", {"RoleArn": self._arn(role), "RoleSessionName": "other"}]
        return all(
            self.attempt(one, call) in REFUSALS for one in (*others, self.stranger("guest", "s3:*"))
        )

    def lock(self, place: dict[str, str]) -> str:
        """The ARN of the key that an object is under; empty when it is under none."""
        return str(self.s3.head_object(**place).get("SSEKMSKeyId", ""))

    def stores(
        self, identity: Any, place: dict[str, str], algorithm: str = "", key: str = ""
    ) -> bool:
        """Can somebody store the object, asking for this encryption?"""
        wish = {"ServerSideEncryption": algorithm} if algorithm else {}
        wish |= {"SSEKMSKeyId": key} if key else {}
        return not self.attempt(identity, ["s3", "put_object", place | wish | {"Body": "to whom"}])

    def is_kept_private(self) -> bool:
        """Are all four switches against a public bucket on?"""
        found = self.s3.get_public_access_block(Bucket=self.site["bucket"])
        return all(found["PublicAccessBlockConfiguration"].values())

    def spares_the_key(self) -> bool:
        """Does the bucket keep a key of its own for a while, instead of asking for each object?"""
        found = self.s3.get_bucket_encryption(Bucket=self.site["bucket"])
        rules = found["ServerSideEncryptionConfiguration"]["Rules"]
        return all(rule.get("BucketKeyEnabled") for rule in rules)

    def renews(self, key: str) -> bool:
        """Does the key get new material every year?"""
        return bool(self.kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"])

    @contextlib.contextmanager
    def lent(self, role: str, action: str) -> Iterator[None]:
        """Let a role do one thing more for a while."""
        statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
        iam, name = self.cloud.client("iam"), self.site["roles"][role]["name"]
        text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_role_policy(RoleName=name, PolicyName="lent", PolicyDocument=text)
        yield
        iam.delete_role_policy(RoleName=name, PolicyName="lent")

    def deploy_again(self) -> str:
        """Undo what the bucket was given and run the learner's stack once more; the ARN behind the
        alias afterwards.
        """
        bucket = self.site["bucket"]
        plain = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        self.s3.put_bucket_encryption(
            Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [plain]}
        )
        self.s3.delete_bucket_policy(Bucket=bucket)
        self.work.deploy(self.site, ["intake", "dispatch"])
        return self.key()

    def read(self, identity: Any, place: dict[str, str]) -> bytes:
        """The bytes that somebody gets."""
        return bytes(self.client("s3", identity).get_object(**place)["Body"].read())

    def take_in(self, morning: Morning) -> tuple[dict[str, bytes], list[dict[str, Any]], bool]:
        """Let the intake role take a batch in: what is stored, what is logged, is anything told?"""
        self.work.deploy(self.site, ["intake"])
        self.close_folder("intake", morning.closed)
        before = set(self.work.files("**/*"))
        self.work.write("morning.jsonl", b"\n".join([*morning.lines, b""]))
        self.intake = self.role("intake")
        env = self.env(self.intake)
        program = self.work.run("intake.py", "site.json", "morning.jsonl", env=env)
        ended = program.wait()
        assert ended == 0, f"the intake program did not end well{self._last_words(program)}"
        written = set(self.work.files("**/*")) - before - {"morning.jsonl"}
        found = [path.encode() + self.work.read(path) for path in sorted(written)]
        entries = [json.loads(line) for line in self.work.read("intake.log").splitlines()]
        stored, labels = self._stored()
        remains = b"\n".join([*found, *found_in_scratch(self.work), program.output(), labels])
        secrets = [*morning.canaries, env["AWS_SECRET_ACCESS_KEY"], env["AWS_SESSION_TOKEN"]]
        told = [form for secret in secrets for form in forms(secret) if form in remains]
        told += [mark for secret in morning.canaries for mark in _hashes(secret) if mark in remains]
        births = "|".join(morning.births).encode()
        bare = re.search(rb"(?<![0-9.T])(?<!RX-)(?:%s)(?![0-9])" % births, remains)
        return stored, entries, bool(told or bare)

    def _last_words(self, program: Any) -> str:
        """On the desk, the last line that a program wrote; a graded run shows nothing of it."""
        lines = b"" if self.graded else program.output()
        said = lines.decode(errors="replace").strip().splitlines()
        return f": {said[-1][:200]}" if said else ""

    def close_folder(self, role: str, depot: str) -> None:
        """Refuse a role the folder of one depot, as on the day of a stocktaking."""
        place = f"arn:aws:s3:::{self.site['bucket']}/{self.site['inbox']}/{depot}/*"
        statement = {"Effect": "Deny", "Action": "s3:PutObject", "Resource": place}
        self.cloud.client("iam").put_role_policy(
            RoleName=self.site["roles"][role]["name"],
            PolicyName="stocktaking",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        )

    def intake_cannot_look(self) -> bool:
        """Are the intake's own rights, which stored a batch, too few to read it?"""
        listed = self.s3.list_objects_v2(Bucket=self.site["bucket"])["Contents"]
        place = {"Bucket": self.site["bucket"], "Key": listed[0]["Key"]}
        return self.attempt(self.intake, ["s3", "get_object", place]) in REFUSALS

    def _stored(self) -> tuple[dict[str, bytes], bytes]:
        """The bytes of every object by its key, and what is written on the outside of them."""
        found, labels = {}, []
        for item in self.s3.list_objects_v2(Bucket=self.site["bucket"]).get("Contents", []):
            answer = self.s3.get_object(Bucket=self.site["bucket"], Key=item["Key"])
            found[item["Key"]] = answer.pop("Body").read()
            outside = ("Metadata", "CacheControl", "Expires", "WebsiteRedirectLocation")
            labels += [v for k, v in answer.items() if k in outside or k.startswith("Content")]
        return found, str(labels).encode()

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


def _open_to_copies(account: str) -> dict[str, Any]:
    """The policy of a key under which anybody may have things encrypted anew, as a thief's would.
    """
    owner = {"AWS": f"arn:aws:iam::{account}:root"}
    rights = ((owner, "kms:*"), ({"AWS": "*"}, "kms:ReEncryptTo"))
    statements = [
        {"Effect": "Allow", "Principal": who, "Action": what, "Resource": "*"}
        for who, what in rights
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def _hashes(secret: str) -> list[bytes]:
    """How the usual hashes of something begin: of what one can count through, no hash hides it."""
    ways = (hashlib.md5, hashlib.sha1, hashlib.sha256)
    return [way(secret.encode()).hexdigest()[:12].encode() for way in ways]


def _host(site: dict[str, Any], role: str) -> str:
    return str(site["roles"][role]["host"]).rpartition("/")[2]


@fixture
def cloud(work: Any, site: dict[str, Any]) -> Iterator[Any]:
    """A private cloud on the sandbox's own loopback, plain and with TLS."""
    plain, secure = work.listen(4566), work.listen(4567)
    with private_cloud(plain, https_listener=secure, region=site["region"]) as one:
        yield one


@fixture
def estate(
    work: Any, cloud: Any, site: dict[str, Any], seed: int, graded: bool
) -> Iterator[Estate]:
    """The account of this seed, nothing deployed yet."""
    one = Estate(work, cloud, site, seed, graded)
    yield one
    one.close()


# --- the database --------------------------------------------------------------------------


class Pharmacy:
    """The database behind `database.py`: one account, two passwords at most, rows by number.

    `stop_after(request)` leaves the next such request done and unanswered; `lose_a_change` confirms
    the next change and does not make it; while `away` it answers nobody.
    """

    def __init__(self, listener: socket.socket, rows: dict[str, Any], user: str, password: str):
        self.rows, self.user, self.newest, self.before = rows, user, password, ""
        self.ever = [password]
        self.silent_after, self.stopped = "", threading.Event()
        self.forgetful = self.away = False
        self.listener = listener
        threading.Thread(target=self._accept, daemon=True).start()

    def stop_after(self, request: str) -> threading.Event:
        """Answer no more to the first such request that succeeds."""
        self.silent_after = request
        self.stopped.clear()
        return self.stopped

    def lose_a_change(self) -> None:
        """Confirm one change and forget it, as a failover to a replica does."""
        self.forgetful = True

    def _accept(self) -> None:
        while True:
            try:
                line, _ = self.listener.accept()
            except OSError:
                return
            with line:
                line.settimeout(60)
                self._serve(line)

    def _serve(self, line: socket.socket) -> None:
        try:
            message = json.loads(line.makefile("rb").readline(65536))
            if self.away:
                return
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
            return {"accepted": False}
        if request == "change" and self.forgetful:
            self.forgetful = False
        elif request == "change":
            self.before, self.newest = self.newest, str(message["new"])
            self.ever.append(self.newest)
        if request == "forget_old":
            if password != self.newest:
                return {"accepted": False}
            self.before = ""
        return {"accepted": True, "row": self.rows.get(message.get("number"))}


@fixture
def pharmacy(
    work: Any, site: dict[str, Any], rows: dict[str, Any], seed: int
) -> Iterator[Pharmacy]:
    """The pharmacy's database, where the site says it is, with its first password."""
    listener = work.listen(site["database"]["port"])
    site["database"]["port"] = listener.getsockname()[1]
    drawn = hashlib.sha256(f"first {seed}".encode()).hexdigest()
    with contextlib.closing(listener):
        yield Pharmacy(listener, rows, f"screen-{drawn[24:28]}", drawn[:24])
        listener.shutdown(socket.SHUT_RDWR)  # so that the thread that accepts ends


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
    """A secret about to be rotated, stopped at a moment and started again, and who is reading."""

    def __init__(self, estate: Estate, pharmacy: Pharmacy, seam: Seam, env: dict[str, str]) -> None:
        self.estate, self.pharmacy, self.seam = estate, pharmacy, seam
        self.work, self.site, self.vault = estate.work, estate.site, estate.vault
        self.token = hashlib.sha256(f"rotation {estate.seed}".encode()).hexdigest()[:32]
        self.numbers = list(pharmacy.rows)
        self.seam_env = env
        self.remains: list[bytes] = []

    def begin(self) -> None:
        """Everything deployed by the learner's program, and the first password in the secret."""
        self.work.write("site.json", json.dumps(self.site).encode())  # now with the database's port
        program = self.work.run("stack.py", "site.json")
        assert program.wait() == 0, "python stack.py site.json did not end well"
        self.first = {"user": self.pharmacy.user, "password": self.pharmacy.newest}
        self.first["engine"] = "pharmacy"  # as AWS's own templates have it
        text = json.dumps(self.first)
        self.vault.put_secret_value(SecretId=self.site["secret"], SecretString=text)
        self.rotator = self.estate.role("rotator")
        self.program_env = self.estate.env(self.rotator) | self.seam_env
        self.work.env.update(self.estate.env(self.estate.role("dispatch")))
        self.known = set(self.work.files("**/*"))

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
            assert program.poll() is None, (
                "the rotation ended before it came to one of its four steps"
            )
        program.kill()
        self._clear(program)

    def run(self, token: str = "") -> int:
        """Let a rotation run to its end; its exit status."""
        program = self._start(token or self.token)
        status = int(program.wait())
        self._clear(program)
        return status

    def _start(self, token: str) -> Any:
        return self.work.run("rotate.py", "site.json", token, env=self.program_env)

    def _clear(self, program: Any) -> None:
        """Keep what a program said and wrote for the search; its next run is on a clean disk."""
        self.remains.append(program.output())
        for path in set(self.work.files("**/*")) - self.known:
            self.remains.append(self.work.read(path))
            self.work.remove(path)

    def told(self) -> bool:
        """Is a password of the database's in what the programs said or wrote?"""
        heap = b"\n".join([*self.remains, *found_in_scratch(self.work)])
        return any(form in heap for word in self.pharmacy.ever for form in forms(word))

    def fetches(self) -> int:
        """How often readers have asked Secrets Manager anything."""
        name = self.site["roles"]["dispatch"]["name"]
        asked = [c for c in self.estate.cloud.log if c.action.startswith("secretsmanager:")]
        return sum(name in call.principal for call in asked)

    def fetches_in_an_outage(self, reader: Any) -> int:
        """How often a reader asks while the database answers none of twenty reads."""
        before, self.pharmacy.away = self.fetches(), True
        self.reads(reader, 20)
        self.pharmacy.away = False
        return self.fetches() - before

    def holders(self, label: str) -> list[str]:
        """The versions that carry a label."""
        stages = self.vault.describe_secret(SecretId=self.site["secret"])["VersionIdsToStages"]
        return [version for version, labels in stages.items() if label in labels]

    def is_at(self, token: str) -> bool:
        """Is this version alone current, and its password alone accepted?"""
        return self.holders("AWSCURRENT") == [token] and self.accepted() == self.promised()

    def accepted(self) -> list[str]:
        """The passwords that the database accepts."""
        return [word for word in (self.pharmacy.newest, self.pharmacy.before) if word]

    def promised(self) -> list[str]:
        """The password that the current version of the secret holds."""
        return [self._secret()["password"]]

    def _secret(self) -> dict[str, Any]:
        text = self.vault.get_secret_value(SecretId=self.site["secret"])["SecretString"]
        return dict(json.loads(text))

    def keeps_the_rest(self) -> bool:
        """Does the secret still say everything that it said, but for the password?"""
        return self._secret() | {"password": ""} == self.first | {"password": ""}

    def draws_well(self) -> bool:
        """Was every password of the database long, and never one that it had before?"""
        ever = self.pharmacy.ever
        return len(set(ever)) == len(ever) and all(len(word) >= 24 for word in ever)

    def draws_by_chance(self) -> bool:
        """Does the same rotation, in a world that begins as this one began, draw another password?
        """
        before, name = set(self.pharmacy.ever), self.site["secret"]
        self.pharmacy.newest, self.pharmacy.before = self.first["password"], ""
        self.vault.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
        self.vault.create_secret(Name=name, SecretString=json.dumps(self.first))
        self.program_env = self.estate.env(self.estate.deployer)  # the secret has another ARN
        self.program_env["AWS_SESSION_TOKEN"] = ""  # which readers have
        return self.run() == 0 and self.pharmacy.newest not in before

    def neighbour_is_refused(self) -> bool:
        """May the rotator not read the secret next to its own?"""
        name = other_name(self.site["secret"])
        self.vault.create_secret(Name=name, SecretString="{}")
        call = ["secretsmanager", "get_secret_value", {"SecretId": name}]
        return self.estate.attempt(self.rotator, call) in REFUSALS


@fixture
def rotation(
    estate: Estate, pharmacy: Pharmacy, work: Any, cloud: Any, site: dict[str, Any]
) -> Iterator[Rotation]:
    """An account, a database, and a seam between the rotation and Secrets Manager."""
    listener = work.listen(4568)
    secure = urlsplit(cloud.client("secretsmanager", secure=True).meta.endpoint_url)
    seam = Seam(forwarder(secure.hostname, secure.port))  # a policy may ask for TLS
    env = {"AWS_ENDPOINT_URL_SECRETS_MANAGER": f"http://127.0.0.1:{listener.getsockname()[1]}"}
    with listen(listener, seam):
        yield Rotation(estate, pharmacy, seam, env)
