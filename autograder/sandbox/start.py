"""Starts the learner's processes from the supervisor. Decides nothing about what they may use."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from typing import NoReturn

from autograder.sandbox.confinement import drop
from autograder.sandbox.limits import apply_limits, environment
from autograder.sandbox.order import Order

WORKER = 3  # the descriptor on which a worker finds its socket
TASKS_PER_PROCESS = 8  # a JVM is one process of forty threads


def spawn(
    order: Order,
    act: Callable[[], NoReturn],
    stdio: tuple[int, int],
    env: Mapping[str, str],
    *,
    cwd: str = ".",
    keep: int | None = None,
) -> int:
    """Fork a confined child that reads stdio[0], writes stdio[1] and then acts; return its pid."""
    ready, held = os.pipe()
    pid = os.fork()
    if pid:
        os.close(held)
        os.read(ready, 1)  # returns when the child leads its own group and holds nothing of ours
        os.close(ready)
        return pid
    try:
        os.setsid()
        wire(stdio, keep)
        enter(order, env, cwd)
        act()
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(127)


def wire(stdio: tuple[int, int], keep: int | None) -> None:
    """Leave the child its three streams and perhaps one socket, nothing else of ours."""
    os.dup2(stdio[0], 0)
    os.dup2(stdio[1], 1)
    os.dup2(stdio[1], 2)
    if keep is not None and keep != WORKER:
        os.dup2(keep, WORKER)
    first = WORKER + (keep is not None)
    if keep is not None:
        os.set_inheritable(WORKER, True)
    os.closerange(first, 65536)


def enter(order: Order, env: Mapping[str, str], cwd: str) -> None:
    """Become the learner: signals, environment, folder, limits, then privileges."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    os.umask(0o022)
    os.environ.clear()
    os.environ.update(environment({**order.env, **env}, order.tmp))
    time.tzset()
    limits = order.limits
    own_count = order.uid is not None or order.own_pids
    apply_limits(limits, limits.processes * TASKS_PER_PROCESS + 64 if own_count else None)
    drop(order)
    os.chdir(os.path.join(order.desk, cwd))


def programme(argv: list[str]) -> Callable[[], NoReturn]:
    """Return the act of becoming `argv`."""

    def act() -> NoReturn:
        os.execvp(argv[0], argv)

    return act


def python_file(order: Order, interpreter: list[str], argv: list[str]) -> Callable[[], NoReturn]:
    """Return the act of running a Python file: in this fork, or in a fresh interpreter."""
    if not order.fork:
        return programme([*interpreter, *argv])
    from autograder.sandbox import script

    return lambda: script.run(argv)


def worker(order: Order) -> Callable[[], NoReturn]:
    """Return the act of serving on descriptor WORKER: in this fork, or in a fresh interpreter."""
    if not order.fork:
        return programme(python(order))

    def act() -> NoReturn:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115  lives as long as the process
        resolve(order.worker)(WORKER)
        sys.stdout.flush()
        os._exit(0)

    return act


def python(order: Order) -> list[str]:
    """Return the command of an interpreter with our worker, whatever lies in its folder."""
    name, _, call = order.worker.partition(":")
    code = f"from {name} import {call}; {call}({WORKER})"
    code = f"import sys; sys.path.extend({list(order.path)!r}); {code}"
    return [sys.executable, "-s", "-P", "-c", code]


def resolve(target: str) -> Callable[[int], object]:
    name, _, call = target.partition(":")
    found: Callable[[int], object] = getattr(importlib.import_module(name), call)
    return found
