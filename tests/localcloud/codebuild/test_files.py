"""Patterns, archives and JUnit's XML, without a cloud."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from localcloud.codebuild import archive, junit
from localcloud.codebuild.failures import PhaseFailed
from localcloud.codebuild.selection import base_directories, select

from .conftest import zipped


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


def test_unpacking_keeps_modes_and_links(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(
        zipped({"bin/run": (stat.S_IFREG | 0o755, "x"), "bin/link": (stat.S_IFLNK | 0o777, "run"), "empty/": ""})
    )
    archive.unpack(tmp_path / "a.zip", tmp_path / "out")
    assert os.access(tmp_path / "out/bin/run", os.X_OK)
    assert (tmp_path / "out/bin/link").readlink() == Path("run")
    assert (tmp_path / "out/empty").is_dir()


@pytest.mark.parametrize(
    ("files", "what"),
    [
        ({"../x": "evil"}, "'../x' lies outside"),
        ({"a/../../x": "evil"}, "lies outside"),
        ({"/x": "evil"}, "lies outside"),
        ({"link": (stat.S_IFLNK | 0o777, "../x")}, "points to '../x', outside the folder"),
        ({"link": (stat.S_IFLNK | 0o777, "/etc/passwd")}, "points to '/etc/passwd', outside"),
        ({"d": (stat.S_IFLNK | 0o777, "."), "d/e": (stat.S_IFLNK | 0o777, "../../x")}, "cannot be unpacked|outside"),
    ],
)
def test_what_leads_outside_is_refused(tmp_path: Path, files: dict[str, object], what: str) -> None:
    (tmp_path / "a.zip").write_bytes(zipped(files))  # type: ignore[arg-type]
    with pytest.raises(PhaseFailed, match=what):
        archive.unpack(tmp_path / "a.zip", tmp_path / "in" / "out")
    assert not (tmp_path / "in" / "x").exists()
    assert not (tmp_path / "x").exists()


def test_what_is_no_zip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_text("no zip")
    with pytest.raises(PhaseFailed, match="cannot be unpacked"):
        archive.unpack(tmp_path / "a.zip", tmp_path / "out")


def test_packing_follows_links_or_keeps_them(tmp_path: Path) -> None:
    """artifacts/enable-symlinks."""
    (tmp_path / "file").write_text("text")
    (tmp_path / "file").chmod(0o750)
    os.utime(tmp_path / "file", (0, 0))  # older than a zip can say
    (tmp_path / "link").symlink_to("file")
    entries = [(tmp_path / "file", "file"), (tmp_path / "link", "link")]
    for keep in (True, False):
        archive.pack(tmp_path / "a.zip", entries, keep_links=keep)
        out = tmp_path / str(keep)
        archive.unpack(tmp_path / "a.zip", out)
        assert (out / "link").is_symlink() is keep
        assert (out / "link").read_text() == "text"
        assert stat.S_IMODE((out / "file").stat().st_mode) == 0o750


def test_junit(tmp_path: Path) -> None:
    (tmp_path / "r.xml").write_text(
        '<testsuites><testsuite name="s"><testcase classname="c" name="good" time="1.5"/>'
        '<testcase classname="c" name="bad" time="0"><failure message="no">trace</failure></testcase>'
        '<testcase name="broken"><error/></testcase><testcase name="left"><skipped/></testcase>'
        "</testsuite></testsuites>"
    )
    cases = junit.read(tmp_path / "r.xml", "r.xml")
    assert [(case.name, case.status) for case in cases] == [
        ("good", "SUCCEEDED"),
        ("bad", "FAILED"),
        ("broken", "ERROR"),
        ("left", "SKIPPED"),
    ]
    assert (cases[0].prefix, cases[0].suite, cases[0].nanoseconds) == ("c", "s", 1_500_000_000)
    assert cases[1].message == "no\ntrace"


@pytest.mark.parametrize("text", ["<html/>", "no xml", '<testsuite><testcase name="x" time="soon"/></testsuite>'])
def test_what_is_not_junit_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.xml").write_text(text)
    with pytest.raises(ValueError, match=r"r\.xml"):
        junit.read(tmp_path / "r.xml", "r.xml")
