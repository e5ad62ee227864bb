"""What the name of a file or folder says: whose it is, for which lab, when. Opens nothing.

Known are our own names (LAB-LEARNER), nbgrader's exchange, and what Moodle and Canvas call the
files of a bulk download.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime

# What holds a submission, and what somebody may take for one. The second kind is refused.
TAKEN = (".ipynb", ".zip", ".tar.gz", ".tgz", ".ipynb.txt", ".ipynb.json")
FOREIGN = (".rar", ".7z", ".tar", ".tar.bz2", ".tar.xz", ".doc", ".docx", ".dbc", ".gz")
TOLD = (".py", ".pdf", ".html", ".txt")  # only when the rest of the name says whose it is

MAX_NAME = 255  # characters, as many as a file system allows
AGAIN = re.compile(r" \(\d{1,2}\)$")  # a browser's second download of the same file
EXCHANGE = re.compile(r"(?P<learner>[^+]+)\+(?P<lab>[^+]+)\+(?P<time>[^+]+)(?:\+[^+]*)?")
MOODLE = re.compile(
    r"(?P<learner>.+)_(?P<number>\d+)_assignsubmission_(?:file|onlinetext)_?(?P<rest>.*)"
)
CANVAS = re.compile(r"(?P<learner>.+?)(?:_LATE)?_(?P<number>\d+)_\d+_(?P<rest>.+)")
STAMPS = ("%Y-%m-%d %H:%M:%S.%f %Z", "%Y-%m-%d %H:%M:%S %Z")


@dataclass(frozen=True, slots=True)
class Name:
    """What a name says.

    lab: "" when it does not say. number: by which a platform tells two learners of the same name
    apart. time: seconds since the epoch; 0 when it does not say.
    """

    learner: str
    lab: str = ""
    number: str = ""
    time: float = 0.0


def stem(name: str) -> str:
    """Return a file's name without its ending and without a browser's count of downloads."""
    for ending in sorted((*TAKEN, *FOREIGN, *TOLD), key=len, reverse=True):
        if name.lower().endswith(ending):
            return AGAIN.sub("", name[: -len(ending)])
    return name


def said(name: str, labs: Collection[str]) -> Name:
    """Return what a name without ending says. What it does not say about is the learner's id."""
    name = unicodedata.normalize("NFC", name)
    if len(name) > MAX_NAME:
        return Name(name)
    found = EXCHANGE.fullmatch(name)
    if found and found["lab"] in labs:
        return Name(found["learner"], found["lab"], "", _time(found["time"]))
    for platform in (MOODLE, CANVAS):
        found = platform.fullmatch(name)
        if found:
            inner = said(found["rest"], labs) if found["rest"] else Name("")
            return replace(inner, learner=found["learner"], number=found["number"])
    known = [lab for lab in labs if name == lab or name.startswith(f"{lab}-")]
    if known:
        lab = max(known, key=len)
        return Name(name[len(lab) + 1 :], lab)
    return Name(name)


def _time(text: str) -> float:
    for stamp in STAMPS:
        try:
            return datetime.strptime(text, stamp).replace(tzinfo=UTC).timestamp()
        except ValueError:
            continue
    return 0.0


def is_taken(name: str, labs: Collection[str]) -> bool:
    """Tell whether a file of this name is somebody's submission, or was meant as one."""
    low = name.lower()
    if low.endswith((*TAKEN, *FOREIGN)):
        return True
    one = said(stem(name), labs)
    return bool(one.lab or one.number) and low.endswith(TOLD)
