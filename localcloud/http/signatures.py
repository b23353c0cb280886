"""AWS's signatures, verified: version 4 in headers and URLs, S3's old version 2 in both, and Git's with CodeCommit.

AWS documents version 4 in the IAM User Guide, "Create a signed AWS API request", and S3's own points (no normalized
path, ``UNSIGNED-PAYLOAD``, expiry) in the S3 API Reference, "Authenticating Requests (AWS Signature Version 4)";
version 2 in the S3 User Guide, "Signing and authenticating REST requests"; Git's in the CodeCommit credential helper,
which the AWS CLI publishes.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import email.utils
import functools
import hashlib
import hmac
import re
from collections.abc import Mapping
from urllib.parse import quote

import botocore.session
from botocore.auth import HmacV1Auth

from localcloud.http.messages import Request, credential_scope

MISMATCH = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method."
)
_QUARTER_HOUR = dt.timedelta(minutes=15)
_LONGEST_URL = 7 * 24 * 3600
_STAMP = "%Y%m%dT%H%M%SZ"
_UNRESERVED = "-_.~"


class SignatureError(Exception):
    """A signature does not prove what it should.

    Parameters
    ----------
    code, message : str
        As AWS answers.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclasses.dataclass(frozen=True)
class Signed:
    """A signature of version 4 as a request carries it."""

    date: str
    region: str
    service: str
    headers: tuple[str, ...]
    signature: str
    time: str
    payload: str
    """The body's hash as the request states it; empty when only the body itself can tell."""
    expires: int | None
    """Of a presigned URL, in seconds."""


def payload_hash(request: Request) -> str | None:
    """What the signature says of the body: a hash, ``UNSIGNED-PAYLOAD``, …; None when it takes the body to know."""
    scope = credential_scope(request)
    if _is_version_2(request) or scope is None:
        return "UNSIGNED-PAYLOAD"
    stated = request.headers.get("x-amz-content-sha256")
    if "X-Amz-Signature" in request.query and scope.service == "s3":
        return stated or "UNSIGNED-PAYLOAD"
    return stated


def session_token(request: Request) -> str:
    """The token that a request of temporary credentials carries; empty without."""
    in_query = request.query.get("X-Amz-Security-Token") or request.query.get("x-amz-security-token") or [""]
    return request.headers.get("x-amz-security-token") or in_query[-1]


def verify(request: Request, secret: str) -> None:
    """Check that the sender of ``request`` has ``secret``.

    Parameters
    ----------
    request : Request
        Its body is looked at only when :func:`payload_hash` is None.
    secret : str
        Of the access key that the request names.

    Raises
    ------
    SignatureError
        When the signature is another one, is incomplete, or is too old.
    """
    if _is_version_2(request):
        _verify_version_2(request, secret)
        return
    signed = _from_query(request) if "X-Amz-Signature" in request.query else _from_header(request)
    _check_time(signed)
    payload = signed.payload or hashlib.sha256(request.body).hexdigest()
    canonical = _canonical_request(request, signed, payload)
    digest = hashlib.sha256(canonical).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{signed.time}\n{signed.date}/{signed.region}/{signed.service}/aws4_request\n{digest}"
    _compare(_sign(secret, signed.date, signed.region, signed.service, text), signed.signature)


def verify_git(path: str, host: str, secret: str, password: str) -> None:
    """Check the password of a Git request: a signature for its repository, or the secret key itself, as builds send it.

    Parameters
    ----------
    path : str
        ``/v1/repos/<name>``.
    host : str
        Without the port.
    secret, password : str

    Raises
    ------
    SignatureError
        When it is neither, or the signature is older than a quarter of an hour.
    """
    if hmac.compare_digest(password.encode("utf-8", "replace"), secret.encode()):
        return
    match = re.fullmatch(r"(\d{8}T\d{6})Z([0-9a-f]{64})", password)
    if match is None:
        raise SignatureError("SignatureDoesNotMatch", MISMATCH)
    stamp, signature = match.groups()
    _check_clock(_time(f"{stamp}Z"))
    digest = hashlib.sha256(f"GIT\n{path}\n\nhost:{host}\n\nhost\n".encode()).hexdigest()
    for region in _regions():
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{stamp[:8]}/{region}/codecommit/aws4_request\n{digest}"
        if hmac.compare_digest(_sign(secret, stamp[:8], region, "codecommit", text), signature):
            return
    raise SignatureError("SignatureDoesNotMatch", MISMATCH)


