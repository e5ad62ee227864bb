"""A class's results as one HTML file: offline, no script, readable on a phone. Grades nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape
from itertools import groupby

from autograder.verdict import CheckResult, LabResult, Verdict

CSP = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
STYLE = """
:root { color-scheme: light dark; --ink: #1d2733; --soft: #5c6b7a; --line: #d5dce3; --page: #fff;
  --passed: #1f7a4d; --failed: #b3261e; --crashed: #8a1c3b; --todo: #8a6100; --blocked: #5c6b7a;
  --skipped: #5c6b7a; --ungraded: #6b3fa0; --bar: #2f6db5; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8edf2; --soft: #a9b6c2; --line: #35424f;
  --page: #12181f; --passed: #6fd3a0; --failed: #ff9c93; --crashed: #ff9fb8; --todo: #f0c674;
  --blocked: #a9b6c2; --skipped: #a9b6c2; --ungraded: #cbb0f5; --bar: #8ab8f0; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page);
  max-width: 70rem; margin: 0 auto; padding: 1rem; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .3rem .6rem;
  border-bottom: 1px solid var(--line); vertical-align: top; } td.n { text-align: right; }
.wide { overflow-x: auto; } .soft { color: var(--soft); } svg { max-width: 100%; height: auto; }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; } svg rect { fill: var(--bar); }
"""


def page(results: Sequence[LabResult]) -> str:
    """Return the whole page. Everything that came from outside is escaped."""
    style = STYLE + "".join(f".{v} {{ color: var(--{v}); font-weight: 600; }}\n" for v in Verdict)
    labs = groupby(sorted(results, key=lambda r: (r.lab, r.learner)), key=lambda r: r.lab)
    body = "".join(_lab(lab, list(group)) for lab, group in labs)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{CSP}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Results of a class</title><style>{style}</style></head><body><main>"
        f"<h1>Results of a class</h1>{body or '<p>No results yet.</p>'}</main></body></html>\n"
    )


def _lab(lab: str, results: list[LabResult]) -> str:
    self_check = any(r.epoch == "desk" for r in results)
    note = '<p class="soft">Self-check on public data, not a grade.</p>' if self_check else ""
    passed = sum(r.passed for r in results)
    return (
        f"<h2>{escape(lab)}</h2>{note}<p>{passed} of {len(results)} passed. Median "
        f"{_median([r.points for r in results]):g} of {results[0].possible:g} points; "
        f"{sum(r.cpu for r in results):.1f} CPU-seconds in all.</p>"
        f"{_histogram(results)}{_checks(results)}{_learners(results)}"
    )


def _median(values: list[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _histogram(results: list[LabResult]) -> str:
    """Return the distribution of points as an SVG of ten bars."""
    possible = max(results[0].possible, 1e-9)
    bins = Counter(min(int(10 * r.points / possible), 9) for r in results)
    top = max(bins.values())
    bars = "".join(
        f'<rect x="{10 + 48 * i}" y="{110 - 90 * bins[i] / top:.0f}" width="40" '
        f'height="{90 * bins[i] / top:.0f}"></rect>'
        f'<text x="{30 + 48 * i}" y="{104 - 90 * bins[i] / top:.0f}" text-anchor="middle">'
        f"{bins[i] or ''}</text>"
        f'<text x="{30 + 48 * i}" y="126" text-anchor="middle">{10 * i}%</text>'
        for i in range(10)
    )
    said = ", ".join(f"{10 * i} to {10 * i + 10} %: {bins[i]}" for i in range(10) if bins[i])
    return (
        f'<svg viewBox="0 0 500 132" width="500" role="img" aria-label="Learners by share of the '
        f'points. {said}">{bars}</svg>'
    )


def _checks(results: list[LabResult]) -> str:
    rows = ""
    for column in zip(
        *(r.checks for r in results if len(r.checks) == len(results[0].checks)), strict=True
    ):
        verdicts = Counter(c.verdict for c in column)
        share = verdicts[Verdict.PASSED] / len(column)
        rest = ", ".join(f"{n} {v}" for v, n in verdicts.most_common() if v is not Verdict.PASSED)
        rows += (
            f"<tr><td>{escape(column[0].claim)}</td><td class=n>{column[0].points:g}</td>"
            f"<td class=n>{share:.0%}</td><td>{rest}</td>"
            f"<td class=n>{sum(c.cpu for c in column) / len(column):.2f}</td></tr>"
        )
    head = (
        "<tr><th>Check</th><th>Points</th><th>Passed</th><th>Others</th><th>CPU-s, mean</th></tr>"
    )
    return f'<div class="wide" tabindex="0"><table>{head}{rows}</table></div>'


def _learners(results: list[LabResult]) -> str:
    rows = "".join(
        f"<tr><th scope=row>{escape(r.learner)}</th><td class=n>{r.points:g}/{r.possible:g}</td>"
        f"<td>{' '.join(_mark(c) for c in r.checks)}</td><td>{escape(_why(r))}</td></tr>"
        for r in results
    )
    head = "<tr><th>Learner</th><th>Points</th><th>Checks</th><th>First thing to look at</th></tr>"
    return f'<div class="wide" tabindex="0"><table>{head}{rows}</table></div>'


def _mark(one: CheckResult) -> str:
    sign = {"passed": "✓", "failed": "✗", "crashed": "✗", "ungraded": "!"}.get(one.verdict, "·")
    label = escape(f"{one.name}: {one.verdict}", quote=True)
    return (
        f'<span class="{one.verdict}" title="{label}" aria-label="{label}" role="img">{sign}</span>'
    )


def _why(result: LabResult) -> str:
    first = next((c for c in result.checks if c.verdict is not Verdict.PASSED), None)
    return f"{first.name}: {first.message or first.verdict}" if first else ""
