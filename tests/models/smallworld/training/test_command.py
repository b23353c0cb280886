"""What the command lines of training share, without training anything."""

import json
import math
import os
import signal

import pytest
from smallworld.bundle import WEIGHTS
from smallworld.training import command
from smallworld.training.config import TrainConfig
from smallworld.training.onnx_files import TOLERANCE, ExportError, accept, session


@pytest.fixture
def parser():
    made = command.parser("train", "Train a model.\n\nMore.")
    command.add_settings(made, TrainConfig(), {"steps": "length", "decay_steps": "the last ones"})
    command.add_run_options(made, "checkpoint.pt", workers=3, log_every=50, save_every=500)
    return made


def test_a_command_presents_itself_with_its_defaults(parser):
    shown = " ".join(parser.format_help().split())
    assert shown.startswith("usage: python -m smallworld.training.train")
    assert "Train a model. options:" in shown
    assert f"the last ones (default: {TrainConfig().decay_steps})" in shown
    assert "begin from nothing instead of resuming checkpoint.pt" in shown


def test_without_options_everything_is_as_released(parser):
    options = parser.parse_args([])
    assert command.configured(TrainConfig(), options) == TrainConfig()
    assert (options.folder, options.restart) == (command.FOLDER, False)
    assert (options.workers, options.log_every, options.save_every) == (3, 50, 500)
    assert WEIGHTS.with_name(".train") == command.FOLDER


def test_options_change_the_settings_that_they_name_and_no_others(parser):
    options = parser.parse_args(["--steps", "7", "--decay-steps", "2", "--workers", "1"])
    assert command.configured(TrainConfig(), options) == TrainConfig(steps=7, decay_steps=2)


def test_a_log_holds_one_object_a_line(tmp_path):
    for step in (1, 2):
        command.log(tmp_path / "log.jsonl", {"step": step})
    assert [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()] == [
        {"step": 1},
        {"step": 2},
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_is_noted_and_does_not_end_the_run(number):
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        stop = command.stopping()
        assert not stop()
        os.kill(os.getpid(), number)
        assert stop()
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def test_a_file_that_computes_the_same_is_accepted():
    assert accept(TOLERANCE, "the file differs") == TOLERANCE


@pytest.mark.parametrize("difference", [2 * TOLERANCE, math.inf, math.nan])
def test_a_file_that_computes_something_else_is_not(difference):
    with pytest.raises(ExportError, match=r"the file differs from PyTorch by .*; it must be at most 1e-04"):
        accept(difference, "the file differs")


def test_a_written_network_is_ready_to_run():
    names = [each.name for each in session(WEIGHTS / "upsampler.onnx").get_inputs()]
    assert names == ["picture"]
