"""Pages are readable as they are, their links lead somewhere, and every file and module that prose names exists.

Prose is Markdown (pages, cells of notebooks), and the docstrings, comments and messages of Python code.
"""

import ast
import json
import posixpath
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import PurePosixPath
from typing import NamedTuple

import pytest

from contract.settings import ROOT
from tests.docs.words import comments, strings, tracked

WIDTH = 120
AT = ROOT
"""Where the files are read; the last test has a folder of its own."""
PAGES = [path for path in tracked() if path.endswith(".md")]
NOTEBOOKS = [path for path in tracked() if path.endswith(".ipynb")]
CODE = [path for path in tracked() if path.endswith(".py")]
FOLDERS = sorted({path.partition("/")[0] for path in tracked() if "/" in path})
OUTPUTS = ("build", ".localcloud", ".tools", ".venv")
"""Folders that programs write: what is in them is not in Git."""
ELSEWHERE = {
    **dict.fromkeys(("requests", "output", "failures", "status", "images"), "in the workshop's bucket"),
    **dict.fromkeys(("sources", "overrides"), "in the bucket of models, or yours to make"),
    **dict.fromkeys(("code", "inference.py", "transformer.py"), "in a model's tarball"),
    **dict.fromkeys(("index.py", "index.html"), "in a function's bundle, in a folder of pages"),
}
"""First parts of names that are not files of the repository."""
PUBLIC = ("tests/aws/", "tests/test_")
"""What these paths begin with is in LocalStack's and moto's repositories: answers that were recorded on AWS."""
SUFFIXES = "py|md|js|css|html|toml|yml|svg"
"""Of files that are ours wherever they are named; JSON, tarballs and pictures are often a model's or a bucket's."""

FENCE = re.compile(r"^ *```.*?^ *```[^\n]*$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)[^)]*\)")
# A path from the root, anywhere in prose; a character of a placeholder before or behind makes it none.
PATH = re.compile(rf"(?<![\w/.<>{{}}*$:~-])(?:{'|'.join(map(re.escape, FOLDERS))})/[\w./<>{{}}*$…\[\]-]*")
NAME = re.compile(rf"[\w./-]+\.(?:{SUFFIXES})|(?:[\w-]+/)+")
MODULE = re.compile(r"(?<![\w./-])(?:contract|helpers|infra|localcloud|smallworld|scripts)(?:\.[A-Za-z_]\w*)+")
PLACEHOLDER = re.compile(r"[<>{}*$…\[\]]")


class Problem(NamedTuple):
    """Something that prose says and that is not so."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}"


# ---- reading


def blanked(pattern: re.Pattern[str], text: str) -> str:
    """The text with what matches replaced by as many empty lines."""
    return pattern.sub(lambda match: "\n" * match[0].count("\n"), text)


def cells(path: str) -> Iterator[tuple[int, str]]:
    """Markdown cells of a notebook, by their number."""
    for number, cell in enumerate(json.loads((AT / path).read_text())["cells"]):
        if cell["cell_type"] == "markdown":
            yield number, "".join(cell["source"])


def prose(path: str) -> Iterator[tuple[int, str]]:
    """What people read in a page, a notebook or a module: line (or cell) and text."""
    if path.endswith(".ipynb"):
        yield from cells(path)
        return
    source = (AT / path).read_text(encoding="utf-8")
    if path.endswith(".md"):
        yield 1, source
        return
    yield from comments(source)
    if path.startswith("tests/"):  # their other strings are what is tested
        tree = ast.parse(source)
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        for node in ast.walk(tree):
            if isinstance(node, documented) and (text := ast.get_docstring(node, clean=False)):
                yield node.body[0].lineno, text
    else:
        yield from ((line, text) for line, text in strings(source) if " " in text)


# ---- what exists


@cache
def known() -> frozenset[str]:
    """Every tracked file and every folder of one."""
    files = tracked()
    return frozenset([*files, *(str(folder) for file in files for folder in PurePosixPath(file).parents)])


def exists(path: str) -> bool:
    """Whether there is such a file, folder, or numbered page (``docs/decisions/0001``)."""
    wanted = path.rstrip("/.")
    if wanted.partition("/")[0] in OUTPUTS or wanted in known():
        return True
    return bool(re.fullmatch(r"docs/decisions/\d{4}", wanted)) and any(f.startswith(f"{wanted}-") for f in known())


def near(file: str, name: str) -> bool:
    """Whether ``name`` exists seen from the folder of ``file`` or from one above it."""
    return any(exists(posixpath.normpath(folder / name)) for folder in PurePosixPath(file).parents)


@cache
def module_exists(name: str) -> bool:
    """Whether a dotted name is a module, or something that a module's text mentions (``helpers.connect``)."""
    parts = name.split(".")
    root = "models/" if parts[0] == "smallworld" else ""
    for length in range(len(parts), 0, -1):
        base = root + "/".join(parts[:length])
        file = next((path for path in (f"{base}.py", f"{base}/__init__.py") if path in known()), None)
        if file is not None:
            face = [file, f"{file}i"] if f"{file}i" in known() else [file]  # what a lazy face offers is in its stub
            text = "".join((ROOT / part).read_text(encoding="utf-8") for part in face)
            return length == len(parts) or bool(re.search(rf"\b{parts[length]}\b", text))
    return False


