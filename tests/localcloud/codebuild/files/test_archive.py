"""Zip archives: what is kept, and what leads outside."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from localcloud.codebuild.failures import PhaseFailed
from localcloud.codebuild.files import archive
from tests.localcloud.codebuild.conftest import zipped


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
        ({"../x": "evil"}, "'../x' is outside"),
        ({"a/../../x": "evil"}, "is outside"),
        ({"/x": "evil"}, "is outside"),
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


def test_what_is_not_a_zip_is_refused(tmp_path: Path) -> None:
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
