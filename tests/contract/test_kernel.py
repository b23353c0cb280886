"""What a notebook says in a kernel that is not the workshop's: true on this machine, and in any Python."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from contract import kernel
from contract.settings import ROOT

FILE = ROOT / "contract" / "kernel.py"


def test_it_asks_for_what_pyproject_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert kernel.required() == [re.match(r"[\w.-]+", line)[0] for line in project["dependencies"]]


def test_it_runs_in_any_python_and_imports_the_standard_library_alone() -> None:
    tree = ast.parse(FILE.read_text(), feature_version=(3, 8))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names


def test_this_python_has_everything() -> None:
    assert kernel.missing() == []
    kernel.check()


@pytest.fixture
def foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without kernels, in a Python that has nothing; the folder of the user's kernels."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(sys, "prefix", "/opt/conda")
    monkeypatch.setattr(kernel, "missing", lambda: ["the workshop itself", "anywidget", "boto3", "isal", "numpy"])
    return tmp_path / "kernels" / kernel.NAME


def said() -> str:
    with pytest.raises(kernel.WrongKernelError) as refused:
        kernel.check()
    assert refused.value._render_traceback_() == str(refused.value).splitlines()
    return str(refused.value)


def register(folder: Path, python: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(json.dumps({"argv": [str(python), "-m", "ipykernel_launcher"]}))


def test_without_a_kernel_it_says_how_to_make_one(foreign: Path) -> None:
    text = said()
    assert "Python" in text
    assert "/opt/conda" in text
    assert "the workshop itself, anywidget, boto3, isal and 1 more" in text
    assert f"cd {ROOT} && make studio-kernel" in text
    assert text.index("make studio-kernel") < text.index("Reload") < text.index(f'"{kernel.DISPLAY_NAME}"')


def test_with_the_kernel_it_says_to_choose_it_and_nothing_else(foreign: Path) -> None:
    register(foreign, kernel.VENV / "bin" / "python")
    text = said()
    assert f'1. Choose the kernel "{kernel.DISPLAY_NAME}"' in text
    assert "studio-kernel" not in text


@pytest.mark.parametrize("gone", [True, False])
def test_a_kernel_of_another_copy_or_one_without_its_python_does_not_count(
    foreign: Path, tmp_path: Path, gone: bool
) -> None:
    python = tmp_path / "other" / ".venv" / "bin" / "python"
    register(foreign, python)
    if not gone:
        python.parent.mkdir(parents=True)
        python.touch()
    text = said()
    assert "make studio-kernel" in text
    assert (f"belongs to {tmp_path / 'other'}" in text) is not gone


def test_in_the_workshops_own_kernel_it_says_to_set_it_up_again(foreign: Path, monkeypatch) -> None:
    monkeypatch.setattr(sys, "prefix", str(kernel.VENV))
    text = said()
    assert "own kernel is incomplete" in text
    assert f"cd {ROOT} && make setup" in text
    assert "studio-kernel" not in text


def test_an_import_that_fails_is_explained_unless_it_is_a_mistake_of_the_program(foreign: Path) -> None:
    explained = kernel.translated(ModuleNotFoundError("No module named 'isal.igzip'", name="isal.igzip"))
    assert "make studio-kernel" in str(explained)
    for mistake in (
        ModuleNotFoundError("No module named 'helpers.idz'", name="helpers.idz"),
        ModuleNotFoundError("No module named 'json.nothing'", name="json.nothing"),
        ImportError("cannot import name 'x' from 'numpy'", name="numpy"),
    ):
        assert kernel.translated(mistake) is mistake


BARE = """
import os, runpy, sys
sys.path = [path for path in sys.path if "site-packages" not in path and path not in ("", os.getcwd())]
sys.meta_path = [finder for finder in sys.meta_path if "editable" not in type(finder).__name__.lower()]
{what}
"""
FACE = f"""
sys.path.insert(0, {str(ROOT)!r})
try:
    from helpers{{room}} import {{name}}
    print({{name}}{{call}})
except ImportError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize(
    "what",
    [
        f"runpy.run_path({str(FILE)!r})['check']()",
        FACE.format(room="", name="connect", call="()"),
        FACE.format(room=".preflight", name="preflight", call="()"),
    ],
)
def test_in_a_real_python_without_packages(what: str, tmp_path: Path) -> None:
    """-S: no site-packages at all, as far as a base kernel may lack ours."""
    done = subprocess.run(
        [sys.executable, "-S", "-c", BARE.format(what=what)],
        cwd=tmp_path, env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    text = done.stdout + done.stderr
    assert "WrongKernelError" in text
    assert "aws-cdk-lib" in text
    assert "make s" in text  # what exactly depends on whether this is the Python of .venv
