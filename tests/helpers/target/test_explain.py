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


def test_other_errors_pass_through():
    with pytest.raises(ZeroDivisionError), explained("reading x", Target("aws", "eu-west-1")):
        _ = 1 / 0


def test_the_original_error_is_the_cause(refuse):
    original = refuse("SlowDown")
    with pytest.raises(WorkshopError) as caught, explained("reading x", Target("aws", "eu-west-1")):
        raise original
    assert caught.value.__cause__ is original
