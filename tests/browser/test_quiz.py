"""Checkpoints and quiz questions in JupyterLab: read by everybody, answered by keyboard."""

from playwright.sync_api import Page, expect

from tests.browser.lab import Lab

CELL = """
from helpers.show.checkpoints import checkpoint
from helpers.show.quizzes import quiz
checkpoint("the cell has run", True, "Run it.")
quiz("Which alarm wakes the endpoint?", ["AlarmHigh", "HasBacklogWithoutCapacity"], 1,
     "It is 1 while something waits and nothing runs.", ["It has no data at zero instances.", ""])
"""


def test_a_question_is_answered_by_keyboard(lab: Lab, lab_page: Page) -> None:
    notebook = lab.open(lab_page, lab.write("quiz.ipynb", CELL))
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
