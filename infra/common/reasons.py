"""Why a finding of cdk-nag does not apply here, said next to the resource that it is about."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from constructs import IConstruct


def acknowledge(node: IConstruct, reasons: Mapping[str, str]) -> None:
    """Record for each rule (with its finding in brackets, when it has one) the reason why it may stay."""
    cdk.Validations.of(node).acknowledge(
        *[cdk.Acknowledgment(id=rule, reason=reason) for rule, reason in reasons.items()]
    )


def acknowledge_wildcards(node: IConstruct, resources: Sequence[str], reason: str) -> None:
    """The same for resources with a wildcard (rule IAM5).

    Parameters
    ----------
    node : IConstruct
        The role, or what holds it.
    resources : sequence of str
        ARNs, which may hold tokens.
    reason : str
        Why the wildcards may stay.
    """
    stack = cdk.Stack.of(node)
    findings = [_as_cdk_nag_writes(stack.resolve(resource)) for resource in resources]
    acknowledge(node, {f"AwsSolutions-IAM5[Resource::{finding}]": reason for finding in findings})


def _as_cdk_nag_writes(value: object) -> str:
    """``{"Fn::GetAtt": ["Bucket", "Arn"]}`` is ``<Bucket.Arn>`` in a finding; what it does not know stays JSON."""
    match value:
        case str():
            return value
        case {"Fn::Join": [str(glue), [*parts]]}:
            return glue.join(map(_as_cdk_nag_writes, parts))
        case {"Fn::ImportValue": str(name)}:
            return name
        case {"Ref": str(name)}:
            return f"<{name}>"
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            return f"<{name}.{attribute}>"
    return json.dumps(value, separators=(",", ":"))
