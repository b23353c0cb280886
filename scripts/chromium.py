"""Find a Chromium or Chrome for the browser tests; with ``--install``, install one when there is none.

First what is on the PATH, then Playwright's own, then Debian's package. Without any, the last line says why.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")


def find() -> str | None:
    """Path of a browser that is installed, or None."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    if MAC.exists():
        return str(MAC)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


def reason(stdout: str, stderr: str) -> str:
    """Why a program failed: its last error in words, without the stack and the object that Node.js shows after it."""
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip() for line in (*stdout.splitlines(), *stderr.splitlines())]
    words = [line for line in lines if re.search("[A-Za-z]", line) and not re.match(r"at |\w+: .*,$", line)]
    errors = [line for line in words if re.match(r"(\w*Error|E): ", line)]
    return re.sub(r"^(\w*Error|E): ", "", (errors or words or ["it does not say why"])[-1])


def install() -> str:
    """Install a browser and return its path, or end with the reason why there is none."""
    attempts = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if shutil.which("apt-get") and os.geteuid() == 0:
        install = ["apt-get", "install", "-q", "-y", "--no-install-recommends", "chromium"]
        attempts += [["apt-get", "update", "-q"], install]
    reasons = []
    for command in attempts:
        shown = " ".join(command[1:] if command[0] == sys.executable else command)
        print(f"browser: {shown}", flush=True)
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=600, stdin=subprocess.DEVNULL)
            if done.returncode:
                reasons.append(f"{shown}: {reason(done.stdout, done.stderr)}")
        except subprocess.TimeoutExpired:
            reasons.append(f"{shown}: no end after 10 minutes")
        if path := find():
            return path
    sys.exit(
        "browser tests need Chromium or Chrome, and none could be installed. Install one so that it is on the PATH "
        "(Debian: apt-get install chromium) and run make test again. Tried: " + "; ".join(reasons)
    )


if __name__ == "__main__":
    path = find() or (install() if "--install" in sys.argv else None)
    if path is None:
        sys.exit("no Chromium or Chrome found; python scripts/chromium.py --install installs one.")
    print(f"browser: {path}")
