"""Private clouds for checks: one fresh cloud per call, forked, gone when the block ends.

    with private_cloud(work.listen(4566)) as cloud:
        reader = cloud.identity("reader", policies=[READ_ONLY])
        work.env |= cloud.env(reader)
        ...
        calls = [c for c in cloud.log if c.service == "s3"]

Import `infra.cloud.engine` once in a parent that forks; a cloud then costs a few milliseconds.
Limit: s3, iam, sts, kms, secretsmanager and instance metadata; see docs/reference/cloud.md.
"""

from __future__ import annotations

import contextlib
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.cloud import clients, log
from infra.cloud import usage as billed
from infra.cloud.employers import Run, employer
from infra.cloud.log import LoggedCall
from infra.cloud.process import Child, CloudError, Sockets, fork, loopback
from infra.cloud.usage import Usage

if TYPE_CHECKING:
    from infra.cloud.tls import Authority

REGION = "eu-central-1"
ACCOUNT = "123456789012"
Policy = Mapping[str, Any]


@dataclass(frozen=True)
class Identity:
    """Credentials that were issued: a user's, or with a token a role's."""

    arn: str
    key_id: str
    secret: str
    token: str = ""


@dataclass(frozen=True)
class Role:
    """A role by name and ARN."""

    name: str
    arn: str


class InstanceMetadata:
    """The instance metadata service of a cloud, as its judge sees it."""

    def __init__(self, child: Child, url: str) -> None:
        self._child = child
        self.url = url

    def schedule(
        self, notice_seconds: float | None, *, wait: float = 0.0, action: str = "terminate"
    ) -> None:
        """Publish a spot notice `wait` seconds from now, that much ahead of the end.

        None takes a notice back, or leaves an instance that ends without one.
        """
        self._child.ask("schedule", notice_seconds=notice_seconds, wait=wait, action=action)

    def notice(self, action: str = "terminate", *, time: str) -> None:
        """Publish a notice at once; `time` is shown as it is, for checks with their own clock."""
        self._child.ask("notice", action=action, at=time)

    def clear(self) -> None:
        """Take the notice back."""
        self.schedule(None)

    def expire_tokens(self) -> None:
        """Answer 401 to every token handed out so far."""
        self._child.ask("expire_tokens")

    @property
    def polls(self) -> int:
        """How often spot/instance-action was asked for with a valid token."""
        return int(self._child.ask("polls"))

    def instance(self, *, role: str = "", kind: str = "g5.xlarge", spot: bool = True) -> str:
        """Describe the instance; with a role's name its credentials are served. Returns its id."""
        return str(self._child.ask("instance", role=role, kind=kind, spot=spot))


