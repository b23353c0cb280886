"""The bucket: the only module that talks to AWS."""

from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from shared.exceptions import StorageError

from save_status.core import StatusObject, supersedes

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Each lost attempt means that another notification for the same id was written in between.
_ATTEMPTS = 5


class StatusStorage:
    """Writes status objects; the order and the number of deliveries leave no trace.

    Conditional writes (https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html) keep two
    functions that run at once from overwriting each other's notification. The role needs `s3:PutObject` and
    `s3:GetObject` on `status/*`.
    """

    def __init__(self, bucket_name: str, client: "S3Client | None" = None) -> None:
        self._bucket = bucket_name
        self._client: S3Client = client or boto3.client("s3")

    def save(self, status: StatusObject) -> bool:
        """Store the notification unless the stored one stays; returns whether the bucket changed.

        Raises
        ------
        StorageError
            Amazon S3 refused or failed, or others wrote in between on every attempt.
        """
        try:
            for _ in range(_ATTEMPTS):
                if self._create(status):
                    return True
                stored, etag = self._read(status.key)
                if stored is not None and not supersedes(status.body, stored):
                    return False
                if stored is not None and self._replace(status, etag):
                    return True
        except (BotoCoreError, ClientError) as error:
            raise StorageError(f"s3://{self._bucket}/{status.key} could not be saved: {error}") from error
        raise StorageError(
            f"s3://{self._bucket}/{status.key} changed during each of {_ATTEMPTS} attempts to write it; a retry may do"
        )

    def _create(self, status: StatusObject) -> bool:
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=status.key,
                Body=status.body,
                ContentType="application/json",
                IfNoneMatch="*",
            )
        except ClientError as error:
            return _condition_failed(error)
        return True

    def _read(self, key: str) -> tuple[bytes | None, str]:
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
        except self._client.exceptions.NoSuchKey:
            return None, ""  # deleted since the create was refused
        return answer["Body"].read(), answer["ETag"]

    def _replace(self, status: StatusObject, etag: str) -> bool:
        try:
            self._client.put_object(
                Bucket=self._bucket, Key=status.key, Body=status.body, ContentType="application/json", IfMatch=etag
            )
        except ClientError as error:
            return _condition_failed(error)
        return True


def _condition_failed(error: ClientError) -> bool:
    """Return False when the condition of a write was not met (so: look again); raise any other error."""
    if error.response["ResponseMetadata"]["HTTPStatusCode"] in (404, 409, 412) and (
        error.response["Error"]["Code"] != "NoSuchBucket"
    ):
        return False
    raise error
