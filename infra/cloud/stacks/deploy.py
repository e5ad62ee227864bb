"""Makes a stack what a template says, resource by resource; undoes it all when one of them fails.

Every call is made with the deployer's own rights or those of the stack's role, and is in the log.
Limit: one after the other, at once: what returns has happened.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

from infra.cloud.stacks import intrinsics, rollback, template
from infra.cloud.stacks.book import Plan, Resource, Stack, Step
from infra.cloud.stacks.compare import replaces, same
from infra.cloud.stacks.kinds import Kind
from infra.cloud.stacks.work import Work, active, check, filled, reason

_LETTERS = string.ascii_uppercase + string.digits


class Deployment:
    """One create, update or import of a stack, with what undoes it.

    `retreat`: whether a failure is rolled back; `new_too`: whether that deletes what was newly
    made even where it says Retain.
    """

    def __init__(
        self, work: Work, stack: Stack, verb: str, *, retreat: bool = True, new_too: bool = False
    ) -> None:
        self.work, self.stack, self.verb = work, stack, verb
        self.retreat, self.new_too = retreat, new_too
        self.steps: list[Step] = []
        self.left: list[Resource] = []
        self.before = deepcopy((stack.resources, stack.outputs, stack.plan, stack.imports))

    def run(self, plan: Plan, imported: Mapping[str, str] | None = None) -> None:
        """Bring the stack to a plan; on a failure, back to where it was."""
        self._note(f"{self.verb}_IN_PROGRESS", "User Initiated")
        self.stack.plan = plan
        try:
            self._apply(imported or {})
        except Exception as error:  # whatever it was, the stack must not stay in progress
            self._fail(error)
            return
        if self.left:
            self._note("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        for old in self.left:
            self._discard(old)
        self._note(f"{self.verb}_COMPLETE")

    def _apply(self, imported: Mapping[str, str]) -> None:
        stack = self.stack
        found = self.work.resolver(stack, stack.plan)
        wanted = active(found)
        for name, part in wanted.items():
            props = found.value(part.get("Properties") or {})
            self._bring(name, part, props, imported.get(name, ""))
        for name in [n for n in reversed(stack.resources) if n not in wanted]:
            self.left.append(stack.resources.pop(name))
        stack.resources = {name: stack.resources[name] for name in wanted}
        self._outputs(found)
        stack.imports = found.imported

    def _bring(
        self, name: str, part: Mapping[str, Any], props: dict[str, Any], imported: str
    ) -> None:
        kind, old = self.work.kinds[part["Type"]], self.stack.resources.get(name)
        check(kind, name, props)
        full = filled(kind, props, old, self.stack.plan.tags)
        if old is None and imported:
            self._adopt(kind, name, part, props, imported)
        elif old is None or old.type != kind.type or replaces(kind, old.full, full):
            self._create(kind, name, part, props, old)
        elif not same(old.full, full):
            self._change(kind, old, part, props, full)
        else:
            old.part = part

    def _generated(self, kind: Kind, name: str, props: dict[str, Any]) -> str:
        tail = "-" + "".join(secrets.choice(_LETTERS) for _ in range(12))
        suffix = kind.suffix(props)
        room = kind.longest - len(tail) - len(suffix)
        made = f"{self.stack.name}-{name}"[:room].rstrip("-") + tail
        return (made.lower() if kind.lower else made) + suffix

    def _create(
        self, kind: Kind, name: str, part: Mapping[str, Any], props: dict[str, Any],
        old: Resource | None,
    ) -> None:
        full = filled(kind, props, None, self.stack.plan.tags)
        named = props.get(kind.naming) if kind.naming else None
        resource = Resource(name, kind.type, "", props, full, part, "", self.work.now())
        word = "CREATE" if old is None else "UPDATE"
        self._tell(f"{word}_IN_PROGRESS", resource, "" if old is None else (
            "Requested update requires the creation of a new physical resource; hence creating one."
        ))
        if old is not None and named and old.full.get(kind.naming) == named:
            raise Failed(
                resource, "CloudFormation cannot update a stack when a custom-named resource "
                f"requires replacing. Rename {named} and update the stack again.", word
            )
        if kind.naming and not named:
            full[kind.naming] = self._generated(kind, name, props)
        self._attempt(resource, word, lambda: self._make(kind, resource, word))
        self.stack.resources[name] = resource
        if old is not None:
            self.left.append(old)
        self._tell(f"{word}_COMPLETE", resource)

    def _make(self, kind: Kind, resource: Resource, word: str) -> None:
        resource.id = kind.create(self.work.clients, resource.full)
        self.steps.append(Step(resource.name, resource, resource.full))
        self._tell(f"{word}_IN_PROGRESS", resource, "Resource creation Initiated")
        if kind.finish is not None:
            kind.finish(self.work.clients, resource.id, resource.full)

    def _change(
        self, kind: Kind, old: Resource, part: Mapping[str, Any], props: dict[str, Any],
        full: dict[str, Any],
    ) -> None:
        before = old.full
        self._tell("UPDATE_IN_PROGRESS", old)
        self.steps.append(Step(old.name, old, full, before))
        clients = self.work.clients
        self._attempt(old, "UPDATE", lambda: kind.update(clients, old.id, before, full))
        old.props, old.full, old.part = props, full, part
        self._tell("UPDATE_COMPLETE", old)

    def _attempt(self, resource: Resource, word: str, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:  # any failure of a service is the resource's
            raise Failed(resource, reason(error), word) from error

    def _adopt(
        self, kind: Kind, name: str, part: Mapping[str, Any], props: dict[str, Any], imported: str
    ) -> None:
        full = deepcopy(props) | ({kind.naming: imported} if kind.naming else {})
        resource = Resource(name, kind.type, imported, props, full, part, "", self.work.now())
        self._tell("IMPORT_IN_PROGRESS", resource, "Resource import started.")
        self.stack.resources[name] = resource
        self._tell("IMPORT_COMPLETE", resource, "Resource import completed.")

    def _outputs(self, found: intrinsics.Resolver) -> None:
        outputs = resolve_outputs(self.work, self.stack, found)
        shared = {one["export"]: one["value"] for one in outputs.values() if one["export"]}
        for one in self.before[1].values():
            users = self.work.book.users(one["export"]) if one["export"] else []
            if users and shared.get(one["export"]) != one["value"]:
                done = "updated" if one["export"] in shared else "deleted"
                raise template.invalid(f"Export {one['export']} cannot be {done} as it is in use "
                                       f"by {' and '.join(users)}")
        self.stack.outputs = outputs

    # --- the end, well or not -------------------------------------------------------------------

    def _fail(self, error: Exception) -> None:
        why = reason(error)
        if isinstance(error, Failed):
            self._tell(f"{error.word}_FAILED", error.resource, why)
            done = "create" if error.word == "CREATE" else "update"
            why = f"The following resource(s) failed to {done}: [{error.resource.name}]. "
        if not self.retreat:
            if isinstance(error, Failed):
                self.stack.resources.setdefault(error.resource.name, error.resource)
            for old in self.left:
                self._discard(old)
            self._note(f"{self.verb}_FAILED", why)
            return
        stack, work = self.stack, self.work
        head = "" if self.verb == "CREATE" else f"{self.verb}_"
        self._note(f"{head}ROLLBACK_IN_PROGRESS", why + "Rollback requested by user.")
        steps = [replace(one, made=replace(one.made)) for one in self.steps]
        stack.resources, stack.outputs, stack.plan, stack.imports = (
            self.before if head else ({}, {}, stack.plan, set())
        )
        if head:
            rollback.undo_update(work, stack, steps, self.verb, set())
        else:
            rollback.undo_creation(work, stack, steps, new_too=self.new_too)

    def _discard(self, old: Resource) -> None:
        """Delete what is no longer in the template, unless it says to keep it."""
        replaced = old.name in self.stack.resources
        policy = old.part.get("UpdateReplacePolicy" if replaced else "DeletionPolicy", "Delete")
        rollback.delete(self.work, self.stack, old, keep=policy in rollback.KEPT)

    def _note(self, status: str, why: str = "") -> None:
        self.stack.happened(self.work.now(), status, why)

    def _tell(self, status: str, resource: Resource, why: str = "") -> None:
        self.stack.happened(self.work.now(), status, why, resource)


def resolve_outputs(
    work: Work, stack: Stack, found: intrinsics.Resolver
) -> dict[str, dict[str, str]]:
    """Return a template's outputs. AwsError: another stack has an export of that name."""
    outputs, taken = {}, work.book.exports()
    for name, part in (found.template.get("Outputs") or {}).items():
        if not found.holds(part):
            continue
        export = (part.get("Export") or {}).get("Name")
        title = intrinsics.text(found.value(export)) if export is not None else ""
        if title and taken.get(title, ("", stack.id))[1] != stack.id:
            raise template.invalid(f"Export with name {title} is already exported by stack "
                                   f"{taken[title][1].split('/')[1]}")
        value = found.value(part["Value"])
        if isinstance(value, dict | list):
            raise template.malformed(f"The Value field of output {name} must be a string")
        outputs[name] = {"value": intrinsics.text(value), "export": title,
                         "description": str(part.get("Description", ""))}
    return outputs


class Failed(Exception):
    """A resource that could not be made or changed."""

    def __init__(self, resource: Resource, why: str, word: str) -> None:
        super().__init__(why)
        self.resource, self.word = resource, word
