"""CloudFormation for checks: what a stack holds, what drifted, what a template costs and lacks.

    formation.inventory(cloud, "shop")                # {"Data": Held("AWS::S3::Bucket", "shop-1")}
    formation.drift(client, "shop")                   # {"Queue": ("/VisibilityTimeout",)}
    formation.changes(client, "shop", "next")         # {"Queue": ("Modify", "True")}
    formation.cost(text, {"Env": "prod"}).total       # of holding it for a month
    formation.lint(folder / "stack.yaml")             # [Remark("E3002", "Error", 4, "...")]

Limit: judges nothing. The cost is that of what is there without use; what cfn-lint says of a
template is no promise that it deploys.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from infra.cloud.bill import Bill
    from infra.cloud.fixtures import Cloud

# Type -> service and item of the bill, for what costs by being there.
_HELD = {
    "AWS::KMS::Key": ("kms", "key", "key"),
    "AWS::SecretsManager::Secret": ("secretsmanager", "secret", "secret"),
}
# These cost by the hour or the month, and no price of them is on file.
_UNPRICED = ("AWS::CloudWatch::Alarm",)
_FOLDER = "/run/template"


class Held(NamedTuple):
    """One resource of a stack: its type and its physical id."""

    type: str
    id: str


class Remark(NamedTuple):
    """One remark of cfn-lint: its rule, Error, Warning or Informational, the line, and why."""

    rule: str
    level: str
    line: int
    text: str


class LintError(Exception):
    """cfn-lint itself failed; the text is what it wrote."""


def inventory(cloud: Cloud, stack: str) -> dict[str, Held]:
    """Return what a stack holds, by logical name. LookupError: there is no such stack."""
    found = cloud.state("cloudformation").get(stack)
    if found is None:
        raise LookupError(f"there is no stack {stack!r}")
    return {name: Held(one["type"], one["id"]) for name, one in found["resources"].items()}


def drift(client: Any, stack: str) -> dict[str, tuple[str, ...]]:
    """Look for drift; return the paths that differ by logical name, ("",) for what is gone.

    What is as the template says is not in it. botocore's ClientError passes.
    """
    client.detect_stack_drift(StackName=stack)
    told = client.describe_stack_resource_drifts(
        StackName=stack, StackResourceDriftStatusFilters=["MODIFIED", "DELETED"]
    )["StackResourceDrifts"]
    return {
        one["LogicalResourceId"]: tuple(
            part["PropertyPath"] for part in one.get("PropertyDifferences", ())
        ) or ("",)
        for one in told
    }


def changes(client: Any, stack: str, change_set: str) -> dict[str, tuple[str, str]]:
    """Return action and replacement of each change of a change set, by logical name."""
    told = client.describe_change_set(StackName=stack, ChangeSetName=change_set)["Changes"]
    found = [one["ResourceChange"] for one in told]
    return {
        one["LogicalResourceId"]: (one["Action"], one.get("Replacement", "")) for one in found
    }


def cost(
    text: str, parameters: Mapping[str, str] | None = None, *,
    tags: Mapping[str, str] | None = None, hours: Decimal | int | str = 730, region: str = "",
) -> Bill:
    """Return the bill of holding what a template makes; use is not in it.

    `tags` are the stack's. What has no price on file is in the bill's `unpriced`. AwsError: the
    template or its parameters are wrong.
    """
    from infra.cloud import bill
    from infra.cloud.sheets import HOME
    from infra.cloud.stacks import kinds
    from infra.cloud.usage import Usage

    held = []
    for name, type_, props in _resources(text, parameters or {}, region or HOME):
        if type_ in _HELD or type_ in _UNPRICED:
            service, item, unit = _HELD.get(type_, ("cloudformation", type_, "resource"))
            marks = dict(tags or {}) | kinds.mapping(props.get("Tags"))
            held.append(Usage(service, item, 1, unit, name, marks, region))
    return bill.compute(held, (), (), hours, region or HOME)


def _resources(
    text: str, given: Mapping[str, str], region: str
) -> list[tuple[str, str, dict[str, Any]]]:
    """Return name, type and properties of what a template makes with these parameters."""
    from infra.cloud.stacks import intrinsics, kinds, parameters, template
    from infra.cloud.stacks.work import active

    parsed = template.parse(text)
    kinds.check(parsed)
    found = intrinsics.Resolver(
        parsed, parameters.values(parsed, given), intrinsics.pseudo(region, "stack", "stack"),
        lambda name, attribute: f"{name}.{attribute}",
    )
    return [
        (name, part["Type"], found.value(part.get("Properties") or {}))
        for name, part in active(found).items()
    ]


def lint(template: Path, *, region: str = "eu-central-1", mode: str = "") -> list[Remark]:
    """Return what cfn-lint says of a template, run in a sandbox without network.

    `mode` as in `workplace.MODES`; the strongest that works unless named. LintError: it failed.
    """
    from infra.cloud.broker import Folder, Program
    from infra.cloud.workplace import Workplace

    place = Workplace(forced=mode)
    path = f"{place.place(_FOLDER, str(template.parent))}/{template.name}"
    start = "import sys; from cfnlint.runner import main; sys.exit(main())"
    words = ("-c", start, "--format", "json", "--regions", region, "--template", path)
    running = place.start(Program(
        (sys.executable, *words), {}, {_FOLDER: Folder(str(template.parent))}, cpu_seconds=60,
        memory_mb=1024, shown=tuple(dict.fromkeys((sys.prefix, sys.base_prefix))),
    ))
    try:
        running.wait()
        output = running.output().decode(errors="replace")
    finally:
        running.close()
    return _remarks(output)


def _remarks(output: str) -> list[Remark]:
    try:
        told = json.loads(output)
    except ValueError:
        raise LintError(output.strip()[-2000:] or "cfn-lint wrote nothing") from None
    return [
        Remark(one["Rule"]["Id"], one["Level"], one["Location"]["Start"]["LineNumber"],
               one["Message"])
        for one in told
    ]
