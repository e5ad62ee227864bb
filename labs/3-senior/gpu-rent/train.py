"""The address model's training, on a card that earns its rent.

    python train.py --seed 7                     on the bench's card; writes run.card
    python train.py --seed 7 --device cpu        without it, in float32
    python train.py --seed 7 --device cuda --size card --steps 20

Same letters, same steps, same rows in the log, same evaluations as today.py. One device.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from job import (
    ALPHABET,
    CLIP,
    DECAY,
    EVAL_EVERY,
    LOG_EVERY,
    SIZES,
    STEPS,
    Log,
    Size,
    first_weights,
    place,
    publish,
    rate,
    text,
)  # fmt: skip
from model import Weights, loss_of


class Letters:
    """The text as numbers, and batches of it."""

    def __init__(self, size: Size) -> None:
        # TODO: what of today.batch is the same at every step?
        raise NotImplementedError

    def batch(self, step: int, held_out: bool = False) -> torch.Tensor:
        """Return one batch on the host: batch x (context + 1) numbers, x and y in one."""
        # TODO: every row at once, ready to be sent without waiting
        raise NotImplementedError

    def batches(self, steps: int) -> Iterator[torch.Tensor]:
        """Yield the batches of the training in their order, each made before it is asked for."""
        # TODO: who makes batch 8 while the card works on batch 7?
        raise NotImplementedError


def train(seed: int, device: torch.device, size: Size, steps: int, log: Log) -> Weights:
    """Train for `steps` steps; return the weights."""
    # TODO: the loop. At which line does the host wait for the card?
    raise NotImplementedError


def evaluation(
    weights: Weights, letters: Letters, device: torch.device, size: Size
) -> torch.Tensor:
    """Return the mean loss on labels that were never trained on, still on the card."""
    # TODO: today.evaluate, without the waiting
    raise NotImplementedError


def report(
    log: Log, rows: list[tuple[int, torch.Tensor, torch.Tensor]], done: int, held_out: torch.Tensor
) -> None:
    """Write the rows since the last evaluation, and this one."""
    # TODO: how often do you ask the card?
    raise NotImplementedError


def main(argv: list[str] | None = None) -> int:
    """Train the address model; return the exit code."""
    parser = argparse.ArgumentParser(description="Train the address model.")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--device", default="card", choices=["card", "cpu", "cuda"])
    parser.add_argument("--size", default="bench", choices=SIZES)
    parser.add_argument("--steps", type=int, default=STEPS)
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    if options.device == "card":
        import card  # noqa: F401  it makes the device
    device, size = torch.device(options.device), SIZES[options.size]
    publish(train(options.seed, device, size, options.steps, Log()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
