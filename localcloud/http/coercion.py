"""CloudFormation properties to API parameters: templates carry numbers and booleans as text, the API does not."""

from __future__ import annotations

import math
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from localcloud.http.constraints import validation_message
from localcloud.http.protocol import service_model
from localcloud.http.shapes import ShapeError, from_json
from localcloud.services import ServiceError


def coerce(shape: Shape, value: Any) -> Any:
    """``value`` with every leaf in the type of ``shape``; what cannot be converted is left for validation to name."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        return {
            key: coerce(shape.members[key], item) if key in shape.members else item
            for key, item in value.items()
            if item is not None
        }
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [coerce(shape.member, item) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {str(key): coerce(shape.value, item) for key, item in value.items()}
    return _leaf(shape.type_name, value)


def _leaf(kind: str, value: Any) -> Any:
    if isinstance(value, str):
        text = value.strip()
        try:
            if kind in ("integer", "long"):
                return int(text)
            if kind in ("float", "double"):
                return float(text) if math.isfinite(float(text)) else value
        except ValueError:
            return value
        if kind == "boolean" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        return value
    if kind in ("integer", "long") and isinstance(value, float) and value.is_integer():
        return int(value)
    if kind == "string" and isinstance(value, bool):
        return "true" if value else "false"
    if kind == "string" and isinstance(value, int | float):
        return str(value)
    return value


def api_parameters(service: str, operation: str, properties: dict[str, Any]) -> dict[str, Any]:
    """Properties of a template as valid parameters of ``operation``.

    Parameters
    ----------
    service, operation : str
        botocore's names: ``sagemaker``, ``CreateModel``.
    properties : dict
        Of the resource, with every intrinsic resolved.

    Raises
    ------
    ServiceError
        For a property that the operation does not know, or a value that its service model refuses.
    """
    shape = service_model(service).operation_model(operation).input_shape
    assert shape is not None
    unknown = sorted(set(properties) - set(shape.members))
    if unknown:
        raise ServiceError("ValidationException", f"{operation}: the local cloud does not know {', '.join(unknown)}")
    try:
        parameters: dict[str, Any] = from_json(shape, coerce(shape, properties))
    except ShapeError as error:
        raise ServiceError("ValidationException", f"{operation}: {error}") from error
    problem = validation_message(shape, parameters)
    if problem:
        raise ServiceError("ValidationException", problem)
    return parameters
