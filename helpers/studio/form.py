"""The form: what is typed, what is wrong with it, and the request that it makes."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import traitlets

from contract.errors import ParameterError
from contract.names import SMALLWORLD_MODELS
from helpers.inference.parameters import Limits, checked_request, joined
from helpers.studio.parts import CSS, Part, module

NOTHING_SENT = " Nothing was uploaded."
"""The end of a ParameterError's text; nobody has tried to upload anything while typing."""

EXAMPLES = (
    "a lighthouse on a cliff at dusk, oil painting",
    "a bowl of oranges on a wooden table, soft light",
    "an astronaut riding a horse, pencil sketch",
)
SMALLWORLD_EXAMPLES = (
    "a red circle on a blue background",
    "three green stars on a black background",
    "a yellow ring to the left of a purple heart on a white background",
    "a red house and two trees on green hills under a blue sky",
    "a lighthouse and a white boat on the sea at night",
    "a windmill in a field, pixel art",
    "a sunset over the sea",
)


@dataclasses.dataclass(frozen=True)
class Described:
    """How a field appears; ``name`` is the API's."""

    name: str
    label: str
    hint: str
    empty: str = ""
    number: bool = True
    step: int = 1
    """What the arrow keys add and take."""


FIELDS = (
    Described("prompt", "Prompt", "what to draw", number=False),
    Described("negative_prompt", "Negative prompt", "what to leave out", "nothing", number=False),
    Described("width", "Width", "pixels", "default", step=8),
    Described("height", "Height", "pixels", "default", step=8),
    Described("num_inference_steps", "Steps", "more: finer and slower", "default"),
    Described("guidance_scale", "Guidance", "more: closer to the prompt", "default"),
    Described("num_images_per_prompt", "Pictures", "per prompt", "1"),
    Described("seed", "Seed", "same seed, same picture", "random"),
)
IGNORED = {"hint": "this model ignores it", "empty": "–"}
NUMBERS = frozenset(field.name for field in FIELDS if field.number)
LABELS: Mapping[str, str] = {field.name: field.label for field in FIELDS}


def parsed(text: str) -> int | float | str | None:
    """A number as typed: an int, a float, None for an empty field, and the text itself when it is not a number."""
    text = text.strip()
    if not text:
        return None
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


