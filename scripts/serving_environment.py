"""Small World on the serving stack of AWS's container: ``make test-serving``.

Makes ``.tools/serving`` with the packages of the image ``pytorch-inference:2.6.0-cpu-py312`` (AWS's inference toolkit,
TorchServe, PyTorch), and runs there what an endpoint would load: :mod:`tests.serving`. No Docker, no AWS.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

from scripts.environments import ROOT, UV, find_python, made_from, run

HOME = ROOT / ".tools" / "serving"
PINS = Path(__file__).with_name("serving_stack.txt")
PYTHON = "3.12"
JAVA = 17
ROOM_MB = 8000
TABLE, PAGE = ROOT / "build" / "serving" / "table.md", ROOT / "docs" / "serving.md"
BEGIN, END = "<!-- table: make test-serving ARGS=--record -->\n", "<!-- end of table -->\n"


def stop(text: str) -> NoReturn:
    sys.exit(f"serving: {text}")


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
    return found[0].removeprefix("version ").strip('"')


def python_of_the_image() -> str:
    """A Python of the image's version; ends the program when there is none."""
    found = find_python(PYTHON)
    if found is None:
        stop(
            f"there is no Python {PYTHON} here, which the image has, and which the wheels in a package are for: "
            f"install it (for example `{UV} python install {PYTHON}`), or give one with "
            "make test-serving ARGS='--python PATH'."
        )
    return found


def make(python: str) -> None:
    """Make the environment, or make it again when its Python or its pins have changed."""

    def install() -> None:
        free = shutil.disk_usage(ROOT).free >> 20
        if free < ROOM_MB:
            stop(f"{free} MB are free at {ROOT}, and the stack needs up to {ROOM_MB} MB: free some and try again.")
        shutil.rmtree(HOME, ignore_errors=True)
        # pip, and pip in it: the toolkit calls it, and an index may have a smaller build of PyTorch for pip alone.
        run("serving", [python, "-m", "venv", HOME], f"Python {PYTHON} in .tools/serving")
        pip = [HOME / "bin" / "python", "-m", "pip", "install", "--disable-pip-version-check", "--no-cache-dir"]
        run("serving", [*pip, "--quiet", "-r", PINS], "AWS's serving stack (downloads up to 3 GB, 2 to 10 minutes)")

    made_from(HOME, f"{python}\n{PINS.read_text(encoding='utf-8')}", install)


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
    make(chosen.python or python_of_the_image())
    print(f"serving: Java {java}", flush=True)
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "serving", "tests/serving"]
    what = "the requests of docs/serving.md, to the real stack and to the local container"
    run("serving", [*tests, *more, *chosen.tests], what)
    print(f"serving: {TABLE.relative_to(ROOT)} has the table")
    if chosen.record:
        record()


if __name__ == "__main__":
    main()
