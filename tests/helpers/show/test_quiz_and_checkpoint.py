"""What ends a notebook: checkpoints that stop it with advice, and questions that explain their answers."""

from __future__ import annotations

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from helpers.show.checkpoints import checkpoint
from helpers.show.quizzes import quiz


@pytest.fixture
def shell():
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


def test_a_checkpoint_that_holds_is_shown():
    passed = checkpoint("two <is> two", 2 == 2, "Count again.")
    assert str(passed) == "✓ two <is> two"
    assert "two &lt;is&gt; two" in passed._repr_html_()


def test_a_checkpoint_at_the_end_of_a_cell_is_shown_once(shell):
    with capture_output() as captured:
        shell.run_cell(
            "from helpers.show.checkpoints import checkpoint\ncheckpoint('one', True, '')\ncheckpoint('two', True, '')"
        )
    assert [output.data["text/plain"] for output in captured.outputs] == ["✓ one", "✓ two"]
    assert "two" not in captured.stdout


def test_a_checkpoint_that_does_not_hold_says_what_to_do():
    with pytest.raises(AssertionError, match=r"not yet: the pipeline is green\. Run watch\(\) again\."):
        checkpoint("the pipeline is green", [], "Run watch() again.")


QUESTION = quiz("2 + 2?", ["3", "4", "<5>"], 1, "Count your fingers.", ["One too few.", "", "One too many."])


def test_each_answer_is_explained():
    assert [QUESTION.answer(number) for number in range(3)] == [False, True, False]
    assert QUESTION.explain(1) == "Right. Count your fingers."
    assert QUESTION.explain(2) == "Not quite. One too many."


def test_it_can_be_read_without_running_and_without_a_script():
    made = QUESTION._repr_html_()
    assert made.count("<details") == made.count("<summary") == 3
    assert "&lt;5&gt;" in made
    assert "<script" not in made
    assert "Answer: B. Count your fingers." in str(QUESTION)


@pytest.mark.parametrize(
    ("options", "answer", "hints", "words"),
    [
        (["one"], 0, None, "2 to 8 options"),
        (["a", "b"], 2, None, "must be 0 to 1"),
        (["a", "b"], 0, ["x"], "1 hints for 2 options"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(options, answer, hints, words):
    with pytest.raises(ValueError, match=words):
        quiz("?", options, answer, "", hints)


def test_an_option_that_is_not_there():
    with pytest.raises(IndexError, match="has 0 to 2"):
        QUESTION.answer(3)
