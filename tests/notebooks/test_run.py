"""Each notebook runs once, without a person: 00 and 01 deploy the workshop of all tests, 99 removes a copy of it.

papermill is the way here: a notebook's checkpoints assert what matters, and a cell that raises fails the test. 03,
whose studio is the workshop's largest widget, runs in Chromium (tests/browser/test_notebooks.py; 04's inspector has
tests of its own there); ``make test-all`` runs every notebook in both ways. nbval is used where it adds something: it compares what a run shows with what the notebook holds, which says
nothing of notebooks stored without outputs (nbval's strict mode passes them in silence). So it gets the copy that
papermill has just executed, and proves that a second run works and shows the same. That holds for a notebook whose
outputs are facts of the model and not times or ids: 02. Pictures and widget views nbval leaves out in any case.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from contract.settings import ROOT, load
from helpers.commands import notebooks
from helpers.commands.notebook_pages import write_page
from helpers.inference import connect
from tests.clouds import FIRST

from .structure import NAMES

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(900)]

MINUTES = 12
OUTPUT = ROOT / "build" / "notebooks-tested"
IN_CHROMIUM = ("03_generate",)
"""Which tests/browser/test_notebooks.py runs in ``make test``."""
SHORT: dict[str, dict[str, Any]] = {"03_generate": {"grid": 2}, "05_zero_to_many": {"prompts": 16}}
"""Parameters that keep a notebook short where it offers such, by its name."""
FACTS = "02_explore_the_model"
"""A notebook that shows the same each time."""
LAST = NAMES[-1]
ELSEWHERE = re.compile(r"""<(?:script|img|link|iframe|source)\b[^>]*\b(?:src|srcset|href)=["'](?!data:|#)([^"']+)""")


def run(copy: Path, name: str) -> Path:
    """Run a notebook of the copy; return it with its outputs."""
    source, executed = copy / "notebooks" / f"{name}.ipynb", OUTPUT / f"{name}.ipynb"
    notebooks.execute(source, executed, SHORT.get(name), MINUTES)
    check_page(executed, source.parent)
    return executed


def check_page(executed: Path, folder: Path) -> None:
    """The page that is made of it needs no network."""
    page = OUTPUT / f"{executed.stem}.html"
    write_page(executed, page, folder)
    text = page.read_text()
    assert ELSEWHERE.findall(text) == []
    for missing in ("cdnjs", "unpkg", "jsdelivr"):
        assert missing not in text


@pytest.mark.parametrize("name", FIRST)
def test_the_first_notebooks_have_deployed_the_workshop(copy: Path, name: str) -> None:
    executed = copy / "build" / "executed" / f"{name}.ipynb"
    assert all(cell.get("execution_count") for cell in nbformat.read(executed, 4).cells if cell.cell_type == "code")
    OUTPUT.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(executed, OUTPUT / executed.name)
    check_page(OUTPUT / executed.name, copy / "notebooks")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.rare if name in IN_CHROMIUM else ())
        for name in NAMES[:-1]
        if name not in FIRST
    ],
)
def test_notebook(copy: Path, environment: dict[str, str], name: str) -> None:
    run(copy, name)


@pytest.mark.rare
def test_a_second_run_shows_the_same(copy: Path, environment: dict[str, str]) -> None:
    executed, again = run(copy, FACTS), copy / "notebooks" / f"{FACTS}_again.ipynb"
    shown = [cell for cell in nbformat.read(executed, as_version=4).cells if cell.get("outputs")]
    assert len(shown) > 5, "nothing to compare"
    shutil.copyfile(executed, again)
    options = ["-q", "-p", "no:cacheprovider", "-p", "nbval", "--nbval", "--nbval-current-env", f"--nbval-cell-timeout={60 * MINUTES}"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, again.name],
        cwd=again.parent, env=environment, capture_output=True, text=True, timeout=60 * MINUTES, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:]


def test_the_last_notebook_leaves_nothing(copy: Path, environment: dict[str, str]) -> None:
    run(copy, LAST)
    settings = load(copy / "workshop.toml")
    connection = connect(settings, start=False, state=copy / ".localcloud")
    stacks = connection.client("cloudformation").describe_stacks()["Stacks"]
    assert [stack["StackName"] for stack in stacks if stack["StackName"].startswith(settings.workshop.name)] == []
    buckets = connection.client("s3").list_buckets()["Buckets"]
    assert [bucket["Name"] for bucket in buckets if bucket["Name"].startswith(settings.workshop.name)] == []
    assert connection.client("sagemaker").list_endpoints()["Endpoints"] == []
    parameters = connection.client("ssm").get_parameters_by_path(Path=f"/{settings.workshop.name}", Recursive=True)
    assert parameters["Parameters"] == []
