"""The stack with the bucket of packaged models, which must be there before anything can be packaged."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.reasons import acknowledge


class ModelStoreStack(cdk.Stack):
    """A bucket of its own, apart from the application: a model is packaged before the application is deployed.

    Attributes
    ----------
    bucket_name : str
        Its name, for other stacks.
    """

    def __init__(self, scope: Construct, construct_id: str, **kwargs: object) -> None:
        super().__init__(scope, construct_id, **kwargs)  # type: ignore[arg-type] # the properties of cdk.Stack
        bucket = s3.Bucket(
            self,
            "Models",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            encryption=s3.BucketEncryption.S3_MANAGED,
            lifecycle_rules=[s3.LifecycleRule(abort_incomplete_multipart_upload_after=cdk.Duration.days(1))],
            # Whatever lies here can be packaged again from JumpStart, so nothing is lost with the stack.
            removal_policy=cdk.RemovalPolicy.DESTROY,
            auto_delete_objects=True,
        )
        acknowledge(
            bucket,
            {"AwsSolutions-S1": "Holds copies of public models, written by one build and read by one role."},
        )
        self.bucket_name = self.export_value(bucket.bucket_name)
        cdk.CfnOutput(self, "ModelBucketName", value=bucket.bucket_name, description="Give it to the application stack")
