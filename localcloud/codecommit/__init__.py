"""CodeCommit for the local cloud: Git repositories that `git clone` and `git push` reach, and the API beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localcloud.services import Cloud, Service


def create_services(cloud: Cloud) -> list[Service]:
    """The service ``codecommit`` of ``cloud``."""
    from localcloud.codecommit.service import CodeCommit

    return [CodeCommit(cloud)]
