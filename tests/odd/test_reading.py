"""The readers by themselves: names, lines that install, zips of classes, bytes drawn at random."""

from __future__ import annotations

import gzip
import json
import os
import time
import zipfile
from pathlib import Path
from random import Random

import pytest

from autograder import archive, notebook
from autograder.channel import find, unpacked
from autograder.course import solved
from autograder.errors import SubmissionError, UsageError
from autograder.naming import Name, said, stem
from autograder.submission import read_zip
from tests.autograder.course import make_course
from tests.odd import packs
from tests.odd.hand import LAB, PROJECT

LABS = ("sum", "sum-up", "port-call")
NAMES = {
    "sum-up-ann": Name("ann", "sum-up"),
    "sum-ann": Name("ann", "sum"),
    "sum-up-van-der-berg": Name("van-der-berg", "sum-up"),
    "ann": Name("ann"),
    "summary": Name("summary"),
    "ann+sum-up+2026-11-20 12:00:00.000000 UTC+4f": Name("ann", "sum-up", "", 1795176000.0),
    "ann+sum-up+yesterday": Name("ann", "sum-up"),
    "ann+other+2026-11-20 12:00:00 UTC": Name("ann+other+2026-11-20 12:00:00 UTC"),
    "Ann Doe_77_assignsubmission_file_": Name("Ann Doe", "", "77"),
    "Ann_Doe_77_assignsubmission_file_sum-up-x": Name("Ann_Doe", "sum-up", "77"),
    "doeann_12_34_lab": Name("doeann", "", "12"),
    "doeann_LATE_12_34_port-call-ann": Name("doeann", "port-call", "12"),
    "Zoe\u0308": Name("Zo\u00eb"),
    "_1" * 40_000 + "\n": Name("_1" * 40_000 + "\n"),
}


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name[:40]))
def test_a_name_says_whose_and_for_which_lab(name):
    assert said(name, LABS) == NAMES[name]


def test_an_ending_is_no_part_of_a_name():
    ends = ("a.zip", "a.ZIP", "a.tar.gz", "a.ipynb", "a.ipynb.txt", "a.py", "a (2).zip", "a.rar")
    assert {stem(name) for name in ends} == {"a"}
    assert stem("a.b.zip") == "a.b"
    assert stem("a.b") == "a.b"


INSTALLS = {
    "%pip install x": "pass",
    "!pip3 install -q x y": "pass",
    "  !sudo apt-get -qq install x": "  pass",
    "! python -m pip install x": "pass",
    "%conda install x\nimport x": "pass\nimport x",
    "!pip install x \\\n  y\nz = 1": "pass\nz = 1",
    "pip install x": "pass",
    "!uv pip install x": "pass",
    "pip = 3": "pip = 3",
    "!ls": "!ls",
    'text = """\n!pip install x\n"""': 'text = """\n!pip install x\n"""',
    "%%writefile setup.sh\n!pip install x": "%%writefile setup.sh\n!pip install x",
    "x = 1\n%check adds_up\ny = 2": "x = 1\ny = 2",
}


@pytest.mark.parametrize("text", INSTALLS)
def test_lines_that_install_are_not_run_and_others_are(text):
    assert notebook.code([{"cell_type": "code", "source": text}]) == [INSTALLS[text]]


def test_a_scripts_comments_stay_comments():
    script = "# %%\n# %check adds_up\n# %s is text, and so is 100 %\n# %matplotlib inline\nx = 1\n"
    cells = notebook.read_script(script.encode(), "here")
    assert notebook.code(cells) == ["# %s is text, and so is 100 %\n%matplotlib inline\nx = 1"]


def test_a_plain_notebook_is_not_written_anew(course):
    data = (course.lab(LAB).folder / "lab.ipynb").read_bytes()
    assert notebook.plain(data, False, "here") is data


# ---------------------------------------------------------------- a class in one zip


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """The tiny course."""
    return make_course(tmp_path_factory.mktemp("reading") / "course")


def read_all(course, path: Path) -> dict[str, float]:
    """Return the learners that a zip of a class holds, and when each handed in."""
    with unpacked(course, path) as folder:
        found = find(course, folder)
        assert all(one.read().files for one in found)
        return {one.learner: one.time for one in found}


