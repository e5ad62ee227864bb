"""`%check` reads what is saved, and says when the kernel ran something else."""

from __future__ import annotations

import json
from types import SimpleNamespace

import IPython.core.getipython
import pytest

from autograder.magic import unsaved


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """A notebook on disk with these cells, and a kernel that ran those."""

    def make(saved: list[str], ran: list[str]) -> list[str]:
        cells = [{"cell_type": "code", "source": text.splitlines(True)} for text in saved]
        (tmp_path / "lab.ipynb").write_text(json.dumps({"cells": cells}))
        history = SimpleNamespace(input_hist_raw=["", *ran])
        shell = SimpleNamespace(history_manager=history)
        monkeypatch.setattr(IPython.core.getipython, "get_ipython", lambda: shell)
        return unsaved(tmp_path)

    return make


OLD, NEW = "def f(x):\n    return 1\n", "# better\ndef f(x):\n    return 2\n"


@pytest.mark.parametrize(
    ("saved", "ran", "named"),
    [
        ([OLD], [OLD], []),
        ([OLD], [NEW], ["def f(x):"]),
        ([NEW], [OLD], ["def f(x):"]),
        ([NEW], [OLD, NEW], []),  # only the last run counts
        ([OLD], ["print(f(1))", "def scratch():\n    pass"], []),
        ([], [NEW], []),
    ],
)
def test_a_definition_that_ran_in_another_text_is_named(kernel, saved, ran, named):
    assert kernel(saved, ran) == named


def test_a_folder_without_a_notebook_or_with_a_broken_one_is_no_matter(kernel, tmp_path):
    assert kernel([OLD], [NEW])
    (tmp_path / "lab.ipynb").write_text("{")
    assert unsaved(tmp_path) == []
    (tmp_path / "lab.ipynb").unlink()
    assert unsaved(tmp_path) == []
