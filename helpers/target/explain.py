"""Turn the errors of boto3 into errors that say what to do.

The codes are those of "Common errors" in the AWS API references, "Error responses" in the Amazon S3 API reference,
and botocore's own exceptions.
"""

from __future__ import annotations

import contextlib
import dataclasses
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
DENIED = frozenset(("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "Forbidden", "403"))
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
        return TargetError(f"{said}; your role lacks this permission: ask the account's admin to grant it.")
    gone = code == "NoSuchBucket" or (code.startswith("Validation") and "endpoint" in message.lower())
    if gone and ("not found" in message.lower() or "could not find" in message.lower() or code == "NoSuchBucket"):
        return NotDeployedError(f"{said}; it is gone: deploy the stacks, then call connect() again.")
    return TargetError(f"{said}.")


def no_credentials(start: str) -> str:
    """The message for someone who has no AWS credentials."""
    return (
        f"{start}: there are no usable AWS credentials. Log in (`aws configure sso`, AWS_PROFILE or a Studio "
        'space), or set [workshop] target = "local" in workshop.toml, which needs none.'
    )
