"""A class's results as one HTML file: offline, no script, readable on a phone. Grades nothing.

Reads results once and keeps a few figures of each (`tally`), so that a class of ten thousand fits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import pairwise

from autograder import charts, measures
from autograder.ratings import Agreement, Rating, agreements
from autograder.tally import AS_GRADED, Final, Row, Tally, tallies
from autograder.verdict import WORST_FIRST, LabResult, Verdict
from autograder.webpage import Markup, escaped, facts, figure, folded, prose, table
from autograder.webpage import page as whole

EACH = 60  # learners up to whom the map and the table have a row for each
GROUPS = 20  # rows beyond that
BOUND = 0.8  # of the points; `LabResult.passed` asks for every `must` check as well
FEW = 20
ODD, MOST_ODD = 0.6, 10  # share of Guttman errors; learners named for it
ORDER = tuple(reversed(WORST_FIRST))
SIMILAR = ("Learner", "Beside", "In common", "Of the learner's", "Of the other's")
STYLE = """
.bar { display: inline-block; height: .7em; background: var(--bar); margin-right: .4em; }
nav ul { padding-left: 1.2rem; columns: 2 14rem; }
"""


def page(
    results: Iterable[LabResult],
    final: Final = AS_GRADED,
    pairs: Sequence[Mapping[str, str]] = (),
    ratings: Sequence[Rating] = (),
    titles: Mapping[str, str] = {},
) -> str:
    """Return the whole page. Everything that came from outside is escaped.

    final: points after policy and changes by hand. pairs: rows of similar.csv. ratings: levels of
    written answers. titles: of labs, by id.
    """
    return of_tallies(tallies(results, final), pairs, ratings, titles)


def of_tallies(
    found: Sequence[Tally],
    pairs: Sequence[Mapping[str, str]] = (),
    ratings: Sequence[Rating] = (),
    titles: Mapping[str, str] = {},
    files: Mapping[str, str] = {},
) -> str:
    """Return the whole page from what was counted already. files: tables beside it, by name."""
    body = "".join(_lab(one, titles.get(one.lab, one.lab), pairs) for one in found)
    both = agreements(ratings)
    learners = len({name for one in found for name in one.learners})
    head = (
        f"<h1>Results of a class</h1><p>{learners:,} learner{'s' * (learners != 1)},"
        f" {len(found)} lab{'s' * (len(found) != 1)}</p>"
    )
    nav = "".join(
        f'<li><a href="#{escape(t.lab, quote=True)}">{escaped(titles.get(t.lab, t.lab))}</a></li>'
        for t in found
    )
    nav += '<li><a href="#graders">Do graders agree?</a></li>' if both else ""
    shown = f'<nav aria-label="Labs"><ul>{nav}</ul></nav>{body}{_graders(both)}'
    return whole("Results of a class", head, shown if found else "<p>No results yet.</p>", STYLE,
                 _foot(files) if files else "")  # fmt: skip


def _foot(files: Mapping[str, str]) -> str:
    shown = ", ".join(f'<a href="{n}">{n}</a> ({escaped(what)})' for n, what in files.items())
    return f"<p>For a spreadsheet, in the folder of this page: {shown}.</p>"


def _lab(one: Tally, title: str, pairs: Sequence[Mapping[str, str]]) -> str:
    rows = one.rows()
    note = '<p class="soft">Self-check on public data, not a grade.</p>' if one.desk else ""
    mine = [p for p in pairs if p.get("lab") == one.lab]
    parts = (
        _head(one, rows), _distribution(one, rows), _checks(one), _times(one, rows),
        _map(one, rows), _outliers(one, rows), _similar(mine),
    )  # fmt: skip
    anchor = escape(one.lab, quote=True)
    return f'<section><h2 id="{anchor}">{escaped(title)}</h2>{note}{"".join(parts)}</section>'


def _head(one: Tally, rows: list[Row]) -> str:
    scored = [r for r in rows if not r.ungraded]
    passed, ours = sum(r.passed for r in scored), len(rows) - len(scored)
    middle = measures.spread([r.points for r in scored])[2] if scored else 0.0
    shown = [
        ("learners", f"{len(rows):,}"),
        ("passed the lab", f"{passed:,} ({passed / max(len(scored), 1):.0%})"),
        ("median points", f"{middle:g} of {one.possible:g}"),
        ("CPU, all together", _seconds(sum(r.seconds for r in rows))),
    ]
    warned = (
        f'<p class="ungraded"><strong>{ours} not graded, by our fault.</strong> They have no score'
        " yet: they are named below.</p>"
        if ours
        else ""
    )
    return facts(shown) + warned


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def _distribution(one: Tally, rows: list[Row]) -> str:
    possible = max(one.possible, 1e-9)
    shares = [min(r.points / possible, 1.0) for r in rows if not r.ungraded]
    counts = [0] * 10
    for share in shares:
        counts[min(int(10 * share + 1e-9), 9)] += 1
    bins = [(f"{10 * i} to {10 * i + 10}", n) for i, n in enumerate(counts)]
    behind = table("Learners by points", ("% of the points", "Learners"), bins, "nn")
    changed = sum(abs(r.final - r.points) > 1e-9 for r in rows)
    more = f" Policy or hand changed {changed} of them; the picture is before that." * bool(changed)
    return "<h3>How many got how far</h3>" + figure(
        charts.distribution(shares, BOUND), f"Learners by their share of the points.{more}", behind
    )


def _checks(one: Tally) -> str:
    ends = [one.verdicts(i) for i in range(len(one.columns))]
    apart = [one.discrimination(i) for i in range(len(one.columns))]
    rows = []
    for column, end, value in zip(one.columns, ends, apart, strict=True):
        rest = ", ".join(f"{n} {v}" for v, n in end.most_common() if v is not Verdict.PASSED)
        told = "undefined" if value is None else f"{value:.2f}"
        passed = end[Verdict.PASSED] / max(end.total(), 1)
        name = f"{column.claim}{' (must)' * column.must}"
        rows.append((Markup(prose(name)), column.points, f"{passed:.0%}", told, rest))
    behind = table("Checks", ("Check", "Points", "Passed", "Tells apart", "Others"), rows, "-nnn")
    few = f" With fewer than {FEW} learners these figures move with every one." * (
        len(one.learners) < FEW
    )
    counts = [{str(v): n for v, n in end.items()} for end in ends]
    drawing = charts.checks([c.name for c in one.columns], counts, ORDER, apart)
    caption = (
        "Left, how each check ended. Right, its correlation with the points of all other checks:"
        " near 1, those who pass it do well elsewhere; near 0 or below (in the second colour), look"
        " at the check. Undefined when all or none passed, or everybody has the same elsewhere. A"
        f" blocked check counts as not passed, so checks that build on others correlate more.{few}"
    )
    return "<h3>Which checks were hard</h3>" + figure(drawing, caption, behind) + _said(one)


def _said(one: Tally) -> str:
    rows = [
        (column.name, Markup(prose(message)), count)
        for column in one.columns
        for message, count in column.said.most_common(3)
    ]
    if not rows:
        return ""
    return folded(
        "What learners were told most often",
        table("Messages", ("Check", "Message", "Times"), rows, "--n"),
    )


def _times(one: Tally, rows: list[Row]) -> str:
    found = []
    for place, column in enumerate(one.columns):
        seconds = [r.cpu[place] for r in rows if place < len(r.cpu) and _ran(r, place)]
        if seconds:
            found.append((column.name, measures.spread(seconds)))
    if not found:
        return ""
    behind = table("CPU-seconds", ("Check", "5 %", "25 %", "Median", "75 %", "95 %"),
                   [(n, *(f"{v:.2f}" for v in s)) for n, s in found], "-nnnnn")  # fmt: skip
    drawing = charts.times([n for n, _ in found], [s for _, s in found])
    caption = "CPU-seconds of each check that ran: median, middle half, and 5 to 95 %."
    return "<h3>Where the time went</h3>" + figure(drawing, caption, behind)


def _ran(row: Row, place: int) -> bool:
    return row.verdict(place) not in (None, Verdict.BLOCKED, Verdict.SKIPPED)


def _map(one: Tally, rows: list[Row]) -> str:
    names = [c.name for c in one.columns]
    if len(rows) > EACH:
        return "<h3>Who passed what</h3>" + _grouped(one, rows, names)
    verdicts = [[row.verdict(i) or "" for i in range(len(names))] for row in rows]
    drawing = charts.heat_map([r.learner for r in rows], names, verdicts)
    behind = table(
        "Verdicts", ("Learner", "Points", *names),
        [(r.learner, _points(one, r), *(_word(v) for v in vs))
         for r, vs in zip(rows, verdicts, strict=True)], "-n",
    )  # fmt: skip
    caption = (
        "One row for each learner, most points first; ✓ passed, ✗ failed, ! crashed, · still open,"
        " – not reached, ? ungraded."
    )
    return "<h3>Who passed what</h3>" + figure(drawing, caption, behind)


def _points(one: Tally, row: Row) -> str:
    changed = f" ({row.final:g} in the end)" if abs(row.final - row.points) > 1e-9 else ""
    return f"{row.points:g}/{one.possible:g}{changed}"


def _word(verdict: str) -> Markup:
    return Markup(f'<span class="{verdict}">{verdict}</span>' if verdict else "-")


def _grouped(one: Tally, rows: list[Row], names: list[str]) -> str:
    """Return the map for a large class: learners in groups of equal size, by points."""
    cuts = [round(i * len(rows) / GROUPS) for i in range(GROUPS + 1)]
    groups = [rows[a:b] for a, b in pairwise(cuts)]
    shares = [
        [sum(r.verdict(i) is Verdict.PASSED for r in group) / len(group) for i in range(len(names))]
        for group in groups
    ]
    labels = [_span(group[0].points, group[-1].points) for group in groups]
    behind = table("Share that passed", ("Group, by points", "Learners", *names),
                   [(label, len(g), *(f"{s:.0%}" for s in share))
                    for label, g, share in zip(labels, groups, shares, strict=True)],
                   "-n" + "n" * len(names))  # fmt: skip
    caption = (
        f"% of each group that passed. {len(rows):,} learners in {GROUPS} groups of equal size,"
        " most points first; verdicts.csv has every learner."
    )
    return figure(charts.share_map(labels, names, shares), caption, behind)


def _span(most: float, least: float) -> str:
    return f"{most:g} points" if most == least else f"{most:g} to {least:g} points"


def outliers(one: Tally, rows: Sequence[Row]) -> list[tuple[str, str, str]]:
    """Return learners whose results are worth a look: name, what is unusual, by how much."""
    found = [(r.learner, "not graded, by our fault", "no score yet") for r in rows if r.ungraded]
    found += [(r.learner, "was stopped", r.killed) for r in rows if r.killed]
    ran = [r for r in rows if r.seconds > 0]
    middle = measures.spread([r.seconds for r in ran])[2] if ran else 0.0
    for place in measures.far_above([r.seconds for r in ran]):
        row = ran[place]
        found.append((row.learner, "used far more CPU than others",
                      f"{row.seconds:.1f} s, the median is {middle:.1f} s"))  # fmt: skip
    total = max(len(rows), 1)
    places = [i for i, c in enumerate(one.columns) if c.points]
    ease = [one.verdicts(i)[Verdict.PASSED] / total for i in places]
    if total >= 8:
        odd = [(measures.oddness([r.verdict(i) is Verdict.PASSED for i in places], ease), r.learner)
               for r in rows]  # fmt: skip
        worst = sorted((o for o in odd if o[0] > ODD), reverse=True)[:MOST_ODD]
        found += [
            (name, "passed hard checks and not the easy ones",
             f"{share:.0%} of such pairs are the other way round") for share, name in worst
        ]  # fmt: skip
    return found


def _outliers(one: Tally, rows: list[Row]) -> str:
    found = outliers(one, rows)
    if not found:
        return ""
    shown = found[:EACH]
    more = f"<p>And {len(found) - EACH:,} more: learners.csv has all.</p>" * (len(found) > EACH)
    return (
        "<h3>Worth a look</h3><p>Unusual is not wrong: these are results that a person should see"
        " before others.</p>" + table("Outliers", ("Learner", "What", "How much"), shown) + more
    )


def _similar(pairs: Sequence[Mapping[str, str]]) -> str:
    if not pairs:
        return ""
    rows = []
    for pair in pairs[:EACH]:
        share = _share(pair.get("share", ""))
        bar = Markup(f'<span class="bar" style="width: {share * 6:.2f}em"></span>{share:.0%}')
        names = pair.get("learner", ""), pair.get("beside", "")
        rows.append((*names, bar, pair.get("of_learner", ""), pair.get("of_beside", "")))
    return (
        "<h3>Worth reading side by side</h3><p>Texts with much in common, the starter's lines"
        " apart. This says that they are alike, not why: people work together, read the same page,"
        " and some tasks leave little choice. Read both before you ask anybody.</p>"
        + table("Similar submissions", SIMILAR, rows, "--nnn")
    )


def _share(said: str) -> float:
    try:
        return min(max(float(said), 0.0), 1.0)
    except ValueError:
        return 0.0


def _graders(found: Sequence[Agreement]) -> str:
    if not found:
        return ""
    rows = []
    drawings = ""
    for one in found:
        kappa = "undefined" if one.kappa is None else f"{one.kappa:.2f}"
        rows.append((one.lab, one.question, " and ".join(one.graders), one.counts.total(),
                     f"{one.same:.0%}", kappa))  # fmt: skip
        if one.levels and len(found) <= 12:
            counts = [(f"{a} and {b}", n) for (a, b), n in sorted(one.counts.items())]
            drawings += figure(
                charts.agreement(one.levels, one.counts, one.graders),
                f"{one.lab}, {one.question}: on the diagonal both gave the same level.",
                table("Levels", ("Levels", "Answers"), counts, "-n"),
            )
    head = ("Lab", "Question", "Graders", "Answers read by both", "Same level", "Kappa")
    return (
        '<section><h2 id="graders">Do graders agree?</h2><p>Cohen\'s kappa with quadratic weights:'
        " 1 is full agreement, 0 is what chance gives. Undefined when both gave one and the same"
        " level to everything.</p>"
        + table("Agreement", head, rows, "---nnn")
        + f"{drawings}</section>"
    )
