"""The template of an event as tests read it."""

import infra  # noqa: F401 - first: it tells jsii where Node is

# isort: split
from functools import cache

import pytest
import yaml

from contract.settings import load
from infra.workshop import template
from tests.infra.conftest import Template


@pytest.fixture(scope="session")
def text():
    """Number of participants → the template as text, with the settings that the repository ships."""
    return cache(lambda count: template.text(load(environ={}), count))


@pytest.fixture(scope="session")
def studio(text):
    """The template for one participant, with values."""
    return of(text(1))


@pytest.fixture(scope="session")
def several(text):
    """The template for three participants of one account, with values."""
    return of(text(3))


def of(source):
    return Template(yaml.safe_load(source), Repository="https://git.example.com/workshop.git", **STACK)


STACK = {
    "AWS::StackId": "arn:aws:cloudformation:us-east-1:111122223333:stack/studio/0123abcd-0123-4567-89ab-0123456789ab"
}
