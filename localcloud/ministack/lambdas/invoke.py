"""The Invoke operation."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from localcloud.ministack.lambdas.execution import TAIL_BYTES, Execution, depth_of, new_trace

_REQUEST_ID = "x-localcloud-requestid"
"""The front door makes it the answer's request id, which is the one in the log."""
Answer = tuple[int, dict[str, str], bytes]


class Invoke:
    """Answers Invoke in MiniStack's place."""

    def __init__(
        self, modules: Mapping[str, ModuleType], execution: Execution, submit: Callable[[str, Any, str], None]
    ) -> None:
        """Replace MiniStack's operation.

        Parameters
        ----------
        modules : mapping
        execution : Execution
        submit : callable
            ``submit(arn, event, request_id)`` accepts an asynchronous invocation.
        """
        self._functions: Any = modules["lambda_svc"]
        self._concurrency: Any = modules["concurrency"]
        self._execution = execution
        self._submit = submit
        self._take_over()

    def _take_over(self) -> None:
        self._functions._invoke = self.invoke

    async def invoke(
        self, name: str, event: Any, headers: Mapping[str, str], path_qualifier: str | None = None, query: Any = None
    ) -> Answer:
        """Answer one call (Lambda API Reference, "Invoke"). The payload has been checked by a rule."""
        qualifier = path_qualifier or self._functions._qp_first(query or {}, "Qualifier") or ""
        function = self._functions._functions.get(name)
        arn = self._functions._func_arn(name) + (f":{qualifier}" if qualifier else "")
        record, config = self._functions._effective_func_record_for_qualifier(function, qualifier or None)
        if (
            record is None
            or config is None
            or not self._functions._function_qualifier_exists(function, qualifier or None)
        ):
            return _error(404, "ResourceNotFoundException", f"Function not found: {arn}", Type="User")
        answered = {"x-amz-executed-version": config.get("Version", "$LATEST")}
        kind = headers.get("x-amz-invocation-type") or "RequestResponse"
        if kind == "DryRun":
            return 204, answered, b""
        depth = depth_of(headers.get("x-amzn-trace-id", "")) + 1
        dropped: Answer | None = self._functions._recursive_loop_drop(name, function, depth)
        if dropped is not None:
            return dropped
        request_id = str(uuid.uuid4())
        if kind == "Event":
            self._submit(arn, event, request_id)
            return 202, {_REQUEST_ID: request_id}, b""
        runnable = {
            **record,
            "config": {**config, "FunctionArn": arn},
            "concurrency": function.get("concurrency"),
        }
        result = await self._concurrency.run_reentrant(
            self._execution.execute,
            runnable,
            event,
            request_id,
            new_trace(depth),
            _client_context(headers.get("x-amz-client-context", "")),
            thread_name="lambda-invoke",
        )
        if result.get("throttle"):
            body = {key: value for key, value in result["body"].items() if key != "__type"}
            return _error(429, "TooManyRequestsException", **{"retry-after": "1"}, **body)
        if result.get("denied"):
            return _error(403, "AccessDeniedException", result["denied"], Type="User")
        answered |= {"content-type": "application/json", _REQUEST_ID: request_id}
        if result["error"]:
            answered["x-amz-function-error"] = result["function_error"]
        if headers.get("x-amz-log-type") == "Tail":
            answered["x-amz-log-result"] = base64.b64encode(result["log"].encode()[-TAIL_BYTES:]).decode()
        return 200, answered, result["payload"].encode()


def _client_context(header: str) -> Any:
    try:
        found = json.loads(base64.b64decode(header)) if header else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _error(status: int, code: str, message: str, **members: str) -> Answer:
    headers = {"content-type": "application/json", "x-amzn-errortype": code}
    if "retry-after" in members:
        headers["retry-after"] = members.pop("retry-after")
    return status, headers, json.dumps({**members, "message": message}).encode()
