"""Whose rights a build has: those of the project's service role (User Guide, "Allow CodeBuild to interact with …")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.cloud import Cloud
from localcloud.codebuild.failures import PhaseFailed
from localcloud.rules import Call
from localcloud.services import ServiceError

PRINCIPAL = "codebuild.amazonaws.com"
_SPARE_SECONDS = 3600.0


class Permissions:
    """What one build may do.

    Parameters
    ----------
    cloud : Cloud
    build : mapping
        The build's document.
    """

    def __init__(self, cloud: Cloud, build: Mapping[str, Any]) -> None:
        self._cloud = cloud
        self._build = build
        self._role = str(build.get("serviceRole", ""))
        self._session = f"AWSCodeBuild-{str(build['id']).rpartition(':')[2]}"

    def acting(self, seconds: float) -> Cloud:
        """The cloud with the rights of the role, for a build that may take ``seconds``.

        Raises
        ------
        ServiceError
            When CodeBuild cannot assume the role.
        """
        return self._cloud.acting_as(self._role, self._session, PRINCIPAL, seconds + _SPARE_SECONDS)

    def require(self, service: str, operation: str, **parameters: Any) -> None:
        """Ask whether the role may make a call that the build makes without HTTP; raises :class:`ServiceError`."""
        if self._cloud.authorizer is not None:
            call = Call(service, operation, parameters, self._cloud.account, self._cloud.region)
            self._cloud.authorizer.require_of_role(self._role, self._session, call)

    def check_log(self, group: str, stream: str) -> None:
        """See that the role may write the build's log.

        Raises
        ------
        PhaseFailed
            ACCESS_DENIED, in the words with which builds on AWS fail.
        """
        found = self._cloud.client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        try:
            if all(each["logGroupName"] != group for each in found):
                self.require("logs", "CreateLogGroup", logGroupName=group)
            for operation in ("CreateLogStream", "PutLogEvents"):
                self.require("logs", operation, logGroupName=group, logStreamName=stream)
        except ServiceError as error:
            message = (
                f"Service role {self._role} does not allow AWS CodeBuild to create Amazon CloudWatch Logs log streams "
                f"for build {self._build['arn']}. Error message: {error.message}"
            )
            raise PhaseFailed("ACCESS_DENIED", message) from error
