"""The pages that are written from manifests and checks: texts in, Markdown out. Reads no file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from autograder.check import Check
from autograder.evidence import Proof
from autograder.manifest import Exam, Lab, Row, Stage

PROVEN_BY = ("real", "client")  # "model" and "read" rows never count as proven
MEANING = {
    "real": "the tool itself ran",
    "client": "the real client, an emulated service",
    "model": "a thin layer of ours that says what it leaves out",
    "read": "read in the lesson, not demonstrated",
}


DRAFT = (
    "**A draft.** You can do this lab, and its checks run; that they catch what they should is not"
    " [proven](../reference/prove.md) yet."
)


def head(title: str, source: str) -> str:
    """Return how a written page begins: where it comes from, its title for navigation, its h1."""
    plain = title.replace("`", "")
    quoted = plain if ":" not in plain else f'"{plain}"'
    note = f"# Written by `ladder sync` from {source}. Edits here are lost."
    return f"---\n{note}\ntitle: {quoted}\n---\n\n# {title}\n"


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table; a bar in a cell is escaped."""
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for row in rows:
        cells = (str(cell).replace("|", "\\|").replace("\n", " ") for cell in row)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def hours(lab: Lab) -> str:
    """Return how long a lab takes, in words."""
    minutes = lab.file.minutes
    note = "" if minutes.measured else " (estimate)"
    if minutes.p50 < 60:
        return f"{minutes.p50} minutes, {minutes.p80} at a slow pace{note}"
    slow, pace = f"{minutes.p80 / 60:.2g}", f"{minutes.p50 / 60:.2g}"
    return f"{pace} hour{'s' * (pace != '1')}, {slow} at a slow pace{note}"


def needs(lab: Lab) -> str:
    """Return what is installed for a lab, with its size, as a sentence; "" when nothing is."""
    wanted = lab.needs()
    if not wanted:
        return ""
    what = "; ".join(need.text for need in wanted if need.text)
    return f"Needs {what}; {sum(need.mb for need in wanted)} MB on disk."


def card(lab: Lab, checks: Mapping[str, Check], lesson: bool) -> str:
    """Return the page of one lab."""
    file = lab.file
    points = sum(c.points for c in checks.values())
    parts = [
        head(f"{file.title}: the lab", f"labs/{lab.stage}/{lab.id}"),
        f"{file.pitch}\n",
        f"{DRAFT}\n" if lab.draft else "",
        f"**Begin:** `./ladder start {lab.id}`, then read `README.md` on your desk and type"
        f" `./ladder check`.\n",
        f"**Lesson:** [{file.title}](../{lab.stage}/{lab.id}.md)\n" if lesson else "",
        f"**Time:** {hours(lab)}.\n",
        _sittings(file.sittings),
        f"**Comes after:** {_links(file.after)}.\n" if file.after else "",
        f"**You write:** {', '.join(f'`{name}`' for name in file.writes)}.\n",
        f"**Limits:** {file.limits.cpu:g} seconds of CPU for one submission, all checks together;"
        f" {file.limits.memory_mb:,} MB of memory.\n",
        f"{needs(lab)}\n" if needs(lab) else "",
        "## What you practise\n",
        "".join(f"- {lab.course.file.skills[name]}\n" for name in file.skills),
        f"## What is checked: {points:g} points\n",
        table(
            ("Check", "Claim", "Points", "Seen by the judge as"), map(_check_row, checks.values())
        ),
        "A lab is passed with 80 % of its points and every check marked *must*.\n",
        _shown(file.role, file.exam),
    ]
    return "\n".join(part for part in parts if part)


def _check_row(one: Check) -> tuple[object, ...]:
    name = f"`{one.name}`" + (" *must*" if one.must else "")
    return name, one.claim, f"{one.points:g}", one.observes or "-"


def _sittings(sittings: Sequence[str]) -> str:
    return "**Sittings:**\n\n" + "".join(f"- {one}\n" for one in sittings) if sittings else ""


def _links(labs: Iterable[str]) -> str:
    return ", ".join(f"[{name}]({name}.md)" for name in labs)


def _shown(rows: Sequence[Row], exams: Sequence[Exam]) -> str:
    lines = [(r.row, f"`{r.check}`", r.mark, MEANING[r.mark]) for r in rows]
    lines += [(e.id, f"`{e.check}`", e.mark, MEANING[e.mark]) for e in exams]
    if not lines:
        return ""
    return "## What it shows\n\n" + table(
        ("Row or objective", "By check", "Mark", "Meaning"), lines
    )


