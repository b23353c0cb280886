"""SageMaker Studio, rehearsed: the JupyterLab of a SageMaker Distribution as the server, ``.venv`` as the kernel.

Makes ``.tools/studio-server-<version>`` with what the server of a space consists of (a file of pins for each version),
and runs tests/space/rehearsal.py against it in Chromium.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from scripts.environments import ROOT, UV, made_from, run
from scripts.studio_environment import python_of_the_distribution

PINS = {path.stem.rpartition("_")[2]: path for path in sorted(Path(__file__).parent.glob("studio_server_*.txt"))}
"""By version of the distribution."""
EXTENSIONS = {
    # What start-jupyter-server of each version does before it starts JupyterLab in a private space.
    "4.4": [
        ("labextension", "enable", "@jupyter/collaboration-extension"),
        ("labextension", "enable", "@jupyter/docprovider-extension"),
    ],
    "4.6": [],  # removes jupyter-collaboration, which its pins leave out
}


def make(version: str, python: str) -> Path:
    """Make the server's environment, or make it again when its Python or its pins have changed; its folder."""
    home = ROOT / ".tools" / f"studio-server-{version}"

    def install() -> None:
        run("studio", [UV, "venv", "--quiet", "--clear", "--python", python, home], f"Python in .tools/{home.name}")
        pip = [UV, "pip", "install", "--quiet", "--python", home / "bin" / "python"]
        what = f"JupyterLab of SageMaker Distribution {version} (about 250 MB)"
        run("studio", [*pip, "--no-deps", "-r", PINS[version]], what)
        for arguments in EXTENSIONS[version]:
            run("studio", [home / "bin" / "jupyter", *arguments, "--level=sys_prefix"], " ".join(arguments))

    made_from(home, f"{python}\n{EXTENSIONS[version]}\n{PINS[version].read_text(encoding='utf-8')}", install)
    return home


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", help="a Python of the distribution's version; by default the first that is found")
    parser.add_argument("--version", choices=PINS, action="append", help="of the distribution; by default all")
    parser.add_argument("pytest", nargs="*", help="after --: arguments for pytest")
    chosen = parser.parse_args()
    python = chosen.python or python_of_the_distribution()
    for version in chosen.version or PINS:
        server = make(version, python)
        print(f"studio: rehearsal in SageMaker Distribution {version}", flush=True)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/space/rehearsal.py"]
        environment = {**os.environ, "STUDIO_SERVER": str(server)}
        if subprocess.run([*command, *chosen.pytest], cwd=ROOT, env=environment).returncode:
            sys.exit(f"studio: the rehearsal in SageMaker Distribution {version} failed; pytest's message is above.")


if __name__ == "__main__":
    main()