# ---- what is looked for


def long_lines(path: str) -> Iterator[Problem]:
    """Lines over 120 characters outside of code, tables, and lines that are one link."""
    text = blanked(FENCE, (AT / path).read_text(encoding="utf-8"))
    for number, line in enumerate(text.splitlines(), start=1):
        alone = re.fullmatch(r"\s*(?:[-*] )?(?:\[[^\]]*\]: )?(?:!?\[[^\]]*\]\([^)]*\)|<?https?://\S+>?)[.,]?\s*", line)
        if len(line) > WIDTH and not line.lstrip().startswith("|") and not alone:
            yield Problem(path, number, f"{len(line)} characters, at most {WIDTH}")


def dead_links(path: str) -> Iterator[Problem]:
    """Relative links that lead nowhere."""
    for line, text in prose(path):
        for match in LINK.finditer(blanked(FENCE, text)):
            target = match[1].partition("#")[0]
            if not target or re.match(r"[a-z]+:", target):
                continue
            place = (AT / path).parent.joinpath(target).resolve()
            if not place.is_relative_to(AT) or not exists(place.relative_to(AT).as_posix()):
                yield Problem(path, line + text[: match.start()].count("\n"), f"link to {target}")


def dead_names(path: str) -> Iterator[Problem]:
    """Paths and modules that do not exist."""
    for line, text in prose(path):
        found: list[tuple[int, str]] = []
        for match in PATH.finditer(text):
            name = match[0].rstrip(".")
            if not PLACEHOLDER.search(name) and not name.startswith(PUBLIC) and not exists(name):
                found.append((match.start(), name))
        for match in MODULE.finditer(text):
            if not module_exists(match[0]):
                found.append((match.start(), match[0]))
        for span in SPAN.finditer(blanked(FENCE, text)):
            name = span[2].strip()
            if name.partition("/")[0] not in (*FOLDERS, *ELSEWHERE) and NAME.fullmatch(name) and not near(path, name):
                found.append((span.start(), name))
        yield from (Problem(path, line + text[:start].count("\n"), f"{name} does not exist") for start, name in found)


def fail_on(problems: Iterable[Problem]) -> None:
    """Fail with one problem a line."""
    if found := "\n".join(map(str, problems)):
        pytest.fail(found, pytrace=False)


@pytest.mark.parametrize("path", PAGES)
def test_no_line_of_a_page_is_too_long(path):
    fail_on(long_lines(path))


# Links of content/ are Workshop Studio's, from page to page: tests/scripts/test_event_content.py follows them.
@pytest.mark.parametrize("path", [*(page for page in PAGES if not page.startswith("content/")), *NOTEBOOKS])
def test_links_lead_somewhere(path):
    fail_on(dead_links(path))


@pytest.mark.parametrize("path", [*PAGES, *NOTEBOOKS])
def test_what_a_page_names_exists(path):
    fail_on(dead_names(path))


@pytest.mark.parametrize("folder", sorted({path.partition("/")[0] for path in CODE}))
def test_what_code_names_exists(folder):
    fail_on(problem for path in CODE if path.startswith(f"{folder}/") for problem in dead_names(path))


# ---- the test itself

PAGE = f"""\
See [the pages](decisions/0001-model-store-stack.md#a-part), [it](nothing.md), `helpers/studio/`, `helpers/nothing.py`,
``troubleshooting.md``, `missing.md`, docs/decisions/0012, docs/decisions/9999 and `models/overrides/<model id>/`,
`contract.settings.ROOT`, `contract.settings.NOTHING`, `smallworld.sample`, `build/demo/index.html`, `status/`.
{"word " * 25}
{"| cell " * 25}|
[{"a link " * 20}](troubleshooting.md)

```
{"code " * 30} [no link](nothing.md)
```
"""


@pytest.fixture
def page(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "AT", tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "page.md").write_text(PAGE)
    return "docs/page.md"


def test_what_is_wrong_with_a_page_is_found_and_nothing_else(page):
    assert list(long_lines(page)) == [Problem(page, 4, "125 characters, at most 120")]
    assert list(dead_links(page)) == [Problem(page, 1, "link to nothing.md")]
    found = {(problem.line, problem.what.split()[0]) for problem in dead_names(page)}
    assert found == {
        (1, "helpers/nothing.py"),
        (2, "missing.md"),
        (2, "docs/decisions/9999"),
        (3, "contract.settings.NOTHING"),
    }
