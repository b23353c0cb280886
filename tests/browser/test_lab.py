"""JupyterLab, and the workshop's own parts in it: cells, widgets, restarts, themes; quizzes; the pixel inspector."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.lab import Lab

WIDGET = """
import ipywidgets
button, label = ipywidgets.Button(description="Press"), ipywidgets.Label("not yet")
button.on_click(lambda _: setattr(label, "value", "pressed"))
ipywidgets.HBox([button, label])
"""


def test_a_widget_is_alive(lab: Lab, lab_page: Page) -> None:
    notebook = lab.open(lab_page, lab.write("alive.ipynb", "#md # A heading", WIDGET))
    notebook.run_all()
    lab_page.get_by_role("button", name="Press").click()
    expect(lab_page.get_by_text("pressed", exact=True)).to_be_visible()
    notebook.shoot("lab")
    notebook.restart()
    notebook.run_all()
    expect(lab_page.get_by_text("not yet", exact=True)).to_be_visible()


def test_a_cell_that_raises_fails_the_test(lab: Lab, lab_page: Page) -> None:
    notebook = lab.open(lab_page, lab.write("raises.ipynb", "print('fine')", "raise ValueError('the reason')"))
    with pytest.raises(AssertionError, match="the reason"):
        notebook.run_all()


QUIZ = """
from helpers.show.checkpoints import checkpoint
from helpers.show.quizzes import quiz
checkpoint("the cell has run", True, "Run it.")
quiz("Which alarm wakes the endpoint?", ["AlarmHigh", "HasBacklogWithoutCapacity"], 1,
     "It is 1 while something waits and nothing runs.", ["It has no data at zero instances.", ""])
"""


def test_a_question_is_answered_by_keyboard(lab: Lab, lab_page: Page) -> None:
    notebook = lab.open(lab_page, lab.write("quiz.ipynb", QUIZ))
    notebook.run_all()
    expect(lab_page.get_by_text("✓ the cell has run", exact=True)).to_be_visible()
    group = lab_page.get_by_role("group", name="Quiz question")
    right, wrong = (group.get_by_text(f"{said}", exact=False) for said in ("Right. It is 1", "It has no data"))
    expect(right).to_be_hidden()
    group.locator("summary").first.focus()
    lab_page.keyboard.press("Enter")
    expect(wrong).to_be_visible()
    expect(right).to_be_hidden()
    lab_page.keyboard.press("Tab")
    lab_page.keyboard.press("Space")
    expect(right).to_be_visible()
    notebook.shoot("quiz")


INSPECTOR = """
import io, ipywidgets, numpy as np
from PIL import Image
from helpers.show.inspector import Inspector, Subject
from helpers.commands.notebook_pages import write_page
y, x = np.mgrid[:48, :64]
array = np.stack([x * 4, y * 5, np.full_like(x, 9)], axis=2).astype(np.uint8)
file = io.BytesIO(); Image.fromarray(array).save(file, "PNG")
inspector = Inspector(Subject(file.getvalue(), "Picture of: a gradient", "generated_images[0]"), x=10, y=10)
label, button = ipywidgets.Label(), ipywidgets.Button(description="From Python")
def told(_): label.value = f"Python sees {inspector.x} {inspector.y} {inspector.rgb}"
inspector.observe(told, ["x", "y"])
def choose(_): inspector.x, inspector.y = 3, 40
button.on_click(choose)
display(label, button)
inspector
"""


def test_in_jupyterlab_browser_and_kernel_share_the_pixel(lab: Lab, lab_page: Page) -> None:
    notebook = lab.open(lab_page, lab.write("inspector.ipynb", "#md # First", INSPECTOR, "#md # Last"))
    notebook.run_all()
    expect(lab_page.locator("canvas.picture[data-ready]")).to_have_count(1)
    selected = "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex"
    lab_page.locator("canvas.picture").focus()
    before = lab_page.evaluate(selected)
    for key in ("ArrowDown", "ArrowDown", "Shift+ArrowRight"):
        lab_page.keyboard.press(key)
    expect(lab_page.get_by_text("Python sees 18 12 (72, 60, 9)", exact=True)).to_be_visible()
    expect(lab_page.locator(".place")).to_have_text("x 18, y 12")
    assert lab_page.evaluate(selected) == before  # the keys were ours, not the notebook's
    notebook.shoot("inspector-lab")
    lab_page.get_by_role("button", name="From Python").click()
    expect(lab_page.locator(".place")).to_have_text("x 3, y 40")
    expect(lab_page.locator(".where")).to_contain_text("generated_images[0][40][3] = [12, 200, 9]")
