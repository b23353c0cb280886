"""A real JupyterLab for the tests: its own home, a random token, no news, no network; driven through Chromium."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import secrets
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat

from contract.settings import ROOT
from tests.clouds import free_port, private_environment

if TYPE_CHECKING:  # other tests use this file where there is no browser
    from playwright.sync_api import Locator, Page

SCREENSHOTS = ROOT / "build" / "screenshots"

START_SECONDS = 60
KERNEL_SECONDS = 60
RUN_SECONDS = 240

SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {
        "checkForUpdates": False,
        "fetchNews": "false",
        "doNotDisturbMode": True,
    },
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
    # "full" leaves cells out of the page while they are out of sight; a test wants to find them.
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
}
PAGE = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}

IDLE = """() => {
  const panel = window.jupyterapp.shell.currentWidget;
  const kernel = panel?.sessionContext?.session?.kernel;
  return kernel && kernel.connectionStatus === "connected" && kernel.status === "idle";
}"""


@dataclasses.dataclass(frozen=True)
class Lab:
    """A running server.

    Attributes
    ----------
    url, token : str
        Where it listens, and what it wants to hear.
    work : Path
        The folder that it shows.
    log : Path
        What it said.
    """

    url: str
    token: str
    work: Path
    log: Path

    def write(self, name: str, *cells: str) -> str:
        """Write a notebook of these code cells (one that starts with ``#md`` becomes Markdown); return ``name``."""
        notebook = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
        for cell in cells:
            made = nbformat.v4.new_markdown_cell if cell.startswith("#md") else nbformat.v4.new_code_cell
            notebook.cells.append(made(cell.removeprefix("#md").strip()))
        nbformat.write(notebook, self.work / name)
        return name

    def open(self, page: Page, name: str) -> Notebook:
        """Open the notebook ``name``, a path below ``work``, and wait for its kernel."""
        page.goto(f"{self.url}/doc/tree/{name}?token={self.token}&reset")
        page.wait_for_function("() => window.jupyterapp && window.jupyterapp.started")
        page.evaluate("async () => { await window.jupyterapp.restored }")
        page.locator(".jp-NotebookPanel:visible .jp-Notebook").first.wait_for()
        notebook = Notebook(page)
        notebook.wait_idle()
        return notebook


@dataclasses.dataclass(frozen=True)
class Notebook:
    """A notebook that is open in JupyterLab."""

    page: Page

    def wait_idle(self, seconds: float = KERNEL_SECONDS) -> None:
        """Until the kernel is connected and has nothing to do."""
        self.page.wait_for_function(IDLE, timeout=seconds * 1000)

    def run_all(self, seconds: float = RUN_SECONDS) -> None:
        """Run all cells and wait for the last; a cell that raises fails the test with what it said."""
        # Started without waiting, so that the deadline is ours.
        self.page.evaluate(
            """() => { window.ran = null;
              window.jupyterapp.commands.execute("notebook:run-all-cells").then(
                ok => { window.ran = { ok }; }, error => { window.ran = { ok: false, error: String(error) }; }); }"""
        )
        self.page.wait_for_function("() => window.ran", timeout=seconds * 1000)
        self.wait_idle()
        errors = self.page.locator('.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"]')
        assert self.page.evaluate("() => window.ran.ok"), "\n".join(errors.all_inner_texts()) or "a cell raised"

    def restart(self) -> None:
        """Restart the kernel and clear nothing, as after a crash."""
        self.page.evaluate("async () => { await window.jupyterapp.shell.currentWidget.sessionContext.restartKernel() }")
        self.wait_idle()

    def outputs(self) -> Locator:
        """Everything that the cells put out, in their order."""
        return self.page.locator(".jp-OutputArea-output:visible")

    def theme(self, name: str) -> None:
        """``"light"`` or ``"dark"``: JupyterLab's theme, and what the page hears of the system's."""
        self.page.emulate_media(color_scheme=name)
        title = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}[name]
        self.page.evaluate(
            "async theme => { await window.jupyterapp.commands.execute('apputils:change-theme', { theme }) }", title
        )
        wanted = "true" if name == "light" else "false"
        self.page.wait_for_function(f"() => document.body.dataset.jpThemeLight === '{wanted}'")
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")  # it covers the window meanwhile

    def shoot(self, name: str, part: Locator | None = None) -> None:
        """Pictures ``build/screenshots/<name>-light.png`` and ``-dark.png`` of ``part``, or of the window."""
        for theme in ("dark", "light"):
            self.theme(theme)
            shoot(part or self.page, f"{name}-{theme}")


def shoot(part: Locator | Page, name: str) -> None:
    """The picture ``build/screenshots/<name>.png`` of a page or a part of it."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    part.screenshot(path=SCREENSHOTS / f"{name}.png")


def watch(page: Page, allowed: Sequence[str]) -> list[str]:
    """Collect the page's console errors, its uncaught errors, and requests to any URL not starting with ``allowed``."""
    problems: list[str] = []
    page.on("console", lambda said: problems.append(f"{said.text} ({said.location})") if said.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))

    def asked(url: str) -> None:
        if url.startswith(("http", "ws")) and not url.startswith(tuple(allowed)):
            problems.append(f"a request to {url}")

    page.on("request", lambda request: asked(request.url))
    page.on("websocket", lambda socket: asked(socket.url))
    return problems


def quiet_environment(root: Path) -> dict[str, str]:
    """A private environment (see :func:`tests.clouds.private_environment`) in which JupyterLab asks for no news."""
    environment = private_environment(root)
    (root / "config" / "labconfig").mkdir(exist_ok=True)
    (root / "config" / "labconfig" / "page_config.json").write_text(json.dumps(PAGE))
    for plugin, values in SETTINGS.items():
        package, _, name = plugin.partition(":")
        file = root / "settings" / package / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    return environment


@contextlib.contextmanager
def serving(command: Callable[[int], Sequence[str]], url: str, log: Path, **popen: object) -> Iterator[int]:
    """Run ``command(port)`` until the block ends; the block starts once ``url`` (with ``{port}``) answers."""
    port, deadline = free_port(), time.monotonic() + START_SECONDS
    with log.open("w") as file:
        process = subprocess.Popen([*command(port)], stdout=file, stderr=subprocess.STDOUT, **popen)
    try:
        while True:
            with contextlib.suppress(OSError), urllib.request.urlopen(url.format(port=port), timeout=2):
                break
            assert process.poll() is None, f"the server ended: {log.read_text()[-3000:]}"
            assert time.monotonic() < deadline, f"no answer within {START_SECONDS} s: {log.read_text()[-3000:]}"
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()  # a Jupyter server ends its kernels itself
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def jupyterlab(root: Path, environment: dict[str, str] | None = None) -> Iterator[Lab]:
    """Serve JupyterLab with all its state in ``root``, and ``environment`` added to that of its kernels."""
    work, token, log = root / "work", secrets.token_hex(16), root / "lab.log"
    work.mkdir(parents=True, exist_ok=True)

    def command(port: int) -> list[str]:
        return [
            sys.executable,
            *("-m", "jupyter", "lab", "--no-browser", "--ip=127.0.0.1", f"--port={port}", "--allow-root"),
            *("--ServerApp.port_retries=0", f"--ServerApp.root_dir={work}", f"--IdentityProvider.token={token}"),
            *("--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"),
            *("--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"),
        ]

    env = {**quiet_environment(root / "home"), **(environment or {})}
    with serving(command, f"http://127.0.0.1:{{port}}/api/status?token={token}", log, env=env, cwd=work) as port:
        yield Lab(f"http://127.0.0.1:{port}", token, work, log)
