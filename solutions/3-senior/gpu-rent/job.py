"""The address model: its sizes, its text, its first weights, its log, its published file.

Given: your changes to it are not used. It knows nothing of training.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch

ALPHABET = "\n abcdefghijklmnopqrstuvwxyz0123456789.,:-/"
STEPS, LOG_EVERY, EVAL_EVERY = 60, 3, 30
RATE, WARMUP, DECAY, CLIP = 6e-3, 10, 0.05, 1.0


@dataclass(frozen=True)
class Size:
    """How large the model and a batch are."""

    width: int
    layers: int
    heads: int
    context: int
    batch: int
    held_out: int = 4  # batches


SIZES = {
    "bench": Size(width=32, layers=2, heads=2, context=32, batch=8),
    "card": Size(width=2048, layers=16, heads=16, context=1024, batch=8),
    "small-card": Size(width=1024, layers=12, heads=8, context=1024, batch=4),  # 16 GB
}


def text() -> str:
    """Return the labels of the last weeks, as the printers wrote them."""
    return Path(__file__).with_name("labels.txt").read_text()


def windows(size: Size) -> int:
    """Return how many windows of `context` letters the training part of the text has."""
    return int(len(text()) * 0.8) // size.context - 1


def place(size: Size, step: int, row: int, held_out: bool = False) -> int:
    """Return where in the text row `row` of batch `step` begins. Its targets begin one later."""
    number = step * size.batch + row
    if held_out:
        first = windows(size) + 1
        return (first + number % (len(text()) // size.context - 1 - first)) * size.context
    return number * 37 % windows(size) * size.context


def first_weights(size: Size, seed: int) -> dict[str, torch.Tensor]:
    """Return the weights that the training starts from, by name, on the host."""
    draws = torch.Generator().manual_seed(seed)

    def normal(*shape: int, scale: float = 1.0) -> torch.Tensor:
        return torch.randn(shape, generator=draws) * 0.05 * scale

    wide, deep = size.width, (2 * size.layers) ** -0.5
    weights = {"letters": normal(len(ALPHABET), wide), "places": normal(size.context, wide)}
    for layer in range(size.layers):
        weights |= {
            f"layers.{layer}.norm1.weight": torch.ones(wide),
            f"layers.{layer}.norm1.bias": torch.zeros(wide),
            f"layers.{layer}.qkv": normal(3 * wide, wide),
            f"layers.{layer}.out": normal(wide, wide, scale=deep),
            f"layers.{layer}.norm2.weight": torch.ones(wide),
            f"layers.{layer}.norm2.bias": torch.zeros(wide),
            f"layers.{layer}.up": normal(4 * wide, wide),
            f"layers.{layer}.down": normal(wide, 4 * wide, scale=deep),
        }
    return weights | {
        "norm.weight": torch.ones(wide),
        "norm.bias": torch.zeros(wide),
        "head": normal(len(ALPHABET), wide),
    }


def turned(weights: torch.Tensor) -> torch.Tensor:
    """Return weights of which about every second has the other sign, picked by its own digits.

    Another beginning, to see whether a run goes on from where it is told to. The digits are those
    of bfloat16: a copy in that format is turned alike.
    """
    odd = weights.bfloat16().view(torch.int16) & 1
    return torch.where(odd == 1, -weights, weights)


def rate(step: int) -> float:
    """Return the learning rate of a step."""
    return RATE * min(1.0, (step + 1) / WARMUP)


class Log:
    """log.jsonl: a row every LOG_EVERY steps, and one for each evaluation. Late rows are fine."""

    def __init__(self) -> None:
        self.file = Path("log.jsonl").open("w")  # noqa: SIM115  it lives as long as the job

    def row(self, step: int, loss: float, norm: float) -> None:
        """Write the loss of step `step`, and the length of its gradient before clipping."""
        self._write({"step": step, "loss": loss, "norm": norm})

    def evaluation(self, step: int, loss: float) -> None:
        """Write the loss on the held-out labels after `step` steps."""
        self._write({"step": step, "held_out": loss})

    def _write(self, row: dict[str, float]) -> None:
        self.file.write(json.dumps(row) + "\n")
        self.file.flush()


def publish(weights: dict[str, torch.Tensor]) -> None:
    """Write model.safetensors: length of the header, header in JSON, raw bytes in float32."""
    header, body = {}, bytearray()
    for name, tensor in weights.items():
        data = tensor.detach().cpu().float().contiguous().numpy().tobytes()
        span = [len(body), len(body) + len(data)]
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": span}
        body += data
    head = json.dumps(header).encode()
    Path("model.safetensors").write_bytes(len(head).to_bytes(8, "little") + head + body)
