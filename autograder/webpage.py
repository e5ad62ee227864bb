"""The frame of the pages we hand out: one file, no script, offline, light and dark, any width.

Texts in, HTML out. Whatever comes from outside goes through `escaped`; knows no results.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

from autograder.plain import text

CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none';"
    " form-action 'none'"
)
CODE = re.compile(r"`([^`\n]+)`")
STYLE = """
:root { color-scheme: light dark; --ink: #1d1626; --soft: #544a5e; --line: #d9d2e0; --page: #fff;
  --desk: #f5f2f8; --gorse: #ffcb1f; --link: #76257c; --bar: #3a5fa8; --second: #a1330f;
  --passed: #1f6a48; --failed: #b3261e; --crashed: #8a1c5b; --todo: #8a5a00; --blocked: #6b6475;
  --skipped: #6b6475; --ungraded: #5a2fa8; }
@media (prefers-color-scheme: dark) { :root { --ink: #f0ebf5; --soft: #b9aec6; --line: #3d3349;
  --page: #17121e; --desk: #211a2b; --gorse: #ffcb1f; --link: #e3a6e8; --bar: #8fb2f2;
  --second: #ffab8a; --passed: #6fd3a0; --failed: #ff9c93; --crashed: #ff9bd0; --todo: #f0c674;
  --blocked: #a79db3; --skipped: #a79db3; --ungraded: #cbb0f5; } }
* { box-sizing: border-box; }
body { font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--page);
  margin: 0; overflow-wrap: anywhere; }
header { background: var(--gorse); color: #1d1626; padding: 1rem; }
header > *, main, footer { max-width: 62rem; margin-inline: auto; }
header h1 { font-size: 1.5rem; line-height: 1.2; margin-block: .1rem .3rem; }
header p { margin-block: 0; } header a { color: inherit; }
main { padding: .5rem 1rem 3rem; } footer { padding: 0 1rem 2rem; color: var(--soft); }
h2 { line-height: 1.25; margin-block: 2.2rem .5rem; border-bottom: 2px solid var(--ink); }
h3 { line-height: 1.3; margin-block: 1.6rem .3rem; } a { color: var(--link); }
table { border-collapse: collapse; width: 100%; font-size: .93rem; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line);
  vertical-align: top; overflow-wrap: anywhere; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
thead th { overflow-wrap: normal; } .wide { overflow-x: auto; }
.wide table { min-width: 30rem; } .soft { color: var(--soft); }
pre { overflow-x: auto; background: var(--desk); padding: .6rem .8rem; font-size: .85rem;
  line-height: 1.45; white-space: pre-wrap; overflow-wrap: anywhere; }
code { font-size: .92em; overflow-wrap: anywhere; } img { max-width: 100%; height: auto;
  background: #fff; } mark { background: var(--gorse); color: #1d1626; }
details { margin-block: .5rem; } summary { cursor: pointer; color: var(--link); }
figure { margin: 1rem 0; } figcaption { color: var(--soft); font-size: .93rem; }
figure svg { width: 100%; min-width: 34rem; height: auto; display: block; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.facts { display: flex; flex-wrap: wrap; gap: .4rem 2rem; margin: .6rem 0; padding: 0; }
.facts div { display: flex; flex-direction: column-reverse; } .facts dt { color: var(--soft);
  font-size: .85rem; } .facts dd { margin: 0; font-size: 1.35rem; font-weight: 650; }
.passed { color: var(--passed); } .failed { color: var(--failed); }
.crashed { color: var(--crashed); } .todo { color: var(--todo); }
.blocked, .skipped { color: var(--blocked); }
.ungraded { color: var(--ungraded); }
@media print { header { background: none; } details > * { display: block; } }
"""


def escaped(value: str) -> str:
    """Return text as HTML: no control characters, nothing that could be markup."""
    return escape(text(value), quote=True)


def prose(value: str) -> str:
    """Return a course's sentence as HTML: like `escaped`, and what stands in backticks is code."""
    return CODE.sub(r"<code>\1</code>", escaped(value))


def page(title: str, head: str, body: str, style: str = "", foot: str = "") -> str:
    """Return a whole page. head, body, foot: HTML; title: text."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{CSP}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{escaped(title)}</title>\n<style>{STYLE}{style}</style></head>\n"
        f"<body><header>{head}</header>\n<main>{body}</main>\n"
        f"{f'<footer>{foot}</footer>' if foot else ''}</body></html>\n"
    )


def table(
    caption: str, columns: Sequence[str], rows: Iterable[Sequence[str | float]], numbers: str = ""
) -> str:
    """Return a table. Cells are text or numbers and are escaped here; a `Markup` is taken as it is.

    numbers: one character for each column, "n" for those set as numbers.
    """
    kinds = numbers.ljust(len(columns), "-")
    head = "".join(
        f"<th scope=col{' class=n' * (k == 'n')}>{escaped(c)}</th>"
        for c, k in zip(columns, kinds, strict=True)
    )
    body = "".join(f"<tr>{_cells(row, kinds)}</tr>\n" for row in rows)
    return (
        f'<div class="wide" tabindex="0" role="group" aria-label="{escaped(caption)}"><table>'
        f"<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>\n"
    )


class Markup(str):
    """HTML that is ours and is not escaped again."""


def _cells(row: Sequence[str | float], kinds: str) -> str:
    out = []
    for number, (value, kind) in enumerate(zip(row, kinds, strict=True)):
        shown = value if isinstance(value, Markup) else escaped(_said(value))
        tag = "th scope=row" if number == 0 else "td"
        out.append(f"<{tag}{' class=n' * (kind == 'n')}>{shown}</{tag[:2]}>")
    return "".join(out)


def _said(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Return a row of figures: (what it is, the figure)."""
    inner = "".join(
        f"<div><dt>{escaped(what)}</dt><dd>{escaped(value)}</dd></div>" for what, value in pairs
    )
    return f'<dl class="facts">{inner}</dl>'


def folded(summary: str, inner: str, shown: bool = False) -> str:
    """Return HTML that opens on a click. summary: text."""
    return f"<details{' open' * shown}><summary>{escaped(summary)}</summary>{inner}</details>\n"


def figure(drawing: str, caption: str, behind: str) -> str:
    """Return a drawing (an SVG, or "" where none could be drawn), its caption, the table behind."""
    if not drawing:
        return f"<p>{escaped(caption)}</p>{behind}"
    return (
        f'<figure><div class="wide" tabindex="0" role="group" aria-label="{escaped(caption)}">'
        f"{drawing}</div><figcaption>{escaped(caption)}</figcaption></figure>"
        f"{folded('The figures as a table', behind)}"
    )
