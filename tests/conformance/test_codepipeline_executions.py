"""AWS CodePipeline: executions, approvals, and what actions hand on."""

from __future__ import annotations

import json

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.pipelines import Pipeline, action, approval
from tests.conformance.test_codecommit import commit, repository
from tests.conformance.test_codecommit_files import GitClient, git
from tests.localcloud.conftest import wait_until

__all__ = ["commit", "git", "repository"]
API = "codepipeline/latest/APIReference/"
GUIDE = "codepipeline/latest/userguide/"


@behaviour(
    "codepipeline",
    ("CreatePipeline", "GetPipelineExecution", "PutApprovalResult"),
    "Creating a pipeline starts it, with the trigger CreatePipeline; an approval lets it go on",
    f"{GUIDE}pipelines-create.html",
)
@behaviour(
    "codepipeline",
    "PutApprovalResult",
    "An approval is answered once: its token cannot be used again",
    f"{API}API_PutApprovalResult.html",
)
def test_creating_starts(aws: Account) -> None:
    made = Pipeline(aws)
    first = made.gated()
    assert made.execution(first)["trigger"]["triggerType"] == "CreatePipeline"
    token = made.answer()
    assert made.ended(first) == "Succeeded"
    with aws.refused("ApprovalAlreadyCompletedException"):
        made.answer(token=token)


@behaviour(
    "codepipeline",
    "PutApprovalResult",
    "A token that was not given out is refused",
    f"{API}API_PutApprovalResult.html",
)
def test_a_wrong_token(aws: Account) -> None:
    made = Pipeline(aws)
    made.gated()
    made.token()
    with aws.refused("InvalidApprovalTokenException"):
        made.answer(token="00000000-0000-4000-8000-000000000000")


@behaviour(
    "codepipeline",
    ("StartPipelineExecution", "GetPipelineExecution"),
    "An execution that waits before a stage is superseded by a newer one; the one inside the stage goes on",
    f"{GUIDE}concepts-how-it-works.html",
)
def test_superseded(aws: Account) -> None:
    made = Pipeline(aws)
    first = made.gated()
    token = made.token()
    second = made.begin()
    third = made.begin()
    assert made.ended(second) == "Superseded"
    made.answer()
    assert made.ended(first) == "Succeeded"
    made.answer(token=made.token(other_than=token))
    assert made.ended(third) == "Succeeded"


@behaviour(
    "codepipeline",
    "StartPipelineExecution",
    "In mode QUEUED executions wait for each other, and none is superseded",
    f"{GUIDE}concepts-how-it-works.html",
)
def test_queued(aws: Account) -> None:
    made = Pipeline(aws)
    first = made.gated(executionMode="QUEUED")
    token = made.token()
    second, third = made.begin(), made.begin()
    for number, execution in enumerate((first, second, third)):
        token = made.answer(token=made.token(other_than=token if number else ""))
        assert made.ended(execution) == "Succeeded"


@behaviour(
    "codepipeline",
    "StartPipelineExecution",
    "One client request token starts one execution",
    f"{API}API_StartPipelineExecution.html",
)
def test_one_token_one_execution(aws: Account) -> None:
    made = Pipeline(aws)
    made.gated()
    assert made.begin(clientRequestToken="one") == made.begin(clientRequestToken="one")


@behaviour(
    "codepipeline",
    ("DisableStageTransition", "EnableStageTransition", "GetPipelineState"),
    "A disabled transition holds executions, and shows its reason, until it is enabled",
    f"{API}API_DisableStageTransition.html",
)
def test_a_disabled_transition(aws: Account) -> None:
    made = Pipeline(aws)
    first = made.gated()
    made.answer()
    assert made.ended(first) == "Succeeded"
    where = {"pipelineName": made.name, "stageName": "Stage1", "transitionType": "Inbound"}
    made.client.disable_stage_transition(**where, reason="not on Fridays")
    second = made.begin()
    wait_until(lambda: made.stage("Source")["latestExecution"]["status"] == "Succeeded")
    shown = made.stage()
    assert shown["inboundTransitionState"]["enabled"] is False
    assert shown["inboundTransitionState"]["disabledReason"] == "not on Fridays"
    assert shown["latestExecution"]["pipelineExecutionId"] == first
    made.client.enable_stage_transition(**where)
    wait_until(lambda: made.stage()["latestExecution"]["pipelineExecutionId"] == second)


