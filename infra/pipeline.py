"""The pipeline stack: from a push to a deployed endpoint."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_codecommit as codecommit
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from contract import names
from contract.overrides import identity_as_environment
from contract.settings import Settings
from infra.common.reasons import acknowledge, acknowledge_wildcards
from infra.common.storage import make_key, private_bucket
from infra.delivery.builds import Build
from infra.delivery.connection_role import connection_role
from infra.delivery.deployments import Deployments
from infra.delivery.failure_notice import FailureNotice
from infra.delivery.smoke_permissions import allow_smoke_test

PACKAGE_MINUTES, SYNTHESISE_MINUTES, SMOKE_TEST_MINUTES = 60, 30, 45
"""Streaming a 20 GB model takes a quarter of an hour; an endpoint asleep wakes within twenty minutes."""


class PipelineStack(cdk.Stack):
    """Source → Build → UpdatePipeline → Deploy → Test.

    The build makes two things side by side: the packaged model (``model.json`` says where it is) and the templates.
    The pipeline then updates itself, and starts again when that changed it; so any setting in ``workshop.toml``, those
    of the pipeline included, needs a push and nothing else. Name, target and region are what makes it this pipeline and
    not another one: it was deployed for them, so it keeps them, and tells its builds.

    Parameters
    ----------
    settings : Settings
        The workshop's settings.
    model_bucket_name : str
        Bucket of packaged models.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, model_bucket_name: str, **kwargs: object
    ) -> None:
        super().__init__(scope, construct_id, **kwargs)  # type: ignore[arg-type] # the properties of cdk.Stack
        self._settings = settings
        self._key = self._make_key()
        self._artifacts = self._artifact_bucket()
        source, model, templates = (codepipeline.Artifact(name) for name in ("Source", "Model", "Templates"))
        deployments = Deployments(self, "Deployments")
        self.pipeline = codepipeline.Pipeline(
            self,
            "Pipeline",
            pipeline_type=codepipeline.PipelineType.V2,
            execution_mode=codepipeline.ExecutionMode.SUPERSEDED,
            restart_execution_on_update=True,
            artifact_bucket=self._artifacts,
            cross_account_keys=False,
        )
        self.pipeline.add_stage(stage_name="Source", actions=[self._source(source)])
        self.pipeline.add_stage(
            stage_name="Build",
            actions=[
                self._run("PackageModel", self._package_model(model_bucket_name), source, model),
                self._run("Synthesise", self._synthesise(), source, templates),
            ],
        )
        self.pipeline.add_stage(
            stage_name="UpdatePipeline",
            actions=[
                deployments.update(settings.models_stack, templates),
                deployments.update(settings.pipeline_stack, templates, run_order=2),
            ],
        )
        self.pipeline.add_stage(
            stage_name="Deploy",
            actions=deployments.change_set(
                settings.application_stack,
                templates,
                parameters=model.at_path(names.STACK_PARAMETERS_FILE),
            ),
        )
        if settings.pipeline.smoke_test:
            self.pipeline.add_stage(stage_name="Test", actions=[self._run("SmokeTest", self._smoke_test(), source)])
        FailureNotice(
            self, "FailureNotice", pipeline=self.pipeline, email=settings.pipeline.notify_email, key=self._key
        )
        self._publish_names()
        self._accept_grants_of_the_cdk()

    def _make_key(self) -> kms.Key | None:
        if not self._settings.security.kms:
            return None
        return make_key(self, description=f"{self._settings.workshop.name}: artifacts and notices of the pipeline")

    def _artifact_bucket(self) -> s3.Bucket:
        """Sources, templates and ``model.json``, a few megabytes each; the model itself never comes here."""
        return private_bucket(
            self,
            "Artifacts",
            why_no_access_log="Written and read by this pipeline alone, whose executions CodePipeline records.",
            key=self._key,
            expire_after_days=30,
        )

    def _accept_grants_of_the_cdk(self) -> None:
        """What CodePipeline's actions get on the bucket of artifacts is written by the CDK, with wildcards.

        The pipeline's role and the source action's may do more than they ever do: delete, list, tag and hold objects.
        So may the actions: stop a build that somebody stops, cancel an archive that nobody waits for any more. The CDK
        has no way to take that back; tests/endtoend/unproven.py lists it, and tests that nothing else is unneeded.
        """
        granted = ["s3:Abort*", "s3:DeleteObject*", "s3:GetBucket*", "s3:GetObject*", "s3:List*"]
        granted += ["kms:GenerateDataKey*", "kms:ReEncrypt*"] if self._key else []
        reason = (
            "The CDK's grants for an action of CodePipeline, on this pipeline's own bucket of artifacts and its key."
        )
        acknowledge(self, {f"AwsSolutions-IAM5[Action::{action}]": reason for action in granted})
        acknowledge_wildcards(self, [self._artifacts.arn_for_objects("*")], reason)

    def _source(self, output: codepipeline.Artifact) -> codepipeline.IAction:
        pipeline = self._settings.pipeline
        if pipeline.source == "connection":
            owner, _, name = pipeline.repository.rpartition("/")
            return actions.CodeStarConnectionsSourceAction(
                action_name="Source",
                role=connection_role(self, self._artifacts, pipeline.connection_arn),
                connection_arn=pipeline.connection_arn,
                owner=owner,
                repo=name,
                branch=pipeline.branch,
                output=output,
            )
        # By its name, which the settings know: the two stacks can be deployed and deleted apart.
        repository = codecommit.Repository.from_repository_name(self, "Repository", self._settings.workshop.name)
        return actions.CodeCommitSourceAction(
            action_name="Source",
            repository=repository,
            branch=pipeline.branch,
            output=output,
            trigger=actions.CodeCommitTrigger.EVENTS,
        )

    def _run(
        self, name: str, build: Build, source: codepipeline.Artifact, *outputs: codepipeline.Artifact
    ) -> codepipeline.IAction:
        build.allow_artifacts(self._artifacts, writes=bool(outputs))
        return actions.CodeBuildAction(action_name=name, project=build.project, input=source, outputs=list(outputs))

    def _build(
        self, construct_id: str, buildspec: str, description: str, minutes: int, variables: dict[str, str] | None = None
    ) -> Build:
        return Build(
            self,
            construct_id,
            buildspec=buildspec,
            description=description,
            timeout_minutes=minutes,
            log_retention_days=self._settings.pipeline.log_retention_days,
            variables={**identity_as_environment(self._settings), **(variables or {})},
            key=self._key,
        )

    def _package_model(self, model_bucket_name: str) -> Build:
        """Reads JumpStart's public bucket and writes packaged models."""
        models = f"arn:{self.partition}:s3:::{model_bucket_name}"
        description = "Looks the model up in JumpStart and repackages it for the endpoint"
        variables = {"MODEL_BUCKET": model_bucket_name}
        build = self._build("PackageModel", "package-model", description, PACKAGE_MINUTES, variables)
        public = f"arn:{self.partition}:s3:::{names.jumpstart_bucket(self.region)}"
        build.allow("s3:GetObject", resources=[f"{public}/*"])
        build.allow("s3:ListBucket", resources=[public])  # some models are everything below a prefix
        build.accept_wildcards(f"{public}/*", reason="JumpStart decides where in its bucket a model is.")
        objects = f"{models}/*"
        # Deletes and aborts what a packaging that breaks off has written so far, and what a killed one has left.
        build.allow("s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", resources=[objects])
        build.allow("s3:ListBucket", "s3:ListBucketMultipartUploads", resources=[models])
        build.accept_wildcards(objects, reason="Keys of packaged models are made of their content.")
        return build

    def _synthesise(self) -> Build:
        """Writes the templates, and the functions' code into the bootstrap's bucket through its own role."""
        description = "Writes the CloudFormation templates and publishes the functions' code"
        build = self._build("Synthesise", "synthesise", description, SYNTHESISE_MINUTES)
        prefix = f"arn:{self.partition}:iam::{self.account}:role/cdk-{cdk.DefaultStackSynthesizer.DEFAULT_QUALIFIER}"
        place = f"{self.account}-{self.region}"
        roles = [f"{prefix}-{name}-{place}" for name in ("file-publishing-role", "lookup-role")]
        build.allow("sts:AssumeRole", resources=roles)
        # `cdk publish-assets` compares the bootstrap's version, which it reads with the build's own credentials.
        version = f"parameter/cdk-bootstrap/{cdk.DefaultStackSynthesizer.DEFAULT_QUALIFIER}/version"
        build.allow("ssm:GetParameter", resources=[f"arn:{self.partition}:ssm:{self.region}:{self.account}:{version}"])
        return build

    def _smoke_test(self) -> Build:
        description = "Sends one prompt through the deployed endpoint and looks at the picture"
        build = self._build("SmokeTest", "smoke-test", description, SMOKE_TEST_MINUTES)
        allow_smoke_test(build, self._settings)
        return build

    def _publish_names(self) -> None:
        """What helpers find the pipeline by."""
        name = self.pipeline.pipeline_name
        cdk.CfnOutput(self, "PipelineNameOutput", value=name).override_logical_id("PipelineName")
        ssm.StringParameter(
            self,
            "PipelineNameParameter",
            parameter_name=names.ssm_parameter(self._settings.workshop.name, names.PIPELINE_NAME),
            string_value=name,
        )
