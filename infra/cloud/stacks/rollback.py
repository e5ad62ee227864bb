"""Takes back what an operation on a stack has done, and deletes what a stack holds.

Limit: a rollback does what an update the other way round would do; what a service has lost
meanwhile (objects, messages) does not come back.
"""

from __future__ import annotations

from infra.cloud.stacks import kinds
from infra.cloud.stacks.book import Resource, Stack, Step
from infra.cloud.stacks.compare import differences
from infra.cloud.stacks.work import Work, reason

KEPT = {"Retain", "RetainExceptOnCreate"}


def delete(work: Work, stack: Stack, resource: Resource, *, keep: bool = False) -> bool:
    """Delete one resource or leave it be; return whether that worked."""
    if keep:
        stack.happened(work.now(), "DELETE_SKIPPED", "", resource)
        return True
    stack.happened(work.now(), "DELETE_IN_PROGRESS", "", resource)
    kind = work.kinds[resource.type]
    try:
        if resource.id:  # without one it was never made
            kind.delete(work.clients, resource.id, resource.full)
    except Exception as error:  # whatever it was, the stack's history must tell it
        if not kinds.gone(error):
            stack.happened(work.now(), "DELETE_FAILED", reason(error), resource)
            return False
    stack.happened(work.now(), "DELETE_COMPLETE", "", resource)
    return True


def tear_down(work: Work, stack: Stack, retain: set[str], before: str = "") -> None:
    """Delete a stack: the last first, what it says to retain not at all.

    While others import what it exports it stays, in the status it had `before`.
    """
    stack.happened(work.now(), "DELETE_IN_PROGRESS", "User Initiated")
    used = [
        f"Export {name} cannot be deleted as it is in use by {' and '.join(users)}"
        for name, (_, owner) in work.book.exports().items() if owner == stack.id
        if (users := work.book.users(name))
    ]
    if used:
        stack.happened(work.now(), before or stack.status, used[0])
        return
    failed = []
    for resource in reversed(list(stack.resources.values())):
        keep = resource.name in retain or resource.part.get("DeletionPolicy") in KEPT
        if delete(work, stack, resource, keep=keep):
            del stack.resources[resource.name]
        else:
            failed.append(resource.name)
    if failed:
        why = f"The following resource(s) failed to delete: [{', '.join(failed)}]. "
        stack.happened(work.now(), "DELETE_FAILED", why)
        return
    stack.outputs, stack.imports, stack.deleted = {}, set(), work.now()
    work.book.forget_sets(stack)
    stack.happened(stack.deleted, "DELETE_COMPLETE")


def undo_creation(work: Work, stack: Stack, steps: list[Step], *, new_too: bool) -> None:
    """Delete what a failed creation made; with `new_too` also what it says to retain."""
    stack.resources, failed = {}, False
    for step in reversed(steps):
        policy = step.made.part.get("DeletionPolicy")
        if not delete(work, stack, step.made, keep=policy == "Retain" and not new_too):
            stack.resources[step.resource] = step.made
            failed = True
    stack.happened(work.now(), f"ROLLBACK_{'FAILED' if failed else 'COMPLETE'}")


def undo_update(work: Work, stack: Stack, steps: list[Step], verb: str, skip: set[str]) -> None:
    """Change back what an update changed, then delete what it made.

    What cannot be changed back stays in `stack.owed`, for ContinueUpdateRollback.
    """
    stack.owed = [
        step for step in reversed(steps)
        if step.old is not None and step.resource not in skip and not _put_back(work, stack, step)
    ]
    if stack.owed:
        names = ", ".join(step.resource for step in stack.owed)
        stack.owed = [*(s for s in steps if s.old is None), *reversed(stack.owed)]
        stack.happened(work.now(), f"{verb}_ROLLBACK_FAILED",
                       f"The following resource(s) failed to update: [{names}]. ")
        return
    made = [step for step in reversed(steps) if step.old is None]
    if made:
        stack.happened(work.now(), f"{verb}_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
    for step in made:
        delete(work, stack, step.made, keep=step.made.part.get("DeletionPolicy") == "Retain")
    stack.happened(work.now(), f"{verb}_ROLLBACK_COMPLETE")


def _put_back(work: Work, stack: Stack, step: Step) -> bool:
    kind, resource = work.kinds[step.made.type], stack.resources[step.resource]
    assert step.old is not None
    stack.happened(work.now(), "UPDATE_IN_PROGRESS", "", resource)
    try:
        kind.update(work.clients, resource.id, step.new, step.old)
    except Exception as error:  # whatever it was, the stack's history must tell it
        if not _stands(work, resource, step.old):
            stack.happened(work.now(), "UPDATE_FAILED", reason(error), resource)
            return False
    stack.happened(work.now(), "UPDATE_COMPLETE", "", resource)
    return True


def _stands(work: Work, resource: Resource, old: dict[str, object]) -> bool:
    """Whether a resource already is what it shall be again: a refused change changed nothing."""
    try:
        actual = work.kinds[resource.type].read(work.clients, resource.id)
    except Exception:  # not even looking is allowed
        return False
    return bool(actual) and not any(
        any(differences(value, actual[name], f"/{name}"))
        for name, value in old.items() if actual and name in actual
    )
