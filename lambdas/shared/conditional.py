"""Writing an object that others may write at the same time: the order and the number of deliveries leave no trace."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from shared.exceptions import StorageError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Each lost attempt means that another notification for the same id was written in between.
_ATTEMPTS = 5


def write(client: "S3Client", stored: Callable[[], tuple[bool, str] | None], **content: Any) -> bool:
    """Write an object unless the stored one stays.

    Conditional writes (https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html) keep two
    functions that run at once from overwriting each other's object. The role needs `s3:PutObject`, and `s3:GetObject`
    for what is stored.

    Parameters
    ----------
    client
        Amazon S3's.
    stored
        Looks at the stored object: whether it stays, and its ETag; None when it is not there.
    content
        What PutObject takes.

    Returns
    -------
    bool
        Whether the bucket changed.

    Raises
    ------
    StorageError
        Amazon S3 refused or failed, or others wrote in between on every attempt.
    """
    where = f"s3://{content['Bucket']}/{content['Key']}"
    try:
        for _ in range(_ATTEMPTS):
            if _put(client, content, IfNoneMatch="*"):
                return True
            found = stored()
            if found is None:
                continue  # deleted since the write was refused
            stays, etag = found
            if stays:
                return False
            if _put(client, content, IfMatch=etag):
                return True
    except (BotoCoreError, ClientError) as error:
        raise StorageError(f"{where} could not be written: {error}") from error
    raise StorageError(f"{where} changed during each of {_ATTEMPTS} attempts to write it; a retry may do")


def _put(client: "S3Client", content: dict[str, Any], **condition: Any) -> bool:
    """Return False when the condition of a write was not met (so: look again); raise any other error."""
    try:
        client.put_object(**content, **condition)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in (404, 409, 412) and (
            error.response["Error"]["Code"] != "NoSuchBucket"
        ):
            return False
        raise
    return True
