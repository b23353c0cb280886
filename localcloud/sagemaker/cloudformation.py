"""CloudFormation's view of SageMaker: AWS::SageMaker::Model, ::EndpointConfig and ::Endpoint.

Template Reference, the three types: Ref gives the ARN (in lower case after the slash, as AWS writes it), Fn::GetAtt the
name. Any change of a model or a configuration replaces it: neither has an update.
"""

from __future__ import annotations

import secrets
import string
import time
from typing import Any

from localcloud.http.coercion import api_parameters
from localcloud.sagemaker.service import SageMaker
from localcloud.sagemaker.shared import invalid
from localcloud.services import ResourceType, ServiceError

LONGEST_NAME = 63
POLL = 0.1
DEADLINE = 1800.0
"""Real seconds; instances that neither come up nor fail by then fail the stack."""
UPDATE_ONLY = ("ExcludeRetainedVariantProperties", "RetainAllVariantProperties", "RetainDeploymentConfig")


def physical_name(logical_id: str) -> str:
    """A name as CloudFormation makes them for SageMaker: the logical id and a random end."""
    alphabet = string.ascii_letters + string.digits
    end = "".join(secrets.choice(alphabet) for _ in range(12))
    return f"{logical_id[: LONGEST_NAME - len(end) - 1]}-{end}"


class _Described:
    """Common to all three: create through the API, find the name again by the ARN."""

    kind: str
    prefix: str

    def __init__(self, control: SageMaker) -> None:
        self._control = control

    def _call(self, operation: str, properties: dict[str, Any]) -> dict[str, Any]:
        return self._control.call(operation, api_parameters("sagemaker", operation, properties))

    def _create(self, logical_id: str, properties: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        name_key = f"{self.prefix}Name"
        properties = {name_key: physical_name(logical_id)} | properties
        answer = self._call(f"Create{self.prefix}", properties)
        return answer[f"{self.prefix}Arn"], {name_key: properties[name_key]}

    def _name(self, physical_id: str) -> str | None:
        """The resource's name; its ARN has it in lower case only."""
        for name, body in self._control.shared.store.all(self.kind).items():
            if physical_id in (body[f"{self.prefix}Arn"], name):
                return name
        return None

    def update(
        self, physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str
    ) -> tuple[str, dict[str, Any]]:
        """Tags are all that changes in place."""
        name = self._name(physical_id)
        if name is None:
            raise invalid(f"Could not find {physical_id}.")
        self._retag(physical_id, new)
        return physical_id, {f"{self.prefix}Name": name}

    def _retag(self, arn: str, new: dict[str, Any]) -> None:
        tags = new.get("Tags", [])
        present = self._control.call("ListTags", {"ResourceArn": arn})["Tags"]
        gone = [tag["Key"] for tag in present if tag["Key"] not in {item["Key"] for item in tags}]
        if gone:
            self._control.call("DeleteTags", {"ResourceArn": arn, "TagKeys": gone})
        if tags:
            self._call("AddTags", {"ResourceArn": arn, "Tags": tags})

    def delete(self, physical_id: str, properties: dict[str, Any]) -> None:
        """Delete it, if it still exists."""
        name = self._name(physical_id)
        if name is not None:
            self._control.call(f"Delete{self.prefix}", {f"{self.prefix}Name": name})


class ModelType(_Described):
    """``AWS::SageMaker::Model``."""

    name = "AWS::SageMaker::Model"
    kind, prefix = "model", "Model"
    replacing: tuple[str, ...] = (
        "Containers",
        "EnableNetworkIsolation",
        "ExecutionRoleArn",
        "InferenceExecutionConfig",
        "ModelName",
        "PrimaryContainer",
        "VpcConfig",
    )

    def create(self, logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        """CreateModel."""
        return self._create(logical_id, properties)


class EndpointConfigType(_Described):
    """``AWS::SageMaker::EndpointConfig``."""

    name = "AWS::SageMaker::EndpointConfig"
    kind, prefix = "endpoint-config", "EndpointConfig"
    replacing: tuple[str, ...] = (
        "AsyncInferenceConfig",
        "DataCaptureConfig",
        "EnableNetworkIsolation",
        "EndpointConfigName",
        "ExecutionRoleArn",
        "ExplainerConfig",
        "KmsKeyId",
        "ProductionVariants",
        "ShadowProductionVariants",
        "VpcConfig",
    )

    def create(self, logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        """CreateEndpointConfig."""
        return self._create(logical_id, properties)


class EndpointType(_Described):
    """``AWS::SageMaker::Endpoint``: waits for InService."""

    name = "AWS::SageMaker::Endpoint"
    kind, prefix = "endpoint", "Endpoint"
    replacing: tuple[str, ...] = ("EndpointName",)

    def create(self, logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        """CreateEndpoint, then wait; a failed one goes again, so that the stack can be rolled back and tried again."""
        wanted = {key: value for key, value in properties.items() if key not in UPDATE_ONLY}
        arn, attributes = self._create(logical_id, wanted)
        try:
            self._wait(attributes["EndpointName"])
        except ServiceError:
            self.delete(arn, properties)
            raise
        return arn, attributes

    def update(
        self, physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str
    ) -> tuple[str, dict[str, Any]]:
        """UpdateEndpoint when the configuration is another one; fails with the endpoint's FailureReason."""
        answer = super().update(physical_id, old, new, stack)
        name = answer[1]["EndpointName"]
        config = new["EndpointConfigName"]
        if config != self._control.endpoint(name).record["EndpointConfigName"]:
            wanted = {key: value for key, value in new.items() if key not in ("Tags", "EndpointName")}
            self._update(wanted | {"EndpointName": name})
            self._wait(name, config)
        return answer

    def delete(self, physical_id: str, properties: dict[str, Any]) -> None:
        """DeleteEndpoint, then wait until it is gone; raises :class:`ServiceError` when that takes too long."""
        name = self._name(physical_id)
        if name is None:
            return
        endpoint = self._control.find(name)
        if endpoint is not None and endpoint.status != "Deleting":
            self._control.call("DeleteEndpoint", {"EndpointName": name})
        deadline = time.monotonic() + DEADLINE
        while self._control.find(name) is not None:
            if time.monotonic() > deadline:
                raise invalid(f"Endpoint {name} was not deleted within {DEADLINE:g} s.")
            time.sleep(POLL)

    def _update(self, wanted: dict[str, Any]) -> None:
        """UpdateEndpoint, as soon as autoscaling leaves the endpoint alone."""
        deadline = time.monotonic() + DEADLINE
        while True:
            self._wait(wanted["EndpointName"])
            try:
                self._call("UpdateEndpoint", wanted)
            except ServiceError as error:
                if "in-progress" not in error.message or time.monotonic() > deadline:
                    raise
            else:
                return

    def _wait(self, name: str, config: str | None = None) -> None:
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            record = self._control.endpoint(name).record
            if record["EndpointStatus"] == "InService":
                if config is None or record["EndpointConfigName"] == config:
                    return
                raise invalid(f"Endpoint {name} was not updated: {record.get('FailureReason', 'no reason given')}")
            if record["EndpointStatus"] == "Failed":
                raise invalid(f"Endpoint {name} failed: {record.get('FailureReason', 'no reason given')}")
            time.sleep(POLL)
        raise invalid(f"Endpoint {name} was not in service within {DEADLINE:g} s.")


def resource_types(control: SageMaker) -> tuple[ResourceType, ...]:
    """The three types."""
    return ModelType(control), EndpointConfigType(control), EndpointType(control)
