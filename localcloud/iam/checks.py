"""What IAM is asked about one call: actions and resources, as in AWS's Service Authorization Reference.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from localcloud.iam import resources, s3_actions
from localcloud.iam.passing import passed_roles
from localcloud.rules import Call

_PREFIXES = {"sagemaker-runtime": "sagemaker", "cloudwatch": "cloudwatch", "resourcegroupstaggingapi": "tag"}
"""The prefix of a service's actions where it is not the service's name."""
_ACTIONS = {
    **{
        ("budgets", operation): "budgets:ModifyBudget" for operation in ("CreateBudget", "DeleteBudget", "UpdateBudget")
    },
    **{
        ("budgets", f"Describe{what}"): "budgets:ViewBudget"
        for what in ("Budget", "Budgets", "NotificationsForBudget", "SubscribersForNotification")
    },
    ("budgets", "ListTagsForResource"): "budgets:ListTagsForResource",
    ("lambda", "Invoke"): "lambda:InvokeFunction",
    ("lambda", "InvokeAsync"): "lambda:InvokeFunction",
    ("lambda", "InvokeWithResponseStream"): "lambda:InvokeFunction",
    ("lambda", "ListVersionsByFunction"): "lambda:ListVersionsByFunction",
    ("sns", "PublishBatch"): "sns:Publish",
    ("sqs", "SendMessageBatch"): "sqs:SendMessage",
    ("sqs", "DeleteMessageBatch"): "sqs:DeleteMessage",
    ("sqs", "ChangeMessageVisibilityBatch"): "sqs:ChangeMessageVisibility",
    ("sagemaker-runtime", "InvokeEndpointWithResponseStream"): "sagemaker:InvokeEndpointWithResponseStream",
}
"""Actions that are named otherwise than their operation."""


@dataclasses.dataclass(frozen=True)
class Check:
    """One question to IAM.

    Attributes
    ----------
    action : str
        ``sagemaker:CreateModel``.
    resource : str
        An ARN, or ``*``.
    context : mapping
        Condition keys of this request; a value is a string or a list of strings.
    """

    action: str
    resource: str
    context: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def service(self) -> str:
        """The prefix of the action."""
        return self.action.partition(":")[0]


def checks_of(call: Call) -> list[Check]:
    """Everything that the caller of ``call`` must be allowed to do; empty for what nobody may be denied.

    Parameters
    ----------
    call : Call
        With account and region.
    """
    if (call.service, call.operation) in _NEVER_DENIED:
        return []
    context = _tags(call.parameters)
    if call.service == "s3":
        found = [Check(action, resource, {**context, **extra}) for action, resource, extra in s3_actions.of(call)]
    else:
        action = _ACTIONS.get((call.service, call.operation))
        action = action or f"{_PREFIXES.get(call.service, call.service)}:{call.operation}"
        context |= _conditions(call)
        found = [Check(action, resource, context) for resource in resources.of(call)]
        if _describes_all_stacks(call):
            found.append(Check("cloudformation:ListStacks", "*", context))
    for role, service in passed_roles(call):
        found.append(Check("iam:PassRole", role, {"iam:PassedToService": service}))
    return found


def _describes_all_stacks(call: Call) -> bool:
    """CloudFormation API Reference, DescribeStacks: without a name, "this requires ListStacks and DescribeStacks"."""
    return (call.service, call.operation) == ("cloudformation", "DescribeStacks") and not call.parameters.get(
        "StackName"
    )


_NEVER_DENIED = frozenset({("sts", "GetCallerIdentity"), ("sts", "GetSessionToken")})
"""STS API Reference, GetCallerIdentity: "No permissions are required to perform this operation"."""


def _tags(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """``aws:RequestTag`` and ``aws:TagKeys`` (IAM User Guide, "AWS global condition context keys")."""
    for name in ("Tags", "tags"):
        tags = parameters.get(name)
        if not tags:
            continue
        pairs = tags.items() if isinstance(tags, Mapping) else _pairs(tags)
        given = {str(key): str(value) for key, value in pairs}
        return {**{f"aws:RequestTag/{key}": value for key, value in given.items()}, "aws:TagKeys": list(given)}
    return {}


def _pairs(tags: Iterable[Any]) -> list[tuple[Any, Any]]:
    return [
        (tag.get("Key", tag.get("key")), tag.get("Value", tag.get("value", "")))
        for tag in tags
        if isinstance(tag, dict)
    ]


def _conditions(call: Call) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in _KEYS.get(call.service, {}).items():
        given = value(call.parameters)
        if given is not None:
            found[key] = given
    return found


def _parameter(name: str) -> Callable[[Mapping[str, Any]], Any]:
    return lambda parameters: parameters.get(name)


def _of_vpc(name: str) -> Callable[[Mapping[str, Any]], Any]:
    return lambda parameters: (parameters.get("VpcConfig") or {}).get(name)


_KEYS: dict[str, dict[str, Callable[[Mapping[str, Any]], Any]]] = {
    "application-autoscaling": {
        "application-autoscaling:scalable-dimension": _parameter("ScalableDimension"),
        "application-autoscaling:service-namespace": _parameter("ServiceNamespace"),
    },
    "cloudformation": {
        "cloudformation:RoleArn": _parameter("RoleARN"),
        "cloudformation:ChangeSetName": _parameter("ChangeSetName"),
        "cloudformation:TemplateUrl": _parameter("TemplateURL"),
    },
    "cloudwatch": {
        "cloudwatch:namespace": _parameter("Namespace"),
        "cloudwatch:AlarmActions": _parameter("AlarmActions"),
    },
    "events": {
        "events:source": lambda p: [e["Source"] for e in p.get("Entries", []) if "Source" in e] or None,
        "events:detail-type": lambda p: [e["DetailType"] for e in p.get("Entries", []) if "DetailType" in e] or None,
        "events:TargetArn": lambda p: [t["Arn"] for t in p.get("Targets", [])] or None,
    },
    "iam": {
        "iam:PermissionsBoundary": _parameter("PermissionsBoundary"),
        "iam:PolicyARN": _parameter("PolicyArn"),
        "iam:AWSServiceName": _parameter("AWSServiceName"),
    },
    "lambda": {
        "lambda:Principal": _parameter("Principal"),
        "lambda:SubnetIds": _of_vpc("SubnetIds"),
        "lambda:SecurityGroupIds": _of_vpc("SecurityGroupIds"),
        "lambda:Layer": _parameter("Layers"),
    },
    "sagemaker": {
        "sagemaker:VpcSubnets": _of_vpc("Subnets"),
        "sagemaker:VpcSecurityGroupIds": _of_vpc("SecurityGroupIds"),
        "sagemaker:InstanceTypes": lambda p: (
            [v["InstanceType"] for v in p.get("ProductionVariants") or [] if "InstanceType" in v] or None
        ),
        "sagemaker:VolumeKmsKey": _parameter("KmsKeyId"),
    },
    "sns": {"sns:Protocol": _parameter("Protocol"), "sns:Endpoint": _parameter("Endpoint")},
    "ssm": {"ssm:Recursive": lambda p: str(p["Recursive"]).lower() if "Recursive" in p else None},
    "sts": {
        "sts:ExternalId": _parameter("ExternalId"),
        "sts:RoleSessionName": _parameter("RoleSessionName"),
    },
}
"""Condition keys of the services, from the parameters of a request."""
