"""What a card could do at most, from its maker's data sheet. Measures nothing."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TERA = 1e12


@dataclass(frozen=True)
class Card:
    """A row of peaks.toml. `sparse`: the printed number is twice what dense weights get."""

    says: str
    sparse: bool
    memory: int
    source: str
    bfloat16: float | None = None
    float16: float | None = None

    @property
    def dense(self) -> float | None:
        """Operations a second in bfloat16 on dense weights; None for a card that has none."""
        if self.bfloat16 is None:
            return None
        return self.bfloat16 * TERA / (2 if self.sparse else 1)


@cache
def cards() -> tuple[Card, ...]:
    """Return the table, the more particular names before the others."""
    text = Path(__file__).with_suffix(".toml").read_text()
    return tuple(Card(**row) for row in tomllib.loads(text)["card"])


def card_of(name: str) -> Card | None:
    """Return the row for a name of torch.cuda.get_device_name(); None for an unknown card.

    A name is matched by words: "NVIDIA L40S" is no L4.
    """
    words = f" {name} "
    fits = (one for one in cards() if any(f" {one.says}{end}" in words for end in " -"))
    return next(fits, None)


def flops_a_token(width: int, layers: int, context: int, letters: int) -> int:
    """Return the operations that a token of training needs: 6 a weight, and the attention.

    Weights are those that a token is multiplied with: the layers' twelve squares and the head.
    Attention counts 12 x layers x width x context, the masked half not deducted, as PaLM counts.
    """
    return 6 * (12 * layers * width**2 + width * letters) + 12 * layers * width * context


def mfu(tokens_a_second: float, flops: float, card: Card | None) -> float | None:
    """Return the share of the dense peak that the model's own operations were; None if unknown."""
    peak = card.dense if card else None
    return tokens_a_second * flops / peak if peak else None
