"""A notebook's bytes -> its cells, whichever program wrote them. Runs nothing, keeps no output.

Read are formats 3 and 4, also as an editor saved them (UTF-16, Windows' code page), and scripts in
which comments part the cells: jupytext's and VS Code's `# %%`, nbconvert's, Databricks'.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from autograder.archive import MAX_FILE, kind
from autograder.errors import SubmissionError

MAX_CELLS = 5_000
MAX_CODE = 1 << 20  # characters of all code cells: they cross the wire in one message
SAVE = "open it in JupyterLab, save it, and hand it in again"
START = "start again from the lab's notebook"
PART = re.compile(
    r"^# ?(?:%%(?:[ \t].*)?|In ?\[[\d ]*\]:?|COMMAND -+|<codecell>)[ \t]*$", re.MULTILINE
)
DATABRICKS = "# Databricks notebook source"
HIDDEN = re.compile(  # how jupytext hides magics in a script; a comment may begin with % too
    r"^# ?(?=![A-Za-z]|%%?(?:capture|cd|check|env|load_ext|matplotlib|run|time|writefile)\b)",
    re.MULTILINE,
)
INSTALL = re.compile(  # a whole line, with those that continue it
    r"^([ \t]*)(?:[%!][ \t]*(?:sudo[ \t]+)?(?:python3?[ \t]+-m[ \t]+)?(?:uv[ \t]+)?"
    r"(?:pip3?|conda|mamba|apt|apt-get)[ \t]|(?:pip3?|conda)[ \t]+install\b)(?:.*\\\n)*.*$",
    re.MULTILINE,
)
TRIPLE = re.compile("\"\"\"|'''")

Cell = dict[str, Any]


class _Metadata(msgspec.Struct):
    nbgrader: Any = None


class _Cell(msgspec.Struct):
    cell_type: str = ""
    source: str | list[str] = ""
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


class _Notebook(msgspec.Struct):
    nbformat: int
    cells: list[_Cell]


def read_cells(data: bytes, where: str) -> list[Cell]:
    """Return the cells of a notebook: `cell_type`, `source` as text, `metadata.nbgrader`.

    Raises SubmissionError for what is no notebook, and for more text than a notebook holds.
    """
    try:
        # skips outputs without making anything of them: 100 MB of them cost their bytes, no more
        book: Any = msgspec.to_builtins(msgspec.json.decode(data, type=_Notebook))
    except (ValueError, RecursionError):  # what is wrong with it, the slower way can tell
        book = _parsed(data, where)
    return _bounded([_cell(cell) for cell in _cells(book, where)], where)


def read_script(data: bytes, where: str) -> list[Cell]:
    """Return the cells of a notebook that was saved as a Python script. Raises SubmissionError."""
    text = _text(data, where).replace("\r\n", "\n").replace("\r", "\n")
    parts = PART.split(text)
    marks = ["", *(found[0] for found in PART.finditer(text))]
    cells = [_part(mark, part.strip("\n")) for mark, part in zip(marks, parts, strict=True)]
    return _bounded([cell for cell in cells if cell["source"].strip()], where)


def write_cells(cells: Sequence[Cell]) -> bytes:
    """Return a plain notebook of these cells."""
    made = [
        {**cell, "outputs": [], "execution_count": None} if cell["cell_type"] == "code" else cell
        for cell in cells
    ]
    book = {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    return json.dumps(book, ensure_ascii=False).encode("utf-8", "replace")


def plain(data: bytes, script: bool, where: str) -> bytes:
    """Return the bytes of a notebook as every part of the judge reads them, under `MAX_FILE`.

    What is a plain notebook already stays as it is. Raises SubmissionError.
    """
    cells = read_script(data, where) if script else read_cells(data, where)
    if not script and len(data) <= MAX_FILE and _is_plain(data):
        return data
    written = write_cells(cells)
    if len(written) > MAX_FILE:
        raise SubmissionError(
            f"the text of its cells is too large: over {MAX_FILE >> 20} MB", where, "shorten it"
        )
    return written


def _is_plain(data: bytes) -> bool:
    """Tell format 4 in UTF-8 from what has to be written anew."""
    try:
        data.decode()  # outputs are skipped without being looked at
        return msgspec.json.decode(data, type=_Notebook).nbformat == 4
    except (ValueError, RecursionError):
        return False


def code(cells: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what is to be run: code cells without grade cells and without our own magics.

    Lines that install packages are left out too: where this runs there is nothing to install from.
    """
    return [
        "" if _graded(cell) else _runnable(source(cell))
        for cell in cells
        if cell.get("cell_type") == "code"
    ]


