"""The lists of S3's operations in :mod:`localcloud.rules.s3` are those of its service model."""

from __future__ import annotations

import pytest

from localcloud.http.protocol import service_model
from localcloud.rules import s3


@pytest.mark.parametrize(("member", "listed"), [("Key", s3.OF_KEYS), ("VersionId", s3.OF_VERSIONS)])
def test_every_operation_with_a_parameter_is_listed(member: str, listed: tuple[str, ...]) -> None:
    models = map(service_model("s3").operation_model, service_model("s3").operation_names)
    found = [model.name for model in models if model.input_shape is not None and member in model.input_shape.members]
    assert sorted(found) == sorted(listed)


def test_what_is_absent_is_in_the_model() -> None:
    assert set(s3.ABSENT) <= set(service_model("s3").operation_names)
