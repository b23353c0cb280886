"""The stack with the bucket of packaged models, which must be there before anything can be packaged."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct

from contract import names
from infra.common.storage import private_bucket


class ModelStoreStack(cdk.Stack):
    """A bucket of its own, apart from the application: a model is packaged before the application is deployed.

    Attributes
    ----------
    bucket_name : str
        Its name, for other stacks.
    """

    def __init__(self, scope: Construct, construct_id: str, **kwargs: object) -> None:
        super().__init__(scope, construct_id, **kwargs)  # type: ignore[arg-type] # the properties of cdk.Stack
        # What is stored here can be packaged again from JumpStart, so nothing is lost with the stack.
        bucket = private_bucket(
            self,
            "Models",
            why_no_access_log="Holds copies of public models, written by one build and read by one role.",
        )
        self.bucket_name = self.export_value(bucket.bucket_name)
        cdk.CfnOutput(
            self,
            names.MODEL_BUCKET_OUTPUT,
            value=bucket.bucket_name,
            description="Give it to the application stack",
        )
