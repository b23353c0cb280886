"""``static/iam_policy.json``: each permission is needed by a call that was recorded, and none leads past the workshop.

Policies are evaluated by what decides in the local cloud. ``test_participant.py`` runs the notebooks with this policy.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from contract.settings import ROOT
from scripts import participant_policy
from scripts.participant_policy import Call, Extra, PolicyError, Statement
from tests.endtoend.permissions import ACCOUNT, REGION, Evaluation, Permission, Request, without

VALUES = {"name": "anna", "account": ACCOUNT, "region": REGION}
CALLS, STATEMENTS = participant_policy.load_calls(), participant_policy.load_statements()
POLICY = participant_policy.policy(CALLS, STATEMENTS, participant_policy.default_values())
ANNAS = participant_policy.policy(CALLS, STATEMENTS, VALUES)
"""The same for a workshop called anna, in the local cloud's account."""


def asked(action: str, resource: str, **context: str) -> Request:
    """A request of a participant's."""
    return Request("participant", "studio", action, resource, tuple(context.items()), "")


def concrete(call: Call) -> Request:
    """A recorded call, as anna makes it."""
    return asked(call.action, re.sub(r"{\w+}", "x", participant_policy.filled(call.resource, VALUES)))


def allowed(action: str, resource: str, document: dict[str, Any] = ANNAS) -> bool:
    """Whether a policy allows an action on a resource."""
    return Evaluation({"participant": document}).allows(asked(action, resource))


def test_the_files_in_the_repository_are_what_the_calls_and_purposes_make(capsys: pytest.CaptureFixture[str]) -> None:
    assert participant_policy.main(["--check"]) == 0, capsys.readouterr().err


def test_every_recorded_call_is_allowed() -> None:
    evaluation = Evaluation({"participant": ANNAS})
    requests = [concrete(call) for call in CALLS]
    assert [str(request) for request in requests if not evaluation.allows(request)] == []
    assert len(requests) > 100


def test_without_any_of_its_permissions_a_recorded_call_is_denied() -> None:
    """Each action of each statement taken away; what only AWS is asked for is named in the file of purposes."""
    requests = [concrete(call) for call in CALLS]
    extras = {(s.sid, action) for s in STATEMENTS for extra in s.extras for action in extra.actions}
    idle = []
    for position, statement in enumerate(ANNAS["Statement"]):
        for action in statement["Action"]:
            less = without({"p": ANNAS}, Permission("participant", "p", position, action))
            evaluation = Evaluation(less)
            mine = [request for request in requests if request.action == action]
            if all(evaluation.allows(request) for request in mine) and (statement["Sid"], action) not in extras:
                idle.append(f"{statement['Sid']}: {action}")
    assert idle == []


def test_without_any_of_its_resources_a_recorded_call_is_denied() -> None:
    requests = [concrete(call) for call in CALLS]
    elsewhere = {participant_policy.filled(r, VALUES) for s in STATEMENTS for e in s.extras for r in e.resources}
    idle = []
    for position, statement in enumerate(ANNAS["Statement"]):
        for resource in statement["Resource"]:
            if resource in elsewhere:
                continue
            left = [each for each in statement["Resource"] if each != resource]
            statements = [*ANNAS["Statement"]]
            statements[position : position + 1] = [{**statement, "Resource": left}] if left else []
            evaluation = Evaluation({"p": {**ANNAS, "Statement": statements}})
            if all(evaluation.allows(r) for r in requests if r.action in statement["Action"]):
                idle.append(f"{statement['Sid']}: {resource}")
    assert [each for each in idle if each.partition(":")[0] not in ONLY_AWS] == []


ONLY_AWS = {s.sid for s in STATEMENTS if s.extras and not any(s.fits(call) for call in CALLS)}
"""Statements of which nothing can be recorded here."""


def test_what_only_aws_is_asked_for_has_a_page_of_awss() -> None:
    extras = [extra for statement in STATEMENTS for extra in statement.extras]
    assert all(extra.source.startswith("https://docs.aws.amazon.com/") and extra.why for extra in extras)


