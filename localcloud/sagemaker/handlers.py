"""The contract of the SageMaker inference toolkit: ``model_fn``, ``input_fn``, ``predict_fn``, ``output_fn``.

Follows aws/sagemaker-inference-toolkit (README, "Implementing a handler service", and ``transformer.py``): functions
may take a trailing ``context``; JSON and CSV bodies arrive as text, everything else as a ``bytearray``; ``output_fn``
may return ``(body, content type)``; an exception answers with 500, one of the toolkit's own class with its
``status_code``, and the body is the message and the traceback.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

DEFAULT_CONTENT_TYPE = "application/json"
TEXT_TYPES = frozenset({"application/json", "text/csv"})
"""Content types that the toolkit decodes as UTF-8 before ``input_fn`` sees them."""
CUSTOM_ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
INFERENCE_ID = "X-Amzn-SageMaker-Inference-Id"


class HandlerError(Exception):
    """The model's code cannot serve; the message says what is missing and where."""


@dataclasses.dataclass
class Context:
    """What a handler may ask for as its last argument, in the shape of the multi-model server's context."""

    system_properties: dict[str, Any]
    request_headers: dict[str, str]
    manifest: dict[str, Any] = dataclasses.field(default_factory=dict)
    status: int = 200
    response_content_type: str | None = None
    response_headers: dict[str, str] = dataclasses.field(default_factory=dict)

    def get_request_header(self, index: int, name: str) -> str | None:
        """The request's header, whatever the case of its name."""
        wanted = name.lower()
        return next((value for key, value in self.request_headers.items() if key.lower() == wanted), None)

    def get_all_request_header(self, index: int) -> dict[str, str]:
        """All headers of the request."""
        return dict(self.request_headers)

    def set_response_content_type(self, index: int, value: str) -> None:
        """Set the content type of the response."""
        self.response_content_type = value

    def set_response_header(self, index: int, name: str, value: str) -> None:
        """Set one header of the response; SageMaker passes on the custom attributes only."""
        self.response_headers[name.lower()] = value

    def set_response_status(self, code: int = 200, phrase: str = "", idx: int = 0) -> None:
        """Set the HTTP status of the response."""
        self.status = code


@dataclasses.dataclass(frozen=True)
class Answer:
    """One response of the model."""

    status: int
    body: bytes
    content_type: str
    custom_attributes: str | None = None


def load_script(program: str, folder: Path) -> ModuleType:
    """Import the user's ``inference.py`` with its folder on ``sys.path``.

    Raises
    ------
    HandlerError
        When the file is missing or cannot be imported.
    """
    path = folder / program
    if not path.is_file():
        raise HandlerError(f"the model has no code/{program}, the script that SAGEMAKER_PROGRAM names")
    sys.path.insert(0, str(folder))
    name = Path(program).stem
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise HandlerError(f"code/{program} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _call(function: Callable[..., Any], *arguments: Any, context: Context) -> Any:
    """Call a handler with as many trailing arguments as it takes: the context is optional."""
    parameters = inspect.signature(function).parameters.values()
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return function(*arguments, context)
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return function(*arguments, context) if len(positional) > len(arguments) else function(*arguments)


def _of_the_toolkit(error: Exception) -> bool:
    """Whether it is a ``sagemaker_inference.errors.BaseInferenceToolkitError``, whose status counts.

    By the name of its class: where the toolkit is not installed, a model's code brings a class of that name.
    """
    names = {kind.__name__ for kind in type(error).__mro__}
    return "BaseInferenceToolkitError" in names and isinstance(getattr(error, "status_code", None), int)


def _accepted(header: str) -> str:
    """The content type that ``output_fn`` gets: SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT when anything goes."""
    if header in ("", "*/*"):
        return os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT") or DEFAULT_CONTENT_TYPE
    return header


class Handler:
    """A loaded model with the functions that serve it.

    Raises
    ------
    HandlerError
        When ``model_fn`` is missing, or neither ``transform_fn`` nor the other three functions are there. The
        toolkit's default handlers belong to frameworks that are not here, so they are refused rather than guessed.
    """

    def __init__(self, module: ModuleType, model_dir: Path) -> None:
        program = Path(module.__file__ or "inference.py").name
        self._properties = {"model_dir": str(model_dir), "gpu_id": None, "batch_size": 1}
        self._functions = {
            name: getattr(module, name)
            for name in ("model_fn", "input_fn", "predict_fn", "output_fn", "transform_fn")
            if callable(getattr(module, name, None))
        }
        others = [name for name in ("input_fn", "predict_fn", "output_fn") if name in self._functions]
        if "transform_fn" in self._functions and others:  # the toolkit's words
            raise HandlerError(
                "Cannot use transform_fn implementation in conjunction with input_fn, predict_fn, and/or output_fn "
                f"implementation: code/{program} has {', '.join(others)} as well"
            )
        if "model_fn" not in self._functions:
            raise HandlerError(f"code/{program} has no model_fn(model_dir)")
        missing = [name for name in ("input_fn", "predict_fn", "output_fn") if name not in self._functions]
        if missing and "transform_fn" not in self._functions:
            raise HandlerError(
                f"code/{program} has no {', '.join(missing)}; "
                "give input_fn, predict_fn and output_fn, or transform_fn (framework defaults are not offered here)"
            )
        self._model = _call(self._functions["model_fn"], str(model_dir), context=Context(self._properties, {}))

    def answer(self, body: bytearray, headers: dict[str, str]) -> Answer:
        """Serve one request; never raises for what the model's code raises."""
        context = Context(self._properties, headers)
        try:
            return self._transform(body, context)
        except Exception as error:  # noqa: BLE001 - whatever the model raises becomes the HTTP answer of the container
            status = error.status_code if _of_the_toolkit(error) else 500  # type: ignore[attr-defined]
            trace = traceback.format_exc()
            sys.stderr.write(trace)
            message = getattr(error, "message", None)
            text = f"{message if isinstance(message, str) else error}\n{trace}"
            # Without a content type: handle_error sets none, and TorchServe adds none.
            return Answer(status, text.encode("utf-8", "replace"), "")

    def _transform(self, body: bytearray, context: Context) -> Answer:
        content_type = context.get_request_header(0, "Content-Type") or DEFAULT_CONTENT_TYPE
        accept = _accepted(context.get_request_header(0, "Accept") or "")
        data: str | bytearray = body.decode("utf-8") if content_type in TEXT_TYPES else body
        functions = self._functions
        if "transform_fn" in functions:
            result = _call(functions["transform_fn"], self._model, data, content_type, accept, context=context)
        else:
            value = _call(functions["input_fn"], data, content_type, context=context)
            prediction = _call(functions["predict_fn"], value, self._model, context=context)
            result = _call(functions["output_fn"], prediction, accept, context=context)
        response_type = accept
        if isinstance(result, tuple):
            result, response_type = result[0], str(result[1])
        if isinstance(result, str):
            result = result.encode()
        if not isinstance(result, bytes | bytearray | memoryview):
            raise TypeError(f"the model's response is {type(result).__name__}; it must be text or bytes")
        attributes = context.response_headers.get(CUSTOM_ATTRIBUTES.lower())
        return Answer(context.status, bytes(result), context.response_content_type or response_type, attributes)
