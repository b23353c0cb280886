"""The prompt studio in JupyterLab and as a page of its own, with a real local cloud and the real model behind it."""

import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from contract import ids, settings
from helpers.commands import studio_page
from helpers.inference.connection import Connection
from tests.browser.lab import Lab, Notebook, serving, shoot, watch
from tests.clouds import deployed_copy, private_environment

SECONDS = 120
expect.set_options(timeout=20_000)

CELL = """
from pathlib import Path
from contract import settings
from helpers.inference.connection import connect
from helpers.studio import Studio

connection = connect(settings.load(environ={overrides!r}), start=False, state=Path({state!r}))
app = Studio(connection)
app
"""
SMALL = {"width": 64, "height": 64, "num_inference_steps": 2}


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """Provisioning takes minutes of the local clock, seconds of ours, so that "waking" can be seen."""
    folder = tmp_path_factory.mktemp("studio") / "workshop"
    with deployed_copy(folder, WORKSHOP_LOCAL_PROVISION_SECONDS="240") as made:
        yield made


@pytest.fixture(scope="module")
def state(connection: Connection, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp() / "studio0" / "workshop" / ".localcloud"


@pytest.fixture(scope="module")
def overrides(connection: Connection) -> dict[str, str]:
    """With which another process loads the same settings."""
    return settings.as_environment(connection.settings)


@pytest.fixture(scope="module")
def pictures(connection: Connection) -> list[str]:
    """Ids of requests that another kernel made: thirteen pictures, the newest last, so that there are two pages."""
    prompts = ["a green star on a white background"] * 12 + ["a red circle on a blue background"]
    jobs = connection.generate_many([{"prompt": prompt, "seed": 1} for prompt in prompts], **SMALL)
    connection.wait_all(jobs, SECONDS)
    return [job.id for job in jobs]


@pytest.fixture
def opened(
    lab: Lab,
    lab_page: Page,
    pictures: list[str],
    state: Path,
    overrides: dict[str, str],
    request: pytest.FixtureRequest,
) -> Notebook:
    """A notebook with a studio in it, run."""
    lab_page.set_viewport_size({"width": 1300, "height": 1700})
    cell = CELL.format(overrides=overrides, state=str(state)).strip()
    notebook = lab.open(lab_page, lab.write(f"{request.node.name}.ipynb", "#md # Generate", cell))
    notebook.run_all()
    expect(lab_page.locator("[data-tile] img").first).to_be_visible()
    return notebook


def fill(page: Page, prompt: str, **numbers: int) -> None:
    page.get_by_label("Prompt", exact=True).fill(prompt)
    for label, value in {"Width": 64, "Height": 64, "Steps": 2, **numbers}.items():
        page.get_by_label(label, exact=True).fill(str(value))
    expect(page.get_by_role("button", name="Generate")).to_be_enabled()


def row(page: Page, prompt: str) -> Locator:
    return page.locator(".ws-timeline article").filter(has=page.get_by_role("heading", name=prompt))


def sleep_endpoint(connection: Connection) -> None:
    """Scale to zero at once, instead of waiting for the policy, which may be at work: the pictures before were many."""
    sagemaker = connection.client("sagemaker")
    sagemaker.get_waiter("endpoint_in_service").wait(
        EndpointName=connection.names.endpoint, WaiterConfig={"Delay": 1, "MaxAttempts": SECONDS}
    )
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=connection.names.endpoint,
        DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": 0}],
    )


def test_from_a_prompt_to_the_picture(opened: Notebook, connection: Connection) -> None:
    page = opened.page
    sleep_endpoint(connection)
    prompt = "a yellow star on a purple background"
    fill(page, prompt, Pictures=2)
    page.get_by_role("button", name="Generate").click()
    ours = row(page, prompt)
    expect(ours.locator('[aria-current="step"]')).to_contain_text("Waking", timeout=30_000)
    expect(ours.locator(".ws-text")).to_contain_text("on this machine that usually takes about")
    opened.shoot("studio-waking")
    expect(ours).to_have_attribute("data-state", "done", timeout=60_000)
    expect(ours.get_by_role("progressbar")).to_have_attribute("value", "1")
    tile = page.locator("[data-tile]").first
    expect(tile.get_by_role("img", name=f"{prompt}, picture 2 of 2")).to_be_visible()
    tile.click()
    details = page.get_by_role("region", name="One request")
    expect(details.get_by_role("heading", name=prompt)).to_be_visible()
    expect(details.get_by_role("row", name="num_inference_steps")).to_contain_text("2")
    details.get_by_text("The model's answer").click()
    expect(details.locator("pre", has_text='{"generated_images"')).to_be_visible()
    with page.expect_download() as download:
        details.get_by_role("link", name="Download PNG").first.click()
    assert download.value.path().read_bytes() == connection.jobs(1)[0].wait(5).pictures[0]
    details.get_by_role("button", name="Inspect pixels").first.click()
    expect(page.get_by_text("generated_images[0][32][32]").first).to_be_visible()
    opened.shoot("studio-details")
    page.set_viewport_size({"width": 600, "height": 1700})
    assert page.locator(".ws-form").evaluate("node => node.scrollWidth <= node.clientWidth")
    page.get_by_label("Prompt", exact=True).scroll_into_view_if_needed()
    opened.shoot("studio-narrow")


