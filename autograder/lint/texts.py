"""Rules on what learners read: brief, lesson, hints, claims and messages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from autograder.lint import Found, rule
from autograder.lint.code import sources
from autograder.lint.manifests import checks
from autograder.manifest import Lab

LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)")
FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.DOTALL | re.MULTILINE)
BELITTLING = re.compile(r"\b(simply|just)\b", re.IGNORECASE)
ITEM = re.compile(r"^\s{0,3}(?:\d+[.)]|[-*])\s+\S", re.MULTILINE)
HEADING = re.compile(r"^(#{2,3})\s+(.*?)\s*$", re.MULTILINE)
WORDS = (1200, 2500)
AFTER = (150, 450)
CLOUDS = {"AWS": r"\bAWS\b", "Azure": r"\bAzure\b", "Google Cloud": r"\bGoogle\b"}


def lesson_path(lab: Lab) -> Path:
    """Return where a lab's lesson is."""
    return lab.course.root / "docs" / lab.stage / f"{lab.id}.md"


def prose(text: str) -> str:
    """Return a page's text with code blocks, comments and front matter blanked, lines kept."""

    def blank(found: re.Match[str]) -> str:
        return "\n" * found[0].count("\n")

    text = re.sub(r"\A---\n.*?^---\n", blank, text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"<!--.*?-->", blank, FENCE.sub(blank, text), flags=re.DOTALL)


def words(text: str) -> int:
    """Return the number of words of a text."""
    return len(re.findall(r"[^\W_]+(?:['’.,-][^\W_]+)*", text))


@rule("brief")
def brief(lab: Lab) -> Found:
    """The brief, README.md, begins with the lab's title and links to nothing outside its folder.

    It is copied to the learner's desk, where relative links would lead nowhere.
    """
    path = lab.folder / "README.md"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if not text.strip():
        yield path, 0, "the brief is missing"
        return
    if text.splitlines()[0].strip() != f"# {lab.file.title}":
        yield path, 1, f"the brief begins with `# {lab.file.title}`"
    for line, target in _links(text):
        if not re.match(r"https?://|mailto:|#", target) and "/" in target:
            yield path, line, f"{target} leads out of the lab"


def _links(text: str) -> Iterator[tuple[int, str]]:
    for found in LINK.finditer(prose(text)):
        yield text.count("\n", 0, found.start()) + 1, found[1]


@rule("no-belittling")
def no_belittling(lab: Lab) -> Found:
    """Nothing a learner reads says "simply" or "just".

    Whoever is stuck reads there that it should have been easy.
    """
    for path in (lab.folder / "README.md", lesson_path(lab)):
        text = prose(path.read_text(encoding="utf-8")) if path.is_file() else ""
        for found in BELITTLING.finditer(text):
            number = text.count("\n", 0, found.start()) + 1
            yield path, number, f"{found[0]!r}: say it without"
    told = [*(h for rungs in lab.file.hints.values() for h in rungs), lab.file.pitch]
    for line in filter(BELITTLING.search, told):
        yield lab.folder / "lab.toml", 0, f"{line!r} says simply or just"
    source = sources(lab)[0]
    for number, line in enumerate(source.lines, 1):
        if BELITTLING.search(line):
            yield source.path, number, "a claim or message says simply or just"


@rule("claims")
def claims(lab: Lab) -> Found:
    """A claim is one sentence in plain words that ends with a full stop.

    It is the title that learners and instructors see, in the present tense, of at most 140
    characters.
    """
    path = lab.folder / "checks.py"
    for one in checks(lab).values():
        if not one.claim.endswith(".") or len(one.claim) > 140:
            yield path, 0, f"the claim of {one.name} is one sentence of at most 140 characters"


@rule("lesson")
def lesson(lab: Lab) -> Found:
    """A lesson has 1,200 to 2,500 words and a picture, and speaks of all three clouds.

    Code does not count. The part for after the lab does not count either.
    """
    path = lesson_path(lab)
    if not path.is_file():
        yield path, 0, "the lesson is missing"
        return
    text = path.read_text(encoding="utf-8")
    main = _parts(text)[0]
    if not WORDS[0] <= words(main) <= WORDS[1]:
        yield path, 0, f"{words(main)} words: 1,200 to 2,500 are wanted"
    if not re.search(r"!\[|<svg|<img|--8<--.*\.svg", text):
        yield path, 0, "the lesson has no picture: which one carries the idea?"
    for name, pattern in CLOUDS.items():
        if not re.search(pattern, main):
            yield path, 0, f"the lesson does not say what it is called on {name}"


def _parts(text: str) -> tuple[str, str]:
    """Return a lesson's prose and its part for after the lab, which is last."""
    plain = prose(text)
    for found in HEADING.finditer(plain):
        if len(found[1]) == 2 and re.search(r"\bafter\b.*\b(pass|lab)", found[2], re.IGNORECASE):
            return plain[: found.start()], plain[found.end() :]
    return plain, ""


@rule("retrieval")
def retrieval(lab: Lab) -> Found:
    """A lesson has five retrieval questions, as a list under a heading that says "questions".

    From the second lab on, two of them reach back to earlier labs.
    """
    path = lesson_path(lab)
    text = prose(path.read_text(encoding="utf-8")) if path.is_file() else ""
    heads = list(HEADING.finditer(text))
    for number, found in enumerate(heads):
        end = heads[number + 1].start() if number + 1 < len(heads) else len(text)
        if "question" in found[2].lower():
            if (count := len(ITEM.findall(text[found.end() : end]))) != 5:
                line = text.count("\n", 0, found.start()) + 1
                yield path, line, f"{count} retrieval questions: 5 are wanted"
            return
    if text:
        yield path, 0, "no heading says `questions`: five retrieval questions are wanted"


@rule("after-passing")
def after_passing(lab: Lab) -> Found:
    """A lesson ends with about 300 words for after the lab: how a staff engineer did it.

    The heading says "After the lab" or "After you pass". What she left out, what it cost.
    """
    path = lesson_path(lab)
    if not path.is_file():
        return
    count = words(_parts(path.read_text(encoding="utf-8"))[1])
    if not AFTER[0] <= count <= AFTER[1]:
        yield path, 0, f"{count} words under `## After the lab`: about 300 are wanted"
