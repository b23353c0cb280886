"""Patterns of a buildspec, in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from localcloud.codebuild.files.selection import base_directories, select


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a.txt", "b.md", "my-build-1/one.txt", "my-build-2/two.txt", "my-build-2/sub/three.txt", ".hidden"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.mark.parametrize(
    ("patterns", "excluded", "found"),
    [
        (["a.txt"], [], ["a.txt"]),
        (["./a.txt"], [], ["a.txt"]),
        (["*.txt"], [], ["a.txt"]),
        (["my-build-2/*"], [], ["my-build-2/two.txt"]),
        (["my-build-2/**/*"], [], ["my-build-2/sub/three.txt", "my-build-2/two.txt"]),
        (["*/sub/three.txt"], [], ["my-build-2/sub/three.txt"]),
        (["**/*.txt"], ["my-build-2/sub"], ["a.txt", "my-build-1/one.txt", "my-build-2/two.txt"]),
        (["**/*"], ["**/*.txt"], [".hidden", "b.md"]),
        (["nothing"], [], []),
        (["[ab].*"], [], ["a.txt", "b.md"]),
    ],
)
def test_patterns(tree: Path, patterns: list[str], excluded: list[str], found: list[str]) -> None:
    """artifacts/files and exclude-paths, with the User Guide's own tree."""
    assert sorted(select(tree, patterns, excluded)) == found


def test_base_directories(tree: Path) -> None:
    """artifacts/base-directory: one folder, or all whose names begin with something."""
    assert base_directories(tree, None) == [tree]
    assert base_directories(tree, "my-build-1") == [tree / "my-build-1"]
    assert base_directories(tree, "my-build*") == [tree / "my-build-1", tree / "my-build-2"]
    assert base_directories(tree, "none") == []
