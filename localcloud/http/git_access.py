"""What Git asks of CodeCommit, as calls that IAM knows: ``codecommit:GitPull`` and ``codecommit:GitPush``.

CodeCommit User Guide, "CodeCommit permissions reference": Git's two permissions have no API operation.
"""

from __future__ import annotations

import re

from localcloud.http.messages import Request
from localcloud.rules import Call
from localcloud.services import ACCOUNT

_REPOSITORY = re.compile(r"/v1/repos/([^/]+)")


def git_call(request: Request, access_key: str) -> Call:
    """What ``request``, which is Git's, asks for.

    Parameters
    ----------
    request : Request
    access_key : str
        The caller's.
    """
    found = _REPOSITORY.match(request.decoded_path)
    asked = [request.decoded_path.rpartition("/")[2], *request.query.get("service", [])]
    writes = "git-receive-pack" in asked
    parameters = {"repositoryName": found[1] if found else ""}
    return Call("codecommit", "GitPush" if writes else "GitPull", parameters, ACCOUNT, "", access_key)