class Form(Part):
    """The form's widget. Each field is a trait under its API name, holding the text as typed.

    Parameters
    ----------
    limits : Limits
        What the deployed model accepts.
    examples : sequence of str, optional
        Prompts to choose from.
    """

    _esm, _css = module("form"), CSS

    prompt = traitlets.Unicode("").tag(sync=True)
    negative_prompt = traitlets.Unicode("").tag(sync=True)
    width = traitlets.Unicode("").tag(sync=True)
    height = traitlets.Unicode("").tag(sync=True)
    num_inference_steps = traitlets.Unicode("").tag(sync=True)
    guidance_scale = traitlets.Unicode("").tag(sync=True)
    num_images_per_prompt = traitlets.Unicode("1").tag(sync=True)
    seed = traitlets.Unicode("").tag(sync=True)
    fresh_seed = traitlets.Bool(True).tag(sync=True)
    """Whether a new seed is drawn after each request."""

    heard = traitlets.Unicode("").tag(sync=True)
    """The token of the last typing that arrived from a page, which so knows that it did."""

    fields = traitlets.List(traitlets.Dict()).tag(sync=True)
    examples = traitlets.List(traitlets.Unicode()).tag(sync=True)
    problems = traitlets.Dict().tag(sync=True)
    """What is wrong, by field; under "" what is wrong with all of them together."""
    reason = traitlets.Unicode("").tag(sync=True)
    """Why nothing can be generated now; empty when it can."""
    model_name = traitlets.Unicode("").tag(sync=True)

    def __init__(self, limits: Limits, examples: Sequence[str] | None = None) -> None:
        self._limits = limits
        known = SMALLWORLD_EXAMPLES if limits.model in SMALLWORLD_MODELS else EXAMPLES
        super().__init__(
            fields=[dataclasses.asdict(field) | (IGNORED if field.name in limits.ignored else {}) for field in FIELDS],
            examples=list(known if examples is None else examples),
            width=str(limits.default_side),
            height=str(limits.default_side),
            model_name=limits.model,
        )
        self.roll()
        self.observe(self._check, names=[field.name for field in FIELDS])
        self._check()

    def roll(self) -> None:
        """Draw a new seed: six digits, which one can read to a neighbour."""
        self.seed = str(secrets.randbelow(1_000_000))

    @property
    def parameters(self) -> dict[str, Any]:
        """Everything besides the prompt, as numbers where it is one; None for what was left empty."""
        values: dict[str, Any] = {name: parsed(getattr(self, name)) for name in LABELS if name in NUMBERS}
        return {"negative_prompt": self.negative_prompt or None, **values}

    def request(self) -> dict[str, Any]:
        """The request that the form makes.

        Raises
        ------
        ParameterError
            As :func:`helpers.inference.parameters.checked_request`.
        """
        return checked_request(self.prompt, self.parameters, limits=self._limits)

    def hear(self, token: str, values: Mapping[str, Any], fresh_seed: bool) -> None:
        """Take in what somebody has typed in a page.

        Parameters
        ----------
        token : str
            Of this typing; see :attr:`heard`.
        values : mapping
            Field to text.
        fresh_seed : bool
            See :attr:`fresh_seed`.
        """
        with self.changing():
            for name in LABELS:
                if name in values:
                    setattr(self, name, str(values[name]))
            self.fresh_seed, self.heard = bool(fresh_seed), token

    def take(self, request: Mapping[str, Any]) -> list[str]:
        """Fill the form with a request's parameters; what the request left open is left empty.

        Returns
        -------
        list of str
            Parameters of the request that the form has no field for, as ``image``.
        """
        with self.changing():
            for name in LABELS:
                setattr(self, name, joined(request.get(name)))
            self.fresh_seed = False  # the same parameters should make the same picture
        return [name for name, value in request.items() if name not in LABELS and value is not None]

    def _check(self, change: object = None) -> None:
        del change
        values = {"prompt": self.prompt, **self.parameters}
        found = {name: text for name, value in values.items() if (text := self._problem(name, value))}
        if not found and self.prompt.strip():
            try:
                self.request()
            except ParameterError as error:
                found[""] = _while_typing(error)
        with self.changing():
            self.problems, self.reason = found, self._reason(found)

    def _problem(self, name: str, value: object) -> str:
        """What the model's rules say of one field."""
        if name == "prompt" and not self.prompt.strip():
            return ""  # said beside the button: an empty form is not a mistake yet
        try:
            checked_request(
                value if name == "prompt" else "x", {} if name == "prompt" else {name: value}, limits=self._limits
            )
        except ParameterError as error:
            return _while_typing(error)
        return ""

    def _reason(self, found: Mapping[str, str]) -> str:
        if "" in found:
            return found[""]
        if wrong := [LABELS[name] for name in found]:
            return f"First fix: {', '.join(wrong)}."
        return "" if self.prompt.strip() else "First write a prompt, or choose an example."


def _while_typing(error: ParameterError) -> str:
    return str(error).removesuffix(NOTHING_SENT)


class Field:
    """One field of the form, for programs: ``studio.prompt.value = "a red circle"``."""

    def __init__(self, form: Form, name: str) -> None:
        self._form, self._name = form, name

    def __repr__(self) -> str:
        return f"<Field {self._name} = {self.value!r}>"

    @property
    def value(self) -> Any:
        """Text for the prompts; for the others a number, None when empty, or the text that is not a number."""
        text: str = getattr(self._form, self._name)
        return parsed(text) if self._name in NUMBERS else text

    @value.setter
    def value(self, value: object) -> None:
        setattr(self._form, self._name, "" if value is None else str(value))

    @property
    def problem(self) -> str:
        """What is wrong with the value; empty when nothing is."""
        return str(self._form.problems.get(self._name, ""))