class Cloud:
    """One running cloud: the judge's clients, principals, read-backs and the call log."""

    def __init__(
        self, child: Child, urls: Mapping[str, str], ca: bytes, ca_file: str, region: str
    ) -> None:
        self._child = child
        self._urls = urls
        self._ca_file = ca_file
        self.region = region
        self.account = ACCOUNT
        self.url = urls["http"]
        self.https_url = urls.get("https", "")
        self.ca = ca
        self.metadata = InstanceMetadata(child, urls.get("metadata", ""))
        self.address = ("127.0.0.1", child.judge_port)
        self.root = Identity(f"arn:aws:iam::{ACCOUNT}:root", child.root.key_id, child.root.secret)

    def identity(
        self, name: str, policies: Sequence[Policy] = (), *, managed: Sequence[str] = (),
        boundary: Policy | None = None, keys: Mapping[str, str] | None = None,
    ) -> Identity:
        """Make a user with an access key; `policies` are documents, `managed` ARNs.

        `keys` (key_id, secret) are given to the user in place of fresh ones.
        """
        return Identity(**self._child.ask(
            "identity", name=name, policies=list(policies), attached=list(managed),
            boundary=boundary, keys=dict(keys or {}),
        ))  # fmt: skip

    def role(
        self, name: str, trust: Policy | Identity, policies: Sequence[Policy] = (), *,
        managed: Sequence[str] = (), boundary: Policy | None = None,
    ) -> Role:
        """Make a role; `trust` is a document, or the identity that may assume it."""
        document = trusts(trust.arn) if isinstance(trust, Identity) else trust
        made = self._child.ask(
            "role", name=name, trust=document, policies=list(policies), attached=list(managed),
            boundary=boundary,
        )
        return Role(name, made["arn"])

    def session(self, role: str, name: str = "judge", seconds: int = 3600) -> Identity:
        """Return credentials of a role, whatever its trust policy says: to test the role itself."""
        return Identity(**self._child.ask("session", role=role, name=name, seconds=seconds))

    def env(
        self, identity: Identity, *, https: bool = False, ca: str = "ca.pem"
    ) -> dict[str, str]:
        """Return the AWS_* variables of an identity, as seen from where the listener is.

        With `https`, `ca` is the path at which the program finds `cloud.ca`.
        """
        found = {
            "AWS_ENDPOINT_URL": self.https_url if https else self.url,
            "AWS_ACCESS_KEY_ID": identity.key_id,
            "AWS_SECRET_ACCESS_KEY": identity.secret,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
        }
        if identity.token:
            found["AWS_SESSION_TOKEN"] = identity.token
        if https:
            found["AWS_CA_BUNDLE"] = ca
        if self.metadata.url:
            found["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = self.metadata.url
        else:
            found["AWS_EC2_METADATA_DISABLED"] = "true"
        return found

    def client(
        self, service: str, identity: Identity | None = None, *, secure: bool = False,
        https: bool = False, **config: Any,
    ) -> Any:
        """Return a boto3 client: the judge's own (no policy applies) or an identity's.

        Both talk to the judge's listener, as the learner's may lie in another network. For an
        identity everything is enforced there too; its calls are logged with by="judge".
        `https` speaks TLS; `secure` is as cheap as plain HTTP and counts as TLS to policies.
        """
        who = identity or self.root
        name = "judge_https" if https else "judge_secure" if secure else "judge"
        endpoint = self._urls[name]
        return client(service, endpoint, who, self.region, ca=self._ca_file, **config)

    @property
    def log(self) -> list[LoggedCall]:
        """Every call so far, the learner's and the judge's (`by`), in order of arrival."""
        return log.loads(self._child.ask("log", since=0))

    def log_since(self, number: int) -> list[LoggedCall]:
        """Return the calls from a number on: `mark = len(cloud.log)` before what you watch."""
        return log.loads(self._child.ask("log", since=number))

    def use(self, used: Usage) -> None:
        """Keep a usage that no call tells of, for the bill: seconds run, bytes scanned."""
        self._child.ask("use", **billed.dumps([used])[0])

    @property
    def usage_records(self) -> list[Usage]:
        """Every usage kept for the bill so far."""
        return billed.loads(self._child.ask("usage_records"))

    def ledger(self) -> dict[str, Any]:
        """Return as data what a bill is made from: held, calls, used."""
        return {
            "held": self._child.ask("holdings"), "calls": self._child.ask("log", since=0),
            "used": self._child.ask("usage_records"),
        }

    @property
    def holdings(self) -> list[Usage]:
        """What the cloud holds now and a bill charges by the month: bytes, keys, secrets."""
        return billed.loads(self._child.ask("holdings"))

    def state(self, service: str) -> Any:
        """Return what a service holds, by the name that its signatures carry ("s3", "sqs" ...)."""
        return self._child.ask("inventory", service=service)

    def tell(self, service: str, order: str, **arguments: Any) -> Any:
        """Give one of the cloud's services an order of its own, such as a spot interruption."""
        return self._child.ask("tell", service=service, order=order, arguments=arguments)

    def image(self, name: str, folder: str) -> None:
        """Make a folder with `train` or `serve`, or a Python environment, an image of the cloud."""
        self.tell("sagemaker", "image", name=name, folder=str(folder))

    def advance(self, seconds: float) -> None:
        """Let time pass for signatures, credentials, conditions and notices."""
        self._child.ask("advance", seconds=seconds)

    def now(self) -> float:
        """Return the cloud's time in seconds since the epoch."""
        return float(self._child.ask("now"))

    def settle(self, seconds: float = 60.0) -> None:
        """Wait until the cloud has nothing left to do before its clock moves on.

        Queues that functions read are drained, events delivered, executions at rest. CloudError:
        after so many real seconds something still runs.
        """
        until = time.monotonic() + seconds
        while not (found := self._child.ask("settle", seconds=0.5))["settled"]:
            if time.monotonic() > until:
                raise CloudError(f"the cloud is still at work after {seconds:.0f} s: {found}")

    def bucket(self, name: str) -> str:
        """Make a bucket in this cloud's region and return its name."""
        place = {"LocationConstraint": self.region}
        self.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration=place)
        return name

    def keep(self, path: str) -> None:
        """Load what a file keeps, and save to it from now on; told again: save now."""
        self._child.ask("keep", path=path)

    def quota(self, size: int) -> None:
        """Let so many bytes be put in all, deleted ones included; 1 GiB unless told."""
        self._child.ask("quota", size=size)

    def alive(self) -> bool:
        """Whether the cloud's process runs."""
        return self._child.alive()

    def usage(self) -> dict[str, float]:
        """Return the cloud's CPU seconds since its start and its largest memory in MiB."""
        return dict(self._child.ask("usage"))


