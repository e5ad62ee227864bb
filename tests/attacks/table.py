"""What the site shows of a run of all attacks. Runs nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from cases import Attack

COLUMNS = ["Family", "Attack", "What it tries", "What would be a win", "What happened"]
AFTER = [
    "## What we do not promise",
    "**A tamper-proof judge.** What we say is narrower: none of our attacks, run on every change, "
    "lifts a grade. There are others than ours, and a new one is the most welcome contribution.",
    "**A virtual machine.** The sandbox uses namespaces, a user of its own, a filter on system "
    "calls and limits, and namespaces are not a VM: a fault in the kernel is a fault in the wall. "
    "For hostile strangers grade in a throw-away VM.",
    "**A channel without a bit.** A learner sees a verdict for each check and the kind of "
    "an exception. Whoever may try often can choose them by what the hidden input was, and carry "
    "out a few bits at each attempt. Inputs are not answers, and `attempts` in `cohort.toml` "
    "bounds how many count.",
    "**Secret answers.** The answers are public; seeds change the data, not the idea. Whether a "
    "submission works is found out here, not who wrote it.",
    "**Evidence from your own machine.** On your own machine progress is a diary, not evidence.",
    "More on all of this: [how grading works](../grading.md).",
]


class Run(Protocol):
    """One `ladder grade` of attack.py."""

    user: str
    entries: Sequence[Any]
    done: Any
    ends: Mapping[str, str]


def report(attacks: Sequence[Attack], runs: Sequence[Run]) -> dict[str, Any]:
    """Return everything for `ladder sync`: paragraphs, a row for each attack, notes."""
    hostile = sum(bool(e.attack and e.attack.family) for run in runs for e in run.entries)
    neighbours = sum(e.attack is None for run in runs for e in run.entries)
    cpu = sum(run.done.cpu for run in runs)
    return {
        "names": [a.name for a in attacks],
        "text": [
            f"None of our {len(attacks)} attacks, run on every change, lifts a grade.",
            "Each is a whole submission that `ladder grade` grades, among honest ones. It may "
            "earn at most what its honest twin earns: the same answers without the attack. Each "
            "check of it must end in a verdict with a reason, or the submission be refused with "
            "one. Afterwards nothing may have changed outside the sandbox, nothing may still run, "
            "no grading input may be in anything that a learner is given, nobody may have come to "
            "a listener outside, and the honest neighbours must have all their points.",
            "The paths, ports and process numbers of the grader are told to every attack: no "
            "learner knows as much.",
            "What happened is quoted from the grader. `tells` repeats what the attack says that "
            "it managed; `adds` is the one check that the honest half of each answers right: when "
            "it passed, the attack had its run and changed nothing.",
        ],
        "columns": COLUMNS,
        "rows": [_row(attack, runs) for attack in attacks],
        "notes": [
            f"{hostile} hostile submissions and {neighbours} honest neighbours: each attack as a "
            "notebook and as a project where both make sense, or from inside an account of an "
            "emulated cloud; graded by "
            f"{' and by '.join(WHO[run.user] for run in runs)}; {cpu:.0f} CPU-seconds in all.",
            "The attacks are data in `tests/attacks/`; `./ladder test attacks` tries each once, "
            "`./ladder test attacks-all` each in all ways.",
        ],
        "after": AFTER,
    }


WHO = {"root": "root", "user": "an ordinary user"}


def _row(attack: Attack, runs: Sequence[Run]) -> list[str]:
    said = [run.ends[e.learner] for run in runs for e in run.entries if e.attack is attack]
    texts = [attack.family, attack.name, attack.tries, attack.wins]
    return [*map(_text, texts), _end(attack, said)]


def _text(text: str) -> str:
    """Return plain text with nothing that Markdown would take for its own."""
    return "".join(f"\\{c}" if c in "*_`[]<>#" else c for c in text)


def _end(attack: Attack, said: Sequence[str]) -> str:
    """Return the words that the attack had to end in, as they were said."""
    first = min(said)
    part = next((p for p in first.split("; ") if attack.ends in p), first)
    if part.startswith("refused: "):
        part = f"refused: {part.split(': ', 2)[-1]}"
    return f"`` {part.partition(chr(10))[0].rstrip(': ').replace('``', '')} ``"
