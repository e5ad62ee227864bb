"""Nodes -> arrays, columns and frames. Trusts nothing: every shape, code and length is checked.

The tags are those of `outgoing`. Imports numpy and pandas when the first such node comes.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

from autograder.errors import WireError
from autograder.outgoing import MASKED
from autograder.values import DTYPE, MAX_ITEMS, Decoder, key

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

ZONE = re.compile(r"^(?:UTC|[A-Za-z_]+(?:/[A-Za-z0-9_+-]+){1,2}|[+-]\d\d:\d\d)$")
MAX_COLUMNS = 10_000


def decode(decoder: Decoder, tag: str, inner: Any, depth: int) -> Any:
    """Return the array, series, frame or index of a node; whatever it raises, the node is none."""
    return DECODE[tag](decoder, inner, depth)


def _parts(inner: Any, count: int) -> list[Any]:
    if type(inner) is not list or len(inner) != count:
        raise WireError("a node has the wrong number of parts")
    return inner


def _count(shape: Any, most: int) -> int:
    """Return the product of a shape, in exact whole numbers, at most `most`."""
    if type(shape) is not list or len(shape) > 32:
        raise WireError("a shape is a short list")
    if any(type(n) is not int or n < 0 for n in shape):
        raise WireError("a shape holds whole numbers")
    product = math.prod(shape)
    if product > most or any(n > 1 << 40 for n in shape):
        raise WireError("a shape is larger than its data")
    return product


def _read_array(decoder: Decoder, inner: Any, _: int = 0) -> np.ndarray[Any, Any]:
    import numpy as np

    code, shape, index = _parts(inner, 3)
    if type(code) is not str or not DTYPE.match(code):
        raise WireError("an array has a dtype that may not cross")
    dtype = np.dtype(code)
    data = decoder.take(index)
    count = _count(shape, len(data))
    if dtype.itemsize == 0 or count * dtype.itemsize != len(data):
        raise WireError("an array's shape and its data disagree")
    decoder.spend(len(data))
    if dtype.kind == "b" and count and np.frombuffer(data, "u1").max() > 1:
        raise WireError("a truth value is neither 0 nor 1")
    if dtype.kind == "U" and count and np.frombuffer(data, "<u4").max() > 0x10FFFF:
        raise WireError("a character is none")
    return np.frombuffer(bytearray(data), dtype).reshape(shape)


def _read_objects(decoder: Decoder, inner: Any, depth: int) -> np.ndarray[Any, Any]:
    import numpy as np

    shape, nodes = _parts(inner, 2)
    values = decoder.items(nodes, depth)
    if _count(shape, len(values)) != len(values):
        raise WireError("an array's shape and its data disagree")
    out = np.empty(len(values), dtype=object)
    for i, value in enumerate(values):
        out[i] = value
    return out.reshape(shape)


def _read_column(decoder: Decoder, inner: Any, rows: int | None, depth: int) -> pd.Series[Any]:
    import pandas as pd

    if type(inner) is not list or not inner or inner[0] not in COLUMN:
        raise WireError("a column is of no known kind")
    if depth > 64:
        raise WireError("a column is nested too deep")
    values = pd.Series(COLUMN[inner[0]](decoder, inner[1:], depth + 1))
    if rows is not None and len(values) != rows:
        raise WireError("a column has the wrong length")
    return values


def _flat(decoder: Decoder, node: Any) -> np.ndarray[Any, Any]:
    values = _read_array(decoder, node)
    if values.ndim != 1:
        raise WireError("a column has one dimension")
    return values


def _plain_column(decoder: Decoder, parts: list[Any], _: int) -> Any:
    (node,) = _parts(parts, 1)
    values = _flat(decoder, node)
    return values.astype(object) if values.dtype.kind in "SU" else values


def _text_column(decoder: Decoder, parts: list[Any], depth: int) -> Any:
    (index,) = _parts(parts, 1)
    data = decoder.take(index)
    decoder.spend(8 * len(data))
    try:
        values = json.loads(str(data, "utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        raise WireError("a text column is not JSON") from None
    if type(values) is not list:
        raise WireError("a text column is a list")
    return _objects(
        [decoder.value(v, depth) if type(v) not in (str, int, bool) else v for v in values]
    )


def _object_column(decoder: Decoder, parts: list[Any], depth: int) -> Any:
    (nodes,) = _parts(parts, 1)
    return _objects(decoder.items(nodes, depth))


def _objects(values: list[Any]) -> Any:
    import numpy as np

    out = np.empty(len(values), dtype=object)
    if set(map(type, values)) <= {str, int, bool, float, type(None)}:
        out[:] = values
        return out
    for i, value in enumerate(values):
        out[i] = value
    return out


def _masked_column(decoder: Decoder, parts: list[Any], _: int) -> Any:
    import pandas as pd

    name, data, mask = _parts(parts, 3)
    if type(name) is not str or not MASKED.match(name):
        raise WireError("a nullable column is of no known type")
    values, missing = _flat(decoder, data), _flat(decoder, mask)
    if missing.dtype.kind != "b" or len(missing) != len(values) or values.dtype.kind not in "biuf":
        raise WireError("a mask does not fit its column")
    column = pd.Series(values).astype(name)
    column[missing] = pd.NA
    return column


def _categories(decoder: Decoder, parts: list[Any], depth: int) -> Any:
    import pandas as pd

    codes, cats, ordered = _parts(parts, 3)
    numbers, known = _flat(decoder, codes), _read_column(decoder, cats, None, depth)
    if numbers.dtype.kind != "i" or type(ordered) is not bool:
        raise WireError("categories have no codes")
    if len(numbers) and not (numbers.min() >= -1 and numbers.max() < len(known)):
        raise WireError("a code names no category")
    return pd.Categorical.from_codes(numbers, pd.Index(known), ordered=ordered)


def _zoned(decoder: Decoder, parts: list[Any], _: int) -> Any:
    import pandas as pd

    node, zone = _parts(parts, 2)
    values = _flat(decoder, node)
    if values.dtype.kind != "M" or type(zone) is not str or not ZONE.match(zone):
        raise WireError("instants have no time zone of ours")
    return pd.Series(values).dt.tz_localize("UTC").dt.tz_convert(zone)


def _read_index(decoder: Decoder, inner: Any, rows: int | None, depth: int) -> pd.Index[Any]:
    import pandas as pd

    if type(inner) is not list or not inner or depth > 64:
        raise WireError("an index is of no known kind")
    if inner[0] == "r":
        return _range(decoder, inner[1:], rows)
    if inner[0] == "m":
        levels = _parts(inner, 2)[1]
        if type(levels) is not list or not 0 < len(levels) <= 32:
            raise WireError("an index has too many levels")
        arrays = [_read_index(decoder, level, rows, depth + 1) for level in levels]
        return pd.MultiIndex.from_arrays(arrays, names=[a.name for a in arrays])
    _, name, column = _parts(inner, 3)
    return pd.Index(
        _read_column(decoder, column, rows, depth), name=key(decoder.value(name, depth))
    )


def _range(decoder: Decoder, parts: Any, rows: int | None) -> pd.Index[Any]:
    import pandas as pd

    numbers = _parts(parts, 3)
    if any(type(n) is not int or abs(n) >= 1 << 62 for n in numbers) or numbers[2] == 0:
        raise WireError("a range is three whole numbers")
    index = range(*numbers)
    if (rows is not None and len(index) != rows) or len(index) > 50 * MAX_ITEMS:
        raise WireError("an index has the wrong length")
    decoder.spend(8 * len(index))
    return pd.RangeIndex(index)


def _read_frame(decoder: Decoder, inner: Any, depth: int) -> pd.DataFrame:
    import pandas as pd

    rows, names, cols, index = _parts(inner, 4)
    if type(rows) is not int or type(names) is not list or type(cols) is not list:
        raise WireError("a frame is rows, names, columns and an index")
    if len(names) != len(cols) or len(cols) > MAX_COLUMNS or not 0 <= rows <= 50 * MAX_ITEMS:
        raise WireError("a frame's names and columns disagree")
    labels = _read_index(decoder, index, rows, depth)
    columns = {i: _read_column(decoder, c, rows, depth) for i, c in enumerate(cols)}
    frame = pd.DataFrame(columns, index=range(rows))
    frame.index = labels
    frame.columns = pd.Index(
        [key(n) for n in decoder.items(names, depth)], dtype=None if names else object
    )
    return frame


def _read_series(decoder: Decoder, inner: Any, depth: int) -> pd.Series[Any]:
    name, column, index = _parts(inner, 3)
    values = _read_column(decoder, column, None, depth)
    values.index = _read_index(decoder, index, len(values), depth)
    values.name = key(decoder.value(name, depth))
    return values


DECODE: dict[str, Any] = {
    "a": _read_array,
    "o": _read_objects,
    "S": _read_series,
    "F": _read_frame,
    "X": lambda decoder, inner, depth: _read_index(decoder, inner, None, depth),
}
COLUMN: dict[str, Any] = {
    "arr": _plain_column,
    "txt": _text_column,
    "obj": _object_column,
    "mask": _masked_column,
    "cat": _categories,
    "tz": _zoned,
}
