"""The bucket: the only module that talks to AWS."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from shared import conditional
from shared.exceptions import StorageError
from shared.names import REQUESTS

from extract_images.limits import MAX_REQUEST_BYTES
from extract_images.results import StoredObject

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CHUNK_BYTES = 2**18
_RANK = "notification"  # the name of the metadata that holds it
# Without s3:ListBucket, Amazon S3 answers AccessDenied for a key that does not exist.
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
_ABSENT = ("NoSuchKey", "AccessDenied")


class ImageStorage:
    """Reads responses and requests, writes pictures and manifests.

    Of two answers under one inference id the pictures of the one are left whose notification `save_status` keeps,
    whatever order they come in and however often: each object carries the rank of its notification.

    The role needs `s3:GetObject` on `output/*`, `requests/*` and `images/*`, and `s3:PutObject` on `images/*`.
    """

    def __init__(self, bucket_name: str, client: "S3Client | None" = None) -> None:
        self._bucket = bucket_name
        self._client: S3Client = client or boto3.client("s3")

    def response(self, key: str) -> Iterator[bytes]:
        """Yield the model's response in chunks; raises `StorageError` when it cannot be read to its end."""
        try:
            body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
            # botocore compares what came with Content-Length, so a broken connection never looks like an end.
            yield from body.iter_chunks(_CHUNK_BYTES)
        except (BotoCoreError, ClientError) as error:
            raise StorageError(f"s3://{self._bucket}/{key} could not be read: {error}") from error

    def request(self, inference_id: str) -> bytes | None:
        """Return `requests/<inference id>.json`, or None when it is not there or too long; raises `StorageError`."""
        key = f"{REQUESTS}/{inference_id}.json"
        try:
            body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
            with body:
                content = body.read(MAX_REQUEST_BYTES + 1)
        except ClientError as error:
            if error.response["Error"]["Code"] in _ABSENT:
                return None
            raise StorageError(f"s3://{self._bucket}/{key} could not be read: {error}") from error
        except BotoCoreError as error:
            raise StorageError(f"s3://{self._bucket}/{key} could not be read: {error}") from error
        return content if len(content) <= MAX_REQUEST_BYTES else None

    def put(self, item: StoredObject) -> bool:
        """Write one object unless one of a greater rank is there; returns whether it did, raises `StorageError`."""

        def stored() -> tuple[bool, str] | None:
            try:
                head = self._client.head_object(Bucket=self._bucket, Key=item.key)
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                    return None
                raise
            # The same rank is the same notification once more: written again, since the function may have changed.
            return head["Metadata"].get(_RANK, "") > item.rank, head["ETag"]

        return conditional.write(
            self._client,
            stored,
            Bucket=self._bucket,
            Key=item.key,
            Body=item.body,
            ContentType=item.content_type,
            Metadata={_RANK: item.rank},
        )
