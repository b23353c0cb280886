import datetime
import io
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from helpers.show import gallery

SCREENSHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"
NOON = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)


def picture(array: np.ndarray, prompt: str = "a red circle") -> gallery.Picture:
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    seconds = {"queued": 0, "started": 1.5, "generated": 2, "notified": 2.1, "extracted": 2.4}
    timeline = SimpleNamespace(**{name: NOON + datetime.timedelta(seconds=s) for name, s in seconds.items()})
    return gallery.Picture(
        prompt=prompt,
        parameters={"prompt": prompt, "seed": 7},
        png=file.getvalue(),
        json_path="generated_images[0]",
        timeline=timeline,
        files={"picture": "bucket/images/x/0.png"},
    )


@pytest.fixture
def array() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (24, 32, 3), dtype=np.uint8)


@pytest.fixture
def opened(page: Page, array: np.ndarray, tmp_path: Path) -> Page:
    file = tmp_path / "index.html"
    pictures = [picture(array), picture(array, 'a <b>bold</b> & "quoted" prompt $title')]
    file.write_text(gallery.page("From JSON to PNG", "How it works.", {"prompts": "2"}, pictures))
    page.goto(file.as_uri())
    expect(page.locator("canvas[data-ready]")).to_have_count(2)
    return page


def test_arrow_keys_walk_through_the_json(opened: Page, array: np.ndarray) -> None:
    canvas, where = opened.locator("canvas").first, opened.locator(".where").first
    canvas.focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowDown"):
        opened.keyboard.press(key)
    x, y = 17, 14
    red, green, blue = array[y, x].tolist()
    expect(where).to_contain_text(f"generated_images[0][{y}][{x}] = [{red}, {green}, {blue}]")
    expect(opened.locator("pre .here").first).to_contain_text(f"[{red}, {green}, {blue}]")


def test_the_pointer_chooses_a_pixel_and_edges_hold(opened: Page, array: np.ndarray) -> None:
    canvas = opened.locator("canvas").first
    canvas.hover(position={"x": 6, "y": 6})
    expect(opened.locator(".where").first).to_contain_text("x 0, y 0")
    canvas.focus()
    opened.keyboard.press("ArrowLeft")
    expect(opened.locator(".where").first).to_contain_text(f"[0][0] = {array[0, 0].tolist()}")


def test_a_prompt_is_text_and_never_markup(opened: Page) -> None:
    expect(opened.locator("article h2").nth(1)).to_contain_text('a <b>bold</b> & "quoted" prompt $title')
    assert opened.locator("article b").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(opened: Page, scheme: str) -> None:
    opened.emulate_media(color_scheme=scheme)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    opened.screenshot(path=SCREENSHOTS / f"gallery-{scheme}.png")
    opened.set_viewport_size({"width": 360, "height": 740})
    assert opened.evaluate("document.documentElement.scrollWidth") <= 360
