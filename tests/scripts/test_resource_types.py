"""The resource schemas that the local cloud carries are those of the cfn-lint that is locked."""

from __future__ import annotations

import json

from scripts import resource_types


def test_the_file_is_what_the_script_writes() -> None:
    assert resource_types.TARGET.read_text() == resource_types.content(), "run: python scripts/resource_types.py"


def test_it_has_the_types_and_nothing_that_only_describes() -> None:
    types = json.loads(resource_types.TARGET.read_text())
    assert sorted(types) == sorted(resource_types.TYPES)
    assert "description" not in types["AWS::SQS::Queue"]
    assert types["AWS::SQS::Queue"]["properties"]["DelaySeconds"] == {"maximum": 900, "minimum": 0, "type": "integer"}
