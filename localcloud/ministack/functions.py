"""Lambda and SNS of MiniStack: where functions run, and how events reach them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

from localcloud.lambda_events import EventQueue, Outcome, Policy


@contextlib.contextmanager
def scope_of(responses: Any, arn: str) -> Iterator[None]:
    """MiniStack's account and region are those of ``arn`` inside the block."""
    parts = arn.split(":")
    with responses.request_scope(parts[4], parts[3]):
        yield


class Functions:
    """MiniStack's Lambda."""

    def __init__(self, modules: Mapping[str, ModuleType]) -> None:
        self._runtime: Any = modules["lambda_runtime"]
        self._functions: Any = modules["lambda_svc"]
        self._sns: Any = modules["sns"]
        self._responses: Any = modules["responses"]

    async def stop(self) -> None:
        """End every worker."""
        await asyncio.get_running_loop().run_in_executor(None, self._runtime.reset)

    def surround(self, interpreter: str, prelude: str, credentials: Mapping[str, str]) -> None:
        """Give Lambda workers the surroundings of a Lambda function.

        Parameters
        ----------
        interpreter : str
            The Python that runs them.
        prelude : str
            Code to run before the worker's own script.
        credentials : mapping
            This cloud's access key, which functions get.
        """
        original = self._runtime._detect_runtime_binary

        def detect(runtime: str) -> tuple[str, str]:
            binary, script = original(runtime)
            return (interpreter, prelude + script) if runtime.startswith("python") else (binary, script)

        self._runtime._detect_runtime_binary = detect
        given = {name: credentials[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        for module in (self._runtime, self._functions):
            module.execution_credentials = lambda config: dict(given)

    def deliver_through(self, events: EventQueue) -> None:
        """Have every asynchronous invocation (SNS, S3, ``InvocationType: Event``) go through ``events``."""

        def from_sns(endpoint: str, envelope: str, topic: str, subscription: str, *_: object) -> None:
            record = {
                "EventVersion": "1.0",
                "EventSubscriptionArn": subscription,
                "EventSource": "aws:sns",
                "Sns": json.loads(envelope),
            }
            events.submit(endpoint, {"Records": [record]})

        def from_invoke(function: dict[str, Any], event: Any) -> None:
            events.submit(function["config"]["FunctionArn"], event)

        counted = self._functions._emit_lambda_metrics

        def count(name: str, duration_ms: float, error: bool, throttle: bool) -> None:
            if duration_ms > 0 or error or throttle:  # MiniStack counts an event when it accepts it, too
                counted(name, duration_ms, error, throttle)

        self._sns._deliver_to_lambda = from_sns
        self._sns._threading = _Threading(from_sns)
        self._functions.invoke_async_with_retry = from_invoke
        self._functions._emit_lambda_metrics = count

    def policy(self, function_arn: str) -> Policy | None:
        """What the function says about asynchronous invocations; None when it does not exist."""
        with scope_of(self._responses, function_arn):
            record, config, _ = self._functions._get_func_record_for_ref(function_arn)
        if record is None or config is None:
            return None
        settings = record.get("event_invoke_config") or (record.get("event_invoke_configs") or {}).get("$LATEST") or {}
        destinations = settings.get("DestinationConfig") or {}
        retries = settings.get("MaximumRetryAttempts")
        return Policy(
            retries=2 if retries is None else int(retries),
            max_age=float(settings.get("MaximumEventAgeInSeconds") or 21600),
            dead_letter=(config.get("DeadLetterConfig") or {}).get("TargetArn") or "",
            on_success=(destinations.get("OnSuccess") or {}).get("Destination") or "",
            on_failure=(destinations.get("OnFailure") or {}).get("Destination") or "",
        )

    def invoke(self, function_arn: str, event: Any) -> Outcome:
        """Run a function once and wait for it."""
        started = time.monotonic()
        with scope_of(self._responses, function_arn):
            record, config, _ = self._functions._get_func_record_for_ref(function_arn)
            if record is None or config is None:
                return Outcome(error=f"{function_arn} does not exist")
            runnable = self._functions._execution_record_for_config(record, config)
            result = self._functions._execute_function_with_config_scope(runnable, event)
            milliseconds = (time.monotonic() - started) * 1000
            throttled = bool(result.get("throttle"))
            self._functions._emit_lambda_metrics(
                config["FunctionName"], milliseconds, bool(result.get("error")), throttled
            )
        body = result.get("body")
        message = ""
        if result.get("error"):  # an exception may have no message, and is an error all the same
            message = str(body.get("errorMessage") if isinstance(body, dict) else body) or "Unhandled"
        return Outcome(payload=body, error=message, throttled=throttled)


class _Threading:
    """Stands in for ``threading`` in MiniStack's SNS: a delivery to Lambda is written down before Publish answers."""

    def __init__(self, durable: Callable[..., None]) -> None:
        self._durable = durable

    def __getattr__(self, name: str) -> Any:
        return getattr(threading, name)

    def Thread(self, *, target: Callable[..., Any], args: tuple[Any, ...] = (), **options: Any) -> Any:  # noqa: N802
        """Like ``threading.Thread``, but a delivery runs where it is started: it only writes one row."""
        if self._durable in args:
            return _Inline(target, args)
        return threading.Thread(target=target, args=args, **options)


class _Inline:
    def __init__(self, target: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self._target, self._arguments = target, arguments

    def start(self) -> None:
        self._target(*self._arguments)
