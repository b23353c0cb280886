"""SageMaker Studio, rehearsed: its JupyterLab as the server, the workshop's ``.venv`` as the kernel, in Chromium.

Run by scripts/studio_rehearsal.py, which makes the server's environment and names it in ``STUDIO_SERVER``; nothing
else collects this file. The server is started as SageMaker Distribution's start-jupyter-server does it
(https://github.com/aws/sagemaker-distribution), behind a host name like a space's; HOME is private, and in it is what
scripts/studio.sh has put there and nothing else.
"""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from contract import kernel
from scripts import chromium
from tests.browser.conftest import FLAGS
from tests.browser.lab import START_SECONDS, Lab, Notebook, quiet_environment, shoot, watch
from tests.clouds import deployed_copy, free_port, import_path, until

SERVER = Path(os.environ["STUDIO_SERVER"])
HOST = "abcdefghijklmno.studio.us-east-1.sagemaker.aws"
BASE = "/jupyterlab/default"
ALIVE = "alive.ipynb"
IMPORTS = """
import io, ipywidgets, numpy as np
from PIL import Image
from helpers import connect
from helpers.show.inspector import Inspector, Subject
from helpers.studio import Studio
"""
STUDIO = "app = Studio(connect(start=False))\napp"
INSPECTOR = """
y, x = np.mgrid[:48, :64]
array = np.stack([x * 4, y * 5, np.full_like(x, 9)], axis=2).astype(np.uint8)
file = io.BytesIO(); Image.fromarray(array).save(file, "PNG")
inspector = Inspector(Subject(file.getvalue(), "Picture of: a gradient", "generated_images[0]"), x=10, y=10)
label = ipywidgets.Label()
inspector.observe(lambda _: setattr(label, "value", f"Python sees {inspector.x} {inspector.y}"), ["x", "y"])
display(label, inspector)
"""
expect.set_options(timeout=60_000)


@dataclasses.dataclass(frozen=True)
class Space:
    """A space that runs: its JupyterLab, the clone in it, and the environment of its terminals."""

    lab: Lab
    port: int
    terminal: dict[str, str]


def write(notebook: Path) -> None:
    """A notebook of the workshop's largest widgets, for the kernel that every notebook names."""
    made = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    made.cells = [nbformat.v4.new_code_cell(cell.strip()) for cell in (IMPORTS, STUDIO, INSPECTOR)]
    nbformat.write(made, notebook)


