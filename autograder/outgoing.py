"""Arrays, columns and frames -> nodes: numpy, pandas and tensors. Object data stays data.

Tags: a array · o array of objects · S Series · F DataFrame · X Index. A column is an array, a list
of plain values as JSON in a buffer, values with a mask, categories with codes, or instants with a
time zone. Imports numpy and pandas when the first such value comes.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from autograder.values import DTYPE, Encoder

MASKED = re.compile(r"^(?:U?Int(?:8|16|32|64)|Float(?:32|64)|boolean)$")


def encode(encoder: Encoder, value: Any, depth: int) -> Any:
    """Return the node of an array, frame, series, index or tensor; None for anything else."""
    family = _family(value)
    if family == "torch":
        return _tensor(encoder, value)
    if family == "pandas":
        return _pandas(encoder, value, depth)
    if family == "numpy":
        return _numpy(encoder, value, depth)
    return None


def _family(value: Any) -> str:
    for kind in type(value).__mro__:
        head = kind.__module__.partition(".")[0]
        if head in ("numpy", "pandas", "torch"):
            return head
    return ""


def _tensor(encoder: Encoder, value: Any) -> Any:
    import torch

    if not isinstance(value, torch.Tensor):
        return None
    plain = value.detach().cpu()
    return _array(encoder, (plain.float() if plain.dtype == torch.bfloat16 else plain).numpy(), 0)


def _numpy(encoder: Encoder, value: Any, depth: int) -> Any:
    import numpy as np

    if isinstance(value, np.ndarray):
        return _array(encoder, np.ma.filled(value) if np.ma.isMaskedArray(value) else value, depth)
    if isinstance(value, np.datetime64 | np.timedelta64 | np.complexfloating):
        return _array(encoder, np.asarray(value), depth)
    if isinstance(value, np.generic):
        return {"v": encoder.node(value.item(), depth)}
    return None


def _array(encoder: Encoder, value: Any, depth: int) -> Any:
    """Encode an array of any byte order, layout and dimension; objects item by item."""
    import numpy as np

    value = np.asarray(value)
    if value.dtype.hasobject:
        return {"o": [list(value.shape), [encoder.node(v, depth) for v in value.ravel().tolist()]]}
    little = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
    if not DTYPE.match(little.dtype.str):
        return None
    data: Any = little.reshape(-1).view("u1") if little.size else b""
    return {"a": [little.dtype.str, list(value.shape), encoder.buffer(memoryview(data))]}


def _pandas(encoder: Encoder, value: Any, depth: int) -> Any:
    import pandas as pd

    if isinstance(value, pd.DataFrame):
        names = [encoder.node(name, depth) for name in value.columns.tolist()]
        cols = [_column(encoder, value.iloc[:, i], depth) for i in range(len(names))]
        return {"F": [len(value), names, cols, _index(encoder, value.index, depth)]}
    if isinstance(value, pd.Series):
        name = encoder.node(value.name, depth)
        return {"S": [name, _column(encoder, value, depth), _index(encoder, value.index, depth)]}
    if isinstance(value, pd.Index):
        return {"X": _index(encoder, value, depth)}
    if isinstance(value, pd.api.extensions.ExtensionArray):
        return {"S": [None, _column(encoder, pd.Series(value), depth), ["r", 0, len(value), 1]]}
    return None


def _index(encoder: Encoder, index: Any, depth: int) -> list[Any]:
    import pandas as pd

    if isinstance(index, pd.RangeIndex) and index.name is None:
        return ["r", index.start, index.stop, index.step]
    if isinstance(index, pd.MultiIndex):
        levels = [_index(encoder, index.get_level_values(i), depth) for i in range(index.nlevels)]
        return ["m", levels]
    return ["c", encoder.node(index.name, depth), _column(encoder, index.to_series(), depth)]


def _column(encoder: Encoder, series: Any, depth: int) -> list[Any]:
    import pandas as pd

    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        codes = _array(encoder, series.cat.codes.to_numpy(), depth)
        cats = _column(encoder, dtype.categories.to_series(), depth)
        return ["cat", codes["a"], cats, bool(dtype.ordered)]
    if isinstance(dtype, pd.DatetimeTZDtype):
        instants = series.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
        return ["tz", _array(encoder, instants, depth)["a"], str(dtype.tz)]
    if MASKED.match(str(dtype)):
        mask = series.isna().to_numpy(dtype=bool)
        data = series.fillna(False if str(dtype) == "boolean" else 0)
        plain = data.to_numpy(dtype=str(dtype).lower().replace("boolean", "bool"))
        return [
            "mask",
            str(dtype),
            _array(encoder, plain, depth)["a"],
            _array(encoder, mask, depth)["a"],
        ]
    if not (isinstance(dtype, pd.api.extensions.ExtensionDtype) or dtype.hasobject):
        node = _array(encoder, series.to_numpy(), depth)
        if node is not None:
            return ["arr", node["a"]]
    return _texts(encoder, series, depth)


def _texts(encoder: Encoder, series: Any, depth: int) -> list[Any]:
    """Encode a column of objects: JSON in a buffer when all are plain, else node by node."""
    values = series.astype(object).tolist()
    kinds = set(map(type, values))
    if kinds <= {str, int, bool, type(None), float}:
        plain = [_finite(v) for v in values] if float in kinds else values
        text = json.dumps(plain, allow_nan=False, separators=(",", ":"))
        return ["txt", encoder.buffer(text.encode("utf-8", "surrogatepass"))]
    return ["obj", [encoder.node(v, depth) for v in values]]


def _finite(value: Any) -> Any:
    return {"f": repr(value)} if type(value) is float and not math.isfinite(value) else value
