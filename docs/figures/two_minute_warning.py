"""The worked example of `docs/3-senior/two-minute-warning.md`, and its two pictures.

python docs/figures/two_minute_warning.py
"""

from __future__ import annotations

import copy
import math
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn

ROWS, BATCH, STEPS, KILLED = 800, 16, 200, 120
torch.set_num_threads(1)  # the tensors are small: a second thread would mostly wait


# --8<-- [start:run]
class Run:
    """A small training run with the hidden states of a large one."""

    def __init__(self, seed: int = 7) -> None:
        torch.manual_seed(seed)
        self.x = torch.randn(ROWS, 8)
        self.y = torch.sin(self.x[:, :3].sum(1, keepdim=True)) + 0.3 * torch.randn(ROWS, 1)
        self.net = nn.Sequential(nn.Linear(8, 24), nn.ReLU(), nn.Dropout(0.1), nn.Linear(24, 1))
        self.optimizer = torch.optim.AdamW(self.net.parameters(), lr=1e-2)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimizer, 1e-2, STEPS)
        self.order = torch.Generator().manual_seed(seed)  # shuffles; dropout has torch's own
        self.epoch, self.used = torch.randperm(ROWS, generator=self.order), 0

    def step(self) -> float:
        """Train on the next batch and return its loss."""
        if self.used == ROWS:
            self.epoch, self.used = torch.randperm(ROWS, generator=self.order), 0
        rows = self.epoch[self.used : self.used + BATCH]
        self.used += BATCH
        loss = nn.functional.mse_loss(self.net(self.x[rows]), self.y[rows])
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        return loss.item()
# --8<-- [end:run]


# --8<-- [start:state]
def save(run: Run) -> dict[str, Any]:
    """Return everything on which the next step depends."""
    state = {
        "weights": run.net.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "schedule": run.schedule.state_dict(),
        "dropout": torch.get_rng_state(),
        "place": (run.order.get_state(), run.epoch, run.used),
    }
    return copy.deepcopy(state)  # a state_dict points into the run, which goes on


def load(run: Run, state: dict[str, Any], forget: str = "") -> None:
    """Make a fresh run the saved one, but for one thing that somebody forgot."""
    run.net.load_state_dict(state["weights"])
    if forget != "optimizer":
        run.optimizer.load_state_dict(state["optimizer"])
    if forget != "schedule":
        run.schedule.load_state_dict(state["schedule"])
    if forget != "dropout":
        torch.set_rng_state(state["dropout"])
    if forget != "place":
        order, run.epoch, run.used = state["place"]
        run.order.set_state(order)
# --8<-- [end:state]


# --8<-- [start:compare]
def weights(run: Run) -> torch.Tensor:
    """Return all weights in a row."""
    return torch.cat([w.detach().flatten() for w in run.net.parameters()])


def resumed(forget: str) -> tuple[list[float], list[float]]:
    """Kill a run at step 120 and resume it; return its losses and its distance from a calm run.

    The distance is the largest difference of any weight after each step.
    """
    calm = Run()
    for _ in range(KILLED):
        calm.step()
    saved, path = save(calm), []
    for _ in range(STEPS - KILLED):
        calm.step()
        path.append(weights(calm))
    heir = Run()
    load(heir, saved, forget)
    losses, distances = [], []
    for there in path:
        losses.append(heir.step())
        distances.append((weights(heir) - there).abs().max().item())
    return losses, distances
# --8<-- [end:compare]


# --8<-- [start:cost]
def night(hours: float, stops: float, lost: float, restart: float = 0.05) -> float:
    """Return the expected hours a job of `hours` takes when `stops` interruptions hit a night.

    Each costs `restart` hours for a new machine and `lost` hours of repeated work. With
    `lost = inf` every interruption sends the job back to its beginning.
    """
    rate = stops / hours
    if lost < math.inf:
        return hours * (1 + rate * (lost + restart))
    return (math.exp(stops) - 1) * (1 / rate + restart) if stops else hours
# --8<-- [end:cost]


FORGOTTEN = {
    "": ("nothing", "#1f6a48"),
    "dropout": ("dropout's generator", "#76257c"),
    "schedule": ("the schedule", "#3a3390"),
    "optimizer": ("the optimizer", "#9a3412"),
    "place": ("the place in the data", "#8a6d00"),
}
STYLE = {
    "svg.hashsalt": "two-minute-warning",
    "svg.fonttype": "none",
    "font.size": 9,
    "figure.facecolor": "#ffffff",
    "axes.facecolor": "#ffffff",
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def distances() -> Figure:
    """Losses that look alike, and the same runs' weights subtracted from the calm run's."""
    figure = Figure((9, 3.6), layout="constrained")
    loss, distance = figure.subplots(1, 2)
    steps = range(KILLED + 1, STEPS + 1)
    for forget, (name, colour) in FORGOTTEN.items():
        losses, apart = resumed(forget)
        smooth = np.convolve(losses, np.ones(15) / 15, "valid")
        loss.plot(steps[14:], smooth, color=colour, linewidth=1.2)
        dash = (0, (4, 2)) if forget == "optimizer" else "-"  # it lies on another line
        height = np.maximum(apart, 1e-9)
        distance.plot(steps, height, color=colour, linewidth=1.4, linestyle=dash, label=name)
    loss.set(title="Training loss, mean of 15 steps", xlabel="step", ylim=(0, None))
    distance.set(title="Largest difference of any weight", xlabel="step", yscale="log")
    distance.set_yticks([1e-9, 1e-6, 1e-3, 1], ["exactly 0", "1e-6", "0.001", "1"])
    distance.legend(title="forgotten", frameon=False, fontsize=8, loc="center right")
    return figure


def bills(calm: float = 11, spot: float = 0.34, list_price: float = 1.006) -> Figure:
    """What a night costs against how often it is interrupted."""
    figure = Figure((6.4, 3.4), layout="constrained")
    axes = figure.subplots()
    stops = np.linspace(0, 3, 61)
    ways = {
        "spot, from the beginning": (math.inf, "#9a3412"),
        "spot, checkpoints": (1 / 60, "#1f6a48"),
    }
    for name, (lost, colour) in ways.items():
        dollars = [night(calm, float(s), lost) * spot for s in stops]
        axes.plot(stops, dollars, color=colour, linewidth=1.6, label=name)
    axes.axhline(calm * list_price, color="#544a5e", dashes=(4, 2), label="on demand")
    axes.set(xlabel="interruptions expected a night", ylabel="dollars a night", ylim=(0, 26))
    axes.legend(frameon=False, loc="upper left")
    return figure


def draw(folder: Path) -> list[Path]:
    """Write the pictures into `folder` and return their paths."""
    paths = []
    with mpl.rc_context(STYLE):
        for make in (distances, bills):
            paths.append(folder / f"two-minute-warning-{make.__name__}.svg")
            make().savefig(paths[-1], metadata={"Date": None})
    return paths


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "3-senior")
