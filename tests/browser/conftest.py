"""A real Chromium for pages that people open."""

import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from scripts import chromium
from tests.browser.lab import Lab, jupyterlab, watch

FLAGS = [
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")  # while it is open, Playwright's event loop is this thread's
def browser() -> Iterator[Browser]:
    path = chromium.find()
    if path is None:
        pytest.fail(f"no Chromium or Chrome here: {sys.executable} scripts/chromium.py --install installs one")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, chromium_sandbox=False, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page whose console errors and requests to other hosts fail the test."""
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: problems.append(request.url) if request.url.startswith("http") else None)
    yield page
    page.close()
    assert not problems


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One JupyterLab server for all tests; each writes notebooks of its own name."""
    with jupyterlab(tmp_path_factory.mktemp("lab")) as server:
        yield server


@pytest.fixture
def lab_page(browser: Browser, lab: Lab) -> Iterator[Page]:
    """A page for JupyterLab; console errors and requests to anything but the server fail the test."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    problems = watch(page, (lab.url, lab.url.replace("http", "ws", 1)))
    yield page
    page.close()
    assert not problems