@behaviour(
    "codepipeline",
    ("RetryStageExecution", "PutApprovalResult"),
    "A rejected approval fails the execution; its stage can be retried",
    f"{API}API_RetryStageExecution.html",
)
def test_retrying(aws: Account) -> None:
    made = Pipeline(aws)
    execution = made.gated()
    token = made.answer("Rejected")
    assert made.ended(execution) == "Failed"
    where = {"pipelineName": made.name, "stageName": "Stage1", "pipelineExecutionId": execution}
    made.client.retry_stage_execution(**where, retryMode="FAILED_ACTIONS")
    made.answer(token=made.token(other_than=token))
    assert made.ended(execution) == "Succeeded"


@behaviour(
    "codepipeline",
    "RetryStageExecution",
    "A stage in progress cannot be retried",
    f"{API}API_RetryStageExecution.html",
)
def test_retrying_too_early(aws: Account) -> None:
    made = Pipeline(aws)
    execution = made.gated()
    made.token()
    with aws.refused("StageNotRetryableException"):
        made.client.retry_stage_execution(
            pipelineName=made.name, stageName="Stage1", pipelineExecutionId=execution, retryMode="FAILED_ACTIONS"
        )


@behaviour(
    "codepipeline",
    "StopPipelineExecution",
    "Stop and wait: the execution is Stopping until the action in progress ends; a second request is refused",
    f"{API}API_StopPipelineExecution.html",
)
def test_stop_and_wait(aws: Account) -> None:
    made = Pipeline(aws)
    execution = made.gated()
    token = made.token()
    stop = {"pipelineName": made.name, "pipelineExecutionId": execution}
    made.client.stop_pipeline_execution(**stop, reason="lunch")
    assert made.execution(execution)["status"] == "Stopping"
    with aws.refused("DuplicatedStopRequestException"):
        made.client.stop_pipeline_execution(**stop)
    made.answer(token=token)
    assert made.ended(execution) == "Stopped"
    with aws.refused("PipelineExecutionNotStoppableException"):
        made.client.stop_pipeline_execution(**stop)


@behaviour(
    "codepipeline",
    ("StopPipelineExecution", "ListActionExecutions"),
    "Stop and abandon: the execution is Stopped at once, and its action Abandoned",
    f"{API}API_StopPipelineExecution.html",
)
def test_stop_and_abandon(aws: Account) -> None:
    made = Pipeline(aws)
    execution = made.gated()
    made.token()
    made.client.stop_pipeline_execution(pipelineName=made.name, pipelineExecutionId=execution, abandon=True)
    assert made.ended(execution) == "Stopped"
    assert made.actions(execution)["Approve"]["status"] == "Abandoned"


@behaviour(
    "codepipeline",
    "UpdatePipeline",
    "An update of the definition cancels the executions in progress",
    f"{API}API_PipelineExecution.html",
)
def test_an_update_cancels(aws: Account) -> None:
    made = Pipeline(aws)
    execution = made.gated()
    made.token()
    made.client.update_pipeline(pipeline=made.declaration([made.source()], [approval(CustomData="new")]))
    assert made.ended(execution) == "Cancelled"