@contextlib.contextmanager
def running(root: Path) -> Iterator[Space]:
    """A space with everything in ``root``, prepared by scripts/studio.sh."""
    clone, home = root / "clone", root / "home"
    quiet = quiet_environment(home)
    # Jupyter's folders are where they are by default, below HOME: that is what is rehearsed.
    terminal = {name: value for name, value in quiet.items() if not name.startswith(("JUPYTER", "IPYTHON"))}
    shutil.copytree(home / "config", home / ".jupyter")
    shutil.copytree(home / "settings", home / ".jupyter" / "lab" / "user-settings")
    path = os.pathsep.join([str(SERVER / "bin"), os.environ["PATH"]])
    terminal |= {"SAGEMAKER_APP_TYPE": "JupyterLab", "PATH": path, "AWS_EC2_METADATA_DISABLED": "true"}
    with deployed_copy(clone):
        # The set-up has been made: this environment is its result.
        (clone / ".venv").symlink_to(sys.prefix, target_is_directory=True)
        (clone / "scripts" / "setup.py").write_text("")
        write(clone / "notebooks" / ALIVE)
        done = subprocess.run(
            ["bash", str(clone / "scripts" / "studio.sh")],
            cwd=home, env=terminal, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert "widgets: anywidget" in done.stdout
        terminal["PYTHONPATH"] = import_path(clone)  # the clone's code in the kernel, whatever is installed

        with server(root, clone, terminal) as port:
            yield Space(Lab(f"https://{HOST}:{port}{BASE}", "", clone, root / "server.log"), port, terminal)


@contextlib.contextmanager
def server(root: Path, clone: Path, terminal: dict[str, str]) -> Iterator[int]:
    """The space's JupyterLab, as start-jupyter-server starts it; its port.

    With TLS, as a space is reached: a page of another host without it is not a secure context, and scripts fail in it.
    """
    port, certificate, key = free_port(), root / "certificate.pem", root / "key.pem"
    subject = ["-subj", f"/CN={HOST}", "-days", "2", "-nodes"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-keyout", str(key), "-out", str(certificate), *subject]
    subprocess.run(made, check=True, capture_output=True)
    command = [
        *(str(SERVER / "bin" / "jupyter"), "lab", "--no-browser", "--allow-root", "--ip=127.0.0.1"),
        *(f"--port={port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={clone}"),
        *(f"--ServerApp.certfile={certificate}", f"--ServerApp.keyfile={key}"),
        # What start-jupyter-server gives; the last but one is what its --ip 0.0.0.0 implies.
        *(f"--ServerApp.base_url={BASE}", "--ServerApp.token=", "--ServerApp.allow_origin=*"),
        *("--ServerApp.allow_remote_access=True", "--LabApp.expose_app_in_browser=True"),
    ]
    with (root / "server.log").open("w") as log:
        process = subprocess.Popen(command, cwd=clone, env=terminal, stdout=log, stderr=subprocess.STDOUT)
    try:

        def answers() -> bool:
            assert process.poll() is None, (root / "server.log").read_text()[-3000:]
            with contextlib.suppress(OSError):
                return status(port, f"{BASE}/api/status") == 200
            return False

        until(answers, 3 * START_SECONDS)  # it has many extensions
        yield port
    finally:
        process.terminate()
        process.wait(30)


def status(port: int, path: str) -> int:
    """What a path of the space answers to somebody without cookies."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=context)
    connection.request("GET", path, headers={"Host": f"{HOST}:{port}"})
    return connection.getresponse().status


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Space]:
    with running(tmp_path_factory.mktemp("space")) as made:
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        flags = [*FLAGS, f"--host-resolver-rules=MAP {HOST} 127.0.0.1"]
        browser = playwright.chromium.launch(executable_path=chromium.find(), chromium_sandbox=False, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, space: Space) -> Iterator[Page]:
    """A page that asks nobody but the space's server."""
    page = browser.new_page(viewport={"width": 1400, "height": 1500}, ignore_https_errors=True)
    problems = watch(page, (f"https://{HOST}:{space.port}", f"wss://{HOST}:{space.port}"))
    yield page
    page.close()
    assert [problem for problem in problems if problem.startswith("a request to")] == []


def choose(page: Page) -> None:
    """Take the workshop's kernel in JupyterLab, as a person does it."""
    page.locator(".jp-NotebookPanel:visible .jp-KernelName").click()
    dialog = page.locator(".jp-Dialog")
    dialog.locator("select").select_option(label=kernel.DISPLAY_NAME)
    dialog.get_by_role("button", name="Select").click()
    expect(page.locator(".jp-NotebookPanel:visible .jp-KernelName")).to_contain_text(kernel.DISPLAY_NAME)
    Notebook(page).wait_idle()


def draw(page: Page, prompt: str) -> None:
    """One picture through the prompt studio."""
    page.get_by_label("Prompt", exact=True).fill(prompt)
    for label, value in {"Width": 64, "Height": 64, "Steps": 2}.items():
        page.get_by_label(label, exact=True).fill(str(value))
    button, field = page.get_by_role("button", name="Generate", exact=True), page.get_by_label("Prompt", exact=True)

    def heard() -> bool:
        """What is typed in the first moments may come before the kernel's half of the widget listens."""
        field.press("End")
        field.press_sequentially(" ")
        field.press("Backspace")
        page.wait_for_timeout(1000)
        return button.get_attribute("aria-disabled") == "false"

    until(heard, 60)
    button.click()
    row = page.locator(".ws-timeline article").filter(has=page.get_by_role("heading", name=prompt))
    expect(row).to_have_attribute("data-state", "done", timeout=60_000)
    tile = page.locator("[data-tile]").filter(has_text=prompt).first
    assert tile.locator("img").evaluate("node => node.complete && node.naturalWidth") == 64


def test_the_wrong_kernel_is_named_and_the_right_one_works(space: Space, page: Page) -> None:
    notebook = space.lab.open(page, "notebooks/00_start_here.ipynb")
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")
    said = page.locator(".jp-OutputArea-output", has_text="This is not the workshop's kernel").first
    expect(said).to_contain_text(f'Choose the kernel "{kernel.DISPLAY_NAME}"')
    expect(page.get_by_text("ModuleNotFoundError")).to_have_count(0)
    shoot(page, f"space-wrong-kernel-{SERVER.name}")
    choose(page)
    notebook.run_all()
    expect(page.get_by_text("✓ nothing stands in the way")).to_be_visible()
    shoot(page, f"space-right-kernel-{SERVER.name}")


def test_studio_and_inspector_are_alive(space: Space, page: Page) -> None:
    notebook = space.lab.open(page, f"notebooks/{ALIVE}")
    choose(page)
    notebook.run_all()
    draw(page, "a red circle on a blue background")
    expect(page.locator("canvas.picture[data-ready]")).to_have_count(1)
    page.locator("canvas.picture").focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_text("Python sees 10 11", exact=True)).to_be_visible()
    shoot(page, f"space-alive-{SERVER.name}")


@contextlib.contextmanager
def command(space: Space, module: str, *arguments: str) -> Iterator[str]:
    """What a command of the workshop prints in a terminal of the space, up to its URL; it runs until the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"helpers.commands.{module}", *arguments],
        cwd=space.lab.work, env=space.terminal, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        lines, deadline = [], time.monotonic() + 120
        while not any(line.startswith("Ctrl+C ends it") for line in lines):
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, f"{module} ended: {''.join(lines)}"
            assert time.monotonic() < deadline
            lines.append(line)
        yield "".join(lines)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def url_of(said: str, space: Space) -> str:
    """The URL that a command printed, with the host that a person reads in the address of the tab."""
    found = re.search(r"https://<this space's host>(\S+)", said)
    assert found, said
    assert "only your browser knows this space's host" in said
    return f"https://{HOST}:{space.port}{found[1]}"


def test_make_studio_draws_through_the_proxy(space: Space, page: Page) -> None:
    with command(space, "studio_page") as said:
        url = url_of(said, space)
        assert f"{BASE}/proxy/absolute/8866/voila/render/" in url
        open_served(space, page, url)
        draw(page, "a green star on a white background")
        shoot(page, f"space-page-{SERVER.name}")
        assert status(space.port, path_of(url).partition("?")[0]) == 302  # to where one may enter the token


def test_make_lab_opens_a_notebook_through_the_proxy(space: Space, page: Page) -> None:
    with command(space, "lab", "--LabApp.expose_app_in_browser=True") as said:
        url = url_of(said, space)
        assert "/lab/tree/notebooks/00_start_here.ipynb?token=" in url
        open_served(space, page, url)
        page.wait_for_function("() => window.jupyterapp && window.jupyterapp.started")
        page.evaluate("async () => { await window.jupyterapp.restored }")
        notebook = Notebook(page)
        notebook.wait_idle()
        notebook.run_all()
        expect(page.get_by_text("✓ nothing stands in the way")).to_be_visible()
        shoot(page, f"space-lab-{SERVER.name}")
        assert status(space.port, f"{path_of(url).partition('/lab/tree')[0]}/api/contents") == 403


def path_of(url: str) -> str:
    """A URL's path and query."""
    return "/" + url.split("/", 3)[3]


def open_served(space: Space, page: Page, url: str) -> None:
    """Open a page once its server answers."""

    def answers() -> bool:
        return status(space.port, path_of(url)) == 200

    until(answers, 120)
    page.goto(url)
