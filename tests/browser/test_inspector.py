"""The pixel inspector in Chromium: a page of its own, by keyboard and pointer (in JupyterLab: test_lab.py)."""

import io
import json
import re
import struct
import zlib
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from helpers.commands.notebook_pages import write_page
from helpers.show.inspector import Inspector, Subject
from tests.browser.lab import shoot

WIDTH, HEIGHT = 64, 48


@pytest.fixture
def array() -> np.ndarray:
    """A disc on a gradient, with noise: numbers of one, two and three digits."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    picture = np.stack([x * 4, y * 5, np.full_like(x, 9)], axis=2)
    picture[(x - 32) ** 2 + (y - 24) ** 2 < 200] = (230, 60, 75)
    noise = np.random.default_rng(1).integers(-9, 10, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def answer_of(array: np.ndarray) -> str:
    return json.dumps({"generated_images": [array.tolist()], "prompt": "a red disc"})


def subject_of(array: np.ndarray) -> Subject:
    file, answer = io.BytesIO(), answer_of(array)
    Image.fromarray(array).save(file, "PNG")
    start = answer.index("[[[[") + 1
    return Subject(file.getvalue(), "Picture of: a red disc", "generated_images[0]", ", ", start, len(answer))


def open_page(page: Page, tmp_path: Path, inspector: Inspector) -> Page:
    file = tmp_path / "inspector.html"
    file.write_text(inspector.to_html(), encoding="utf-8")
    page.goto(file.as_uri())
    expect(page.locator("canvas.picture[data-ready]")).to_have_count(1)
    return page


@pytest.fixture
def opened(page: Page, array: np.ndarray, tmp_path: Path) -> Page:
    return open_page(page, tmp_path, Inspector(subject_of(array), x=10, y=10))


def press(page: Page, *keys: str) -> None:
    page.locator("canvas.picture").focus()
    for key in keys:
        page.keyboard.press(key)


@pytest.mark.parametrize(
    ("keys", "x", "y"),
    [
        (["ArrowRight", "ArrowDown", "ArrowDown"], 11, 12),
        (["ArrowLeft", "ArrowUp"], 9, 9),
        (["Shift+ArrowRight", "Shift+ArrowDown"], 18, 18),
        (["Shift+ArrowLeft", "Shift+ArrowLeft", "Shift+ArrowUp", "Shift+ArrowUp"], 0, 0),
        (["End"], 63, 10),
        (["Home"], 0, 10),
        (["Control+End"], 63, 47),
        (["Control+Home"], 0, 0),
        (["PageDown"], 10, 16),
        (["PageUp", "PageUp"], 10, 0),
    ],
)
def test_keys_choose_a_pixel(opened: Page, array: np.ndarray, keys: list[str], x: int, y: int) -> None:
    press(opened, *keys)
    red, green, blue = array[y, x].tolist()
    expect(opened.locator(".place")).to_have_text(f"x {x}, y {y}")
    expect(opened.locator(".value")).to_have_text([str(red), str(green), str(blue)])
    expect(opened.locator(".colour")).to_have_text(f"#{red:02x}{green:02x}{blue:02x}")
    expect(opened.locator(".where")).to_contain_text(f"generated_images[0][{y}][{x}] = [{red}, {green}, {blue}]")
    expect(opened.locator(".json .here")).to_have_text(f"[{red}, {green}, {blue}]")
    expect(opened.locator(".said")).to_have_text(f"x {x}, y {y}: red {red}, green {green}, blue {blue}")


@pytest.mark.parametrize("keys", [["Control+Home"], ["Control+End"], ["End", "PageDown"], ["Shift+ArrowRight"]])
def test_the_bytes_are_those_of_the_answer(opened: Page, array: np.ndarray, keys: list[str]) -> None:
    press(opened, *keys)
    told = opened.locator(".bytes").inner_text().replace(",", "")
    first, last, size = map(int, re.findall(r"\d+", told))
    answer = answer_of(array)
    assert answer[first : last + 1] == opened.locator(".json .here").inner_text()
    assert size == len(answer)


def test_the_text_around_is_that_of_the_answer(opened: Page, array: np.ndarray) -> None:
    press(opened, "Home")
    lines = opened.locator(".json div").all_inner_texts()
    assert lines[2] == "[" + ", ".join(str(pixel) for pixel in array[10, :2].tolist()) + ", …],"


def test_a_click_holds_the_pixel_and_another_lets_it_go(opened: Page) -> None:
    canvas = opened.locator("canvas.picture")
    canvas.click(position={"x": 3, "y": 3})
    expect(opened.locator(".place")).to_have_text("x 0, y 0, held")
    canvas.hover(position={"x": 100, "y": 100})
    expect(opened.locator(".place")).to_have_text("x 0, y 0, held")
    canvas.click(position={"x": 100, "y": 100})
    canvas.hover(position={"x": 50, "y": 50})
    expect(opened.locator(".place")).to_have_text("x 8, y 8")


def filtered_png(array: np.ndarray) -> bytes:
    """A PNG whose rows take the filters 0 to 4 in turn (https://www.w3.org/TR/png-3/#9Filters)."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows, before = b"", np.zeros((array.shape[1] + 1, 3), dtype=int)
    for number, row in enumerate(array.astype(int)):
        here = np.vstack([[[0, 0, 0]], row])
        a, b, c = here[:-1], before[1:], before[:-1]
        pa, pb, pc = abs(b - c), abs(a - c), abs(a + b - 2 * c)
        paeth = np.where((pa <= pb) & (pa <= pc), a, np.where(pb <= pc, b, c))
        predicted = (0 * a, a, b, (a + b) // 2, paeth)[number % 5]
        rows += bytes([number % 5]) + ((row - predicted) % 256).astype(np.uint8).tobytes()
        before = here
    head = struct.pack(">IIBBBBB", array.shape[1], array.shape[0], 8, 2, 0, 0, 0)
    body = zlib.compress(rows)
    data = chunk(b"IDAT", body[:100]) + chunk(b"IDAT", body[100:])  # in several pieces, as large files are
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + data + chunk(b"IEND", b"")


def test_every_filter_of_a_png_is_undone(page: Page, array: np.ndarray, tmp_path: Path) -> None:
    png = filtered_png(array)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png))), array)
    open_page(page, tmp_path, Inspector(Subject(png, path="generated_images[0]")))
    shown = page.locator("canvas.picture").evaluate(
        "canvas => [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]"
    )
    assert np.array_equal(np.array(shown).reshape(HEIGHT, WIDTH, 4)[..., :3], array)