def labs_index(labs: Iterable[tuple[Lab, Mapping[str, Check]]]) -> str:
    """Return the page that lists all labs."""
    rows = []
    for lab, checks in labs:
        points = sum(c.points for c in checks.values())
        name = f"[{lab.file.title}]({lab.id}.md)"
        rows.append((name, lab.stage.partition("-")[2], f"{points:g}", hours(lab), lab.file.pitch))
    columns = ("Lab", "Stage", "Points", "Time", "What for")
    return head("The labs", "labs/course.toml") + "\n" + table(columns, rows)


def roles(labs: Iterable[Lab], holds: Mapping[str, bool]) -> str:
    """Return the map from role rows and exam objectives to checks.

    holds: labs whose grader is proven now. A row counts as proven only if its mark is real or
    client and its lab's grader is.
    """
    found: list[tuple[str, Lab, str, str]] = []
    for lab in labs:
        found += [(r.row, lab, r.check, r.mark) for r in lab.file.role]
        found += [(e.id, lab, e.check, e.mark) for e in lab.file.exam]
    proven = sum(m in PROVEN_BY and holds.get(lab.id, False) for _, lab, _, m in found)
    rows = [
        (row, f"[{lab.id}](../labs/{lab.id}.md)", f"`{check}`", m, _proven(lab, m, holds))
        for row, lab, check, m in sorted(found, key=lambda f: (f[0], f[1].id))
    ]
    meaning = "".join(f"- **{name}**: {text}\n" for name, text in MEANING.items())
    return (
        head("Rows of the role, objectives of exams", "the labs' lab.toml")
        + f"\n{len(found)} rows are demonstrated by a check; {proven} of them count as proven: the"
        " tool or its real client ran, and the lab's grader is [proven](prove.md). Rows marked"
        " model or read never count.\n\n"
        + f"{meaning}\n"
        + table(("Row or objective", "Lab", "Check", "Mark", "Proven"), rows)
    )


def _proven(lab: Lab, m: str, holds: Mapping[str, bool]) -> str:
    if m not in PROVEN_BY:
        return f"no: {m}"
    return "yes" if holds.get(lab.id) else "not yet"


def measured(title: str, source: str, found: Mapping[str, Any] | None) -> str:
    """Return a page of measured figures.

    found: {"text": [...], "columns": [...], "rows": [[...]], "notes": [...], "after": [...]};
    text and after are paragraphs above and below.
    """
    top = head(title, source) + "\n"
    if not found:
        return top + "Not measured yet.\n"
    text = "".join(f"{line}\n\n" for line in found.get("text", []))
    notes = "".join(f"- {line}\n" for line in found.get("notes", []))
    after = "".join(f"\n{line}\n" for line in found.get("after", []))
    rows = table(found["columns"], found["rows"])
    return top + text + rows + (f"\n{notes}" if notes else "") + after


def contract(source: str, found: Mapping[str, Any] | None) -> str:
    """Return the page of cases that several targets were tried on, kind by kind.

    found: {"text": [...], "targets": {name: {"engine": ...}}, "kinds": {kind: title}, "cases":
    [{"kind", "claim", "by", "outcomes": {target: "right" or "differs: ..." or "absent: ..."}}]}
    """
    top = head("What each target does", source) + "\n"
    if not found:
        return top + "Not measured yet.\n"
    cases, targets = found["cases"], found["targets"]
    text = "".join(f"{line}\n\n" for line in found["text"])
    sums = (
        (f"`{name}`", told["engine"], *_counts([c["outcomes"].get(name) for c in cases]))
        for name, told in targets.items()
    )
    parts = [top + text + table(("Target", "Served by", "Right", "Differs", "Absent"), sums)]
    for kind, title in found["kinds"].items():
        here = [c for c in cases if c["kind"] == kind]
        names = [name for name in targets if any(name in c["outcomes"] for c in here)]
        rows = [(c["claim"], c["by"], *(_cell(c["outcomes"].get(n)) for n in names)) for c in here]
        parts.append(f"## {title}\n\n" + table(("The real service", "By its page", *names), rows))
    return "\n".join([*parts, _unlike(cases, targets)])


