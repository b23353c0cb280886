"""The pipeline as CloudFormation sees it: its stages, what each step may do, who is told about a failure."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from contract import names
from contract.overrides import identity_as_environment
from contract.settings import ROOT
from helpers.model.repackage.packaged import PackagedModel
from tests.infra.conftest import VARIANTS

ARTIFACTS, READ, WRITE = "<Artifacts", "s3:GetObject", "s3:PutObject"


@pytest.fixture(scope="module")
def pipeline(load):
    return load(stack="pipeline")


def properties(template) -> dict[str, Any]:
    return template.one("AWS::CodePipeline::Pipeline")


def actions(template) -> dict[str, dict[str, Any]]:
    return {action["Name"]: action for stage in properties(template)["Stages"] for action in stage["Actions"]}


def project_role(template, buildspec: str) -> str:
    (project,) = (
        item
        for item in template.properties("AWS::CodeBuild::Project")
        if item["Source"]["BuildSpec"] == f"infra/buildspecs/{buildspec}.yml"
    )
    return project["ServiceRole"].replace(".Arn>", ">")


def allowed(template, buildspec: str) -> set[str]:
    statements = template.statements(project_role(template, buildspec))
    return {action for statement in statements for action in statement["Action"]}


def test_the_stages_follow_each_other(pipeline):
    names = [stage["Name"] for stage in properties(pipeline)["Stages"]]
    assert names == ["Source", "Build", "UpdatePipeline", "Deploy", "Test"]
    assert properties(pipeline)["RestartExecutionOnUpdate"] is True


def test_the_smoke_test_is_optional(load):
    template = load("everything", "pipeline")
    assert [stage["Name"] for stage in properties(template)["Stages"]][-1] == "Deploy"
    assert not [
        item
        for item in template.properties("AWS::CodeBuild::Project")
        if item["Source"]["BuildSpec"].endswith("smoke-test.yml")
    ]


def test_a_push_starts_it_without_polling(pipeline):
    source = actions(pipeline)["Source"]
    assert source["Configuration"] == {
        "RepositoryName": "genai-async", "BranchName": "main", "PollForSourceChanges": False,
    }  # fmt: skip
    (rule,) = (
        rule for rule in pipeline.properties("AWS::Events::Rule") if "aws.codecommit" in rule["EventPattern"]["source"]
    )
    assert rule["EventPattern"]["detail"]["referenceName"] == ["main"]
    name = pipeline.name_of("AWS::CodePipeline::Pipeline")
    assert rule["Targets"][0]["Arn"].endswith(f":<{name}>")


def test_a_git_provider_takes_codecommits_place(load, synthesise):
    source = actions(load("everything", "pipeline"))["Source"]
    assert source["ActionTypeId"]["Provider"] == "CodeStarSourceConnection"
    assert source["Configuration"]["FullRepositoryId"] == "owner/workshop"
    assert source["Configuration"]["BranchName"] == "release"
    assert not list(synthesise("everything").glob("*-repository.template.json"))


def test_the_models_parameters_come_from_the_build(pipeline, app):
    prepare = actions(pipeline)["Prepare"]
    assert prepare["Configuration"]["TemplateConfiguration"] == f"Model::{names.STACK_PARAMETERS_FILE}"
    # CodePipeline takes a kilobyte of them at most, and a model's environment may have more.
    assert "ParameterOverrides" not in prepare["Configuration"]
    assert {artifact["Name"] for artifact in prepare["InputArtifacts"]} == {"Model", "Templates"}
    written = json.loads(PackagedModel("bucket", "key", "S3Object", "image", "id").stack_parameters())
    assert written["Parameters"].keys() == app.body["Parameters"].keys() - {"BootstrapVersion"}


@pytest.mark.parametrize(
    ("variant", "service"), [("everything", "codeconnections"), ("longest", "codestar-connections")]
)
def test_a_connection_is_used_with_the_permission_of_its_own_service(load, variant, service):
    """Developer Tools console, "Connections rename": the action's prefix must match that of the resource."""
    template = load(variant, "pipeline")
    role = actions(template)["Source"]["RoleArn"].replace(".Arn>", ">")
    granted = [
        (action, resource)
        for statement in template.statements(role)
        for action in statement["Action"]
        for resource in statement["Resource"]
        if action.endswith(":UseConnection")
    ]
    arn = VARIANTS[variant].pipeline.connection_arn
    assert granted == [(f"{service}:UseConnection", arn)]
    assert arn.startswith(f"arn:aws:{service}:")
    everywhere = json.dumps(template.body)
    assert everywhere.count(":UseConnection") == 1
    stored = {action for statement in template.statements(role) for action in statement["Action"]}
    assert {"s3:PutObject", "s3:PutObjectAcl"} <= stored


