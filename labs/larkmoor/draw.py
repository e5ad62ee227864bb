"""Random draws that give the same bytes on every machine; nothing here knows what is drawn.

Only integers and uniform doubles of PCG64DXSM are used, and only additions, products and
comparisons are made with them: no logarithm, no matrix product, no float reduction, whose last bit
may depend on the processor.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pandas as pd


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """Return the generator of one table of one world: other names, independent draws."""
    key = "/".join(map(str, (seed, *names))).encode()
    words = np.frombuffer(hashlib.sha256(key).digest(), dtype="<u4")
    return np.random.Generator(np.random.PCG64DXSM(np.random.SeedSequence([int(w) for w in words])))


def pick(rng: np.random.Generator, weights: Sequence[int] | np.ndarray, n: int) -> np.ndarray:
    """Draw `n` positions of `weights` (whole numbers) in proportion to them."""
    edges = np.cumsum(np.asarray(weights, dtype=np.int64))
    return np.searchsorted(edges, rng.integers(0, edges[-1], n), side="right")


def words(options: Sequence[str], positions: np.ndarray) -> np.ndarray:
    """Look words up: an object array, so that pandas holds one string per option."""
    return np.array(options, dtype=object)[positions]


def digest(table: pd.DataFrame) -> str:
    """Return the SHA-256 of a table's names and values in order, the same for the same bytes."""
    sha = hashlib.sha256()
    for name, column in table.items():
        sha.update(f"{name}:{column.dtype};".encode())
        values = column.to_numpy()
        raw = "\x1f".join(map(str, values)).encode() if values.dtype == object else values.tobytes()
        sha.update(raw)
    return sha.hexdigest()
