"""Writes results where nbgrader expects them: its gradebook and the autograded notebooks.

One writer. A notebook is rebuilt from our own cells and the learner's answers; nothing of a
submission's metadata, outputs or HTML is taken over. Scores given by hand stay.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from types import TracebackType
from typing import Any

from autograder import plain
from autograder.course import nbgrader_api
from autograder.desk import write_whole
from autograder.errors import GraderError, SubmissionError
from autograder.manifest import Lab
from autograder.submission import Submission, source
from autograder.verdict import CheckResult, LabResult, Verdict

BUSY = 30_000  # milliseconds
Answers = dict[str, tuple[str, list[Any]]]  # text and outputs by grade id
SIGN = {Verdict.PASSED: "✓", Verdict.UNGRADED: "!"}


class Formgrader:
    """An nbgrader course opened for writing results."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        api = nbgrader_api(folder)
        self.book = api.gradebook
        if self.book.db.get_bind().dialect.name == "sqlite":  # formgrader may be writing just now
            self.book.db.connection().exec_driver_sql(f"PRAGMA busy_timeout = {BUSY}")
            self.book.db.rollback()

    def __enter__(self) -> Formgrader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.book.close()

    def write(self, lab: Lab, submission: Submission, result: LabResult) -> None:
        """Write one result: the notebook first, then the scores in one transaction.

        Raises GraderError when it cannot be written; nbgrader's gradebook is as it was then.
        """
        from sqlalchemy.exc import SQLAlchemyError

        try:
            self._write(lab, submission, result)
        except (OSError, SQLAlchemyError) as error:
            self.book.db.rollback()
            raise GraderError(
                f"nbgrader's gradebook or notebook cannot be written: {error}".splitlines()[0],
                str(self.folder),
                "type the same again: what is graded is only written there",
            ) from error

    def _write(self, lab: Lab, submission: Submission, result: LabResult) -> None:
        folder = self.folder / "autograded" / submission.learner / lab.id
        folder.mkdir(parents=True, exist_ok=True)
        body = json.dumps(rebuilt(lab, submission, result), indent=1, ensure_ascii=False)
        write_whole(folder / "lab.ipynb", body.encode("utf-8", "replace"))
        self._score(lab, submission, result)

    def _score(self, lab: Lab, submission: Submission, result: LabResult) -> None:
        checks = {c.name: c for c in result.checks}
        self.book.update_or_create_student(submission.learner)
        # nbgrader takes a submission for graded when both have the same time, or none
        when = _stamp(Path(submission.path))
        given = {"timestamp": when} if when else {}
        with warnings.catch_warnings():  # nbgrader's own way of adding rows warns
            warnings.simplefilter("ignore")
            handed_in = self.book.update_or_create_submission(lab.id, submission.learner, **given)
        for notebook in handed_in.notebooks:
            for grade in notebook.grades:
                _set(grade, checks.get(grade.name))
        self.book.db.commit()


def _stamp(folder: Path) -> Any:
    """Return the time in a folder's timestamp.txt; None when there is none.

    The learner's own nbgrader wrote it: what cannot be read stops nothing.
    """
    from nbgrader.utils import parse_utc

    try:
        return parse_utc((folder / "timestamp.txt").read_text().strip())
    except Exception:  # parsers of dates raise anything on what is none
        return None


def _set(grade: Any, check: CheckResult | None) -> None:
    """Set one automatic score; a cell without a check is read by a person."""
    if check is None or check.verdict is Verdict.UNGRADED:
        grade.auto_score = None
        grade.needs_manual_grade = grade.manual_score is None
        return
    grade.auto_score = check.earned
    grade.needs_manual_grade = False


