"""What CloudFormation keeps of a region: stacks with their resources, events, change sets.

Limit: data; deleted stacks stay known by their id.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.cloud.dispatch import ACCOUNT
from infra.cloud.errors import AwsError
from infra.cloud.stacks.template import invalid

# From these a stack can be changed.
SETTLED = {
    "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE", "UPDATE_FAILED",
}
# What a stack is in when the cloud ended meanwhile: each can be mended by the next call.
INTERRUPTED = {
    "CREATE_IN_PROGRESS": "CREATE_FAILED", "ROLLBACK_IN_PROGRESS": "ROLLBACK_FAILED",
    "UPDATE_IN_PROGRESS": "UPDATE_FAILED", "DELETE_IN_PROGRESS": "DELETE_FAILED",
    "UPDATE_ROLLBACK_IN_PROGRESS": "UPDATE_ROLLBACK_FAILED",
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_IN_PROGRESS": "IMPORT_ROLLBACK_COMPLETE",
    "IMPORT_ROLLBACK_IN_PROGRESS": "IMPORT_ROLLBACK_COMPLETE",
}
ENDED = "The emulated cloud was ended meanwhile."
_LOCK = threading.Lock()  # works on stacks are done outside the door's lock


@dataclass
class Resource:
    """One resource: as the template has it, as it was resolved, as it was made."""

    name: str
    type: str
    id: str
    props: dict[str, Any]
    full: dict[str, Any]
    part: Mapping[str, Any]
    status: str
    time: float
    reason: str = ""
    drift: str = "NOT_CHECKED"
    differences: list[dict[str, str]] = field(default_factory=list)
    expected: dict[str, Any] | None = None
    actual: dict[str, Any] | None = None
    checked: float = 0.0


@dataclass(frozen=True)
class Event:
    """One line of a stack's history."""

    id: str
    name: str
    physical: str
    type: str
    status: str
    reason: str
    time: float


@dataclass(frozen=True)
class Step:
    """One change that an operation made, and can take back: `old` is None for what it created."""

    resource: str
    made: Resource
    new: dict[str, Any]
    old: dict[str, Any] | None = None


@dataclass
class Plan:
    """What a stack shall be: a template, what it is given, and whose it is.

    `raw` is the template as it came; `given` what a request says of parameters, `params` all.
    """

    raw: str
    template: dict[str, Any]
    given: dict[str, str]
    params: dict[str, Any]
    tags: dict[str, str]
    role: str = ""
    capabilities: list[str] = field(default_factory=list)


@dataclass
class Stack:
    """One stack. `owed`: what a rollback could not take back."""

    name: str
    id: str
    plan: Plan
    created: float
    status: str = "CREATE_IN_PROGRESS"
    reason: str = ""
    updated: float = 0.0
    deleted: float = 0.0
    protected: bool = False
    rollback: bool = True
    resources: dict[str, Resource] = field(default_factory=dict)
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    imports: set[str] = field(default_factory=set)
    events: list[Event] = field(default_factory=list)
    owed: list[Step] = field(default_factory=list)
    drift: str = "NOT_CHECKED"
    checked: float = 0.0

    @property
    def description(self) -> str:
        """What its template says it is."""
        return str(self.plan.template.get("Description", ""))

    def happened(
        self, now: float, status: str, reason: str = "", resource: Resource | None = None
    ) -> None:
        """Note that the stack or one of its resources has come to a status."""
        if resource is None:
            self.status, self.reason = status, reason
            about = (self.name, self.id, "AWS::CloudFormation::Stack")
        else:
            resource.status, resource.reason, resource.time = status, reason, now
            about = (resource.name, resource.id, resource.type)
        self.events.append(Event(str(uuid.uuid4()), *about, status, reason, now))


@dataclass
class ChangeSet:
    """A change set: what it would make of its stack."""

    name: str
    id: str
    stack: Stack
    kind: str
    plan: Plan
    created: float
    changes: list[dict[str, Any]]
    imported: dict[str, str] = field(default_factory=dict)
    description: str = ""
    rollback: bool = True
    status: str = "CREATE_COMPLETE"
    execution: str = "AVAILABLE"
    reason: str = ""


@dataclass(frozen=True)
class Detection:
    """One search for drift; `failed` are the resources that could not be looked at."""

    stack: str
    time: float
    status: str
    drifted: int
    failed: tuple[str, ...] = ()


@dataclass
class Book:
    """All stacks of a region, by id, and change sets by id."""

    stacks: dict[str, Stack] = field(default_factory=dict)
    sets: dict[str, ChangeSet] = field(default_factory=dict)
    detections: dict[str, Detection] = field(default_factory=dict)

    def live(self) -> list[Stack]:
        """Return the stacks that are there."""
        return [one for one in self.stacks.values() if one.status != "DELETE_COMPLETE"]

    def find(self, name: str) -> Stack | None:
        """Return a stack by name, or by id also when it was deleted."""
        if name in self.stacks:
            return self.stacks[name]
        return next((one for one in self.live() if one.name == name), None)

    def must(self, name: str) -> Stack:
        """Return a stack. ValidationError: there is none."""
        found = self.find(name)
        if found is None:
            raise invalid(f"Stack with id {name} does not exist")
        return found

    def exports(self) -> dict[str, tuple[str, str]]:
        """Return value and stack of each export."""
        return {
            one["export"]: (one["value"], stack.id)
            for stack in self.live() for one in stack.outputs.values() if one.get("export")
        }

    def users(self, export: str) -> list[str]:
        """Return the names of stacks that import a value."""
        return [stack.name for stack in self.live() if export in stack.imports]

    def add(self, stack: Stack) -> None:
        """Take a stack in. AlreadyExistsException: there is one of that name."""
        with _LOCK:
            if self.find(stack.name) is not None:
                raise AwsError("AlreadyExistsException", f"Stack [{stack.name}] already exists")
            self.stacks[stack.id] = stack

    def begin(self, stack: Stack, status: str, allowed: set[str]) -> None:
        """Let one operation have a stack. ValidationError: its status does not allow that."""
        with _LOCK:
            ready(stack, allowed)
            stack.status = status

    def forget_sets(self, stack: Stack) -> None:
        """Drop the change sets of a stack that were not executed: they fit it no more."""
        self.sets = {
            key: one for key, one in self.sets.items()
            if one.stack is not stack or one.execution.startswith("EXECUTE")
        }


def ready(stack: Stack, allowed: set[str]) -> None:
    """Refuse to work on a stack in another status."""
    if stack.status not in allowed:
        raise invalid(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")


_books: dict[str, Book] = {}


def of(region: str) -> Book:
    """Return the book of a region."""
    return _books.setdefault(region, Book())


def hold() -> dict[str, Book]:
    """Return the books of all regions."""
    return dict(_books)


def revive(held: dict[str, Book], now: float) -> None:
    """Take books over; what was under way when the cloud ended has failed."""
    _books.clear()
    _books.update(held)
    for stack in (one for kept in held.values() for one in kept.stacks.values()):
        if stack.status in INTERRUPTED:
            for resource in stack.resources.values():
                if resource.status.endswith("_IN_PROGRESS"):
                    failed = resource.status.removesuffix("IN_PROGRESS") + "FAILED"
                    stack.happened(now, failed, ENDED, resource)
            stack.happened(now, INTERRUPTED[stack.status], ENDED)


def stack_id(region: str, name: str) -> str:
    """Return a fresh id."""
    return f"arn:aws:cloudformation:{region}:{ACCOUNT}:stack/{name}/{uuid.uuid4()}"
