"""``make studio-kernel`` in a home of its own: what it writes, what it refuses, and that all of it can be undone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.sign import NotebookNotary

from contract import kernel
from contract.settings import ROOT
from scripts import studio_kernel

TOOLS = ("awk", "bash", "cat", "df", "dirname", "env", "git", "make")
PARTS = ("contract", "helpers", "notebooks", "scripts", "pyproject.toml", "workshop.toml")
KERNEL = Path(".local/share/jupyter/kernels/async-genai/kernel.json")
LINKS = Path(".local/share/jupyter/labextensions")
JUPYTERS_OWN = {".local/share/jupyter/nbsignatures.db", ".local/share/jupyter/notebook_secret"}
"""What Jupyter makes when it is asked about signatures for the first time."""
NO_TOKENS = {"AWS_EC2_METADATA_DISABLED": "true"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The parts of the workshop that are needed, with this environment and a set-up that has nothing to do."""
    folder = tmp_path / "clone"
    folder.mkdir()
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copyfile
        copy(ROOT / part, folder / part)
    (folder / "scripts" / "setup.py").write_text("print('the set-up')")
    (folder / ".venv").symlink_to(sys.prefix, target_is_directory=True)
    return folder


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A PATH of few programs, so that a test can take one away."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in TOOLS:
        (folder / name).symlink_to(str(shutil.which(name)))
    (folder / "python3").symlink_to(sys.executable)
    return folder


def program(folder: Path, name: str, script: str) -> None:
    file = folder / name
    file.unlink(missing_ok=True)
    file.write_text(f"#!{shutil.which('bash')}\n{script}\n")
    file.chmod(0o755)


def run(clone: Path, home: Path, programs: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(clone / "scripts" / "studio.sh"), *arguments],
        cwd=home, env={"HOME": str(home), "PATH": str(programs), **NO_TOKENS}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()}


def test_kernel_and_widgets_twice_and_back(clone: Path, home: Path, programs: Path) -> None:
    before = (clone / "workshop.toml").read_bytes()
    for _ in range(2):
        done = run(clone, home, programs)
        assert done.returncode == 0, done.stderr
        assert "the set-up" in done.stdout
        spec = json.loads((home / KERNEL).read_text())
        assert spec["display_name"] == kernel.DISPLAY_NAME
        assert spec["argv"][0] == str(clone / ".venv" / "bin" / "python")
        assert (home / LINKS / "anywidget" / "package.json").exists()
        assert (home / LINKS / "@jupyter-widgets" / "jupyterlab-manager" / "package.json").exists()
        assert (clone / "workshop.toml").read_bytes() == before
        assert f'choose "{kernel.DISPLAY_NAME}"' in done.stdout
    done = run(clone, home, programs, "--undo")
    assert done.returncode == 0, done.stderr
    assert files(home) <= JUPYTERS_OWN
    assert trusted(clone, home) == set()


def trusted(clone: Path, home: Path) -> set[str]:
    """Which notebooks this user trusts."""
    notary = NotebookNotary(data_dir=str(home / ".local" / "share" / "jupyter"))
    paths = (clone / "notebooks").glob("*.ipynb")
    return {path.name for path in paths if notary.check_signature(nbformat.read(path, as_version=4))}


def test_notebooks_are_trusted_unless_somebody_has_run_them(clone: Path, home: Path, programs: Path) -> None:
    """Studio's server shows widgets of a notebook that is not trusted as text; see tests/space/rehearsal.py."""
    run_before = clone / "notebooks" / "03_generate.ipynb"
    notebook = nbformat.read(run_before, as_version=4)
    notebook.cells[1].outputs = [nbformat.v4.new_output("stream", text="by somebody else")]
    nbformat.write(notebook, run_before)
    assert run(clone, home, programs).returncode == 0
    names = {path.name for path in (clone / "notebooks").glob("*.ipynb")}
    assert trusted(clone, home) == names - {"03_generate.ipynb"}


@pytest.mark.parametrize(("version", "linked"), [("0.11.9", False), ("0.9.0", True)])
def test_a_widget_that_the_image_has_is_linked_only_if_it_is_another(
    clone: Path, home: Path, programs: Path, tmp_path: Path, version: str, linked: bool
) -> None:
    """anywidget's two halves find each other by minor version."""
    module = tmp_path / "image" / "labextensions" / "anywidget"
    module.mkdir(parents=True)
    (module / "package.json").write_text(json.dumps({"version": version}))
    program(programs, "jupyter", f"""echo '{json.dumps({"data": [str(tmp_path / "image")]})}'""")
    assert run(clone, home, programs).returncode == 0
    assert (home / LINKS / "anywidget").is_symlink() is linked


def test_what_is_somebody_elses_stays(clone: Path, home: Path, programs: Path) -> None:
    theirs = home / LINKS / "anywidget"
    theirs.mkdir(parents=True)
    other = home / KERNEL
    other.parent.mkdir(parents=True)
    python = home / "elsewhere" / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    other.write_text(json.dumps({"argv": [str(python)]}))
    assert run(clone, home, programs, "--undo").returncode == 0
    assert other.exists()
    done = run(clone, home, programs)
    assert f"was that of {home / 'elsewhere'}" in done.stdout
    assert "stays as it is" in done.stdout
    assert not theirs.is_symlink()


