"""The attacks as data: what each tries and hands in. Runs nothing.

A family is a file of families/, an attack a `# %% name` in it:

    # tries: what it does; more of it on lines that begin with three spaces
    # wins: what would be a win for whoever hands it in
    # ends: words that the outcome must have: an attack that broke is no harmless one
    # kind: notebook or project, where it makes sense in one only; cloud, in an account
    # file: NAME          begins a further file that is handed in beside the answers

`AIM` and `MARK` stand before its code: paths, ports and pids of the grader that no learner would
know, and a word that every trace it leaves must carry. The last line of the code says that it was
reached, unless the attack has said by `TRIED` what it managed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
KINDS = {"notebook": "ledger", "project": "depot", "cloud": "harbour"}
PLAIN = ("notebook", "project")
HEADER = re.compile(r"^# (tries|wins|ends|kind): (.*)$")
FILE = re.compile(r"^# file: (\S+)$")


@dataclass(frozen=True)
class Attack:
    """One attack; `files`: what is handed in beside the answers, `code`: what stands below them.

    raw: a whole submission instead, as it lies in the folder: see archives.py.
    """

    name: str
    family: str
    tries: str
    wins: str
    ends: str
    code: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    kinds: tuple[str, ...] = PLAIN
    raw: Any = None


def read_families(folder: Path = HERE / "families") -> list[Attack]:
    """Return the attacks of all families. Raises ValueError for one that says not what it is."""
    return [attack for path in sorted(folder.glob("*.py.txt")) for attack in read_family(path)]


def read_family(path: Path) -> Iterator[Attack]:
    """Yield the attacks of one file."""
    family = path.name.partition(".")[0].replace("_", " ")
    for part in path.read_text().split("\n# %% ")[1:]:
        name, _, rest = part.partition("\n")
        yield _attack(name.strip(), family, rest.splitlines())


def _attack(name: str, family: str, lines: list[str]) -> Attack:
    said: dict[str, str] = {}
    files: dict[str, list[str]] = {"": []}
    at, key = "", ""
    for line in lines:
        header, begins = HEADER.match(line), FILE.match(line)
        if header:
            key = header[1]
            said[key] = header[2]
        elif key and line.startswith("#   "):
            said[key] += " " + line[4:].strip()
        elif begins:
            at, key = begins[1], ""
            files[at] = []
        else:
            key = ""
            files[at].append(line)
    if missing := {"tries", "wins", "ends"} - said.keys():
        raise ValueError(f"{family}, {name}: no {', '.join(sorted(missing))}")
    texts = {n: "\n".join(found).strip() + "\n" for n, found in files.items()}
    code = texts.pop("")
    kinds = (said["kind"],) if "kind" in said else PLAIN
    return Attack(name, family, said["tries"], said["wins"], said["ends"], code, texts, kinds)


# What the honest half of every attack answers: the total is right, the rest is not.
HALF = """
import os

def total(numbers):
    return int(sum(int(n) for n in numbers))

def largest(numbers, count):
    return []

class Book:
    def add(self, number):
        pass

    def balance(self):
        return 0

def book():
    return Book()

TRIED = "nothing"

def tried():
    return TRIED
"""

# What the honest neighbour answers: all right, and a look at what others may have left behind.
WHOLE = """
import glob, os, sys, threading

def total(numbers):
    return int(sum(int(n) for n in numbers))

def largest(numbers, count):
    return [int(n) for n in sorted(numbers, reverse=True)[:count]]

class Book:
    def __init__(self):
        self.sum = 0

    def add(self, number):
        self.sum += number

    def balance(self):
        return self.sum

def book():
    return Book()

def tried():
    ours = {"lab.ipynb", "depot.py", "harbour.py", "numbers.json", "__pycache__"}
    found = [*(set(os.listdir(".")) - ours), *os.listdir("/tmp"), *os.listdir("/dev/shm")]
    found += [k for k in os.environ if MARK in k + os.environ[k]]
    found += [m for m in sys.modules if MARK in m] + [MARK] * hasattr(__builtins__, MARK)
    found += [p for p in glob.glob("/proc/[0-9]*") if MARK in open(p + "/cmdline").read()]
    found += ["clock"] * (os.times().elapsed < 0) + ["threads"] * (threading.active_count() > 2)
    return " ".join(map(str, found)) or "nothing"
"""

# What a project has besides: above the attack the program, below it the end of its module.
MAIN = """
def main():
    import json
    with open("order.json") as file:
        numbers = json.load(file)
    with open("bill.json", "w") as file:
        json.dump(total(numbers) if WHOLE else 0, file)
"""
# What a program in an account has above its attack, and below it.
ACCOUNT = """
import json, boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
REFUSED = (BotoCoreError, ClientError)
OWN, VAULT, ID = "harbour-own", "harbour-vault", "123456789012"
RUNNER, AUDITOR = f"arn:aws:iam::{ID}:role/Runner", f"arn:aws:iam::{ID}:role/Auditor"
ONCE = Config(retries={"total_max_attempts": 1}, connect_timeout=3, read_timeout=6)

def at(service, **more):
    return boto3.client(service, config=ONCE, **more)

def put(name, value):
    at("s3").put_object(Bucket=OWN, Key=name, Body=json.dumps(value))

def answer():
    numbers = json.loads(at("s3").get_object(Bucket=OWN, Key="order.json")["Body"].read())
    put("total.json", total(numbers))
    put("largest.json", largest(numbers, 3))

def refused(*calls):
    # How many of these are refused; what one of them brings is handed in as the answer.
    count = 0
    for call in calls:
        try:
            found = call()
        except REFUSED:
            count += 1
        else:
            if isinstance(found, list):
                put("largest.json", found)
    return f"{count} of {len(calls)} refused"

def vault(client):
    return json.loads(client.get_object(Bucket=VAULT, Key="largest.json")["Body"].read())

answer()
"""
REPORT = """
put("tried.txt", tried())
"""
DONE = """
TRIED = "done" if TRIED == "nothing" else TRIED
"""
END = """
if __name__ == "__main__":
    main()
"""


def texts(attack: Attack | None, kind: str, aim: Mapping[str, Any], mark: str) -> dict[str, str]:
    """Return what is handed in for an attack, for its honest twin (without code), or whole."""
    whole = attack is None
    top = f"import json as _json\nAIM = _json.loads({json.dumps(dict(aim))!r})\nMARK = {mark!r}\n"
    answers = f"WHOLE = {whole}\n" + (WHOLE if whole else HALF)
    code = attack.code + DONE if attack is not None and attack.family else ""
    if kind == "notebook":
        made = {"lab.ipynb": notebook([top, answers, code] if code else [top, answers])}
    elif kind == "cloud":
        made = {"harbour.py": top + answers + ACCOUNT + code + REPORT}
    else:
        made = {"depot.py": top + answers + MAIN + code + END}
    more = attack.files if attack is not None else {}
    return made | {n: top + text if n.endswith(".py") else text for n, text in more.items()}


def twin(kind: str) -> Attack:
    """Return the honest twin of every attack: the same answers and nothing else."""
    return Attack("the honest twin", "", "nothing", "nothing", "tells passed", kinds=(kind,))


def notebook(cells: list[str], **more: Any) -> str:
    """Return a notebook with these code cells; `more` goes into the metadata of each."""
    made = [
        {"cell_type": "code", "id": f"c{i}", "metadata": more, "outputs": [],
         "execution_count": None, "source": source} for i, source in enumerate(cells)
    ]  # fmt: skip
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": made})
