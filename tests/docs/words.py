"""The words that people read in a tracked file: prose, messages, docstrings and comments, each with its line."""

import ast
import functools
import io
import re
import subprocess
import tokenize
from collections.abc import Iterator

from contract.settings import ROOT


@functools.cache
def tracked() -> tuple[str, ...]:
    """Every file that Git knows and that is still there."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return tuple(path for path in done.stdout.split("\0") if path and (ROOT / path).is_file())


def strings(source: str) -> Iterator[tuple[int, str]]:
    """String literals of Python code, docstrings among them; an f-string's constant parts are joined by ``{}``."""
    tree, inside = ast.parse(source), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            inside.update(id(part) for part in node.values)
            parts = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.lineno, node.value


def comments(source: str) -> Iterator[tuple[int, str]]:
    """Comments of Python code; those of lines that follow each other are one."""
    last, lines, begun = -1, [], 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        text = token.string.lstrip("# ")
        if token.start[0] == last + 1:
            lines.append(text)
        else:
            if lines:
                yield begun, "\n".join(lines)
            begun, lines = token.start[0], [text]
        last = token.start[0]
    if lines:
        yield begun, "\n".join(lines)


def hash_comments(source: str) -> Iterator[tuple[int, str]]:
    """Comments of TOML and YAML: from a ``#`` that begins a line or follows a blank."""
    for number, line in enumerate(source.splitlines(), start=1):
        if found := re.search(r"(?:^|\s)#(.*)", line):
            yield number, found[1].strip()


def words(path: str) -> Iterator[tuple[int, str]]:
    """What people read in a file: line and text."""
    source = (ROOT / path).read_text(encoding="utf-8")
    if path.endswith(".py"):
        yield from strings(source)
        yield from comments(source)
    elif path.endswith((".toml", ".yml", ".yaml")):
        yield from hash_comments(source)
    else:
        yield 1, source
