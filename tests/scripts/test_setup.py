"""The set-up compiles what starts most often, once for each lock."""

import sys

import pytest

from scripts import setup as script


@pytest.fixture
def setup(tmp_path, monkeypatch):
    """The module on a folder of its own, whose environment is this one."""
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / "uv.lock").write_text("1")
    monkeypatch.setattr(script, "ROOT", tmp_path)
    monkeypatch.setattr(script, "VENV", tmp_path / ".venv")
    return script


def test_a_module_is_compiled_even_where_python_may_not_do_so_by_itself(setup, tmp_path, monkeypatch):
    (tmp_path / "started.py").write_text("x = 1\n")
    monkeypatch.setattr(setup, "STARTED", ("started",))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.delenv("PYTHONPYCACHEPREFIX", raising=False)
    setup.byte_code()
    assert list((tmp_path / "__pycache__").glob("started.*.pyc"))


def test_it_is_done_once_for_each_lock(setup, tmp_path, monkeypatch):
    imported = []
    monkeypatch.setattr(setup, "STARTED", ("a", "b"))
    monkeypatch.setattr(setup, "run", lambda command, *_, **__: imported.append(command[-1]))
    setup.byte_code()
    setup.byte_code()
    assert imported == ["import a", "import b"]
    (tmp_path / "uv.lock").write_text("2")
    setup.byte_code()
    assert imported == ["import a", "import b"] * 2
