"""The two pictures of `docs/3-senior/gpu-rent.md`, from numbers that were measured once and kept.

python docs/figures/gpu_rent.py              draw from docs/3-senior/gpu-rent/*.json
python docs/figures/gpu_rent.py --measure    measure this machine's CPU and both jobs' tapes again
python docs/figures/gpu_rent.py --steps      the tapes only
"""

from __future__ import annotations

import atexit
import importlib
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

HERE = Path(__file__).parents[1] / "3-senior"
NUMBERS = HERE / "gpu-rent"
SOLUTION = Path(__file__).parents[2] / "solutions" / "3-senior" / "gpu-rent"
INK, SLOW, FAST, PLAIN, OTHER = "#241c2e", "#c2410c", "#1f6a48", "#3a3390", "#c9a227"
STYLE = {
    "svg.hashsalt": "gpu-rent",
    "svg.fonttype": "none",
    "font.size": 10,
    "figure.facecolor": "#ffffff",
    "axes.facecolor": "#ffffff",
    "axes.spines.top": False,
    "axes.spines.right": False,
}


# ---------------------------------------------------------------- measuring


def seconds(work: Callable[[], object]) -> float:
    """Return the CPU seconds of one call, the best of five rounds."""
    work()
    began, calls = time.process_time(), 0
    while time.process_time() - began < 0.05:
        work()
        calls += 1
    rounds = []
    for _ in range(5):
        began = time.process_time()
        for _ in range(calls):
            work()
        rounds.append((time.process_time() - began) / calls)
    return min(rounds)


def operations(width: int) -> dict[str, tuple[float, float, Callable[[], object]]]:
    """Return operations of the model at a width: operations, bytes moved at least, and a call."""
    import torch
    from torch.nn import functional

    rows = 256
    x, up, wide = torch.randn(rows, width), torch.randn(4 * width, width), (width,)
    inner, scale = torch.randn(rows, 4 * width), torch.ones(width)
    weights = [torch.randn(12 * width * width, requires_grad=True)]
    weights[0].grad = torch.randn(12 * width * width)
    adam = torch.optim.AdamW(weights, fused=True)
    return {
        "linear": (2.0 * rows * width * 4 * width, 4.0 * (5 * rows * width + 4 * width**2),
                   lambda: functional.linear(x, up)),
        "norm": (8.0 * x.numel(), 8.0 * x.numel(), lambda: functional.layer_norm(x, wide, scale)),
        "gelu": (10.0 * inner.numel(), 8.0 * inner.numel(), lambda: functional.gelu(inner)),
        "AdamW": (12.0 * weights[0].numel(), 28.0 * weights[0].numel(), adam.step),
    }  # fmt: skip


def measure_roof() -> dict[str, Any]:
    """Measure this machine's CPU, one thread, and the model's operations on it."""
    import torch

    torch.set_num_threads(1)
    a, long = torch.randn(1024, 1024), torch.randn(1 << 25)
    target = torch.empty_like(long)
    points = []
    for width in (32, 512):
        for name, (flops, moved, call) in operations(width).items():
            points.append({"name": name, "width": width, "flops": flops, "bytes": moved,
                           "seconds": seconds(call)})  # fmt: skip
    return {
        "machine": cpu(), "threads": 1, "torch": torch.__version__,
        "peak": 2 * 1024**3 / seconds(lambda: a @ a),
        "memory": 2 * long.nbytes / seconds(lambda: target.copy_(long)), "points": points,
    }  # fmt: skip


def cpu() -> str:
    """Return what the CPU calls itself."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "a CPU"


def measure_steps() -> dict[str, Any]:
    """Return the spans of one step of both jobs on the bench's card, from their tapes."""
    with tempfile.TemporaryDirectory() as folder:
        for file in SOLUTION.glob("*.py"):
            (Path(folder) / file.name).write_bytes(file.read_bytes())
        (Path(folder) / "labels.txt").write_text(
            "".join(f"wold end {n % 9} standard house {n % 97}.5kg\n" for n in range(1100))
        )
        sys.path.insert(0, folder)
        return {name: one_step(name) for name in ("today", "train")}


def one_step(job: str) -> list[list[Any]]:
    """Return lane, name, start and length of what the third step of a job asks of the card."""
    import card  # type: ignore[import-not-found]
    import torch

    atexit.unregister(card.tape.save)
    module, first = importlib.import_module(job), len(card.tape.lines)
    begins: list[int] = []
    rate = module.rate
    module.rate = lambda step: begins.append(len(card.tape.lines)) or rate(step)
    kept = module.train(7, torch.device("card"), module.SIZES["bench"], 4, None if job == "train"
                        else Quiet())  # fmt: skip
    player, places = card.Player(), []
    for number, line in enumerate(card.tape.lines[first:], first):
        if number in begins:
            places.append(len(player.clock.spans))
        entry = json.loads(line)
        if entry and isinstance(entry[0], str):
            player.one(*entry)
    del kept
    found = player.clock.spans[places[2] : places[3]]
    start = min(one[2] for one in found)
    lanes = {"host": 1, "card": 2}
    return [[lanes[lane], name, round(begin - start, 1), took] for lane, name, begin, took in found]


