"""Makes a class to look at: learners who hand in what the course knows to be right or wrong.

Each has an id and so data of their own. Writes submissions; grades nothing.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from autograder.errors import ManifestError
from autograder.grade import load_lab
from autograder.handout import alternatives, handed_in, handout, written
from autograder.manifest import Lab, MistakeFile, read
from autograder.submission import wanted

NAMES = (
    "ada", "bo", "chidi", "dagny", "elif", "farid", "greta", "hiro", "ines", "jonas", "kaya", "liv",
    "mads", "nadia", "omar", "pia", "quentin", "rosa", "sana", "tove", "uma", "viggo", "wanda",
    "xavier", "yara", "zoe", "aino", "bela", "cleo", "dora",
)  # fmt: skip


def make_class(labs: list[Lab], folder: Path, size: int) -> list[str]:
    """Write submitted/LEARNER/LAB/ for `size` learners; return what each handed in, in words."""
    draw = random.Random(7)
    told = []
    pools = {lab.id: list(variants(lab)) for lab in labs}
    for number in range(size):
        lab = labs[number % len(labs)]
        learner = NAMES[number % len(NAMES)] + (f"-{number // len(NAMES)}" * (number >= len(NAMES)))
        pool = pools[lab.id]
        # a third of a class is right; the rest is spread over what goes wrong
        right = [v for v in pool if not v[0].startswith(("mistake", "starter"))]
        say, files = draw.choice(right if number % 3 == 0 else pool)
        place = folder / "submitted" / learner / lab.id
        for name, body in files.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(body)
        told.append(f"{learner}: {lab.id}, {say}")
    return told


def variants(lab: Lab) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Yield what can be handed in: the starter, right answers and each mistake."""
    checks = load_lab(lab).checks
    points = {c.name: c.points for c in checks.values()}
    made = {p.relative_to(lab.folder).as_posix(): b for p, b in handout(lab, checks).items()}
    yield "starter", {name: body for name, body in made.items() if wanted(lab, name)}
    texts = written(lab)
    yield "solution", handed_in(lab, texts, points)
    for name, other in alternatives(lab).items():
        yield f"alternative {name}", handed_in(lab, other, points)
    for mistake in read(lab.solution / "mistakes.toml", MistakeFile).mistake:
        wrong = mistake.put
        if mistake.swap:
            old, new = mistake.swap
            if texts[mistake.file].count(old) != 1:
                raise ManifestError("its text is not found once", mistake.say, "./ladder lint")
            wrong = texts[mistake.file].replace(old, new)
        yield f"mistake: {mistake.say}", handed_in(lab, {**texts, mistake.file: wrong}, points)
