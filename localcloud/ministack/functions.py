"""Lambda of MiniStack: where functions run, and how events reach them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from localcloud.lambda_events import EventQueue, Outcome, Policy
from localcloud.ministack.lambdas import bootstrap
from localcloud.ministack.lambdas.execution import Execution
from localcloud.ministack.lambdas.invoke import Invoke
from localcloud.ministack.lambdas.worker import Surroundings

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def scope_of(responses: Any, arn: str) -> Iterator[None]:
    """MiniStack's account and region are those of ``arn`` inside the block."""
    parts = arn.split(":")
    with responses.request_scope(parts[4], parts[3]):
        yield


class Functions:
    """MiniStack's Lambda."""

    def __init__(self, modules: Mapping[str, ModuleType]) -> None:
        self._modules = modules
        self._runtime: Any = modules["lambda_runtime"]
        self._functions: Any = modules["lambda_svc"]
        self._responses: Any = modules["responses"]

    async def stop(self) -> None:
        """End every worker."""
        await asyncio.get_running_loop().run_in_executor(None, self._runtime.reset)

    def surround(self, interpreter: str, prelude: str, credentials: Callable[[dict[str, Any]], dict[str, str]]) -> None:
        """Give Lambda workers the surroundings of a Lambda function.

        Parameters
        ----------
        interpreter : str
            The Python that runs them.
        prelude : str
            Code to run before the worker's own script.
        credentials : callable
            Gets a function's configuration, and gives the variables with its role's credentials.
        """
        for module in (self._runtime, self._functions):
            module.execution_credentials = credentials
        self._execution = Execution(
            self._modules,
            Surroundings(
                interpreter=interpreter,
                script=f"{prelude}{Path(bootstrap.__file__).read_text()}main()\n",
                credentials=lambda config: self._runtime.execution_credentials(config),
                layer=self._functions._resolve_layer_zip,
            ),
        )
        Invoke(self._modules, self._execution, lambda *event: self._submit(*event))

    def log_if(self, may_log: Callable[[str, str, str, str], bool]) -> None:
        """Write a function's log only if ``may_log(role, session, group, stream)``."""
        self._execution.may_log = may_log

    def measure(self, function_arn: str, **values: float) -> None:
        """Record metrics of ``AWS/Lambda`` for a function."""
        with scope_of(self._responses, function_arn):
            self._execution.put(function_arn.split(":")[6], **values)

    def deliver_through(self, events: EventQueue, may_invoke: Callable[[str, str, str], bool]) -> None:
        """Have every asynchronous invocation (SNS, S3, ``InvocationType: Event``) go through ``events``.

        Parameters
        ----------
        events : EventQueue
        may_invoke : callable
            ``may_invoke("sns.amazonaws.com", function ARN, topic ARN)``: whether the function's policy says so.
        """

        def from_invoke(function: dict[str, Any], event: Any) -> None:
            arn, records = function["config"]["FunctionArn"], event.get("Records") if isinstance(event, dict) else None
            bucket = records[0].get("s3", {}).get("bucket", {}).get("arn", "") if records else ""
            if not bucket or may_invoke("s3.amazonaws.com", arn, bucket):
                events.submit(arn, event)
            else:
                logger.warning("the policy of %s does not let %s invoke it: no notification", arn, bucket)

        self._functions.invoke_async_with_retry = from_invoke
        self._functions._emit_lambda_metrics = lambda *_, **__: None  # Execution counts
        self._submit = events.submit
        self._events, self._may_invoke = events, may_invoke

    def notify(self, function_arn: str, notification: Mapping[str, Any], topic: str, subscription: str) -> None:
        """Accept a notification of SNS; it is durable when this returns.

        Parameters
        ----------
        function_arn : str
        notification : mapping
            The ``Sns`` of the event's record.
        topic, subscription : str
            ARNs.
        """
        record = {
            "EventVersion": "1.0",
            "EventSubscriptionArn": subscription,
            "EventSource": "aws:sns",
            "Sns": dict(notification),
        }
        if self._may_invoke("sns.amazonaws.com", function_arn, topic):
            self._events.submit(function_arn, {"Records": [record]})
        else:
            self._events.undeliverable(function_arn, {"Records": [record]})

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
            role=config.get("Role") or "",
        )

    def invoke(self, function_arn: str, event: Any, request_id: str) -> Outcome:
        """Run a function once and wait for it."""
        with scope_of(self._responses, function_arn):
            record, config, name = self._functions._get_func_record_for_ref(function_arn)
            if record is None or config is None:
                return Outcome(error=f"{function_arn} does not exist")
            reserved = self._functions._functions[name].get("concurrency")
            runnable = {**record, "config": {**config, "FunctionArn": function_arn}, "concurrency": reserved}
            result = self._execution.execute(runnable, event, request_id)
        body = result.get("body")
        message = ""
        if result.get("error"):  # an exception may have no message, and is an error all the same
            said = body.get("errorMessage") or body.get("message") if isinstance(body, dict) else body
            message = str(said) or "Unhandled"
        version, throttled = str(config.get("Version", "$LATEST")), bool(result.get("throttle"))
        return Outcome(body, message, throttled=throttled, version=version, never=throttled and reserved == 0)
