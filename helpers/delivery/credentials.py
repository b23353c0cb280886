"""A Git credential helper for CodeCommit: signs each request with the AWS credentials that boto3 finds.

What ``aws codecommit credential-helper`` does, without the AWS CLI and for the local cloud too. Git runs it as
``credentials.py get`` and hands protocol, host and path over on standard input.
https://docs.aws.amazon.com/codecommit/latest/userguide/setting-up-https-unixes.html
"""

from __future__ import annotations

import datetime as dt
import sys

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


def password(credentials: Credentials, region: str, host: str, path: str, now: dt.datetime) -> str:
    """The time, and the signature over a request of method ``GIT`` for ``path``: valid for 15 minutes.

    Parameters
    ----------
    host : str
        Without the port, which is not signed.
    path : str
        ``/v1/repos/<name>``.
    now : datetime
        In UTC.
    """
    request = AWSRequest(method="GIT", url=f"https://{host}{path}")
    request.context["timestamp"] = now.strftime("%Y%m%dT%H%M%S")
    signer = SigV4Auth(credentials, "codecommit", region)
    text = signer.string_to_sign(request, f"GIT\n{path}\n\nhost:{host}\n\nhost\n")
    return f"{request.context['timestamp']}Z{signer.signature(text, request)}"


def main() -> None:
    """Answer ``get``; there is nothing to store or to erase."""
    if sys.argv[1:] != ["get"]:
        return
    asked = dict(line.rstrip("\n").split("=", 1) for line in sys.stdin if "=" in line)
    session = boto3.Session()
    credentials = session.get_credentials()
    if credentials is None:
        sys.exit("there are no AWS credentials; log in (`aws configure sso`, AWS_PROFILE) and try again")
    frozen = credentials.get_frozen_credentials()
    user = f"{frozen.access_key}%{frozen.token}" if frozen.token else frozen.access_key
    host, path = asked["host"].partition(":")[0], "/" + asked.get("path", "")
    secret = password(credentials, session.region_name, host, path, dt.datetime.now(dt.UTC))
    sys.stdout.write(f"username={user}\npassword={secret}\n")


if __name__ == "__main__":
    main()
