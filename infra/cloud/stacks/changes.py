"""Change sets: what a template would change, property by property, before anything happens.

Replacement follows the types' tables: True where a property can only be set at creation; where its
new value hangs on a resource that will itself be replaced, Conditional, as nobody can know yet.
Limit: one detail for each property; changes of metadata alone are none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.cloud.stacks import template
from infra.cloud.stacks.book import Plan, Resource, Stack
from infra.cloud.stacks.compare import same
from infra.cloud.stacks.deploy import resolve_outputs
from infra.cloud.stacks.kinds import ALWAYS, NEVER, Kind
from infra.cloud.stacks.rollback import KEPT
from infra.cloud.stacks.work import Work, active, check, filled, unresolved

UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"
_RANK = {"False": 0, "Conditional": 1, "True": 2}


@dataclass
class Forecast:
    """One plan over one stack: finds what would change, and what cannot be resolved."""

    work: Work
    stack: Stack
    plan: Plan
    wanted: dict[str, Any] = field(default_factory=dict)
    moving: set[str] = field(default_factory=set)  # what will have another physical id
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)

    def changes(self, imported: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """Return the changes in the order in which they would be made, removals last."""
        found = self.work.resolver(self.stack, self.plan, self._find)
        self.wanted = active(found)
        made = []
        for name, part in self.wanted.items():
            kind = self.work.kinds[part["Type"]]
            props = found.value(part.get("Properties") or {})
            check(kind, name, props)
            made += self._one(name, kind, part, props, imported or {})
        for name, old in reversed(self.stack.resources.items()):
            if name not in self.wanted:
                made.append(_change("Remove", name, old.type, old.id, policy=_fate(old.part)))
        self.outputs = resolve_outputs(self.work, self.stack, found)
        return made

    def _find(self, name: str, attribute: str) -> Any:
        if name not in self.wanted:
            raise unresolved(name)
        if name in self.moving or name not in self.stack.resources:
            return f"{UNKNOWN}{name}.{attribute}"
        return self.work.find(self.stack, name, attribute)

    def _one(
        self, name: str, kind: Kind, part: Mapping[str, Any], props: dict[str, Any],
        imported: Mapping[str, str],
    ) -> list[dict[str, Any]]:
        old = self.stack.resources.get(name)
        if old is None or old.type != kind.type:
            self.moving.add(name)
            if name in imported:
                return [_change("Import", name, kind.type, imported[name])]
            gone = [] if old is None else [_change("Remove", name, old.type, old.id)]
            return [*gone, _change("Add", name, kind.type)]
        details = list(self._details(kind, old, part, props))
        scope = sorted({detail["Target"]["Attribute"] for detail in details})
        if not details:
            return []
        replacement = max(map(_replacement, details), key=lambda word: _RANK[word])
        if replacement != "False":
            self.moving.add(name)
        return [_change("Modify", name, kind.type, old.id, replacement, scope, details)]

    def _details(
        self, kind: Kind, old: Resource, part: Mapping[str, Any], props: dict[str, Any]
    ) -> Iterator[dict[str, Any]]:
        before, after = old.part.get("Properties") or {}, part.get("Properties") or {}
        full = filled(kind, props, old, self.plan.tags)
        for name in sorted(set(old.full) | set(full)):
            if not same(old.full.get(name), full.get(name)):
                need = kind.recreates(name, old.full.get(name), full.get(name))
                yield self._detail(name, need, before.get(name), after.get(name), full.get(name))
        for attribute in ("DeletionPolicy", "UpdateReplacePolicy"):
            if old.part.get(attribute) != part.get(attribute):
                yield {"Target": {"Attribute": attribute, "RequiresRecreation": NEVER},
                       "Evaluation": "Static", "ChangeSource": "DirectModification"}

    def _detail(
        self, name: str, need: str, before: Any, after: Any, value: Any
    ) -> dict[str, Any]:
        target = {"Attribute": "Properties", "Name": name, "RequiresRecreation": need}
        source, cause = self._source(before, after)
        dynamic = UNKNOWN in str(value)
        detail = {"Target": target, "Evaluation": "Dynamic" if dynamic else "Static",
                  "ChangeSource": source}
        return detail | ({"CausingEntity": cause} if cause else {})

    def _source(self, before: Any, after: Any) -> tuple[str, str]:
        """Return why a value is another: edited, by a parameter, or by another resource."""
        if not same(before, after):
            return "DirectModification", ""
        for name, attribute in template.references(after):
            if name in self.moving:
                return ("ResourceAttribute", f"{name}.{attribute}") if attribute else (
                    "ResourceReference", name
                )
        for name, _ in template.references(after):
            if name in self.plan.params and (
                self.plan.params[name] != self.stack.plan.params.get(name)
            ):
                return "ParameterReference", name
        return "DirectModification", ""


def _replacement(detail: Mapping[str, Any]) -> str:
    need = detail["Target"]["RequiresRecreation"]
    if need == ALWAYS:
        return "True" if detail["Evaluation"] == "Static" else "Conditional"
    return "False"


def _fate(part: Mapping[str, Any]) -> str:
    return str(part.get("DeletionPolicy", "Delete"))


def _change(
    action: str, name: str, kind: str, physical: str = "", replacement: str = "",
    scope: list[str] | None = None, details: list[dict[str, Any]] | None = None, policy: str = "",
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "Action": action, "LogicalResourceId": name, "ResourceType": kind,
        "PhysicalResourceId": physical or None, "Replacement": replacement or None,
        "Scope": scope or [], "Details": details or [],
    }
    if policy:
        found["PolicyAction"] = "Retain" if policy in KEPT else "Delete"
    elif action == "Modify" and replacement == "True":
        found["PolicyAction"] = "ReplaceAndDelete"
    return {"Type": "Resource", "ResourceChange": found}
