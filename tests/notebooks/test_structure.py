"""Every notebook has the parts that a reader relies on, and nothing that a machine has left in it."""

import json
import subprocess
import sys

import nbformat
import pytest

from contract.settings import ROOT

from .structure import KERNEL, NAMES, problems

FOLDER = ROOT / "notebooks"
OPENING = """# A title

You will be able to

- do this,
- do that,
- do more.

**Time:** 2 minutes on either target. **Cost:** nothing. **Before:** nothing."""
CONNECT = "from helpers import connect\n\nconnect"
QUIZ = "from helpers.show import quiz\n\nquiz('?', ['a', 'b'], 0, 'So.')"
EXERCISE = "## Exercise\n\nTry.\n\n<details>\n\n```python\nfrom contract.ids import new_id\n```\n\n</details>"


def good():
    text, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    notebook = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}, "language_info": {"name": "python"}}
    )
    notebook.nbformat_minor = 5
    notebook.cells = [
        text(OPENING, id="intro"),
        code("a = 1", id="parameters", metadata={"tags": ["parameters"]}),
        code(f"import runpy\n\n{KERNEL}", id="kernel"),
        code(CONNECT, id="connect"),
        text("**Predict:** what will be shown?", id="predict"),
        code("a", id="show"),
        text("![a picture](picture.png)", id="shown"),
        code("from helpers.show import checkpoint\n\ncheckpoint('a', a, 'Try again.')", id="check"),
        text(EXERCISE, id="exercise"),
        code(QUIZ, id="quiz"),
        code(QUIZ, id="quiz-2"),
        text("Which of the two was harder?", id="harder"),
        text("Well done.", id="end"),
        text("## Where to go next\n\n[next](02_next.ipynb)", id="next"),
    ]
    return notebook


def found(folder, notebook):
    for name in ("picture.png", "02_next.ipynb"):
        (folder / name).touch()
    (folder / "01_this.ipynb").write_text(json.dumps(notebook))
    return problems(folder / "01_this.ipynb")


def test_all_notebooks_are_there_and_no_others():
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == list(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_structure(name):
    path = FOLDER / f"{name}.ipynb"
    assert path.exists(), f"{path} is missing"
    assert not problems(path)


def test_nothing_is_left_of_a_run():
    done = subprocess.run(
        [sys.executable, "-m", "nbstripout", "--verify", "--keep-id", *sorted(map(str, FOLDER.glob("*.ipynb")))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"run .venv/bin/nbstripout --keep-id notebooks/*.ipynb\n{done.stdout}{done.stderr}"


def test_the_rules_let_a_good_notebook_pass(tmp_path):
    assert found(tmp_path, good()) == []


def cell(name, source):
    def change(notebook):
        next(cell for cell in notebook.cells if cell.id == name).source = source

    return change


def drop(name):
    def change(notebook):
        notebook.cells = [cell for cell in notebook.cells if cell.id != name]

    return change


def call(function):
    return lambda notebook: function(notebook) and None


BROKEN = {
    "the kernel is 'conda_python3', not 'python3'": call(lambda n: n.metadata.kernelspec.update(name="conda_python3")),
    "language_info is": call(lambda n: n.metadata.language_info.update(version="3.11")),
    "'deadbeef' is not a readable one": call(lambda n: n.cells[4].update(id="deadbeef")),
    "the cell id 'intro' is there 2 times": call(lambda n: n.cells[4].update(id="intro")),
    "cell 'show' has 21 lines": cell("show", "a\n" * 21),
    "cell 'show' is empty": cell("show", " "),
    "cell 'show' holds an output": call(lambda n: n.cells[5].update(execution_count=3)),
    "tagged 'parameters'": call(lambda n: n.cells[5].metadata.update(tags=["parameters"])),
    "the second code cell must look at the kernel": cell("kernel", "import runpy"),
    "the third code cell must connect": cell("connect", "import sys"),
    "helpers.show.tables is inside of a room": cell("show", "from helpers.show.tables import Listing"),
    "the opening lacks a title": cell("intro", OPENING[1:]),
    "the opening lacks “You": cell("intro", OPENING.replace("- do that,\n", "")),
    "the opening lacks its minutes": cell("intro", OPENING.replace("minutes", "")),
    "the opening lacks its cost": cell("intro", OPENING.replace("Cost", "Price")),
    "the opening lacks what must be there": cell("intro", OPENING.replace("Before", "After")),
    "cells are text; half": call(
        lambda n: n.cells.extend(nbformat.v4.new_code_cell("a", id=f"x-{i}") for i in range(9))
    ),
    "nothing asks the reader to predict": cell("predict", "What will be shown?"),
    "'check' follows cell 'show' without a word": drop("shown"),
    "cell 'show' is not Python: ": cell("show", "a ="),
    "cell 'show': contract.ids has no new_ids": cell("show", "from contract.ids import new_ids"),
    "cell 'show': helpers.idz cannot be imported": cell("show", "from helpers.idz import new_id"),
    "cell 'show': there is no module numpi": cell("show", "import numpi"),
    "a piece of code in the text: contract.ids has": cell("exercise", EXERCISE.replace("new_id", "old_id")),
    "a cell sleeps": cell("show", "import time\ntime.sleep(1)"),
    "a cell asks for input": cell("show", "input('?')"),
    "the link 03_gone.ipynb leads nowhere": cell("predict", "**Predict** [x](03_gone.ipynb)"),
    "the picture picture.png has no alternative text": cell("shown", "![](picture.png)"),
    "a picture has no alternative text: <img": cell("shown", '<img src="picture.png">'),
    "there is no checkpoint": cell("check", "a"),
    "two or three quiz questions": cell("quiz-2", "a"),
    "there is no exercise": cell("exercise", "Bye."),
    "no solution folded": cell("exercise", "## Exercise\n\nTry."),
    "does not say where to go next": cell("next", "Bye."),
    "does not link to the next notebook, 02_next.ipynb": cell("next", "## Where to go next"),
}


@pytest.mark.parametrize("problem", BROKEN)
def test_each_rule_can_be_broken(tmp_path, problem):
    notebook = good()
    BROKEN[problem](notebook)
    assert [said for said in found(tmp_path, notebook) if problem in said]
