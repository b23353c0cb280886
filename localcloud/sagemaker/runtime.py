"""The service ``sagemaker-runtime``: asynchronous invocations."""

from __future__ import annotations

import uuid
from typing import Any

from localcloud.sagemaker.endpoints import ACCEPTING, Endpoint
from localcloud.sagemaker.service import SageMaker
from localcloud.services import Operation, ResourceType, ServiceError, dispatch


class Runtime:
    """``sagemaker-runtime``: asynchronous invocations."""

    name = "sagemaker-runtime"
    resource_types: tuple[ResourceType, ...] = ()

    def __init__(self, control: SageMaker) -> None:
        self._control = control
        self._clock = control.shared.cloud.clock
        self._operations: dict[str, Operation] = {
            "InvokeEndpointAsync": self._invoke_async,
            "InvokeEndpoint": self._refuse_real_time,
            "InvokeEndpointWithResponseStream": self._refuse_real_time,
        }

    def start(self) -> None:
        """Nothing: the control plane owns the queue and the endpoints."""

    def stop(self) -> None:
        """Nothing, likewise."""

    def call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Carry out one operation."""
        return dispatch(self._operations, self.name, operation, parameters)

    def _endpoint(self, name: str) -> Endpoint:
        endpoint = self._control.find(name)
        # CreateEndpoint, EndpointName: "the case is preserved and must be matched in InvokeEndpoint".
        if endpoint is None or endpoint.name != name or endpoint.status not in ACCEPTING:
            account = self._control.shared.cloud.account
            raise ServiceError("ValidationError", f"Endpoint {name} of account {account} not found.")
        return endpoint

    def _refuse_real_time(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name = self._endpoint(parameters["EndpointName"]).name
        message = f"Endpoint {name} is configured for asynchronous inference and does not support this operation. "
        raise ServiceError("ValidationError", message + "Use InvokeEndpointAsync.")

    def _invoke_async(self, parameters: dict[str, Any]) -> dict[str, Any]:
        endpoint = self._endpoint(parameters["EndpointName"])
        inline = parameters.get("Body")
        if ("InputLocation" in parameters) == (inline is not None):
            raise ServiceError("ValidationError", "Provide exactly one of InputLocation and Body.")
        if inline is None and not parameters["InputLocation"].startswith("s3://"):
            message = "The local cloud takes an InputLocation of the form s3://bucket/key only."
            raise ServiceError("ValidationError", message)
        deployment, unique = endpoint.deployment, str(uuid.uuid4())
        inference_id = parameters.get("InferenceId") or str(uuid.uuid4())
        body = {key: value for key, value in parameters.items() if key not in ("Body", "EndpointName", "InferenceId")}
        # Defaults as InvokeEndpointAsync documents them.
        body.setdefault("RequestTTLSeconds", 21_600)
        body.setdefault("InvocationTimeoutSeconds", 900)
        body["output"] = deployment.output_location(
            unique, parameters.get("S3OutputPathExtension"), parameters.get("Filename")
        )
        answer = {"InferenceId": inference_id, "OutputLocation": body["output"]}
        failure = deployment.failure_location(unique)
        if failure:
            body["failure"] = answer["FailureLocation"] = failure
        ttl = self._clock.real(body["RequestTTLSeconds"])
        self._control.queue.add(endpoint.name, inference_id, body, None if inline is None else bytes(inline), ttl)
        endpoint.wake()
        return answer
