"""Odd notebooks: damaged, edited, huge, in other formats, from other programs. Data only."""

from __future__ import annotations

import json
from typing import Any

from tests.odd.hand import Hand, answers, code, dump, graded, refused

SAYS, WROTE = 0, 1


@graded(SAYS, "the same answers, plainly")
def _(hand: Hand) -> None:
    hand.put(hand.plain)


@refused(SAYS, "text that is no JSON", "not JSON")
def _(hand: Hand) -> None:
    hand.put(b"dear teacher, the dog ate it")


@refused(SAYS, "cut off in the middle", "ends in the middle")
def _(hand: Hand) -> None:
    hand.put(hand.plain[: len(hand.plain) // 2])


@refused(SAYS, "one comma too many", "not JSON from line 2")
def _(hand: Hand) -> None:
    hand.put(hand.plain.replace(b'"cells": [', b'"cells": [,', 1))


@refused(SAYS, "an empty file", "is empty")
def _(hand: Hand) -> None:
    hand.put(b"")


@refused(SAYS, "zeros, as a sync that failed leaves", "zeros only")
def _(hand: Hand) -> None:
    hand.put(bytes(4096))


@graded(SAYS, "zeros at its end")
def _(hand: Hand) -> None:
    hand.put(hand.plain + bytes(512))


@refused(SAYS, "JSON that is no notebook", "other JSON")
def _(hand: Hand) -> None:
    hand.put(b'{"name": "lab", "answers": [1, 2]}')


@refused(SAYS, "a JSON list", "other JSON")
def _(hand: Hand) -> None:
    hand.put(b"[]")


@refused(SAYS, "a git merge that was not resolved", "git merge")
def _(hand: Hand) -> None:
    text = hand.plain.replace(
        b'"cells": [', b'\n<<<<<<< HEAD\n"cells": [\n=======\n"cells": [\n>>>>>>> main\n', 1
    )
    hand.put(text)


@refused(SAYS, "a print to PDF under a notebook's name", "a PDF")
def _(hand: Hand) -> None:
    hand.put(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")


@refused(SAYS, "an HTML export under a notebook's name", "a web page")
def _(hand: Hand) -> None:
    hand.put(b"<!DOCTYPE html>\n<html><body>lab</body></html>")


@refused(SAYS, "JSON 100,000 lists deep", "nested too deep")
def _(hand: Hand) -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    hand.put(hand.plain.replace(b'"cells": [', b'"x": ' + deep + b', "cells": [', 1))


@graded(SAYS, "format 3, with worksheets")
def _(hand: Hand) -> None:
    cells: list[dict[str, Any]] = [{"cell_type": "heading", "level": 1, "source": "Sum up"}]
    for cell in hand.book["cells"]:
        kind = cell["cell_type"]
        if kind == "code":
            cells.append({"cell_type": kind, "language": "python", "metadata": {}, "outputs": [],
                          "prompt_number": 1, "input": cell["source"]})  # fmt: skip
        else:
            cells.append({"cell_type": kind, "metadata": {}, "source": cell["source"]})
    sheet = {"cells": cells, "metadata": {}}
    hand.put(dump({"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [sheet]}))


@graded(SAYS, "format 4.0, without cell ids")
def _(hand: Hand) -> None:
    book = hand.book | {"nbformat_minor": 0}
    for cell in book["cells"]:
        del cell["id"]
    hand.put(dump(book))


@refused(SAYS, "format 5, of the future", "format 5")
def _(hand: Hand) -> None:
    hand.put(dump(hand.book | {"nbformat": 5}))


@refused(SAYS, "format 2, of 2011", "format 2")
def _(hand: Hand) -> None:
    hand.put(dump({"nbformat": 2, "worksheets": []}))


@graded(SAYS, "no cells", points=0)
def _(hand: Hand) -> None:
    hand.put(dump(hand.book | {"cells": []}))


@refused(SAYS, "cells that are none", "cell 1 of this notebook is no cell")
def _(hand: Hand) -> None:
    hand.put(dump(hand.book | {"cells": [7, *hand.book["cells"]]}))


@graded(SAYS, "empty cells between the others")
def _(hand: Hand) -> None:
    book = hand.book
    book["cells"] = [c for cell in book["cells"] for c in (cell, code(), code(source=None))]
    hand.put(dump(book))


@refused(SAYS, "the notebook of another lab", "notebook of port-call, not of sum-up")
def _(hand: Hand) -> None:
    hand.put(hand.project["lab.ipynb"])


@graded(SAYS, "one answer deleted: it earns nothing, the others what they earn", points=5)
def _(hand: Hand) -> None:
    book = hand.book
    book["cells"] = [c for c in book["cells"] if "def heaviest" not in "".join(c["source"])]
    hand.put(dump(book))


@graded(SAYS, "cells of the learner's own, some of which fail")
def _(hand: Hand) -> None:
    book = hand.book
    book["cells"][2:2] = [code("1 / 0"), code("def broken(:"), code("%nonsense"), code("total")]
    hand.put(dump(book))


@graded(SAYS, "answers in another order")
def _(hand: Hand) -> None:
    book = hand.book
    mine = list(answers(book))
    mine[0]["source"], mine[1]["source"] = mine[1]["source"], mine[0]["source"]
    hand.put(dump(book))


@graded(SAYS, "the same cell id twice")
def _(hand: Hand) -> None:
    book = hand.book
    for cell in book["cells"]:
        cell["id"] = "same"
    hand.put(dump(book))


@graded(SAYS, "the same grade id twice")
def _(hand: Hand) -> None:
    book = hand.book
    for cell in answers(book):
        cell["metadata"]["nbgrader"]["grade_id"] = "code-total"
    hand.put(dump(book))


@graded(SAYS, "locked cells changed, points edited")
def _(hand: Hand) -> None:
    book = hand.book
    for cell in book["cells"]:
        mark = cell["metadata"].get("nbgrader", {})
        mark.update({"points": 1000, "locked": False})
        if cell["cell_type"] == "markdown":
            cell["source"] = "changed"
    hand.put(dump(book))


@graded(SAYS, "all metadata removed")
def _(hand: Hand) -> None:
    book = hand.book | {"metadata": {}}
    for cell in book["cells"]:
        cell["metadata"] = {}
    hand.put(dump(book))


@graded(SAYS, "metadata of another shape")
def _(hand: Hand) -> None:
    book = hand.book | {"metadata": []}
    for cell, odd in zip(book["cells"], [[], None, 7, "x", {"nbgrader": 3}], strict=False):
        cell["metadata"] = odd
    hand.put(dump(book))


@graded(SAYS, "the checks' cells deleted")
def _(hand: Hand) -> None:
    book = hand.book
    book["cells"] = [c for c in book["cells"] if "%check" not in "".join(c["source"])]
    hand.put(dump(book))


@graded(SAYS, "code that gives itself points, in the checks' cells")
def _(hand: Hand) -> None:
    book = hand.book
    for cell in book["cells"]:
        if "%check" in "".join(cell["source"]):
            cell["source"] = "passed = True\nraise SystemExit(0)"
    hand.put(dump(book))


@graded(SAYS, "a UTF-8 byte order mark")
def _(hand: Hand) -> None:
    hand.put(b"\xef\xbb\xbf" + hand.plain)


@graded(SAYS, "Windows' line ends, in the file and in its cells")
def _(hand: Hand) -> None:
    book = hand.book
    for cell in book["cells"]:
        cell["source"] = [line.replace("\n", "\r\n") for line in cell["source"]]
    hand.put(dump(book).replace(b"\n", b"\r\n"))


@graded(SAYS, "line ends of an old Mac")
def _(hand: Hand) -> None:
    book = hand.book
    for cell in book["cells"]:
        cell["source"] = "".join(cell["source"]).replace("\n", "\r")
    hand.put(dump(book).replace(b"\n", b"\r"))


def _noted(hand: Hand) -> str:
    """Return the answers with letters of Aarhus in a comment and in a string that counts."""
    book = hand.book
    for cell in answers(book):
        cell["source"] = ["# Ærø, Øst: 12 €\n", "assert len('Ærøå') == 4\n", *cell["source"]]
    return dump(book).decode()


@graded(SAYS, "Windows' code page (latin-1) instead of UTF-8")
def _(hand: Hand) -> None:
    hand.put(_noted(hand).encode("cp1252"))


@graded(SAYS, "UTF-16, with its mark")
def _(hand: Hand) -> None:
    hand.put(_noted(hand).encode("utf-16"))


@graded(SAYS, "UTF-16, without")
def _(hand: Hand) -> None:
    hand.put(_noted(hand).encode("utf-16-le"))


@graded(SAYS, "a NUL in a cell of the learner's own")
def _(hand: Hand) -> None:
    book = hand.book
    book["cells"].append(code("x = 1 \0"))
    hand.put(dump(book))


@graded(SAYS, "halves of characters (lone surrogates)")
def _(hand: Hand) -> None:
    book = hand.book
    for cell in book["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = ["\ud800 half"]
    next(answers(book))["source"].insert(0, "# \udfff\n")
    hand.put(json.dumps(book).encode())


@graded(SAYS, "100 MB of output")
def _(hand: Hand) -> None:
    book = hand.book
    book["cells"][3]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "OUT"}]
    hand.put(dump(book).replace(b"OUT", b"progress 99 %\\n" * ((100 << 20) // 15)))


@refused(SAYS, "200 MB", "too large: over 128 MB")
def _(hand: Hand) -> None:
    with hand.put(hand.plain).open("r+b") as file:
        file.truncate(200 << 20)


@refused(SAYS, "2 million characters of code", "code is too large")
def _(hand: Hand) -> None:
    book = hand.book
    book["cells"].append(code(f"data = '{'7' * 2_000_000}'"))
    hand.put(dump(book))


@refused(SAYS, "20 MB of text", "text of its cells is too large")
def _(hand: Hand) -> None:
    book = hand.book
    book["cells"].append({"cell_type": "markdown", "metadata": {}, "source": "x" * (20 << 20)})
    hand.put(dump(book))


@graded(SAYS, "3,000 cells more")
def _(hand: Hand) -> None:
    book = hand.book
    book["cells"] += [code(f"x = {n}") for n in range(3000)]
    hand.put(dump(book))


@refused(SAYS, "100,000 cells", "cells are too many")
def _(hand: Hand) -> None:
    hand.put(json.dumps(hand.book | {"cells": [code("1")] * 100_000}).encode())


@graded(SAYS, "numbers that no computer counts to, NaN")
def _(hand: Hand) -> None:
    big = b'"execution_count": ' + b"9" * 5000
    odd = b'{"cells": ["no"], "big": 1e99999, "not": [NaN, -Infinity],' + hand.plain.lstrip()[1:]
    hand.put(odd.replace(b'"execution_count": null', big))


@graded(SAYS, "the same key twice in the JSON: the last one counts")
def _(hand: Hand) -> None:
    hand.put(b'{"nbformat": 3, "cells": [{"cell_type": "code", "source": "1 / 0"}],'
             + hand.plain.lstrip()[1:])  # fmt: skip


# ---------------------------------------------------------------- who wrote it


@graded(WROTE, "Colab: forms, ids in the metadata, `!pip`, a drive that is not there")
def _(hand: Hand) -> None:
    book = hand.book
    book["metadata"] = {"colab": {"provenance": [], "toc_visible": True}, "accelerator": "GPU",
                        "kernelspec": {"name": "python3", "display_name": "Python 3"}}  # fmt: skip
    for number, cell in enumerate(book["cells"]):
        del cell["id"]
        cell["metadata"] = {"id": f"Zx{number}", "cellView": "form", "colab": {"base_uri": "x"}}
    first = next(c for c in book["cells"] if "import numpy" in "".join(c["source"]))
    first["source"][:0] = [
        "#@title Setup { run: 'auto' }\n", "!pip install -q numpy \\\n", "  pandas\n",
        "%pip install seaborn\n", "rate = 0.5 #@param {type:'number'}\n",
    ]  # fmt: skip
    book["cells"].insert(1, code("from google.colab import drive", "drive.mount('/content/drive')"))
    book["cells"].insert(2, code("if True:", "  !apt-get -qq install graphviz", "ready = 1"))
    hand.put(json.dumps(book).encode())


@graded(WROTE, "VS Code: its own metadata, ids of letters, `pip install`")
def _(hand: Hand) -> None:
    book = hand.book
    book["metadata"] = {"language_info": {"name": "python"}, "orig_nbformat": 4}
    for number, cell in enumerate(book["cells"]):
        cell |= {"id": f"{number:08x}", "metadata": {"vscode": {"languageId": "python"}}}
    book["cells"].insert(1, code("pip install numpy", "import numpy as np"))
    hand.put(dump(book))


@graded(WROTE, "Databricks: `%python`, `%md`, `%sql`, dbutils")
def _(hand: Hand) -> None:
    book = hand.book
    book["metadata"] = {"application/vnd.databricks.v1+notebook": {"language": "python"}}
    for cell in book["cells"]:
        mine = {"nuid": "0", "inputWidgets": {}, "showTitle": False, "title": ""}
        cell["metadata"] = {"application/vnd.databricks.v1+cell": mine}
        if cell["cell_type"] == "code":
            cell["source"] = ["%python\n", *cell["source"]]
    book["cells"][1:1] = [
        code("%md", "## Not code: 1 / 0"), code("%sql", "select 1"), code("%pip install numpy"),
        code("dbutils.library.restartPython()"),
    ]  # fmt: skip
    hand.put(dump(book))


@graded(WROTE, "Databricks' source export, a .py")
def _(hand: Hand) -> None:
    parts = ["# MAGIC %pip install numpy", "# MAGIC %md\n# MAGIC ## Not code: 1 / 0"]
    for cell in hand.book["cells"]:
        text = "".join(cell["source"])
        hidden = text.replace("\n", "\n# MAGIC ")
        is_code = cell["cell_type"] == "code" and not text.startswith("%")
        parts.append(text if is_code else f"# MAGIC %md\n# MAGIC {hidden}")
    text = "\n\n# COMMAND ----------\n\n".join(parts)
    hand.put(f"# Databricks notebook source\n{text}\n".encode(), ".py")


def _percent(hand: Hand, mark: str) -> str:
    parts = []
    for cell in hand.book["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "code":
            shown = f"# {text}" if text.startswith("%") else text
            parts.append(f"{mark}\n{shown}\n")
        else:
            parts.append(f"{mark} [markdown]\n# " + text.replace("\n", "\n# ") + "\n")
    return "\n".join(parts)


@graded(WROTE, "jupytext's .py, with a header")
def _(hand: Hand) -> None:
    head = "# ---\n# jupyter:\n#   jupytext:\n#     formats: py:percent\n# ---\n\n"
    hand.put((head + _percent(hand, "# %%")).encode(), ".py")


@graded(WROTE, "VS Code's .py, from Windows")
def _(hand: Hand) -> None:
    text = "\ufeff" + _percent(hand, "# %%").replace("\n", "\r\n")
    hand.put(text.encode(), ".py")


@graded(WROTE, "nbconvert's script")
def _(hand: Hand) -> None:
    code_only = [c for c in hand.book["cells"] if c["cell_type"] == "code"]
    parts = (f"# In[{n}]:\n\n\n" + "".join(c["source"]) for n, c in enumerate(code_only))
    text = "#!/usr/bin/env python\n# coding: utf-8\n\n" + "\n\n".join(parts)
    hand.put(text.replace("%check", "# %check").replace("%load_ext", "# %load_ext").encode(), ".py")


@graded(WROTE, "a browser's .ipynb.txt")
def _(hand: Hand) -> None:
    hand.put(hand.plain, ".ipynb.txt")


@graded(WROTE, "a zip under a notebook's name")
def _(hand: Hand) -> None:
    from tests.odd.packs import zipped

    hand.put(zipped({"lab.ipynb": hand.plain}))


@refused(WROTE, "a notebook for a lab that is a project", "tally.py is missing")
def _(hand: Hand) -> None:
    hand.lay("port-call", notebook__ipynb=hand.plain)
