"""Invocations: an execution environment for each, its log, its metrics, and AWS's answer."""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import secrets
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

from localcloud.ministack.lambdas.runs import Invocation, Result
from localcloud.ministack.lambdas.worker import Surroundings, Worker

logger = logging.getLogger(__name__)

MAX_RESPONSE_BYTES = 6 * 1024 * 1024 + 100
"""Lambda quotas, "Invocation payload"; the number is that of AWS's error."""
TAIL_BYTES = 4096
_MB = 1024 * 1024


class Execution:
    """Runs functions in MiniStack's place."""

    def __init__(self, modules: Mapping[str, ModuleType], surroundings: Surroundings) -> None:
        self._runtime: Any = modules["lambda_runtime"]
        self._functions: Any = modules["lambda_svc"]
        self._logs: Any = modules["cloudwatch_logs"]
        self._metrics: Any = modules["cloudwatch"]
        self.may_log: Callable[[str, str, str, str], bool] = lambda role, session, group, stream: True
        self._take_over(surroundings)

    def _take_over(self, surroundings: Surroundings) -> None:
        self._runtime._worker_class_for = lambda config: functools.partial(Worker, surroundings)
        self._functions._execute_function = self.execute

    def execute(
        self, function: dict[str, Any], event: Any, request_id: str = "", trace: str = "", client_context: Any = None
    ) -> dict[str, Any]:
        """Run a function once and wait for it.

        Parameters
        ----------
        function : dict
            MiniStack's record of a function or a version.
        event : any
        request_id, trace : str
            New ones when empty.
        client_context : any
            What the caller's client says of itself.

        Returns
        -------
        dict
            As MiniStack's other services expect it: ``body``, ``error``, ``log``, ``throttle``; besides, ``payload``,
            the body as JSON.
        """
        config = function.get("config") or function
        if self._functions._function_config_scope_mismatch(config):
            found: dict[str, Any] = self._functions._run_with_function_config_scope(
                config, self.execute, function, event, request_id, trace, client_context
            )
            return found
        with self._slot(function, config) as refusal:
            if refusal:
                return refusal
            invocation = Invocation(
                payload=json.dumps(event),
                request_id=request_id or str(uuid.uuid4()),
                arn=config["FunctionArn"],
                trace=trace or new_trace(0),
                client_context=client_context,
            )
            return self._run(function, config, invocation)

    @contextlib.contextmanager
    def _slot(self, function: dict[str, Any], config: dict[str, Any]) -> Iterator[dict[str, Any] | None]:
        """One unit of concurrency; gives the refusal when there is none left (Lambda Developer Guide, "Scaling")."""
        name = config["FunctionName"]
        slot, limit = self._functions._acquire_execution_slot(function, config)
        if slot is None:
            self.put(name, Throttles=1)
            whose = "ReservedFunctionConcurrentInvocationLimitExceeded"
            reason = whose if limit == "function" else "ConcurrentInvocationLimitExceeded"
            refusal = {"__type": "TooManyRequestsException", "message": "Rate Exceeded.", "Reason": reason}
            yield {"throttle": True, "error": True, "body": {**refusal, "Type": "User"}, "log": ""}
            return
        try:
            running = self._functions._inflight.get(slot, 1)
            self.put(name, ConcurrentExecutions=running)
            yield None
        finally:
            self._functions._release_execution_slot(slot)

    def _run(self, function: dict[str, Any], config: dict[str, Any], invocation: Invocation) -> dict[str, Any]:
        name, version = config["FunctionName"], config.get("Version", "$LATEST")
        code = function.get("code_zip") or b""
        self._functions._ensure_reaper_thread()
        worker, _ = self._runtime.acquire_worker(name, config, code, qualifier=version)
        try:
            result = worker.run(config, code, invocation)
        except PermissionError as error:  # there are no credentials of the role
            body = {"Type": "User", "errorMessage": str(error), "errorType": "AccessDeniedException"}
            return {"denied": str(error), "error": True, "body": body, "log": ""}
        finally:
            self._runtime.release_worker(worker)
        if len(result.payload.encode()) > MAX_RESPONSE_BYTES:
            message = f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes)."
            result.error = "Function.ResponseSizeTooLarge"
            result.payload = json.dumps({"errorMessage": message, "errorType": result.error})
        self.put(name, Invocations=1, Errors=int(bool(result.error)), Throttles=0, Duration=result.seconds * 1000)
        log = self._write(config, worker.stream, invocation, result)
        return {
            "body": json.loads(result.payload),
            "payload": result.payload,
            "error": bool(result.error),
            "function_error": "Unhandled" if result.error else "",
            "log": log,
        }

    def put(self, name: str, **values: float) -> None:
        """Record metrics of ``AWS/Lambda`` (Lambda Developer Guide, "Types of metrics for Lambda functions")."""
        for metric, value in values.items():
            unit = "Milliseconds" if metric in ("Duration", "AsyncEventAge") else "Count"
            self._metrics.record_metric("AWS/Lambda", metric, value, unit, {"FunctionName": name})

    def _write(self, config: dict[str, Any], stream: str, invocation: Invocation, result: Result) -> str:
        """Write the log of an invocation; return it as text."""
        now = time.time()
        request, version = invocation.request_id, config.get("Version", "$LATEST")
        began = now - result.seconds
        events = [
            *result.init_lines,
            (began, f"START RequestId: {request} Version: {version}"),
            *result.lines,
            (now, f"END RequestId: {request}"),
            (now, report(config, request, result)),
        ]
        written = [
            {"timestamp": int(moment * 1000), "message": text + "\n" * text.startswith(_OWN), "ingestionTime": _ms(now)}
            for moment, text in events
        ]
        group = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{config['FunctionName']}"
        if not self.may_log(config.get("Role", ""), config["FunctionName"], group, stream):
            return "\n".join(text for _, text in events) + "\n"
        try:
            self._logs._append_log_events(self._stream(group, stream), written)
            self._logs._fanout_to_subscription_filters(group, stream, written)
        except Exception:  # a log that cannot be written must not fail the invocation
            logger.exception("the log of %s cannot be written", config["FunctionName"])
        return "\n".join(text for _, text in events) + "\n"

    def _stream(self, group: str, stream: str) -> Any:
        groups, now = self._logs._log_groups, _ms(time.time())
        if group not in groups:
            groups[group] = {
                "arn": self._logs._make_group_arn(group),
                "creationTime": now,
                "retentionInDays": None,
                "tags": {},
                "subscriptionFilters": {},
                "streams": {},
            }
        streams = groups[group]["streams"]
        if stream not in streams:
            streams[stream] = {
                "events": [],
                "uploadSequenceToken": "1",
                "creationTime": now,
                "firstEventTimestamp": None,
                "lastEventTimestamp": None,
                "lastIngestionTime": None,
            }
        return streams[stream]


