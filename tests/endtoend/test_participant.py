"""A participant with ``static/iam_policy.json`` and nothing else can do all that the workshop asks for.

And one who lacks a permission is told which.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contract.errors import DeploymentError, NotebookError
from contract.settings import ROOT
from helpers.delivery import deployment
from scripts import participant_policy
from tests.endtoend import participant
from tests.endtoend.participant import NAME, Participant
from tests.endtoend.permissions import ACCOUNT, REGION, Evaluation, Request, policies

pytestmark = [pytest.mark.rare, pytest.mark.cloud, pytest.mark.timeout(1800)]

STATEMENTS = participant_policy.load_statements()
POLICY = participant_policy.policy(
    participant_policy.load_calls(), STATEMENTS, {"name": NAME, "account": ACCOUNT, "region": REGION}
)
ENDS: list[tuple[str, str, str]] = [
    ("sts:AssumeRole", "01_deploy", "sts:AssumeRole"),
    ("ssm:GetParameters", "04_from_json_to_png", "ssm:GetParameters"),
    ("s3:PutObject", "04_from_json_to_png", "s3:PutObject"),
    ("sagemaker:InvokeEndpointAsync", "04_from_json_to_png", "sagemaker:InvokeEndpointAsync"),
]
"""A permission, the notebook that ends without it, and what its error names."""


def less(action: str) -> dict[str, Any]:
    """The policy without an action."""
    document: dict[str, Any] = copy.deepcopy(POLICY)
    for statement in document["Statement"]:
        statement["Action"] = [each for each in statement["Action"] if each != action]
    document["Statement"] = [statement for statement in document["Statement"] if statement["Action"]]
    return document


@pytest.fixture(scope="module")
def anna(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Participant]:
    """A participant, in an account that is prepared and has nothing of the workshop yet."""
    with participant.workshop(tmp_path_factory.mktemp("participant") / "workshop", POLICY) as made:
        yield made


def test_the_notebooks_run_to_the_last_but_one(anna: Participant) -> None:
    for name in participant.BEFORE:
        anna.run(name)
    with anna.step("helpers") as connection:
        participant.by_hand(connection)
    assert [f"{row['action']} on {row['resource']}" for row in anna.denied] == []


@pytest.mark.parametrize(("action", "notebook", "named"), ENDS)
def test_without_a_permission_a_notebook_ends_and_says_which(
    anna: Participant, action: str, notebook: str, named: str
) -> None:
    try:
        anna.allow(less(action))
        with pytest.raises(NotebookError) as caught:
            anna.run(notebook)
    finally:
        anna.allow(POLICY)
    said = str(caught.value)
    assert named in said
    assert "lacks this permission" in said
    assert action in {row["action"] for row in anna.denied}
    anna.denied.clear()


def test_the_roles_that_a_participant_gets_reach_everything(anna: Participant) -> None:
    """What SECURITY.md and decision 0024 say of the bootstrap: the policy does not end where these roles begin."""
    iam = anna.admin.client("iam")
    deployer, executor = (f"cdk-hnb659fds-{name}-role-{ACCOUNT}-{REGION}" for name in ("deploy", "cfn-exec"))
    others = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/bert-app/x"
    deploying, executing = Evaluation(policies(iam, deployer)), Evaluation(policies(iam, executor))
    for action in ("cloudformation:CreateChangeSet", "cloudformation:ExecuteChangeSet", "cloudformation:DeleteStack"):
        assert deploying.allows(Request(deployer, "x", action, others, (), ""))
    passed = (("iam:PassedToService", "cloudformation.amazonaws.com"),)
    role = f"arn:aws:iam::{ACCOUNT}:role/{executor}"
    assert deploying.allows(Request(deployer, "x", "iam:PassRole", role, passed, ""))
    assert executing.allows(Request(executor, "x", "iam:CreateUser", "*", (), ""))
    assert "AdministratorAccess" in policies(iam, executor)


def test_the_last_notebook_and_a_deployment_without_the_pipeline(anna: Participant) -> None:
    anna.run(participant.LAST)
    with anna.step("deploy()") as connection:
        participant.without_the_pipeline(connection)
    assert [f"{row['action']} on {row['resource']}" for row in anna.denied] == []


def test_the_recording_in_the_repository_is_of_this_code(anna: Participant) -> None:
    """Else run make participant-policy ARGS=--record."""
    recorded = participant_policy.sorted_in(participant_policy.load_calls(), STATEMENTS)
    now = participant_policy.sorted_in(anna.calls, STATEMENTS)
    for sid, calls in recorded.items():
        missing = {call.action for call in calls} - {call.action for call in now[sid]}
        assert missing <= SOMETIMES, f"{sid}: nothing asks for {sorted(missing)} any more"


SOMETIMES: set[str] = set()
"""What only a slow run asks for."""


def test_an_account_that_is_not_bootstrapped_is_said_so(tmp_path: Path) -> None:
    with participant.workshop(tmp_path / "workshop", POLICY, bootstrapped=False) as bert:
        connection = bert.connection
        with pytest.raises(DeploymentError) as caught:
            deployment.deploy(connection, lambda line: None)
    said = str(caught.value)
    assert re.match(rf"the CDK is not bootstrapped in aws://{ACCOUNT}/{REGION}, and arn:\S+/participant/", said)
    assert f"bootstrap aws://{ACCOUNT}/{REGION}` once" in said
    assert str(ROOT) not in said
