"""One call of CloudFormation that works on resources: what it brings, and whose rights it has.

Limit: reads and checks; `service` decides what happens.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from infra.cloud import behalf, forms, state
from infra.cloud.calls import Call
from infra.cloud.errors import AwsError
from infra.cloud.inside import Inside
from infra.cloud.stacks import book, kinds, parameters, template
from infra.cloud.stacks.book import Book, Plan, Stack
from infra.cloud.stacks.template import invalid
from infra.cloud.stacks.work import Work

SERVICE = "cloudformation.amazonaws.com"
_IAM = {
    "AWS::IAM::Role": "RoleName", "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName", "AWS::IAM::Policy": "",
}
# What changes what a stack may do or tells somebody: better refused than taken and forgotten.
_BEYOND = ("StackPolicy", "StackPolicyDuringUpdate", "NotificationARNs.member", "ResourceTypes",
           "RollbackConfiguration.RollbackTriggers.member", "ImportExistingResources")
_LONGEST = {"TemplateBody": 51_200, "TemplateURL": 1 << 20}


class Request:
    """One call that works on resources: its parameters, and clients with the right rights."""

    def __init__(self, call: Call, inside: Inside, kept: Book) -> None:
        self.call, self.inside, self.book = call, inside, kept
        self.params = call.params
        odd = [key for key, value in call.params.items()
               if key.startswith(_BEYOND) and str(value).lower() not in {"", "false"}]
        if odd:
            raise invalid(f"This cloud's CloudFormation does not do what {odd[0].split('.')[0]} "
                          "asks for: leave it out")

    def text(self, name: str) -> str:
        """Return a parameter; "" when it is not given."""
        return str(self.params.get(name) or "")

    def flag(self, name: str) -> bool:
        """Return whether a parameter says true."""
        return self.text(name).lower() == "true"

    def work(self, role: str = "") -> Work:
        """Return the means of an operation, with a role's rights or the caller's."""
        made: dict[str, Any] = {}

        def clients(service: str) -> Any:
            if service not in made:
                made[service] = self._client(service, role)
            return made[service]

        if role:
            _check_role(role)
        return Work(self.call.region, clients, self.inside.clock.now, self.book)

    def _client(self, service: str, role: str) -> Any:
        if role:
            return self.inside.client(
                service, role, "AWSCloudFormation", region=self.call.region
            )
        return behalf.own_client(self.inside, self.call.caller, service, self.call.region)

    def template(self, old: Stack | None = None) -> tuple[str, dict[str, Any]]:
        """Return the template that a request brings, as text and parsed."""
        if old is not None and self.flag("UsePreviousTemplate"):
            return old.plan.raw, old.plan.template
        source = "TemplateBody" if "TemplateBody" in self.params else "TemplateURL"
        text = self.text("TemplateBody") or self._fetched(self.text("TemplateURL"))
        if not text:
            raise invalid("Either Template URL or Template Body must be specified.")
        if len(text) > _LONGEST[source]:
            raise invalid("1 validation error detected: Value at 'templateBody' failed to satisfy "
                          f"constraint: Member must have length less than or equal to "
                          f"{_LONGEST[source]}")
        parsed = template.parse(text)
        kinds.check(parsed)
        return text, parsed

    def _fetched(self, url: str) -> str:
        if not url:
            return ""
        parts = urlsplit(url)
        host, path = str(parts.hostname), unquote(parts.path).lstrip("/")
        bucket, _, key = path.partition("/")
        if ".s3." in host or ".s3-" in host:
            bucket, key = host.split(".s3", 1)[0], path
        s3 = self._client("s3", "")
        try:
            return str(s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode())
        except Exception as error:  # whatever S3 said, the template cannot be had
            raise invalid(f"S3 error: {error}") from None

    def plan(self, old: Stack | None = None) -> Plan:
        """Return what a request wants of a stack. AwsError: it cannot be wanted so."""
        raw, parsed = self.template(old)
        given = self._given(old)
        tags = forms.members(self.params, "Tags.member")
        if not tags and old is not None and "Tags" not in self.params:
            tags = old.plan.tags
        role = self.text("RoleARN") or (old.plan.role if old is not None else "")
        return Plan(raw, parsed, given, parameters.values(parsed, given), tags, role,
                    self._capabilities(parsed))

    def _given(self, old: Stack | None) -> dict[str, str]:
        found = {}
        for one in forms.members_of(self.params, "Parameters.member"):
            name = one.get("ParameterKey", "")
            if one.get("UsePreviousValue", "").lower() != "true":
                found[name] = one.get("ParameterValue", "")
            elif old is None or name not in old.plan.params:
                raise invalid(f"Invalid input for parameter key {name}. Cannot specify "
                              "usePreviousValue as true for a parameter key not in the previous "
                              "template")
            elif name in old.plan.given:
                found[name] = old.plan.given[name]
        return found

    def _capabilities(self, parsed: Mapping[str, Any]) -> list[str]:
        """Return a request's capabilities. InsufficientCapabilities: the template needs more."""
        had = forms.values(self.params, "Capabilities.member")
        needed, _ = capabilities(parsed)
        if needed and not set(had) & {needed, "CAPABILITY_NAMED_IAM"}:
            raise AwsError(
                "InsufficientCapabilitiesException", f"Requires capabilities : [{needed}]"
            )
        return had

    def fresh(self, name: str, plan: Plan) -> Stack:
        """Return a stack that is not in the book yet."""
        made = Stack(name, book.stack_id(self.call.region, name), plan, self.inside.clock.now())
        made.rollback = not self.flag("DisableRollback") and (
            self.params.get("OnFailure") != "DO_NOTHING"
        )
        made.protected = self.flag("EnableTerminationProtection")
        return made


def _check_role(arn: str) -> None:
    role = state.role_by_arn(arn)
    if role is None or SERVICE not in json.dumps(state.document(role.assume_role_policy_document)):
        raise invalid(f"Role {arn} is invalid or cannot be assumed")


def capabilities(parsed: Mapping[str, Any]) -> tuple[str, str]:
    """Return what a template needs to be allowed, and the sentence that says why; "" for none."""
    found = {part["Type"]: "" for part in parsed["Resources"].values() if part["Type"] in _IAM}
    if not found:
        return "", ""
    named = any(
        _IAM.get(part["Type"]) and _IAM[part["Type"]] in (part.get("Properties") or {})
        for part in parsed["Resources"].values()
    )
    return (
        "CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM",
        f"The following resource(s) require capabilities: [{', '.join(found)}]",
    )
