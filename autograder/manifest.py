"""course.toml, lab.toml and mistakes.toml as typed records. Reads and checks; runs nothing."""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from autograder.errors import ManifestError, UsageError, suggest

STAGES = ("1-foundations", "2-junior", "3-senior", "4-architect")
MARKS = ("real", "client", "model", "read")
T = TypeVar("T")


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of a manifest; unknown keys are refused."""


class Minutes(Record, frozen=True):
    """How long a lab takes; an estimate until `measured`."""

    p50: int
    p80: int
    measured: bool = False


class Limits(Record, frozen=True):
    """What one submission may use, all its checks and seeds together."""

    cpu: float = 60.0
    memory_mb: int = 2048
    processes: int = 64
    disk_mb: int = 256


class Row(Record, frozen=True):
    """A row of the role's list that a check of this lab demonstrates, and how really."""

    row: str
    check: str
    mark: str


class Exam(Record, frozen=True):
    """A certification objective that a check of this lab demonstrates, and how really."""

    id: str
    check: str
    mark: str


class Level(Record, frozen=True):
    """One level of a rubric or one anchor for it."""

    level: int
    text: str


class Question(Record, frozen=True):
    """A question that a person reads."""

    id: str
    prompt: str
    points: float
    rubric: tuple[Level, ...]
    anchors: tuple[Level, ...] = ()


class LabFile(Record, frozen=True):
    """lab.toml as written."""

    title: str
    pitch: str
    minutes: Minutes
    skills: tuple[str, ...]
    main: str
    writes: tuple[str, ...]
    after: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    ai: str = "tutor"
    launcher: str = ""
    sittings: tuple[str, ...] = ()
    limits: Limits = Limits()
    hints: dict[str, tuple[str, ...]] = {}
    role: tuple[Row, ...] = ()
    exam: tuple[Exam, ...] = ()
    question: tuple[Question, ...] = ()


class Need(Record, frozen=True):
    """What a name in a lab's `needs` means: a group to install, modules to load, packages.

    `asks` is the command that tells which of the lab's `NAME:capability` the learner's own
    machinery lacks; it says so itself. `judge_reads`: folders of the course, beside those that
    every judge sees, that this lab's judge may read and run programs from. `shown`: folders of the
    machine that judge and learner see where they are; those that are not there are left out.
    """

    text: str = ""
    group: str = ""
    mb: int = 0
    imports: tuple[str, ...] = ()
    judge_imports: tuple[str, ...] = ()
    judge_reads: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    apt: tuple[str, ...] = ()
    asks: str = ""


class Rung(Record, frozen=True):
    """Two or three labs that end in something for a portfolio."""

    id: str
    title: str
    portfolio: str
    labs: tuple[str, ...] = ()


class Stage(Record, frozen=True):
    """One of the four stages of the career path."""

    folder: str
    title: str
    pitch: str
    rung: tuple[Rung, ...] = ()


class CourseFile(Record, frozen=True):
    """course.toml as written."""

    title: str
    stage: tuple[Stage, ...]
    skills: dict[str, str]
    needs: dict[str, Need]
    drafts: tuple[str, ...] = ()
    capabilities: dict[str, tuple[str, ...]] = {}


class Mistake(Record, frozen=True):
    """A wrong answer and the checks that must catch it."""

    say: str
    file: str
    fails: tuple[str, ...]
    swap: tuple[str, ...] = ()
    put: str = ""
    id: str = ""


class Survivor(Record, frozen=True):
    """A mutant that changes nothing anybody could see. `snippet` is text of its line."""

    file: str
    snippet: str
    reason: str


class MistakeFile(Record, frozen=True):
    """mistakes.toml as written.

    `desks`: where learners get different work, how many learners' a mutant may meet; a liar is then
    judged on another desk than the one that it has seen.
    """

    desks: Annotated[int, Meta(ge=1, le=20)] = 1
    mistake: tuple[Mistake, ...] = ()
    survivor: tuple[Survivor, ...] = ()


