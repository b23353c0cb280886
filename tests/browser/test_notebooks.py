"""Every notebook in a real JupyterLab, started as ``make lab`` does it, on one local cloud; the last one cleans up."""

import re
import secrets
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.lab import Lab, private_environment, serving, shoot, watch
from tests.notebooks.copies import NAMES, workshop

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(900)]

RUN_SECONDS = 720
TALLEST = 16_000
"""Chromium draws nothing past 16,384 pixels."""

SCROLLER = ".jp-NotebookPanel .jp-WindowedPanel-outer"
HEIGHT = f"() => document.querySelector({SCROLLER!r}).scrollHeight"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """``make lab`` in a copy of the workshop, for a user who has set nothing but what a test needs."""
    root, token = tmp_path_factory.mktemp("lab"), secrets.token_hex(16)
    environment = private_environment(root / "home")
    # What keeps the news away must be ours, not this user's.
    (root / "home" / "config" / "labconfig" / "page_config.json").unlink()
    (root / "home" / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings").unlink()
    environment.pop("PYTHONPATH")
    environment |= {"JUPYTER_TOKEN": token}
    with workshop(root / "workshop", "browsed") as copy:

        def command(port: int) -> list[str]:
            options = ["--no-browser", f"--port={port}", "--ServerApp.port_retries=0"]
            return [sys.executable, "-m", "helpers.commands.lab", *options, "--LabApp.expose_app_in_browser=True"]

        log = root / "lab.log"
        with serving(
            command, f"http://127.0.0.1:{{port}}/api/status?token={token}", log, env=environment, cwd=copy
        ) as port:
            yield Lab(f"http://127.0.0.1:{port}", token, copy, log)


@pytest.fixture
def lab_page(browser: Browser, lab: Lab) -> Iterator[Page]:
    """A page for JupyterLab; console errors and requests to anything but the server fail the test."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    problems = watch(page, (lab.url, lab.url.replace("http", "ws", 1)))
    yield page
    page.close()
    assert not problems


def test_make_lab_opens_the_first_notebook_and_nothing_else(lab: Lab, lab_page: Page) -> None:
    address = re.search(r"^JupyterLab: (\S+)$", lab.log.read_text(), re.MULTILINE)
    assert address, lab.log.read_text()
    lab_page.goto(address[1])
    lab_page.wait_for_function("() => window.jupyterapp && window.jupyterapp.started")
    lab_page.evaluate("async () => { await window.jupyterapp.restored }")
    lab_page.wait_for_function("() => window.jupyterapp.shell.currentWidget?.context?.path?.endsWith('.ipynb')")
    assert (
        lab_page.evaluate("() => window.jupyterapp.shell.currentWidget.context.path") == f"notebooks/{NAMES[0]}.ipynb"
    )
    lab_page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === 'idle'"
    )
    for unasked in (".jp-Dialog", ".Toastify__toast"):
        assert lab_page.locator(unasked).count() == 0, lab_page.locator(unasked).all_inner_texts()


def test_nobody_gets_in_without_the_token(lab: Lab, browser: Browser) -> None:
    page = browser.new_page()
    for path in ("/lab", "/api/contents/workshop.toml"):
        answer = page.goto(f"{lab.url}{path}")
        assert answer is not None
        assert "/login" in page.url or answer.status == 403
    page.close()


@pytest.mark.parametrize("name", NAMES)
def test_notebook(lab: Lab, lab_page: Page, name: str) -> None:
    assert (lab.work / "notebooks" / f"{name}.ipynb").exists(), f"{name}.ipynb is missing"
    notebook = lab.open(lab_page, f"notebooks/{name}.ipynb")
    notebook.run_all(RUN_SECONDS)
    lab_page.set_viewport_size({"width": 1400, "height": min(lab_page.evaluate(HEIGHT) + 120, TALLEST)})
    # JupyterLab lays itself out anew some time after the window has changed, and stays at the last cell.
    lab_page.wait_for_function(f"() => document.querySelector({SCROLLER!r}).clientHeight > window.innerHeight - 200")
    for theme in ("dark", "light"):
        notebook.theme(theme)
        lab_page.wait_for_function(
            f"() => {{ const s = document.querySelector({SCROLLER!r}); s.scrollTop = 0; return s.scrollTop === 0 }}"
        )
        shoot(lab_page, f"notebook-{name}-{theme}")
