"""AWS CodePipeline: what a pipeline may look like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.pipelines import Pipeline, action, approval

API = "codepipeline/latest/APIReference/"
STRUCTURE = "codepipeline/latest/userguide/reference-pipeline-structure.html"
ACTIONS = "codepipeline/latest/userguide/structure-configuration-examples.html"
Make = Callable[[Pipeline], dict[str, Any]]


def build(name: str = "Build", **settings: Any) -> dict[str, Any]:
    """A CodeBuild action."""
    return action(name, "Build", "CodeBuild", **{"inputs": ("Source",), "ProjectName": "p"} | settings)


@behaviour(
    "codepipeline",
    ("CreatePipeline", "GetPipeline"),
    "A new pipeline is version 1, with run order 1 for its actions and mode SUPERSEDED unless told otherwise",
    f"{API}API_PipelineDeclaration.html",
)
def test_a_new_pipeline(aws: Account) -> None:
    made = Pipeline(aws)
    made.gated()
    found = made.client.get_pipeline(name=made.name)
    assert found["metadata"]["pipelineArn"] == f"arn:aws:codepipeline:{aws.region}:{aws.account}:{made.name}"
    shown = found["pipeline"]
    assert (shown["version"], shown["executionMode"], shown["pipelineType"]) == (1, "SUPERSEDED", "V2")
    assert shown["stages"][1]["actions"][0]["runOrder"] == 1


@behaviour("codepipeline", "CreatePipeline", "A name cannot be used twice", f"{API}API_CreatePipeline.html")
def test_a_name_twice(aws: Account) -> None:
    made = Pipeline(aws)
    made.gated()
    with aws.refused("PipelineNameInUseException", made.name):
        made.client.create_pipeline(pipeline=made.declaration([made.source()], [approval()]))


@pytest.mark.parametrize(
    ("make", "code", "words", "what"),
    [
        (
            lambda p: p.declaration([p.source()]),
            "InvalidStructureException",
            "minimum of 2",
            "a pipeline of one stage",
        ),
        (
            lambda p: p.declaration([p.source(), approval()], [build()]),
            "InvalidStructureException",
            "only contains source actions",
            "a first stage with more than sources",
        ),
        (
            lambda p: p.declaration([p.source()], [p.source() | {"name": "Again", "outputArtifacts": []}, approval()]),
            "InvalidStructureException",
            "Only the first stage",
            "a source in a later stage",
        ),
        (
            lambda p: p.declaration([p.source()], [build(), build()]),
            "InvalidStructureException",
            "unique within a stage",
            "two actions of one name",
        ),
        (
            lambda p: p.declaration([p.source()], [build(inputs=("Sauce",))]),
            "InvalidStructureException",
            "not declared as Output Artifact",
            "an input that no action makes",
        ),
        (
            lambda p: p.declaration([p.source()], [build(outputs=("Source",))]),
            "InvalidStructureException",
            "must be unique within the pipeline",
            "one output of two actions",
        ),
        (
            lambda p: p.declaration([p.source()], [build(inputs=())]),
            "InvalidActionDeclarationException",
            "less than the minimum count",
            "a build without an input",
        ),
        (
            lambda p: p.declaration([p.source()], [approval(inputs=("Source",))]),
            "InvalidActionDeclarationException",
            "more than the maximum count",
            "an approval with an input",
        ),
        (
            lambda p: p.declaration([p.source()], [build(Projekt="x")]),
            "InvalidActionDeclarationException",
            "unknown configuration",
            "a configuration that the action does not have",
        ),
        (
            lambda p: p.declaration(
                [action("Source", "Source", "S3", outputs=("Source",), S3ObjectKey="k")], [build()]
            ),
            "InvalidActionDeclarationException",
            "missing required configuration 'S3Bucket'",
            "a source without its bucket",
        ),
        (
            lambda p: p.declaration([p.source()], [approval(CustomData="#{variables.x}")]),
            "InvalidActionDeclarationException",
            "not declared",
            "a variable that the pipeline does not declare",
        ),
        (
            lambda p: p.declaration([p.source()], [approval(CustomData="#{Out.x}")]),
            "InvalidActionDeclarationException",
            "names the namespace Out",
            "a namespace that no earlier action has",
        ),
    ],
)
@behaviour("codepipeline", "CreatePipeline", "CreatePipeline refuses {what}: {code}", STRUCTURE)
def test_a_pipeline_that_cannot_be(aws: Account, make: Make, code: str, words: str, what: str) -> None:
    made = Pipeline(aws)
    with aws.refused(code, words):
        made.client.create_pipeline(pipeline=make(made))


@pytest.mark.parametrize(
    ("make", "words", "what"),
    [
        (lambda p: p.declaration([p.source()], [build()], executionMode="PARALLEL"), "PARALLEL", "the mode PARALLEL"),
        (lambda p: p.declaration([p.source()], [build(BatchEnabled="true")]), "batch builds", "batch builds"),
        (lambda p: p.declaration([p.source()], [build(region="eu-west-1")]), "eu-west-1", "actions in other regions"),
        (
            lambda p: p.declaration([p.source()], [action("Run", "Invoke", "Lambda", FunctionName="f")]),
            "is not available in region",
            "Lambda actions",
        ),
    ],
)
@behaviour(
    "codepipeline",
    "CreatePipeline",
    "The local cloud does not offer {what}: such a pipeline is refused",
    ACTIONS,
    "refused",
)
def test_what_the_local_cloud_lacks(aws: Account, make: Make, words: str, what: str) -> None:
    made = Pipeline(aws)
    with aws.refused("InvalidStructureException" if "mode" in what else "InvalidActionDeclarationException", words):
        made.client.create_pipeline(pipeline=make(made))


@behaviour(
    "codepipeline",
    "CreatePipeline",
    "A role that does not exist, or does not trust CodePipeline, is refused",
    "codepipeline/latest/userguide/how-to-custom-role.html",
)
def test_a_role_that_codepipeline_cannot_assume(aws: Account) -> None:
    made = Pipeline(aws)
    for role in (aws.role("lambda.amazonaws.com"), f"arn:aws:iam::{aws.account}:role/{aws.name()}"):
        with aws.refused("InvalidStructureException", "CodePipeline is not authorized to perform AssumeRole on role"):
            made.client.create_pipeline(pipeline=made.declaration([made.source()], [approval()], roleArn=role))


@behaviour(
    "codepipeline",
    "CreatePipeline",
    "QUEUED needs a pipeline of type V2",
    "codepipeline/latest/userguide/concepts-how-it-works.html",
)
def test_queued_in_v1(aws: Account) -> None:
    made = Pipeline(aws)
    wanted = made.declaration([made.source()], [approval()], executionMode="QUEUED", pipelineType="V1")
    with pytest.raises(made.client.exceptions.ClientError, match="V2"):
        made.client.create_pipeline(pipeline=wanted)


@behaviour(
    "codepipeline",
    "UpdatePipeline",
    "An update makes the next version; the earlier ones can still be read",
    f"{API}API_UpdatePipeline.html",
)
def test_versions(aws: Account) -> None:
    made = Pipeline(aws)
    made.gated()
    changed = made.declaration([made.source()], [approval(CustomData="new")])
    assert made.client.update_pipeline(pipeline=changed)["pipeline"]["version"] == 2
    first = made.client.get_pipeline(name=made.name, version=1)["pipeline"]
    assert "CustomData" not in first["stages"][1]["actions"][0]["configuration"]
    with aws.refused("PipelineVersionNotFoundException"):
        made.client.get_pipeline(name=made.name, version=9)


@pytest.mark.parametrize(
    ("operation", "name"),
    [("get_pipeline", "GetPipeline"), ("get_pipeline_state", "GetPipelineState")],
)
@behaviour(
    "codepipeline",
    (),
    "{name} of a pipeline that does not exist: PipelineNotFoundException",
    f"{API}API_GetPipeline.html",
)
def test_an_unknown_pipeline(aws: Account, operation: str, name: str) -> None:
    with aws.refused("PipelineNotFoundException", "does not have a pipeline with name"):
        getattr(aws.client("codepipeline"), operation)(name=aws.name())


@behaviour(
    "codepipeline",
    ("DeletePipeline", "ListPipelines"),
    "A deleted pipeline is not listed; deleting it again is not an error",
    f"{API}API_DeletePipeline.html",
)
def test_deleting(aws: Account) -> None:
    made = Pipeline(aws)
    made.gated()

    def listed() -> list[str]:
        pages = made.client.get_paginator("list_pipelines").paginate()
        return [each["name"] for page in pages for each in page["pipelines"]]

    assert made.name in listed()
    made.client.delete_pipeline(name=made.name)
    made.client.delete_pipeline(name=made.name)
    assert made.name not in listed()


@behaviour(
    "codepipeline",
    ("TagResource", "UntagResource", "ListTagsForResource"),
    "A pipeline's tags are added and removed by its ARN",
    f"{API}API_TagResource.html",
)
def test_tags(aws: Account) -> None:
    made = Pipeline(aws)
    made.gated()
    arn = made.client.get_pipeline(name=made.name)["metadata"]["pipelineArn"]
    made.client.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "1"}, {"key": "b", "value": "2"}])
    made.client.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert made.client.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "b", "value": "2"}]
