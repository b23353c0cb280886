"""The bucket: the only module that talks to AWS."""

from typing import TYPE_CHECKING

import boto3
from shared import conditional

from save_status.core import StatusObject, supersedes

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class StatusStorage:
    """Writes status objects; the order and the number of deliveries leave no trace.

    The role needs `s3:PutObject` and `s3:GetObject` on `status/*`.
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

        def stored() -> tuple[bool, str] | None:
            body, etag = self._read(status.key)
            return None if body is None else (not supersedes(status.body, body), etag)

        return conditional.write(
            self._client,
            stored,
            Bucket=self._bucket,
            Key=status.key,
            Body=status.body,
            ContentType="application/json",
        )

    def _read(self, key: str) -> tuple[bytes | None, str]:
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
        except self._client.exceptions.NoSuchKey:
            return None, ""
        return answer["Body"].read(), answer["ETag"]
