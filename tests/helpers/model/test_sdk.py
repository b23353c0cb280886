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


def test_a_process_that_was_killed_is_replaced(environment):
    sdk.ask(environment, *IMAGE)
    process_of(environment).kill()
    process_of(environment).wait()
    assert "image_uri" in sdk.ask(environment, *IMAGE)


def test_no_answer_in_time_is_said_and_the_process_ended(environment, monkeypatch):
    monkeypatch.setattr(sdk, "ANSWER_SECONDS", 0.2)
    other = {**environment, "AWS_OTHER": "1"}
    with pytest.raises(ModelError, match=r"no answer within 0\.2 s \(image ml\.m5\.large"):
        sdk.ask(other, *IMAGE)
    assert process_of(other).poll() is not None


def test_an_end_without_an_answer_shows_what_it_said(environment):
    other = {**environment, "AWS_OTHER": "2", "PYTHONHOME": "/nowhere"}
    with pytest.raises(ModelError, match=r"ended without an answer: (.|\n)*encodings"):
        sdk.ask(other, *IMAGE)


def test_it_ends_with_the_process_that_asked(environment, tmp_path):
    program = f"""
        import os, signal
        from helpers.model import sdk
        sdk.ask(dict(os.environ), *{IMAGE!r})
        (made,) = sdk._PROCESSES.values()
        print(made._process.pid, flush=True)
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
