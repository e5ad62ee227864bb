"""Odd folders and names: empty, linked, unreadable, in every script, from other platforms."""

from __future__ import annotations

import os
import socket
import unicodedata

from tests.odd.hand import LAB, PROJECT, Hand, graded, refused

LIES = 3


@refused(LIES, "an empty folder", "this folder is empty")
def _(hand: Hand) -> None:
    hand.paths.append(hand.root / hand.slug)
    hand.paths[0].mkdir()


@refused(LIES, "an empty folder for a lab", "lab.ipynb is missing; there is nothing")
def _(hand: Hand) -> None:
    hand.lay()


@refused(LIES, "a folder for a lab that does not exist", "Did you mean 'sum-up'?")
def _(hand: Hand) -> None:
    path = hand.lay("sumup", lab__ipynb=hand.plain)
    hand.paths[:] = [path.parent]


@refused(LIES, "files of no lab", "for which lab is this?")
def _(hand: Hand) -> None:
    hand.put(hand.plain, name=f"{hand.slug}.ipynb")


@refused(LIES, "a folder under the notebook's name", "lab.ipynb is missing")
def _(hand: Hand) -> None:
    (hand.lay() / "lab.ipynb").mkdir()


@refused(LIES, "a link that leads nowhere", "lab.ipynb is a link")
def _(hand: Hand) -> None:
    (hand.lay() / "lab.ipynb").symlink_to("nowhere")


@refused(LIES, "a link to somebody else's notebook", "lab.ipynb is a link")
def _(hand: Hand) -> None:
    (hand.root / "theirs.json").write_bytes(hand.plain)
    (hand.lay() / "lab.ipynb").symlink_to("../../theirs.json")


@refused(LIES, "a link in place of a submission", "this is a link")
def _(hand: Hand) -> None:
    path = hand.root / f"{LAB}-{hand.slug}.zip"
    path.symlink_to("nowhere.zip")
    hand.paths.append(path)


@graded(LIES, "a notebook, and links and pipes that nobody asked for")
def _(hand: Hand) -> None:
    folder = hand.lay(lab__ipynb=hand.plain)
    (folder / "data").symlink_to("/nowhere")
    os.mkfifo(folder / "pipe")


@refused(LIES, "a pipe in place of a notebook", "no file: a pipe, a device or a socket")
def _(hand: Hand) -> None:
    os.mkfifo(hand.lay() / "lab.ipynb")


@refused(LIES, "a socket in place of a zip", "no file: a pipe, a device or a socket")
def _(hand: Hand) -> None:
    path = hand.root / f"{LAB}-{hand.slug}.zip"
    here = os.open(hand.root, os.O_RDONLY)  # a socket's name is short
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(f"/proc/self/fd/{here}/{path.name}")
    os.close(here)
    hand.paths.append(path)


@refused(LIES, "folders 100 deep", "folders are too deep")
def _(hand: Hand) -> None:
    (hand.lay() / "/".join("d" * 100)).mkdir(parents=True)


@graded(LIES, "handed in twice: both are graded, each with its time")
def _(hand: Hand) -> None:
    for time in ("2026-11-20 12:00:00.000000 UTC", "2026-11-21 09:30:00.000000 UTC"):
        path = hand.root / f"{hand.slug}+{LAB}+{time}+x"
        path.mkdir()
        (path / "lab.ipynb").write_bytes(hand.plain)
        hand.paths.append(path)


@graded(LIES, "late: lateness is policy, applied to the grade afterwards")
def _(hand: Hand) -> None:
    folder = hand.lay(lab__ipynb=hand.plain, timestamp__txt=b"2036-01-01 00:00:00 UTC")
    os.utime(folder / "timestamp.txt", (2082758400, 2082758400))


@graded(LIES, "downloaded twice by a browser: `(1)` is no part of the name")
def _(hand: Hand) -> None:
    hand.put(hand.plain, name=f"{LAB}-{hand.slug} (1).ipynb")


LEARNERS = {
    "a name with spaces": "Ann Mary  Doe",
    "letters beyond ASCII": "Zoë Ærøskøbing",
    "Chinese": "张伟",
    "Arabic, written from right to left": "محمد",
    "Persian, with a joiner": "علی\u200cرضا",
    "an emoji made of three": "👩\u200d🚀",
    "a dash at the start": "-rf",
    "a point at the start": ".ann",
    "a formula": "=1+1",
    "a name that Windows reserves": "CON",
    "a name that looks like a flag and a number": "--out 7",
}


def _named(title: str, learner: str) -> None:
    @graded(LIES, f"a learner's id: {title}")
    def _(hand: Hand) -> None:
        hand.lay(learner=learner, lab__ipynb=hand.plain)


for _title, _learner in LEARNERS.items():
    _named(_title, _learner)


@graded(LIES, "a learner's id: the same accent written in two ways is one learner")
def _(hand: Hand) -> None:
    for form, lab, files in (("NFC", LAB, {"lab.ipynb": hand.plain}),
                             ("NFD", PROJECT, hand.project)):  # fmt: skip
        path = hand.root / unicodedata.normalize(form, "René Noël") / lab
        path.mkdir(parents=True)
        for name, body in files.items():
            (path / name).parent.mkdir(exist_ok=True)
            (path / name).write_bytes(body)
        hand.paths.append(path)


@refused(LIES, "a learner's id of 200 letters", "is no learner's id")
def _(hand: Hand) -> None:
    hand.lay(learner="a" * 200, lab__ipynb=hand.plain)


@refused(LIES, "a learner's id with a line end and a terminal's escape", "is no learner's id")
def _(hand: Hand) -> None:
    hand.lay(learner="ann\n\x1b]0;owned\x07", lab__ipynb=hand.plain)


@refused(LIES, "a learner's id in no encoding", "is no learner's id")
def _(hand: Hand) -> None:
    hand.lay(learner=os.fsdecode(b"ann\xff\xfe"), lab__ipynb=hand.plain)


@refused(LIES, "a learner's id of points", "is no learner's id")
def _(hand: Hand) -> None:
    hand.put(hand.plain, name=f"{LAB}-...ipynb")
