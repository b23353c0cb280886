"""Everything that touches MiniStack's private parts, and nothing else does.

MiniStack is pinned to one version; :func:`check` says at start-up when another one is installed or a part is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.metadata
import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from localcloud.alarms import Decision, UnsupportedAlarmError, check_supported
from localcloud.deliveries import Deliveries, Outcome, Policy
from localcloud.services import ResourceType, ServiceError

logger = logging.getLogger("localcloud.ministack")

VERSION = "1.5.33"
_PARTS = {
    "ministack.app": ("app", "_build_persistence_save_dict", "_load_persisted_state"),
    "ministack.core.persistence": ("_json_default", "_state_format_version", "STATE_DIR"),
    "ministack.core.responses": ("request_scope", "get_account_id", "get_region"),
    "ministack.core.lambda_runtime": (
        "_detect_runtime_binary",
        "execution_credentials",
        "reset",
    ),
    "ministack.services.cloudformation.provisioners": ("_RESOURCE_HANDLERS", "_REPLACING_PROPERTIES"),
    "ministack.services.cloudformation.stacks": ("_runs_on_worker_thread",),
    "ministack.services.cloudformation.custom_resource": ("_pending",),
    "ministack.services.cloudformation": ("_stacks",),
    "ministack.services.cloudwatch": (
        "_alarms",
        "_calc_stats",
        "_dims_from_list",
        "_dims_key",
        "_dispatch_alarm_actions",
        "_error",
        "_evaluate_alarm",
        "_evaluate_all_alarms",
        "_evaluate_parent_alarms",
        "_evict_old_metrics",
        "_metrics",
        "_point_stats",
        "_put_metric_alarm",
        "_record_history",
        "_stat_value",
        "get_state",
        "record_metric",
    ),
    "ministack.services.iam": ("_access_keys",),
    "ministack.services.lambda_svc": (
        "_emit_lambda_metrics",
        "_execute_function_with_config_scope",
        "_execution_record_for_config",
        "_functions",
        "_get_func_record_for_ref",
        "invoke_async_with_retry",
    ),
    "ministack.services.sns": ("_deliver_to_lambda", "_threading"),
    "ministack.services.sqs": ("_queues",),
    "ministack.services.sts": ("_sessions",),
}
_LAMBDA_TYPE = "AWS::Lambda::Function"
_ALARM_TYPE = "AWS::CloudWatch::Alarm"


class IncompatibleMiniStackError(RuntimeError):
    """The installed MiniStack is not the one that this package is written for."""


def environment(state: Path, port: int, account: str, region: str) -> dict[str, str]:
    """The variables that MiniStack reads when it is imported. None of them reaches a Lambda function."""
    return {
        "BIND_HOST": "127.0.0.1",
        "DOCKER_HOST": f"unix://{state}/no-docker",  # or it looks for containers of other MiniStacks and ends them
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",  # or it opens port 8883
        "LOG_LEVEL": "WARNING",
        "MINISTACK_ACCOUNT_ID": account,
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": region,
        "PERSIST_STATE": "1",
        "S3_DATA_DIR": str(state / "s3"),
        "S3_PERSIST": "1",
        "SFTP_ENABLED": "0",
        "STATE_DIR": str(state / "ministack"),
    }


def check() -> dict[str, Any]:
    """Import MiniStack's modules and return them by name; raise :class:`IncompatibleMiniStackError` on a surprise."""
    found = importlib.metadata.version("ministack")
    modules, missing = {}, []
    for name, parts in _PARTS.items():
        try:
            modules[name] = importlib.import_module(name)
        except ImportError as error:
            missing.append(f"{name} ({error})")
            continue
        missing += [f"{name}.{part}" for part in parts if not hasattr(modules[name], part)]
    if missing or found != VERSION:
        lost = f"; missing: {', '.join(missing)}" if missing else ""
        raise IncompatibleMiniStackError(
            f"the local cloud is written for MiniStack {VERSION}, but {found} is installed{lost}. "
            f"Install ministack=={VERSION} (`uv sync --frozen` does)."
        )
    return modules


