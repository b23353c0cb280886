"""Amazon S3: buckets, their names, places and settings."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account

API = "AmazonS3/latest/API/"
GUIDE = "AmazonS3/latest/userguide/"
RECORDED = "localstack:tests/aws/services/s3/test_s3_api.py::"
MALFORMED = "The XML you provided was not well-formed or did not validate against our published schema"


@behaviour("s3", "CreateBucket", "The bucket name {name} is refused", GUIDE + "bucketnamingrules.html")
@pytest.mark.parametrize(
    "name",
    [
        "Bad-Name",
        "bad_name",
        "-bad",
        "bad-",
        "192.168.5.4",
        "a..b",
        "xn--bad",
        "sthree-bad",
        "bad-s3alias",
        "bad--ol-s3",
    ],
)
def test_a_bad_name(aws: Account, name: str) -> None:
    with aws.refused("InvalidBucketName", "The specified bucket is not valid.", status=400):
        aws.client("s3").create_bucket(Bucket=name)


@behaviour(
    "s3",
    ("CreateBucket", "HeadBucket", "GetBucketLocation"),
    "A bucket of us-east-1 has no location constraint; HeadBucket names its region",
    API + "API_GetBucketLocation.html",
)
def test_location(aws: Account) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    assert s3.head_bucket(Bucket=bucket)["BucketRegion"] == aws.region


@behaviour("s3", "HeadBucket", "HeadBucket of a bucket that is not there is a bare 404", API + "API_HeadBucket.html")
def test_no_bucket(aws: Account) -> None:
    with aws.refused("404"):
        aws.client("s3").head_bucket(Bucket=aws.name("nowhere"))


@behaviour(
    "s3",
    "CreateBucket",
    "In us-east-1 a bucket that one owns already is created again, and keeps its objects",
    API + "API_CreateBucket.html",
)
def test_create_again(aws: Account) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.create_bucket(Bucket=bucket)
    assert s3.head_object(Bucket=bucket, Key="k")["ContentLength"] == 1


@behaviour(
    "s3",
    "CreateBucket",
    "The location constraint {place} is refused in us-east-1",
    "localstack:tests/aws/services/s3/test_s3.py::TestS3::test_different_location_constraint",
)
@pytest.mark.parametrize("place", ["us-east-1", "nowhere-1"])
def test_a_wrong_location(aws: Account, place: str) -> None:
    with aws.refused("InvalidLocationConstraint", "The specified location-constraint is not valid", status=400):
        aws.client("s3").create_bucket(
            Bucket=aws.name("bucket"), CreateBucketConfiguration={"LocationConstraint": place}
        )


@behaviour("s3", "DeleteBucket", "A bucket with objects or versions is not deleted", API + "API_DeleteBucket.html")
def test_delete_a_full_bucket(aws: Account) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    with aws.refused("BucketNotEmpty", "The bucket you tried to delete is not empty", status=409):
        s3.delete_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.delete_object(Bucket=bucket, Key="k")
    with aws.refused("BucketNotEmpty", "You must delete all versions in the bucket.", status=409):
        s3.delete_bucket(Bucket=bucket)


@behaviour("s3", ("DeleteBucket", "ListObjectsV2"), "A deleted bucket is not there", API + "API_DeleteBucket.html")
def test_delete(aws: Account) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    s3.delete_bucket(Bucket=bucket)
    with aws.refused("NoSuchBucket", status=404):
        s3.list_objects_v2(Bucket=bucket)
    with aws.refused("NoSuchBucket", status=404):
        s3.delete_bucket(Bucket=bucket)


# Settings that are there from the start, or not


@behaviour("s3", "GetBucketEncryption", "A new bucket encrypts with AES256", GUIDE + "default-encryption-faq.html")
def test_default_encryption(aws: Account) -> None:
    found = aws.client("s3").get_bucket_encryption(Bucket=aws.bucket())["ServerSideEncryptionConfiguration"]["Rules"]
    assert found[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


@behaviour(
    "s3",
    ("GetPublicAccessBlock", "GetBucketOwnershipControls"),
    "A new bucket blocks public access, and its owner owns its objects",
    GUIDE + "create-bucket-faq.html",
)
def test_closed_from_the_start(aws: Account) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    assert set(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values()) == {True}
    rules = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]


@behaviour("s3", "GetBucketPolicy", "A new bucket has no policy: NoSuchBucketPolicy", API + "API_GetBucketPolicy.html")
@behaviour("s3", "GetBucketTagging", "A new bucket has no tags: NoSuchTagSet", API + "API_GetBucketTagging.html")
@behaviour("s3", "GetBucketCors", "A new bucket has no CORS: NoSuchCORSConfiguration", API + "API_GetBucketCors.html")
@behaviour(
    "s3",
    "GetBucketLifecycleConfiguration",
    "A new bucket has no lifecycle rules: NoSuchLifecycleConfiguration",
    API + "API_GetBucketLifecycleConfiguration.html",
)
def test_nothing_from_the_start(aws: Account) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    for call, code in (
        (s3.get_bucket_policy, "NoSuchBucketPolicy"),
        (s3.get_bucket_tagging, "NoSuchTagSet"),
        (s3.get_bucket_cors, "NoSuchCORSConfiguration"),
        (s3.get_bucket_lifecycle_configuration, "NoSuchLifecycleConfiguration"),
    ):
        with aws.refused(code, status=404):
            call(Bucket=bucket)


@behaviour(
    "s3",
    ("PutPublicAccessBlock", "GetPublicAccessBlock", "DeletePublicAccessBlock"),
    "Public access can be unblocked, setting by setting or altogether",
    API + "API_PutPublicAccessBlock.html",
)
def test_public_access_block(aws: Account) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"BlockPublicPolicy": True})
    found = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert (found["BlockPublicPolicy"], found["BlockPublicAcls"]) == (True, False)
    s3.delete_public_access_block(Bucket=bucket)
    with aws.refused("NoSuchPublicAccessBlockConfiguration", status=404):
        s3.get_public_access_block(Bucket=bucket)


@behaviour(
    "s3",
    ("PutBucketEncryption", "PutObject", "DeleteBucketEncryption"),
    "Objects are encrypted as the bucket says",
    API + "API_PutBucketEncryption.html",
)
def test_encryption(aws: Account) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": True}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    assert s3.put_object(Bucket=bucket, Key="k", Body=b"")["ServerSideEncryption"] == "AES256"
    wrong = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "rot13"}}
    with aws.refused("MalformedXML", MALFORMED):
        s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [wrong]})
    s3.delete_bucket_encryption(Bucket=bucket)


@behaviour(
    "s3",
    "PutBucketOwnershipControls",
    "Ownership controls have one rule with one of three values",
    RECORDED + "TestS3BucketOwnershipControls::test_bucket_ownership_controls_exc",
)
def test_ownership(aws: Account) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    for rules in ([], [{"ObjectOwnership": "RandomValue"}], [{"ObjectOwnership": "ObjectWriter"}] * 2):
        with aws.refused("MalformedXML", MALFORMED, status=400):
            s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": rules})
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})


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