@pytest.mark.rare  # tests/helpers/studio holds what is shown; this is how it looks in JupyterLab
def test_words_that_the_model_ignored_are_named_beside_the_picture(opened: Notebook, connection: Connection) -> None:
    page = opened.page
    prompt = "a red zorblax circle on a blue background"
    fill(page, prompt)
    page.get_by_role("button", name="Generate").click()
    expect(row(page, prompt)).to_have_attribute("data-state", "done", timeout=60_000)
    tile = page.locator("[data-tile]").first
    expect(tile).to_contain_text("⚠ unknown words in the prompt were ignored: zorblax")
    tile.click()
    ignored = page.get_by_role("list", name="What the model ignored")
    expect(ignored).to_have_text("unknown words in the prompt were ignored: zorblax")
    opened.shoot("studio-warning")


@pytest.mark.rare  # tests/helpers/studio holds what is shown; this is how it looks in JupyterLab
def test_a_request_with_a_picture_is_taken_back_and_what_the_form_cannot_hold_is_named(
    opened: Notebook, connection: Connection
) -> None:
    page, prompt = opened.page, "a blue heart on a white background"
    start = Image.new("RGB", (64, 64), "white")
    job = connection.generate(prompt, image=start, strength=0.9, **SMALL)
    job.wait(SECONDS)
    page.get_by_role("button", name="Refresh").click()
    page.locator(f'[data-tile="{job.id}"]').click()
    page.get_by_role("button", name="Use these parameters again").click()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value(prompt)
    expect(page.get_by_role("alert").filter(has_text="no field for image, strength")).to_be_visible()
    opened.shoot("studio-taken-back")


def test_invalid_values_are_explained_while_typing(opened: Notebook) -> None:
    page = opened.page
    button = page.get_by_role("button", name="Generate")
    expect(button).to_be_disabled()
    expect(page.locator(".ws-reason")).to_have_text("First write a prompt, or choose an example.")
    page.get_by_role("button", name="a sunset over the sea").click()
    expect(button).to_be_enabled()
    width = page.get_by_label("Width", exact=True)
    width.press("End")
    width.press_sequentially("x")
    expect(width).to_have_attribute("aria-invalid", "true")
    explained = "width = '128x': must be a whole number, 8 to 512 and divisible by 8."
    expect(width).to_have_accessible_description(re.compile(re.escape(explained)))
    expect(button).to_be_disabled()
    expect(page.locator(".ws-reason")).to_have_text("First fix: Width.")
    opened.shoot("studio-invalid")
    width.fill("128")
    expect(button).to_be_enabled()
    expect(width).not_to_have_attribute("aria-invalid", "true")


@pytest.mark.rare  # tests/helpers/studio holds what is shown; this is how it looks in JupyterLab
def test_cancelling_one_of_several(opened: Notebook, connection: Connection) -> None:
    page = opened.page
    sleep_endpoint(connection)
    for prompt in ("a blue ring on a black background", "a pink heart on a black background"):
        fill(page, prompt)
        page.get_by_role("button", name="Generate").click()
    cancelled, kept = row(page, "a blue ring"), row(page, "a pink heart")
    expect(cancelled).to_be_visible()
    inference_id = cancelled.get_attribute("data-id")
    page.get_by_role("button", name="Cancel: a blue ring").click()
    expect(cancelled).to_have_attribute("data-state", "cancelled")
    expect(cancelled).to_contain_text("SageMaker cannot take back a request that it has accepted")
    assert not connection.store.exists(ids.request_key(str(inference_id)))
    expect(kept).to_have_attribute("data-state", "done", timeout=60_000)
    failed = page.locator(f'[data-tile="{inference_id}"]')
    page.get_by_role("button", name="Refresh").click()
    expect(failed).to_contain_text("Cancelled or expired", timeout=60_000)
    expect(failed).to_contain_text("was cancelled before the endpoint read it", timeout=60_000)
    opened.shoot("studio-cancelled")
    page.get_by_role("button", name="Take off the list: a blue ring").click()
    expect(cancelled).to_have_count(0)


@pytest.mark.rare  # tests/helpers/studio holds what is shown; this is how it looks in JupyterLab
def test_failures_show_the_reason(opened: Notebook, connection: Connection) -> None:
    page = opened.page
    # A request that the studio would not send: put beside it, as another program may.
    broken = ids.new_id()
    connection.store.write(ids.request_key(broken), b'{"prompt": "too wide", "width": 4096}', "application/json")
    connection.invoke(broken, connection.store.uri(ids.request_key(broken)), {"Accept": "application/json"})
    page.get_by_role("button", name="Refresh").click()
    tile = page.locator(f'[data-tile="{broken}"]')
    expect(tile).to_contain_text("Failed", timeout=60_000)
    tile.click()
    details = page.get_by_role("region", name="One request")
    expect(details.locator(".ws-alert")).to_contain_text("Received client error (400) from model")
    expect(details.get_by_text("width4096")).to_be_visible()
    opened.shoot("studio-failed")


