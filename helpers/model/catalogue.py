"""JumpStart's text-to-image models, each with what speaks against choosing it."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Iterator
from typing import Literal

from contract.errors import ModelError
from contract.names import SMALLWORLD_MODELS
from helpers.model import jumpstart, sdk
from helpers.target.handle import Handle

RGB_ANSWERS = "application/json;jpeg"
"""A media type that JumpStart's Stable Diffusion models offer beside nested RGB: models that name it answer in the form
that this workshop reads. A specification says no more of a model's answers: see ``predictor_specs`` in that of
``huggingface-txt2img-conflictx-complex-lineart``, among the constants of the SageMaker SDK's unit tests."""
SHOWN = 20
"""So many lines a terminal gets."""
_CELL = "text-align:left;vertical-align:top;padding:.2em .6em"
SIGNS = {"usable": "✓", "unsure": "?", "withdrawn": "✗"}


@dataclasses.dataclass(frozen=True)
class Listed:
    """The newest version of one model in JumpStart.

    Attributes
    ----------
    model_id, version : str
        For ``[model]`` in workshop.toml.
    deprecated, vulnerable : str
        Why the SDK refuses to deploy it; empty when it does not.
    notice : str
        What JumpStart warns of.
    accept_types : tuple of str
        Media types of answers that its specification names.
    """

    model_id: str
    version: str
    deprecated: str
    vulnerable: str
    notice: str
    accept_types: tuple[str, ...]

    @property
    def state(self) -> Literal["usable", "unsure", "withdrawn"]:
        """``withdrawn``: refused by the SDK; ``unsure``: nothing says that this workshop can read its answers."""
        if self.deprecated or self.vulnerable:
            return "withdrawn"
        return "usable" if answers_are_known(self.model_id, self.accept_types) else "unsure"

    @property
    def remark(self) -> str:
        """What speaks against it, in words; empty when nothing does."""
        said = []
        if self.deprecated:
            said.append(f"deprecated: {self.deprecated}")
        if self.vulnerable:
            said.append(f"vulnerable: {self.vulnerable}")
        if self.notice:
            said.append(self.notice)
        if self.state == "unsure":
            said.append("its specification does not say that it answers in the form that this workshop reads")
        return "; ".join(said)


class Catalogue(list[Listed]):
    """All of them, sorted by id; shown as a table."""

    @property
    def ids(self) -> list[str]:
        """Their ids."""
        return [item.model_id for item in self]

    def _summary(self) -> str:
        counts = {state: sum(item.state == state for item in self) for state in SIGNS}
        return (
            f"{len(self)} text-to-image models: ✓ {counts['usable']} answer as this workshop reads them, "
            f"? {counts['unsure']} unsure, ✗ {counts['withdrawn']} withdrawn"
        )

    def _sorted(self) -> Iterator[Listed]:
        order = list(SIGNS)
        return iter(sorted(self, key=lambda item: (order.index(item.state), item.model_id)))

    def __str__(self) -> str:
        lines = [
            f"  {SIGNS[item.state]} {item.model_id} {item.version}{': ' * bool(item.remark)}{item.remark}"
            for item in self._sorted()
        ]
        more = [f"  … and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
        return "\n".join([self._summary(), *lines[:SHOWN], *more])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><td style="{_CELL}">{SIGNS[item.state]}</td><th scope="row" style="{_CELL}">'
            f'{html.escape(item.model_id)}</th><td style="{_CELL}">{html.escape(item.version)}</td>'
            f'<td style="{_CELL}">{html.escape(item.remark)}</td></tr>'
            for item in self._sorted()
        )
        head = "".join(f'<th scope="col" style="{_CELL}">{name}</th>' for name in ("", "Model id", "Version", "Remark"))
        return (
            f'<p style="margin:.3em 0"><strong>{html.escape(self._summary())}</strong></p>'
            f'<div style="max-height:24em;overflow:auto"><table style="border-collapse:collapse"><thead><tr>{head}'
            f"</tr></thead><tbody>{rows}</tbody></table></div>"
        )


def answers_are_known(model_id: str, accept_types: tuple[str, ...]) -> bool:
    """Whether a model is known to answer in a form that this workshop reads."""
    return model_id in SMALLWORLD_MODELS or RGB_ANSWERS in accept_types


def catalogue(connection: Handle) -> Catalogue:
    """The newest version of each text-to-image model that JumpStart has in the region (about 5 s).

    Parameters
    ----------
    connection : Handle
        Whose JumpStart bucket is asked.

    Raises
    ------
    ModelError
        JumpStart does not say.
    """
    try:
        found = jumpstart.ask(connection, "catalogue", connection.settings.workshop.region)
    except sdk.RefusedError as refusal:
        kind, message = refusal.args
        raise ModelError(f"JumpStart's models could not be listed: {kind}: {message}") from None
    return Catalogue(Listed(**{**item, "accept_types": tuple(item["accept_types"])}) for item in found)
