"""The notebooks' ground: JupyterLab opens, runs cells, shows widgets, restarts, changes its theme."""

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