_OWN = ("START RequestId:", "END RequestId:", "REPORT RequestId:")


def _ms(moment: float) -> int:
    return int(moment * 1000)


def report(config: Mapping[str, Any], request_id: str, result: Result) -> str:
    """The REPORT line of an invocation (Lambda Developer Guide, "Log and monitor Python Lambda functions")."""
    size = int(config.get("MemorySize") or 128)
    used = min(size, -(-result.memory // _MB))
    milliseconds = result.seconds * 1000
    line = (
        f"REPORT RequestId: {request_id}\tDuration: {milliseconds:.2f} ms\t"
        f"Billed Duration: {int(milliseconds + result.init_seconds * 1000) + 1} ms\t"
        f"Memory Size: {size} MB\tMax Memory Used: {used} MB\t"
    )
    if result.init_seconds:
        line += f"Init Duration: {result.init_seconds * 1000:.2f} ms\t"
    if result.died == "timeout":
        line += "Status: timeout"
    elif result.died:
        line += f"Status: error\tError Type: {result.error}"
    return line


def new_trace(depth: int) -> str:
    """A trace header with the number of functions that a request went through, where AWS has it, too (``Lineage``)."""
    root = f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
    return f"Root={root};Parent={secrets.token_hex(8)};Sampled=0;Lineage=1:{secrets.token_hex(4)}:{depth}"


def depth_of(trace: str) -> int:
    """How many functions the request with header ``trace`` went through."""
    _, found, lineage = trace.rpartition("Lineage=")
    number = lineage.partition(";")[0].rpartition(":")[2]
    return int(number) if found and number.isdigit() else 0
