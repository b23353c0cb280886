"""Amazon S3: buckets, their names, places and settings."""

from __future__ import annotations

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


# What is not offered


@behaviour(
    "s3",
    "DeleteBucketMetricsConfiguration",
    "Metrics configurations of buckets are refused, and the bucket stays",
    API + "API_DeleteBucketMetricsConfiguration.html",
    "refused",
)
def test_metrics_configurations(aws: Account) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    with aws.refused("UnsupportedOperation", "DeleteBucketMetricsConfiguration"):
        s3.delete_bucket_metrics_configuration(Bucket=bucket, Id="x")
    s3.head_bucket(Bucket=bucket)
