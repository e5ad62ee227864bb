"""The means of one operation on a stack: its region, clients with the right rights, its book.

Limit: finds and words things; what happens to a stack is in `deploy` and `rollback`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from infra.cloud.errors import AwsError
from infra.cloud.stacks import intrinsics, kinds, template
from infra.cloud.stacks.book import Book, Plan, Resource, Stack
from infra.cloud.stacks.kinds import Already, Clients, Kind


@dataclass
class Work:
    """One operation: where, with which clients, at what time."""

    region: str
    clients: Clients
    now: Callable[[], float]
    book: Book
    kinds: dict[str, Kind] = field(default_factory=kinds.known)

    def resolver(
        self, stack: Stack, plan: Plan, find: Callable[[str, str], Any] | None = None
    ) -> intrinsics.Resolver:
        """Return what resolves the functions of a template for a stack."""
        exports = {name: value for name, (value, _) in self.book.exports().items()}
        pseudo = intrinsics.pseudo(self.region, stack.id, stack.name)
        own = find or (lambda name, attribute: self.find(stack, name, attribute))
        return intrinsics.Resolver(plan.template, plan.params, pseudo, own, exports)

    def find(self, stack: Stack, name: str, attribute: str) -> Any:
        """Return what Ref or GetAtt gives for a resource that is there."""
        made = stack.resources.get(name)
        if made is None:
            raise unresolved(name)
        kind = self.kinds[made.type]
        if not attribute:
            return kind.ref(made.id)
        return kind.attribute(self.clients, attribute, made.id, made.full, self.region)


def unresolved(name: str) -> AwsError:
    """Return the error for a resource that is referred to and is not there."""
    return template.malformed(f"Unresolved resource dependencies [{name}] in the Resources block "
                              "of the template")


def active(found: intrinsics.Resolver) -> dict[str, Any]:
    """Return the resources whose condition holds, each after what it refers to."""
    wanted = {n: r for n, r in found.template["Resources"].items() if found.holds(r)}
    return {name: wanted[name] for name in template.order(wanted)}


def check(kind: Kind, name: str, props: Mapping[str, Any]) -> None:
    """Refuse properties that a type does not have here, and the lack of one that it needs."""
    odd = sorted(set(props) - set(kind.properties))
    if odd:
        raise template.invalid(
            f"Properties validation failed for resource {name} with message: #: extraneous key "
            f"[{odd[0]}] is not permitted (here {kind.type} takes "
            f"{', '.join(sorted(kind.properties))})"
        )
    missing = [one for one in kind.required if one not in props]
    if missing:
        raise template.invalid(f"Properties validation failed for resource {name} with message: "
                               f"#: required key [{missing[0]}] not found")


def filled(
    kind: Kind, props: Mapping[str, Any], old: Resource | None, tags: Mapping[str, str]
) -> dict[str, Any]:
    """Return properties with the generated name, where it stays, and the stack's tags."""
    full = deepcopy(dict(props))
    if kind.naming and kind.naming not in full and old is not None:
        explicit = kind.naming in old.props
        full[kind.naming] = "" if explicit else old.full.get(kind.naming, "")
    if "Tags" in kind.properties and tags:
        full["Tags"] = kinds.tags(dict(tags) | kinds.mapping(full.get("Tags")))
    return full


def reason(error: Exception) -> str:
    """Return what a failure says, without the SDK's words around it."""
    if isinstance(error, ClientError):
        said = error.response["Error"]
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return f"{said['Message']} (Error Code: {said['Code']}; Status Code: {status})"
    if isinstance(error, Already):
        return f"{error} already exists"
    if isinstance(error, AwsError):
        return error.message
    if isinstance(error, KeyError):
        return f"#: required key [{error.args[0]}] not found"
    return str(error) or type(error).__name__
