"""Resource types that only MiniStack knows are asked about; those that are checked here are not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from localcloud.http.strict import Strict
from localcloud.ministack.cloudformation.requests import Requests
from localcloud.services import ServiceError


def requests(*handled: str) -> Requests:
    """The rules with nothing of MiniStack but the names of the types that it creates."""
    found = object.__new__(Requests)
    found._handlers = dict.fromkeys(handled)
    found.own_types = {"AWS::SageMaker::Model"}
    found.check_type = Strict({}, unverified=False).check_resource_type
    return found


def template(*types: str) -> dict[str, Any]:
    return {"Resources": {f"R{number}": {"Type": name} for number, name in enumerate(types)}}


def test_a_type_without_a_schema_is_refused_with_the_way_out() -> None:
    with pytest.raises(ServiceError) as caught:
        requests("AWS::DynamoDB::Table")._check_types(template("AWS::DynamoDB::Table"))
    assert caught.value.code == "UnsupportedOperation"
    assert "AWS::DynamoDB::Table" in caught.value.message
    assert "--unverified" in caught.value.message


@pytest.mark.parametrize(
    "name",
    [
        "AWS::SQS::Queue",
        "AWS::SageMaker::Model",
        "Custom::Thing",
        "AWS::CloudFormation::CustomResource",
        "AWS::X::Typo",
    ],
)
def test_others_pass(name: str) -> None:
    """A name that MiniStack does not know either is left to it: it answers with AWS's words."""
    handled = ("AWS::SQS::Queue", "AWS::SageMaker::Model", "AWS::CloudFormation::CustomResource")
    requests(*handled)._check_types(template(name))


def test_what_is_asked_for_is_remembered() -> None:
    strict = Strict({}, unverified=True)
    strict.check_resource_type("AWS::DynamoDB::Table")
    strict.check_resource_type("AWS::DynamoDB::Table")
    assert json.dumps(strict.passed_on) == '["AWS::DynamoDB::Table"]'
