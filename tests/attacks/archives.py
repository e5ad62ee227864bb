"""Attacks that are no code but a file, a folder or an archive. Runs nothing.

Each is a function that lays its submission down at `place`; its docstring says what it tries, what
would be a win, and how it has to end.
"""

from __future__ import annotations

import io
import json
import os
import socket
import stat
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cases import KINDS, Attack, notebook, texts

ESCAPE = "\x1b]0;taken\x07\x1b[2J\x1b[8m"  # a terminal's title, screen and hidden text
BOMB = 80 << 20


@dataclass(frozen=True)
class Place:
    """Where a submission goes: `folder`, or beside it as a file; `half`: the honest half of it."""

    folder: Path
    kind: str
    half: Mapping[str, str]

    def file(self, suffix: str, body: bytes) -> None:
        """Write the submission as one file."""
        self.folder.with_name(self.folder.name + suffix).write_bytes(body)

    def plain(self) -> Path:
        """Write the honest half as a folder; return it."""
        for name, text in self.half.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return self.folder

    def zip(self, *more: tuple[str | zipfile.ZipInfo, bytes]) -> None:
        """Write the honest half and further members as a zip."""
        self.file(".zip", zipped(*((n, t.encode()) for n, t in self.half.items()), *more))


def half(kind: str, aim: Mapping[str, Any], mark: str) -> dict[str, str]:
    """Return the honest half of a submission."""
    return texts(Attack("", "", "", "", ""), kind, aim, mark)


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    """Return a zip of these members."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members:
            archive.writestr(name, body)
    return stream.getvalue()


def special(name: str, mode: int) -> zipfile.ZipInfo:
    """Return a member that says to be a link, a device, a pipe."""
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


def dot_dot(place: Place) -> None:
    """A zip member that climbs: ../../out/x | a file outside | leads out of the folder"""
    place.zip(("../../out/evil.py", b"x"))


def absolute(place: Place) -> None:
    """A zip member with an absolute path | a file outside | leads out of the folder"""
    place.zip(("/tmp/evil.py", b"x"))


def windows_path(place: Place) -> None:
    """A zip member that climbs with backslashes | a file outside | leads out of the folder"""
    place.zip(("..\\..\\out\\evil.py", b"x"))


def link_member(place: Place) -> None:
    """A zip member that is a link to the host, and one below it | a file outside | is a link"""
    place.zip((special("data", stat.S_IFLNK | 0o777), b"/etc"), ("data/x.py", b"x"))


def device_member(place: Place) -> None:
    """Zip members that are a device, a pipe and set-uid | a device on the desk | is no file"""
    kinds = ((stat.S_IFBLK, "disk"), (stat.S_IFIFO, "pipe"), (stat.S_IFREG | 0o4777, "suid"))
    place.zip(*((special(name, mode), b"x") for mode, name in kinds))


def zip_bomb(place: Place) -> None:
    """80 MB of zeros in 80 KB | a grader without memory | too large"""
    place.zip(("zeros.bin", bytes(BOMB)))


def many_members(place: Place) -> None:
    """A zip of three thousand files | a grader without inodes | too large"""
    place.zip(*((f"f{n}.txt", b"") for n in range(3000)))


def overlapping(place: Place) -> None:
    """Forty members that all point to the same 4 MB, 160 MB in all | a bomb that no size betrays
    | refused"""
    place.zip(*((f"f{n:02}.bin", bytes(4 << 20)) for n in range(40)))


def zip_in_zip(place: Place) -> None:
    """A zip in a zip in a zip that says to be a class | submissions of others in one's own
    | refused"""
    inner = zipped(("answers.txt", b"6 of 6"))
    place.file(".zip", zipped(("ledger-l0000.zip", inner), ("depot-l0000.zip", inner)))


def damaged(place: Place) -> None:
    """A zip whose sizes and checksums disagree | a reader that crashes | cannot be read"""
    data = bytearray(zipped(*((n, t.encode()) for n, t in place.half.items())))
    data[60:80] = b"\xff" * 20
    place.file(".zip", bytes(data))


def two_cases(place: Place) -> None:
    """Names that differ by case only | one shadows the other after it was looked at | twice"""
    place.zip(("LAB.ipynb", b"{}"), ("DEPOT.py", b""), ("Data.py", b""), ("data.py", b""))


def two_forms(place: Place) -> None:
    """Names that differ by Unicode form only | one shadows the other | is there twice"""
    place.zip(("caf\u00e9.py", b""), ("cafe\u0301.py", b""))


def escape_names(place: Place) -> None:
    """Names that rename the terminal's window and clear it | a terminal that obeys | plain name"""
    place.zip((f"{ESCAPE}.py", b""))


def escape_links(place: Place) -> None:
    """A link whose name is a terminal's command | a terminal that obeys | plain name"""
    place.zip((special(f"{ESCAPE}.py", stat.S_IFLNK | 0o777), b"/etc"))


def links_in_folder(place: Place) -> None:
    """A folder with links to the secret and to a neighbour | their bytes on its desk
    | is a link"""
    folder = place.plain()
    (folder / "secret.toml").symlink_to("../../cohort.toml")
    (folder / "neighbour").symlink_to("..")


