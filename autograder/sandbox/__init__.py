"""Runs a learner's code where it can read, reach and outlive nothing. Judges nothing."""

from __future__ import annotations

from autograder.sandbox.box import Box
from autograder.sandbox.confine import confine
from autograder.sandbox.launcher import Launcher, Slot
from autograder.sandbox.layers import Layers, Missing, detect
from autograder.sandbox.limits import DESK, Limits, Usage
from autograder.sandbox.slots import cores, own_slot

__all__ = [
    "DESK", "Box", "Launcher", "Layers", "Limits", "Missing", "Slot", "Usage", "confine", "cores",
    "detect", "own_slot",
]  # fmt: skip
