"""Quiz questions in the notebooks: choose an answer, read why it is right or wrong.

Plain HTML, made of what every browser can do without JavaScript: each option unfolds its own explanation, by mouse and
by keyboard, in JupyterLab, in Voilà, in an exported page and on GitHub.
"""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class Question:
    """A question with its options.

    Attributes
    ----------
    question : str
    options : tuple of str
    right : int
        Position of the right one, from 0.
    explanation : str
        Why it is right.
    hints : tuple of str
        What to think of for each wrong option, empty where the general hint does.
    """

    question: str
    options: tuple[str, ...]
    right: int
    explanation: str
    hints: tuple[str, ...]

    def answer(self, number: int) -> bool:
        """Whether option ``number`` (from 0) is the right one.

        Raises
        ------
        IndexError
            There is no such option.
        """
        if not 0 <= number < len(self.options):
            raise IndexError(f"option {number}: this question has 0 to {len(self.options) - 1}")
        return number == self.right

    def explain(self, number: int) -> str:
        """What is said about option ``number``."""
        if self.answer(number):
            return f"Right. {self.explanation}"
        return f"Not quite. {self.hints[number] or 'Think again, or unfold another answer.'}"

    def __str__(self) -> str:
        letters = "ABCDEFGH"
        options = [f"  {letters[number]}  {option}" for number, option in enumerate(self.options)]
        return "\n".join([self.question, *options, f"Answer: {letters[self.right]}. {self.explanation}"])

    def _repr_html_(self) -> str:
        options = "".join(
            f'<details style="margin:.3em 0"><summary style="cursor:pointer">{html.escape(option)}</summary>'
            f'<p style="margin:.2em 0 .6em 1.2em">{"✓" if number == self.right else "✗"} '
            f"{html.escape(self.explain(number))}</p></details>"
            for number, option in enumerate(self.options)
        )
        return (
            f'<div role="group" aria-label="Quiz question"><p><strong>{html.escape(self.question)}</strong><br>'
            f"<small>Unfold the answer that you think is right.</small></p>{options}</div>"
        )


def quiz(
    question: str, options: Sequence[str], answer: int, explanation: str, hints: Sequence[str] | None = None
) -> Question:
    """A quiz question for a notebook's cell.

    Parameters
    ----------
    question : str
        What is asked.
    options : sequence of str
        Two to eight answers.
    answer : int
        Position of the right one, from 0.
    explanation : str
        Why it is right.
    hints : sequence of str, optional
        One for each option; that of the right one is not used.

    Raises
    ------
    ValueError
        The right answer is not one of the options, or there are more or fewer hints than options.
    """
    if not 2 <= len(options) <= 8:
        raise ValueError(f"a question has 2 to 8 options, not {len(options)}")
    if not 0 <= answer < len(options):
        raise ValueError(f"answer = {answer}: must be 0 to {len(options) - 1}")
    hints = [""] * len(options) if hints is None else hints
    if len(hints) != len(options):
        raise ValueError(f"{len(hints)} hints for {len(options)} options: one for each, or none at all")
    return Question(question, tuple(options), answer, explanation, tuple(hints))
