import pytest
from botocore import exceptions as boto

from contract.errors import NotDeployedError, TargetError, WorkshopError
from helpers.target.explain import Target, explained, translated


@pytest.mark.parametrize(
    ("error", "target", "kind", "parts"),
    [
        (boto.NoCredentialsError(), "aws", TargetError, ["no usable AWS credentials"]),
        (boto.UnauthorizedSSOTokenError(), "aws", TargetError, ["your login has expired", "aws sso login"]),
        (
            boto.EndpointConnectionError(endpoint_url="https://x"),
            "aws",
            TargetError,
            ["no answer", "[workshop] region"],
        ),
        (boto.ConnectTimeoutError(endpoint_url="http://x"), "local", TargetError, ["no answer", "connect() again"]),
        ("ExpiredToken", "aws", TargetError, ["ExpiredToken", "credentials have expired"]),
        ("UnrecognizedClientException", "aws", TargetError, ["not valid there"]),
        ("InvalidClientTokenId", "local", TargetError, ["new key whenever it starts", "connect() again"]),
        ("PermanentRedirect", "aws", TargetError, ["another region", "[workshop] region"]),
        ("RequestTimeTooSkewed", "aws", TargetError, ["clock is wrong", "timedatectl"]),
        ("RegionDisabledException", "aws", TargetError, ["activate STS"]),
        ("AccessDenied", "aws", TargetError, ["lacks this permission"]),
        ("NoSuchBucket", "aws", NotDeployedError, ["it is gone", "deploy the stacks"]),
        ("SlowDown", "aws", TargetError, ["SlowDown: no"]),
        (boto.ParamValidationError(report="x"), "aws", TargetError, ["Parameter validation failed"]),
    ],
)
def test_each_error_of_boto3_says_what_to_do(error, target, kind, parts, refuse):
    error = refuse(error) if isinstance(error, str) else error
    made = translated(error, "reading x", Target(target, "eu-west-1"))
    assert type(made) is kind
    for part in ["reading x on ", *parts]:
        assert part in str(made)


def test_a_wrong_clock_is_not_taken_for_a_wrong_key(refuse):
    """The words are AWS's: github.com/boto/botocore/issues/149."""
    words = "Signature expired: 20131008T001036Z is now earlier than 20131008T001112Z (20131008T001612Z - 5 min.)"
    said = str(translated(refuse("SignatureDoesNotMatch", words), "reading x", Target("aws", "eu-west-1")))
    assert "clock is wrong" in said
    assert "access key" not in said


NEEDED = "static/iam_policy.json lists what a participant needs"
USER = "User: arn:aws:sts::111122223333:assumed-role/studio/me is not authorized to perform: "


@pytest.mark.parametrize(
    ("code", "message", "parts"),
    [
        (
            "AccessDenied",
            f'{USER}s3:PutObject on resource: "arn:aws:s3:::b/k" because no identity-based policy allows it',
            ["permission: s3:PutObject on arn:aws:s3:::b/k. ", NEEDED],
        ),
        (
            "AuthorizationError",
            f"{USER}SNS:ListTopics on resource: arn:aws:sns:us-east-1:111122223333:* because no policy allows it",
            ["permission: SNS:ListTopics on arn:aws:sns:us-east-1:111122223333:*. ", NEEDED],
        ),
        (
            "AccessDeniedException",
            f"{USER}tag:GetResources because no identity-based policy",
            ["tag:GetResources. ", NEEDED],
        ),
        ("403", "Forbidden", ["lacks this permission, which Something needs. ", NEEDED]),
        (
            "AccessDeniedException",
            f"{USER}tag:GetResources on resource: arn:x with an explicit deny in a service control policy: arn:y",
            ["a service control policy forbids it", "ask the account's admin"],
        ),
        (
            "AccessDenied",
            f"{USER}s3:PutObject on resource: arn:x with an explicit deny in a permissions boundary",
            ["a permissions boundary forbids it"],
        ),
    ],
)
def test_a_denial_names_action_and_resource_and_says_who_can_change_it(code, message, parts):
    error = boto.ClientError({"Error": {"Code": code, "Message": message}}, "Something")
    made = translated(error, "doing x", Target("aws", "eu-west-1"))
    assert type(made) is TargetError
    for part in parts:
        assert part in str(made)


def test_other_errors_pass_through():
    with pytest.raises(ZeroDivisionError), explained("reading x", Target("aws", "eu-west-1")):
        _ = 1 / 0


def test_the_original_error_is_the_cause(refuse):
    original = refuse("SlowDown")
    with pytest.raises(WorkshopError) as caught, explained("reading x", Target("aws", "eu-west-1")):
        raise original
    assert caught.value.__cause__ is original
