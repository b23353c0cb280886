"""The limits of the model server: what the real one does, and that the local container does the same.

With a model that sleeps and fills its answer on request, and time-outs of seconds instead of an hour. Tests of a class
share both sides, since only one real stack can run at a time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from contract.names import MAX_RESPONSE_BYTES
from localcloud.sagemaker.model_server import DEFAULT_BYTES
from tests.serving.conftest import Pair, Table, pair
from tests.serving.sides import RESET, UNREACHABLE, Answer, StartFailed

JSON = "application/json"
BARE = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}
BARE |= {"SAGEMAKER_MODEL_SERVER_WORKERS": "1", "SAGEMAKER_CONTAINER_LOG_LEVEL": "20"}
TIMEOUT, TOOLKITS = "TS_DEFAULT_RESPONSE_TIMEOUT", "SAGEMAKER_MODEL_SERVER_TIMEOUT"


def asked(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def answers(sides: Pair, body: bytes) -> list[Answer]:
    """Both answers, after the time of the slower one."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda side: side.ask(body, JSON, JSON), sides))


class Sides:
    """Both sides with the variables of the class."""

    variables: Mapping[str, str] = BARE

    @pytest.fixture(scope="class")
    def sides(
        self, test_model: Path, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[Pair]:
        folder = tmp_path_factory.mktemp("limits")
        with pair(folder, test_model, test_model, self.variables or environment) as both:
            both[0].start()
            both[1].start()
            assert both[0].ask(asked(), JSON, JSON).status == 200  # it answers pings before its worker is ready
            yield both


class TestWithoutVariables(Sides):
    def test_sizes(self, sides: Pair, table: Table) -> None:
        near = DEFAULT_BYTES - 1000
        for name, body, status in (
            (f"answer of {near:,} bytes, no variables", asked(fill=near), 200),
            ("answer of 6.6 MB, no variables", asked(fill=6_600_000), 500),
            (f"request of {near:,} bytes, no variables", asked(pad="x" * near), 200),
            ("request of 6.6 MB, no variables", asked(pad="x" * 6_600_000), RESET),
        ):
            both = answers(sides, body)
            table.add(name, *both)
            assert both[0].status == status, name
            assert both[0] == both[1], name

    def test_errors_that_a_model_raises(self, sides: Pair, table: Table) -> None:
        """Only exceptions of the toolkit's own class have a status, and each brings its traceback."""
        for name, body, status in (
            ("a model that raises the toolkit's error with 422", asked(refuse=True), 422),
            ("a model that raises an exception of its own with status_code 400", asked(foreign=True), 500),
            ("a model that raises ValueError", asked(**{"raise": True}), 500),
        ):
            real, local = answers(sides, body)
            table.add(name, real, local)
            assert (real.status, local.status) == (status, status), name
            assert real.body.splitlines()[:2] == local.body.splitlines()[:2]
            assert real.content_type == local.content_type

    def test_two_minutes(self, sides: Pair, table: Table) -> None:
        both = answers(sides, asked(sleep=150))
        table.add("150 s, no variables", *both)
        assert both[0] == both[1]
        assert both[0].status == 500
        assert all(119 < answer.seconds < 135 for answer in both)
        after = answers(sides, asked())
        table.add("the next request after that", *after)
        assert [answer.status for answer in after] == [200, 200]


class TestWithTheStacksVariables(Sides):
    variables: Mapping[str, str] = {}  # those of the template

    @pytest.mark.parametrize("size", [70_000_000, MAX_RESPONSE_BYTES - 1000])
    def test_sizes(self, sides: Pair, table: Table, size: int) -> None:
        """Four pictures of 1024 x 1024 are 66 MB; all this with the memory of an ml.m5.large."""
        for name, body in (
            (f"answer of {size:,} bytes, the stack's variables", asked(fill=size - 1000)),
            (f"request of {size:,} bytes, the stack's variables", asked(pad="x" * (size - 1000))),
        ):
            both = answers(sides, body)
            table.add(name, *both)
            assert both[0].status == 200, name
            assert both[0] == both[1], name

    def test_longer_than_two_minutes(self, sides: Pair, table: Table) -> None:
        both = answers(sides, asked(sleep=140))
        table.add("140 s, the stack's variables", *both)
        assert [answer.status for answer in both] == [200, 200]


class TestAWorkerThatTakesTooLong(Sides):
    variables: Mapping[str, str] = {**BARE, TIMEOUT: "4", TOOLKITS: "3600"}

    def test_it_is_ended(self, sides: Pair, table: Table) -> None:
        both = answers(sides, asked(sleep=9))
        table.add(f"9 s, {TIMEOUT}=4", *both)
        assert both[0] == both[1]
        assert (both[0].status, json.loads(both[0].body)["message"]) == (500, "Worker died.")
        assert all(4 <= answer.seconds < 9 for answer in both)


class TestTheToolkitsOwnTimeout(Sides):
    variables: Mapping[str, str] = {**BARE, TOOLKITS: "2"}

    def test_it_has_no_effect(self, sides: Pair, table: Table) -> None:
        both = answers(sides, asked(sleep=6))
        table.add(f"6 s, {TOOLKITS}=2", *both)
        assert [answer.status for answer in both] == [200, 200]
        properties = (sides[0].model_folder.parents[2] / "sagemaker-ts.properties").read_text(encoding="utf-8")
        assert "enable_model_api=truedefault_response_timeout=2" in properties  # glued to the line before


def test_requirements_from_an_index_that_cannot_be_reached(test_model: Path, table: Table, tmp_path: Path) -> None:
    """Why packages bring their wheels."""
    with pair(tmp_path, test_model, test_model, BARE, **UNREACHABLE) as (real, _):
        (real.model_folder / "code" / "requirements.txt").write_text("onnxruntime==1.32.0\n", encoding="utf-8")
        begun = time.monotonic()
        with pytest.raises(StartFailed, match="failed to install required packages"):
            real.start()
    table.say("code/requirements.txt and an index out of reach", f"exit after {time.monotonic() - begun:.0f} s")
