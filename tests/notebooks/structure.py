"""What every notebook of the workshop has; each rule says what is wrong, and where."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import re
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat

NAMES = (
    "00_start_here",
    "01_deploy",
    "02_explore_the_model",
    "03_generate",
    "04_from_json_to_png",
    "05_zero_to_many",
    "06_operate",
    "99_clean_up",
)
"""All notebooks; that there are no others, and none is missing, is a test."""

MOST_LINES = 20
OPENING = {
    "a title": r"\A# \S",
    "“You will be able to” with three points": r"You will be able to\s*\n+(- .+\n(?:  .+\n)*){3}",
    "its minutes": r"\*\*Time:?\*\*:? [^\n]*minute",
    "its cost": r"\*\*Cost:?\*\*:? \S",
    "what must be there before": r"\*\*Before:?\*\*:? \S",
}
KERNEL = 'runpy.run_path("../contract/kernel.py")["check"]()'
"""Says what to do in a kernel that has not even the workshop's own packages; so it comes before their import."""
IDIOM = "from helpers import connect"
FACES = re.compile(r"helpers(\.[a-z]+)?|contract(\.[a-z]+)?|(?!helpers|contract|localcloud|infra)[\w.]+")
"""What a notebook may import: the face of a room, what all parts agree on, and what is not the workshop's."""
FORBIDDEN = {
    r"%store": "hands something on through %store",
    r"\binput\(": "asks for input",
    r"\bsleep\(": "sleeps in a cell",
    r"while True": "waits without a deadline",
}


def problems(path: Path) -> list[str]:
    """What is wrong with the structure of a notebook; nothing when all is well."""
    # Not with nbformat.read, which silently repairs some of what is looked for here.
    notebook: Any = nbformat.from_dict(json.loads(path.read_text(encoding="utf-8")))
    for cell in notebook.cells:
        cell.source = cell.source if isinstance(cell.source, str) else "".join(cell.source)
    found: list[str] = []
    for rule in (_file, _cells, _opening, _prose, _code, _links, _pictures, _ending):
        found += rule(notebook, path)
    return found


def _of(notebook: Any, kind: str) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == kind]


def _text(notebook: Any) -> str:
    return "\n\n".join(cell.source for cell in _of(notebook, "markdown"))


def _source(notebook: Any) -> str:
    return "\n".join(cell.source for cell in _of(notebook, "code"))


def _file(notebook: Any, path: Path) -> Iterator[str]:
    kernel, language = notebook.metadata.get("kernelspec", {}), notebook.metadata.get("language_info", {})
    if kernel.get("name") != "python3":
        yield f"the kernel is {kernel.get('name')!r}, not 'python3'"
    if language != {"name": "python"}:
        yield f"language_info is {dict(language)}, and must be the name 'python' alone: versions differ by machine"
    if (notebook.nbformat, notebook.nbformat_minor) != (4, 5):
        yield f"the format is {notebook.nbformat}.{notebook.nbformat_minor}, not 4.5"


def _cells(notebook: Any, path: Path) -> Iterator[str]:
    ids = [cell.get("id", "") for cell in notebook.cells]
    for name in ids:
        if not re.fullmatch(r"[a-z][a-z0-9-]*", name) or re.fullmatch(r"[0-9a-f]{8}", name):
            yield f"the cell id {name!r} is not a readable one, such as 'deploy-1'"
    for name in sorted({name for name in ids if ids.count(name) > 1}):
        yield f"the cell id {name!r} is there {ids.count(name)} times"
    code = _of(notebook, "code")
    for cell in code:
        if (lines := len(cell.source.splitlines())) > MOST_LINES:
            yield f"cell {cell.get('id')!r} has {lines} lines; at most {MOST_LINES}"
        if not cell.source.strip():
            yield f"cell {cell.get('id')!r} is empty"
        if cell.outputs or cell.execution_count is not None:
            yield f"cell {cell.get('id')!r} holds an output: .venv/bin/nbstripout --keep-id notebooks/*.ipynb"
    tagged = [number for number, cell in enumerate(code) if "parameters" in cell.metadata.get("tags", ())]
    if tagged != [0]:
        yield "the first code cell, and no other, must be tagged 'parameters'"
    if len(code) < 2 or KERNEL not in code[1].source:
        yield f"the second code cell must look at the kernel: {KERNEL}"
    if len(code) < 3 or IDIOM not in code[2].source:
        yield f"the third code cell must connect: {IDIOM}"


def _opening(notebook: Any, path: Path) -> Iterator[str]:
    first = notebook.cells[0]
    if first.cell_type != "markdown":
        yield "the first cell is not text"
        return
    for what, pattern in OPENING.items():
        if not re.search(pattern, first.source + "\n"):
            yield f"the opening lacks {what}"


