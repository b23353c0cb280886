"""``make lab``: JupyterLab with the workshop's notebooks, on the configured target.

The user's own Jupyter settings hold. Ours are the first notebook, the kernels' environment, a token, this machine
only, and no news from elsewhere. In SageMaker Studio it is reached through the space's own JupyterLab.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import secrets
import sys
import urllib.parse
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from contract.errors import WorkshopError
from contract.settings import ROOT, load
from helpers.commands.interruption import Interruption, interruptible
from helpers.commands.reaching import Reach, free_port, reach
from helpers.inference.connection import connect

FIRST = "notebooks/00_start_here.ipynb"
SETTINGS = ROOT / "build" / "lab"
PORT = 8890
"""Where a space's second JupyterLab listens, when nobody else does; its own listens at 8888."""
DEFAULTS = {
    # Without these two JupyterLab asks at the first start whether it may fetch news.
    "@jupyterlab/apputils-extension:notification": {"checkForUpdates": False, "fetchNews": "false"},
}
"""Defaults of JupyterLab's settings, in place of its own; what the user has set goes before them."""


def write_defaults(folder: Path) -> Path:
    """Write :data:`DEFAULTS` for JupyterLab, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "overrides.json").write_text(json.dumps(DEFAULTS, indent=1), encoding="utf-8")
    return folder


def options(token: str, settings: Path, behind: Reach | None = None) -> list[str]:
    """What JupyterLab is started with; an option that is given again later wins."""
    return [
        "--ip=127.0.0.1",
        f"--ServerApp.root_dir={ROOT}",
        f"--LabApp.default_url=/lab/tree/{FIRST}",
        f"--IdentityProvider.token={token}",
        f"--LabApp.app_settings_dir={settings}",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--Application.log_level=WARN",
        "--ServerApp.answer_yes=True",  # Ctrl+C ends it at once, in place of a question
        *(["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
        *(behind.options() if behind else []),
    ]


def environment(base: Mapping[str, str]) -> dict[str, str]:
    """The kernels' environment: ``python3`` is this Python, in which the workshop is installed."""
    return {**base, "JUPYTER_PREFER_ENV_PATH": "1"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Start the local cloud, when that is the target, and JupyterLab; return when it ends."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    with interruptible("JupyterLab has ended.", serves=True) as interruption:
        return _serve(given, interruption)


def _serve(given: Sequence[str], interruption: Interruption) -> int:
    try:
        if load().workshop.target == "local":
            cloud = connect()
            sys.stdout.write(f"{cloud.target.described} is running\n")
    except WorkshopError as problem:
        sys.stdout.write(f"JupyterLab was not started: {problem}\n")
        return 1
    os.environ.update(environment(os.environ))
    import voila  # noqa: F401 - an extension of the server, which shows Jupyter's own deprecations when it is imported
    from jupyterlab.labapp import LabApp  # reads the environment when it is imported

    behind, given = placed(given)
    # In this process, not as a command: command lines, and so the token, are seen by every user of the machine.
    token = os.environ.get("JUPYTER_TOKEN") or secrets.token_hex(24)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # among Jupyter's own parts
        server = LabApp.initialize_server([*options(token, write_defaults(SETTINGS), behind), *given])
    end = "Ctrl+C ends it; `make clean` ends the local cloud, too."
    sys.stdout.write(f"JupyterLab: {address(server, behind)}\n{behind.note() if behind else ''}{end}\n")
    sys.stdout.flush()
    interruption.end = lambda: server.stop(from_signal=True)  # it ends its kernels, and then start() returns
    interruption.listen()  # again: Jupyter has installed its own handlers, which say more than one line
    server.start()
    return 0


def placed(given: Sequence[str]) -> tuple[Reach | None, list[str]]:
    """In SageMaker Studio, how a browser reaches the server, and the user's options with the port in them.

    There the port is part of every URL that the server writes, so it is chosen before the server is; elsewhere
    JupyterLab chooses it.
    """
    behind = reach(PORT)
    if behind.space is None:
        return None, list(given)
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--port", "--ServerApp.port", dest="port", type=int)
    chosen, others = parser.parse_known_args(list(given))
    port = chosen.port or free_port(PORT)
    return dataclasses.replace(behind, port=port), [f"--port={port}", "--ServerApp.port_retries=0", *others]


def address(server: Any, behind: Reach | None = None) -> str:
    """URL of a Jupyter server's first page, with its token."""
    token = server.identity_provider.token
    if behind is not None:
        return behind.url(f"lab/tree/{FIRST}", token)
    query = urllib.parse.urlencode({"token": token})
    return f"http://127.0.0.1:{server.port}{server.base_url.rstrip('/')}/lab/tree/{FIRST}?{query}"


if __name__ == "__main__":
    sys.exit(main())
