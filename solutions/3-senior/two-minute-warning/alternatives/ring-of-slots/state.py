"""The state of a run without pickle: arrays in an .npz archive, the rest as JSON beside them."""

from __future__ import annotations

import io
import json
import random
from typing import Any

import numpy as np
import torch
from nightly import Night


def snapshot(night: Night) -> bytes:
    """Return everything on which the next step depends."""
    arrays: dict[str, np.ndarray] = {"order": night.order.shuffled}
    rest = {
        "tensors": flatten("", parts(night), arrays),
        "python": random.getstate(),
        "numpy": night.noise.bit_generator.state,
        "shuffler": night.order.shuffler.bit_generator.state,
        "used": night.order.used,
        "done": night.done,
    }
    arrays["torch"] = torch.get_rng_state().numpy()
    for card, state in enumerate(torch.cuda.get_rng_state_all()):
        arrays[f"cuda{card}"] = state.numpy()
    arrays["rest"] = np.frombuffer(json.dumps(rest).encode(), np.uint8)
    data = io.BytesIO()
    np.savez(data, **arrays)
    return data.getvalue()


def parts(night: Night) -> dict[str, Any]:
    """Return the state of what speaks state_dict."""
    names = ("model", "average", "optimizer", "schedule", "scaler")
    return {name: getattr(night, name).state_dict() for name in names}


def flatten(path: str, value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """Return `value` as JSON can hold it; its tensors go to `arrays` under their path."""
    if isinstance(value, torch.Tensor):
        arrays[path] = value.detach().cpu().numpy().copy()
        return {"tensor": path}
    if isinstance(value, dict):
        pairs = [[key, flatten(f"{path}/{key}", item, arrays)] for key, item in value.items()]
        return {"dict": pairs}  # keys of an optimizer's state are integers
    if isinstance(value, list | tuple):
        return {"list": [flatten(f"{path}/{i}", v, arrays) for i, v in enumerate(value)]}
    return value


def rebuild(value: Any, arrays: Any) -> Any:
    """Return what was flattened."""
    if not isinstance(value, dict):
        return value
    if "tensor" in value:
        return torch.from_numpy(arrays[value["tensor"]])
    if "list" in value:
        return [rebuild(item, arrays) for item in value["list"]]
    return {key: rebuild(item, arrays) for key, item in value["dict"]}


def restore(night: Night, data: bytes) -> None:
    """Make a fresh night the one that `data` was taken from."""
    arrays = np.load(io.BytesIO(data), allow_pickle=False)
    rest = json.loads(arrays["rest"].tobytes())
    for name, state in rebuild(rest["tensors"], arrays).items():
        getattr(night, name).load_state_dict(state)
    version, words, gauss = rest["python"]
    random.setstate((version, tuple(words), gauss))
    night.noise.bit_generator.state = rest["numpy"]
    torch.set_rng_state(torch.from_numpy(arrays["torch"]))
    cards = range(torch.cuda.device_count())
    torch.cuda.set_rng_state_all([torch.from_numpy(arrays[f"cuda{card}"]) for card in cards])
    night.order.shuffler.bit_generator.state = rest["shuffler"]
    night.order.shuffled = arrays["order"]
    night.order.used, night.done = rest["used"], rest["done"]