class Quiet:
    """Stands where a job expects its log."""

    def row(self, *_: float) -> None:
        """Forget a row."""


# ---------------------------------------------------------------- drawing


def roofline() -> Figure:
    """What each operation could do at most on the CPU, and what it did."""
    found = json.loads((NUMBERS / "roofline.json").read_text())
    figure = Figure((6.4, 4.6), layout="constrained")
    axes = figure.subplots()
    x = np.logspace(-1.2, 2.6, 80)
    roof = np.minimum(found["peak"], found["memory"] * x) / 1e9
    axes.plot(x, roof, color=INK, linewidth=2)
    memory = found["memory"] / 1e9
    axes.text(0.14, 0.065 * memory, f"memory\n{memory:.0f} GB/s", color=INK)
    axes.text(60, 1.15 * found["peak"] / 1e9, f"{found['peak'] / 1e9:.0f} GFLOP/s", color=INK)
    for width, colour, marker in ((32, SLOW, "o"), (512, FAST, "s")):
        for one in found["points"]:
            if one["width"] == width:
                place = one["flops"] / one["bytes"], one["flops"] / one["seconds"] / 1e9
                axes.plot(*place, marker, color=colour, markersize=7)
                apart, side = ((7, -11), "left") if width == 32 else ((-8, 4), "right")
                axes.annotate(one["name"], place, apart, textcoords="offset points",
                              color=colour, ha=side)  # fmt: skip
        axes.plot([], [], marker, color=colour, label=f"width {width}")
    axes.set(xscale="log", yscale="log", xlabel="operations for each byte moved",
             ylabel="GFLOP/s", title="Measured on a CPU, one thread, float32")  # fmt: skip
    axes.legend(frameon=False, loc="lower right")
    return figure


def steps() -> Figure:
    """One step of both jobs on the bench's card: when the host launches, when the card works."""
    found = json.loads((NUMBERS / "steps.json").read_text())
    figure = Figure((6.4, 4.4), layout="constrained")
    both = figure.subplots(2, 1, sharex=True)
    names = {"today": "today.py", "train": "the reference"}
    for axes, (job, title) in zip(both, names.items(), strict=True):
        for colour in (PLAIN, OTHER, FAST, SLOW):
            for lane, height in ((1, 1), (2, 0)):
                bars = [(start / 1000, took / 1000) for where, name, start, took in found[job]
                        if where == lane and colour_of(lane, name) == colour]  # fmt: skip
                axes.broken_barh(bars, (height - 0.35, 0.7), color=colour, linewidth=0,
                                 rasterized=True)  # fmt: skip
        kernels = sum(1 for where, *_ in found[job] if where == 2)
        last = max(start + took for _, _, start, took in found[job]) / 1000
        axes.set(yticks=[0, 1], yticklabels=["card", "host"],
                 title=f"{title}: {kernels} launches, {last:.1f} ms")  # fmt: skip
    both[1].set_xlabel("milliseconds of the bench's card (a model)")
    words = {PLAIN: "launches", SLOW: "waits, copies", FAST: "products", OTHER: "other kernels"}
    for colour, word in words.items():
        both[1].plot([], [], "s", color=colour, label=word)
    both[1].legend(frameon=False, loc="upper right")
    return figure


def colour_of(lane: int, name: str) -> str:
    """Return the colour of a span."""
    if name.startswith(("fetch", "copy", "end")):
        return SLOW
    if lane == 1:
        return PLAIN
    return FAST if name in ("mm", "bmm") or name.startswith("_scaled") else OTHER


def draw(folder: Path) -> list[Path]:
    """Write the pictures into `folder` and return their paths."""
    paths = []
    with mpl.rc_context(STYLE):
        for make in (roofline, steps):
            paths.append(folder / f"{make.__name__}.svg")
            make().savefig(paths[-1], metadata={"Date": None}, dpi=200)
    return paths


if __name__ == "__main__":
    if "--measure" in sys.argv:
        (NUMBERS / "roofline.json").write_text(json.dumps(measure_roof(), indent=1) + "\n")
    if {"--measure", "--steps"} & set(sys.argv):
        (NUMBERS / "steps.json").write_text(json.dumps(measure_steps()) + "\n")
    draw(NUMBERS)
