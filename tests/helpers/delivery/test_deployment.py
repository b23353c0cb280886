import os
import types

import pytest

from contract import settings
from contract.errors import DeploymentError
from helpers.delivery import deployment

CONNECTION = types.SimpleNamespace(settings=settings.Settings(), child_environment=lambda: dict(os.environ))


@pytest.fixture
def cli(monkeypatch, tmp_path):
    """Puts a program of the test's in the place of the CDK's command line."""

    def put(script: str) -> None:
        program = tmp_path / "cdk.js"
        program.write_text(script)
        monkeypatch.setattr(deployment, "CDK", program)

    return put


def test_a_cdk_that_hangs_is_ended_and_says_how_far_it_came(cli, monkeypatch):
    monkeypatch.setattr(deployment, "CDK_SECONDS", 1)
    cli("console.log('waiting for CloudFormation'); setInterval(() => {}, 1000)")
    with pytest.raises(DeploymentError, match=r"cdk deploy app did not end within 1 s:\nwaiting for CloudFormation"):
        deployment._cdk(CONNECTION, print, "deploy", "app")


def test_a_cdk_that_fails_gives_its_status_and_its_words(cli):
    cli("console.error('no such stack'); process.exit(3)")
    with pytest.raises(DeploymentError, match=r"cdk deploy app ended with exit status 3:\nno such stack"):
        deployment._cdk(CONNECTION, print, "deploy", "app")


def test_progress_names_each_resource_that_is_done(cli):
    said = []
    cli("console.log('app | 1/2 | 10:00 | CREATE_COMPLETE | AWS::SNS::Topic | Success')")
    deployment._cdk(CONNECTION, said.append, "deploy", "app")
    assert said == ["  create complete: AWS::SNS::Topic Success"]
