"""The run around the steps: consent, budgets, the cap, and the clean-up that always comes. No cloud runs here."""

import dataclasses
import signal
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from contract.errors import WorkshopError
from contract.settings import Settings
from helpers.parity import recording as recordings
from helpers.parity import report, run, verify
from helpers.parity.bench import StepError
from helpers.parity.steps import Step, probes, whole
from helpers.recording.recorder import Recorder
from helpers.show.checks import Check, Report


@pytest.fixture
def bench(tmp_path: Path) -> Any:
    return SimpleNamespace(recorder=Recorder(tmp_path / "record"), say=lambda text: None)


def plan(*steps: Step, hour: float = 1.0, cap: float = 100.0) -> run.Plan:
    return run.Plan(steps, hour, cap, "from nowhere.")


def outcomes(bench: Any, tmp_path: Path) -> dict[str, str]:
    made = recordings.put_together(bench.recorder.folder, tmp_path / "made.jsonl.gz", {"target": "local"})
    return {name: step["outcome"] for name, step in made.steps.items()}


def fail(_bench: Any) -> None:
    raise StepError("it does not work")


def test_a_failed_step_is_recorded_and_the_next_one_runs(bench, tmp_path):
    steps = [Step("bad", 1, fail), Step("good", 1, lambda bench: None)]
    assert not run.Run(bench, plan(*steps)).steps()
    assert outcomes(bench, tmp_path) == {"bad": "failed", "good": "done"}


def test_what_all_others_need_ends_the_run(bench, tmp_path):
    steps = [Step("deploy", 1, fail, needed=True), Step("good", 1, lambda bench: None)]
    assert not run.Run(bench, plan(*steps)).steps()
    assert outcomes(bench, tmp_path) == {"deploy": "failed"}


def test_a_step_ends_with_its_budget(bench, tmp_path):
    began = time.monotonic()
    steps = [Step("slow", 1 / 60, lambda bench: time.sleep(30)), Step("good", 1, lambda bench: None)]
    assert not run.Run(bench, plan(*steps)).steps()
    assert time.monotonic() - began < 10
    assert outcomes(bench, tmp_path) == {"slow": "failed", "good": "done"}
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_the_cap_ends_the_run(bench, tmp_path):
    # 61 USD an hour: the clean-up's hour takes 61, what surrounds it 1, and half a second is left.
    expensive = plan(Step("slow", 60, lambda bench: time.sleep(30)), Step("never", 1, fail), hour=61, cap=62.01)
    with pytest.raises(run.CapReachedError, match="its cap"):
        run.Run(bench, expensive).steps()
    assert outcomes(bench, tmp_path) == {"slow": "failed"}


def test_a_plan_says_what_it_takes_before_anything_is_done():
    settings = Settings()
    aws = dataclasses.replace(settings, workshop=dataclasses.replace(settings.workshop, target="aws"))
    said = plan(*whole(("sns",), ("01", "06"), Path())).shown(aws)
    for part in (
        "deletes",
        "notebook_01",
        "tracking_wakes",
        "clean-up",
        "always",
        "At most",
        "hours",
        "cap is 100.00 USD",
    ):
        assert part in said
    assert "costs nothing" in plan(*probes()).shown(settings)


@pytest.fixture
def started(monkeypatch, tmp_path) -> dict[str, Any]:
    """verify.main() with everything that reaches a target replaced, and a note of what was called."""
    seen: dict[str, Any] = {"cleaned": 0, "stepped": [], "folder": tmp_path}
    connection = SimpleNamespace(
        settings=Settings(), target=SimpleNamespace(name="local"), client=lambda service: None,
        identity=SimpleNamespace(account="482913650274", arn="arn:aws:iam::482913650274:user/jane"),
        names=SimpleNamespace(endpoint="parity-app-ml", bucket="parity-app-bucket"),
    )  # fmt: skip

    def clean(bench: Any, say: Any) -> list[Check]:
        seen["cleaned"] += 1
        return list(seen.get("left", ()))

    monkeypatch.setattr(verify, "connect", lambda settings: connection)
    monkeypatch.setattr(verify, "preflight", lambda connection: Report("ready", tuple(seen.get("checks", ()))))
    monkeypatch.setattr(verify, "speed_of", lambda connection: 60.0)
    monkeypatch.setattr(verify.run, "clean", clean)
    monkeypatch.setattr(verify, "BUILD", tmp_path / "build")
    monkeypatch.setattr(
        verify.steps, "whole", lambda *_: [Step("one", 1, seen.setdefault("work", seen["stepped"].append))]
    )
    return seen


def start(started: dict[str, Any], *arguments: str) -> int:
    folder = started["folder"]
    return verify.main(
        ["--target", "local", "--output", str(folder / "one.jsonl.gz"), "--page", str(folder / "parity.md"), *arguments]
    )


def test_nothing_is_done_without_consent(started, capsys):
    assert start(started) == 2
    said = capsys.readouterr().out
    assert "at most" in said
    assert "Nothing was done" in said
    assert (started["stepped"], started["cleaned"]) == ([], 0)
    assert not (started["folder"] / "build").exists() or not list((started["folder"] / "build").iterdir())


def test_a_preflight_that_fails_ends_it(started, capsys):
    started["checks"] = [Check("Instance quota", "fail", "is 0", "ask for one")]
    assert start(started, "--yes") == 1
    assert "nothing was deployed" in capsys.readouterr().out
    assert started["cleaned"] == 0


def test_a_run_is_recorded_reported_and_cleaned_up(started):
    assert start(started, "--yes") == 0
    assert (len(started["stepped"]), started["cleaned"]) == (1, 1)
    assert recordings.load(started["folder"] / "one.jsonl.gz").header["target"] == "local"
    assert (started["folder"] / "parity.md").read_text().startswith("# Parity")


@pytest.mark.parametrize("problem", [KeyboardInterrupt, RuntimeError, run.CapReachedError])
def test_whatever_happens_it_is_cleaned_up_and_recorded(started, problem):
    def work(bench: Any) -> None:
        raise problem("now")

    started["work"] = work
    with pytest.raises((KeyboardInterrupt, RuntimeError, SystemExit)) if problem is RuntimeError else no_error():
        start(started, "--yes")
    assert started["cleaned"] == 1
    assert (started["folder"] / "one.jsonl.gz").exists()


def no_error() -> Any:
    import contextlib

    return contextlib.nullcontext()


def test_what_is_left_is_said_with_how_to_remove_it(started, capsys):
    started["left"] = [Check("S3 buckets", "fail", "1 left: parity-app-x", "again")]
    assert start(started, "--yes") == 1
    said = capsys.readouterr().out
    assert "LEFT" in said
    assert "make notebooks ARGS=99" in said


def test_a_bucket_that_is_kept_is_refused(started, monkeypatch, capsys):
    monkeypatch.setenv("WORKSHOP_BUCKET_KEEP", "true")
    assert start(started, "--yes") == 1
    assert "[bucket] keep" in capsys.readouterr().out


def test_the_page_names_the_step_that_failed(started):
    started["work"] = fail
    assert start(started, "--yes") == 1
    assert "it does not work" in (started["folder"] / "parity.md").read_text()
    assert report.PAGE.name == "parity.md"
    assert issubclass(run.CapReachedError, WorkshopError)
