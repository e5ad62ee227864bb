"""The paper of a run on a card: what was run, how fast, on what; and whether its numbers agree.

That its numbers agree makes a receipt possible, not true. Only a run that somebody else started is
evidence: `evidence` says which it was, and nothing here can check that word.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from infra.gpu.blocks import Block, plain, rate
from infra.gpu.peaks import card_of, flops_a_token, mfu

TODAY, MINE = "today", "train"
FASTER, HALF = 4.0, 0.5  # times today's tokens; of the peak, asked of these:
ASKED_HALF = ("H100", "H200")
BAND = 0.05  # of a loss: other kernels add up in another order


def make(blocks: Sequence[Block], size: dict[str, int], device: str, letters: int,
         evidence: str = "self-reported") -> dict[str, Any]:  # fmt: skip
    """Return the receipt of alternating blocks of TODAY and MINE."""
    tokens = size["batch"] * size["context"]
    flops = flops_a_token(size["width"], size["layers"], size["context"], letters)
    card = card_of(device)
    rates = {job: rate(blocks, job, tokens) for job in (TODAY, MINE)}
    return {
        "evidence": evidence, "device": device, "size": size, "letters": letters,
        "flops_a_token": flops, "dense_peak": card.dense if card else None,
        "source": card.source if card else None, "tokens_a_second": rates,
        "ratio": rates[MINE] / rates[TODAY],
        "mfu": {
            job: mfu(working(one, blocks, job, size), flops, card) for job, one in rates.items()
        },
        "blocks": plain(blocks),
    }  # fmt: skip


def working(tokens: float, blocks: Sequence[Block], job: str, size: dict[str, int]) -> float:
    """Return a rate with the evaluation's tokens: forward only, so a third each."""
    steps = next(one.steps for one in blocks if one.job == job)
    return tokens * (1 + size["held_out"] / 3 / steps)


def reached(receipt: dict[str, Any]) -> dict[str, bool | None]:
    """Return which of the two bounds hold; None where one is not asked of this card."""
    asked = any(f" {name}" in f" {receipt['device']}" for name in ASKED_HALF)
    share = receipt["mfu"][MINE]
    half = share >= HALF if asked and share is not None else None
    return {"four times today's": receipt["ratio"] >= FASTER, "half of the peak": half}


def problems(receipt: dict[str, Any]) -> list[str]:
    """Return how the numbers of a receipt contradict each other; an honest one has no such."""
    blocks = [Block(**{**one, "losses": tuple(one["losses"])}) for one in receipt["blocks"]]
    again = make(blocks, receipt["size"], receipt["device"], receipt["letters"])
    found = [
        f"{name} does not follow from the blocks"
        for name in ("flops_a_token", "dense_peak", "tokens_a_second", "ratio", "mfu")
        if again[name] != receipt[name]
    ]
    if any(one.seconds <= 0 for one in blocks):
        found.append("a block took no time")
    share = receipt["mfu"][MINE]
    if share is not None and share > 1:
        found.append("more than the card can do")
    orders = [one.job for one in blocks]
    if any(orders[place : place + 3] == [orders[place]] * 3 for place in range(len(orders))):
        found.append("the blocks do not alternate")
    if apart(blocks) > BAND:
        found.append("the losses of the two jobs are not the same")
    return found


def apart(blocks: Sequence[Block]) -> float:
    """Return the largest difference between the two jobs' losses, step by step."""
    one, other = (next(b for b in blocks if b.job == job) for job in (TODAY, MINE))
    if len(one.losses) != len(other.losses) or not one.losses:
        return float("inf")
    pairs = zip(one.losses, other.losses, strict=True)
    return max(*(abs(a - b) for a, b in pairs), abs(one.held_out - other.held_out))


def lines(receipt: dict[str, Any]) -> list[str]:
    """Return the receipt in words."""
    said = [f"{receipt['device']}, {receipt['evidence']}"]
    for job in (TODAY, MINE):
        share = receipt["mfu"][job]
        words = "no peak known" if share is None else f"{share:.1%} of the dense peak"
        seconds = [one["seconds"] for one in receipt["blocks"] if one["job"] == job]
        spread = max(seconds) / statistics.median(seconds) - 1
        said.append(f"{job:6}{receipt['tokens_a_second'][job]:12,.0f} tokens/s   {words}"
                    f"   slowest block +{spread:.0%}")  # fmt: skip
    said.append(f"ratio {receipt['ratio']:.2f}")
    for name, holds in reached(receipt).items():
        word = {None: "not asked of this card", True: "yes", False: "no"}[holds]
        said.append(f"{name}: {word}")
    return said