def test_every_build_is_told_which_workshop_it_is_of(load, variant):
    """What was set in the shell of whoever deployed the pipeline; its builds see the pushed file alone."""
    chosen = VARIANTS[variant].workshop
    projects = load(variant, "pipeline").properties("AWS::CodeBuild::Project")
    for project in projects:
        told = {item["Name"]: item["Value"] for item in project["Environment"]["EnvironmentVariables"]}
        assert told["WORKSHOP_WORKSHOP_NAME"] == chosen.name
        assert told["WORKSHOP_WORKSHOP_TARGET"] == chosen.target
        assert told["WORKSHOP_WORKSHOP_REGION"] == chosen.region
        assert {name for name in told if name.startswith("WORKSHOP_")} == set(
            identity_as_environment(VARIANTS[variant])
        )
    assert len(projects) >= 2


def test_the_change_set_that_is_prepared_is_the_one_that_is_executed(pipeline):
    prepare, deploy = (actions(pipeline)[name] for name in ("Prepare", "Deploy"))
    for key in ("StackName", "ChangeSetName"):
        assert prepare["Configuration"][key] == deploy["Configuration"][key]
    assert prepare["RunOrder"] < deploy["RunOrder"]


def test_it_updates_itself_after_the_stack_that_it_imports_from(pipeline):
    found = actions(pipeline)
    assert found["Models"]["RunOrder"] < found["Pipeline"]["RunOrder"]
    for name, stack in (("Models", "genai-async-models"), ("Pipeline", "genai-async-pipeline")):
        assert found[name]["Configuration"]["StackName"] == stack
        assert found[name]["Configuration"]["TemplatePath"] == f"Templates::{stack}.template.json"


def test_no_role_of_ours_may_do_everything(pipeline):
    for document in pipeline.properties("AWS::IAM::Policy"):
        for statement in document["PolicyDocument"]["Statement"]:
            granted = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            assert "*" not in granted
            assert statement["Resource"] != "*"
    managed = [role.get("ManagedPolicyArns", []) for role in pipeline.properties("AWS::IAM::Role")]
    named = [json.dumps(arns) for arns in managed if arns]
    assert all("AWSLambdaBasicExecutionRole" in arns for arns in named)  # of the CDK's own auto-delete function


def test_packaging_reads_jumpstart_and_writes_the_model_bucket(pipeline):
    statements = pipeline.statements(project_role(pipeline, "package-model"))
    writing = {
        resource
        for statement in statements
        if WRITE in statement["Action"]
        for resource in statement["Resource"]
        if not resource.startswith(ARTIFACTS)
    }
    assert len(writing) == 1
    assert "genai-async-models:" in writing.pop()
    reading = {
        resource
        for statement in statements
        if READ in statement["Action"] and WRITE not in statement["Action"]
        for resource in statement["Resource"]
        if not resource.startswith(ARTIFACTS)
    }
    assert reading == {"arn:aws:s3:::jumpstart-cache-prod-us-east-1/*"}


def test_synthesis_publishes_through_the_bootstraps_roles_alone(pipeline):
    statements = pipeline.statements(project_role(pipeline, "synthesise"))
    (assume,) = (statement for statement in statements if statement["Action"] == ["sts:AssumeRole"])
    assert all("role/cdk-hnb659fds-" in resource for resource in assume["Resource"])
    assert not [action for action in allowed(pipeline, "synthesise") if action.startswith(("iam:", "cloudformation:"))]


@pytest.mark.parametrize(
    ("buildspec", "writes"), [("package-model", True), ("synthesise", True), ("smoke-test", False)]
)
def test_a_build_fetches_its_input_and_puts_its_output(pipeline, buildspec, writes):
    granted = {
        action
        for statement in pipeline.statements(project_role(pipeline, buildspec))
        if statement["Resource"][0].startswith(ARTIFACTS)
        for action in statement["Action"]
    }
    reading = {"s3:GetObject", "s3:GetObjectVersion", "s3:GetBucketAcl", "s3:GetBucketLocation"}
    assert granted == (reading | {"s3:PutObject"} if writes else reading)


