"""AWS::CloudWatch::CompositeAlarm (CloudFormation Template Reference), through CloudWatch's own API."""

from __future__ import annotations

import secrets
from typing import Any

from localcloud.cloud import Cloud
from localcloud.http.coercion import api_parameters


class CompositeAlarmType:
    """Ref is the alarm's name."""

    name = "AWS::CloudWatch::CompositeAlarm"
    replacing: tuple[str, ...] = ("AlarmName",)

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def create(self, logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        """PutCompositeAlarm."""
        return self._put(properties.get("AlarmName") or f"{stack}-{logical_id}-{secrets.token_hex(6)}", properties)

    def update(
        self, physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str
    ) -> tuple[str, dict[str, Any]]:
        """Putting it again changes it."""
        return self._put(physical_id, new)

    def delete(self, physical_id: str, properties: dict[str, Any]) -> None:
        """DeleteAlarms; API_DeleteAlarms: an alarm that is not there is no error."""
        self._cloud.client("cloudwatch").delete_alarms(AlarmNames=[physical_id])

    def _put(self, name: str, properties: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        wanted = api_parameters("cloudwatch", "PutCompositeAlarm", {**properties, "AlarmName": name})
        self._cloud.client("cloudwatch").put_composite_alarm(**wanted)
        return name, {"Arn": self._cloud.arn("cloudwatch", f"alarm:{name}")}
