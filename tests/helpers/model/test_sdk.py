"""The SageMaker SDK's process: asked twice it is started once, and it leaves with whoever asks."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from contract.errors import ModelError
from helpers.model import sdk

IMAGE = ("image", "ml.m5.large", "us-east-1", "2.6.0", "py312")
"""Needs no network: the SDK has the list of images in its package."""


@pytest.fixture(scope="module")
def environment():
    return {**os.environ, "AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "t", "AWS_SECRET_ACCESS_KEY": "t"}


def process_of(environment):
    return sdk._PROCESSES[sdk._key(environment)]._process


def test_a_process_that_was_killed_is_replaced(environment):
    killed = sdk._PROCESSES[sdk._key(environment)] = sdk._Process(environment)
    killed.end()
    assert "image_uri" in sdk.ask(environment, *IMAGE)
    assert process_of(environment) is not killed._process


def test_two_questions_are_answered_by_one_process(environment):
    first = sdk.ask(environment, *IMAGE)
    asked = process_of(environment)
    assert sdk.ask(environment, *IMAGE) == first
    assert "pytorch-inference:2.6.0-cpu-py312" in first["image_uri"]
    assert process_of(environment) is asked


def test_an_error_of_the_sdk_is_an_answer(environment):
    with pytest.raises(sdk.RefusedError) as caught:
        sdk.ask(environment, "image", "ml.m5.large", "us-east-1", "0.0.1", "py312")
    kind, message = caught.value.args
    assert (kind, "0.0.1" in message) == ("ValueError", True)
    assert process_of(environment).poll() is None


def test_no_answer_in_time_is_said_and_the_process_ended(environment, monkeypatch):
    monkeypatch.setattr(sdk, "ANSWER_SECONDS", 0.2)
    other = {**environment, "AWS_OTHER": "1", "AWS_ENDPOINT_URL": "https://s3.us-east-1.amazonaws.com"}
    with pytest.raises(ModelError, match=r"no answer within 0\.2 s \(image ml\.m5\.large.*check the network"):
        sdk.ask(other, *IMAGE)
    assert process_of(other).poll() is not None


def test_on_this_machine_there_is_more_time_and_no_network_to_check(environment, monkeypatch):
    monkeypatch.setattr(sdk, "ANSWER_SECONDS", 0.05)
    here = {**environment, "AWS_OTHER": "3", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    with pytest.raises(ModelError, match=r"no answer within 0\.2 s .*this machine is busy") as caught:
        sdk.ask(here, *IMAGE)
    assert "network" not in str(caught.value)


def test_an_end_without_an_answer_shows_what_it_said(environment):
    other = {**environment, "AWS_OTHER": "2", "PYTHONHOME": "/nowhere"}
    with pytest.raises(ModelError, match=r"ended without an answer: (.|\n)*encodings"):
        sdk.ask(other, *IMAGE)


def test_it_ends_with_the_process_that_started_it(environment):
    program = """
        import os, signal
        from helpers.model import sdk
        print(sdk._Process(dict(os.environ))._process.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    deadline = time.monotonic() + 10
    while Path(f"/proc/{done.stdout.strip()}").exists():
        assert time.monotonic() < deadline, "the SDK's process is still there"
        time.sleep(0.05)


def test_one_that_has_answered_ends_when_its_input_does(environment):
    sdk.ask(environment, *IMAGE)
    asked = process_of(environment)
    asked.stdin.close()
    assert asked.wait(10) == 0
