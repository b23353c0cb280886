"""All notebooks run, in their order, on a local cloud of these tests' own; the last leaves nothing.

papermill is the first of two ways: a notebook's checkpoints assert what matters, and a cell that raises fails the test.
nbval is the second, where it adds something: it compares what a run shows with what the notebook holds, which says
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

import nbformat
import pytest

from helpers.commands import notebooks
from helpers.inference.connection import connect
from helpers.commands.notebook_pages import write_page
from contract.settings import ROOT, load

from .copies import NAMES, SHORT

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(900)]

MINUTES = 12
OUTPUT = ROOT / "build" / "notebooks-tested"
FACTS = ("02_explore_the_model",)
"""Notebooks that show the same each time."""
LAST = NAMES[-1]
ELSEWHERE = re.compile(r"""<(?:script|img|link|iframe|source)\b[^>]*\b(?:src|srcset|href)=["'](?!data:|#)([^"']+)""")


def run(copy: Path, name: str) -> None:
    source = copy / "notebooks" / f"{name}.ipynb"
    assert source.exists(), f"{source.name} is missing"
    executed, page = OUTPUT / source.name, OUTPUT / f"{name}.html"
    notebooks.execute(source, executed, SHORT.get(name), MINUTES)
    write_page(executed, page, source.parent)
    text = page.read_text()
    assert ELSEWHERE.findall(text) == []
    for missing in ("cdnjs", "unpkg", "jsdelivr"):
        assert missing not in text


@pytest.mark.parametrize("name", NAMES[:-1])
def test_notebook(copy: Path, environment: dict[str, str], name: str) -> None:
    run(copy, name)


@pytest.mark.parametrize("name", FACTS)
def test_a_second_run_shows_the_same(copy: Path, environment: dict[str, str], name: str) -> None:
    executed, again = OUTPUT / f"{name}.ipynb", copy / "notebooks" / f"{name}_again.ipynb"
    assert executed.exists(), "the first run failed"
    shown = [cell for cell in nbformat.read(executed, as_version=4).cells if cell.get("outputs")]
    assert len(shown) > 5, "nothing to compare"
    shutil.copyfile(executed, again)
    options = ["-q", "-p", "no:cacheprovider", "--nbval", "--nbval-current-env", f"--nbval-cell-timeout={60 * MINUTES}"]
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
