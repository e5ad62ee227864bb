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
from model import Network, Weights

TABLE = str.maketrans({letter: chr(number) for number, letter in enumerate(ALPHABET)})


class Labels(torch.utils.data.Dataset):
    """Whole batches by number; the text is translated once, by the C code of str."""

    def __init__(self, size: Size, batches: int, held_out: bool = False) -> None:
        self.size, self.batches, self.held_out = size, batches, held_out
        numbers = bytearray(text().translate(TABLE), "latin-1")
        self.numbers = torch.frombuffer(numbers, dtype=torch.uint8)

    def __len__(self) -> int:
        return self.batches

    def __getitem__(self, step: int) -> torch.Tensor:
        if step >= self.batches:
            raise IndexError(step)
        cut = self.size.context + 1
        starts = (place(self.size, step, row, self.held_out) for row in range(self.size.batch))
        return torch.stack([self.numbers[start : start + cut] for start in starts])


def train(seed: int, device: torch.device, size: Size, steps: int, log: Log) -> Weights:
    """Train for `steps` steps; return the weights: float32 ones are stepped, a copy multiplies."""
    kind = torch.float32 if device.type == "cpu" else torch.bfloat16
    network = Network(first_weights(size, seed), size).to(device)
    masters = {name: one.detach().clone() for name, one in network.named_parameters()}
    network.to(kind)
    copies = list(network.parameters())
    optimizer = torch.optim.AdamW(masters.values(), weight_decay=DECAY, foreach=True)
    exam = torch.cat(list(Labels(size, size.held_out, held_out=True)))
    losses, norms = torch.zeros(steps).to(device), torch.zeros(steps).to(device)
    pinned = device.type == "cuda"
    loader = torch.utils.data.DataLoader(Labels(size, steps), batch_size=None, pin_memory=pinned)
    for step, host in enumerate(loader):
        loss = network(host.to(device, non_blocking=True).long())
        loss.backward()
        for master in masters.values():
            master.grad = torch.empty_like(master)
        torch._foreach_copy_([one.grad for one in masters.values()], [one.grad for one in copies])
        network.zero_grad()
        optimizer.param_groups[0]["lr"] = rate(step)
        losses[step] = loss.detach()
        norms[step] = torch.nn.utils.clip_grad_norm_(masters.values(), CLIP, foreach=True)
        optimizer.step()
        with torch.no_grad():
            torch._foreach_copy_(copies, list(masters.values()))
            if (step + 1) % EVAL_EVERY == 0:
                held_out = network(exam.to(device, non_blocking=True).long())
                report(log, losses, norms, step + 1, held_out)
    return masters


def report(
    log: Log, losses: torch.Tensor, norms: torch.Tensor, done: int, held: torch.Tensor
) -> None:
    """Fetch everything at once and write the rows of the last EVAL_EVERY steps."""
    found = torch.cat([losses, norms, held.view(1).float()]).cpu().tolist()
    if not all(map(math.isfinite, found)):
        raise ArithmeticError(f"before step {done}: a loss or a gradient is not a number")
    for step in range(done - EVAL_EVERY, done, LOG_EVERY):
        log.row(step, found[step], found[len(losses) + step])
    log.evaluation(done, found[-1])


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
