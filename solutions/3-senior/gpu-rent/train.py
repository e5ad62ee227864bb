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
        ### BEGIN SOLUTION: what of today.batch is the same at every step?
        number = np.zeros(128, dtype=np.int64)
        number[[ord(letter) for letter in ALPHABET]] = np.arange(len(ALPHABET))
        self.size = size
        self.numbers = torch.from_numpy(number[np.frombuffer(text().encode(), dtype=np.uint8)])
        self.window = torch.arange(size.context + 1)
        ### END SOLUTION

    def batch(self, step: int, held_out: bool = False) -> torch.Tensor:
        """Return one batch on the host: batch x (context + 1) numbers, x and y in one."""
        ### BEGIN SOLUTION: every row at once, ready to be sent without waiting
        rows = range(self.size.batch)
        starts = torch.tensor([place(self.size, step, row, held_out) for row in rows])
        made = self.numbers[starts[:, None] + self.window]
        return made.pin_memory() if torch.cuda.is_available() else made
        ### END SOLUTION

    def batches(self, steps: int) -> Iterator[torch.Tensor]:
        """Yield the batches of the training in their order, each made before it is asked for."""
        ### BEGIN SOLUTION: who makes batch 8 while the card works on batch 7?
        with ThreadPoolExecutor(1) as loader:
            coming = loader.submit(self.batch, 0)
            for step in range(1, steps + 1):
                made = coming.result()
                if step < steps:
                    coming = loader.submit(self.batch, step)
                yield made
        ### END SOLUTION


def train(seed: int, device: torch.device, size: Size, steps: int, log: Log) -> Weights:
    """Train for `steps` steps; return the weights."""
    ### BEGIN SOLUTION: the loop. At which line does the host wait for the card?
    weights = {name: one.to(device) for name, one in first_weights(size, seed).items()}
    for weight in weights.values():
        weight.requires_grad_()
    optimizer = torch.optim.AdamW(weights.values(), weight_decay=DECAY, fused=True)
    model = torch.compile(loss_of) if device.type == "cuda" else loss_of
    low = torch.autocast(device.type, torch.bfloat16, enabled=device.type != "cpu")
    letters, rows = Letters(size), []
    for step, host in enumerate(letters.batches(steps)):
        for group in optimizer.param_groups:
            group["lr"] = rate(step)
        batch = host.to(device, non_blocking=True)
        with low:
            loss = model(weights, batch[:, :-1], batch[:, 1:], size)
        optimizer.zero_grad()
        loss.backward()
        length = torch.nn.utils.clip_grad_norm_(weights.values(), CLIP, foreach=True)
        optimizer.step()
        if step % LOG_EVERY == 0:
            rows.append((step, loss.detach(), length))
        if (step + 1) % EVAL_EVERY == 0:
            with low, torch.no_grad():
                held_out = evaluation(weights, letters, device, size)
            report(log, rows, step + 1, held_out)
            rows.clear()
    return weights
    ### END SOLUTION


def evaluation(
    weights: Weights, letters: Letters, device: torch.device, size: Size
) -> torch.Tensor:
    """Return the mean loss on labels that were never trained on, still on the card."""
    ### BEGIN SOLUTION: today.evaluate, without the waiting
    batches = torch.cat([letters.batch(step, held_out=True) for step in range(size.held_out)])
    batch = batches.to(device, non_blocking=True)
    return loss_of(weights, batch[:, :-1], batch[:, 1:], size)
    ### END SOLUTION


def report(
    log: Log, rows: list[tuple[int, torch.Tensor, torch.Tensor]], done: int, held_out: torch.Tensor
) -> None:
    """Write the rows since the last evaluation, and this one."""
    ### BEGIN SOLUTION: how often do you ask the card?
    values = [held_out, *(value for _, *pair in rows for value in pair)]
    held, *numbers = torch.stack([value.float() for value in values]).tolist()
    if not np.isfinite(numbers).all():
        raise ArithmeticError(f"before step {done}: a loss or a gradient is not a number")
    for (step, *_), loss, norm in zip(rows, numbers[::2], numbers[1::2], strict=True):
        log.row(step, loss, norm)
    log.evaluation(done, held)
    ### END SOLUTION


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