def _counts(outcomes: Sequence[str | None]) -> tuple[int, int, int]:
    words = [_cell(outcome) for outcome in outcomes]
    return words.count("right"), words.count("*differs*"), words.count("*absent*")


def _cell(outcome: str | None) -> str:
    """Return an outcome in one word; "-" for a case that is not of this target's service."""
    word = (outcome or "-").partition(":")[0]
    return word if word in ("right", "-") else f"*{word}*"


def _unlike(cases: Sequence[Mapping[str, Any]], targets: Iterable[str]) -> str:
    rows = [
        (f"`{name}`", case["claim"], case["outcomes"][name])
        for name in targets for case in cases
        if case["outcomes"].get(name, "right") != "right"
    ]
    return "## What is not as it is at the real service\n\n" + table(
        ("Target", "The real service", "The target"), rows
    )


def commands(helps: Mapping[str, str]) -> str:
    """Return the page of the command line from each command's --help."""
    parts = [head("The command line", "the commands' --help")]
    parts += [f"## `{name}`\n\n```text\n{text.rstrip()}\n```\n" for name, text in helps.items()]
    return "\n".join(parts)


def stage_cards(stage: Stage, labs: Mapping[str, tuple[Lab, Mapping[str, Check], bool]]) -> str:
    """Return the cards of a stage's page, rung by rung.

    labs: each lab, its checks, and whether it has a lesson.
    """
    out = []
    for rung in stage.rung:
        if rung.labs:
            out.append(
                f"## {rung.title} {{ #{rung.id} }}\n\nFor your portfolio: {rung.portfolio}\n"
            )
        out += [_stage_card(*labs[name]) for name in rung.labs]
    return "\n".join(out)


def _stage_card(lab: Lab, checks: Mapping[str, Check], lesson: bool) -> str:
    title = f"[{lab.file.title}]({lab.id}.md)" if lesson else lab.file.title
    points = sum(c.points for c in checks.values())
    facts = f"{hours(lab)}. {points:g} points in {len(checks)} checks. {needs(lab)}".strip()
    return (
        f'<div class="lab-card" markdown>\n\n### {title}\n\n{lab.file.pitch}\n\n'
        f"`./ladder start {lab.id}`\n\n{facts}\n{{ .lab-facts }}\n\n</div>\n"
    )


def proofs(labs: Mapping[str, Proof]) -> str:
    """Return the table of what is proven of each lab's grader, and who survived."""
    top = head("How well each grader is proven", "labs/prove.json") + "\n"
    if not labs:
        return top + "Not measured yet.\n"
    columns = (
        "Lab", "Holds", "Points", "Solution on seeds", "Alternatives", "Mistakes caught",
        "Lazy answers, best share", "Liars, best share", "Mutants killed", "CPU minutes",
    )  # fmt: skip
    text = (
        "Written from the run of `./ladder prove`. A grader holds when its starter earns nothing,"
        " its solution and every alternative everything on all seeds, each mistake fails the checks"
        " it names and no other, no lazy answer or liar gets more than a tenth, and nine in ten"
        " mutants of the solution are killed.\n\n"
    )
    out = top + text + table(columns, (_proof_row(n, p) for n, p in sorted(labs.items())))
    return out + "".join(_survivors(name, proof) for name, proof in sorted(labs.items()))


def _proof_row(name: str, p: Proof) -> tuple[object, ...]:
    return (
        f"[{name}](../labs/{name}.md)", "yes" if p.holds else "**no**", f"{p.points:g}", p.seeds,
        p.alternatives, f"{p.mistakes} on {p.mistake_seeds} seeds",
        f"{p.lazy}: {p.lazy_share:.0%}", f"{p.liars}: {p.liar_share:.0%}",
        f"{p.killed} of {p.mutants}", f"{p.cpu / 60:.1f}",
    )  # fmt: skip


def _survivors(name: str, p: Proof) -> str:
    parts = ""
    if p.wrong:
        parts += f"\n## What does not hold in {name}\n\n" + "".join(f"- {w}\n" for w in p.wrong)
    if p.survivors:
        made = [s.change.replace("  ->  ", "` becomes<br>`", 1) for s in p.survivors]
        rows = (
            (f"`{s.file}:{s.line}`", f"`{change}`", s.reason or "-")
            for s, change in zip(p.survivors, made, strict=True)
        )
        parts += f"\n## Survivors in {name}\n\n" + table(("Where", "Change", "Reason"), rows)
    return parts
