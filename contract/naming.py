"""What a workshop may be called, and on what it may run: names that are parts of other names, on AWS too."""

from __future__ import annotations

import re

from contract.names import LONGEST_INSTANCE_TYPE, LONGEST_WORKSHOP

STACKS = ("app", "models", "pipeline", "repository", "safety")
"""What the names of a workshop's stacks end in."""


def workshop_name(value: str) -> str | None:
    """What the name of a workshop must be when it is not that, else None."""
    if not re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", value) or len(value) > LONGEST_WORKSHOP:
        return (
            f"1 to {LONGEST_WORKSHOP} lower-case letters, digits and hyphens; CloudFormation shortens what it makes of "
            "longer names, and the workshop finds its own resources by how they begin"
        )
    # All that belongs to a stack begins with its name: nothing of art-app's may look like something of art's.
    if word := next((word for word in STACKS if f"-{word}-" in f"{value}-"), None):
        return (
            f"a name without -{word} as one of its words: a stack of the workshop {value.split(f'-{word}')[0]} has it"
        )
    return None


def instance_type(value: str) -> str | None:
    """What an endpoint's instance type must be when it is not that, else None."""
    # https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-add-console.html: burstable instances do not
    # scale, so an endpoint on them could not sleep.
    fits = re.fullmatch(r"ml\.(?!t\d)[a-z0-9]+(-[a-z0-9]+)*\.[a-z0-9]+", value) and len(value) <= LONGEST_INSTANCE_TYPE
    return (
        None if fits else "a SageMaker instance type that can scale, such as ml.m5.large; burstable ones (ml.t) cannot"
    )
