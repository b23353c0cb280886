"""Every kind of request to Small World, as packaged and deployed, to both sides at once."""

from __future__ import annotations

import base64
import io
import json
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from tests.serving.conftest import Packages, Table, pair
from tests.serving.sides import UNREACHABLE, LocalContainer, RealStack

JSON, JPEG, TEXT = "application/json", "application/json;jpeg", "application/x-text"
FIELDS = {"prompt": "a red circle on a blue background", "seed": 1}


@pytest.fixture(scope="module")
def sides(
    packages: Packages, environment: dict[str, str], table: Table, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[RealStack, LocalContainer]]:
    """Both, with the package for their target; the real one cannot reach any index."""
    folder, brought = tmp_path_factory.mktemp("smallworld"), packages.unpacked(brings_wheels=True)
    with pair(folder, brought, packages.unpacked(brings_wheels=False), environment, **UNREACHABLE) as (real, local):
        pinged = real.start()
        answered = pinged + real.ask(asked(), JSON, JPEG).seconds
        said = f"200 after {pinged:.0f} s, the first picture after {answered:.0f} s"
        table.say("start with wheels, no package index in reach: GET /ping", said)
        local.start()
        yield real, local


def picture(side: int) -> str:
    """Noise, which no format makes small, as a file in base64."""
    file = io.BytesIO()
    Image.frombytes("RGB", (side, side), random.Random(1).randbytes(3 * side * side)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def asked(**fields: object) -> bytes:
    return json.dumps({**FIELDS, **fields}).encode()


LARGE = {"width": 512, "height": 512, "num_inference_steps": 1}
REQUESTS = {
    "the default prompt": (asked(), JSON, JSON, 200),
    "Accept: application/json;jpeg": (asked(), JSON, JPEG, 200),
    "no Accept": (asked(), JSON, None, 200),
    "Accept: application/*": (asked(), JSON, "application/*", 200),
    "application/x-text": (b"a red circle", TEXT, JPEG, 200),
    "application/json; charset=utf-8": (asked(), "application/json; charset=utf-8", JSON, 200),
    "words that it does not know": (asked(prompt="a red zorblax"), JSON, JSON, 200),
    "not JSON": (b"{nope", JSON, JSON, 400),
    "no prompt": (b'{"seed": 1}', JSON, JSON, 400),
    "width 513": (asked(width=513), JSON, JSON, 400),
    "width 1024": (asked(width=1024), JSON, JSON, 400),
    "Content-Type: text/csv": (b"x", "text/csv", JSON, 415),
    "Accept: image/gif": (asked(), JSON, "image/gif", 406),
    "4 x 512 x 512 as RGB": (asked(**LARGE, num_images_per_prompt=4), JSON, JSON, 200),
    "two pictures as input, 8.4 MB": (asked(image=picture(1000), mask_image=picture(1000)), JSON, JPEG, 200),
    "a body that is not UTF-8": (b"\xff\xfe", JSON, JSON, 500),
}
# Both draw with the same version of onnxruntime, but on AWS with another Python, and with numpy as the image has it.


@pytest.mark.parametrize("name", REQUESTS)
def test_both_sides_answer_the_same(sides: tuple[RealStack, LocalContainer], table: Table, name: str) -> None:
    body, content_type, accept, status = REQUESTS[name]
    real, local = (side.ask(body, content_type, accept) for side in sides)
    table.add(name, real, local)
    assert real.status == status
    assert (local.status, local.content_type) == (real.status, real.content_type)
    if name == "a body that is not UTF-8":  # the toolkit decodes it before the model sees it
        assert real.body.splitlines()[:2] == local.body.splitlines()[:2]
        assert b"Traceback" in real.body
        return
    assert b"Traceback" not in real.body
    if content_type != TEXT:  # which has no seed
        assert local.body == real.body


def test_the_same_seed_gives_the_same_bytes(sides: tuple[RealStack, LocalContainer]) -> None:
    real, _ = sides
    assert real.ask(asked(), JSON, JSON) == real.ask(asked(), JSON, JSON)


def test_sixteen_pictures_of_512_are_58_mb(sides: tuple[RealStack, LocalContainer], table: Table) -> None:
    """Nothing of what the model may be asked for is too large for the server."""
    request = asked(prompt=["a red circle"] * 2, num_images_per_prompt=8, **LARGE)
    real, local = (side.ask(request, JSON, JSON) for side in sides)
    table.add("16 x 512 x 512 as RGB", real, local)
    assert (real.status, local.status, len(real.body) > 50_000_000) == (200, 200, True)
    assert real.body == local.body


def test_eight_at_once(sides: tuple[RealStack, LocalContainer], table: Table) -> None:
    real, _ = sides
    begun = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda seed: real.ask(asked(seed=seed), JSON, JPEG), range(8)))
    table.say("8 at once", f"8 x 200 after {time.monotonic() - begun:.1f} s")
    assert {answer.status for answer in answers} == {200}


def test_what_the_model_imports_was_installed_from_what_it_brings(sides: tuple[RealStack, LocalContainer]) -> None:
    log = sides[0].log()
    assert "Looking in links:" in log
    assert "onnxruntime-1" in log.split("Successfully installed", 1)[1].splitlines()[0]
