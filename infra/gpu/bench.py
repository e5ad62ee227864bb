"""Puts today's job and another on one device, in alternation, and records traces of both.

Runs the code it is given, as you: on a machine of your own, or one that you can throw away.
"""

from __future__ import annotations

import gzip
import importlib
import json
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from infra.gpu import receipt as paper
from infra.gpu.blocks import Asked, Block, alternate, block

MODULES = ("job", "card", "today", "model", "train", "stalls", "mfu")
KEPT = ("name", "cat", "ph", "ts", "dur", "pid", "tid")  # of an event; its arguments are most of it
WIDTH_TIMES_RATE = 0.2
Say = Callable[[str], None]


@contextmanager
def gathered(given: Path, theirs: Path) -> Iterator[Path]:
    """Give a folder with the lab's own files, and over them what the other folder has to say.

    today.py and job.py are always the lab's own.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for source in (given, theirs):
            for file in (*source.glob("*.py"), *source.glob("labels.txt")):
                if source == given or file.name not in ("today.py", "job.py", "card.py"):
                    shutil.copy(file, folder)
        yield folder


@contextmanager
def loaded(folder: Path) -> Iterator[dict[str, Any]]:
    """Give the modules of a folder, and forget them afterwards."""
    for name in MODULES:
        sys.modules.pop(name, None)
    sys.path.insert(0, str(folder))
    try:
        yield {name: importlib.import_module(name) for name in ("job", paper.TODAY, paper.MINE)}
    finally:
        sys.path.remove(str(folder))
        for name in MODULES:
            sys.modules.pop(name, None)


def measure(
    folder: Path, device: str, size: str, steps: int, count: int, say: Say
) -> dict[str, Any]:
    """Run the jobs of a folder in alternating blocks; return the receipt."""
    import torch

    with loaded(folder) as modules:
        asked = Asked(torch.device(device), sized(modules["job"], size), steps, seed=7)
        blocks: list[Block] = []
        for name in alternate((paper.TODAY, paper.MINE), count):
            blocks.append(block(name, modules[name], asked))
            say(f"block {len(blocks):2} of {2 * count}  {name:6} {blocks[-1].seconds:8.2f} s")
        letters = len(modules["job"].ALPHABET)
    return paper.make(blocks, asdict(asked.size), card_name(device), letters)


def sized(job: Any, name: str) -> Any:
    """Return a size of the model; a wider one learns at a smaller rate, or it would not learn."""
    size = job.SIZES[name]
    job.RATE = min(job.RATE, WIDTH_TIMES_RATE / size.width)
    return size


def card_name(device: str) -> str:
    """Return what torch calls a device."""
    import torch

    return torch.cuda.get_device_name(device) if device.startswith("cuda") else device


def record(folder: Path, name: str, device: str, size: str, steps: int, to: Path) -> Path:
    """Write one job's trace, of one block; return its path. A CPU's trace says so in its name."""
    import torch
    from torch import profiler

    with loaded(folder) as modules:
        asked = Asked(torch.device(device), sized(modules["job"], size), steps, seed=7)
        kinds = [profiler.ProfilerActivity.CPU]
        if device.startswith("cuda"):
            kinds.append(profiler.ProfilerActivity.CUDA)
        recorder = profiler.profile(activities=kinds, acc_events=True)
        block(name, modules[name], asked, recorder=recorder)
    with tempfile.TemporaryDirectory() as scratch:
        whole = Path(scratch) / "whole.json"
        recorder.export_chrome_trace(str(whole))
        return keep(json.loads(whole.read_text()), to, card_name(device))


def keep(trace: dict[str, Any], to: Path, device: str) -> Path:
    """Write a trace without its arguments, compressed; the device stands in it."""
    events = [
        {key: one[key] for key in KEPT if key in one}
        for one in trace["traceEvents"]
        if one.get("ph") == "X" and one.get("dur", 0) > 0
    ]
    first = min((one["ts"] for one in events), default=0)
    for one in events:
        one["ts"], one["dur"] = round(one["ts"] - first, 1), round(one["dur"], 1)
    data = json.dumps({"recorded on": device, "traceEvents": events}, separators=(",", ":"))
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_bytes(gzip.compress(data.encode(), 9, mtime=0))
    return to


def undone(folder: Path, fixes: Path) -> Iterator[str]:
    """Take one fix after the other back out of a folder; yield its name while it is out.

    A file of fixes has tables [[fix]] with name, file and swap: a text that occurs once, and the
    one that stands for it before the fix.
    """
    for fix in tomllib.loads(fixes.read_text())["fix"]:
        path = folder / fix["file"]
        whole = path.read_text()
        new, old = fix["swap"]
        if whole.count(new) != 1:
            raise ValueError(f"{fix['name']}: its text does not stand in {fix['file']} once")
        path.write_text(whole.replace(new, old))
        try:
            yield fix["name"]
        finally:
            path.write_text(whole)
