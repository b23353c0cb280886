"""Turn the errors of boto3 into errors that say what to do.

The codes are those of "Common errors" in the AWS API references, "Error responses" in the Amazon S3 API reference,
and botocore's own exceptions.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Iterator

from botocore import exceptions as boto
from botocore.exceptions import BotoCoreError, ClientError

from contract.errors import NotDeployedError, TargetError, WorkshopError

NO_CREDENTIALS = (boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError)
EXPIRED_LOGIN = (boto.UnauthorizedSSOTokenError, boto.TokenRetrievalError, boto.SSOTokenLoadError)
UNREACHABLE = (boto.HTTPClientError, boto.ConnectionError)

EXPIRED = frozenset(("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"))
NOT_ACCEPTED = frozenset(
    (
        "AuthFailure",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    )
)
# "AuthorizationError" is Amazon SNS's (API Reference, "Common errors"); "403" is what HEAD requests to Amazon S3 bring.
DENIED = frozenset(
    ("AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation", "Forbidden", "403")
)
SKEWED = frozenset(("RequestTimeTooSkewed", "RequestInTheFuture"))
SKEWED_WORDS = ("Signature expired", "Signature not yet current")
"""A request must reach AWS within five minutes of its time stamp, Amazon S3 within fifteen:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html"""
OTHER_REGION = frozenset(
    ("PermanentRedirect", "301", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "OptInRequired")
)
MISSING = frozenset(("NoSuchKey", "404", "NotFound"))

NEW_CREDENTIALS = "log in again (`aws sso login`, or fresh keys), restart the kernel if the keys came from there"


@dataclasses.dataclass(frozen=True)
class Target:
    """What an error message needs to know of the target.

    Attributes
    ----------
    name : str
        ``local`` or ``aws``.
    where : str
        The local cloud's URL, or the region.
    """

    name: str
    where: str

    @property
    def described(self) -> str:
        """``the local cloud at http://…`` or ``AWS in us-east-1``."""
        return f"the local cloud at {self.where}" if self.name == "local" else f"AWS in {self.where}"


def code_of(error: ClientError) -> str:
    """The error code that the service sent."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextlib.contextmanager
def explained(doing: str, target: Target) -> Iterator[None]:
    """Run a block of boto3 calls; its errors become :class:`TargetError` or :class:`NotDeployedError`.

    Parameters
    ----------
    doing : str
        What the block does, for the message: ``"reading s3://bucket/key"``.
    target : Target
        Where the calls go.
    """
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise translated(error, doing, target) from error


def translated(error: BotoCoreError | ClientError, doing: str, target: Target) -> WorkshopError:
    """The error of this package that says what ``error`` means and what to do about it.

    Parameters
    ----------
    error : BotoCoreError or ClientError
        What boto3 raised.
    doing : str
        What was done, for the message: ``"reading s3://bucket/key"``.
    target : Target
        Where.
    """
    start, local = f"{doing} on {target.described}", target.name == "local"
    if isinstance(error, EXPIRED_LOGIN):
        return TargetError(f"{start}: your login has expired: {NEW_CREDENTIALS}.")
    if isinstance(error, NO_CREDENTIALS):
        return TargetError(no_credentials(start))
    if isinstance(error, UNREACHABLE):
        todo = (
            "it may have stopped: call connect() again, which starts it"
            if local
            else "check the network, and [workshop] region in workshop.toml"
        )
        return TargetError(f"{start}: no answer ({error}); {todo}.")
    if not isinstance(error, ClientError):
        return TargetError(f"{start}: {error}")
    return _from_service(error, start, local)


def _from_service(error: ClientError, start: str, local: bool) -> WorkshopError:
    code, message = code_of(error), str(error.response.get("Error", {}).get("Message", "")).rstrip(".")
    said = f"{start}: {code}: {message}"
    if code in EXPIRED:
        return TargetError(f"{said}; the credentials have expired: {NEW_CREDENTIALS}.")
    if code in SKEWED or (code in NOT_ACCEPTED and any(words in message for words in SKEWED_WORDS)):
        return TargetError(f"{said}; this machine's clock is wrong: set it, on Linux with `timedatectl set-ntp true`.")
    if code == "RegionDisabledException":
        return TargetError(f"{said}; an administrator must activate STS there (IAM console, Account settings).")
    if code in NOT_ACCEPTED:
        todo = (
            "the local cloud makes a new key whenever it starts: call connect() again"
            if local
            else "the access key is not valid there: check profile and region, or log in again"
        )
        return TargetError(f"{said}; {todo}.")
    if code in OTHER_REGION:
        return TargetError(
            f"{said}; the resource is in another region, or the region is not enabled for your account: set "
            "[workshop] region in workshop.toml to the region of the stacks."
        )
    if code in DENIED:
        return TargetError(f"{said}; {_denied(message, error.operation_name)}")
    gone = code == "NoSuchBucket" or (code.startswith("Validation") and "endpoint" in message.lower())
    if gone and ("not found" in message.lower() or "could not find" in message.lower() or code == "NoSuchBucket"):
        return NotDeployedError(f"{said}; it is gone: deploy the stacks, then call connect() again.")
    return TargetError(f"{said}.")


def _denied(message: str, operation: str) -> str:
    """What a denial means and what to do, from the words that AWS has for it.

    IAM User Guide, "Troubleshoot access denied error messages": "User: … is not authorized to perform: <action> on
    resource: <ARN> because no identity-based policy allows the <action> action", or "… with an explicit deny in a
    <kind of policy>". Amazon S3 sends no message with the answer to a HEAD request.
    """
    if forbidden := re.search(r"with an explicit deny in an? ([\w -]+?policy|permissions boundary)", message):
        return f"a {forbidden[1]} forbids it, which only those who manage it can change: ask the account's admin."
    wanted = re.search(r"not authorized to perform: ([\w-]+:\w+)(?: on resource: \"?(arn:[^\s\"]+))?", message)
    what = f": {wanted[1]}" if wanted else f", which {operation} needs"
    where = f" on {wanted[2]}" if wanted and wanted[2] else ""
    return (
        f"your role lacks this permission{what}{where}. static/iam_policy.json lists what a participant needs: ask the "
        "account's admin to grant it."
    )


def no_credentials(start: str) -> str:
    """The message for someone who has no AWS credentials."""
    return (
        f"{start}: there are no usable AWS credentials. Log in (`aws configure sso`, AWS_PROFILE or a Studio "
        'space), or set [workshop] target = "local" in workshop.toml, which needs none.'
    )