def trusts(*arns: str) -> dict[str, Any]:
    """Return a trust policy for these principals."""
    statement = {"Effect": "Allow", "Principal": {"AWS": list(arns)}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def allow(actions: Sequence[str], resources: Sequence[str] = ("*",)) -> dict[str, Any]:
    """Return a policy document that allows these actions on these resources."""
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
    return {"Version": "2012-10-17", "Statement": [statement]}


def client(
    service: str, endpoint: str, who: Identity, region: str, *, ca: str = "", **config: Any
) -> Any:
    """Return a boto3 client of an identity at an endpoint; it never retries by itself."""
    return clients.client(
        service, endpoint, who.key_id, who.secret, who.token, region, ca=ca, **config
    )


@contextlib.contextmanager
def private_cloud(
    listener: socket.socket,
    *,
    https_listener: socket.socket | None = None,
    metadata_listener: socket.socket | None = None,
    region: str = REGION,
    authority: Authority | None = None,
    run: Run = None,
) -> Iterator[Cloud]:
    """Run one fresh cloud on listening sockets, which may lie in another network namespace.

    Its process ends with the block, and with this process whatever happens to it. An `authority`
    is used for https in place of a fresh one. `run`: who runs the programs that the cloud is asked
    to run; "here": sandboxes that its process starts on this machine; a callable: rooms that it
    opens in this process (infra.cloud.rooms); None: it runs none.
    """
    from infra.cloud import engine, tls

    engine.ready()
    if https_listener is not None and authority is None:
        authority = tls.create()
    with contextlib.ExitStack() as stack:
        judges = [stack.enter_context(loopback()) for _ in range(3 if authority else 2)]
        sockets = Sockets(
            listener, judges[0], https_listener, metadata_listener,
            judges[2] if authority else None, judges[1],
        )
        urls = _urls(sockets)
        ca_file = stack.enter_context(_file(authority.ca)) if authority else ""
        hired = employer(run, listener, stack)
        child = fork(sockets, region, authority, hired.employ, hired.wires, hired.settle)
        hired.begin(stack)
        stack.callback(child.close)
        yield Cloud(child, urls, authority.ca if authority else b"", ca_file, region)


@contextlib.contextmanager
def _file(data: bytes) -> Iterator[str]:
    """Hold data in a temporary file while the block runs: boto3 takes a CA by its path only."""
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(data)
        file.flush()
        yield file.name


def _urls(sockets: Sockets) -> dict[str, str]:
    found = {"http": _url("http", sockets.learner), "judge": _url("http", sockets.judge)}
    for name, listener in (("https", sockets.https), ("judge_https", sockets.judge_https)):
        if listener is not None:
            found[name] = _url("https", listener)
    if sockets.judge_secure is not None:
        found["judge_secure"] = _url("http", sockets.judge_secure)
    if sockets.metadata is not None:
        found["metadata"] = _url("http", sockets.metadata)
    return found


def _url(scheme: str, listener: socket.socket) -> str:
    return f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"


__all__ = [
    "Cloud", "CloudError", "Identity", "InstanceMetadata", "LoggedCall", "Role", "Usage",
    "allow", "client", "loopback", "private_cloud", "trusts",
]
