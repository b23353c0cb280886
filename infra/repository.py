"""The stack with the Git repository that the admin pushes to."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_codecommit as codecommit
from constructs import Construct


class RepositoryStack(cdk.Stack):
    """A CodeCommit repository in a stack of its own: the pipeline may be deleted and made again without losing it.

    Parameters
    ----------
    repository_name : str
        Its name; the pipeline refers to the repository by that, so neither stack imports from the other.
    """

    def __init__(self, scope: Construct, construct_id: str, *, repository_name: str, **kwargs: object) -> None:
        super().__init__(scope, construct_id, **kwargs)  # type: ignore[arg-type] # the properties of cdk.Stack
        repository = codecommit.CfnRepository(
            self,
            "Repository",
            repository_name=repository_name,
            repository_description="The workshop: a push deploys it",
        )
        # https://docs.aws.amazon.com/codecommit/latest/userguide/setting-up-git-remote-codecommit.html
        grc = f"codecommit::{self.region}://{repository_name}"
        for name, value, description in (
            ("RepositoryName", repository.attr_name, "Name of the repository"),
            ("CloneUrlHttp", repository.attr_clone_url_http, "For git with a credential helper"),
            ("CloneUrlGrc", grc, "For git with git-remote-codecommit"),
        ):
            cdk.CfnOutput(self, name, value=value, description=description)