def rebuilt(lab: Lab, submission: Submission, result: LabResult) -> dict[str, Any]:
    """Return the notebook a person reads: our cells, the learner's answers, a verdict a check.

    In a notebook lab every other cell that was judged follows the cell of ours it stood behind.
    """
    ours = json.loads((lab.folder / "lab.ipynb").read_text(encoding="utf-8"))
    answers, own = _handed_in(ours["cells"], submission, result)
    if not lab.notebook:  # nothing in its sheet but the answers is judged
        own = {}
    checks = {c.name: c for c in result.checks}
    shown = [*own.get("", [])]
    for cell in ours["cells"]:
        name = _name(cell)
        if name in checks and _mark(cell).get("grade"):
            cell["outputs"] = [_verdict(checks[name])]
        elif _mark(cell).get("solution"):
            _answer(cell, *answers.get(name, (_noted(cell, "not in what was handed in"), [])))
        shown += [cell, *own.get(name, [])]
    if not lab.notebook:
        files = [file for file in submission.files.items() if file[0] != "lab.ipynb"]
        shown += [_file(place, *file) for place, file in enumerate(files)]
    return dict(ours, cells=shown)


def _handed_in(
    ours: list[Any], submission: Submission, result: LabResult
) -> tuple[Answers, dict[str, list[Any]]]:
    """Return the learner's answers, and the learner's own cells by the cell of ours before them.

    No cell of ours before them: by "". A broken sheet has neither.
    """
    try:
        cells = submission.cells("lab.ipynb")
    except SubmissionError:
        return {}, {}
    gaps = {_name(cell) for cell in ours if _mark(cell).get("solution")}
    given = {source(cell).strip(): _name(cell) for cell in ours if _name(cell) not in gaps}
    outputs = [json.loads(text) for text in result.outputs]
    answers: Answers = {}
    own: dict[str, list[Any]] = {}
    before, number = "", 0
    for place, cell in enumerate(cells):
        text = source(cell)
        made: list[Any] = []
        if cell.get("cell_type") == "code":
            made = outputs[number] if number < len(outputs) else []
            number += 1
        name = _name(cell)
        if name in gaps and name not in answers:
            answers[name], before = (text, made), name
        elif text.strip() in given:
            before = given[text.strip()]
        elif text.strip():
            own.setdefault(before, []).append(_own(place, cell, text, made))
    return answers, own


def _mark(cell: dict[str, Any]) -> dict[str, Any]:
    """Return nbgrader's mark of a cell; an empty one when it has none or a broken one."""
    metadata = cell.get("metadata")
    mark = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return mark if isinstance(mark, dict) else {}


def _name(cell: dict[str, Any]) -> str:
    """Return what a cell is called: its grade id, else its id, else nothing."""
    names = (_mark(cell).get("grade_id"), cell.get("id"))
    return next((name for name in names if isinstance(name, str)), "")


def _answer(cell: dict[str, Any], text: str, outputs: list[Any]) -> None:
    if cell["cell_type"] == "code":
        cell |= {"source": plain.text(text), "outputs": outputs}
    else:
        cell["source"] = plain.markdown(text)


def _own(place: int, cell: dict[str, Any], text: str, outputs: list[Any]) -> dict[str, Any]:
    """Return a cell that the learner added, or one of ours that the learner changed."""
    kept: dict[str, Any] = {"cell_type": "markdown", "id": f"own-{place}", "metadata": {}}
    if cell.get("cell_type") == "code":
        kept |= {"cell_type": "code", "execution_count": None}
    _answer(kept, _noted(kept, "added or changed by the learner") + text, outputs)
    return kept


def _noted(cell: dict[str, Any], note: str) -> str:
    return f"# [{note}]\n" if cell["cell_type"] == "code" else f"[{note}]\n\n"


def _verdict(check: CheckResult) -> dict[str, Any]:
    mark = SIGN.get(check.verdict, "✗")
    lines = [f"{mark} {check.verdict}: {check.claim}", *([check.message] if check.message else [])]
    lines.append(f"{check.earned:g} of {check.points:g} points")
    return {
        "output_type": "stream",
        "name": "stdout",
        "text": "\n".join(map(plain.text, lines)) + "\n",
    }


def _file(place: int, name: str, body: bytes) -> dict[str, Any]:
    """Show a file that was handed in, as text."""
    shown = plain.text(body.decode("utf-8", "replace"))
    text = "\n".join("    " + line for line in shown.splitlines()[:2000])
    title = plain.markdown(name)
    return {"cell_type": "markdown", "id": f"file-{place}", "metadata": {},
            "source": f"**{title}**\n\n{text}\n"}  # fmt: skip