def _prose(notebook: Any, path: Path) -> Iterator[str]:
    texts = len(_of(notebook, "markdown"))
    if 2 * texts < len(notebook.cells):
        yield f"{texts} of {len(notebook.cells)} cells are text; half or more must be"
    if not re.search(r"\*\*Predict\b", _text(notebook)):
        yield "nothing asks the reader to predict (**Predict:** what will …?)"
    for before, after in zip(notebook.cells, notebook.cells[1:], strict=False):
        if before.cell_type == after.cell_type == "code" and not _belongs(before, after):
            yield f"cell {after.get('id')!r} follows cell {before.get('id')!r} without a word between"


def _belongs(before: Any, after: Any) -> bool:
    """Whether two code cells may stand together: preparations do, the questions of a quiz, and parts of one thing."""
    stems = {re.sub(r"(-\d+)?$", "", cell.get("id", "")) for cell in (before, after)}
    return len(stems) == 1 or bool(stems & {"parameters", "kernel", "connect", "push"})


def _code(notebook: Any, path: Path) -> Iterator[str]:
    solutions = re.findall(r"```python\n(.*?)```", _text(notebook), re.DOTALL)
    cells = [(f"cell {cell.get('id')!r}", cell.source) for cell in _of(notebook, "code")]
    for where, source in [*cells, *(("a piece of code in the text", source) for source in solutions)]:
        try:
            tree = ast.parse(re.sub(r"^\s*[%!].*$", "", source, flags=re.MULTILINE))
        except SyntaxError as error:
            yield f"{where} is not Python: {error.msg} in line {error.lineno}"
            continue
        yield from (f"{where}: {problem}" for problem in _imports(tree))
    for pattern, what in FORBIDDEN.items():
        if re.search(pattern, _source(notebook)):
            yield f"a cell {what}"


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if importlib.util.find_spec(alias.name.partition(".")[0]) is None:
                    yield f"there is no module {alias.name}"
        elif isinstance(node, ast.ImportFrom) and node.module:
            if not FACES.fullmatch(node.module):
                yield f"{node.module} is inside of a room; import from its face, such as helpers.show"
            try:
                module = importlib.import_module(node.module)
            except ImportError as error:
                yield f"{node.module} cannot be imported: {error}"
                continue
            for alias in node.names:
                if not hasattr(module, alias.name) and not _is_module(f"{node.module}.{alias.name}"):
                    yield f"{node.module} has no {alias.name}"


def _is_module(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def _links(notebook: Any, path: Path) -> Iterator[str]:
    targets = re.findall(r"\]\(([^)\s]+)", _text(notebook)) + re.findall(
        r"""(?:href|src|srcset)=["']([^"']+)""", _text(notebook)
    )
    for target in targets:
        parts = urllib.parse.urlsplit(target)
        if parts.scheme or not parts.path:
            continue
        if not (path.parent / urllib.parse.unquote(parts.path)).exists():
            yield f"the link {target} leads nowhere"


def _pictures(notebook: Any, path: Path) -> Iterator[str]:
    for alt, target in re.findall(r"!\[([^\]]*)\]\(([^)\s]+)", _text(notebook)):
        if not alt.strip():
            yield f"the picture {target} has no alternative text"
    for tag in re.findall(r"<img\b[^>]*>", _text(notebook)):
        if not re.search(r"""\balt=["'][^"']+""", tag):
            yield f"a picture has no alternative text: {tag[:60]}"


def _ending(notebook: Any, path: Path) -> Iterator[str]:
    source, text = _source(notebook), _text(notebook)
    if not re.search(r"^checkpoint\(", source, re.MULTILINE):
        yield "there is no checkpoint"
    if len(re.findall(r"^(?:\w+ = )?quiz\(", source, re.MULTILINE)) not in (2, 3):
        yield "there are not two or three quiz questions"
    if not re.search(r"^## +Exercise", text, re.MULTILINE | re.IGNORECASE):
        yield "there is no exercise"
    elif "<details>" not in text or "</details>" not in text:
        yield "the exercise has no solution folded into <details>"
    last = notebook.cells[-1]
    if last.cell_type != "markdown" or not re.search(
        r"^## +Where to go next", last.source, re.MULTILINE | re.IGNORECASE
    ):
        yield "the last cell does not say where to go next"
    following = sorted(other.name for other in path.parent.glob("[0-9][0-9]_*.ipynb") if other.name > path.name)
    if following and f"]({following[0]})" not in last.source:
        yield f"the last cell does not link to the next notebook, {following[0]}"
