"""The page of all components: there in development only, and whole."""

import re
from pathlib import Path

import pytest
from tests.services import give
from tests.web.conftest import Stage

from shopfloor.kernel.settings import Settings
from shopfloor.web import design

ROOT = Path(design.__file__).parents[3]
PARTS = Path(design.__file__).parent / "templates" / "parts"
CSS = ROOT / "frontend" / "css" / "parts"
# Macros that need a page of their own.
NEED_A_PAGE = {"forms.shop_region"}
# Classes of the masthead and the foot, which the page itself has or which depend on a shop.
OF_THE_FRAME = {"foot-links", "logo", "my-orders", "narrow", "to-cart"}


@pytest.fixture
async def page(stage: Stage, tmp_path: Path) -> str:
    give(stage.app, settings=Settings.model_validate({"data_dir": tmp_path, "development": True}))
    answer = await stage.client.get("/design")
    assert answer.status_code == 200
    return answer.text


async def test_it_is_there_in_development_only(stage: Stage, tmp_path: Path) -> None:
    for path in ("/design", "/design/themes.css"):
        assert (await stage.client.get(path)).status_code == 404
    give(stage.app, settings=Settings.model_validate({"data_dir": tmp_path, "development": True}))
    styles = await stage.client.get("/design/themes.css")
    assert styles.headers["content-type"].startswith("text/css")
    assert ".theme-light{color-scheme:light;--paper:#f6f3ec;" in styles.text
    assert "--paper:#161412;" in styles.text.partition(".theme-dark")[2]


async def test_every_macro_of_the_parts_stands_on_it(page: str) -> None:
    called = (PARTS.parent / "design.html").read_text()
    wanted = {
        f"{part}.{macro}"
        for part in ("pieces", "forms")
        for macro in re.findall(r"{% macro (\w+)", (PARTS / f"{part}.html").read_text())
    }
    assert len(wanted) > 18
    assert {each for each in wanted if f"{each}(" not in called} == NEED_A_PAGE
    assert page.count('class="theme theme-') == 2


async def test_every_class_of_a_component_stands_on_it(page: str) -> None:
    defined = {
        name
        for part in ("controls", "pieces", "layout")
        for rule in re.findall(
            r"([^{}]+)\{", re.sub(r"/\*.*?\*/", "", (CSS / f"{part}.css").read_text(), flags=re.DOTALL)
        )
        for name in re.findall(r"\.([a-z][a-z0-9-]*)", rule)
    }
    shown = {name for names in re.findall(r'class="([^"]*)"', page) for name in names.split()}
    assert len(defined) > 60
    assert defined - shown == OF_THE_FRAME


async def test_every_icon_and_every_colour_is_named(page: str) -> None:
    icons = {path.stem for path in (ROOT / "frontend" / "icons").glob("*.svg")}
    assert {name for name in icons if f'<span class="tiny">{name}</span>' not in page} == set()
    for theme in design.THEMES:
        for name, value in design.colours(theme).items():
            assert f"<b>--{name}</b><br>{value}</span>" in page
    assert design.tokens()["light"].keys() == design.tokens()["dark"].keys()


@pytest.mark.parametrize("theme", design.THEMES)
def test_text_keeps_its_contrast(theme: str) -> None:
    low = [(pair.text, pair.ground, round(pair.ratio, 2)) for pair in design.pairs(theme) if pair.ratio < 4.5]
    assert low == []
