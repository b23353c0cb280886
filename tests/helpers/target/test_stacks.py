"""Whether an account is bootstrapped: by the CDK's own stack, or by an event's of another name."""

import types

import pytest
from botocore.exceptions import ClientError

from helpers.target import stacks
from tests.helpers.conftest import refusal


def connected(*, stack=False, version=None):
    """A connection to an account with or without the stack ``CDKToolkit`` and the version in SSM."""

    def describe_stacks(StackName):
        if not stack:
            raise refusal("ValidationError", f"Stack with id {StackName} does not exist")
        return {"Stacks": [{"Outputs": []}]}

    def get_parameter(Name):
        assert Name == "/cdk-bootstrap/hnb659fds/version"
        if isinstance(version, ClientError):
            raise version
        return {"Parameter": {"Value": version}}

    clients = {
        "cloudformation": types.SimpleNamespace(describe_stacks=describe_stacks),
        "ssm": types.SimpleNamespace(get_parameter=get_parameter),
    }
    return types.SimpleNamespace(client=clients.__getitem__)


def test_the_stack_of_the_cdks_cli_is_enough():
    assert stacks.is_bootstrapped(connected(stack=True, version=refusal("ThrottlingException")))


def test_a_stack_of_another_name_has_stored_its_version():
    assert stacks.is_bootstrapped(connected(version="33"))


@pytest.mark.parametrize("code", ["ParameterNotFound", "AccessDeniedException"])
def test_without_either_it_is_not(code):
    assert not stacks.is_bootstrapped(connected(version=refusal(code)))


def test_another_error_is_not_an_answer():
    with pytest.raises(ClientError, match="ThrottlingException"):
        stacks.is_bootstrapped(connected(version=refusal("ThrottlingException")))


def test_the_bootstrap_of_an_event_stores_that_version():
    """The template of the pinned CLI, with the qualifier that it has by default."""
    text = (stacks.ROOT / "static" / "bootstrap.yaml").read_text()
    assert "/cdk-bootstrap/${Qualifier}/version" in text
    assert "Default: hnb659fds" in text
