"""Checkov on CloudFormation templates and Terraform modules, in a sandbox without network.

Limit: what Checkov knows offline: no severities, no modules from a registry. Its environment is
its own (`ENVIRONMENT`), for it pins other versions than ours.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.cloud.locked import Locked, python

VERSION = "3.3.30"
ENVIRONMENT = Locked(
    f"Checkov {VERSION}", Path(__file__).parent, 270,
    instead="look without it: ./ladder cloud scan PATH --only cfn-lint",
)  # fmt: skip
_FOLDER = "/scanned"
_START = "from checkov.main import Checkov; import sys; sys.exit(Checkov().run())"


class ScanError(Exception):
    """Checkov itself failed; the text is what it wrote."""


@dataclass(frozen=True, order=True)
class Finding:
    """One check that failed: where (lines from 1), on which resource, what it asks for."""

    file: str
    first: int
    last: int
    rule: str
    resource: str
    text: str


def scan(path: Path, venv: Path, *, mode: str = "") -> list[Finding]:
    """Return what Checkov finds in a template or in the files of a folder, sorted.

    `mode` as in `workplace.MODES`. ScanError: it failed, or could not read a file.
    """
    from infra.cloud.broker import Folder, Program
    from infra.cloud.workplace import Workplace

    folder = path if path.is_dir() else path.parent
    place = Workplace(forced=mode)
    inside = place.place(_FOLDER, str(folder))
    what = ("-d", inside) if path.is_dir() else ("-f", f"{inside}/{path.name}")
    words = ("-c", _START, *what, "--skip-download", "--compact", "--quiet", "-o", "json")
    running = place.start(Program(
        (str(python(venv)), *words), {}, {_FOLDER: Folder(str(folder))}, cpu_seconds=120,
        memory_mb=2048, shown=_needed(venv),
    ))
    try:
        running.wait()
        output = running.output().decode(errors="replace")
    finally:
        running.close()
    return _findings(output, "" if path.is_dir() else path.name)


def _needed(venv: Path) -> tuple[str, ...]:
    """Return the folders that its Python reads: the environment, and the Python it was made of."""
    base = python(venv).resolve().parent.parent
    return tuple(dict.fromkeys((str(venv), str(base))))


def _findings(output: str, name: str = "") -> list[Finding]:
    try:
        told = json.loads(output)
    except ValueError:
        raise ScanError(output.strip()[-2000:] or "Checkov wrote nothing") from None
    reports = told if isinstance(told, list) else [told]
    unread = sum(one.get("summary", {}).get("parsing_errors", 0) for one in reports)
    if unread:
        raise ScanError(f"it cannot read {unread} of the files: no valid YAML, JSON or HCL")
    return sorted(_finding(one, name) for report in reports
                  for one in report.get("results", {}).get("failed_checks", ()))


def _finding(told: dict[str, Any], name: str) -> Finding:
    first, last = told["file_line_range"]
    return Finding(
        name or told["file_path"].lstrip("/"), first, last, told["check_id"], told["resource"],
        told["check_name"],
    )
