"""Notebooks in a real JupyterLab, started as ``make lab`` does it: those with widgets, and all in ``make test-all``."""

import re
import secrets
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.lab import Lab, serving, shoot, watch
from tests.clouds import deployed_copy, import_path, private_environment
from tests.notebooks.structure import NAMES
from tests.notebooks.test_run import IN_CHROMIUM, SHORT

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
    copy, log = root / "workshop", root / "lab.log"

    def command(port: int) -> list[str]:
        options = ["--no-browser", f"--port={port}", "--ServerApp.port_retries=0"]
        return [sys.executable, "-m", "helpers.commands.lab", *options, "--LabApp.expose_app_in_browser=True"]

    environment = private_environment(root / "home") | {"JUPYTER_TOKEN": token, "PYTHONPATH": import_path(copy)}
    url = f"http://127.0.0.1:{{port}}/api/status?token={token}"
    with deployed_copy(copy), serving(command, url, log, env=environment, cwd=copy) as port:
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


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in IN_CHROMIUM else pytest.mark.rare) for name in NAMES]
)
def test_notebook(lab: Lab, lab_page: Page, name: str) -> None:
    source = lab.work / "notebooks" / f"{name}.ipynb"
    assert source.exists(), f"{name}.ipynb is missing"
    for parameter, value in SHORT.get(name, {}).items():
        text, count = re.subn(rf'"{parameter} = \d+', f'"{parameter} = {value}', source.read_text())
        assert count == 1, f"{name} has no parameter {parameter}"
        source.write_text(text)
    notebook = lab.open(lab_page, f"notebooks/{name}.ipynb")
    notebook.run_all(RUN_SECONDS)
    lab_page.set_viewport_size({"width": 1400, "height": min(lab_page.evaluate(HEIGHT) + 120, TALLEST)})
    # JupyterLab lays itself out again some time after the window has changed, and stays at the last cell.
    lab_page.wait_for_function(f"() => document.querySelector({SCROLLER!r}).clientHeight > window.innerHeight - 200")
    for theme in ("dark", "light"):
        notebook.theme(theme)
        lab_page.wait_for_function(
            f"() => {{ const s = document.querySelector({SCROLLER!r}); s.scrollTop = 0; return s.scrollTop === 0 }}"
        )
        shoot(lab_page, f"notebook-{name}-{theme}")
