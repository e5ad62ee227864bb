"""The inside of a cloud's process: front door, metadata service, and the parent's orders.

Limit: `do` runs orders of the parent only; nothing here is reachable from a listener.
"""

from __future__ import annotations

import json
import resource
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from infra.cloud import dispatch, inventory, managed, registry, state, stock, sts
from infra.cloud import usage as billed
from infra.cloud.clock import Clock
from infra.cloud.door import Door
from infra.cloud.events import hooks
from infra.cloud.keys import RootKey
from infra.cloud.metadata import Metadata
from infra.cloud.process import Sockets
from infra.cloud.server import Listener
from infra.cloud.tls import Authority

if TYPE_CHECKING:
    from infra.cloud.snapshot import Keeper

ORDERS = {
    "identity", "role", "session", "log", "inventory", "advance", "schedule", "instance",
    "quota", "usage", "notice", "expire_tokens", "polls", "use", "usage_records",
    "tell",
    "holdings", "settle", "now", "keep",
}
FREE = {"settle", "keep"}  # orders that wait for others, who need the door's lock
_FORM = {"content-type": "application/x-www-form-urlencoded"}


class Service:
    """Everything that runs in one cloud."""

    def __init__(self, root: RootKey, region: str, authority: Authority | None) -> None:
        dispatch.fresh_randomness()
        self.region = region
        self.clock = Clock()
        self.door = Door(root, self.clock)
        self.door.inside.region = region
        hooks.follow(self.door.inside)
        self.metadata = Metadata(self.clock, self.door.log, region)
        self.authority = authority
        self.started = time.process_time()
        self.keeper: Keeper | None = None

    def listen(self, sockets: Sockets) -> None:
        """Serve on every socket that was handed in."""
        Listener(sockets.judge, partial(self.door.handle, judge=True)).start()
        Listener(sockets.learner, self.door.handle).start()
        if sockets.judge_secure is not None:
            judge = partial(self.door.handle, judge=True)
            Listener(sockets.judge_secure, judge, secure=True).start()
        if self.authority is not None:
            tls = self.authority.context()
            if sockets.https is not None:
                Listener(sockets.https, self.door.handle, tls).start()
            if sockets.judge_https is not None:
                judge = partial(self.door.handle, judge=True)
                Listener(sockets.judge_https, judge, tls).start()
        if sockets.metadata is not None:
            Listener(sockets.metadata, self.metadata.handle).start()

    def do(self, what: str, **arguments: Any) -> Any:
        """Carry out one order of the parent."""
        if what not in ORDERS:
            raise ValueError(f"there is no order {what!r}")
        if what in FREE:
            return getattr(self, what)(**arguments)
        with self.door.lock:
            return getattr(self, what)(**arguments)

    def identity(
        self, name: str, policies: list[Any], attached: list[str], boundary: Any,
        keys: dict[str, str],
    ) -> dict[str, str]:
        """Make a user with an access key and the given policy documents."""
        _iam("CreateUser", UserName=name)
        user: Any = state.user(name)
        self._grant("User", name, policies, attached)
        if boundary is not None:
            user.permissions_boundary_arn = self._boundary(name, boundary)
        key = state.iam().create_access_key(user_name=name, prefix="AKIA")
        if keys:
            state.iam().access_keys[keys["key_id"]] = state.iam().access_keys.pop(key.access_key_id)
            key.access_key_id, key.secret_access_key = keys["key_id"], keys["secret"]
        return {"arn": user.arn, "key_id": key.access_key_id, "secret": key.secret_access_key}

    def role(
        self, name: str, trust: Any, policies: list[Any], attached: list[str], boundary: Any
    ) -> dict[str, str]:
        """Make a role."""
        _iam("CreateRole", RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
        role: Any = state.role(name)
        self._grant("Role", name, policies, attached)
        if boundary is not None:
            role.permissions_boundary_arn = self._boundary(name, boundary)
        return {"arn": role.arn}

    def session(self, role: str, name: str, seconds: int) -> dict[str, str]:
        """Return credentials of a role without asking its trust policy: the judge stands in."""
        found = state.role(role)
        if found is None:
            raise ValueError(f"there is no role {role!r}")
        made = self.door.keys.sessions.open(
            sts.role_principal(found, name), self.clock.real(), seconds
        )
        return {
            "arn": made.principal.arn, "key_id": made.key_id, "secret": made.secret,
            "token": made.token,
        }

    def log(self, since: int) -> list[dict[str, object]]:
        """Return log records from a number on."""
        return self.door.log.since(since)

    def inventory(self, service: str) -> Any:
        """Return what a service holds, as data."""
        return inventory.of(service, self.region)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)

    def keep(self, path: str) -> None:
        """Load what a file keeps, and save to it from now on; told again: save now."""
        from infra.cloud.snapshot import Keeper

        if self.keeper is None:
            self.keeper = Keeper(self.door, Path(path))
        else:
            self.keeper.save()

    def now(self) -> float:
        """Return the cloud's time."""
        return self.clock.now()

    def settle(self, seconds: float) -> dict[str, Any]:
        """Wait so long for the cloud to have nothing left to do; tell whether it has."""
        agenda = self.door.inside.agenda
        return {"settled": agenda.settled(seconds), "failures": list(agenda.failures)}

    def schedule(self, notice_seconds: float | None, wait: float, action: str) -> None:
        """Schedule a spot notice."""
        self.metadata.schedule(notice_seconds, wait=wait, action=action)

    def notice(self, action: str, at: str) -> None:
        """Publish a notice word for word."""
        self.metadata.publish(action, at)

    def expire_tokens(self) -> None:
        """Make every metadata token invalid."""
        self.metadata.tokens.clear()

    def polls(self) -> int:
        """Return how often spot/instance-action was asked for with a valid token."""
        return self.metadata.polls

    def instance(self, role: str, kind: str, spot: bool) -> str:
        """Describe the instance that the metadata service speaks of; return its id."""
        self.metadata.role, self.metadata.kind, self.metadata.spot = role, kind, spot
        self.metadata.credentials = self._instance_credentials if role else None
        return self.metadata.instance

    def quota(self, size: int) -> None:
        """Set how many bytes may be stored in all."""
        self.door.quota = size

    def usage(self) -> dict[str, float]:
        """Return CPU seconds since the fork, and the largest memory in MiB."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return {"cpu": time.process_time() - self.started, "peak_mb": peak}

    def use(self, **fields: Any) -> None:
        """Keep a usage for the bill."""
        self.door.usage.add(billed.Usage(**fields))

    def tell(self, service: str, order: str, arguments: dict[str, Any]) -> Any:
        """Carry out an order that is one service's own."""
        return registry.ISLANDS[service].orders[order](self.door.inside, **arguments)

    def usage_records(self) -> list[dict[str, Any]]:
        """Return every usage kept for the bill, and what has been used by what still runs."""
        running = [one for s in registry.ISLANDS.values() for one in s.meter(self.door.inside)]
        return billed.dumps([*self.door.usage.records, *running])

    def holdings(self) -> list[dict[str, Any]]:
        """Return everything held that costs by the month."""
        return billed.dumps(stock.held(self.region))

    def _instance_credentials(self) -> dict[str, str]:
        with self.door.lock:
            made = self.session(self.metadata.role, self.metadata.instance, 6 * 3600)
        stamp = "%Y-%m-%dT%H:%M:%SZ"
        now = self.clock.real()
        return {
            "Code": "Success", "LastUpdated": time.strftime(stamp, time.gmtime(now)),
            "Type": "AWS-HMAC", "AccessKeyId": made["key_id"], "SecretAccessKey": made["secret"],
            "Token": made["token"],
            "Expiration": time.strftime(stamp, time.gmtime(now + 6 * 3600)),
        }

    def _grant(self, kind: str, name: str, policies: list[Any], attached: list[str]) -> None:
        for number, document in enumerate(policies):
            _iam(f"Put{kind}Policy", **{
                f"{kind}Name": name, "PolicyName": f"policy-{number}",
                "PolicyDocument": json.dumps(document),
            })
        for arn in attached:
            _iam(f"Attach{kind}Policy", **{f"{kind}Name": name, "PolicyArn": arn})

    def _boundary(self, name: str, document: Any) -> str:
        title = f"boundary-of-{name}"
        _iam("CreatePolicy", PolicyName=title, PolicyDocument=json.dumps(document))
        return f"arn:aws:iam::{dispatch.ACCOUNT}:policy/{title}"


def _iam(action: str, **parameters: str) -> None:
    managed.know(parameters.values())
    form = urlencode({"Action": action, "Version": "2010-05-08", **parameters}).encode()
    answer = dispatch.call("iam", "us-east-1", "POST", headers=_FORM, body=form)
    if answer.status != 200:
        raise ValueError(f"{action}: {answer.body.decode(errors='replace')[:500]}")
