"""Execution environments of Lambda: nothing of a log is lost, and what becomes of one that dies."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from localcloud.ministack.lambdas import bootstrap, output
from localcloud.ministack.lambdas.memory import resident
from localcloud.ministack.lambdas.runs import Invocation, Result
from localcloud.ministack.lambdas.worker import Surroundings, Worker
from tests.localcloud.conftest import zipped

CONFIG: dict[str, Any] = {
    "FunctionName": "f",
    "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:f",
    "Handler": "index.handler",
    "Runtime": "python3.12",
    "MemorySize": 128,
    "Timeout": 20,
    "RevisionId": "1",
}


class Function:
    """A function with a worker of its own."""

    def __init__(self, source: str, **settings: Any) -> None:
        self.config = {**CONFIG, **settings}
        self.code = zipped(source)
        script = f"{Path(bootstrap.__file__).read_text()}\nmain()\n"
        self.worker = Worker(Surroundings(sys.executable, script, lambda _: {}, lambda _: None), "f", {}, self.code)

    def run(self, event: Any = None) -> Result:
        invocation = Invocation(json.dumps(event), "id", CONFIG["FunctionArn"])
        return self.worker.run(self.config, self.code, invocation)

    def printed(self, event: Any = None) -> list[str]:
        return [line.text for line in self.run(event).lines]


@pytest.fixture
def functions() -> Iterator[list[Function]]:
    made: list[Function] = []
    yield made
    for function in made:
        function.worker._discard_tmpdir()


@pytest.fixture
def slow_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log is read long after it was written, as on a machine with much else to do."""

    def read(descriptor: int, size: int) -> bytes:
        time.sleep(0.15)
        return os.read(descriptor, size)

    monkeypatch.setattr(output, "os", SimpleNamespace(read=read, close=os.close))


PRINTS = """
import os, sys
def handler(event, context):
    for number in range(event["lines"]):
        print("line", number)
    os.write(1, event["last"].encode())
"""


@pytest.mark.parametrize("lines", [0, 1, 5000])
def test_a_late_reader_gets_the_whole_log_with_its_own_invocation(
    functions: list[Function], slow_reader: None, lines: int
) -> None:
    functions.append(Function(PRINTS))
    for last in ("first", "second", ""):
        expected = [f"line {number}" for number in range(lines)] + ([last] if last else [])
        assert functions[0].printed({"lines": lines, "last": last}) == expected


def test_what_is_printed_right_before_the_end_of_the_process_is_not_lost(
    functions: list[Function], slow_reader: None
) -> None:
    functions.append(Function("import os\ndef handler(event, context):\n    print('last words'); os._exit(3)"))
    result = functions[0].run()
    assert result.lines[0].text == "last words"
    assert json.loads(result.payload)["errorType"] == "Runtime.ExitError"


def test_a_message_of_several_lines_is_one_event(functions: list[Function]) -> None:
    source = "import logging\ndef handler(event, context):\n    logging.error('one\\ntwo'); raise ValueError('three')"
    functions.append(Function(source))
    logged, raised = functions[0].printed()
    assert logged.endswith("\tid\tone\ntwo")
    assert raised.startswith("[ERROR] ValueError: three\nTraceback (most recent call last):\n")


def test_a_variable_of_the_function_wins_over_this_machines(
    functions: list[Function], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAME_NAME", "of this machine")
    settings = {"Environment": {"Variables": {"SAME_NAME": "of the function"}}}
    functions.append(
        Function("import os\ndef handler(event, context):\n    return os.environ['SAME_NAME']", **settings)
    )
    assert functions[0].run().payload == '"of the function"'


def test_a_silent_invocation_waits_for_nothing(functions: list[Function]) -> None:
    functions.append(Function("def handler(event, context):\n    return event"))
    functions[0].run()
    taken = []
    for number in range(40):
        began = time.perf_counter()
        assert functions[0].run(number).payload == str(number)
        taken.append(time.perf_counter() - began)
    assert min(taken) < 0.03  # MiniStack's own worker waits 50 ms for lines each time


def test_what_a_function_started_does_not_keep_its_dead_environment(functions: list[Function]) -> None:
    source = (
        "import subprocess, sys\ndef handler(event, context):\n"
        "    child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "    print(child.pid)\n    sys.exit(1)"
    )
    functions.append(Function(source))
    began = time.monotonic()
    result = functions[0].run()
    assert time.monotonic() - began < 10
    assert resident(int(result.lines[0].text)) == 0
    assert result.error == "Runtime.ExitError"


def test_an_invocation_that_runs_during_an_update_ends_as_it_began(functions: list[Function]) -> None:
    functions.append(Function("def handler(event, context):\n    return 'old'"))
    functions[0].run()
    worker = functions[0].worker
    with worker._lock:  # as an invocation holds it
        worker._discard_tmpdir()
        assert worker._process is not None
        assert worker._process.poll() is None
    worker._discard_tmpdir()
    assert worker._process is None


def test_a_new_revision_starts_a_new_environment(functions: list[Function]) -> None:
    functions.append(Function("def handler(event, context):\n    return 'old'"))
    assert functions[0].run().payload == '"old"'
    functions[0].config = {**functions[0].config, "RevisionId": "2"}
    functions[0].code = zipped("def handler(event, context):\n    return 'new'")
    result = functions[0].run()
    assert result.payload == '"new"'
    assert result.init_seconds > 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_that_was_freed_again_counts(functions: list[Function]) -> None:
    functions.append(Function("def handler(event, context):\n    big = b'x' * (200 << 20)\n    del big"))
    result = functions[0].run()
    assert json.loads(result.payload)["errorType"] == "Runtime.OutOfMemory"
    assert result.memory > 128 << 20
