"""The bucket in which a request becomes a picture."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.common.reasons import acknowledge_wildcards
from infra.common.storage import private_bucket


class RequestBucket(Construct):
    """Requests, outputs, failures, notifications and pictures, each in its folder; TLS only, encrypted.

    Parameters
    ----------
    keep : bool
        Whether the bucket outlives the stack. If not, the stack empties and deletes it.
    expire_after_days : int
        Age at which objects are deleted; 0 means never.
    key : kms.IKey, optional
        Customer-managed key; without one Amazon S3's own (SSE-S3).
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        keep: bool,
        expire_after_days: int,
        key: kms.IKey | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.key = key
        self.bucket = private_bucket(
            self,
            "Bucket",
            why_no_access_log="Access logs would need a second bucket that outlives this one; who asked for what is in "
            "requests/ and status/, and CloudTrail data events show the rest where an account wants them.",
            key=key,
            expire_after_days=expire_after_days,
            keep=keep,
        )

    def uri(self, folder: str) -> str:
        """``s3://bucket/folder``, without a slash at the end: SageMaker adds it."""
        return self.bucket.s3_url_for_object(folder)

    def allow_endpoint(self, role: iam.Role, *, read: tuple[str, ...], write: tuple[str, ...]) -> None:
        """:meth:`allow`, and what SageMaker's asynchronous endpoints need besides.

        https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-create-endpoint-prerequisites.html
        """
        self.allow(role, read=read, write=write)
        # Without it a missing request looks like a forbidden one.
        role.add_to_policy(iam.PolicyStatement(actions=["s3:ListBucket"], resources=[self.bucket.bucket_arn]))
        # An answer may have a gigabyte: SageMaker writes it in parts, and clears away those of one that broke off.
        objects = [self.bucket.arn_for_objects(f"{folder}/*") for folder in write]
        role.add_to_policy(iam.PolicyStatement(actions=["s3:AbortMultipartUpload"], resources=objects))

    def allow(self, role: iam.Role, *, read: tuple[str, ...] = (), write: tuple[str, ...] = ()) -> None:
        """Let a role read objects of some folders and write those of others, each in one piece.

        The bucket may not be listed, so S3 answers 403 for a key that is not there, instead of 404: the functions take
        that for a request that is not there, and for what was deleted under their hands they try again.

        Parameters
        ----------
        role : iam.Role
            Whose policy gets the permissions, those for the bucket's key included.
        read, write : tuple of str
            Folders, from :mod:`contract.names`.
        """
        reading = [self.bucket.arn_for_objects(f"{folder}/*") for folder in read]
        writing = [self.bucket.arn_for_objects(f"{folder}/*") for folder in write]
        if reading:
            role.add_to_policy(iam.PolicyStatement(actions=["s3:GetObject"], resources=reading))
        if writing:
            role.add_to_policy(iam.PolicyStatement(actions=["s3:PutObject"], resources=writing))
        if self.key:
            actions = ["kms:Decrypt"] * bool(reading or writing) + ["kms:GenerateDataKey"] * bool(writing)
            role.add_to_policy(iam.PolicyStatement(actions=actions, resources=[self.key.key_arn]))
        acknowledge_wildcards(
            role,
            [*reading, *writing],
            "One folder of one bucket; keys are made from inference ids, which nobody knows beforehand.",
        )
