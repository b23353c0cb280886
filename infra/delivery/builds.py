"""A step of the pipeline that runs a buildspec of the repository."""

from __future__ import annotations

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.common.logs import log_group
from infra.common.reasons import acknowledge, acknowledge_wildcards

BUILDSPECS = "infra/buildspecs"
IMAGE = codebuild.LinuxBuildImage.AMAZON_LINUX_2023_6
"""Has Python 3.12 and Node.js 22 among its runtimes.
https://docs.aws.amazon.com/codebuild/latest/userguide/available-runtimes.html"""


class Build(Construct):
    """A CodeBuild project that may write its own log and nothing else; the composition adds what it needs.

    Not privileged: nothing here runs Docker. The buildspec is in the repository, so changing it needs a push and
    nothing else.

    Parameters
    ----------
    buildspec : str
        Name of a file in ``infra/buildspecs``, without its ending.
    description : str
        What the console shows.
    timeout_minutes : int
        After which the build is stopped.
    log_retention_days : int
        A retention that CloudWatch Logs knows.
    variables : mapping
        Environment variables, for names that only a stack knows.
    key : kms.IKey, optional
        Encrypts what the build writes; without one CodeBuild's own key does.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        buildspec: str,
        description: str,
        timeout_minutes: int,
        log_retention_days: int,
        variables: Mapping[str, str] | None = None,
        key: kms.IKey | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("codebuild.amazonaws.com"))
        self._key = key
        group = log_group(self, log_retention_days)
        group.grant_write(self.role)
        self.project = codebuild.PipelineProject(
            self,
            "Project",
            description=description,
            # The CDK would add the log group that CodeBuild uses when it is given none, and all of the artifacts.
            role=self.role.without_policy_updates(),
            build_spec=codebuild.BuildSpec.from_source_filename(f"{BUILDSPECS}/{buildspec}.yml"),
            environment=codebuild.BuildEnvironment(
                build_image=IMAGE, compute_type=codebuild.ComputeType.MEDIUM, privileged=False
            ),
            environment_variables={
                name: codebuild.BuildEnvironmentVariable(value=value) for name, value in (variables or {}).items()
            },
            cache=codebuild.Cache.local(codebuild.LocalCacheMode.CUSTOM),
            timeout=cdk.Duration.minutes(timeout_minutes),
            queued_timeout=cdk.Duration.minutes(60),
            logging=codebuild.LoggingOptions(cloud_watch=codebuild.CloudWatchLoggingOptions(log_group=group)),
            encryption_key=key,
            grant_report_group_permissions=False,
        )
        if not key:
            acknowledge(
                self.project,
                {"AwsSolutions-CB4": "[security] kms = true brings a key; AWS's own encrypts artifacts otherwise."},
            )

    def allow(self, *actions: str, resources: list[str], conditions: Mapping[str, object] | None = None) -> None:
        """Let the build do something besides writing its log."""
        self.role.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=resources, conditions=conditions))

    def allow_artifacts(self, bucket: s3.IBucket, *, writes: bool) -> None:
        """Let the build fetch its input from a pipeline's bucket, and put its output there if it ``writes`` any.

        CodeBuild sees whose bucket it is, too, and reads the version if the bucket keeps any; so AWS lists it.
        https://docs.aws.amazon.com/codebuild/latest/userguide/setting-up-service-role.html
        """
        objects = bucket.arn_for_objects("*")
        self.allow("s3:GetObject", "s3:GetObjectVersion", resources=[objects])
        self.allow("s3:GetBucketAcl", "s3:GetBucketLocation", resources=[bucket.bucket_arn])
        if writes:
            self.allow("s3:PutObject", resources=[objects])
        if self._key:
            self._key.grant_encrypt_decrypt(self.role)

    def accept_wildcards(self, *resources: str, reason: str) -> None:
        """Say why a resource with a wildcard may stay in the build's policy."""
        acknowledge_wildcards(self.role, resources, reason)