def main_is_a_link(place: Place) -> None:
    """Its main file is a link to the neighbour's | the neighbour's points | is a link"""
    place.folder.mkdir()
    for name in place.half:
        (place.folder / name).symlink_to(f"../depot-l0000/{name}")


def pipe_in_folder(place: Place) -> None:
    """A folder with a FIFO and a socket | a reader that waits for ever | is no file"""
    folder = place.plain()
    os.mkfifo(folder / "a.pipe")
    with socket.socket(socket.AF_UNIX) as sock:
        here = os.getcwd()
        os.chdir(folder)  # the path of a socket is short
        try:
            sock.bind("a.sock")
        finally:
            os.chdir(here)


def escape_pipe(place: Place) -> None:
    """A FIFO whose name is a terminal's command | a terminal that obeys | plain name"""
    os.mkfifo(place.plain() / f"a{ESCAPE}")


def gigantic(place: Place) -> None:
    """A sparse file of a terabyte | a reader that reads it | too large"""
    with (place.plain() / "huge.bin").open("wb") as file:
        file.truncate(1 << 40)


def no_bottom(place: Place) -> None:
    """Folders in folders, deeper than a path is long | a walk that ends in an error | refused"""
    place.plain()
    at = os.open(place.folder, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("d", dir_fd=at)
        inner = os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
    os.close(at)


def another_slip(place: Place) -> None:
    """A slip that names another learner | the grade of one under the name of another
    | but its slip says"""
    (place.plain() / ".slip.json").write_text(json.dumps({"learner": "l0000", "lab": "depot"}))


def deep_json(place: Place) -> None:
    """A notebook of 200,000 brackets | a parser whose stack ends | too deep"""
    place.file(".ipynb", b'{"cells": ' + b"[" * 200_000)


def endless_number(place: Place) -> None:
    """A notebook whose format is a number of 10,000 digits | a parser that never ends
    | refused"""
    place.file(".ipynb", b'{"nbformat": ' + b"9" * 10_000 + b', "cells": []}')


def many_cells(place: Place) -> None:
    """A notebook of thirty thousand cells | a grader that runs or writes them all | too many"""
    place.file(".ipynb", notebook(["x = [0] * 9999"] * 30_000).encode())


def odd_cells(place: Place) -> None:
    """Cells that are no cells: numbers for text, lists for types, NaN for metadata | a reader that
    raises | failed"""
    page = json.loads(place.half["lab.ipynb"])
    page["cells"] += [
        {"cell_type": ["code"], "source": {"a": 1}}, {"cell_type": "code", "source": [1, None]},
        {"cell_type": "code", "metadata": [], "source": 7}, {"cell_type": 7, "n": 1e999}, {},
    ]  # fmt: skip
    place.file(".ipynb", json.dumps(page).encode())


def own_points(place: Place) -> None:
    """Metadata that make its cells grade cells with a thousand points, already scored | points of
    its own making | ranks failed"""
    page = json.loads(place.half["lab.ipynb"])
    mark = {"grade": True, "points": 1000, "score": 1000, "solution": True, "locked": False}
    for cell in page["cells"]:
        cell["metadata"] = {"nbgrader": {**mark, "grade_id": "ranks", "schema_version": 3}}
    page["metadata"] = {"kernelspec": {"argv": ["touch", "/tmp/evil"], "name": "evil"}}
    place.file(".ipynb", json.dumps(page).encode())


def own_outputs(place: Place) -> None:
    """Saved outputs that show full marks, scripts and pictures from elsewhere | a page that shows
    them | ranks failed"""
    page = json.loads(place.half["lab.ipynb"])
    html = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    shown = {"text/html": html, "image/svg+xml": "<svg onload=alert(1)>", "text/plain": "6/6"}
    for cell in page["cells"]:
        cell["outputs"] = [{"output_type": "display_data", "data": shown, "metadata": {}}]
    page["cells"].append({"cell_type": "markdown", "metadata": {}, "source": html, "id": "m"})
    place.file(".ipynb", json.dumps(page).encode())


NOTEBOOK_ONLY = (deep_json, endless_number, many_cells, odd_cells, own_points, own_outputs)
ALL: tuple[Callable[[Place], None], ...] = (
    dot_dot, absolute, windows_path, link_member, device_member, zip_bomb, many_members,
    overlapping, zip_in_zip, damaged, two_cases, two_forms, escape_names, escape_links,
    links_in_folder, main_is_a_link, pipe_in_folder, escape_pipe, gigantic, no_bottom,
    another_slip, *NOTEBOOK_ONLY,
)  # fmt: skip


def attacks() -> list[Attack]:
    """Return all of them."""
    return [_attack(make) for make in ALL]


def _attack(make: Callable[[Place], None]) -> Attack:
    tries, wins, ends = (" ".join(p.split()) for p in (make.__doc__ or "").split(" | "))
    kinds = ("notebook",) if make in NOTEBOOK_ONLY else tuple(KINDS)
    name = make.__name__.replace("_", " ")
    return Attack(name, "archives and files", tries, wins, ends, kinds=kinds, raw=make)
