import dataclasses

import pytest

from contract.settings import Settings
from helpers.studio.steps import STEPS, TEXTS, progress, steps_of, waking_text


def statuses(steps):
    return [step.status for step in steps]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("created", ["active", "todo", "todo", "todo", "todo", "todo"]),
        ("queued", ["done", "active", "todo", "todo", "todo", "todo"]),
        ("generating", ["done", "done", "skipped", "active", "todo", "todo"]),
        ("generated", ["done", "done", "skipped", "done", "active", "todo"]),
        ("notified", ["done", "done", "skipped", "done", "done", "active"]),
        ("done", ["done", "done", "skipped", "done", "done", "done"]),
    ],
)
def test_each_state_has_its_place(state, expected):
    assert statuses(steps_of(state, {"created": 0.0})) == expected


def test_waking_is_a_step_only_for_those_who_met_it():
    seen = {"created": 0.0, "uploaded": 0.1, "queued": 0.1, "waking": 1.1, "generating": 5.1}
    steps = steps_of("generating", seen)
    assert statuses(steps) == ["done", "done", "done", "active", "todo", "todo"]
    assert [step.seconds for step in steps][:3] == pytest.approx([0.1, 1.0, 4.0])


def test_a_step_lasts_until_the_next_one_that_was_seen():
    steps = {step.name: step.seconds for step in steps_of("done", {"created": 0.0, "queued": 1.0, "done": 4.0})}
    assert (steps["uploaded"], steps["queued"]) == (1.0, 3.0)
    assert steps["generating"] is None  # nobody saw when it began


def test_a_failure_marks_where_it_stopped():
    assert statuses(steps_of("failed", {}, "generating"))[3:] == ["failed", "todo", "todo"]


def test_progress_only_grows():
    order = ["created", "uploaded", "waking", "generating", "generated", "notified", "done"]
    values = [progress(steps_of(state, {})) for state in order]
    assert values == sorted(values)
    assert (values[0] > 0, values[-1]) == (True, 1.0)


def test_every_state_has_its_words():
    assert set(STEPS) == {"uploaded", "queued", "waking", "generating", "notified", "extracted"}
    for state in ("created", "uploaded", "found", "queued", "generating", "generated", "notified", "done"):
        assert TEXTS[state]


def test_waking_says_how_long_it_takes_on_each_target():
    settings = Settings()
    local = waking_text(settings)
    assert "3 to 8 s" in local  # a minute's alarm and two of provisioning, at speed 60
    aws = waking_text(dataclasses.replace(settings, workshop=dataclasses.replace(settings.workshop, target="aws")))
    assert "minutes" in aws
    assert "on this machine" not in aws
