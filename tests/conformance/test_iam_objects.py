"""Amazon S3: what a caller learns of a key that is not there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.identities import allow, caller

API = "AmazonS3/latest/API/"


@behaviour(
    "s3",
    "GetObject",
    "Without s3:ListBucket a key that is not there is a 403, with it a 404",
    API + "API_GetObject.html",
)
def test_get_of_a_missing_key(aws: Account) -> None:
    bucket = aws.bucket()
    read, listing = allow("s3:GetObject"), allow("s3:ListBucket", f"arn:aws:s3:::{bucket}")
    aws.client("s3").put_object(Bucket=bucket, Key="here", Body=b"x")
    s3 = aws.client("s3", caller(aws, read))
    assert s3.get_object(Bucket=bucket, Key="here")["Body"].read() == b"x"
    with aws.refused("AccessDenied", "not authorized to perform: s3:ListBucket", f"arn:aws:s3:::{bucket}", status=403):
        s3.get_object(Bucket=bucket, Key="none")
    with aws.refused("NoSuchKey", status=404):
        aws.client("s3", caller(aws, read, listing)).get_object(Bucket=bucket, Key="none")


@pytest.mark.parametrize(
    ("statements", "code"), [(["s3:GetObject"], "403"), (["s3:GetObject", "s3:ListBucket"], "404")]
)
@behaviour("s3", "HeadObject", "A key that is not there is a {code} for {statements}", API + "API_HeadObject.html")
def test_head_of_a_missing_key(aws: Account, statements: list[str], code: str) -> None:
    s3: Any = aws.client("s3", caller(aws, allow(statements)))
    with aws.refused(code):
        s3.head_object(Bucket=aws.bucket(), Key="none")


@behaviour(
    "s3",
    ("GetObject", "DeleteObject"),
    "A key that was deleted is as absent as one that never was, in a bucket with versions, too",
    API + "API_GetObject.html",
)
def test_get_of_a_deleted_key(aws: Account) -> None:
    admin, bucket = aws.client("s3"), aws.bucket()
    admin.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    version = admin.put_object(Bucket=bucket, Key="k", Body=b"x")["VersionId"]
    marker = admin.delete_object(Bucket=bucket, Key="k")["VersionId"]
    for each in (version, marker):
        aws.later(admin.delete_object, Bucket=bucket, Key="k", VersionId=each)
    s3 = aws.client("s3", caller(aws, allow("s3:GetObject")))
    with aws.refused("AccessDenied", "s3:ListBucket"):
        s3.get_object(Bucket=bucket, Key="k")
    with aws.refused("NoSuchKey"):
        admin.get_object(Bucket=bucket, Key="k")
