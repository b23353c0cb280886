"""The environment of a model's container: what the application stack can set, and what it sets by itself.

A template's keys are fixed when it is written, and JumpStart's models bring variables of their own. So the stack has a
parameter for each variable that is known here; packaging passes what JumpStart says of the model, and refuses a
variable that is not known instead of dropping it: the model would start without, or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping

from contract.errors import ModelError
from contract.names import MAX_RESPONSE_BYTES

LONGEST_INVOCATION_SECONDS = 3600
"""The most that InvokeEndpointAsync takes as ``InvocationTimeoutSeconds``."""

# Multi Model Server (Hugging Face images) reads MMS_…, TorchServe (PyTorch images) TS_…. Without them both servers end
# a worker that takes longer than one or two minutes or answers with more than about 6.5 MB, and cut off larger
# requests. SAGEMAKER_MODEL_SERVER_TIMEOUT has no effect on TorchServe.
LIMITS: Mapping[str, int] = {
    f"{server}_{limit}": value
    for server in ("MMS", "TS")
    for limit, value in (
        ("DEFAULT_RESPONSE_TIMEOUT", LONGEST_INVOCATION_SECONDS),
        ("MAX_REQUEST_SIZE", MAX_RESPONSE_BYTES),
        ("MAX_RESPONSE_SIZE", MAX_RESPONSE_BYTES),
    )
}
"""What the workshop needs at least; a model that asks for more gets more."""

# The names that JumpStart's specifications have, as the SageMaker SDK's own test data and public deployments show them;
# JumpStart documents no list.
# https://github.com/aws/sagemaker-python-sdk/blob/v2.257.0/tests/unit/sagemaker/jumpstart/constants.py
VARIABLES: Mapping[str, str] = {
    "SAGEMAKER_PROGRAM": "inference.py",
    "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
    "SAGEMAKER_CONTAINER_LOG_LEVEL": "20",
    "SAGEMAKER_MODEL_SERVER_WORKERS": "1",  # one copy of the model in memory
    "SAGEMAKER_ENV": "1",
    "ENDPOINT_SERVER_TIMEOUT": "3600",
    "MODEL_CACHE_ROOT": "/opt/ml/model",
    "HF_MODEL_ID": "",
    "HF_TASK": "",
    **{name: str(value) for name, value in LIMITS.items()},
}
"""Each variable that the stack has a parameter for, and its value when a model says nothing; empty: it is not set. An
empty one takes a condition, and what checks templates tries all combinations of conditions: a few, not many."""

TIMEOUT = "SAGEMAKER_MODEL_SERVER_TIMEOUT"
"""What JumpStart sets where the servers themselves read :data:`LIMITS`; it counts as their time-out."""
REGION = "SAGEMAKER_REGION"
"""Set by the stack itself, to where it is."""


def parameter(variable: str) -> str:
    """Name of the stack's parameter for a variable: ``SAGEMAKER_PROGRAM`` is ``EnvSagemakerProgram``."""
    return "Env" + "".join(part.capitalize() for part in variable.split("_"))


def parameters(environment: Mapping[str, str]) -> dict[str, str]:
    """The stack's parameters for a model's environment: all of them, so that no value of an earlier model stays.

    Parameters
    ----------
    environment : mapping
        The container's variables, as JumpStart names them for the model.

    Raises
    ------
    ModelError
        The stack has no parameter for a variable, or a limit is not a number.
    """
    unknown = sorted(set(environment) - set(VARIABLES) - {REGION, TIMEOUT})
    if unknown:
        raise ModelError(
            f"the model's container wants the environment variables {', '.join(unknown)}, for which the application "
            "stack has no parameters: add a line for each to VARIABLES in contract/container.py, then deploy again."
        )
    timeout = environment.get(TIMEOUT, str(LONGEST_INVOCATION_SECONDS))
    timeouts = {name: timeout for name in LIMITS if name.endswith("_TIMEOUT")}
    values = {**VARIABLES, **timeouts, **environment}
    return {parameter(name): _at_least(name, values[name]) for name in VARIABLES}


def _at_least(name: str, value: str) -> str:
    if name not in LIMITS:
        return value
    try:
        return str(max(int(value), LIMITS[name]))
    except ValueError:
        raise ModelError(f"the model's container wants {name} = {value!r}, which must be a whole number.") from None
