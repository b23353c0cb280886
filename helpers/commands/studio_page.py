"""``make studio``: the prompt studio as a web page of its own.

Voilà shows it, as an extension of a Jupyter server: Voilà by itself asks nobody for a token. The server listens on this
machine only; each visit has a kernel of its own, which ends with the page. In SageMaker Studio the page is reached
through the space's own JupyterLab.
"""

from __future__ import annotations

import argparse
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ipywidgets
import nbformat

from contract.errors import WorkshopError
from contract.settings import ROOT
from helpers.commands.interruption import interruptible
from helpers.commands.reaching import Reach, free_port, reach
from helpers.inference.connection import connect
from helpers.studio.studio import Studio
from helpers.target.targets import STATE

FOLDER = ROOT / "build" / "studio"
NOTEBOOK = "prompt-studio.ipynb"
TEMPLATE = "prompt-studio"
"""In ``voila/templates/``, where Jupyter looks for it below each folder of JUPYTER_PATH."""
PORT = 8866
END_SECONDS = 30
IDLE_SECONDS = 3600
"""A kernel whose page was closed without a word ends after so long."""


def shown(state: str) -> Studio | ipywidgets.HTML:
    """What the page shows: the studio, or why there is none."""
    try:
        return Studio(connect(state=Path(state)))
    except WorkshopError as error:
        message = ipywidgets.HTML()
        message.value = f'<p role="alert"><strong>The studio cannot start.</strong> {_escaped(str(error))}</p>'
        return message


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def write_notebook(folder: Path, state: Path) -> Path:
    """Write the notebook that the page is made of, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    cell = f"from helpers.commands.studio_page import shown\n\nstudio = shown({str(state)!r})\nstudio"
    notebook: Any = nbformat.v4.new_notebook(  # type: ignore[no-untyped-call]
        metadata={"title": "Prompt studio", "kernelspec": {"name": "python3", "display_name": "Python 3"}},
        cells=[nbformat.v4.new_code_cell(cell)],  # type: ignore[no-untyped-call]
    )
    nbformat.write(notebook, folder / NOTEBOOK)  # type: ignore[no-untyped-call]
    return folder / NOTEBOOK


def command(folder: Path, port: int, behind: Reach | None = None, others: Sequence[str] = ()) -> list[str]:
    """The server's command line; the token is in :func:`environment`, where no other user of the machine sees it.

    Parameters
    ----------
    folder : Path
        Holds the page's notebook.
    port : int
        Where to listen.
    behind : Reach, optional
        How a browser reaches it, by default directly.
    others : sequence of str
        Options of the user's; they win.
    """
    return [
        sys.executable,
        # Not "jupyter server", which takes the first jupyter-server of the PATH: in SageMaker Studio the image's.
        *("-m", "jupyter_server", "--no-browser", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"),
        *(f"--ServerApp.root_dir={folder}", "--ServerApp.terminals_enabled=False", "--ServerApp.answer_yes=True"),
        *("--ServerApp.jpserver_extensions={'voila.server_extension': True}", "--ServerApp.log_level=WARN"),
        f"--VoilaConfiguration.template={TEMPLATE}",
        *(f"--MappingKernelManager.cull_idle_timeout={IDLE_SECONDS}", "--MappingKernelManager.cull_interval=60"),
        *(["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
        *(behind or Reach(port)).options(),
        *others,
    ]


def environment(token: str, base: Mapping[str, str]) -> dict[str, str]:
    """The server's environment: its token, where it finds the template, and that its kernel is this Python."""
    path = os.pathsep.join(filter(None, (str(Path(__file__).parent), base.get("JUPYTER_PATH"))))
    return {**base, "JUPYTER_TOKEN": token, "JUPYTER_PATH": path, "JUPYTER_PREFER_ENV_PATH": "1"}


def address(port: int, token: str, behind: Reach | None = None) -> str:
    """The page's URL."""
    return (behind or Reach(port)).url(f"voila/render/{NOTEBOOK}", token)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the page until Ctrl+C."""
    parser = argparse.ArgumentParser(description="The prompt studio as a web page of its own.")
    parser.add_argument("--port", type=int, default=PORT, help=f"by default {PORT}, or another when that is taken")
    parser.add_argument("--state", type=Path, default=STATE, help="where the local cloud keeps its state")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the page's notebook is written")
    parser.add_argument("others", nargs="*", metavar="OPTION", help="after --: options for the Jupyter server")
    chosen = parser.parse_args(arguments)
    write_notebook(chosen.folder, chosen.state.resolve())
    port, token = free_port(chosen.port), secrets.token_hex(16)
    behind = reach(port)
    sys.stdout.write(f"Prompt studio: {address(port, token, behind)}\n{behind.note()}Ctrl+C ends it.\n")
    sys.stdout.flush()
    with interruptible("The prompt studio has ended.", serves=True):
        # In a session of its own: Ctrl+C is for this process, which ends the server.
        server = subprocess.Popen(
            command(chosen.folder, port, behind, chosen.others),
            env=environment(token, os.environ),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            return server.wait()
        finally:
            if server.poll() is None:
                server.terminate()  # it ends its kernels itself
                server.wait(END_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
