"""What AWS refuses on the first day: asked before anything is deployed, or explained when only trying it tells."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from contract.errors import DeploymentError
from helpers.target import regions
from helpers.target.handle import Handle

NO_PIPELINE = (
    "Deploy without the pipeline, which needs less: helpers.delivery.deploy(connection). Or set another [workshop] "
    "region in workshop.toml, such as us-east-1."
)
# CloudFormation hands on CodeCommit's OperationNotAllowedException with these words. AWS took no new customers from
# July 2024 to November 2025: https://aws.amazon.com/blogs/devops/aws-codecommit-returns-to-general-availability/
CODECOMMIT_CLOSED = "CreateRepository request is not allowed"
NO_CODECOMMIT = (
    "This account may not create its first CodeCommit repository. Ask AWS Support to open CodeCommit for it; or "
    'connect GitHub or GitLab and set [pipeline] source = "connection" in workshop.toml; or deploy without the '
    "pipeline: helpers.delivery.deploy(connection)."
)


def check_region(connection: Handle) -> None:
    """Refuse a region that lacks a service which every deployment needs; DeploymentError."""
    regions.require(connection, regions.DEPLOYMENT, "the workshop", "Set another [workshop] region in workshop.toml.")


def check_region_for_pipeline(connection: Handle) -> None:
    """The same for the pipeline, which needs more services; DeploymentError says how to go on without it."""
    check_region(connection)
    regions.require(connection, regions.pipeline_services(connection.settings), "the pipeline", NO_PIPELINE)


@contextlib.contextmanager
def refusals_explained() -> Iterator[None]:
    """Add to an error of the block what to do about a refusal that new accounts meet."""
    try:
        yield
    except DeploymentError as error:
        if CODECOMMIT_CLOSED in str(error):
            raise DeploymentError(f"{error}\n{NO_CODECOMMIT}") from error
        raise
