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
    """Return the notebook a person reads: our cells, the learner's answers, a verdict a check."""
    ours = json.loads((lab.folder / "lab.ipynb").read_text(encoding="utf-8"))
    answers = _answers(submission, result)
    checks = {c.name: c for c in result.checks}
    for cell in ours["cells"]:
        mark = cell["metadata"].get("nbgrader", {})
        name = mark.get("grade_id", "")
        if name in checks and mark.get("grade"):
            cell["outputs"] = [_verdict(checks[name])]
        elif mark.get("solution") and name in answers:
            _answer(cell, *answers[name])
    if not lab.notebook:
        ours["cells"] += [_file(n, b) for n, b in submission.files.items() if n != "lab.ipynb"]
    return dict(ours)


def _answers(submission: Submission, result: LabResult) -> dict[str, tuple[str, list[Any]]]:
    """Return the learner's cells by grade id: text and outputs; none for a broken sheet."""
    try:
        cells = submission.cells("lab.ipynb")
    except SubmissionError:
        return {}
    outputs = [json.loads(text) for text in result.outputs]
    found: dict[str, tuple[str, list[Any]]] = {}
    number = 0
    for cell in cells:
        made: list[Any] = []
        if cell.get("cell_type") == "code":
            made = outputs[number] if number < len(outputs) else []
            number += 1
        metadata = cell.get("metadata")
        mark = metadata.get("nbgrader") if isinstance(metadata, dict) else None
        if isinstance(mark, dict) and isinstance(mark.get("grade_id"), str):
            found.setdefault(mark["grade_id"], (source(cell), made))
    return found


def _answer(cell: dict[str, Any], text: str, outputs: list[Any]) -> None:
    if cell["cell_type"] == "markdown":
        cell["source"] = plain.markdown(text)
    else:
        cell["source"] = plain.text(text)
        cell["outputs"] = outputs


def _verdict(check: CheckResult) -> dict[str, Any]:
    mark = SIGN.get(check.verdict, "✗")
    lines = [f"{mark} {check.verdict}: {check.claim}", *([check.message] if check.message else [])]
    lines.append(f"{check.earned:g} of {check.points:g} points")
    return {
        "output_type": "stream",
        "name": "stdout",
        "text": "\n".join(map(plain.text, lines)) + "\n",
    }


def _file(name: str, body: bytes) -> dict[str, Any]:
    """Show a file that was handed in, as text."""
    shown = plain.text(body.decode("utf-8", "replace"))
    text = "\n".join("    " + line for line in shown.splitlines()[:2000])
    title = plain.markdown(name)
    return {"cell_type": "markdown", "id": f"file-{abs(hash(name)) % 10**8}", "metadata": {},
            "source": f"**{title}**\n\n{text}\n"}  # fmt: skip
