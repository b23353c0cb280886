"""The bucket: the only module that talks to AWS."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from shared.exceptions import StorageError
from shared.names import REQUESTS

from extract_images.limits import MAX_REQUEST_BYTES
from extract_images.results import StoredObject

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CHUNK_BYTES = 2**18
# Without s3:ListBucket, Amazon S3 answers AccessDenied for a key that does not exist.
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
_ABSENT = ("NoSuchKey", "AccessDenied")


class ImageStorage:
    """Reads responses and requests, writes pictures and manifests.

    The role needs `s3:GetObject` on `output/*` and `requests/*`, and `s3:PutObject` on `images/*`.
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

    def put(self, item: StoredObject) -> None:
        """Write one object, over what may be there; raises `StorageError`."""
        try:
            self._client.put_object(Bucket=self._bucket, Key=item.key, Body=item.body, ContentType=item.content_type)
        except (BotoCoreError, ClientError) as error:
            raise StorageError(f"s3://{self._bucket}/{item.key} could not be written: {error}") from error
