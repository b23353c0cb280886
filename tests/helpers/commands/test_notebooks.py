"""``make notebooks`` on small notebooks of these tests' own: kernels, papermill and pages are real."""

import json
import re

import nbformat
import pytest

from contract.errors import NotebookError
from helpers.commands import notebooks
from helpers.commands.notebook_pages import write_page

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
WIDGET = """
import ipywidgets
from IPython.display import display

class Shown(ipywidgets.Button):
    def _repr_mimebundle_(self, **kwargs):
        return {**super()._repr_mimebundle_(**kwargs), "text/html": "<p>readable without a kernel</p>"}

display(Shown(description="alive"))
"""


def write(folder, name, *cells, parameters='word = "one"'):
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    notebook.cells = [nbformat.v4.new_markdown_cell(f"# The `{name}` *notebook*\n\n[next](02_second.ipynb#part)")]
    notebook.cells.append(nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}, id="parameters"))
    notebook.cells += [nbformat.v4.new_code_cell(cell, id=f"cell-{number}") for number, cell in enumerate(cells, 1)]
    nbformat.write(notebook, folder / f"{name}.ipynb")
    return folder / f"{name}.ipynb"


def printed(executed):
    return "".join(
        output.get("text", "")
        for cell in nbformat.read(executed, as_version=4).cells
        for output in cell.get("outputs", ())
    )


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "notebooks").mkdir()
    return tmp_path / "notebooks"


def test_a_notebook_runs_where_it_lies_and_with_its_parameters(folder, tmp_path):
    path = write(folder, "01_first", "from pathlib import Path\nprint(word, Path.cwd().name)")
    before = path.read_bytes()
    notebooks.execute(path, tmp_path / "out" / "01.ipynb", {"word": "two"})
    assert printed(tmp_path / "out" / "01.ipynb") == "two notebooks\n"
    assert path.read_bytes() == before


def test_the_kernel_is_this_environments_whatever_kernels_the_user_has(folder, tmp_path, monkeypatch):
    foreign = tmp_path / "data" / "kernels" / "python3"
    foreign.mkdir(parents=True)
    (foreign / "kernel.json").write_text(json.dumps({"argv": ["false"], "display_name": "x", "language": "python"}))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    path = write(folder, "01_first", "import sys\nprint(sys.prefix)")
    notebooks.execute(path, tmp_path / "01.ipynb")
    import sys

    assert printed(tmp_path / "01.ipynb").strip() == sys.prefix


def test_an_unknown_parameter_is_an_error_with_the_known_ones(folder, tmp_path):
    path = write(folder, "01_first", "print(word)")
    with pytest.raises(NotebookError, match=r"01_first.ipynb has no parameter 'wrod'; it takes word "):
        notebooks.execute(path, tmp_path / "01.ipynb", {"wrod": "two"})
    assert not (tmp_path / "01.ipynb").exists()


def test_a_notebook_without_parameters_may_say_so_in_a_comment(folder):
    path = write(folder, "01_first", "pass", parameters="# This notebook has none.")
    assert notebooks.parameters_of(path) == set()
    assert notebooks.parameters_of(write(folder, "02_second", "pass", parameters="a = 1\nb: int = 2")) == {"a", "b"}


def test_the_cell_with_the_parameters_must_be_tagged(folder):
    path = write(folder, "01_first", "print(word)")
    path.write_text(path.read_text().replace('"parameters"\n', '"other"\n'))
    with pytest.raises(NotebookError, match="0 cells are tagged 'parameters'"):
        notebooks.parameters_of(path)


def test_a_cell_that_raises_is_shown_with_its_source_and_its_error(folder, tmp_path):
    path = write(
        folder, "01_first", "print('fine')", "colour = 'red'\nraise ValueError('the reason')", "print('never')"
    )
    with pytest.raises(NotebookError) as raised:
        notebooks.execute(path, tmp_path / "01.ipynb")
    said = str(raised.value)
    assert re.match(r"01_first.ipynb, cell 4 \(cell-2\), failed after \d+ s:\n", said)
    assert "\n    colour = 'red'\n    raise ValueError('the reason')\n\nValueError: the reason" in said
    assert "\x1b" not in said
    assert "fine" in printed(tmp_path / "01.ipynb")
    assert "never" not in printed(tmp_path / "01.ipynb")


def test_a_notebook_that_takes_too_long_is_ended_and_the_cell_named(folder, tmp_path):
    path = write(folder, "01_first", "print('fine')", "import time\ntime.sleep(600)")
    with pytest.raises(NotebookError, match=r"cell-2\)(?s:.)*time.sleep\(600\)(?s:.)*minutes are over"):
        notebooks.execute(path, tmp_path / "01.ipynb", minutes=0.1)


