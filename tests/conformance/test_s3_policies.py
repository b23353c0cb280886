"""Amazon S3: tags, policies and access control lists."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account

API = "AmazonS3/latest/API/"
GUIDE = "AmazonS3/latest/userguide/"
RECORDED = "localstack:tests/aws/services/s3/test_s3_api.py::"


# Tags


@behaviour(
    "s3",
    ("PutBucketTagging", "GetBucketTagging", "DeleteBucketTagging"),
    "The tags of a bucket are replaced, read and removed",
    API + "API_PutBucketTagging.html",
)
def test_bucket_tags(aws: Account) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    for tags in ([{"Key": "a", "Value": "1"}], [{"Key": "b", "Value": ""}]):
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
        assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags
    s3.delete_bucket_tagging(Bucket=bucket)
    with aws.refused("NoSuchTagSet", "The TagSet does not exist"):
        s3.get_bucket_tagging(Bucket=bucket)


@behaviour(
    "s3",
    ("PutObjectTagging", "GetObjectTagging", "DeleteObjectTagging", "PutObject"),
    "An object has tags from the start or later",
    API + "API_PutObjectTagging.html",
)
def test_object_tags(aws: Account) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    s3.put_object(Bucket=bucket, Key="k", Body=b"", Tagging="a=1&b=2%203")
    both = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2 3"}]
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == both
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": both[:1]})
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == both[:1]
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []


WRONG_TAGS: list[Any] = [
    ([("a", "1"), ("a", "2")], "Cannot provide multiple Tags with the same key"),
    ([("aws:a", "1")], "System tags cannot be added/updated by requester"),
    ([("a,b", "1")], "The TagKey you have provided is invalid"),
    ([("k" * 129, "1")], "The TagKey you have provided is invalid"),
    ([("a", "1,2")], "The TagValue you have provided is invalid"),
    ([("a", "v" * 257)], "The TagValue you have provided is invalid"),
]


@behaviour(
    "s3",
    ("PutBucketTagging", "PutObjectTagging"),
    "Tags are refused: {message}",
    RECORDED + "TestS3BucketObjectTagging::test_tagging_validation",
)
@pytest.mark.parametrize(("pairs", "message"), WRONG_TAGS)
def test_wrong_tags(aws: Account, pairs: list[tuple[str, str]], message: str) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    tagging = {"TagSet": [{"Key": key, "Value": value} for key, value in pairs]}
    with aws.refused("InvalidTag", message, status=400):
        s3.put_bucket_tagging(Bucket=bucket, Tagging=tagging)
    ours = "Your TagKey cannot be prefixed with aws:"
    with aws.refused("InvalidTag", ours if pairs[0][0].startswith("aws:") else message, status=400):
        s3.put_object_tagging(Bucket=bucket, Key="k", Tagging=tagging)


@behaviour("s3", ("PutObject", "PutObjectTagging"), "An object has 10 tags at most", GUIDE + "object-tagging.html")
def test_too_many_tags(aws: Account) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    with aws.refused("BadRequest", "Object tags cannot be greater than 10", status=400):
        s3.put_object(Bucket=bucket, Key="k", Body=b"", Tagging="&".join(f"k{n}=1" for n in range(11)))
    with aws.refused("404"):
        s3.head_object(Bucket=bucket, Key="k")
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    with aws.refused("BadRequest", "Object tags cannot be greater than 10"):
        s3.put_object_tagging(
            Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": f"k{n}", "Value": "1"} for n in range(11)]}
        )


@behaviour(
    "s3",
    "PutObject",
    "A tag twice in x-amz-tagging is refused",
    RECORDED + "TestS3BucketObjectTagging::test_object_tagging_exc",
)
def test_a_tag_twice(aws: Account) -> None:
    bucket = aws.bucket()
    with aws.refused("InvalidArgument", "The header 'x-amz-tagging' shall be encoded as UTF-8", status=400):
        aws.client("s3").put_object(Bucket=bucket, Key="k", Body=b"", Tagging="key1=val1&key1=val2")


# Policies


def allowing(bucket: str, **changes: Any) -> str:
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
        "Condition": {"Bool": {"aws:SecureTransport": "maybe"}},
        **changes,
    }
    kept = {name: value for name, value in statement.items() if value is not None}
    return json.dumps({"Version": "2012-10-17", "Statement": [kept]})


@behaviour(
    "s3",
    ("PutBucketPolicy", "GetBucketPolicy", "DeleteBucketPolicy"),
    "A policy is stored as it is, and removed",
    API + "API_PutBucketPolicy.html",
)
def test_policy(aws: Account) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    s3.put_bucket_policy(Bucket=bucket, Policy=allowing(bucket))
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"]) == json.loads(allowing(bucket))
    s3.delete_bucket_policy(Bucket=bucket)
    with aws.refused("NoSuchBucketPolicy", "The bucket policy does not exist"):
        s3.get_bucket_policy(Bucket=bucket)


@behaviour(
    "s3",
    "PutBucketPolicy",
    "A policy that is not one is refused: {message}",
    RECORDED + "TestS3BucketPolicy::test_bucket_policy_exc",
)
@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ("not json", "Policies must be valid JSON and the first byte must be '{'"),
        ("[]", "Policies must be valid JSON and the first byte must be '{'"),
        ("{}", "Missing required field Statement"),
    ],
)
def test_not_a_policy(aws: Account, policy: str, message: str) -> None:
    bucket = aws.bucket()
    with aws.refused("MalformedPolicy", message, status=400):
        aws.client("s3").put_bucket_policy(Bucket=bucket, Policy=policy)


@behaviour(
    "s3",
    "PutBucketPolicy",
    "A statement with {change} is refused",
    GUIDE + "example-bucket-policies.html",
)
@pytest.mark.parametrize(
    "change",
    ["Principal=", "Action=", "Resource=", "Effect=Perhaps", "Action=sqs:SendMessage", "Resource=arn:aws:s3:::other/*"],
)
def test_a_wrong_statement(aws: Account, change: str) -> None:
    bucket = aws.bucket()
    name, _, value = change.partition("=")
    with aws.refused("MalformedPolicy", status=400):
        aws.client("s3").put_bucket_policy(Bucket=bucket, Policy=allowing(bucket, **{name: value or None}))


@behaviour(
    "s3",
    "PutBucketPolicy",
    "A public policy is refused while public access is blocked",
    GUIDE + "access-control-block-public-access.html",
)
def test_a_public_policy(aws: Account) -> None:
    bucket = aws.bucket()
    with aws.refused("AccessDenied", status=403):
        aws.client("s3").put_bucket_policy(Bucket=bucket, Policy=allowing(bucket, Effect="Allow", Condition=None))


# Access control lists


@behaviour(
    "s3",
    ("GetBucketAcl", "GetObjectAcl"),
    "Bucket and objects belong to their owner alone",
    GUIDE + "acl-overview.html",
)
def test_access_control_lists(aws: Account) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    for found in (s3.get_bucket_acl(Bucket=bucket), s3.get_object_acl(Bucket=bucket, Key="k")):
        (grant,) = found["Grants"]
        assert (grant["Grantee"]["ID"], grant["Permission"]) == (found["Owner"]["ID"], "FULL_CONTROL")


@behaviour(
    "s3",
    ("PutBucketAcl", "PutObjectAcl", "PutObject"),
    "Where the owner owns all objects, access control lists are refused",
    GUIDE + "about-object-ownership.html",
)
def test_access_control_lists_are_off(aws: Account) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    owner = s3.get_bucket_acl(Bucket=bucket)["Owner"]["ID"]
    message = "The bucket does not allow ACLs"
    with aws.refused("AccessControlListNotSupported", message, status=400):
        s3.put_bucket_acl(Bucket=bucket, GrantRead=f'id="{owner}"')
    with aws.refused("AccessControlListNotSupported", message):
        s3.put_object_acl(Bucket=bucket, Key="k", ACL="aws-exec-read")
    with aws.refused("AccessControlListNotSupported", message):
        s3.put_object(Bucket=bucket, Key="l", Body=b"", ACL="aws-exec-read")
