"""What every bucket and every key of the workshop has in common."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.common.reasons import acknowledge


def private_bucket(
    scope: Construct,
    construct_id: str,
    *,
    why_no_access_log: str,
    key: kms.IKey | None = None,
    expire_after_days: int | None = None,
    keep: bool = False,
) -> s3.Bucket:
    """Make a bucket without public access or ACLs, TLS only, encrypted; interrupted uploads go after a day.

    Parameters
    ----------
    why_no_access_log : str
        The reason that cdk-nag's report gets for it.
    key : kms.IKey, optional
        Customer-managed key; without one Amazon S3's own (SSE-S3).
    expire_after_days : int, optional
        Age at which objects are deleted; 0 means never.
    keep : bool
        Whether the bucket outlives its stack. If not, the stack empties and deletes it.
    """
    bucket = s3.Bucket(
        scope,
        construct_id,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        enforce_ssl=True,
        encryption=s3.BucketEncryption.KMS if key else s3.BucketEncryption.S3_MANAGED,
        encryption_key=key,
        bucket_key_enabled=True if key else None,
        lifecycle_rules=[
            s3.LifecycleRule(
                # A rule that a setting decides keeps its name when the setting says never.
                id=None if expire_after_days is None else "Expire",
                expiration=cdk.Duration.days(expire_after_days) if expire_after_days else None,
                abort_incomplete_multipart_upload_after=cdk.Duration.days(1),
            )
        ],
        removal_policy=cdk.RemovalPolicy.RETAIN if keep else cdk.RemovalPolicy.DESTROY,
        auto_delete_objects=not keep,
    )
    acknowledge(bucket, {"AwsSolutions-S1": why_no_access_log})
    return bucket


def make_key(scope: Construct, *, description: str, keep: bool = False) -> kms.Key:
    """Make a customer-managed key that rotates; without ``keep`` it goes with its stack, after a week."""
    return kms.Key(
        scope,
        "Key",
        description=description,
        enable_key_rotation=True,
        pending_window=cdk.Duration.days(7),
        removal_policy=cdk.RemovalPolicy.RETAIN if keep else cdk.RemovalPolicy.DESTROY,
    )
