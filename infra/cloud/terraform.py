"""Terraform against a cloud of ours: found, run in a sandbox, its plans read.

    tools = terraform.find()                           # MissingTools says what to install
    work = Workspace(tools, folder, cloud.url, cloud.env(deployer))
    work.run("init"), work.run("apply", "-auto-approve")
    changes(work.plan())                               # {"aws_kms_key.data": ("update",)}

It runs by its absolute path, with a fresh HOME, providers from a mirror on disk and no network but
the cloud's endpoint. Limit: judges nothing: what holds is what the cloud's state says afterwards.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from infra.cloud import gate
from infra.cloud.broker import Folder, Program
from infra.cloud.workplace import Workplace

if TYPE_CHECKING:
    import socket

    from infra.cloud.bill import Bill

PROVIDER = "registry.terraform.io/hashicorp/aws"
# Where Terraform itself looks for providers on disk, and a place of ours.
MIRRORS = (
    "/opt/tf-plugins", "~/.terraform.d/plugins", "~/.local/share/terraform/plugins",
    "/usr/local/share/terraform/plugins", "/usr/share/terraform/plugins",
)
_HOME, _WORK = "/run/home", "/run/work"
_CALM = {
    "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "TF_CLI_ARGS": "-no-color",
    "AWS_EC2_METADATA_DISABLED": "true",
}
# Terraform's type -> service and item of the bill, for what costs by being there.
_HELD = {
    "aws_kms_key": ("kms", "key", "key"),
    "aws_secretsmanager_secret": ("secretsmanager", "secret", "secret"),
}
_FREE_TO_HOLD = (
    "aws_s3_bucket", "aws_iam_", "aws_kms_alias", "aws_kms_key_policy", "aws_dynamodb_table",
    "aws_cloudwatch_log_", "aws_glue_catalog_", "aws_sqs_", "aws_sns_", "aws_lambda_",
)


class MissingTools(Exception):
    """Terraform or its providers are not on this machine; the text says what to do."""


class TerraformError(Exception):
    """A command that had to work did not; the text is what Terraform said."""


@dataclass(frozen=True)
class Tools:
    """The binary and the folder with its providers."""

    binary: str
    mirror: str

    def versions(self) -> list[str]:
        """Return the versions of the AWS provider that are there."""
        return sorted(path.name for path in Path(self.mirror, PROVIDER).iterdir())


@dataclass(frozen=True)
class Done:
    """How a command ended: its exit code, all it wrote, the CPU seconds of its processes."""

    code: int
    output: str
    cpu: float


def find(environ: Mapping[str, str] | None = None) -> Tools:
    """Return what LADDER_TERRAFORM and LADDER_TERRAFORM_MIRROR name, else the usual places.

    MissingTools says what is missing and how to get it.
    """
    env = os.environ if environ is None else environ
    binary = env.get("LADDER_TERRAFORM") or shutil.which("terraform") or ""
    if not binary or not os.access(binary, os.X_OK):
        raise MissingTools(
            "Terraform is not here: install it from developer.hashicorp.com/terraform/install, "
            "or name its path in LADDER_TERRAFORM."
        )
    given = env.get("LADDER_TERRAFORM_MIRROR")
    places = [given] if given else MIRRORS
    for place in map(os.path.expanduser, places):
        if Path(place, PROVIDER).is_dir():
            return Tools(os.path.realpath(binary), os.path.realpath(place))
    raise MissingTools(
        f"No provider hashicorp/aws in {', '.join(map(str, places))}: in a folder with your .tf "
        "files type `terraform providers mirror FOLDER`, and name FOLDER in "
        "LADDER_TERRAFORM_MIRROR."
    )


class Workspace:
    """A folder with .tf files, and a cloud. State and plugins stay in the folder, HOME beside it.

    `url` is the cloud's plain http address; `env` holds the AWS_* variables of who deploys.
    `mode` as in `workplace.MODES`; the strongest that works unless named.
    """

    def __init__(
        self, tools: Tools, folder: Path, url: str, env: Mapping[str, str], *, mode: str = ""
    ) -> None:
        self.tools = tools
        self.folder = folder
        self.url = url
        self.env = dict(env)
        self._held = ExitStack()
        self._home = Path(self._held.enter_context(tempfile.TemporaryDirectory(prefix="tf-home-")))
        self._broker = Workplace(url, self._serve, forced=mode)
        (self._home / "terraform.rc").write_text(_settings(tools.mirror))

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    @property
    def mode(self) -> str:
        """How Terraform is kept apart here, as `broker.Broker.mode` says it."""
        return self._broker.mode

    def run(self, *words: str, cpu_seconds: float = 120.0, must: bool = True) -> Done:
        """Run one command. TerraformError unless it ends with 0, or `must` is False."""
        running = self._broker.start(self._program(words, cpu_seconds))
        try:
            code = running.wait()
            output = running.output().decode(errors="replace")
            done = Done(-1 if code is None else code, output, running.usage().cpu)
            running.fetch()
        finally:
            running.close()
        if must and done.code != 0:
            raise TerraformError(f"terraform {' '.join(words)} ended with {done.code}:\n{output}")
        return done

    def plan(self) -> dict[str, Any]:
        """Return a fresh plan as Terraform writes it in JSON."""
        self.run("plan", "-out=.plan", "-lock=false")
        text = self.run("show", "-json", ".plan").output
        found: dict[str, Any] = json.loads(text[text.index("{"):])
        return found

    def _program(self, words: tuple[str, ...], cpu_seconds: float) -> Program:
        home = self._broker.place(_HOME, str(self._home))
        work = self._broker.place(_WORK, str(self.folder))
        env = self.env | _CALM | {"HOME": home, "TF_CLI_CONFIG_FILE": f"{home}/terraform.rc"}
        flags = {"TF_CLI_ARGS"} if words[0] in {"show", "version"} else set()
        return Program(
            [self.tools.binary, *words], {k: v for k, v in env.items() if k not in flags},
            {_HOME: Folder(str(self._home)), _WORK: Folder(str(self.folder), writable=True)},
            cpu_seconds=cpu_seconds, memory_mb=4096, cwd=work,
            shown=(self.tools.binary, self.tools.mirror),
        )

    def _serve(self, listener: socket.socket) -> None:
        """Pass on what comes to the sandbox's own copy of the cloud's address."""
        parts = urlsplit(self.url)
        forward = gate.forwarder(str(parts.hostname), int(parts.port or 80))
        self._held.enter_context(gate.listen(listener, forward))


def _settings(mirror: str) -> str:
    return (
        f"provider_installation {{\n  filesystem_mirror {{\n    path = {json.dumps(mirror)}\n"
        "  }\n}\ndisable_checkpoint = true\n"
    )


# --- what a plan says ---------------------------------------------------------------------------

def changes(plan: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return what a plan would do, by address: ("create",), ("update",), ("delete", "create")."""
    found = {}
    for one in plan.get("resource_changes", ()):
        actions = tuple(one["change"]["actions"])
        if one["mode"] == "managed" and actions not in {("no-op",), ("read",)}:
            found[one["address"]] = actions
    return found


