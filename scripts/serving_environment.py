"""Small World on the serving stack of AWS's container: ``make test-serving``.

Makes ``.tools/serving`` with the packages of the image ``pytorch-inference:2.6.0-cpu-py312`` (AWS's inference toolkit,
TorchServe, PyTorch), and runs there what an endpoint would load: :mod:`tests.serving`. No Docker, no AWS.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = ROOT / ".tools" / "uv" / "bin" / "uv"
HOME = ROOT / ".tools" / "serving"
PINS = Path(__file__).with_name("serving_stack.txt")
PYTHON = "3.12"
JAVA = 17
ROOM_MB = 8000
TABLE, PAGE = ROOT / "build" / "serving" / "table.md", ROOT / "docs" / "serving.md"
BEGIN, END = "<!-- table: make test-serving ARGS=--record -->\n", "<!-- end of table -->\n"


def stop(text: str) -> None:
    sys.exit(f"serving: {text}")


def run(command: Sequence[str | Path], what: str) -> None:
    """Run a command with its output shown, and end with one line when it fails."""
    print(f"serving: {what}", flush=True)
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    environment.pop("VIRTUAL_ENV", None)
    code = subprocess.run([*map(str, command)], cwd=ROOT, env=environment, check=False).returncode
    if code:
        stop(f"{what} failed (exit status {code}); its own message is above.")


def check_java() -> str:
    """The version of the Java on the path; ends the program when there is none that TorchServe can use."""
    java = shutil.which("java")
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr if java else ""
    found = re.search(r'version "(\d+)[^"]*"', told)
    if found is None or int(found[1]) < JAVA:
        have = f"java on the path is version {found[1]}" if found else "there is no java on the path"
        stop(
            f"{have}; TorchServe needs Java {JAVA} or newer. Debian, Ubuntu: apt-get install default-jre-headless; "
            "macOS: brew install openjdk@17; Amazon Linux: dnf install java-17-amazon-corretto-headless."
        )
    assert found
    return found[0].removeprefix("version ").strip('"')


def candidates() -> Iterator[str]:
    """Where a Python of the image's version may be: on the PATH, where uv finds it, with pyenv."""
    yield f"python{PYTHON}"
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    found = subprocess.run(
        [str(UV), "python", "find", "--system", PYTHON], env=environment, capture_output=True, text=True, check=False
    )
    yield found.stdout.strip()
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    yield from map(str, sorted(versions.glob(f"{PYTHON}.*/bin/python")))


def find_python() -> str:
    """A Python of the image's version that runs; its path."""
    script = "import sys; print('%d.%d' % sys.version_info[:2], sys.executable)"
    for candidate in filter(None, candidates()):
        try:
            told = subprocess.run([candidate, "-c", script], capture_output=True, text=True, check=False).stdout.split()
        except OSError:
            continue
        if told[:1] == [PYTHON]:
            return told[1]
    stop(
        f"there is no Python {PYTHON} here, which the image has, and which the wheels in a package are for: install it "
        f"(for example `{UV} python install {PYTHON}`), or give one with make test-serving ARGS='--python PATH'."
    )
    raise AssertionError


def make(python: str) -> None:
    """Make the environment, or make it again when its Python or its pins have changed."""
    wanted = f"{python}\n{PINS.read_text(encoding='utf-8')}"
    stamp = HOME / "made-from.txt"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    free = shutil.disk_usage(ROOT).free >> 20
    if free < ROOM_MB:
        stop(f"{free} MB are free at {ROOT}, and the stack needs up to {ROOM_MB} MB: free some and try again.")
    shutil.rmtree(HOME, ignore_errors=True)
    # pip, and pip in it: the toolkit calls it, and an index may have a smaller build of PyTorch for pip alone.
    run([python, "-m", "venv", HOME], f"Python {PYTHON} in .tools/serving")
    install = [HOME / "bin" / "python", "-m", "pip", "install", "--disable-pip-version-check", "--no-cache-dir"]
    run([*install, "--quiet", "-r", PINS], "AWS's serving stack (downloads up to 3 GB, 2 to 10 minutes)")
    stamp.write_text(wanted, encoding="utf-8")


def record() -> None:
    """Put the table of this run into docs/serving.md."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    if not rest or not after:
        stop(f"{PAGE.relative_to(ROOT)} has no place for the table, between {BEGIN.strip()} and {END.strip()}.")
    PAGE.write_text(f"{before}{BEGIN}{TABLE.read_text(encoding='utf-8')}{END}{after}", encoding="utf-8")
    print(f"serving: the table is in {PAGE.relative_to(ROOT)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", help=f"a Python {PYTHON}; by default the first that is found")
    parser.add_argument("--record", action="store_true", help="write the table of this run into docs/serving.md")
    parser.add_argument("tests", nargs="*", default=[], help="for pytest, such as -k slow")
    chosen, more = parser.parse_known_args()
    java = check_java()
    make(chosen.python or find_python())
    print(f"serving: Java {java}", flush=True)
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "serving", "tests/serving"]
    run([*tests, *more, *chosen.tests], "the requests of docs/serving.md, to the real stack and to the local container")
    print(f"serving: {TABLE.relative_to(ROOT)} has the table")
    if chosen.record:
        record()


if __name__ == "__main__":
    main()
