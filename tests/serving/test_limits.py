"""The limits of the model server: what the real one does, and that the local container does the same.

With a model that sleeps and fills its answer on request, and time-outs of seconds instead of an hour.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from contract.names import MAX_RESPONSE_BYTES
from localcloud.sagemaker.model_server import DEFAULT_BYTES
from tests.serving.conftest import Table
from tests.serving.sides import RESET, UNREACHABLE, Answer, LocalContainer, RealStack, StartFailed


def together(sides: tuple[RealStack, LocalContainer], body: bytes) -> list[Answer]:
    """Both answers to a slow request, after the time of one."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda side: side.ask(body, JSON, JSON), sides))


Real, Local = Callable[..., RealStack], Callable[..., LocalContainer]
JSON = "application/json"
BARE = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}
BARE |= {"SAGEMAKER_MODEL_SERVER_WORKERS": "1", "SAGEMAKER_CONTAINER_LOG_LEVEL": "20"}


def asked(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def both(real: Real, local: Local, model: Path, variables: dict[str, str]) -> tuple[RealStack, LocalContainer]:
    sides = real(model, variables), local(model, variables)
    sides[0].start()
    assert sides[0].ask(asked(), JSON, JSON).status == 200  # the server answers pings before its worker is ready
    return sides


def test_sizes_without_variables(real: Real, local: Local, test_model: Path, table: Table) -> None:
    sides = both(real, local, test_model, BARE)
    near = DEFAULT_BYTES - 1000
    for name, body, status in (
        (f"answer of {near:,} bytes, no variables", asked(fill=near), 200),
        ("answer of 6.6 MB, no variables", asked(fill=6_600_000), 500),
        (f"request of {near:,} bytes, no variables", asked(pad="x" * near), 200),
        ("request of 6.6 MB, no variables", asked(pad="x" * 6_600_000), RESET),
    ):
        answers = [side.ask(body, JSON, JSON) for side in sides]
        table.add(name, *answers)
        assert [answer.status for answer in answers] == [status, status], name
        if status == 500:
            assert answers[0] == answers[1]


@pytest.mark.parametrize("size", [70_000_000, MAX_RESPONSE_BYTES - 1000])
def test_sizes_of_the_stack(
    real: Real, local: Local, test_model: Path, environment: dict[str, str], table: Table, size: int
) -> None:
    """Four pictures of 1024 x 1024 are 66 MB; all this with the memory of an ml.m5.large."""
    sides = both(real, local, test_model, environment)
    for name, body in (
        (f"answer of {size:,} bytes, the stack's variables", asked(fill=size - 1000)),
        (f"request of {size:,} bytes, the stack's variables", asked(pad="x" * (size - 1000))),
        ("the default answer afterwards", asked()),
    ):
        answers = [side.ask(body, JSON, JSON) for side in sides]
        table.add(name, *answers)
        assert [answer.status for answer in answers] == [200, 200], name


def test_a_worker_that_takes_too_long(real: Real, local: Local, test_model: Path, table: Table) -> None:
    limits = {"TS_DEFAULT_RESPONSE_TIMEOUT": "4", "SAGEMAKER_MODEL_SERVER_TIMEOUT": "3600"}
    sides = both(real, local, test_model, BARE | limits)
    answers = together(sides, asked(sleep=9))
    table.add("9 s, TS_DEFAULT_RESPONSE_TIMEOUT=4", *answers)
    assert answers[0] == answers[1]
    assert (answers[0].status, json.loads(answers[0].body)["message"]) == (500, "Worker died.")
    assert all(4 <= answer.seconds < 9 for answer in answers)
    after = [side.ask(asked(), JSON, JSON) for side in sides]
    table.add("the next request after that", *after)
    assert [answer.status for answer in after] == [200, 200]


def test_the_toolkits_own_timeout_has_no_effect(real: Real, local: Local, test_model: Path, table: Table) -> None:
    sides = both(real, local, test_model, BARE | {"SAGEMAKER_MODEL_SERVER_TIMEOUT": "2"})
    answers = together(sides, asked(sleep=6))
    table.add("6 s, SAGEMAKER_MODEL_SERVER_TIMEOUT=2", *answers)
    assert [answer.status for answer in answers] == [200, 200]
    assert "enable_model_api=truedefault_response_timeout" in sides[0].log().replace(" ", "")


def test_two_minutes_without_variables(real: Real, local: Local, test_model: Path, table: Table) -> None:
    sides = both(real, local, test_model, BARE)
    answers = together(sides, asked(sleep=150))
    table.add("150 s, no variables", *answers)
    assert [answer.status for answer in answers] == [500, 500]
    assert all(119 < answer.seconds < 135 for answer in answers)


def test_longer_than_two_minutes_with_the_stacks_variables(
    real: Real, test_model: Path, environment: dict[str, str], table: Table
) -> None:
    stack = real(test_model, environment)
    stack.start()
    assert stack.ask(asked(), JSON, JSON).status == 200
    answer = stack.ask(asked(sleep=140), JSON, JSON)
    table.add("140 s, the stack's variables", answer)
    assert answer.status == 200


def test_errors_that_a_model_raises(real: Real, local: Local, test_model: Path, table: Table) -> None:
    """Only exceptions of the toolkit's own class have a status, and each brings its traceback."""
    sides = both(real, local, test_model, BARE)
    for name, body, status in (
        ("a model that raises the toolkit's error with 422", asked(refuse=True), 422),
        ("a model that raises an exception of its own with status_code 400", asked(foreign=True), 500),
        ("a model that raises ValueError", asked(**{"raise": True}), 500),
    ):
        answers = [side.ask(body, JSON, JSON) for side in sides]
        table.add(name, *answers)
        assert [answer.status for answer in answers] == [status, status], name
        assert answers[0].body.splitlines()[:2] == answers[1].body.splitlines()[:2]
        assert answers[0].content_type == answers[1].content_type


def test_requirements_from_an_index_that_cannot_be_reached(real: Real, test_model: Path, table: Table) -> None:
    """Why packages bring their wheels."""
    stack = real(test_model, BARE | UNREACHABLE)
    (Path(stack.model_folder) / "code" / "requirements.txt").write_text("onnxruntime==1.32.0\n", encoding="utf-8")
    begun = time.monotonic()
    with pytest.raises(StartFailed, match="failed to install required packages"):
        stack.start()
    table.say(
        "code/requirements.txt with an index that cannot be reached", f"exit after {time.monotonic() - begun:.0f} s"
    )