SMALL = 'echo "Filesystem 1024-blocks Used Available"; echo "/dev/nvme1n1 5046272 300000 4700000"'
FULL = 'echo "Filesystem 1024-blocks Used Available"; echo "/dev/nvme1n1 20446272 20000000 400000"'


@pytest.mark.parametrize(
    ("taken", "script", "arguments", "said"),
    [
        ("make", None, [], "make is missing"),
        ("git", None, [], "git is missing"),
        ("python3", None, [], "there is no Python 3.11 to 3.13"),
        ("python3", "exit 1", [], "there is no Python 3.11 to 3.13"),
        ("df", SMALL, [], "this disk has 4 GB, and the workshop wants 20"),
    ],
)
def test_what_is_missing_is_said_in_one_line_before_anything_is_written(
    clone: Path, home: Path, programs: Path, taken: str, script: str | None, arguments: list[str], said: str
) -> None:
    (programs / taken).unlink()
    if script:
        program(programs, taken, script)
    if taken == "python3":
        (clone / ".venv").unlink()  # the Python of an environment that works would do
    done = run(clone, home, programs, *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("studio-kernel stopped: ")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""
    assert files(home) == set()


def test_a_full_disk_stops_a_first_set_up_and_a_small_one_can_be_accepted(
    clone: Path, home: Path, programs: Path
) -> None:
    program(programs, "df", SMALL)
    assert run(clone, home, programs, "--small-disk").returncode == 0
    (clone / ".venv").unlink()
    program(programs, "df", FULL)
    done = run(clone, home, programs)
    assert (done.returncode, "390 MB are free here" in done.stderr) == (1, True)


def test_a_set_up_that_fails_keeps_its_reason(clone: Path, home: Path, programs: Path) -> None:
    (clone / "scripts" / "setup.py").write_text("import sys; sys.exit('set-up stopped: no network')")
    done = run(clone, home, programs)
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "set-up stopped: no network"
    assert "Repeat this command" in done.stderr
    assert files(home) == set()


def test_the_aws_target_without_credentials_changes_nothing(clone: Path, home: Path, programs: Path) -> None:
    before = (clone / "workshop.toml").read_bytes()
    done = run(clone, home, programs, "--target", "aws")
    assert done.returncode == 1
    assert "--target aws needs AWS credentials and a region" in done.stderr
    assert (clone / "workshop.toml").read_bytes() == before


# The target, with credentials


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ``workshop.toml`` in a space whose credentials are good."""
    file = tmp_path / "workshop.toml"
    shutil.copyfile(ROOT / "workshop.toml", file)
    monkeypatch.setattr(studio_kernel, "SETTINGS", file)
    monkeypatch.setattr(studio_kernel, "BEFORE", tmp_path / "before.json")
    monkeypatch.setattr(
        studio_kernel, "caller", lambda: ("arn:aws:sts::123456789012:assumed-role/space/x", "eu-west-1")
    )
    return file


@pytest.mark.parametrize("answer", [None, "", "no", "y"])
def test_good_credentials_are_offered_and_never_taken_in_silence(settings: Path, monkeypatch, capsys, answer) -> None:
    before = settings.read_bytes()
    monkeypatch.setattr(sys.stdin, "isatty", lambda: answer is not None, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: answer)
    studio_kernel.choose_target(None)
    assert settings.read_bytes() == before
    said = capsys.readouterr().out
    assert "could build in AWS: arn:aws:sts::123456789012:assumed-role/space/x, region eu-west-1" in said
    assert "--target aws" in said


@pytest.mark.parametrize("wanted", ["aws", None])
def test_the_target_is_changed_when_told_to_and_put_back(settings: Path, monkeypatch, capsys, wanted) -> None:
    before = settings.read_bytes()
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    studio_kernel.choose_target(wanted)
    text = settings.read_text()
    assert 'target = "aws"' in text
    assert 'region = "eu-west-1"' in text
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(settings.parent / "data"))
    studio_kernel.undo()
    assert settings.read_bytes() == before
    assert not studio_kernel.BEFORE.exists()


def test_a_variable_that_wins_over_the_file_is_named(settings: Path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("WORKSHOP_WORKSHOP_TARGET", "local")
    studio_kernel.choose_target("aws")
    assert "WORKSHOP_WORKSHOP_TARGET in this shell's environment" in capsys.readouterr().out


def test_the_folder_is_where_jupyter_itself_looks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from jupyter_core.paths import jupyter_data_dir

    for name in ("JUPYTER_DATA_DIR", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert str(kernel.data_folder()) == jupyter_data_dir()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    assert str(kernel.data_folder()) == jupyter_data_dir()
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "own"))
    assert str(kernel.data_folder()) == jupyter_data_dir()
    assert os.fspath(kernel.data_folder()) == str(tmp_path / "own")
