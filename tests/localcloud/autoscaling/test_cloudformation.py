"""AWS::ApplicationAutoScaling types: what a template writes otherwise than the API wants it."""

from __future__ import annotations

from typing import Any

from localcloud.autoscaling.cloudformation import ScalableTargetType


class Control:
    """Notes what the API would be called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self.calls.append((operation, parameters))
        return {}


def test_tags_are_a_list_in_a_template_and_a_map_in_the_api() -> None:
    """Template Reference, AWS::ApplicationAutoScaling::ScalableTarget; API Reference, RegisterScalableTarget."""
    control = Control()
    properties = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": "endpoint/e/variant/AllTraffic",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "MinCapacity": "0",
        "MaxCapacity": "2",
        "Tags": [{"Key": "workshop", "Value": "genai-async"}],
    }
    ScalableTargetType(control).create("Target", properties, "stack")  # type: ignore[arg-type]  # a stand-in
    ((operation, parameters),) = control.calls
    assert operation == "RegisterScalableTarget"
    assert parameters["Tags"] == {"workshop": "genai-async"}
    assert parameters["MaxCapacity"] == 2
