"""The address model's training, on a card that earns its rent.

    python train.py --seed 7                     on the bench's card; writes run.card
    python train.py --seed 7 --device cpu        without it, in float32
    python train.py --seed 7 --device cuda --size card --steps 20

Same letters, same steps, same rows in the log, same evaluations as today.py. One device.
"""

from __future__ import annotations

import argparse
import math
import sys

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

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


class Flat:
    """All weights in one tensor, and AdamW on it: a dozen kernels, however many weights."""

    def __init__(self, weights: Weights, device: torch.device) -> None:
        self.shapes = {name: weight.shape for name, weight in weights.items()}
        self.all = torch.cat([one.flatten() for one in weights.values()]).to(device)
        self.all.requires_grad_()
        self.mean, self.square = torch.zeros_like(self.all), torch.zeros_like(self.all)
        self.steps = 0

    def weights(self, kind: torch.dtype) -> Weights:
        """Return views of the weights, in a format; one copy casts them all."""
        return self.cut(self.all.to(kind))

    def fetched(self) -> Weights:
        """Return the weights on the host; one transfer fetches them all."""
        return self.cut(self.all.detach().cpu())

    def cut(self, numbers: torch.Tensor) -> Weights:
        """Return views of all weights in one tensor, by name."""
        parts = numbers.split([shape.numel() for shape in self.shapes.values()])
        named = zip(self.shapes.items(), parts, strict=True)
        return {name: part.view(shape) for (name, shape), part in named}

    @torch.no_grad()
    def step(self, lr: float) -> torch.Tensor:
        """Take a clipped step of AdamW; return how long the gradient was."""
        self.steps += 1
        gradient, self.all.grad = self.all.grad, None
        length = gradient.norm()
        gradient *= (CLIP / (length + 1e-6)).clamp(max=1.0)
        self.mean.lerp_(gradient, 1 - BETA1)
        self.square.mul_(BETA2).addcmul_(gradient, gradient, value=1 - BETA2)
        root = self.square.sqrt().div_(math.sqrt(1 - BETA2**self.steps)).add_(EPSILON)
        self.all.mul_(1 - lr * DECAY).addcdiv_(self.mean, root, value=-lr / (1 - BETA1**self.steps))
        return length


def rows_of(size: Size, steps: int, held_out: bool = False) -> list[list[int]]:
    """Return where the rows of every batch begin."""
    rows = range(size.batch)
    return [[place(size, step, row, held_out) for row in rows] for step in range(steps)]


def train(seed: int, device: torch.device, size: Size, steps: int, log: Log) -> Weights:
    """Train for `steps` steps; return the weights. The text and the plan are sent once."""
    numbers = {letter: number for number, letter in enumerate(ALPHABET)}
    letters = torch.tensor([numbers[one] for one in text()], dtype=torch.int32).to(device)
    plan = torch.tensor(rows_of(size, steps)).to(device)
    exam = torch.tensor(rows_of(size, size.held_out, held_out=True)).flatten().to(device)
    window = torch.arange(size.context + 1).to(device)
    flat = Flat(first_weights(size, seed), device)
    kind = torch.float32 if device.type == "cpu" else torch.bfloat16
    seen = torch.zeros(steps, 2).to(device)

    def loss(starts: torch.Tensor) -> torch.Tensor:
        batch = letters[starts[:, None] + window].long()
        return loss_of(flat.weights(kind), batch[:, :-1], batch[:, 1:], size)

    for step in range(steps):
        found = loss(plan[step])
        found.backward()
        seen[step, 0] = found.detach()
        seen[step, 1] = flat.step(rate(step))
        if (step + 1) % EVAL_EVERY == 0:
            with torch.no_grad():
                held_out = loss(exam)
            fresh = seen[step + 1 - EVAL_EVERY : step + 1].flatten()
            *pairs, last = torch.cat([fresh, held_out.float().view(1)]).cpu().tolist()
            if not all(map(math.isfinite, pairs)):
                raise ArithmeticError(f"before step {step + 1}: not a number")
            for place_, (value, norm) in enumerate(zip(pairs[::2], pairs[1::2], strict=True)):
                number = step + 1 - EVAL_EVERY + place_
                if number % LOG_EVERY == 0:
                    log.row(number, value, norm)
            log.evaluation(step + 1, last)
    return flat.fetched()


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
