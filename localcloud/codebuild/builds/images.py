"""Which build images there are: AWS's own, in whose place this machine's tools stand. None is pulled."""

from __future__ import annotations

import re

from localcloud.codebuild.failures import PhaseFailed

# User Guide, "Docker images provided by CodeBuild"; the names of compute images for Lambda are there, too.
_CURATED = re.compile(
    r"aws/codebuild/(standard:[1-8]\.0|amazonlinux2-x86_64-standard:(corretto8|corretto11|[1-5]\.0)|amazonlinux2-aarch64-standard:[1-3]\.0"
    r"|amazonlinux-x86_64-standard:(corretto8|corretto11|[1-6]\.0)|amazonlinux-aarch64-standard:[1-4]\.0"
    r"|amazonlinux-(x86_64|aarch64)-lambda-standard:[a-z]+[0-9.]+|macos-arm-base:\d+)(-\d{2}\.\d{2}\.\d{2})?"
)


def check_image(image: str) -> None:
    """Let AWS's own images pass.

    Raises
    ------
    PhaseFailed
        For every other image: this cloud pulls none, so a build in it would not be what was asked for. The code is
        the one with which AWS ends a build whose image cannot be pulled (User Guide, "Troubleshooting AWS CodeBuild").
    """
    if _CURATED.fullmatch(image) is None:
        message = (
            f"Unable to pull customer's container image. The local cloud pulls no images, and {image!r} is none of "
            "those that CodeBuild provides (aws/codebuild/amazonlinux-x86_64-standard:5.0, aws/codebuild/standard:7.0 "
            "and the like), in whose place the tools of this machine stand."
        )
        raise PhaseFailed("BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE", message)