def source(cell: Mapping[str, Any]) -> str:
    """Return a cell's text with plain line ends; what is no text is left out."""
    text = cell.get("source", "")
    joined = "".join(
        line for line in (text if isinstance(text, list) else [text]) if type(line) is str
    )
    joined = joined.replace("\r\n", "\n").replace("\r", "\n")
    return joined.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # halves of pairs


def _runnable(text: str) -> str:
    ours = ("%check", "%load_ext autograder")
    kept = [line for line in text.split("\n") if not line.lstrip().startswith(ours)]
    joined = "\n".join(kept)
    if joined.lstrip().startswith("%%"):  # another language's cell, or a file to be written
        return joined
    text_from = TRIPLE.search(joined)  # beyond it, a line may be text and no line of code
    end = text_from.start() if text_from else len(joined)
    return INSTALL.sub(r"\1pass", joined[:end]) + joined[end:]


def _graded(cell: Mapping[str, Any]) -> bool:
    metadata = cell.get("metadata")
    mark = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return isinstance(mark, dict) and bool(mark.get("grade")) and not mark.get("solution")


# ---------------------------------------------------------------- from bytes to cells


def _text(data: bytes, where: str) -> str:
    """Return bytes as text: Unicode in any of its forms, else Windows' code page."""
    if not data.strip(b"\0 \t\r\n"):
        what = "holds zeros only: it was not saved whole" if b"\0" in data else "is empty"
        raise SubmissionError(f"the notebook {what}", where, SAVE)
    for encoding in (json.detect_encoding(data), "cp1252"):
        try:
            return data.decode(encoding).removeprefix("\ufeff").rstrip("\0")
        except UnicodeDecodeError:
            continue
    raise SubmissionError("the notebook is in no encoding known here", where, SAVE)


def _parsed(data: bytes, where: str) -> Any:
    """Return a notebook's JSON, with every number that Python cannot hold made small."""
    what, _ = kind(data)
    if what:
        raise SubmissionError(f"this is not a notebook, but {_article(what)}", where, SAVE)
    if len(data) > MAX_FILE:
        raise SubmissionError(
            f"the notebook is too large: over {MAX_FILE >> 20} MB", where, "clear its outputs"
        )
    text = _text(data, where)
    try:
        return json.loads(text, parse_int=_number)
    except RecursionError:
        raise SubmissionError("the notebook is nested too deep", where, START) from None
    except json.JSONDecodeError as error:
        raise _no_json(text, error, where) from None


def _number(digits: str) -> int:
    return int(digits[:18])


def _article(what: str) -> str:
    return what if what.startswith("a") else f"a {what}"


def _no_json(text: str, error: json.JSONDecodeError, where: str) -> SubmissionError:
    """Return the refusal of a text that is no JSON, with the likeliest reason."""
    start = text.lstrip()
    if "\n<<<<<<< " in text or start.startswith("<<<<<<< "):
        return SubmissionError(
            "the notebook holds both sides of a git merge", where, "resolve the merge, save it"
        )
    if not start.startswith(("{", "[")):
        return SubmissionError("this is not a notebook: it is not JSON", where, SAVE)
    if len(text.rstrip()) - error.pos < 12 or error.msg.startswith("Unterminated"):
        return SubmissionError(
            f"the notebook ends in the middle, in line {error.lineno}: it was not saved or"
            " uploaded whole", where, SAVE,
        )  # fmt: skip
    return SubmissionError(
        f"this is not a notebook: it is not JSON from line {error.lineno}, column {error.colno} on",
        where, SAVE,
    )  # fmt: skip


