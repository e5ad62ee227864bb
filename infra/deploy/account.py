"""Who calls a real account, and through what: profile, region, endpoint. Creates nothing.

Only a named profile counts: keys and endpoints in the environment may be an emulated cloud's.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any

from infra.cloud.desk import DeskError

PRODUCTION = {"prod", "production", "live"}
EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidClientTokenId"}


@dataclass(frozen=True)
class Caller:
    """Who STS says we are, and where."""

    account: str
    arn: str
    profile: str
    region: str
    endpoint: str = ""

    @property
    def role(self) -> str:
        """The role's name when this is a session of a role; empty for a user."""
        found = re.fullmatch(r"arn:[^:]+:sts::\d+:assumed-role/([^/]+)/.+", self.arn)
        return found[1] if found else ""


class Reach:
    """Makes clients of one account with the learner's own profile."""

    def __init__(self, profile: str, region: str = "") -> None:
        self.session = session(profile, region)
        self.region = str(self.session.region_name or "")
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """Return a client of a service, one for each."""
        if service not in self._clients:
            from botocore.config import Config

            patient = Config(retries={"mode": "standard", "max_attempts": 5})
            self._clients[service] = self.session.client(service, config=patient)
        return self._clients[service]


def own_settings() -> None:
    """Look at the learner's own configuration again, in a shell that `env --on aws` has turned."""
    kept = os.environ.pop("LADDER_AWS_CONFIG_FILE", None)
    if kept is None:
        return
    for name, value in (("AWS_CONFIG_FILE", kept), ("AWS_PROFILE", "")):
        os.environ.pop(name, None)
        if value:
            os.environ[name] = value


def session(profile: str, region: str = "") -> Any:
    """Return a session of a profile, whatever keys the environment holds. Raises DeskError."""
    import boto3
    from botocore.exceptions import BotoCoreError

    led = sorted(name for name in os.environ if name.startswith("AWS_ENDPOINT_URL"))
    if led:
        raise DeskError(
            f"{led[0]} is set: this shell is led to {os.environ[led[0]]}, not to your account",
            f"unset {' '.join(led)}", code=2,
        )  # fmt: skip
    try:
        return boto3.session.Session(profile_name=profile, region_name=region or None)
    except BotoCoreError as error:
        raise DeskError(
            f"the profile {profile!r} cannot be used: {error}",
            f"aws configure sso --profile {profile}, or --profile with one that you have", code=2,
        ) from None  # fmt: skip


def look(profile: str, region: str = "") -> tuple[Reach, Caller]:
    """Ask the account who we are. Raises DeskError for root keys and for a production account."""
    reach = Reach(profile, region)
    if not reach.region:
        raise DeskError(f"the profile {profile!r} names no region", "--region eu-central-1", code=2)
    who = ask(reach.client("sts").get_caller_identity)
    endpoint = reach.client("sts").meta.endpoint_url
    real = ".amazonaws.com" in endpoint
    caller = Caller(who["Account"], who["Arn"], profile, reach.region, "" if real else endpoint)
    if caller.arn.endswith(":root"):
        raise DeskError(
            "these are the keys of the account's root user, which no rule can hold back",
            "make a user or a role for yourself, delete the root keys, and use --profile", code=2,
        )  # fmt: skip
    _refuse_production(reach)
    return reach, caller


def _refuse_production(reach: Reach) -> None:
    """Refuse an account that calls itself production. One without an alias says nothing."""
    aliases = ask(reach.client("iam").list_account_aliases)["AccountAliases"]
    for alias in aliases:
        if PRODUCTION & set(re.split(r"[^a-z0-9]+", alias.lower())):
            raise DeskError(
                f"the account calls itself {alias!r}: nothing is tried out there",
                "use an account of your own, with --profile", code=2,
            )  # fmt: skip


def ask(call: Any, **parameters: Any) -> Any:
    """Make one call of an account; a refusal or a lost connection becomes a DeskError."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return call(**parameters)
    except ClientError as error:
        raise DeskError(f"{error.operation_name}: {told(error)}", _then(error)) from None
    except BotoCoreError as error:
        raise DeskError(f"the account cannot be asked: {error}", "the same command again") from None


def told(error: Any) -> str:
    """Return an error of the account in one line: its code, and what it says."""
    message = error.response.get("Error", {}).get("Message", "")
    return f"{code(error)}: {message}".strip(": ")


def code(error: Any) -> str:
    """Return an error's code; what is no AWS answer at all, a proxy's page, has a status only."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", "an answer")
    return str(error.response.get("Error", {}).get("Code") or f"{status}, not as AWS answers")


def _then(error: Any) -> str:
    if code(error) in EXPIRED:
        return "sign in again (aws sso login, or new keys), then the same command"
    return "the same command again: it goes on where it stopped"
