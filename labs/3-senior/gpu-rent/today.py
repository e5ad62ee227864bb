"""The address model's training as it runs today, on a rented card. It is right, and it is slow.

    python today.py --seed 7                     on the bench's card
    python today.py --seed 7 --device cpu        without it
    python today.py --seed 7 --device cuda --size card --steps 20

Given: your changes to it are not used.
"""

from __future__ import annotations

import argparse
import math
import sys
import time

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

Weights = dict[str, torch.Tensor]


def batch(
    size: Size, step: int, device: torch.device, held_out: bool = False
) -> list[torch.Tensor]:
    """Return letters and targets of a batch: two tensors of batch x context numbers."""
    letters = [ALPHABET.index(letter) for letter in text()]
    x, y = [], []
    for row in range(size.batch):
        start = place(size, step, row, held_out)
        x.append(torch.tensor(letters[start : start + size.context]).to(device))
        y.append(torch.tensor(letters[start + 1 : start + size.context + 1]).to(device))
    return [torch.stack(x), torch.stack(y)]


def norm(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """Return x with mean 0 and variance 1 in its last dimension, scaled and moved."""
    mean = x.mean(-1, keepdim=True)
    variance = ((x - mean) ** 2).mean(-1, keepdim=True)
    return (x - mean) / torch.sqrt(variance + 1e-5) * weight + bias


def gelu(x: torch.Tensor) -> torch.Tensor:
    """Return x times the normal distribution of x, nearly."""
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def attend(x: torch.Tensor, weights: Weights, layer: str, size: Size) -> torch.Tensor:
    """Return what each letter learns from the letters before it."""
    heads = []
    q, k, v = (x @ weights[layer + "qkv"].t()).split(size.width, -1)
    wide = size.width // size.heads
    for head in range(size.heads):
        part = slice(head * wide, (head + 1) * wide)
        keys = k[:, :, part].transpose(1, 2).contiguous()
        scores = q[:, :, part].contiguous() @ keys / math.sqrt(wide)
        past = torch.tril(torch.ones(size.context, size.context)).to(x.device)
        scores = scores.masked_fill(past == 0, -1e9)
        scores = torch.exp(scores - scores.amax(-1, keepdim=True))
        heads.append((scores / scores.sum(-1, keepdim=True)) @ v[:, :, part].contiguous())
    return torch.cat(heads, -1).clone() @ weights[layer + "out"].t()


def loss_of(weights: Weights, x: torch.Tensor, y: torch.Tensor, size: Size) -> torch.Tensor:
    """Return the mean loss of guessing every next letter."""
    h = weights["letters"][x] + weights["places"]
    for number in range(size.layers):
        layer = f"layers.{number}."
        n1, n2 = (layer + "norm1."), (layer + "norm2.")
        h = h + attend(norm(h, weights[n1 + "weight"], weights[n1 + "bias"]), weights, layer, size)
        inner = norm(h, weights[n2 + "weight"], weights[n2 + "bias"]).clone()
        h = h + gelu(inner @ weights[layer + "up"].t()) @ weights[layer + "down"].t()
    odds = norm(h, weights["norm.weight"], weights["norm.bias"]) @ weights["head"].t()
    odds = odds - odds.amax(-1, keepdim=True).detach()
    logs = odds - torch.log(torch.exp(odds).sum(-1, keepdim=True))
    return -logs.gather(-1, y.unsqueeze(-1)).mean()


def clip(weights: Weights) -> float:
    """Make the gradient at most CLIP long; return how long it was."""
    squares = 0.0
    for weight in weights.values():
        squares += weight.grad.norm().item() ** 2
    length = math.sqrt(squares)
    for weight in weights.values():
        weight.grad = weight.grad * min(1.0, CLIP / (length + 1e-6))
    return length


def train(seed: int, device: torch.device, size: Size, steps: int, log: Log) -> Weights:
    """Train for `steps` steps; return the weights."""
    weights = {name: one.to(device) for name, one in first_weights(size, seed).items()}
    for weight in weights.values():
        weight.requires_grad_()
    optimizer = torch.optim.AdamW(weights.values(), weight_decay=DECAY, foreach=False)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate(step)
        x, y = batch(size, step, device)
        loss = loss_of(weights, x, y, size)
        if math.isnan(loss.item()):
            raise ArithmeticError(f"step {step}: the loss is not a number")
        optimizer.zero_grad()
        loss.backward()
        length = clip(weights)
        optimizer.step()
        print(f"step {step:4} loss {loss.item():.4f} norm {length:.3f}", file=sys.stderr)
        if step % LOG_EVERY == 0:
            log.row(step, loss.item(), length)
        if (step + 1) % EVAL_EVERY == 0:
            log.evaluation(step + 1, evaluate(weights, device, size))
    return weights


@torch.no_grad()
def evaluate(weights: Weights, device: torch.device, size: Size) -> float:
    """Return the mean loss on labels that were never trained on."""
    losses = []
    for step in range(size.held_out):
        losses.append(loss_of(weights, *batch(size, step, device, held_out=True), size).item())
    return sum(losses) / len(losses)


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
    began = time.perf_counter()
    device, size = torch.device(options.device), SIZES[options.size]
    publish(train(options.seed, device, size, options.steps, Log()))
    seconds = time.perf_counter() - began
    print(f"{options.steps * size.batch * size.context / seconds:.0f} letters/s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
