"""``make test-serving``: what it asks of a machine before it downloads anything, and the table that it leaves."""

from __future__ import annotations

import importlib.util
import re

import pytest

from contract.settings import ROOT


@pytest.fixture
def program():
    spec = importlib.util.spec_from_file_location("serving_environment", ROOT / "scripts" / "serving_environment.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def java(folder, version):
    """A java that says this version, alone on the path."""
    if version:
        program = folder / "java"
        program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n")
        program.chmod(0o755)
    return str(folder)


@pytest.mark.parametrize(
    ("version", "said"),
    [("", "there is no java on the path"), ("11.0.2", "java on the path is version 11"), ("1.8.0_392", "version 1;")],
)
def test_a_java_that_will_not_do(program, tmp_path, monkeypatch, version, said):
    monkeypatch.setenv("PATH", java(tmp_path, version))
    with pytest.raises(SystemExit, match=rf"{said}.*TorchServe needs Java 17 .*apt-get install default-jre-headless"):
        program.check_java()


@pytest.mark.parametrize("version", ["17.0.15", "21", "25-ea"])
def test_a_java_that_will(program, tmp_path, monkeypatch, version):
    monkeypatch.setenv("PATH", java(tmp_path, version))
    assert program.check_java() == version


def test_the_table_takes_the_place_of_the_one_before(program, tmp_path, monkeypatch):
    page, table = tmp_path / "page.md", tmp_path / "table.md"
    monkeypatch.setattr(program, "PAGE", page)
    monkeypatch.setattr(program, "TABLE", table)
    monkeypatch.setattr(program, "ROOT", tmp_path)
    page.write_text(f"before\n{program.BEGIN}old\n{program.END}after\n")
    table.write_text("| new |\n")
    program.record()
    assert page.read_text() == f"before\n{program.BEGIN}| new |\n{program.END}after\n"
    page.write_text("nothing\n")
    with pytest.raises(SystemExit, match="has no place for the table"):
        program.record()


def test_the_page_has_the_place(program):
    text = program.PAGE.read_text()
    assert text.index(program.BEGIN) < text.index(program.END)


def test_the_stack_is_that_of_the_images_name(program):
    from helpers.model import jumpstart

    pins = dict(re.findall(r"^([a-z-]+)==(.+)$", program.PINS.read_text(), re.MULTILINE))
    assert pins["torch"] == jumpstart.PYTORCH
    assert f"py{program.PYTHON.replace('.', '')}" == jumpstart.PYTORCH_PYTHON