def test_iam_takes_it() -> None:
    """Sids are letters and digits, and unique; the size is that of one managed policy; every action has a service."""
    sids = [statement["Sid"] for statement in POLICY["Statement"]]
    assert all(re.fullmatch(r"[A-Za-z0-9]+", sid) for sid in sids)
    assert len(set(sids)) == len(sids)
    assert participant_policy.size(POLICY) <= 6144
    actions = [action for statement in POLICY["Statement"] for action in statement["Action"]]
    assert [action for action in actions if not re.fullmatch(r"[a-z0-9-]+:[A-Z]\w+", action)] == []  # none with a "*"
    wide = [statement["Sid"] for statement in POLICY["Statement"] if "*" in statement["Resource"]]
    assert wide == WIDE


WIDE = ["LookAround"]
"""Statements on every resource: they only read."""


def test_what_is_on_every_resource_only_reads() -> None:
    actions = [a for s in POLICY["Statement"] if s["Sid"] in WIDE for a in s["Action"]]
    assert [a for a in actions if not re.match(r"[a-z0-9-]+:(Describe|Get|List)", a)] == []


HERS, OTHERS = "anna-app-", "bert-app-"
ESCALATIONS = [
    # Her own policy, and anybody's.
    ("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/participant"),
    ("iam:AttachRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/participant"),
    ("iam:DeleteRolePermissionsBoundary", f"arn:aws:iam::{ACCOUNT}:role/participant"),
    ("iam:UpdateAssumeRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/{HERS}SaveStatusRole"),
    ("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/{HERS}SaveStatusRole"),
    ("iam:CreatePolicyVersion", f"arn:aws:iam::{ACCOUNT}:policy/participant"),
    ("iam:CreateRole", f"arn:aws:iam::{ACCOUNT}:role/{HERS}x"),
    ("iam:CreateUser", f"arn:aws:iam::{ACCOUNT}:user/x"),
    ("iam:CreateAccessKey", f"arn:aws:iam::{ACCOUNT}:user/x"),
    # Roles of others: neither passed nor assumed.
    ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/Admin"),
    ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/{HERS}SaveStatusRole"),
    ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/cdk-hnb659fds-cfn-exec-role-{ACCOUNT}-{REGION}"),
    ("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/Admin"),
    ("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/cdk-hnb659fds-cfn-exec-role-{ACCOUNT}-{REGION}"),
    ("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/cdk-hnb659fds-image-publishing-role-{ACCOUNT}-{REGION}"),
    ("sts:AssumeRole", f"arn:aws:iam::111122223333:role/cdk-hnb659fds-deploy-role-111122223333-{REGION}"),
    # What another participant of the same account has.
    ("s3:GetObject", f"arn:aws:s3:::{OTHERS}requestsbucket/images/x/0.png"),
    ("s3:DeleteObject", f"arn:aws:s3:::{OTHERS}requestsbucket/images/x/0.png"),
    ("s3:PutObject", f"arn:aws:s3:::cdk-hnb659fds-assets-{ACCOUNT}-{REGION}/x.zip"),
    ("lambda:UpdateFunctionConfiguration", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{OTHERS}SaveStatus"),
    ("sqs:PurgeQueue", f"arn:aws:sqs:{REGION}:{ACCOUNT}:{OTHERS}DeadLetters"),
    ("ssm:GetParameter", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/bert/bucket-name"),
    ("codecommit:GitPush", f"arn:aws:codecommit:{REGION}:{ACCOUNT}:bert"),
    ("cloudformation:CreateChangeSet", f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/bert-app/x"),
    ("cloudformation:DeleteStack", f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/CDKToolkit/x"),
    ("logs:DeleteLogGroup", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/{OTHERS}SaveStatus"),
    # What costs money without a stack.
    ("sagemaker:CreateEndpoint", f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/{HERS}x"),
    ("sagemaker:CreateTrainingJob", f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:training-job/x"),
    ("lambda:CreateFunction", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{HERS}x"),
    ("lambda:UpdateFunctionCode", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{HERS}SaveStatus"),
    ("cloudformation:CreateStack", f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{HERS}x/y"),
    ("ec2:RunInstances", "*"),
]


@pytest.mark.parametrize(("action", "resource"), ESCALATIONS)
def test_a_participant_may_not(action: str, resource: str) -> None:
    assert not allowed(action, resource)


REMAINS = [
    ("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/cdk-hnb659fds-deploy-role-{ACCOUNT}-{REGION}"),
    ("codecommit:GitPush", f"arn:aws:codecommit:{REGION}:{ACCOUNT}:anna"),
    ("cloudformation:CreateChangeSet", f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/anna-app/x"),
]
"""Three ways to everything that the bootstrap's execution role may do: decision 0024 and SECURITY.md say so."""


@pytest.mark.parametrize(("action", "resource"), REMAINS)
def test_three_ways_lead_to_what_the_bootstrap_may_do(action: str, resource: str) -> None:
    assert allowed(action, resource)
    for page in ("SECURITY.md", "docs/decisions/0024-the-participants-policy.md"):
        said = (ROOT / page).read_text()
        assert "--cloudformation-execution-policies" in said
        assert action in said, f"{page} must name {action}"


def test_every_service_that_the_helpers_call_is_in_the_policy() -> None:
    """A new one in the code, and the recording is out of date: make participant-policy ARGS=--record."""
    prefixes = {
        "codeconnections": "codeconnections", "resourcegroupstaggingapi": "tag", "sagemaker-runtime": "sagemaker",
        "service-quotas": "servicequotas",
    }  # fmt: skip
    called: dict[str, str] = {}
    for path in sorted((ROOT / "helpers").rglob("*.py")):
        if path.is_relative_to(ROOT / "helpers" / "parity"):
            continue  # `make verify-aws` is for whoever owns an account
        for service in re.findall(r"""(?:client|_pages)\((?:connection, )?["']([a-z0-9-]+)["']""", path.read_text()):
            called.setdefault(prefixes.get(service, service), str(path.relative_to(ROOT)))
    known = {action.partition(":")[0] for statement in POLICY["Statement"] for action in statement["Action"]}
    missing = {service: path for service, path in called.items() if service not in known | NOT_NEEDED.keys()}
    assert missing == {}


NOT_NEEDED = {
    "kms": "keys of a workshop with [security] kms, an option that events leave off",
    "codeconnections": "the preflight of a pipeline whose code is at a Git provider; events use CodeCommit",
}
"""Services that a participant of an event does without."""


def statement(sid: str, takes: str, resource: str, *extras: Extra) -> Statement:
    return Statement(sid, "why", (takes,), (resource,), {}, extras)


def test_a_call_that_is_for_nothing_is_named() -> None:
    with pytest.raises(PolicyError, match=r"no statement takes s3:GetObject on arn:x, which 01 calls"):
        participant_policy.policy([Call("s3:GetObject", "arn:x", "01")], [statement("A", "s3:*", "arn:y")], VALUES)


def test_a_statement_that_is_for_nothing_is_named() -> None:
    with pytest.raises(PolicyError, match="nothing calls what statement A allows"):
        participant_policy.policy([], [statement("A", "s3:*", "*")], VALUES)


def test_what_is_proven_meanwhile_must_not_be_called_unproven() -> None:
    known = statement("A", "s3:*", "*", Extra(("s3:GetObject",), "why", "https://docs.aws.amazon.com/"))
    with pytest.raises(PolicyError, match="s3:GetObject is recorded now"):
        participant_policy.policy([Call("s3:GetObject", "arn:y", "01")], [known], VALUES)


def test_a_policy_that_iam_would_refuse_is_not_written() -> None:
    calls = [Call(f"s3:Get{'x' * 30}{number}", "arn:y", "01") for number in range(200)]
    with pytest.raises(PolicyError, match=r"characters, and a managed policy may have 6144"):
        participant_policy.policy(calls, [statement("A", "s3:*", "*")], VALUES)


def test_another_name_and_account_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert participant_policy.main(["--name", "bert", "--account", "111122223333", "--region", "eu-west-1"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert allowed("s3:GetObject", "arn:aws:s3:::bert-app-requestsbucket/images/x/0.png", printed)
    assert not allowed("s3:GetObject", "arn:aws:s3:::anna-app-requestsbucket/images/x/0.png", printed)


def test_the_policy_is_for_the_name_in_workshop_toml() -> None:
    name = participant_policy.default_values()["name"]
    stored = json.loads(Path(participant_policy.POLICY).read_text())
    assert f"arn:aws:s3:::{name}-*" in json.dumps(stored)