def test_a_zip_of_a_class_keeps_the_times_and_may_lie_in_a_folder(course, tmp_path):
    body = (course.lab(LAB).folder / "lab.ipynb").read_bytes()
    layouts = {
        "learners": ["ann/sum-up/lab.ipynb", "bo/sum-up/lab.ipynb"],
        "labs": ["sum-up/ann/lab.ipynb", "sum-up/bo/lab.ipynb"],
        "around": ["autumn/ann/sum-up/lab.ipynb", "autumn/bo/sum-up/lab.ipynb"],
        "files": ["sum-up-ann.ipynb", "sum-up-bo.ipynb"],
    }
    for title, names in layouts.items():
        path = tmp_path / f"{title}.zip"
        with zipfile.ZipFile(path, "w") as zipped:
            for day, name in enumerate(names, 1):
                zipped.writestr(zipfile.ZipInfo(name, (2026, 11, day, 12, 0, 0)), body)
        noon = [time.mktime((2026, 11, day, 12, 0, 0, 0, 0, -1)) for day in (1, 2)]
        assert read_all(course, path) == {"ann": noon[0], "bo": noon[1]}, title


def test_a_class_of_which_nothing_can_be_unpacked_is_refused_one_by_one(course, tmp_path):
    body = packs.zipped({"c/ann/sum-up/lab.ipynb": b"{}", "c/bo/sum-up/lab.ipynb": b"{}"},
                        zipfile.ZIP_LZMA)  # fmt: skip
    path = tmp_path / "class.zip"
    path.write_bytes(body)
    with unpacked(course, path) as folder:
        for one in find(course, folder):
            with pytest.raises(SubmissionError, match="packed in an unusual way"):
                one.read()


def test_learners_below_a_lab_and_one_learners_lab_are_told_apart(course, tmp_path):
    body = (course.lab(LAB).folder / "lab.ipynb").read_bytes()
    for place in ("sum-up/ann", "bo/sum-up"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "lab.ipynb").write_bytes(body)
    (tmp_path / "port-call-cy.zip").write_bytes(b"")
    assert {f.learner for f in find(course, tmp_path)} == {"ann", "bo", "cy"}
    assert {f.learner for f in find(course, tmp_path, course.lab(LAB))} == {"ann", "bo"}
    assert [f.learner for f in find(course, tmp_path / "bo" / LAB)] == ["bo"]
    with pytest.raises(UsageError, match="its name says that it is for port-call"):
        find(course, tmp_path / "port-call-cy.zip", course.lab(LAB))


def test_nothing_is_read_of_what_nobody_wants(course, tmp_path, monkeypatch):
    folder = tmp_path / "ann" / PROJECT
    folder.mkdir(parents=True)
    for name in ("tally.py", "secret.txt"):
        (folder / name).write_bytes(b"x = 1")
    opened = []
    real = os.open
    monkeypatch.setattr(os, "open", lambda path, *rest: opened.append(path) or real(path, *rest))
    find(course, tmp_path)[0].read()
    assert {path.name for path in opened if isinstance(path, Path)} == {"tally.py"}


# ---------------------------------------------------------------- bytes drawn at random

BITS = (b'"', b"{", b"[", b"null", b"\\ud800", b"\0", b"1e999", b"\xff", b"NaN", b"PK\x01\x02")


def mangled(data: bytes, draw: Random) -> bytes:
    """Return bytes of which some are changed, lost, put in or doubled."""
    out = bytearray(data)
    for _ in range(draw.choice((1, 2, 30))):
        at = draw.randrange(len(out))
        match draw.randrange(4):
            case 0:
                out[at] = draw.randrange(256)
            case 1:
                del out[at : at + draw.randrange(1, 40)]
            case 2:
                out[at:at] = draw.choice(BITS)
            case 3:
                out[at:at] = out[max(0, at - 50) : at]
    return bytes(out)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_the_bytes_they_are_read_or_refused(course, seed):
    lab, draw = course.lab(LAB), Random(seed)
    text = solved(lab).encode()
    zipped = packs.zipped({"a/lab.ipynb": text, "b.txt": b"x"})
    tar = gzip.decompress(packs.tarred({"a/lab.ipynb": text}))
    readers = (
        lambda: read_zip(lab, mangled(zipped, draw), "ann", 0, "here"),
        lambda: [e.read(9999) for e in archive.of_tar(mangled(tar, draw), "here")],
        lambda: archive.of_bytes("x.tgz", mangled(gzip.compress(tar, 1), draw), "here"),
        lambda: notebook.code(notebook.read_cells(mangled(text, draw), "here")),
        lambda: json.loads(notebook.plain(mangled(text, draw), False, "here")),
        lambda: json.loads(notebook.plain(mangled(text, draw), True, "here")),
    )
    for _ in range(60):
        for read in readers:
            said = ""
            try:
                read()
            except SubmissionError as error:
                said = error.what
            assert said.isprintable()
