"""With whose rights CloudFormation creates a resource: the stack's role, or the caller who began the operation.

AWS CloudFormation User Guide, "CloudFormation service role": without one "CloudFormation uses a temporary session that
is generated from your user credentials". Asked for are the main actions of a resource's creation, not every one that
AWS's handlers need, and nothing for an update or a deletion.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from localcloud.rules import Call, Rulebook
from localcloud.services import ACCOUNT, DEFAULT_REGION

_SESSION = "AWSCloudFormation"
_OURS = {
    "AWS::ApplicationAutoScaling::ScalableTarget": ("application-autoscaling", "RegisterScalableTarget"),
    "AWS::ApplicationAutoScaling::ScalingPolicy": ("application-autoscaling", "PutScalingPolicy"),
    "AWS::Budgets::Budget": ("budgets", "CreateBudget"),
    "AWS::CloudWatch::CompositeAlarm": ("cloudwatch", "PutCompositeAlarm"),
    "AWS::CodeBuild::Project": ("codebuild", "CreateProject"),
    "AWS::CodeBuild::ReportGroup": ("codebuild", "CreateReportGroup"),
    "AWS::CodeCommit::Repository": ("codecommit", "CreateRepository"),
    "AWS::CodePipeline::Pipeline": ("codepipeline", "CreatePipeline"),
    "AWS::SageMaker::Endpoint": ("sagemaker", "CreateEndpoint"),
    "AWS::SageMaker::EndpointConfig": ("sagemaker", "CreateEndpointConfig"),
    "AWS::SageMaker::Model": ("sagemaker", "CreateModel"),
}
_SMALL = ("codebuild", "codecommit", "codepipeline")
"""Services whose API writes its members with a small first letter."""


class StackPermissions:
    """Asks IAM for what CloudFormation is about to do.

    Attributes
    ----------
    by_caller, by_role : callable
        ``by_caller(call)`` and ``by_role(role, session, call)`` raise :class:`ServiceError` when IAM says no.
    """

    def __init__(self, modules: Mapping[str, ModuleType], rules: Rulebook) -> None:
        self._cloudformation: Any = modules["cloudformation"]
        self._responses: Any = modules["responses"]
        self._callers: dict[str, str] = {}
        self.by_caller: Callable[[Call], None] = lambda call: None
        self.by_role: Callable[[str, str, Call], None] = lambda role, session, call: None
        for operation in ("CreateStack", "UpdateStack", "ExecuteChangeSet"):
            rules.add("cloudformation", operation, self._note)

    def _note(self, call: Call) -> None:
        """Remember who began an operation on a stack."""
        name = str(call.parameters.get("StackName", ""))
        if not name:
            change_set = self._cloudformation._change_sets.get(call.parameters.get("ChangeSetName")) or {}
            name = str(change_set.get("StackName", ""))
        self._callers[_name(name)] = call.access_key

    def check(self, call: Call, stack_name: str) -> None:
        """Refuse ``call``, which creates a resource of a stack; raises :class:`ServiceError`."""
        region = self._responses.get_region() or DEFAULT_REGION
        call = dataclasses.replace(call, account=ACCOUNT, region=region)
        role = (self._cloudformation._stacks.get(stack_name) or {}).get("RoleARN")
        if role:
            self.by_role(str(role), _SESSION, call)
        elif self._callers.get(stack_name):
            self.by_caller(dataclasses.replace(call, access_key=self._callers[stack_name]))

    def check_ours(self, type_name: str, name: str, properties: Mapping[str, Any], stack_name: str) -> None:
        """The same for a type of the services that MiniStack does not have."""
        if type_name in _OURS:
            service, operation = _OURS[type_name]
            parameters = _small(properties) if service in _SMALL else dict(properties)
            named = {
                "CreateModel": "ModelName",
                "PutCompositeAlarm": "AlarmName",
                "CreateEndpoint": "EndpointName",
                "CreateEndpointConfig": "EndpointConfigName",
                "CreateRepository": "repositoryName",
            }.get(operation, "name")
            parameters.setdefault(named, name)
            if operation == "CreatePipeline":
                parameters = {"pipeline": parameters}
            self.check(Call(service, operation, parameters), stack_name)


def _name(stack: str) -> str:
    return stack.split("/")[1] if stack.startswith("arn:") else stack


def _small(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key[:1].lower() + key[1:]: _small(each) for key, each in value.items()}
    return [_small(each) for each in value] if isinstance(value, list) else value
