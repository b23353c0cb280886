"""Permissions that no request of the local flow needs, and why they stay.

Each entry: a pattern of the role's name, the actions, a pattern of the statement's resources, the reason. An entry
that excuses nothing any more fails the test, so this list is never longer than it has to be.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class Reason:
    """Why some permissions stay; ``sometimes`` a run does ask for them, if it is slow."""

    role: str
    actions: tuple[str, ...]
    resource: str
    why: str
    sometimes: bool = False

    def covers(self, role: str, action: str, resources: Sequence[str]) -> bool:
        """Whether this is the reason for an action on ``resources``."""
        named = re.search(self.role, role) is not None
        return named and action in self.actions and all(re.search(self.resource, each) for each in resources)


_ARTIFACTS = (
    *("s3:Abort*", "s3:DeleteObject*", "s3:GetBucket*", "s3:List*", "s3:PutObjectLegalHold"),
    *("s3:PutObjectRetention", "s3:PutObjectTagging", "s3:PutObjectVersionTagging"),
)
"""What ``grant_read_write`` of the CDK has besides reading and writing objects."""

UNPROVEN = (
    Reason(
        "PipelineRole",
        (*_ARTIFACTS, "s3:GetObject*", "s3:PutObject"),
        ":::workshop-pipeline-artifacts",
        "The CDK's grant for every pipeline. All actions here have roles of their own, with which the local cloud "
        "reads and writes artifacts; CodePipeline itself requires the service role to reach them. "
        "https://docs.aws.amazon.com/codepipeline/latest/userguide/how-to-custom-role.html",
    ),
    Reason(
        "PipelineSource",
        (*_ARTIFACTS, "s3:GetObject*"),
        ":::workshop-pipeline-artifacts",
        "The CDK's grant for a source action, which only writes the artifact; it cannot be narrowed from outside.",
    ),
    Reason(
        "PipelineSource",
        ("codecommit:CancelUploadArchive",),
        ":codecommit:",
        "The CDK's grant for a source action: CodePipeline stops an archive that an abandoned execution still makes. "
        "https://docs.aws.amazon.com/codecommit/latest/userguide/auth-and-access-control-permissions-reference.html",
    ),
    Reason(
        "Pipeline(Build|Test)",
        ("codebuild:StopBuild",),
        ":project/",
        "The CDK's grant for a build action: CodePipeline stops the build when somebody stops the execution.",
    ),
    Reason(
        "(PackageModel|Synthesise|SmokeTest)Role",
        ("s3:GetObjectVersion", "s3:GetBucketAcl", "s3:GetBucketLocation"),
        ":::workshop-pipeline-artifacts",
        "In AWS's list for a service role: CodeBuild sees whose bucket it is before it reads, and reads the version if "
        "there is one; the local one does not. https://docs.aws.amazon.com/codebuild/latest/userguide/setting-up-service-role.html",
    ),
    Reason(
        "SmokeTestRole",
        ("sagemaker:DescribeEndpoint",),
        ":endpoint/",
        "Whoever waits looks now and then whether the endpoint is asleep; here the picture comes before that.",
        sometimes=True,
    ),
    Reason(
        "PackageModelRole",
        ("s3:ListBucket",),
        ":::jumpstart-cache-prod-",
        "Models of JumpStart that are a prefix are listed; SmallWorld is a tarball.",
    ),
    Reason(
        "PackageModelRole",
        ("s3:AbortMultipartUpload", "s3:DeleteObject"),
        ":::workshop-models-",
        "What a packaging has written when it breaks off; tests/helpers/model/repackage breaks some off.",
    ),
    Reason(
        "ImageModelExecutionRole",
        ("s3:ListBucket",),
        ":::workshop-models-",
        "SageMaker lists a model that is a prefix; SmallWorld is a tarball, and the stack learns that only from "
        "model.json. https://docs.aws.amazon.com/sagemaker/latest/dg/large-model-inference-uncompressed.html",
    ),
    Reason(
        "ImageModelExecutionRole",
        ("s3:AbortMultipartUpload",),
        "/(output|failures)/",
        "SageMaker writes large answers in parts; the local one writes every answer in one. "
        "https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-create-endpoint-prerequisites.html",
    ),
    Reason(
        "ImageModelExecutionRole",
        ("logs:CreateLogGroup", "logs:DescribeLogStreams", "cloudwatch:PutMetricData"),
        r"/aws/sagemaker/Endpoints/|^\*$",
        "SageMaker's list for a model's execution role; the local one makes the group itself and writes the "
        "endpoint's metrics as the service. "
        "https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html#sagemaker-roles-createmodel-perms",
    ),
    Reason(
        "CustomS3AutoDeleteObjects",
        ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"),
        r"^\*$",
        "AWS's managed policy for functions, which the CDK attaches to the one that empties a bucket before its stack "
        "is deleted; it runs only then.",
    ),
)
