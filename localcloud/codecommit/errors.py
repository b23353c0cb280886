"""Refusals in AWS's words: the API Reference's text of each exception, which botocore's service model carries."""

from __future__ import annotations

import html
import re

from localcloud.http.protocol import service_model
from localcloud.services import ServiceError


def refusal(code: str, what: str = "") -> ServiceError:
    """The error ``code`` with AWS's text, and behind it what in particular was refused."""
    documented = service_model("codecommit").shape_for(code).documentation
    text = " ".join(html.unescape(re.sub("<[^>]+>", "", documented)).split())
    return ServiceError(code, f"{text} ({what})" if what else text)
