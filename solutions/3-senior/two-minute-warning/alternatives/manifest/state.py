"""State in which the place in the data is one number; the shuffles are replayed from the seed."""

from __future__ import annotations

import io
import random

import torch
from nightly import BATCH, ROWS, Night

PARTS = ("model", "average", "optimizer", "schedule", "scaler")


def snapshot(night: Night) -> bytes:
    """Return everything on which the next step depends and that cannot be drawn again."""
    state = {name: getattr(night, name).state_dict() for name in PARTS}
    state |= {"python": random.getstate(), "noise": night.noise.bit_generator.state}
    state |= {"torch": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all()}
    data = io.BytesIO()
    torch.save(state | {"done": night.done}, data)
    return data.getvalue()


def restore(night: Night, data: bytes) -> None:
    """Make a fresh night the one that `data` was taken from."""
    state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    for name in PARTS:
        getattr(night, name).load_state_dict(state[name])
    random.setstate(state["python"])
    night.noise.bit_generator.state = state["noise"]
    torch.set_rng_state(state["torch"])
    torch.cuda.set_rng_state_all(state["cuda"])
    night.done = state["done"]
    replay(night)


def replay(night: Night) -> None:
    """Draw the shuffles of the epochs begun so far, and go to the place in the last of them."""
    rows = night.done * BATCH
    for _ in range(-(-rows // ROWS)):
        night.order.shuffled = night.order.shuffler.permutation(ROWS)
    night.order.used = rows - max(0, (rows - 1) // ROWS) * ROWS
