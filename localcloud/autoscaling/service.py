"""The service ``application-autoscaling``: scalable targets, policies and activities of SageMaker variants."""

from __future__ import annotations

import datetime
import hashlib
import logging
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from localcloud.autoscaling import policies, tracking_alarms, variants
from localcloud.autoscaling.engine import Engine
from localcloud.cloud import Cloud
from localcloud.services import ResourceType, ServiceError, dispatch
from localcloud.store import Store

logger = logging.getLogger(__name__)

PAGE = MOST_TAGS = 50
ROLE = (
    "role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/"
    "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
)
HIDDEN = ("Before", "After", "Policy", "AlarmIds")
"""What is kept with activities and policies for this service's own use."""


def _invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """A stored row as the API gives it."""
    answer = {key: value for key, value in row.items() if key not in HIDDEN}
    for key in ("CreationTime", "StartTime", "EndTime"):
        if key in answer:
            answer[key] = datetime.datetime.fromtimestamp(answer[key], datetime.UTC)
    return answer


def _page(rows: list[dict[str, Any]], parameters: dict[str, Any]) -> tuple[list[dict[str, Any]], dict[str, str]]:
    token, size = parameters.get("NextToken", "0"), int(parameters.get("MaxResults", PAGE))
    if not 1 <= size <= PAGE:  # "MaxResults can be between 1 and 50"; the service model does not say so
        bound = "greater than or equal to 1" if size < 1 else f"less than or equal to {PAGE}"
        raise _invalid(
            f"1 validation error detected: Value '{size}' at 'maxResults' failed to satisfy constraint: Member must "
            f"have value {bound}"
        )
    if not token.isdigit():
        raise ServiceError("InvalidNextTokenException", "The next token supplied was invalid.")
    start = int(token)
    rest = {"NextToken": str(start + size)} if start + size < len(rows) else {}
    return rows[start : start + size], rest