def test_a_restarted_kernel_finds_everything_again(opened: Notebook, connection: Connection) -> None:
    page = opened.page
    sleep_endpoint(connection)
    fill(page, "a white moon on a black background")
    page.get_by_role("button", name="Generate").click()
    expect(row(page, "a white moon").locator('[aria-current="step"]')).to_contain_text("Waking", timeout=30_000)
    inference_id = row(page, "a white moon").get_attribute("data-id")
    opened.restart()
    opened.run_all()
    again = page.locator(f'.ws-timeline article[data-id="{inference_id}"]')
    expect(page.locator(f'[data-tile="{inference_id}"] img').or_(again).first).to_be_visible()
    expect(page.locator(f'[data-tile="{inference_id}"] img')).to_be_visible(timeout=60_000)


def test_by_keyboard_alone(opened: Notebook) -> None:
    page = opened.page
    keys = page.keyboard
    page.get_by_label("Prompt", exact=True).focus()
    keys.type("a cyan square on a white background")
    keys.press("Tab")  # the first example
    expect(page.get_by_role("button", name="a red circle on a blue background", exact=True)).to_be_focused()
    page.get_by_label("Width", exact=True).focus()
    keys.press("ArrowUp")
    expect(page.get_by_label("Width", exact=True)).to_have_value("136")
    before = page.get_by_label("Seed", exact=True).input_value()
    page.get_by_label("Seed", exact=True).focus()
    keys.press("Tab")
    keys.press("Enter")
    expect(page.get_by_label("Seed", exact=True)).not_to_have_value(before)
    keys.press("Tab")
    expect(page.get_by_role("button", name="Generate")).to_be_focused()
    keys.press("Enter")
    expect(row(page, "a cyan square")).to_have_attribute("data-state", "done", timeout=60_000)
    tile = page.locator("[data-tile]").first
    expect(tile).to_contain_text("a cyan square")
    tile.focus()
    keys.press("Enter")
    details = page.get_by_role("region", name="One request")
    expect(details).to_be_focused()
    keys.press("Escape")
    expect(details).to_be_hidden()
    expect(tile).to_be_focused()
    older = page.get_by_role("button", name="Older")
    older.focus()
    keys.press("Enter")
    expect(page.get_by_text("Page 2 of 2")).to_be_visible()
    expect(older).to_be_focused()
    # JupyterLab has taken none of these keys for itself.
    assert page.locator(".jp-Cell").count() == 2
    assert page.locator(".jp-Notebook.jp-mod-editMode").count() == 0


# A page of its own


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, pictures: list[str], state: Path, overrides: dict[str, str]
) -> Iterator[int]:
    """What ``make studio`` serves; its port."""
    root = tmp_path_factory.mktemp("page")
    studio_page.write_notebook(root / "page", state)
    environment = studio_page.environment("the-token", {**private_environment(root / "home"), **overrides})
    url = "http://127.0.0.1:{port}/api/status?token=the-token"
    with serving(
        lambda port: studio_page.command(root / "page", port), url, root / "log", env=environment, cwd=root
    ) as port:
        yield port


class Stay(urllib.request.HTTPRedirectHandler):
    """Follows nothing."""

    def redirect_request(self, *arguments: object) -> None:
        return None


@pytest.mark.parametrize("query", ["", "?token=another"])
@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/voila/render/{studio_page.NOTEBOOK}", 302),
        ("/voila/tree", 302),
        ("/api/kernels", 403),
        ("/api/contents", 403),
    ],
)
def test_nothing_without_the_token(served: int, path: str, status: int, query: str) -> None:
    """A page redirects to where one may enter the token, as Jupyter Server's pages do; its API refuses."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.build_opener(Stay).open(f"http://127.0.0.1:{served}{path}{query}", timeout=10)
    assert refused.value.code == status
    if status == 302:
        assert refused.value.headers["Location"].startswith("/login")


def test_the_page_with_the_token(browser: Browser, served: int) -> None:
    page = browser.new_page(viewport={"width": 1100, "height": 1300})
    url = f"http://127.0.0.1:{served}"
    problems = watch(page, (url, url.replace("http", "ws", 1)))
    page.goto(studio_page.address(served, "the-token"))
    expect(page.locator("[data-tile] img").first).to_be_visible(timeout=60_000)
    assert page.title() == "Prompt studio"
    fill(page, "a red house on green hills")
    page.get_by_role("button", name="Generate").click()
    expect(row(page, "a red house")).to_have_attribute("data-state", "done", timeout=60_000)
    expect(page.locator("[data-tile]").first).to_contain_text("a red house")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        shoot(page, f"studio-page-{scheme}")
    dark = page.evaluate("getComputedStyle(document.querySelector('.ws')).backgroundColor")
    assert max(int(part) for part in dark.removeprefix("rgb(").removesuffix(")").split(",")) < 64
    page.close()
    assert not problems
    assert os.environ.get("JUPYTER_TOKEN") is None  # ours alone had it
