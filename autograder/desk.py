"""The learner's folder and what is remembered about it. Runs nothing, prints nothing.

work/LAB/ is the learner's: it holds their files only. work/.state/ is ours: every write is atomic
and made under a lock, so that a killed command loses nothing.
"""

from __future__ import annotations

import fcntl
import getpass
import io
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from autograder.errors import UsageError
from autograder.manifest import Course, Lab
from autograder.submission import SLIP, Submission, read_folder
from autograder.verdict import LabResult, Verdict

KEPT = ("lab.toml", "checks.py", "conftest.py")


class Attempt(msgspec.Struct, kw_only=True):
    """What is remembered of one lab. Times are seconds since the epoch."""

    started: float = 0.0
    checked: int = 0
    points: float = 0.0
    possible: float = 0.0
    passed: float = 0.0
    verdicts: dict[str, Verdict] = {}
    hints: dict[str, int] = {}


class State(msgspec.Struct, kw_only=True):
    """Everything that is remembered of one learner on this machine: a diary, not evidence."""

    learner: str = ""
    labs: dict[str, Attempt] = {}


class Desk:
    """The folder work/ of a course."""

    def __init__(self, course: Course, folder: Path | None = None) -> None:
        self.course = course
        self.folder = folder or Path(os.environ.get("LADDER_WORK") or course.root / "work")
        self.private = self.folder / ".state"
        self.elsewhere: Path | None = None

    def path(self, lab: Lab) -> Path:
        """Return the folder of a lab on this desk, or the one that was fetched from elsewhere."""
        return self.elsewhere or self.folder / lab.id

    def state(self) -> State:
        """Return what is remembered; a damaged file is put aside, not lost."""
        path = self.private / "desk.json"
        try:
            return msgspec.json.decode(path.read_bytes(), type=State)
        except FileNotFoundError:
            return State()
        except msgspec.DecodeError:
            path.rename(path.with_name(f"desk.{int(time.time())}.damaged.json"))
            return State()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.private.mkdir(parents=True, exist_ok=True)
        with (self.private / "desk.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def change(self, edit: Callable[[State], None]) -> State:
        """Change what is remembered, atomically."""
        with self._locked():
            state = self.state()
            edit(state)
            write_whole(self.private / "desk.json", msgspec.json.format(msgspec.json.encode(state)))
            return state

    def learner(self) -> str:
        """Return who works here: the name given to `start --as`, else of the hub or the login."""
        return self.state().learner or login()

    def current(self, where: Path | None = None) -> Lab | None:
        """Return the lab of the folder one stands in, else the one that was touched last."""
        here = (where or Path.cwd()).resolve()
        for folder in (here, *here.parents):
            if folder.parent == self.folder.resolve() and folder.name in self.course.labs:
                return self.course.labs[folder.name]
        begun = [(a.started, n) for n, a in self.state().labs.items() if n in self.course.labs]
        return self.course.labs[max(begun)[1]] if begun else None

    def take(self, learner: str = "") -> str:
        """Make the desk this learner's and return whose it is. Raises UsageError when it has one.

        Data hang on the id: a desk that was begun under one id keeps it.
        """

        def claim(state: State) -> None:
            if learner and state.labs and state.learner not in ("", learner):
                raise UsageError(
                    f"this desk is {state.learner}'s",
                    str(self.folder),
                    f"LADDER_WORK=work-{learner} ./ladder start LAB --as {learner}",
                )
            state.learner = learner or state.learner or login()

        return self.change(claim).learner

    def start(self, lab: Lab, data: Mapping[str, bytes]) -> list[str]:
        """Lay out a lab: its starter and its data. What is there already stays as it is."""
        files = {**starter(lab), **data}
        written = [name for name, body in files.items() if self._lay(self.path(lab) / name, body)]

        def begin(state: State) -> None:
            attempt = state.labs.setdefault(lab.id, Attempt())
            attempt.started = time.time()

        self.change(begin)
        return written

    def _lay(self, path: Path, body: bytes) -> bool:
        if path.exists():
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, body)
        return True

    def submission(self, lab: Lab) -> Submission:
        """Return what stands on the desk as a submission. Raises UsageError before `start`."""
        folder = self.path(lab)
        if not folder.is_dir():
            raise UsageError(
                f"{lab.id} has not been started", str(folder), f"./ladder start {lab.id}"
            )
        return read_folder(lab, folder, self.learner())

    def remember(self, result: LabResult, whole: bool = True) -> None:
        """Keep the verdicts of a self-check; a part of the checks passes no lab."""

        def note(state: State) -> None:
            attempt = state.labs.setdefault(result.lab, Attempt(started=time.time()))
            attempt.checked += 1
            attempt.verdicts |= {c.name: c.verdict for c in result.checks}
            if whole:
                attempt.points, attempt.possible = result.points, result.possible
                attempt.passed = attempt.passed or (time.time() if result.passed else 0.0)

        self.change(note)

    def next_hint(self, lab: Lab, check: str) -> tuple[int, str]:
        """Return the next rung of a check's hints and its number; the last one again at the end."""
        rungs = lab.file.hints[check]
        taken = self.state().labs.get(lab.id, Attempt()).hints.get(check, 0)
        rung = min(taken, len(rungs) - 1)

        def note(state: State) -> None:
            state.labs.setdefault(lab.id, Attempt()).hints[check] = rung + 1

        self.change(note)
        return rung + 1, rungs[rung]

    def reset(self, lab: Lab) -> Path:
        """Put the lab's folder aside and forget its verdicts; return where the copy is."""
        kept = self.private / "kept" / f"{lab.id}-{time.strftime('%Y%m%d-%H%M%S')}"
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(self.path(lab), kept)
        self.change(lambda state: state.labs.__delitem__(lab.id) if lab.id in state.labs else None)
        return kept

    def pack(self, lab: Lab) -> Path:
        """Write the file to hand in: the learner's files and a slip. Returns its path."""
        submission = self.submission(lab)
        slip = {
            "lab": lab.id, "version": lab.version, "learner": submission.learner,
            "hash": submission.hash, "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }  # fmt: skip
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, body in {**submission.files, SLIP: msgspec.json.encode(slip)}.items():
                archive.writestr(name, body)
        path = self.folder / f"{lab.id}-{_safe(submission.learner)}.zip"
        write_whole(path, stream.getvalue())
        return path


def login() -> str:
    """Return the name under which a hub or this machine knows the learner."""
    return os.environ.get("JUPYTERHUB_USER") or getpass.getuser()


def starter(lab: Lab) -> dict[str, bytes]:
    """Return what a lab hands to its learner, without the parts that are ours."""
    return {
        path.relative_to(lab.folder).as_posix(): path.read_bytes()
        for path in sorted(lab.folder.rglob("*"))
        if path.is_file() and path.name not in KEPT and "__pycache__" not in path.parts
    }


def _safe(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name) or "learner"


def write_whole(path: Path, body: bytes) -> None:
    """Write a file so that it is there whole or not at all, also after a kill or a full disk."""
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
