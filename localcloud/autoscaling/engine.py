"""What happens when an alarm calls a policy: cooldowns, bounds, the new count, and the activity that records it.

Application Auto Scaling User Guide, "Target tracking scaling policies" and "Step scaling policies" (Cooldown period).
"""

from __future__ import annotations

import datetime
import json
import logging
import threading
import time
import uuid
from typing import Any

from localcloud.autoscaling import policies, variants
from localcloud.cloud import Cloud
from localcloud.store import Store

logger = logging.getLogger(__name__)

DEFAULT_COOLDOWN = 300
"""Cloud seconds; the documented default for SageMaker endpoint variants."""
KEPT_ACTIVITIES = 200
POLL_CLOUD_SECONDS = 10


class Engine:
    """Carries out policies, one at a time."""

    def __init__(self, cloud: Cloud, store: Store) -> None:
        self._cloud = cloud
        self._store = store
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._ending = False
        self._thread = threading.Thread(target=self._watch, daemon=True, name="autoscaling-activities")

    def start(self) -> None:
        """Begin to watch activities that are in progress."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        self._thread.join(timeout=5)

    # Activities --------------------------------------------------------------------------------------------------

    def activities(self) -> list[dict[str, Any]]:
        """All activities, newest first."""
        return sorted(self._store.all("activity").values(), key=lambda row: -float(row["StartTime"]))

    def forget(self, resource_id: str) -> None:
        """Do not wait any more for activities of a target that is gone."""
        with self._lock:
            for activity in self._store.all("activity").values():
                if activity["ResourceId"] == resource_id and activity["StatusCode"] == "InProgress":
                    self._finish(activity, "Overridden", "The scalable target was deregistered.")

    def change(self, target: dict[str, Any], before: int, after: int, cause: str, policy: str | None) -> None:
        """Set the desired count and record it; a refusal of SageMaker is recorded as a failed activity.

        Parameters
        ----------
        target : dict
            The scalable target.
        before, after : int
            Instances now, and instances wanted.
        cause : str
            Why, for people who read the activities.
        policy : str, optional
            ARN of the policy that asked for it.
        """
        resource_id = target["ResourceId"]
        activity = {
            "ActivityId": str(uuid.uuid4()),
            "ServiceNamespace": "sagemaker",
            "ResourceId": resource_id,
            "ScalableDimension": variants.DIMENSION,
            "Description": f"Setting desired instance count to {after}.",
            "Cause": cause,
            "StartTime": time.time(),
            "StatusCode": "InProgress",
            "StatusMessage": (
                f"Successfully set desired instance count to {after}. Waiting for change to be fulfilled by sagemaker."
            ),
            "Before": before,
            "After": after,
            "Policy": policy,
        }
        try:
            variants.set_count(self._cloud.client("sagemaker"), resource_id, after)
        except variants.ScalingRefused as error:
            self._finish(activity, "Failed", f"Failed to set desired instance count to {after}. Reason: {error}")
            return
        with self._changed:
            self._store.put("activity", activity["ActivityId"], activity)
            self._trim()
            self._changed.notify_all()

    def _finish(self, activity: dict[str, Any], status: str, message: str) -> None:
        activity |= {"StatusCode": status, "StatusMessage": message, "EndTime": time.time()}
        self._store.put("activity", activity["ActivityId"], activity)

    def _trim(self) -> None:
        for activity in self.activities()[KEPT_ACTIVITIES:]:
            self._store.delete("activity", activity["ActivityId"])

    def _watch(self) -> None:
        pause = min(2.0, max(0.1, self._cloud.clock.real(POLL_CLOUD_SECONDS)))
        while True:
            with self._changed:
                if self._ending:
                    return
                waiting = [row for row in self.activities() if row["StatusCode"] == "InProgress"]
                self._changed.wait(pause if waiting else None)
                if self._ending:
                    return
            for resource_id in {activity["ResourceId"] for activity in waiting}:
                try:
                    with self._lock:
                        self._settle(resource_id, variants.read(self._cloud.client("sagemaker"), resource_id))
                except Exception:  # the watch must outlive one answer that it does not understand
                    logger.exception("activities of %s", resource_id)

    def _settle(self, resource_id: str, capacity: variants.Capacity | None) -> None:
        """Finish the target's activities that ``capacity`` shows to be over."""
        for activity in self.activities():
            if activity["ResourceId"] == resource_id and activity["StatusCode"] == "InProgress":
                self._look_at(activity, capacity)

    def _look_at(self, activity: dict[str, Any], capacity: variants.Capacity | None) -> None:
        after = activity["After"]
        if capacity is None:
            self._finish(activity, "Failed", "The endpoint or its variant does not exist any more.")
        elif capacity.in_service and capacity.desired == after == capacity.current:
            text = f"Successfully set desired instance count to {after}. Change successfully fulfilled by sagemaker."
            self._finish(activity, "Successful", text)
        elif capacity.in_service:
            text = f"Failed to set desired instance count to {after}. Reason: the endpoint has {capacity.current}."
            self._finish(activity, "Unfulfilled", text)

    # Alarms ------------------------------------------------------------------------------------------------------

    def react(self, policy: dict[str, Any], target: dict[str, Any], alarm: dict[str, Any]) -> None:
        """Scale, if the policy, its cooldowns and the target's bounds say so.

        Parameters
        ----------
        policy, target : dict
            The policy that the alarm calls, and its scalable target.
        alarm : dict
            As ``describe_alarms`` gives it, with ``StateReasonData``.
        """
        data = json.loads(alarm.get("StateReasonData") or "{}")
        points = data.get("recentDatapoints") or []
        if not points:
            return
        with self._lock:
            capacity = variants.read(self._cloud.client("sagemaker"), policy["ResourceId"])
            if capacity is None or not capacity.in_service:
                return  # nothing to scale, or it is being scaled; the alarm calls again in a minute
            self._settle(policy["ResourceId"], capacity)
            wanted = self._wanted(policy, capacity.desired, float(points[-1]), float(alarm["Threshold"]))
            wanted = policies.clamp(wanted, int(target["MinCapacity"]), int(target["MaxCapacity"]))
            if wanted < capacity.desired and self._measured_before_last_change(policy["ResourceId"], data):
                return
            if wanted == capacity.desired or not self._allowed(policy, target, capacity.desired, wanted):
                return
            cause = f"monitor alarm {alarm['AlarmName']} in state ALARM triggered policy {policy['PolicyName']}"
            self.change(target, capacity.desired, wanted, cause, policy["PolicyARN"])

    def _wanted(self, policy: dict[str, Any], desired: int, metric: float, threshold: float) -> int:
        def asked(base: int) -> int:
            settings = policy.get("TargetTrackingScalingPolicyConfiguration")
            if settings is None:
                return policies.step_capacity(policy["StepScalingPolicyConfiguration"], base, metric, threshold)
            return policies.tracking_capacity(float(settings["TargetValue"]), base, metric)

        wanted = asked(desired)
        recent = self._cooling(policy, scale_out=True)
        if wanted <= desired or recent is None:
            return wanted
        # "The capacity added by the initiating scale-out activity is calculated as part of the desired capacity for the
        # next scale-out activity": during the cooldown the count starts from what was there before it.
        return max(desired, asked(int(recent["Before"])))

    def _measured_before_last_change(self, resource_id: str, data: dict[str, Any]) -> bool:
        """Whether the newest datapoint is older than the latest change of capacity.

        After a change an alarm may stay where it was for a while on what it knows of before; an instance that has just
        come up for a request must not go again because of a quarter of an hour without any.
        """
        latest = next((row for row in self.activities() if row["ResourceId"] == resource_id), None)
        evaluated = data.get("evaluatedDatapoints") or []
        if latest is None or not evaluated:
            return False
        newest = datetime.datetime.strptime(evaluated[0]["timestamp"], "%Y-%m-%dT%H:%M:%S.%f%z").timestamp()
        return newest < float(latest.get("EndTime", latest["StartTime"]))

    def _allowed(self, policy: dict[str, Any], target: dict[str, Any], before: int, after: int) -> bool:
        suspended = target.get("SuspendedState", {})
        if after > before:
            return not suspended.get("DynamicScalingOutSuspended")
        if suspended.get("DynamicScalingInSuspended"):
            return False
        # "The scale-in cooldown blocks subsequent scale-in requests until it expires", whichever policy asks.
        return self._cooling(policy, scale_out=False) is None and self._others_agree(policy)

    def _others_agree(self, policy: dict[str, Any]) -> bool:
        """Scale in only when every target tracking policy with scale-in enabled is ready to ("multiple policies")."""
        names = []
        for other in self._store.all("policy").values():
            settings = other.get("TargetTrackingScalingPolicyConfiguration")
            if other["ResourceId"] != policy["ResourceId"] or other["PolicyARN"] == policy["PolicyARN"]:
                continue
            if settings and not settings.get("DisableScaleIn"):
                names += [row["AlarmName"] for row in other["Alarms"] if "-AlarmLow-" in row["AlarmName"]]
        if not names:
            return True
        alarms = self._cloud.client("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"]
        return all(alarm["StateValue"] == "ALARM" for alarm in alarms)

    def _cooling(self, policy: dict[str, Any], *, scale_out: bool) -> dict[str, Any] | None:
        """The latest scaling out by this policy (or in, by any) whose cooldown still runs, on the cloud's clock."""
        steps = policy.get("StepScalingPolicyConfiguration")
        key = "ScaleOutCooldown" if scale_out else "ScaleInCooldown"
        settings = policy.get("TargetTrackingScalingPolicyConfiguration", {})
        seconds = steps.get("Cooldown", DEFAULT_COOLDOWN) if steps else settings.get(key, DEFAULT_COOLDOWN)
        for activity in self.activities():
            if activity["ResourceId"] != policy["ResourceId"] or activity["StatusCode"] == "Failed":
                continue
            if (activity["After"] > activity["Before"]) != scale_out:
                if not scale_out:
                    # "If another scaling policy triggers a scale-out activity during the scale-in cooldown period, the
                    # cooldown stops and does not complete."
                    return None
                continue
            if scale_out and activity["Policy"] != policy["PolicyARN"]:
                continue
            ended = activity.get("EndTime", time.time())
            return activity if time.time() < ended + self._cloud.clock.real(float(seconds)) else None
        return None
