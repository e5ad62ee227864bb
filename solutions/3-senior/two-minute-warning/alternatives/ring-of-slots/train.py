"""The nightly delay model with a ring of four checkpoint slots."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from nightly import Feed, Night
from notice import Notice
from shelf import SLOTS, Porter, Shelf
from state import restore, snapshot

EVERY = 25


def main() -> int:
    """Train tonight's model; return the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--to")
    options = parser.parse_args()
    night = Night(options.seed, Feed())
    if options.to:
        return survive(night, Shelf(options.to))
    while not night.over:
        night.step()
    Path("model.safetensors").write_bytes(night.weights())
    return 0


def survive(night: Night, shelf: Shelf) -> int:
    """Train to the end, or to the notice."""
    if shelf.done():
        return 0
    notice, slot = Notice(), 0
    for _, newest, data in shelf.sound()[:1]:
        restore(night, data)
        slot = (newest + 1) % SLOTS
    porter = Porter(shelf, slot)
    while not night.over:
        if notice.given(night.done):
            porter.carry(night.done, snapshot(night))
            porter.wait()
            return 75
        night.step()
        if night.done % EVERY == 0:
            porter.carry(night.done, snapshot(night))
    porter.wait()
    shelf.publish(night.weights())
    return 0


if __name__ == "__main__":
    sys.exit(main())