class ApplicationAutoScaling:
    """Register, deregister and describe targets; put, delete and describe policies; describe activities; tags."""

    name = "application-autoscaling"
    resource_types: tuple[ResourceType, ...] = ()

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._store = Store(cloud.state / "application-autoscaling.sqlite")
        self._engine = Engine(cloud, self._store)
        self._lock = threading.RLock()
        self._operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "RegisterScalableTarget": self._register,
            "DeregisterScalableTarget": self._deregister,
            "DescribeScalableTargets": self._describe_targets,
            "PutScalingPolicy": self._put_policy,
            "DeleteScalingPolicy": self._delete_policy,
            "DescribeScalingPolicies": self._describe_policies,
            "DescribeScalingActivities": self._describe_activities,
            "DescribeScheduledActions": self._describe_scheduled_actions,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": self._list_tags,
        }

    def start(self) -> None:
        """Listen to alarms and watch activities."""
        self._cloud.alarm_action(self._cloud.arn("autoscaling", "scalingPolicy:"), self._on_alarm)
        self._engine.start()

    def stop(self) -> None:
        """End; targets, policies and activities stay."""
        self._engine.stop()
        self._store.close()

    def call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Carry out one operation; raises :class:`ServiceError`, also for what is not scaled here."""
        if parameters.get("ServiceNamespace", "sagemaker") != "sagemaker":
            raise _invalid(f"The local cloud scales sagemaker only, not {parameters['ServiceNamespace']}.")
        dimension = parameters.get("ScalableDimension", variants.DIMENSION)
        if dimension != variants.DIMENSION:
            raise _invalid(f"The local cloud scales {variants.DIMENSION} only, not {dimension}.")
        return dispatch(self._operations, self.name, operation, parameters)

    def summary(self) -> list[str]:
        """Lines for ``python -m localcloud status``."""
        targets = self._store.all("target").values()
        lines = [
            f"target {row['ResourceId']}: {row['MinCapacity']} to {row['MaxCapacity']} instances" for row in targets
        ]
        lines += [
            f"activity: {row['Description']} {row['StatusCode']} ({row['Cause']})"
            for row in self._engine.activities()[:3]
        ]
        return lines

    def _on_alarm(self, action: str, alarm: dict[str, Any], state: str) -> None:
        if state != "ALARM":
            return
        for policy in self._store.all("policy").values():
            if action == policy["PolicyARN"] or action.startswith(policy["PolicyARN"] + ":createdBy/"):
                target = self._store.get("target", policy["ResourceId"])
                if target is not None:
                    self._engine.react(policy, target, alarm)
                return
        logger.info("alarm %s names the scaling policy %s, which does not exist", alarm.get("AlarmName"), action)

    # Targets -----------------------------------------------------------------------------------------------------

    def _target(self, resource_id: str, word: str = "registered") -> dict[str, Any]:
        found = self._store.get("target", resource_id)
        if found is None:
            raise ServiceError(
                "ObjectNotFoundException",
                f"No scalable target {word} for service namespace: sagemaker, resource ID: {resource_id}, "
                f"scalable dimension: {variants.DIMENSION}",
            )
        return found

    def _register(self, parameters: dict[str, Any]) -> dict[str, Any]:
        resource_id = parameters["ResourceId"]
        if variants.parse(resource_id) is None:
            raise _invalid(f"Unsupported resource ID {resource_id}: it must be endpoint/<name>/variant/<name>.")
        capacity = variants.read(self._cloud.client("sagemaker"), resource_id)
        if capacity is None:
            raise _invalid(f"SageMaker endpoint variant doesn't exist: {resource_id}")
        if variants.is_burstable(self._cloud.client("sagemaker"), resource_id):
            raise _invalid(f"Automatic scaling is not supported for burstable instances, which {resource_id} has.")
        with self._lock:
            known = self._store.get("target", resource_id)
            kept = ("MinCapacity", "MaxCapacity", "RoleARN", "SuspendedState")
            given = {key: parameters[key] for key in kept if key in parameters}
            if known is None and not {"MinCapacity", "MaxCapacity"} <= set(given):
                raise _invalid("Both MinCapacity and MaxCapacity must be given to register a new scalable target.")
            target = (known or self._new_target(resource_id)) | given
            if target["MinCapacity"] < 0 or target["MaxCapacity"] < target["MinCapacity"]:
                raise _invalid(
                    f"Maximum capacity {target['MaxCapacity']} cannot be less than minimum capacity "
                    f"{target['MinCapacity']}, nor that less than 0."
                )
            self._store.put("target", resource_id, target)
            if parameters.get("Tags"):
                self._store.put("tags", target["ScalableTargetARN"], _checked_tags(parameters["Tags"]))
        self._keep_within_bounds(target, capacity)
        return {"ScalableTargetARN": target["ScalableTargetARN"]}

    def _new_target(self, resource_id: str) -> dict[str, Any]:
        unique = hashlib.sha256(f"{resource_id}|{time.time()}".encode()).hexdigest()[:36]
        return {
            "ServiceNamespace": "sagemaker",
            "ResourceId": resource_id,
            "ScalableDimension": variants.DIMENSION,
            "RoleARN": f"arn:aws:iam::{self._cloud.account}:{ROLE}",
            "CreationTime": time.time(),
            "SuspendedState": {
                "DynamicScalingInSuspended": False,
                "DynamicScalingOutSuspended": False,
                "ScheduledScalingSuspended": False,
            },
            "ScalableTargetARN": self._cloud.arn("application-autoscaling", f"scalable-target/{unique}"),
        }

    def _keep_within_bounds(self, target: dict[str, Any], capacity: variants.Capacity) -> None:
        """User Guide, "Scaling activities": a new minimum or maximum scales a target whose capacity is outside."""
        wanted = policies.clamp(capacity.desired, int(target["MinCapacity"]), int(target["MaxCapacity"]))
        if wanted == capacity.desired:
            return
        bound = "minimum" if wanted > capacity.desired else "maximum"
        self._engine.change(target, capacity.desired, wanted, f"{bound} capacity was set to {wanted}", None)

    def _deregister(self, parameters: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            target = self._target(parameters["ResourceId"], "found")
            for policy in self._policies(target["ResourceId"]):
                self._remove_policy(policy)
            self._store.delete("target", target["ResourceId"])
            self._store.delete("tags", target["ScalableTargetARN"])
        self._engine.forget(target["ResourceId"])
        return {}

    def _describe_targets(self, parameters: dict[str, Any]) -> dict[str, Any]:
        wanted = parameters.get("ResourceIds")
        rows = sorted(self._store.all("target").values(), key=lambda row: str(row["ResourceId"]))
        rows, rest = _page([row for row in rows if not wanted or row["ResourceId"] in wanted], parameters)
        return {"ScalableTargets": [_shown(row) for row in rows], **rest}

    # Policies ----------------------------------------------------------------------------------------------------

    def _policies(self, resource_id: str | None = None) -> list[dict[str, Any]]:
        rows = sorted(self._store.all("policy").values(), key=lambda row: str(row["PolicyName"]))
        return [row for row in rows if resource_id in (None, row["ResourceId"])]

    def _put_policy(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name, resource_id = parameters["PolicyName"], parameters["ResourceId"]
        with self._lock:
            self._target(resource_id)
            known = self._store.get("policy", f"{resource_id}|{name}")
            kind = parameters.get("PolicyType") or (known or {}).get("PolicyType") or "StepScaling"
            if known and known["PolicyType"] != kind:
                raise _invalid(
                    f"The type of the existing policy {name} is {known['PolicyType']}; it cannot be changed."
                )
            _check_policy(kind, parameters)
            if known is None and len(self._policies(resource_id)) >= policies.MOST_POLICIES:
                raise ServiceError(
                    "LimitExceededException", f"{resource_id} has {policies.MOST_POLICIES} scaling policies already."
                )
            keys = ("StepScalingPolicyConfiguration", "TargetTrackingScalingPolicyConfiguration")
            policy = (known or self._new_policy(name, resource_id)) | {"PolicyType": kind}
            policy |= {key: parameters[key] for key in keys if key in parameters}
            if kind == "TargetTrackingScaling":
                policy["Alarms"] = tracking_alarms.put(self._cloud.client("cloudwatch"), policy)
            self._store.put("policy", f"{resource_id}|{name}", policy)
        return {"PolicyARN": policy["PolicyARN"], "Alarms": policy.get("Alarms", [])}

    def _new_policy(self, name: str, resource_id: str) -> dict[str, Any]:
        resource = f"scalingPolicy:{uuid.uuid4()}:resource/sagemaker/{resource_id}:policyName/{name}"
        return {
            "PolicyARN": self._cloud.arn("autoscaling", resource),
            "PolicyName": name,
            "ServiceNamespace": "sagemaker",
            "ResourceId": resource_id,
            "ScalableDimension": variants.DIMENSION,
            "CreationTime": time.time(),
            "AlarmIds": {kind: str(uuid.uuid4()) for kind in ("High", "Low", "Action")},
        }

    def _remove_policy(self, policy: dict[str, Any]) -> None:
        if policy["PolicyType"] == "TargetTrackingScaling":
            tracking_alarms.delete(self._cloud.client("cloudwatch"), policy)
        self._store.delete("policy", f"{policy['ResourceId']}|{policy['PolicyName']}")

    def _delete_policy(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name, resource_id = parameters["PolicyName"], parameters["ResourceId"]
        with self._lock:
            policy = self._store.get("policy", f"{resource_id}|{name}")
            if policy is None:
                raise ServiceError(
                    "ObjectNotFoundException",
                    f"No scaling policy found for service namespace: sagemaker, resource ID: {resource_id}, "
                    f"scalable dimension: {variants.DIMENSION}, policy name: {name}",
                )
            self._remove_policy(policy)
        return {}

    def _describe_policies(self, parameters: dict[str, Any]) -> dict[str, Any]:
        names = parameters.get("PolicyNames")
        rows = [row for row in self._policies(parameters.get("ResourceId")) if not names or row["PolicyName"] in names]
        rows, rest = _page(rows, parameters)
        if any(row["PolicyType"] == "StepScaling" for row in rows):
            rows = self._with_own_alarms(rows)
        return {"ScalingPolicies": [_shown(row) for row in rows], **rest}

    def _with_own_alarms(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Name the alarms that people have put on step policies, as DescribeScalingPolicies does."""
        alarms = []
        for page in self._cloud.client("cloudwatch").get_paginator("describe_alarms").paginate():
            alarms += page.get("MetricAlarms", [])
        return [
            row
            if row["PolicyType"] != "StepScaling"
            else row
            | {
                "Alarms": [
                    {"AlarmName": alarm["AlarmName"], "AlarmARN": alarm["AlarmArn"]}
                    for alarm in alarms
                    if row["PolicyARN"] in alarm.get("AlarmActions", [])
                ]
            }
            for row in rows
        ]

    def policy_by_arn(self, arn: str) -> dict[str, Any] | None:
        """A policy by what ``Ref`` gives in a template."""
        return next((row for row in self._policies() if row["PolicyARN"] == arn), None)

    # Activities and tags -----------------------------------------------------------------------------------------

    def _describe_activities(self, parameters: dict[str, Any]) -> dict[str, Any]:
        if parameters.get("IncludeNotScaledActivities"):
            raise _invalid("The local cloud records no activities that did not scale (IncludeNotScaledActivities).")
        wanted = parameters.get("ResourceId")
        rows, rest = _page(
            [row for row in self._engine.activities() if wanted in (None, row["ResourceId"])], parameters
        )
        return {"ScalingActivities": [_shown(row) for row in rows], **rest}

    def _describe_scheduled_actions(self, parameters: dict[str, Any]) -> dict[str, Any]:
        _, rest = _page([], parameters)
        return {"ScheduledActions": [], **rest}  # PutScheduledAction is not offered, so this is the truth

    def _tags(self, arn: str) -> dict[str, str]:
        if not any(row["ScalableTargetARN"] == arn for row in self._store.all("target").values()):
            raise ServiceError("ResourceNotFoundException", f"Could not find {arn}")
        return self._store.get("tags", arn) or {}

    def _tag(self, parameters: dict[str, Any]) -> dict[str, Any]:
        arn = parameters["ResourceARN"]
        tags = self._tags(arn) | _checked_tags(parameters["Tags"])
        if len(tags) > MOST_TAGS:
            raise ServiceError("TooManyTagsException", f"{arn} would have {len(tags)} tags; it can have {MOST_TAGS}.")
        self._store.put("tags", arn, tags)
        return {}

    def _untag(self, parameters: dict[str, Any]) -> dict[str, Any]:
        arn = parameters["ResourceARN"]
        kept = {key: value for key, value in self._tags(arn).items() if key not in parameters["TagKeys"]}
        self._store.put("tags", arn, kept)
        return {}

    def _list_tags(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return {"Tags": self._tags(parameters["ResourceARN"])}


def _checked_tags(tags: dict[str, str]) -> dict[str, str]:
    """The tags; TagResource: "you cannot use the aws: prefix in your tag names or values"."""
    for key, value in tags.items():
        if key.lower().startswith("aws:") or value.lower().startswith("aws:"):
            raise _invalid("aws: prefixed tag key names and values are not allowed for external use.")
    return tags


def _check_policy(kind: str, parameters: dict[str, Any]) -> None:
    """Refuse what is wrong or not offered."""
    if kind == "StepScaling":
        if "StepScalingPolicyConfiguration" not in parameters:
            raise _invalid("StepScalingPolicyConfiguration is required for the policy type StepScaling.")
        steps = parameters["StepScalingPolicyConfiguration"].get("StepAdjustments") or []
        if len(steps) > policies.MOST_STEPS:
            raise ServiceError(
                "LimitExceededException", f"A step scaling policy can have {policies.MOST_STEPS} step adjustments."
            )
        try:
            policies.check_steps(parameters["StepScalingPolicyConfiguration"])
        except policies.PolicyError as error:
            raise _invalid(str(error)) from error
        return
    if kind != "TargetTrackingScaling":
        raise _invalid(f"The local cloud does not offer {kind} policies, only StepScaling and TargetTrackingScaling.")
    settings = parameters.get("TargetTrackingScalingPolicyConfiguration")
    if not settings:
        raise _invalid(
            "TargetTrackingScalingPolicyConfiguration is required for the policy type TargetTrackingScaling."
        )
    if settings["TargetValue"] <= 0:
        raise _invalid(f"TargetValue {settings['TargetValue']:g} must be greater than 0.")
    metric = settings.get("CustomizedMetricSpecification")
    if not metric:
        raise _invalid(
            "The local cloud tracks a CustomizedMetricSpecification only: asynchronous endpoints publish none of the "
            "predefined metrics."
        )
    missing = [name for name in ("Namespace", "MetricName", "Statistic") if not metric.get(name)]
    if missing or metric.get("Metrics"):
        raise _invalid(f"CustomizedMetricSpecification lacks {', '.join(missing)} (metric math is not offered here).")
