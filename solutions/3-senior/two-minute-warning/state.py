"""The whole state of a run as bytes, and back. Where the bytes are kept is none of its business."""

from __future__ import annotations

import io
import random

import torch

from nightly import Night

PARTS = ("model", "average", "optimizer", "schedule", "scaler")  # all speak state_dict


def snapshot(night: Night) -> bytes:
    """Return everything on which the next step depends. The bytes share no memory with the run."""
    ### BEGIN SOLUTION: the five PARTS, four generators, and where in the epoch the run stands
    state = {part: getattr(night, part).state_dict() for part in PARTS}
    state["generators"] = {
        "python": random.getstate(),
        "numpy": night.noise.bit_generator.state,
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all(),  # an empty list without a card
    }
    state["order"] = {
        "shuffler": night.order.shuffler.bit_generator.state,
        "shuffled": torch.from_numpy(night.order.shuffled),
        "used": night.order.used,
    }
    state["done"] = night.done
    data = io.BytesIO()
    torch.save(state, data)
    return data.getvalue()
    ### END SOLUTION


def restore(night: Night, data: bytes) -> None:
    """Make `night` the run that `data` was taken from. Call it on a fresh Night of the same seed."""
    ### BEGIN SOLUTION: the same list, backwards; read it without running code that hides in it
    state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    for part in PARTS:
        getattr(night, part).load_state_dict(state[part])
    generators, order = state["generators"], state["order"]
    random.setstate(generators["python"])
    night.noise.bit_generator.state = generators["numpy"]
    torch.set_rng_state(generators["torch"])
    torch.cuda.set_rng_state_all(generators["cuda"])
    night.order.shuffler.bit_generator.state = order["shuffler"]
    night.order.shuffled = order["shuffled"].numpy()
    night.order.used = order["used"]
    night.done = state["done"]
    ### END SOLUTION
