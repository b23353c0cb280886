"""Without a browser ``make test`` says why, in words."""

import subprocess
import sys
from pathlib import Path

import pytest

from scripts import chromium

OUTPUT = """
Downloading Chrome for Testing 159.0.8154.6 (playwright chromium v1255) from http://127.0.0.1:9/chrome-linux64.zip
Failed to install browsers
Error: Failed to download Chrome for Testing 159.0.8154.6 (playwright chromium v1255), caused by
Error: Download failure, code=1
    at ChildProcess.<anonymous> (/opt/playwright/driver/package/lib/coreBundle.js:34127:32)
    at ChildProcess._handle.onexit (node:internal/child_process:323:12)
"""
ERRORS = """
\x1b[31mError: connect ECONNREFUSED 127.0.0.1:9\x1b[39m
    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:2083:16) {
  errno: -111,
  code: 'ECONNREFUSED',
  syscall: 'connect',
  address: '127.0.0.1',
  port: 9
}
"""
APT = """Reading package lists...
E: Unable to locate package chromium
"""
PROGRAM = "import sys; sys.stdout.write({stdout!r}); sys.stderr.write({stderr!r}); sys.exit(1)"


@pytest.mark.parametrize(
    ("stdout", "stderr", "said"),
    [
        (OUTPUT, ERRORS, "connect ECONNREFUSED 127.0.0.1:9"),
        (OUTPUT, "}\n", "Download failure, code=1"),
        (APT, "W: Some index files failed to download.\n", "Unable to locate package chromium"),
        ("Reading package lists...\n", "", "Reading package lists..."),
        ("", "/usr/bin/python3: No module named playwright\n", "/usr/bin/python3: No module named playwright"),
        ("", "", "it does not say why"),
    ],
)
def test_the_reason_is_the_last_error_in_words(stdout: str, stderr: str, said: str) -> None:
    assert chromium.reason(stdout, stderr) == said


def test_every_way_to_install_one_says_why_it_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs that fail as Playwright's and Debian's do, in their place."""
    program(tmp_path / "python", OUTPUT, ERRORS)
    program(tmp_path / "apt-get", "", APT)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(chromium, "find", lambda: None)
    with pytest.raises(SystemExit) as ended:
        chromium.install()
    assert str(ended.value) == (
        "browser tests need Chromium or Chrome, and none could be installed. Install one so that it is on the PATH "
        "(Debian: apt-get install chromium) and run make test again. Tried: "
        "-m playwright install chromium: connect ECONNREFUSED 127.0.0.1:9; "
        "apt-get update -q: Unable to locate package chromium; "
        "apt-get install -q -y --no-install-recommends chromium: Unable to locate package chromium"
    )


def program(path: Path, stdout: str, stderr: str) -> None:
    path.write_text(f"#!{sys.executable}\n{PROGRAM.format(stdout=stdout, stderr=stderr)}\n")
    path.chmod(0o755)


def test_the_program_itself_ends_with_that(tmp_path: Path) -> None:
    """``make test`` runs it before the tests, and ends with its status."""
    script = (
        "from scripts import chromium; import os, sys\n"
        "chromium.find = lambda: None; os.geteuid = lambda: 1\n"
        f"sys.executable = {str(tmp_path / 'python')!r}; chromium.install()"
    )
    program(tmp_path / "python", OUTPUT, ERRORS)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().endswith("Tried: -m playwright install chromium: connect ECONNREFUSED 127.0.0.1:9")