def _cells(book: Any, where: str) -> list[Any]:
    """Return the cells of formats 3 and 4, as they stand there."""
    version = book.get("nbformat") if isinstance(book, dict) else None
    if version is None:
        raise SubmissionError("this is not a notebook, but other JSON", where, START)
    if version not in (3, 4):
        raise SubmissionError(
            f"this notebook is in format {str(version)[:20]}; 3 and 4 are read here", where,
            "save it in a current JupyterLab, which writes format 4",
        )  # fmt: skip
    cells = book.get("cells") if version == 4 else _sheets(book)
    if not isinstance(cells, list):
        raise SubmissionError("this notebook has no cells", where, START)
    wrong = next((n for n, cell in enumerate(cells, 1) if not isinstance(cell, dict)), None)
    if wrong:
        raise SubmissionError(f"cell {wrong} of this notebook is no cell", where, SAVE)
    return cells


def _sheets(book: Mapping[str, Any]) -> Any:
    """Return format 3's cells: they stood in worksheets, and code in `input`."""
    sheets = book.get("worksheets")
    if not isinstance(sheets, list):
        return None
    lists = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)]
    cells = [cell for found in lists if isinstance(found, list) for cell in found]
    return [
        {**cell, "source": cell.get("input", cell.get("source", ""))}
        if isinstance(cell, dict) else cell for cell in cells
    ]  # fmt: skip


def _cell(raw: Mapping[str, Any]) -> Cell:
    """Return a cell with what counts: its kind, its text, nbgrader's mark."""
    of_kind, text = raw.get("cell_type"), source(raw)
    if of_kind == "code":
        first, _, rest = text.lstrip().partition("\n")
        if first.split(maxsplit=1)[:1] in (["%md"], ["%md-sandbox"]):  # Databricks' own magics
            of_kind = "markdown"
        elif first.strip() == "%python":
            text = rest
    metadata = raw.get("metadata")
    mark = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    kept = {"nbgrader": mark} if isinstance(mark, dict) else {}
    return {
        "cell_type": of_kind if of_kind in ("code", "raw") else "markdown",
        "source": text,
        "metadata": kept,
    }


def _bounded(cells: list[Cell], where: str) -> list[Cell]:
    if len(cells) > MAX_CELLS:
        raise SubmissionError(
            f"{len(cells)} cells are too many: {MAX_CELLS} are read here", where, START
        )
    if sum(len(cell["source"]) for cell in cells if cell["cell_type"] == "code") > MAX_CODE:
        raise SubmissionError(
            f"its code is too large: over {MAX_CODE >> 20} million characters", where,
            "read data from files instead of writing it into cells",
        )  # fmt: skip
    return cells


def _part(mark: str, text: str) -> Cell:
    """Return the cell of a script that stands below a mark."""
    prose = "[markdown]" in mark or "[md]" in mark or "[raw]" in mark
    if text.startswith(DATABRICKS):
        text = text.removeprefix(DATABRICKS).lstrip("\n")
    magic = list(_unmagic(text))
    if magic:
        text = "\n".join(magic)
    elif not prose:
        text = HIDDEN.sub("", text)
    return _cell({"cell_type": "raw" if prose else "code", "source": text})


def _unmagic(text: str) -> Iterator[str]:
    """Yield the lines of a Databricks cell in another language, which stand behind `# MAGIC`."""
    if text.startswith("# MAGIC"):
        for line in text.split("\n"):
            yield line.removeprefix("# MAGIC").removeprefix(" ")