def test_a_broken_picture_is_told_and_the_picture_stays(page: Page, array: np.ndarray, tmp_path: Path) -> None:
    file = tmp_path / "broken.html"
    html = Inspector(subject_of(array)).to_html()
    file.write_text(html.replace("data:image/png;base64,", "data:image/png;base64,AAAA", 1))
    page.goto(file.as_uri())
    expect(page.get_by_role("alert")).to_contain_text("The pixel inspector cannot start")
    expect(page.get_by_role("img", name="Picture of: a red disc")).to_be_visible()


def test_without_scripts_the_picture_is_there(browser, array: np.ndarray, tmp_path: Path) -> None:
    file = tmp_path / "static.html"
    file.write_text(Inspector(subject_of(array)).to_html())
    page = browser.new_page(java_script_enabled=False)
    page.goto(file.as_uri())
    expect(page.get_by_role("img", name="Picture of: a red disc")).to_be_visible()
    page.close()


def test_it_is_named_for_screen_readers_and_seen_when_focused(opened: Page) -> None:
    canvas = opened.get_by_role("application", name="Picture of: a red disc, 64 by 48 pixels.")
    opened.keyboard.press("Tab")
    expect(canvas).to_be_focused()
    assert canvas.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(opened: Page, scheme: str) -> None:
    opened.emulate_media(color_scheme=scheme)
    press(opened, "Shift+ArrowRight")
    shoot(opened, f"inspector-page-{scheme}")
    opened.set_viewport_size({"width": 360, "height": 800})
    assert opened.evaluate("document.documentElement.scrollWidth") <= 360
    shoot(opened, f"inspector-phone-{scheme}")


def test_an_exported_notebook_keeps_the_inspector(page: Page, array: np.ndarray, tmp_path: Path) -> None:
    data, metadata = Inspector(subject_of(array), x=10, y=10)._repr_mimebundle_()
    outputs = [nbformat.v4.new_output("display_data", data, metadata=metadata) for _ in range(2)]  # two on one page
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("inspector", outputs=outputs)])
    nbformat.write(notebook, tmp_path / "executed.ipynb")
    write_page(tmp_path / "executed.ipynb", tmp_path / "page.html", tmp_path)
    page.goto((tmp_path / "page.html").as_uri())
    expect(page.locator("canvas.picture[data-ready]")).to_have_count(2)
    page.locator("canvas.picture").first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".place")).to_have_text(["x 11, y 10", "x 10, y 10"])
    page.locator("canvas.picture").first.scroll_into_view_if_needed()
    shoot(page, "inspector-exported")