class MiniStack:
    """The MiniStack of this process, changed where it differs from AWS in what this cloud needs."""

    def __init__(self) -> None:
        modules = check()
        short = {name.rpartition(".")[2]: module for name, module in modules.items()}
        self.app: Any = short["app"].app
        self._app = short["app"]
        self._alarms = short["cloudwatch"]
        self._functions = short["lambda_svc"]
        self._persistence = short["persistence"]
        self._provisioners = short["provisioners"]
        self._queues = short["sqs"]
        self._responses = short["responses"]
        self._runtime = short["lambda_runtime"]
        self._sns = short["sns"]
        self._sessions = short["sts"]._sessions
        self._access_keys = short["iam"]._access_keys
        self._pending_callbacks = short["custom_resource"]._pending
        self._stacks = short["cloudformation"]._stacks
        self._stacks_module = short["stacks"]
        self._inbox: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        self._lifespan: asyncio.Task[None] | None = None
        self._take_over_alarms()

    # --- life ---------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Let MiniStack start and load its state. It is not told of the end: :class:`StateKeeper` saves better."""
        started = asyncio.Event()

        async def send(message: Mapping[str, Any]) -> None:
            started.set()

        await self._inbox.put({"type": "lifespan.startup"})
        self._lifespan = asyncio.create_task(self.app({"type": "lifespan"}, self._inbox.get, send))
        await started.wait()

    async def stop(self) -> None:
        """End the Lambda workers."""
        if self._lifespan is not None:
            self._lifespan.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._lifespan
        await asyncio.get_running_loop().run_in_executor(None, self._runtime.reset)

    def issued(self, access_key: str) -> bool:
        """Whether STS or IAM of this cloud gave out ``access_key``."""
        return access_key in self._sessions or any(key[-1] == access_key for key in self._access_keys._data)

    def is_callback(self, path: str) -> bool:
        """Whether ``path`` is a ResponseURL on which CloudFormation waits: unsigned, with a secret in it, as on AWS."""
        prefix = "/_ministack/cfn-response/"
        return path.startswith(prefix) and path.removeprefix(prefix) in self._pending_callbacks

    def busy(self) -> bool:
        """Whether CloudFormation is at work."""
        return any(_working(stack) for stack in list(self._stacks._data.values()))

    def fail_interrupted_stacks(self) -> None:
        """Mark stacks as failed whose operation ended with the previous run: nobody works on them any more."""
        for stack in self._stacks._data.values():
            if _working(stack):
                status = stack["StackStatus"]
                ended = "COMPLETE" if "CLEANUP" in status else "FAILED"
                stack["StackStatus"] = status.replace("_COMPLETE_CLEANUP", "").replace("IN_PROGRESS", ended)
                stack["StackStatusReason"] = f"The local cloud ended during {status}"

    # --- state --------------------------------------------------------------------------------------------------

    def state_of(self) -> dict[str, Callable[[], Any]]:
        """How to get each loaded service's state. Call the functions on the event loop; they copy."""
        getters: dict[str, Callable[[], Any]] = dict(self._app._build_persistence_save_dict())
        if "cloudwatch" in getters:
            getters["cloudwatch"] = self._alarm_state
        return getters

    def _alarm_state(self) -> dict[str, Any]:
        """CloudWatch's state without the measurements, which change all the time and are saved apart."""
        metrics = self._alarms._metrics
        self._alarms._metrics = type(metrics)()
        try:
            state: dict[str, Any] = self._alarms.get_state()
        finally:
            self._alarms._metrics = metrics
        del state["metrics"]
        return state

    def measurements(self) -> Any:
        """All measurements, for :meth:`encode`. Points never change, so copying the lists is enough."""
        metrics = self._alarms._metrics
        return type(metrics).from_dict({key: list(points) for key, points in list(metrics._data.items())})

    def restore_measurements(self, text: str) -> None:
        """Take back what :meth:`measurements` gave, as :meth:`encode` wrote it."""
        payload = json.loads(text, object_hook=self._persistence._json_object_hook)["payload"]
        self._alarms._metrics.update(payload)

    def encode(self, service: str, state: Any) -> str:
        """``state`` in the form in which MiniStack reads it when it starts."""
        version = self._persistence._state_format_version(service)
        document = {"__ministack_format__": version, "payload": state}
        return json.dumps(document, default=self._persistence._json_default)

    # --- CloudFormation -----------------------------------------------------------------------------------------

    def register(self, types: Iterable[ResourceType]) -> None:
        """Teach CloudFormation ``types``; their work runs on worker threads."""
        ours = set()
        for resource_type in types:
            self._provisioners._RESOURCE_HANDLERS[resource_type.name] = _handlers(resource_type)
            self._provisioners._REPLACING_PROPERTIES[resource_type.name] = tuple(resource_type.replacing)
            ours.add(resource_type.name)
        original = self._stacks_module._runs_on_worker_thread
        self._stacks_module._runs_on_worker_thread = lambda name: name in ours or original(name)

    def _after(self, type_name: str, action: str, then: Callable[[tuple[str, Any], Mapping[str, Any]], None]) -> None:
        """Call ``then(result, properties)`` after MiniStack's own create or update of ``type_name``."""
        handlers = self._provisioners._RESOURCE_HANDLERS[type_name]
        original = handlers[action]
        properties_at = {"create": 1, "update": 2}[action]

        def handler(*arguments: Any) -> Any:
            result = original(*arguments)
            then(result, arguments[properties_at])
            return result

        handlers[action] = handler

    def _keep_function_settings(self, result: tuple[str, Any], properties: Mapping[str, Any]) -> None:
        """MiniStack drops these properties of a function."""
        record = self._functions._functions.get(result[0])
        if record is None:
            return
        record["config"].pop("DeadLetterConfig", None)
        if properties.get("DeadLetterConfig", {}).get("TargetArn"):
            record["config"]["DeadLetterConfig"] = dict(properties["DeadLetterConfig"])
        reserved = properties.get("ReservedConcurrentExecutions")
        record["concurrency"] = None if reserved is None else int(reserved)

    # --- Lambda -------------------------------------------------------------------------------------------------

    def surround_functions(self, interpreter: str, prelude: str, credentials: Mapping[str, str]) -> None:
        """Start Lambda workers with ``prelude`` before their script, and with this cloud's credentials."""
        original = self._runtime._detect_runtime_binary

        def detect(runtime: str) -> tuple[str, str]:
            binary, script = original(runtime)
            return (interpreter, prelude + script) if runtime.startswith("python") else (binary, script)

        self._runtime._detect_runtime_binary = detect
        given = {name: credentials[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        for module in (self._runtime, self._functions):
            module.execution_credentials = lambda config: dict(given)

    def deliver_through(self, deliveries: Deliveries) -> None:
        """Have every asynchronous invocation (SNS, S3, ``InvocationType: Event``) go through ``deliveries``."""

        def from_sns(endpoint: str, envelope: str, topic: str, subscription: str, *_: object) -> None:
            record = {
                "EventVersion": "1.0",
                "EventSubscriptionArn": subscription,
                "EventSource": "aws:sns",
                "Sns": json.loads(envelope),
            }
            deliveries.submit(endpoint, {"Records": [record]})

        def from_invoke(function: dict[str, Any], event: Any) -> None:
            deliveries.submit(function["config"]["FunctionArn"], event)

        counted = self._functions._emit_lambda_metrics

        def count(name: str, duration_ms: float, error: bool, throttle: bool) -> None:
            if duration_ms > 0 or error or throttle:  # MiniStack counts an event when it accepts it, too
                counted(name, duration_ms, error, throttle)

        self._sns._deliver_to_lambda = from_sns
        self._sns._threading = _Threading(from_sns)
        self._functions.invoke_async_with_retry = from_invoke
        self._functions._emit_lambda_metrics = count
        for action in ("create", "update"):
            self._after(_LAMBDA_TYPE, action, self._keep_function_settings)

    @contextlib.contextmanager
    def _in_scope_of(self, arn: str) -> Iterator[None]:
        parts = arn.split(":")
        with self._responses.request_scope(parts[4], parts[3]):
            yield

    def delivery_policy(self, function_arn: str) -> Policy | None:
        """What the function says about asynchronous invocations; None when it does not exist."""
        with self._in_scope_of(function_arn):
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

    def invoke_function(self, function_arn: str, event: Any) -> Outcome:
        """Run a function once and wait for it."""
        started = time.monotonic()
        with self._in_scope_of(function_arn):
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
        message = str(body.get("errorMessage", body)) if isinstance(body, dict) else str(body)
        return Outcome(payload=body, error=message if result.get("error") else "", throttled=throttled)

    # --- CloudWatch ---------------------------------------------------------------------------------------------

    def _take_over_alarms(self) -> None:
        """Switch MiniStack's evaluation off (``localcloud.watch`` evaluates), and its clean-up at every request."""
        cloudwatch = self._alarms
        cloudwatch._evaluate_alarm = lambda alarm: None
        cloudwatch._evaluate_all_alarms = lambda: None
        cloudwatch._evict_old_metrics = lambda: None
        put = cloudwatch._put_metric_alarm

        def put_metric_alarm(params: Any, body: dict[str, Any], is_cbor: bool, is_json: bool = False) -> Any:
            try:
                if is_cbor or is_json:
                    check_supported(body)
            except UnsupportedAlarmError as error:
                return cloudwatch._error("ValidationError", str(error), 400, use_json=is_json, use_cbor=is_cbor)
            return put(params, body, is_cbor, is_json)

        cloudwatch._put_metric_alarm = put_metric_alarm
        for action in ("create", "update"):
            self._after(_ALARM_TYPE, action, lambda result, properties: check_supported(properties))

    def alarms(self) -> list[dict[str, Any]]:
        """Every metric alarm: MiniStack's own records, alive."""
        return list(self._alarms._alarms._data.values())

    def datapoint(self, alarm: Mapping[str, Any], start: float, end: float) -> tuple[float, float] | None:
        """The alarm's statistic over [start, end) and its number of samples; None without any."""
        cloudwatch = self._alarms
        _, _, _, region, account = str(alarm["AlarmArn"]).split(":")[:5]
        key = (
            alarm["Namespace"],
            alarm["MetricName"],
            cloudwatch._dims_key(cloudwatch._dims_from_list(alarm.get("Dimensions") or [])),
        )
        stored = cloudwatch._metrics.get_scoped(account, region, key) or []
        points = []
        for point in reversed(stored):  # newest last, nearly: a client may give an older timestamp
            if point["Timestamp"] < start - 900:
                break
            if start <= point["Timestamp"] < end and alarm.get("Unit") in (None, point.get("Unit")):
                points.append(point)
        statistics = cloudwatch._calc_stats(points)
        if not statistics:
            return None
        name = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"
        value = cloudwatch._stat_value(statistics, name, points)
        return None if value is None else (float(value), float(statistics["SampleCount"]))

    def set_alarm_state(self, alarm: dict[str, Any], decision: Decision) -> None:
        """Move an alarm to another state: history, SNS actions, and the composite alarms above it."""
        cloudwatch, old, now = self._alarms, alarm["StateValue"], int(time.time())
        alarm.update(
            StateValue=decision.state,
            StateReason=decision.reason,
            StateReasonData=decision.reason_data,
            StateUpdatedTimestamp=now,
            StateTransitionedTimestamp=now,
        )
        with self._in_scope_of(alarm["AlarmArn"]):
            data = json.loads(decision.reason_data)
            cloudwatch._record_history(alarm["AlarmName"], old, decision.state, decision.reason, reason_data=data)
            cloudwatch._dispatch_alarm_actions(alarm, old, decision.state, decision.reason)
            cloudwatch._evaluate_parent_alarms(alarm)

    def compact_measurements(self, older_than: float, resolution: float = 60.0) -> None:
        """Merge points before ``older_than`` into statistic sets of one minute, as CloudWatch does after 3 hours."""
        cloudwatch = self._alarms
        expired = time.time() - 15 * 86400  # "Data points with a period of 60 seconds are available for 15 days"
        for key, points in list(cloudwatch._metrics._data.items()):
            if len(points) < 100 or points[0]["Timestamp"] >= older_than or "_compact" in points[0]:
                recent = [p for p in points if p["Timestamp"] >= older_than]
                if len(points) < 100 or len(recent) == len(points):
                    continue
            groups: dict[tuple[float, Any], list[Any]] = {}
            kept = []
            for point in points:
                stamp = point["Timestamp"]
                if stamp >= older_than or "_compact" in point:
                    if stamp >= expired:
                        kept.append(point)
                else:
                    groups.setdefault((stamp - stamp % resolution, point.get("Unit")), []).append(point)
            merged = []
            for (stamp, unit), members in groups.items():
                statistics = cloudwatch._calc_stats(members)
                if statistics:
                    dimensions = members[0]["Dimensions"]
                    point = {"Timestamp": stamp, "Value": statistics["Average"], "Unit": unit, "_stat": statistics}
                    merged.append({**point, "Dimensions": dimensions, "_compact": True})
            cloudwatch._metrics._data[key] = sorted([*merged, *kept], key=lambda p: float(p["Timestamp"]))

    def publish_queue_metrics(self) -> None:
        """Measure the SQS queues that an alarm looks at: MiniStack publishes nothing for SQS."""
        watched = {
            (alarm["AlarmArn"].split(":")[4], alarm["AlarmArn"].split(":")[3], dimension["Value"])
            for alarm in self.alarms()
            if alarm.get("Namespace") == "AWS/SQS"
            for dimension in alarm.get("Dimensions") or []
            if dimension["Name"] == "QueueName"
        }
        now = time.time()
        for (account, region, _), queue in list(self._queues._queues._data.items()):
            name = str(queue.get("name") or queue["attributes"]["QueueArn"].rpartition(":")[2])
            if (account, region, name) not in watched:
                continue
            messages = list(queue["messages"])
            hidden = [m for m in messages if m["visible_at"] > now]
            delayed = sum(not m.get("receive_count") for m in hidden)
            values = {
                "ApproximateNumberOfMessagesVisible": (len(messages) - len(hidden), "Count"),
                "ApproximateNumberOfMessagesNotVisible": (len(hidden) - delayed, "Count"),
                "ApproximateNumberOfMessagesDelayed": (delayed, "Count"),
                "ApproximateAgeOfOldestMessage": (now - min((m["sent_at"] for m in messages), default=now), "Seconds"),
            }
            with self._responses.request_scope(account, region):
                for metric, (value, unit) in values.items():
                    self._alarms.record_metric("AWS/SQS", metric, value, unit, {"QueueName": name})


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


def _working(stack: Mapping[str, Any]) -> bool:
    status = str(stack.get("StackStatus"))
    return status.endswith("IN_PROGRESS") and status != "REVIEW_IN_PROGRESS"


def _handlers(resource_type: ResourceType) -> dict[str, Callable[..., Any]]:
    """``resource_type`` as MiniStack's CloudFormation calls it; errors get AWS's words in the stack's events."""

    def guarded(action: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            try:
                return action(*arguments)
            except ServiceError as error:
                raise ValueError(
                    f'Resource handler returned message: "{error.message}" (HandlerErrorCode: {error.code})'
                ) from error

        return call

    return {
        "create": guarded(resource_type.create),
        "update": guarded(resource_type.update),
        "delete": guarded(resource_type.delete),
    }
