"""What SNS and SQS say to parameters that their models do not allow: not in the words of the other services.

Recorded on AWS in LocalStack's ``tests/aws/services/sns/test_sns.py`` and ``tests/aws/services/sqs/test_sqs.py``.
"""

from __future__ import annotations

from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from localcloud.http.constraints import validation_message
from localcloud.services import ServiceError


def sns_refusal(shape: Shape, parameters: dict[str, Any]) -> ServiceError | None:
    """SNS names the first parameter that is missing; inside of parameters, it complains as the others do."""
    assert isinstance(shape, StructureShape)
    for name in shape.required_members:
        if parameters.get(name) is None:
            message = f"Invalid parameter: {name} Reason: no value for required parameter"
            return ServiceError("InvalidParameter", message)
    text = validation_message(shape, parameters)
    return ServiceError("ValidationError", text) if text else None


def sqs_refusal(shape: Shape, parameters: dict[str, Any]) -> ServiceError | None:
    """SQS names the first parameter that is missing. Its model's enumerations are left to :mod:`localcloud.rules`."""
    name = _missing(shape, parameters, "")
    return ServiceError("MissingParameter", f"The request must contain the parameter {name}.") if name else None


def _missing(shape: Shape, value: Any, path: str) -> str | None:
    if isinstance(shape, StructureShape):
        for name in shape.required_members:
            if value.get(name) is None:
                return f"{path}{name}"
        items = [(shape.members[name], item, f"{path}{name}.") for name, item in value.items()]
    elif isinstance(shape, ListShape):
        items = [(shape.member, item, f"{path}{number}.") for number, item in enumerate(value, start=1)]
    elif isinstance(shape, MapShape):
        items = [(shape.value, item, f"{path}{key}.") for key, item in value.items()]
    else:
        return None
    return next((found for each in items if (found := _missing(*each))), None)
