"""What the site's hand-written files must agree on. Reads files; browser.py sees the pages."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
STAGES = tomllib.loads((ROOT / "labs" / "course.toml").read_text())["stage"]
CORE = 26
ELECTIVES = {"policy-golf"}


def existing() -> list[list[str]]:
    """Return the core labs of each stage that exist."""
    return [
        [lab for rung in stage["rung"] for lab in rung["labs"] if lab not in ELECTIVES]
        for stage in STAGES
    ]


def test_the_picture_shows_the_labs_that_exist() -> None:
    picture = (DOCS / "assets" / "ladder.svg").read_text()
    ElementTree.fromstring(picture)
    key = picture.index('class="lk-key"')  # the legend has one parcel of each kind
    filled = picture.count('<g class="live">', 0, key)
    assert filled == sum(map(len, existing()))
    assert filled + picture.count('<g class="plan">', 0, key) == CORE


def test_home_and_readme_count_alike() -> None:
    count = sum(map(len, existing()))
    assert f"<dd>{count} of {CORE}<small>core labs" in (DOCS / "index.md").read_text()
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
        "ten", "eleven", "twelve")
    assert f"**Today: {words[count]} labs of the {CORE} planned" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("stage", STAGES, ids=lambda s: s["folder"])
def test_no_lab_that_exists_is_still_to_come(stage: dict[str, object]) -> None:
    page = (DOCS / str(stage["folder"]) / "index.md").read_text().partition("## Still to come")[2]
    planned = re.findall(r"^\| [^|]+ \| `([a-z0-9-]+)` \|", page, re.M)
    assert planned
    assert not set(planned) & {lab for labs in existing() for lab in labs}


def test_rungs_named_on_a_stage_page_are_the_courses() -> None:
    for stage in STAGES:
        titles = {rung["title"] for rung in stage["rung"]}
        page = (DOCS / stage["folder"] / "index.md").read_text().partition("## Still to come")[2]
        named = set(re.findall(r"^\| ([A-Z][^|]+) \| `", page, re.M))
        assert named <= titles


def test_styles_and_scripts_ask_nobody() -> None:
    for file in [*DOCS.glob("assets/*.css"), *DOCS.glob("assets/*.js"), *DOCS.glob("assets/*.svg")]:
        text = file.read_text().replace("http://www.w3.org/", "")
        assert "//" not in re.sub(r"^\s*//.*$", "", text, flags=re.M), file.name


def test_fonts_are_there_and_small() -> None:
    css = (DOCS / "assets" / "fonts.css").read_text()
    fonts = [DOCS / "assets" / name for name in re.findall(r'url\("([^"]+)"\)', css)]
    assert fonts
    assert sum(font.stat().st_size for font in fonts) < 200_000
    assert "SIL OPEN FONT LICENSE" in (DOCS / "assets" / "fonts" / "OFL.txt").read_text()


def test_browser_packages_are_exact() -> None:
    packages = json.loads((ROOT / "tests" / "site" / "package.json").read_text())
    wanted = packages["dependencies"] | packages["optionalDependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())


def test_readme_fits_one_screen_and_its_picture_is_light() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 60
    assert (DOCS / "assets" / "ladder.svg").stat().st_size < 150_000


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda p: str(p.relative_to(DOCS)))
def test_front_matter_is_yaml(page: Path) -> None:
    """MkDocs drops what it cannot read without a word; Zensical stops."""
    text = page.read_text()
    if text.startswith("---\n"):
        assert isinstance(yaml.safe_load(text.split("---\n")[1]), dict)
