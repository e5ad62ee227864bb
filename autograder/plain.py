"""Outputs of a learner's cells reduced to what can be shown: plain text and re-encoded PNG.

Runs in the confined judge, because it decodes images that the learner's side made. Drops the rest.
Asks values for their exact type only: an array or a handle would answer anything else its own way.
"""

from __future__ import annotations

import base64
import io
import json
import re
import warnings
from typing import Any, TextIO

MAX_TEXT = 64 << 10
MAX_OUTPUTS = 6 << 20  # bytes of all cells; a result, in which they are escaped, may have 16 MB
MAX_PIXELS, MAX_ALL_PIXELS = 4_000_000, 60_000_000  # of one picture, of all
CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]|\x1b\[[0-9;?]*[A-Za-z]"
)


def outputs(cells: Any) -> list[list[dict[str, Any]]]:
    """Return the outputs of each cell, each one rebuilt from the few fields we know."""
    left = [MAX_ALL_PIXELS]
    return [
        [kept for item in _list(cell)[:200] if (kept := _output(item, left))]
        for cell in _list(cells)
    ]


def texts(cells: list[list[dict[str, Any]]]) -> tuple[str, ...]:
    """Return the outputs of each cell as JSON text; cells beyond `MAX_OUTPUTS` have none."""
    found, left = [], MAX_OUTPUTS
    for cell in cells:
        one = json.dumps(cell, ensure_ascii=False)
        left -= len(one.encode())
        found.append(one if left >= 0 else "[]")
    return tuple(found)


def _list(value: Any) -> list[Any]:
    return value if type(value) is list else []


def _output(item: Any, left: list[int]) -> dict[str, Any] | None:
    if type(item) is not dict:
        return None
    kind = text(item.get("output_type"))
    if kind == "stream":
        name = "stderr" if text(item.get("name")) == "stderr" else "stdout"
        return {"output_type": "stream", "name": name, "text": text(item.get("text"))}
    if kind == "error":
        return {
            "output_type": "error",
            "ename": text(item.get("ename"))[:200],
            "evalue": text(item.get("evalue")),
            "traceback": [text(line) for line in _list(item.get("traceback"))[:40]],
        }
    data = item.get("data")
    return _display(data, left) if type(data) is dict else None


def _display(data: dict[str, Any], left: list[int]) -> dict[str, Any]:
    kept = {"text/plain": text(data.get("text/plain"))}
    picture = png(data.get("image/png"), left)
    if picture:
        kept["image/png"] = picture
    return {"output_type": "display_data", "data": kept, "metadata": {}}


def text(value: Any) -> str:
    """Return text without terminal escapes and control characters, cut to a bound."""
    plain = value if type(value) is str else ""
    return CONTROL.sub("", plain[:MAX_TEXT]).encode("utf-8", "replace").decode()


class Stream(io.TextIOBase):
    """A text stream that passes on what is written without what a terminal would obey."""

    def __init__(self, to: TextIO) -> None:
        self.to = to

    def write(self, value: str) -> int:
        """Write text; at most `MAX_TEXT` of it."""
        self.to.write(text(value))
        return len(value)

    def flush(self) -> None:
        self.to.flush()


def png(value: Any, left: list[int]) -> str:
    """Return a PNG decoded and encoded again, as base64; '' for anything that is no small PNG.

    left: the pixels that may still be decoded, of which this one's are taken.
    """
    if type(value) is not str or len(value) > 1 << 20:
        return ""
    try:
        from PIL import Image

        raw = io.BytesIO(base64.b64decode(value, validate=True))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Image.open(raw, formats=("PNG",)) as image:
                left[0] -= image.width * image.height
                if left[0] < 0 or image.width * image.height > MAX_PIXELS:
                    return ""
                clean = Image.new("RGBA", image.size)
                clean.paste(image.convert("RGBA"))
    except Exception:  # a decoder may raise anything on hostile bytes
        return ""
    out = io.BytesIO()
    clean.save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


DANGEROUS = re.compile(
    r"\\(href|url|class|style|cssId|require|unicode|html\w*|data|bbox|def|let)", re.I
)


def markdown(value: str) -> str:
    """Return a learner's Markdown with nothing in it that a page could run.

    HTML is shown as text, addresses keep http and https only, and MathJax loses the commands that
    reach out of a formula.
    """
    from html import escape

    shown = escape(text(value), quote=False)
    shown = DANGEROUS.sub(r"\\ \1", shown).replace("![", "!\\[")  # a picture would be fetched
    shown = re.sub(r"(\]\s*[(:\[]\s*(?:&lt;)?\s*)(?!https?://|#)([^)\s]*)", r"\1#\2", shown)
    return re.sub(r"(?i)\b(javascript|vbscript|data)\s*(:|&#0*58;|&#x0*3a;|&colon;)", r"\1 ", shown)
