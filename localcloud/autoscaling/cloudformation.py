"""AWS::ApplicationAutoScaling::ScalableTarget and ::ScalingPolicy (CloudFormation Template Reference)."""

from __future__ import annotations

from typing import Any

from localcloud.autoscaling.service import ApplicationAutoScaling
from localcloud.http.coercion import api_parameters
from localcloud.services import ResourceType, ServiceError

SERVICE = "application-autoscaling"
TARGET_KEYS = ("ResourceId", "ScalableDimension", "ServiceNamespace")


def _call(control: ApplicationAutoScaling, operation: str, properties: dict[str, Any]) -> dict[str, Any]:
    return control.call(operation, api_parameters(SERVICE, operation, properties))


def _target_properties(physical_id: str) -> dict[str, str]:
    """``resource|dimension|namespace``, the physical id of a scalable target, as API parameters."""
    parts = physical_id.split("|")
    if len(parts) != len(TARGET_KEYS):
        raise ServiceError("ValidationException", f"{physical_id!r} is not a scalable target: use its Ref")
    return dict(zip(TARGET_KEYS, parts, strict=True))


def _forgiving(control: ApplicationAutoScaling, operation: str, properties: dict[str, Any]) -> None:
    """A deletion; a resource that is already gone is fine."""
    try:
        _call(control, operation, properties)
    except ServiceError as error:
        if error.code != "ObjectNotFoundException":
            raise


class ScalableTargetType:
    """Ref is ``endpoint/x/variant/AllTraffic|sagemaker:variant:DesiredInstanceCount|sagemaker``."""

    name = "AWS::ApplicationAutoScaling::ScalableTarget"
    replacing: tuple[str, ...] = TARGET_KEYS

    def __init__(self, control: ApplicationAutoScaling) -> None:
        self._control = control

    def create(self, logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        """RegisterScalableTarget; raises :class:`ServiceError` for scheduled actions."""
        wanted = {key: value for key, value in properties.items() if key != "ScheduledActions"}
        if "Tags" in wanted:  # a template has a list of them, the API a map
            wanted["Tags"] = {tag["Key"]: tag["Value"] for tag in wanted["Tags"]}
        if properties.get("ScheduledActions"):
            raise ServiceError("ValidationException", "The local cloud does not offer ScheduledActions.")
        _call(self._control, "RegisterScalableTarget", wanted)
        physical_id = "|".join(properties[key] for key in TARGET_KEYS)
        return physical_id, {"Id": physical_id}

    def update(
        self, physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str
    ) -> tuple[str, dict[str, Any]]:
        """Registering again changes the bounds."""
        return self.create("", new, stack)

    def delete(self, physical_id: str, properties: dict[str, Any]) -> None:
        """DeregisterScalableTarget."""
        _forgiving(self._control, "DeregisterScalableTarget", _target_properties(physical_id))


class ScalingPolicyType:
    """Ref is the policy's ARN; the target is named by ScalingTargetId or by its three properties."""

    name = "AWS::ApplicationAutoScaling::ScalingPolicy"
    replacing: tuple[str, ...] = ("PolicyName", "ScalingTargetId", *TARGET_KEYS)

    def __init__(self, control: ApplicationAutoScaling) -> None:
        self._control = control

    def create(self, logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        """PutScalingPolicy."""
        wanted = dict(properties)
        if "ScalingTargetId" in wanted:
            wanted |= _target_properties(wanted.pop("ScalingTargetId"))
        arn = _call(self._control, "PutScalingPolicy", wanted)["PolicyARN"]
        return arn, {"Arn": arn}

    def update(
        self, physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str
    ) -> tuple[str, dict[str, Any]]:
        """Putting it again changes it and its alarms; the ARN stays."""
        return self.create("", new, stack)

    def delete(self, physical_id: str, properties: dict[str, Any]) -> None:
        """DeleteScalingPolicy."""
        policy = self._control.policy_by_arn(physical_id)
        if policy is not None:
            wanted = {key: policy[key] for key in ("PolicyName", *TARGET_KEYS)}
            _forgiving(self._control, "DeleteScalingPolicy", wanted)


def resource_types(control: ApplicationAutoScaling) -> tuple[ResourceType, ...]:
    """Both types."""
    return ScalableTargetType(control), ScalingPolicyType(control)
