"""Runs notebook cells as IPython would and keeps their outputs, capped. Decides no verdict.

Magics, `!`, display and top-level await work. A cell that fails stops nothing: what depends on it
fails by itself, for want of a name. On the learner's side of the wire.
"""

from __future__ import annotations

import io
import sys
import traceback
from contextlib import nullcontext
from typing import Any

from IPython.core.compilerop import CachingCompiler
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type
from traitlets.config import Config

MAX_CELL = 64 << 10
MAX_ALL = 1 << 20
MAX_PNG = 512 << 10


class Outputs:
    """The outputs of one cell, as nbformat has them, at most `MAX_CELL` characters of text."""

    def __init__(self, left: int) -> None:
        self.items: list[dict[str, Any]] = []
        self.left = min(MAX_CELL, left)

    def stream(self, name: str, text: str) -> None:
        """Add printed text; drop what is over the cap and say so once."""
        if self.left <= 0:
            return
        kept = text[: self.left]
        self.left -= len(kept)
        if self.left <= 0:
            kept += "\n[output cut here]\n"
        if self.items and self.items[-1].get("name") == name:
            self.items[-1]["text"] += kept
        else:
            self.items.append({"output_type": "stream", "name": name, "text": kept})

    def display(self, data: dict[str, Any], count: int | None = None) -> None:
        """Add a displayed value: its plain text, and its PNG when it has one."""
        kept: dict[str, Any] = {"text/plain": str(data.get("text/plain", ""))[: max(self.left, 0)]}
        self.left -= len(kept["text/plain"])
        png = data.get("image/png")
        if isinstance(png, str | bytes) and len(png) <= MAX_PNG:
            kept["image/png"] = png if isinstance(png, str) else _base64(png)
        item: dict[str, Any] = {"output_type": "display_data", "data": kept, "metadata": {}}
        if count is not None:
            item |= {"output_type": "execute_result", "execution_count": count}
        self.items.append(item)

    def error(self, kind: str, text: str, lines: list[str]) -> None:
        """Add an exception."""
        cut = [line[:2000] for line in lines[-40:]]
        error = {"output_type": "error", "ename": kind, "evalue": text[:2000], "traceback": cut}
        self.items.append(error)


def _base64(data: bytes) -> str:
    from base64 import b64encode

    return b64encode(data).decode()


class Stream(io.TextIOBase):
    """sys.stdout or sys.stderr while a cell runs."""

    def __init__(self, shell: Shell, name: str) -> None:
        self.shell, self.stream_name = shell, name

    def write(self, text: str) -> int:
        """Keep what is printed, up to the cap."""
        self.shell.outputs.stream(self.stream_name, str(text))
        return len(text)

    def writable(self) -> bool:
        """Say that it can be written to."""
        return True


class Hook(DisplayHook):
    """The last expression of a cell."""

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        """Keep the value instead of printing it."""
        shell: Any = self.shell
        shell.outputs.display(format_dict, shell.execution_count)

    def write_output_prompt(self) -> None:
        """Print no prompt."""

    def finish_displayhook(self) -> None:
        """Print no newline."""


class Publisher(DisplayPublisher):
    """display(...) and the plots of a cell."""

    def publish(self, data: Any, metadata: Any = None, source: Any = None, **_: Any) -> None:
        """Keep what is displayed."""
        shell: Any = self.shell
        shell.outputs.display(data)


class Compiler(CachingCompiler):
    """Names code after its cell, so that a traceback says where."""

    def get_code_name(self, raw_code: str, code: str, number: int) -> str:
        """Return the file name of a cell."""
        return f"<cell {number}>"


class Shell(InteractiveShell):
    """IPython without history, start-up files, colours or prompts."""

    outputs: Outputs
    displayhook_class = Type(Hook)
    display_pub_class = Type(Publisher)
    compiler_class = Type(Compiler)

    def init_ipython_dir(self, ipython_dir: Any) -> None:
        """Use no folder of the user's: there may be none that can be written."""

    def init_profile_dir(self, profile_dir: Any) -> None:
        """Read no profile and no start-up files."""

    def _tee(self, channel: Any) -> Any:
        """Keep no second copy of what is printed: IPython's own has no cap."""
        return nullcontext()

    def enable_gui(self, gui: Any = None) -> None:
        """Start no event loop; `%matplotlib inline` asks for none."""

    def showtraceback(self, exc_tuple: Any = None, *_: Any, **__: Any) -> None:
        """Keep a plain traceback of the learner's own lines."""
        kind, error, trace = _known(exc_tuple or sys.exc_info())
        frames = [f for f in traceback.extract_tb(trace) if f.filename.startswith("<cell ")]
        lines = [*traceback.format_list(frames), *traceback.format_exception_only(kind, error)]
        self.outputs.error(kind.__name__, str(error), lines)

    def showsyntaxerror(self, *_: Any, **__: Any) -> None:
        """Keep a syntax error like any other."""
        self.showtraceback()


def make_shell() -> Shell:
    """Return a fresh shell; nothing of the user's IPython profile is read."""
    config = Config()
    config.HistoryManager.enabled = False
    config.HistoryManager.hist_file = ":memory:"
    config.InteractiveShell.colors = "nocolor"
    shell = Shell.instance(config=config)
    shell.outputs = Outputs(0)
    return shell


SHELL = make_shell()  # made before the process is forked, so that forks share its cost


def _known(exc_tuple: Any) -> tuple[type[BaseException], BaseException, Any]:
    kind, error, trace = exc_tuple
    return kind, error, trace


def _run(shell: Any, source: str) -> Any:
    return shell.run_cell(source, store_history=False)


def run_cells(cells: list[str]) -> tuple[dict[str, Any], list[list[dict[str, Any]]], list[str]]:
    """Run cells in order; return the namespace, the outputs and the kinds of errors met."""
    shell = SHELL
    kept, errors, left = [], [], MAX_ALL
    out, err = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = Stream(shell, "stdout"), Stream(shell, "stderr")
    try:
        for number, source in enumerate(cells, 1):
            shell.outputs = Outputs(left)
            shell.execution_count = number
            result: Any = _run(shell, source)
            error = result.error_before_exec or result.error_in_exec
            errors += [type(error).__name__] if error is not None else []
            kept.append(shell.outputs.items)
            left -= min(left, MAX_CELL) - max(shell.outputs.left, 0)
    finally:
        sys.stdout, sys.stderr = out, err
    return shell.user_ns, kept, errors
