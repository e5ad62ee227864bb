"""Counting what a loop asks for, and where an operation stands under the roof. No card needed.

    python docs/3-senior/gpu-rent/worked.py

A regression on 512 rows, written twice. It measures no time; docs/figures/gpu_rent.py does.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

# --8<-- [start:count]
MOVES_NOTHING = {
    "view", "t", "transpose", "expand", "detach", "slice", "select", "_unsafe_view", "alias",
    "unsqueeze", "squeeze", "empty", "empty_like", "empty_strided",
    "_record_function_enter_new", "_record_function_exit",  # the profiler's marks
}  # fmt: skip


class Count(TorchDispatchMode):
    """Counts what reaches a device: kernels, and questions that the host waits for."""

    def __init__(self) -> None:
        super().__init__()
        self.names: Counter[str] = Counter()

    def __torch_dispatch__(self, op: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names[op.overloadpacket.__name__] += 1
        return op(*args, **(kwargs or {}))

    @property
    def waits(self) -> int:
        """How often the host asked for a number."""
        return self.names["_local_scalar_dense"]

    @property
    def kernels(self) -> int:
        """How many kernels were launched."""
        idle = MOVES_NOTHING | {"_local_scalar_dense"}
        return sum(count for name, count in self.names.items() if name not in idle)


# --8<-- [end:count]


def network() -> nn.Sequential:
    """Return the same small network every time."""
    torch.manual_seed(7)
    layers = [nn.Linear(8, 32), nn.GELU(), nn.Linear(32, 32), nn.GELU(), nn.Linear(32, 1)]
    return nn.Sequential(*layers)


# --8<-- [start:loops]
def careless(x: torch.Tensor, y: torch.Tensor, steps: int) -> list[float]:
    """Train; look at every number as soon as it is there."""
    net, losses = network(), []
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2, foreach=False)
    for _ in range(steps):
        loss = ((net(x) - y) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        length = sum(w.grad.norm().item() ** 2 for w in net.parameters()) ** 0.5
        for weight in net.parameters():
            weight.grad *= min(1.0, 1.0 / length)
        optimizer.step()
        losses.append(loss.item())
    return losses


def careful(x: torch.Tensor, y: torch.Tensor, steps: int) -> list[float]:
    """Train; look at the end."""
    net, losses = network(), []
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2, fused=True)
    for _ in range(steps):
        loss = nn.functional.mse_loss(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0, foreach=True)
        optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses).tolist()


# --8<-- [end:loops]


def data() -> tuple[torch.Tensor, torch.Tensor]:
    """Return 512 rows."""
    draws = torch.Generator().manual_seed(3)
    x = torch.randn(512, 8, generator=draws)
    return x, torch.sin(x[:, :3].sum(1, keepdim=True))


def counted(loop: Any, steps: int = 40) -> tuple[list[float], Count]:
    """Run a loop and count."""
    with Count() as count:
        losses = loop(*data(), steps)
    return losses, count


# --8<-- [start:roof]
def intensity(rows: int, inner: int, columns: int, size: int) -> float:
    """Return the operations of a matrix product for each byte it has to move.

    rows x inner times inner x columns, in numbers of `size` bytes; every matrix moved once.
    """
    flops = 2 * rows * inner * columns
    return flops / (size * (rows * inner + inner * columns + rows * columns))


def roof(flops_a_byte: float, peak: float, memory: float) -> float:
    """Return the most operations a second that a device can do at an intensity."""
    return min(peak, memory * flops_a_byte)


# --8<-- [end:roof]


if __name__ == "__main__":
    for one in (careless, careful):
        found, seen = counted(one)
        print(f"{one.__name__:9} {seen.kernels / 40:5.1f} kernels a step, {seen.waits} waits,"
              f" last loss {found[-1]:.4f}")  # fmt: skip
    for width in (32, 256, 2048):
        print(f"width {width:4}: {intensity(16384, width, 4 * width, 2):6.1f} operations a byte")