@functools.cache
def _regions() -> list[str]:
    """A Git password does not say for which region it is signed: each is tried."""
    return botocore.session.get_session().get_available_regions("codecommit")


def _sign(secret: str, date: str, region: str, service: str, text: str) -> str:
    return hmac.new(_key(secret, date, region, service), text.encode(), hashlib.sha256).hexdigest()


@functools.lru_cache(maxsize=256)
def _key(secret: str, date: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def _compare(expected: str, given: str) -> None:
    if not hmac.compare_digest(expected.encode(), given.encode()):
        raise SignatureError("SignatureDoesNotMatch", MISMATCH)


def _from_header(request: Request) -> Signed:
    authorization = request.headers.get("authorization", "")
    fields = dict(part.strip().partition("=")[::2] for part in authorization.partition(" ")[2].split(","))
    missing = [name for name in ("Credential", "SignedHeaders", "Signature") if not fields.get(name)]
    if missing:
        wants = " ".join(f"Authorization header requires '{name}' parameter." for name in missing)
        raise SignatureError("IncompleteSignature", wants)
    time = request.headers.get("x-amz-date", "")
    if not time and "date" in request.headers:
        try:
            time = email.utils.parsedate_to_datetime(request.headers["date"]).astimezone(dt.UTC).strftime(_STAMP)
        except ValueError:
            time = ""
    if not time:
        wants = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        raise SignatureError("IncompleteSignature", wants)
    scope = fields["Credential"].split("/")
    return _signed(request, scope, fields["SignedHeaders"], fields["Signature"], time, None)


def _from_query(request: Request) -> Signed:
    names = ("X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Date", "X-Amz-Signature", "X-Amz-Algorithm")
    missing = [name for name in names if not request.query.get(name, [""])[-1]]
    if missing:
        wants = " ".join(f"AWS query-string parameters must include '{name}'." for name in missing)
        raise SignatureError("IncompleteSignature", wants)
    scope, headers, time, signature, _ = (request.query[name][-1] for name in names)
    expires = request.query.get("X-Amz-Expires", ["900"])[-1]
    if not expires.isdigit() or not 0 < int(expires) <= _LONGEST_URL:
        wants = "X-Amz-Expires must be a number between 1 and 604800 (7 days)"
        raise SignatureError("AuthorizationQueryParametersError", wants)
    return _signed(request, scope.split("/"), headers, signature, time, int(expires))


def _signed(request: Request, scope: list[str], headers: str, signature: str, time: str, expires: int | None) -> Signed:
    if len(scope) != 5:
        wants = "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term"
        raise SignatureError("IncompleteSignature", wants)
    if scope[1] != time[:8]:
        wants = "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP"
        raise SignatureError("SignatureDoesNotMatch", wants)
    names = tuple(name.lower() for name in headers.split(";") if name)
    if "host" not in names:
        raise SignatureError("SignatureDoesNotMatch", "'Host' or ':authority' must be a 'SignedHeader'")
    return Signed(scope[1], scope[2], scope[3], names, signature, time, payload_hash(request) or "", expires)


def _time(stamp: str) -> dt.datetime:
    try:
        if not re.fullmatch(r"\d{8}T\d{6}Z", stamp, re.ASCII):
            raise ValueError(stamp)
        return dt.datetime.fromisoformat(stamp)  # a tenth of strptime's time, once in each request
    except ValueError:
        message = f"Date must be in ISO-8601 'basic format'. Got '{stamp}'."
        raise SignatureError("IncompleteSignature", message) from None


def _check_clock(signed_at: dt.datetime) -> None:
    now = dt.datetime.now(dt.UTC)
    if signed_at < now - _QUARTER_HOUR:
        oldest = (now - _QUARTER_HOUR).strftime(_STAMP)
        message = f"Signature expired: {signed_at.strftime(_STAMP)} is now earlier than {oldest} (15 min.)"
        raise SignatureError("RequestTimeTooSkewed", message)
    if signed_at > now + _QUARTER_HOUR:
        message = f"Signature not yet current: {signed_at.strftime(_STAMP)} is still later than now + 15 min."
        raise SignatureError("RequestTimeTooSkewed", message)


def _check_time(signed: Signed) -> None:
    signed_at = _time(signed.time)
    if signed.expires is None:
        _check_clock(signed_at)
        return
    now = dt.datetime.now(dt.UTC)
    if now > signed_at + dt.timedelta(seconds=signed.expires):
        raise SignatureError("AccessDenied", "Request has expired")
    if signed_at > now + _QUARTER_HOUR:
        raise SignatureError("AccessDenied", "Request is not valid yet")


def _canonical_request(request: Request, signed: Signed, payload: str) -> bytes:
    """The request as both sides sign it. Header values are compared as the bytes that were sent."""
    path = request.path if signed.service == "s3" else quote(_normalized(request.path), safe=f"/{_UNRESERVED}")
    pairs = [
        (quote(name, safe=_UNRESERVED), quote(value, safe=_UNRESERVED))
        for name, values in request.query.items()
        for value in values
        if name != "X-Amz-Signature"
    ]
    query = "&".join(f"{name}={value}" for name, value in sorted(pairs))
    lines = [request.method.encode(), path.encode(), query.encode()]
    for name in signed.headers:
        value = " ".join(request.headers.get(name, "").split())
        lines.append(f"{name}:".encode() + value.encode("latin-1"))
    return b"\n".join([*lines, b"", ";".join(signed.headers).encode(), payload.encode()])


def _normalized(path: str) -> str:
    """``path`` without dot segments and doubled slashes (RFC 3986, 5.2.4)."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    return "/" + "/".join(kept) + ("/" if path.endswith("/") and kept else "")


def _is_version_2(request: Request) -> bool:
    return request.headers.get("authorization", "").startswith("AWS ") or "AWSAccessKeyId" in request.query


def _verify_version_2(request: Request, secret: str) -> None:
    """S3's old signature, an HMAC-SHA1 over method, a few headers and the resource."""
    headers: Mapping[str, str] = request.headers
    in_query = "AWSAccessKeyId" in request.query
    expires = request.query.get("Expires", [""])[-1] if in_query else None
    if in_query:
        moved = {name: values[-1] for name, values in request.query.items() if name.lower().startswith("x-amz-")}
        headers = {**request.headers, **moved}
        given = request.query.get("Signature", [""])[-1]
        if not given or not expires or not expires.isdigit():
            wants = "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters"
            raise SignatureError("AccessDenied", wants)
        if dt.datetime.now(dt.UTC).timestamp() > int(expires):
            raise SignatureError("AccessDenied", "Request has expired")
    else:
        given = request.headers["authorization"][4:].partition(":")[2]
        date = request.headers.get("x-amz-date") or request.headers.get("date", "")
        try:
            _check_clock(email.utils.parsedate_to_datetime(date))
        except ValueError:
            wants = "AWS authentication requires a valid Date or x-amz-date header"
            raise SignatureError("AccessDenied", wants) from None
    path = _version_2_path(request)
    # The resource of a bucket ends with a slash, in the path or not; clients differ in what they take for it.
    paths = {path, f"{path}/"} if path.count("/") == 1 else {path}
    texts = [_version_2_text(request, headers, expires, path) for path in paths]
    digests = [hmac.new(secret.encode(), text.encode("latin-1"), hashlib.sha1).digest() for text in texts]
    if not any(hmac.compare_digest(base64.b64encode(digest), given.encode("utf-8", "replace")) for digest in digests):
        raise SignatureError("SignatureDoesNotMatch", MISMATCH)


def _version_2_text(request: Request, headers: Mapping[str, str], expires: str | None, path: str) -> str:
    """What version 2 signs. In a URL the time of its expiry stands where the date is."""
    date = expires if expires else "" if "x-amz-date" in headers else headers.get("date", "")
    amazon = sorted(
        (name.lower(), value.strip()) for name, value in headers.items() if name.lower().startswith("x-amz-")
    )
    arguments = sorted(
        name + (f"={values[-1]}" if values[-1] else "")
        for name, values in request.query.items()
        if name in HmacV1Auth.QSAOfInterest
    )
    lines = [
        request.method,
        headers.get("content-md5", ""),
        headers.get("content-type", ""),
        date,
        *(f"{name}:{value}" for name, value in amazon),
        path + ("?" + "&".join(arguments) if arguments else ""),
    ]
    return "\n".join(lines)


def _version_2_path(request: Request) -> str:
    """The resource: in virtual-hosted style the host names the bucket."""
    return f"/{request.bucket_of_host}{request.path}" if request.bucket_of_host else request.path
