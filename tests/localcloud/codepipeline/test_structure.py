"""Declarations that are refused (CodePipeline User Guide, "Pipeline structure reference")."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from localcloud.codepipeline import structure
from localcloud.services import ServiceError

from .conftest import action, approval, stack

Pipeline = dict[str, Any]


def source(**settings: Any) -> dict[str, Any]:
    return action("Source", "Source", "S3", outputs=("Source",), **{"S3Bucket": "b", "S3ObjectKey": "k"} | settings)


def build(name: str = "Build", **settings: Any) -> dict[str, Any]:
    return action(name, "Build", "CodeBuild", **{"ProjectName": "p", "inputs": ("Source",)} | settings)


def pipeline(*stages: list[dict[str, Any]], **settings: Any) -> Pipeline:
    return {
        "name": "pipe",
        "artifactStore": {"type": "S3", "location": "bucket"},
        "pipelineType": "V2",
        "stages": [{"name": f"S{position}", "actions": actions} for position, actions in enumerate(stages)],
        **settings,
    }


def refused(declaration: Pipeline) -> str:
    with pytest.raises(ServiceError) as caught:
        structure.check(copy.deepcopy(declaration), "us-east-1")
    return f"{caught.value.code}: {caught.value.message}"


def test_the_base_of_these_tests_is_valid() -> None:
    structure.check(pipeline([source()], [build(outputs=("Made",)), approval(order=2)]), "us-east-1")
    structure.check(pipeline([source()], [stack("Deploy", "s")], executionMode="QUEUED"), "us-east-1")


@pytest.mark.parametrize(
    ("declaration", "said"),
    [
        (
            pipeline([source()]),
            "InvalidStructureException: Pipeline has only 1 stage(s). There should be a minimum of 2",
        ),
        (
            pipeline([source(), approval()], [build()]),
            "InvalidStructureException: Pipeline should start with a stage that only contains source actions",
        ),
        (pipeline([source()], [source() | {"name": "Again"}]), "Only the first stage of a pipeline may contain source"),
        (pipeline([source()], []), "Stage S1 contains no action"),
        (pipeline([source()], [build(), build()]), "Action names must be unique within a stage: Build"),
        (
            pipeline([source()], [build(inputs=("Sauce",))]),
            "Input Artifact Bundle Sauce in action Build is not declared as Output Artifact Bundle in any",
        ),
        (
            pipeline([source()], [build(outputs=("A",)), build("Same", inputs=("A",))]),
            "Input Artifact Bundle A in action Same",
        ),
        (
            pipeline([source()], [build(outputs=("Source",))]),
            "Output Artifact Bundle name must be unique within the pipeline. Source has been used more than once.",
        ),
        (
            pipeline([source()], [build(inputs=())]),
            "InvalidActionDeclarationException: Action Build declares 0 input artifacts which is less than the minimum "
            "count (1)",
        ),
        (
            pipeline([source()], [approval(inputs=("Source",))]),
            "Action Approve declares 1 input artifacts which is more than the maximum count (0)",
        ),
        (pipeline([source()], [build(Projekt="x")]), "contains unknown configuration 'Projekt'"),
        (pipeline([source(S3Bucket="")], [build()]), "is missing required configuration 'S3Bucket'"),
        (pipeline([source()], [build(order=1000)]), "has run order 1000; it must be 1 to 999"),
        (pipeline([source()], [build(region="eu-west-1")]), "is for eu-west-1, and the local cloud has only us-east-1"),
        (pipeline([source()], [build(timeoutInMinutes=5)]), "available to the manual approval action only"),
        (pipeline([source()], [build()], executionMode="PARALLEL"), "does not offer the execution mode PARALLEL"),
        (
            pipeline([source()], [build()], executionMode="QUEUED", pipelineType="V1"),
            "QUEUED is available for pipelines of type V2 only",
        ),
        (pipeline([source()], [build()], variables=[{"name": "a"}], pipelineType="V1"), "type V2 only"),
        (pipeline([source()], [build()], variables=[{"name": "a"}, {"name": "a"}]), "must have unique names: a"),
        (
            pipeline([source()], [approval(CustomData="#{variables.x}")]),
            "the pipeline variable x, which is not declared",
        ),
        (pipeline([source()], [approval(CustomData="#{Out.x}")]), "names the namespace Out, which no action before it"),
        (
            pipeline([source()], [build(namespace="Out"), approval(CustomData="#{Out.x}")]),
            "names the namespace Out, which no action before it",
        ),
        (pipeline([source(namespace="A")], [build(namespace="A")]), "Namespaces must be unique within the pipeline: A"),
        (pipeline([source()], [stack("Deploy", "s", "CREATE")]), "ActionMode must be one of CREATE_UPDATE"),
        (
            pipeline([source()], [stack("Deploy", "s", "CHANGE_SET_EXECUTE")]),
            "missing required configuration 'ChangeSetName'",
        ),
        (
            pipeline([source()], [stack("Deploy", "s", TemplatePath="a.json")]),
            "TemplatePath must be <input artifact>::",
        ),
        (pipeline([source()], [stack("Deploy", "s", TemplatePath="X::a.json")]), "X, which is not an input artifact"),
        (pipeline([source()], [stack("Deploy", "s", outputs=("O",))]), "no OutputFileName"),
        (pipeline([source()], [build(BatchEnabled="true")]), "does not offer batch builds"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_refused_with_a_reason(declaration: Pipeline, said: str) -> None:
    assert said in refused(declaration)


def test_two_input_artifacts_need_a_primary_source() -> None:
    sources = [source(), source() | {"name": "More", "outputArtifacts": [{"name": "More"}]}]
    two = build(inputs=("Source", "More"))
    assert "PrimarySource must be one of Source, More" in refused(pipeline(sources, [two]))
    two["configuration"]["PrimarySource"] = "More"
    structure.check(pipeline(sources, [two]), "us-east-1")


def _git(declaration: Pipeline) -> None:
    declaration["stages"][0]["actions"][0]["actionTypeId"]["provider"] = "CodeStarSourceConnection"


def _lambda(declaration: Pipeline) -> None:
    declaration["stages"][1]["actions"][0]["actionTypeId"].update(category="Invoke", provider="Lambda")


def _stages_twice(declaration: Pipeline) -> None:
    declaration["stages"][1]["name"] = "S0"


def _condition(declaration: Pipeline) -> None:
    declaration["stages"][1]["onFailure"] = {"result": "ROLLBACK"}


def _two_stores(declaration: Pipeline) -> None:
    declaration["artifactStores"] = {"us-east-1": declaration["artifactStore"]}


def _trigger(declaration: Pipeline) -> None:
    declaration["triggers"] = [{"providerType": "CodeStarSourceConnection"}]


def _clone(declaration: Pipeline) -> None:
    codecommit = action("Source", "Source", "CodeCommit", outputs=("Source",), RepositoryName="r", BranchName="main")
    codecommit["configuration"]["OutputArtifactFormat"] = "CODEBUILD_CLONE_REF"
    declaration["stages"][0]["actions"] = [codecommit]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_git, "the local cloud reaches no Git provider; use CodeCommit as the source"),
        (
            _lambda,
            "Provider: 'Lambda', Owner: 'AWS', Version: '1') in action 'Build' is not available in region US_EAST_1",
        ),
        (_stages_twice, "Stage names must be unique within a pipeline: S0"),
        (_condition, "does not offer onFailure, which stage S1 declares"),
        (_two_stores, "either artifactStore or artifactStores"),
        (_trigger, "the local cloud reaches no Git provider"),
        (_clone, "OutputArtifactFormat CODE_ZIP only"),
    ],
)
def test_what_is_not_offered_is_refused(change: Callable[[Pipeline], None], said: str) -> None:
    declaration = pipeline([source()], [build()])
    change(declaration)
    assert said in refused(declaration)