class Lab:
    """One lab: its manifest and where its parts are. Its id is its folder's name."""

    def __init__(self, course: Course, stage: str, name: str, file: LabFile) -> None:
        self.course, self.stage, self.id, self.file = course, stage, name, file
        self.folder = course.root / "labs" / stage / name
        self.solution = course.root / "solutions" / stage / name

    @property
    def notebook(self) -> bool:
        """Whether the learner works in a notebook that is executed as a whole."""
        return self.file.main.endswith(".ipynb")

    @property
    def launcher(self) -> str:
        """fork for notebooks, exec for projects, unless the manifest says otherwise."""
        return self.file.launcher or ("fork" if self.notebook else "exec")

    @property
    def version(self) -> str:
        """A hash of the files that decide what a verdict means."""
        digest = hashlib.sha256()
        for name in ("lab.toml", "checks.py", "conftest.py"):
            digest.update(name.encode() + (self.folder / name).read_bytes())
        return digest.hexdigest()[:12]

    @property
    def draft(self) -> bool:
        """Whether the course says that this lab's grader has not been proven yet."""
        return self.id in self.course.file.drafts

    def needs(self) -> list[Need]:
        """Return what this lab needs, by the names of course.toml."""
        known = self.course.file.needs
        return [known[n.partition(":")[0]] for n in self.file.needs]

    def capabilities(self) -> dict[str, list[str]]:
        """Return the `NAME:capability` of this lab by the command that knows what has them."""
        known = self.course.file
        found: dict[str, list[str]] = {}
        for word in (*self.file.needs, *known.capabilities.get(self.id, ())):
            name, colon, _ = word.partition(":")
            if colon:
                found.setdefault(known.needs[name].asks, []).append(word)
        return found

    def shown(self) -> list[Path]:
        """Return the folders of this machine that judge and learner see for this lab."""
        wanted = [Path(folder) for need in self.needs() for folder in need.shown]
        return [folder for folder in wanted if folder.is_dir()]

    def imports(self) -> list[str]:
        """Return the modules that the learner's side loads before its code."""
        return [module for need in self.needs() for module in need.imports]

    def preloaded(self) -> list[str]:
        """Return what a launcher for this lab imports: those, and what runs a notebook's cells."""
        return [*(("autograder.cells",) if self.notebook else ()), *self.imports()]


class Course:
    """The whole course: its manifest and its labs in order."""

    def __init__(self, root: Path, file: CourseFile) -> None:
        self.root, self.file = root, file
        self.labs: dict[str, Lab] = {}
        for stage in file.stage:
            for name in (lab for rung in stage.rung for lab in rung.labs):
                self.labs[name] = self._lab(stage.folder, name)
        for name in (*file.drafts, *file.capabilities):
            self.lab(name)

    def _lab(self, stage: str, name: str) -> Lab:
        path = self.root / "labs" / stage / name / "lab.toml"
        lab = Lab(self, stage, name, read(path, LabFile))
        for key, words, known in (
            ("needs", [n.partition(":")[0] for n in lab.file.needs], self.file.needs),
            ("skills", lab.file.skills, self.file.skills),
        ):
            for word in words:
                if word not in known:
                    raise ManifestError(
                        f"{key}: course.toml does not know {word!r}.{suggest(word, known)}",
                        f"{path}",
                    )
        return lab

    def lab(self, name: str) -> Lab:
        """Return a lab by its id; raise UsageError with the nearest one."""
        if name not in self.labs:
            raise UsageError(
                f"there is no lab {name!r}.{suggest(name, self.labs)}", next="./ladder list"
            )
        return self.labs[name]

    def titles(self) -> dict[str, str]:
        """Return the titles of labs by id."""
        return {lab.id: lab.file.title for lab in self.labs.values()}


def find_root(start: Path | None = None) -> Path:
    """Return the course's folder: the nearest one above `start` with labs/course.toml."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents, Path(__file__).resolve().parents[1]):
        if (folder / "labs" / "course.toml").is_file():
            return folder
    raise UsageError(
        "no course here: labs/course.toml is in no folder above", str(here), "cd to the course"
    )


def load_course(root: Path | None = None) -> Course:
    """Read course.toml and every lab.toml it names. Raises ManifestError."""
    folder = root or find_root()
    return Course(folder, read(folder / "labs" / "course.toml", CourseFile))


def read(path: Path, kind: type[T]) -> T:
    """Read a TOML file as a record. Raises ManifestError with place and suggestion."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ManifestError("the file is missing", str(path)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ManifestError(f"not TOML: {error}", str(path)) from None
    return convert(data, kind, str(path))


def convert(data: dict[str, Any], kind: type[T], place: str) -> T:
    """Check a plain table against a record. Raises ManifestError with a suggestion."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        text = str(error)
        unknown = re.search(r"unknown field `(\w+)`", text)
        hint = suggest(unknown[1], _fields(kind)) if unknown else ""
        raise ManifestError(f"{text}.{hint}", place) from None


def _fields(kind: type[Any]) -> set[str]:
    """Return every key that may stand anywhere in a record's tables."""
    found: set[str] = set()
    todo: list[Any] = [kind]
    while todo:
        one = todo.pop()
        if isinstance(one, type) and issubclass(one, msgspec.Struct):
            found |= set(one.__struct_fields__)
            todo += [f.type for f in msgspec.structs.fields(one)]
        todo += [a for a in getattr(one, "__args__", ()) if a is not ...]
    return found
