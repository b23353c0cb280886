"""Which files the patterns of a buildspec mean.

User Guide, "Build specification reference for CodeBuild", artifacts/files: a single file, ``'**/*'`` for all files
recursively, ``folder/*`` for all files in a folder, ``folder/**/*`` for all files recursively below a folder.
"""

from __future__ import annotations

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


def walk(folder: Path) -> Iterator[str]:
    """Every file and symbolic link below ``folder`` (links are not followed), as sorted relative paths."""
    for root, folders, files in os.walk(folder):
        folders.sort()
        base = Path(root)
        links = [name for name in folders if (base / name).is_symlink()]
        for name in sorted(files + links):
            yield (base / name).relative_to(folder).as_posix()


def select(folder: Path, patterns: Iterable[str], excluded: Iterable[str] = ()) -> list[str]:
    """Relative paths of the files below ``folder`` that a pattern matches and no exclusion does."""
    wanted = [expression(pattern) for pattern in patterns]
    unwanted = [expression(pattern) for pattern in excluded]
    # An excluded folder excludes what is in it.
    unwanted += [expression(f"{pattern.rstrip('/')}/**") for pattern in excluded]
    return [
        path
        for path in walk(folder)
        if any(each.fullmatch(path) for each in wanted) and not any(each.fullmatch(path) for each in unwanted)
    ]


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