@behaviour(
    "codepipeline",
    ("StartPipelineExecution", "ListActionExecutions"),
    "Variables of the pipeline, of an action's namespace and of CodePipeline are resolved in configurations",
    f"{GUIDE}actions-variables.html",
)
@behaviour(
    "codepipeline",
    "StartPipelineExecution",
    "A variable that the pipeline does not declare cannot be set",
    f"{API}API_StartPipelineExecution.html",
)
def test_variables(aws: Account) -> None:
    made = Pipeline(aws)
    text = "#{variables.who} #{Src.VersionId} #{codepipeline.PipelineExecutionId}"
    first = made.create(
        [made.source(namespace="Src")],
        [approval(CustomData=text)],
        variables=[{"name": "who", "defaultValue": "nobody"}],
    )
    made.token()
    version = aws.client("s3").head_object(Bucket=made.bucket, Key="source.zip")["VersionId"]
    resolved = made.actions(first)["Approve"]["input"]["resolvedConfiguration"]["CustomData"]
    assert resolved == f"nobody {version} {first}"
    with aws.refused("ValidationException", "whom"):
        made.begin(variables=[{"name": "whom", "value": "x"}])


@behaviour(
    "codepipeline",
    "GetPipelineExecution",
    "A source that is not there fails the execution",
    f"{GUIDE}action-reference-S3.html",
)
def test_a_source_that_is_not_there(aws: Account) -> None:
    made = Pipeline(aws)
    execution = made.create([made.source(S3ObjectKey="nowhere.zip")], [approval()])
    assert made.ended(execution) == "Failed"
    assert made.error(execution, "Source")["message"]


@behaviour(
    "codepipeline",
    "GetPipelineExecution",
    "A CloudFormation action creates the stack of the template in its input artifact",
    f"{GUIDE}action-reference-CloudFormation.html",
)
def test_a_stack(aws: Account) -> None:
    made, name = Pipeline(aws), aws.name("stack")
    template = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
    made.put({"template.json": template})
    cloudformation = aws.client("cloudformation")
    aws.later(cloudformation.delete_stack, StackName=name)
    role = aws.role("cloudformation.amazonaws.com", {"Effect": "Allow", "Action": "*", "Resource": "*"})
    deploy = action(
        "Deploy",
        "Deploy",
        "CloudFormation",
        inputs=("Source",),
        ActionMode="CREATE_UPDATE",
        StackName=name,
        TemplatePath="Source::template.json",
        RoleArn=role,
    )
    execution = made.create([made.source()], [deploy])
    assert made.ended(execution) == "Succeeded", made.actions(execution)
    assert cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"


@behaviour(
    "codepipeline",
    "ListActionExecutions",
    "An action whose role may not read the source fails",
    f"{GUIDE}security-iam-permissions-console-logs.html",
)
def test_a_role_without_permissions(aws: Account) -> None:
    made = Pipeline(aws)
    role = aws.role("codepipeline.amazonaws.com")
    execution = made.create([made.source()], [approval()], roleArn=role)
    assert made.ended(execution) == "Failed"
    assert "ermission" in json.dumps(made.error(execution, "Source"))


@behaviour(
    "codepipeline",
    "GetPipelineExecution",
    "A CodeCommit source's artifact has the files of the branch; a symbolic link is a text file with its target",
    "cdk/api/v2/docs/aws-cdk-lib.pipelines.CodeCommitSourceOptions.html",
)
def test_links_of_a_repository(aws: Account, repository: str, commit: str, git: GitClient) -> None:
    tree = git.clone()
    (tree / "link").symlink_to("a.txt")
    git.commit(tree)
    git.run("push", "--quiet", "origin", "HEAD:main", cwd=tree)
    made = Pipeline(aws)
    place = {"RepositoryName": repository, "BranchName": "main", "PollForSourceChanges": "false"}
    source = action("Source", "Source", "CodeCommit", outputs=("Source",), **place)
    deploy = action(
        "Deploy", "Deploy", "S3", inputs=("Source",), BucketName=made.bucket, Extract="true", ObjectKey="out"
    )
    execution = made.create([source], [deploy])
    assert made.ended(execution) == "Succeeded", made.actions(execution)
    s3 = aws.client("s3")
    assert s3.get_object(Bucket=made.bucket, Key="out/a.txt")["Body"].read() == b"one"
    assert s3.get_object(Bucket=made.bucket, Key="out/link")["Body"].read() == b"a.txt"
