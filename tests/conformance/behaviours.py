"""What a conformance test says of itself, so that docs/fidelity.md can be made of the tests."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

VERDICTS = ("same", "differs", "refused", "ours")
"""As on AWS; otherwise than on AWS (the text says how); refused here with a reason; ours where documents are silent."""


@dataclasses.dataclass(frozen=True)
class Behaviour:
    """One behaviour of AWS.

    Attributes
    ----------
    service : str
        botocore's name.
    operations : tuple of str
        What the test must call of the service.
    text : str
        The behaviour in one sentence, on AWS for ``same`` and ``differs``. ``{name}`` is filled with the argument
        ``name`` of a parametrized test, so that each of its cases is a behaviour of its own.
    source : str
        A path below https://docs.aws.amazon.com/ (sns/latest/api/API_Publish.html, say), or a public answer recorded on
        AWS: ``localstack:tests/aws/services/sns/test_sns.py::TestSNSPublishCrud::test_publish_empty_message``.
    verdict : str
        One of :data:`VERDICTS`.
    """

    service: str
    operations: tuple[str, ...]
    text: str
    source: str
    verdict: str = "same"


def behaviour(
    service: str, operations: str | tuple[str, ...], text: str, source: str, verdict: str = "same"
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Mark a test as the proof of one behaviour; see :class:`Behaviour`. Several marks are several behaviours."""
    if verdict not in VERDICTS:
        raise ValueError(f"{verdict!r} must be one of {', '.join(VERDICTS)}")
    if "/" not in source and ":" not in source:
        raise ValueError(f"{source!r} must be a path below docs.aws.amazon.com, or name a recorded answer")
    called = (operations,) if isinstance(operations, str) else operations
    return pytest.mark.behaviour(Behaviour(service, called, text, source, verdict))


def behaviours(item: pytest.Item) -> list[Behaviour]:
    """The behaviours that ``item`` proves, with its parameters filled in."""
    arguments: dict[str, Any] = item.callspec.params if hasattr(item, "callspec") else {}
    return [
        dataclasses.replace(mark.args[0], text=mark.args[0].text.format(**arguments))
        for mark in item.iter_markers("behaviour")
    ]
