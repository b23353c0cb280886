"""Style sheets cannot import: what they use of the palette is what Python uses."""

import re

from contract.settings import ROOT
from helpers.show import colours

SHOW, STUDIO = ROOT / "helpers" / "show", ROOT / "helpers" / "studio"
PALETTE = {value for name, value in vars(colours).items() if name.isupper()}


def named(text: str, name: str) -> set[str]:
    return set(re.findall(rf"{name}\s*:\s*(#[0-9a-f]{{6}})\b", text))


def test_the_palette_is_okabe_and_itos_but_its_yellow_which_nobody_sees_on_white():
    assert {"#e69f00", "#56b4e9", "#009e73", "#0072b2", "#d55e00", "#cc79a7"} == PALETTE


def test_marks_are_blue_on_light_pages_and_sky_blue_on_dark_ones():
    for path, name in (
        (SHOW / "gallery.html", "--mark"),
        (SHOW / "inspector" / "inspector.css", "--pi-mark"),
        (STUDIO / "studio.css", "--ws-mark"),
    ):
        assert named(path.read_text(), name) == {colours.BLUE, colours.SKY}, path


def test_the_inspectors_bars_have_the_colours_of_the_figures():
    from helpers.show.figures.pictures import CHANNELS

    css = (SHOW / "inspector" / "inspector.css").read_text()
    for name, (_, colour) in CHANNELS.items():
        assert f".{name.lower()} {{ background: {colour}; }}" in css


def test_nothing_else_of_the_helpers_spells_a_colour_of_the_palette():
    style_sheets = {SHOW / "colours.py", SHOW / "gallery.html", SHOW / "inspector" / "inspector.css"}
    for path in (ROOT / "helpers").rglob("*"):
        if path.suffix in (".py", ".js", ".css", ".html", ".j2") and path not in {*style_sheets, STUDIO / "studio.css"}:
            found = PALETTE & set(re.findall(r"#[0-9a-f]{6}", path.read_text().lower()))
            assert not found, path