def test_a_kernel_that_dies_is_an_error_with_the_cell(folder, tmp_path):
    path = write(folder, "01_first", "import os\nos._exit(3)")
    with pytest.raises(NotebookError, match=r"cell-1\)(?s:.)*os._exit\(3\)(?s:.)*the kernel ended"):
        notebooks.execute(path, tmp_path / "01.ipynb")


def test_the_run_stops_at_the_first_failure_and_the_index_says_how_far_it_came(folder, tmp_path):
    write(folder, "99_last", "print('never')")
    write(folder, "02_second", "raise KeyError('gone')")
    write(folder, "01_first", "print(word)")
    lines, output = [], tmp_path / "out"
    outcomes = notebooks.run(notebooks.find(folder), {"01_first": {"word": "two"}}, output, 5, lines.append, "A run.")
    assert [(outcome.name, outcome.status) for outcome in outcomes] == [
        ("01_first", "passed"),
        ("02_second", "failed"),
        ("99_last", "not run"),
    ]
    assert [line.split()[1:] for line in lines] == [["min", "01_first", "passed"], ["min", "02_second", "failed"]]
    index = (output / "index.html").read_text()
    assert "KeyError: &#x27;gone&#x27;" in index
    assert '<a href="01_first.html">The 01_first notebook</a>' in index
    assert sorted(path.name for path in output.iterdir()) == [
        "01_first.html", "01_first.ipynb", "02_second.html", "02_second.ipynb", "index.html",
    ]  # fmt: skip


def test_wrong_parameters_are_found_before_anything_runs(folder, tmp_path):
    write(folder, "01_first", "print(word)")
    write(folder, "02_second", "print(word)")
    with pytest.raises(NotebookError, match=r"02_second.ipynb has no parameter 'other'"):
        notebooks.run(notebooks.find(folder), {"02_second": {"other": 1}}, tmp_path / "out", 5, print, "")
    assert not (tmp_path / "out").exists()


def test_a_page_is_whole_in_itself(folder, tmp_path):
    path = write(folder, "01_first", WIDGET, "word")
    (folder / "pixel.png").write_bytes(__import__("base64").b64decode(PIXEL))
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_markdown_cell("![a pixel](pixel.png)\n\n$x^2$"))
    nbformat.write(notebook, path)
    executed, page = tmp_path / "01.ipynb", tmp_path / "01.html"
    notebooks.execute(path, executed)
    write_page(executed, page, folder)
    text = page.read_text()
    assert "application/vnd.jupyter.widget-view+json" in executed.read_text()
    assert "readable without a kernel" in text
    assert f"data:image/png;base64,{PIXEL}" in text
    assert "<title>The 01_first notebook</title>" in text
    assert 'href="02_second.html#part"' in text
    elsewhere = re.findall(r"""(?:<script[^>]+src=|<link[^>]+href=|<img[^>]+src=)["'](?!data:)[^"']*""", text)
    assert not elsewhere
    for host in ("cdnjs", "unpkg", "jsdelivr", "import("):
        assert host not in text


def test_what_is_folded_stays_folded(folder, tmp_path):
    source = "Try.\n\n<details>\n<summary>Solution</summary>\n\nSo:\n\n```python\nprint(1)\n```\n\n</details>\n\nOn."
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(source)])
    nbformat.write(notebook, tmp_path / "01.ipynb")
    write_page(tmp_path / "01.ipynb", tmp_path / "01.html", folder)
    text = (tmp_path / "01.html").read_text()
    folded = re.search(r"<details>\s*<summary>Solution</summary>(.*?)</details>(.*)", text, re.DOTALL)
    assert "So:" in folded[1]
    assert "print" in folded[1]
    assert "On." in folded[2]
    assert text.count("<details>") == text.count("</details>") == 1
    assert "folded-" not in text


def test_the_command(folder, tmp_path, capsys, monkeypatch):
    for name in ("01_first", "02_second"):
        write(folder, name, "print(word, number)", parameters='word = "one"\nnumber = 1')
    given = ["--folder", str(folder), "--output", str(tmp_path / "out")]
    assert notebooks.main([*given, "02", "-p", "02.number=5", "-p", "02.word=a red circle"]) == 0
    assert printed(tmp_path / "out" / "02_second.ipynb") == "a red circle 5\n"
    assert not (tmp_path / "out" / "01_first.ipynb").exists()
    assert "1 notebook on the target local" in capsys.readouterr().out
    assert notebooks.main([*given, "07"]) == 1
    assert "no notebook's name begins with '07'; there are 01_first, 02_second." in capsys.readouterr().out
    monkeypatch.setenv("WORKSHOP_WORKSHOP_TARGET", "moon")
    assert notebooks.main(given) == 1
    assert "WORKSHOP_WORKSHOP_TARGET" in capsys.readouterr().out