def drift(plan: Mapping[str, Any]) -> dict[str, str]:
    """Return what somebody changed behind Terraform's back, by address: "update" or "delete"."""
    return {
        one["address"]: str(one["change"]["actions"][0])
        for one in plan.get("resource_drift", ())
        if one["change"]["actions"] != ["no-op"]
    }


def cost(plan: Mapping[str, Any], hours: Decimal | int | str = 730, region: str = "") -> Bill:
    """Return the bill of holding what a plan leaves behind; use is not in it.

    Resources that this cloud knows no price for are in the bill's `unpriced`.
    """
    from infra.cloud import bill
    from infra.cloud.sheets import HOME
    from infra.cloud.usage import Usage

    held = []
    for one in _planned(plan.get("planned_values", {}).get("root_module", {})):
        service, item, unit = _HELD.get(one["type"], ("terraform", one["type"], "resource"))
        if one["mode"] == "managed" and not one["type"].startswith(_FREE_TO_HOLD):
            tags = one.get("values", {}).get("tags") or {}
            held.append(Usage(service, item, 1, unit, one["address"], tags, region))
    return bill.compute(held, (), (), hours, region or HOME)


def _planned(module: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = list(module.get("resources", ()))
    for child in module.get("child_modules", ()):
        found += _planned(child)
    return found
