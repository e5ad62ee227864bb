"""The pictures on the page about Larkmoor are the ones their code draws."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_pictures_are_up_to_date(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("figure", ROOT / "docs/figures/larkmoor_world.py")
    assert spec is not None
    assert spec.loader is not None
    figure = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(figure)
    for drawn in figure.draw(tmp_path):
        assert drawn.read_text() == (ROOT / "docs/reference" / drawn.name).read_text(), drawn.name
