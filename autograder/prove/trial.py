"""One lab on its rig: what is tried is made here, what was found wrong is noted here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from autograder.errors import ManifestError, suggest
from autograder.handout import handed_in, written
from autograder.manifest import Lab, MistakeFile, read
from autograder.rig import LEARNER, Rig, Task
from autograder.verdict import LabResult, Verdict

Texts = Mapping[str, str]
Tell = Callable[[str], None]


@dataclass
class Trial:
    """One lab on its rig, and what was found wrong so far."""

    lab: Lab
    rig: Rig
    tell: Tell
    texts: Texts
    mistakes: MistakeFile
    wrong: list[str] = field(default_factory=list)

    @property
    def points(self) -> dict[str, float]:
        """Points by check."""
        return {name: one.points for name, one in self.rig.checks.items()}

    @property
    def total(self) -> float:
        """Points possible."""
        return sum(self.points.values())

    def files(self, texts: Texts) -> dict[str, bytes]:
        """Return texts as a learner would hand them in."""
        return handed_in(self.lab, texts, self.points)

    def tasks(self, name: str, texts: Texts, seeds: int) -> list[Task]:
        """Return submissions of two seeds each, as a grading run has, each with its own desk."""
        files = self.files(texts)
        return [
            Task(name, files, f"{LEARNER}-{number}", min(2, seeds - number))
            for number in range(0, seeds, 2)
        ]

    def task(self, name: str, texts: Texts, number: int) -> Task:
        """Return one seed alone of those that `tasks` has, by its number."""
        learner = f"{LEARNER}-{number - number % 2}"
        return Task(name, self.files(texts), learner, seeds=1, skip=number % 2)

    def blame(self, text: str) -> None:
        """Note what is wrong, and tell it now, not after the hour that the rest may take."""
        self.wrong.append(text)
        self.tell(f"  {text}")

    def sound(self, name: str, results: Sequence[LabResult]) -> bool:
        """Note what the grader itself failed at; tell whether there was nothing."""
        for result in results:
            for one in result.checks:
                if one.verdict is Verdict.UNGRADED:
                    self.blame(f"{name}: {one.name} was not graded: {one.message}")
                    return False
        return True


def trial(lab: Lab, rig: Rig, tell: Tell = lambda _: None) -> Trial:
    """Read what a proof needs. Raises ManifestError, also for a mistake that names no check."""
    path = lab.solution / "mistakes.toml"
    mistakes = read(path, MistakeFile)
    for mistake in mistakes.mistake:
        for name in mistake.fails:
            if name not in rig.checks:
                what = f"{mistake.say!r} names no check: {name!r}.{suggest(name, rig.checks)}"
                raise ManifestError(what, str(path), f"./ladder lint {lab.id}")
    return Trial(lab, rig, tell, written(lab), mistakes)
