"""Which files the patterns of a buildspec mean.

User Guide, "Build specification reference for CodeBuild", artifacts/files: a single file, ``'**/*'`` for all files
recursively, ``folder/*`` for all files in a folder, ``folder/**/*`` for all files recursively below a folder.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path


def expression(pattern: str) -> re.Pattern[str]:
    """``pattern`` as a regular expression for whole relative paths; ``**/`` stands for any number of folders."""
    text = pattern.removeprefix("./").rstrip("/")
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]/]+\])", text)
    known = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    out = []
    for part in parts:
        if part in known:
            out.append(known[part])
        elif part.startswith("[") and part.endswith("]") and len(part) > 2:
            inner = part[1:-1].replace("\\", "\\\\")
            out.append("[" + ("^" + inner[1:] if inner[0] in "!^" else inner) + "]")
        else:
            out.append(re.escape(part))
    return re.compile("".join(out))


def _walk(folder: Path, depth: int | None) -> Iterator[Path]:
    """Every file and symbolic link below ``folder``, at most ``depth`` levels down; links are not followed."""
    for root, folders, files in os.walk(folder):
        base = Path(root)
        yield from (base / name for name in files)
        yield from (base / name for name in folders if (base / name).is_symlink())
        if depth is not None and len(base.relative_to(folder).parts) + 1 >= depth:
            folders.clear()


def _matches(folder: Path, pattern: str) -> Iterator[str]:
    """Relative paths that one pattern matches; looks only where it can match: a source may have many files."""
    text = os.path.normpath(pattern)
    parts = text.split("/")
    if ".." in parts or text.startswith("/"):
        return
    fixed = list(itertools.takewhile(lambda part: not re.search(r"[*?\[]", part), parts))
    if len(fixed) == len(parts):
        if (folder / text).is_file() or (folder / text).is_symlink():
            yield text
        return
    wanted = expression(text)
    depth = None if "**" in text else len(parts) - len(fixed)
    for path in _walk(folder.joinpath(*fixed), depth):
        relative = path.relative_to(folder).as_posix()
        if wanted.fullmatch(relative):
            yield relative


def select(folder: Path, patterns: Iterable[str], excluded: Iterable[str] = ()) -> list[str]:
    """Relative paths of the files below ``folder`` that a pattern matches and no exclusion does, sorted.

    Parameters
    ----------
    folder : Path
    patterns, excluded : iterable of str
        Relative to ``folder``.
    """
    # An excluded folder excludes what is in it.
    unwanted = [expression(each) for pattern in excluded for each in (pattern, f"{pattern.rstrip('/')}/**")]
    found = {path for pattern in patterns for path in _matches(folder, pattern)}
    return sorted(path for path in found if not any(each.fullmatch(path) for each in unwanted))


def base_directories(folder: Path, pattern: str | None) -> list[Path]:
    """``folder`` itself, or the folders in it that ``base-directory`` names."""
    if pattern is None or pattern in (".", "./"):
        return [folder]
    relative = pattern.removeprefix("./").rstrip("/")
    if "*" not in relative and "?" not in relative:
        found = (folder / relative).resolve()
        return [found] if found.is_dir() else []
    matcher = expression(relative)
    candidates = (Path(root) / name for root, names, _ in os.walk(folder) for name in sorted(names) if name != ".git")
    return sorted(path for path in candidates if matcher.fullmatch(path.relative_to(folder).as_posix()))