@pytest.mark.parametrize("buildspec", ["package-model", "synthesise", "smoke-test"])
def test_a_build_writes_to_its_own_log_alone(pipeline, buildspec):
    (project,) = (p for p in pipeline.properties("AWS::CodeBuild::Project") if buildspec in p["Source"]["BuildSpec"])
    (statement,) = (
        statement
        for statement in pipeline.statements(project_role(pipeline, buildspec))
        if any(action.startswith("logs:") for action in statement["Action"])
    )
    assert statement["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert statement["Resource"] == [project["LogsConfig"]["CloudWatchLogs"]["GroupName"].replace(">", ".Arn>")]


def test_the_smoke_test_may_do_what_a_client_may(pipeline):
    statements = pipeline.statements(project_role(pipeline, "smoke-test"))
    (invoke,) = (statement for statement in statements if "sagemaker:InvokeEndpointAsync" in statement["Action"])
    assert invoke["Resource"] == ["arn:aws:sagemaker:us-east-1:111122223333:endpoint/genai-async-app-ml-*"]
    assert invoke["Condition"] == {"StringEquals": {"aws:ResourceTag/workshop": "genai-async"}}
    writing = [
        resource
        for statement in statements
        if WRITE in statement["Action"]
        for resource in statement["Resource"]
        if not resource.startswith(ARTIFACTS)
    ]
    assert writing == ["arn:aws:s3:::genai-async-app-*/requests/*"]


def test_the_endpoint_carries_the_tag_that_the_smoke_test_looks_for(app):
    assert {"Key": "workshop", "Value": "genai-async"} in app.one("AWS::SageMaker::Endpoint")["Tags"]


def test_builds_are_unprivileged_and_their_logs_expire(pipeline):
    for project in pipeline.properties("AWS::CodeBuild::Project"):
        assert project["Environment"]["PrivilegedMode"] is False
        assert project["Environment"]["Image"].startswith("aws/codebuild/")
        assert project["LogsConfig"]["CloudWatchLogs"]["Status"] == "ENABLED"
        assert project["Cache"]["Type"] == "LOCAL"
    retentions = [group["RetentionInDays"] for group in pipeline.properties("AWS::Logs::LogGroup")]
    assert retentions == [30] * len(pipeline.properties("AWS::CodeBuild::Project"))


def test_a_failure_is_told(pipeline, load):
    (rule,) = (
        rule
        for rule in pipeline.properties("AWS::Events::Rule")
        if "aws.codepipeline" in rule["EventPattern"]["source"]
    )
    assert rule["EventPattern"]["detail"]["state"] == ["FAILED"]
    assert not pipeline.properties("AWS::SNS::Subscription")
    subscription = load("everything", "pipeline").one("AWS::SNS::Subscription")
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "admin@example.com")


def test_with_a_key_everything_of_the_pipeline_is_encrypted_with_it(load):
    template = load("kms", "pipeline")
    key = template.name_of("AWS::KMS::Key")
    assert template.one("AWS::SNS::Topic")["KmsMasterKeyId"] == f"<{key}.Arn>"
    assert all(project["EncryptionKey"] == f"<{key}.Arn>" for project in template.properties("AWS::CodeBuild::Project"))
    policy = template.one("AWS::KMS::Key")["KeyPolicy"]["Statement"]
    services = [json.dumps(statement["Principal"]) for statement in policy]
    assert any("events.amazonaws.com" in principal for principal in services)  # or the notice would be lost in silence


def test_the_repository_has_the_workshops_name(load):
    template = load(stack="repository")
    assert template.one("AWS::CodeCommit::Repository")["RepositoryName"] == "genai-async"
    assert set(template.body["Outputs"]) >= {"CloneUrlHttp", "CloneUrlGrc", "RepositoryName"}


@pytest.mark.parametrize("name", ["package-model", "synthesise", "smoke-test"])
def test_a_buildspec_is_there_for_each_project(name, pipeline):
    specification = yaml.safe_load((ROOT / f"infra/buildspecs/{name}.yml").read_text())
    assert specification["version"] == 0.2
    assert specification["phases"]["install"]["commands"][0] == ". scripts/build_environment.sh"
    assert project_role(pipeline, name)


def test_the_builds_artifacts_are_what_the_deployment_reads(pipeline):
    packaged = yaml.safe_load((ROOT / "infra/buildspecs/package-model.yml").read_text())
    assert packaged["artifacts"]["files"] == ["model.json", names.STACK_PARAMETERS_FILE]
    templates = yaml.safe_load((ROOT / "infra/buildspecs/synthesise.yml").read_text())
    assert templates["artifacts"] == {"base-directory": "build/cdk.out", "files": ["*.template.json"]}
