"""Runs a Python file in this fork as `python FILE ARGS` would, with imports that are already paid.

Returns never; knows nothing of boxes.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from types import ModuleType
from typing import NoReturn


def run(argv: Sequence[str]) -> NoReturn:
    """Be the program `argv`, then end with its exit code."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = list(argv)
    sys.path.insert(0, os.path.dirname(os.path.abspath(argv[0])))
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  lives as long as the process
    code = 0
    try:
        _execute(os.path.abspath(argv[0]))
    except SystemExit as error:
        code = status(error.code)
    except BaseException:
        traceback.print_exc()
        code = 1
    finish()
    os._exit(code & 0xFF)


def _execute(path: str) -> None:
    """Run a file as the main module: its `__file__` is absolute, sys.argv[0] is as it was typed.

    runpy.run_path makes the two the same.
    """
    main = ModuleType("__main__")
    main.__file__ = path
    sys.modules["__main__"] = main
    with open(path, "rb") as file:
        text = file.read()
    exec(compile(text, path, "exec"), main.__dict__)


def status(code: object) -> int:
    """Return the exit code that Python makes of what was given to sys.exit."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code
    print(code, file=sys.stderr)
    return 1


def finish() -> None:
    """Do what an interpreter does at its end: wait for threads, call exit handlers, flush."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
