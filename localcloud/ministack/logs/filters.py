"""Metric filters, which measure, and subscription filters, which call a function, as events come in."""

from __future__ import annotations

import base64
import gzip
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

from localcloud.cloudwatch.patterns import InvalidPatternError, Pattern, parse
from localcloud.cloudwatch.patterns.operands import as_number
from localcloud.ministack.logs.store import LogStore, event_id, page
from localcloud.rules import Call, Rulebook
from localcloud.services import ServiceError

logger = logging.getLogger(__name__)

_MOST_SUBSCRIPTIONS = 2
_NOT_PERMITTED = (
    "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute your "
    "function."
)
_OTHER_ACCOUNT = (
    "Cross-account lambda invocation passing is not allowed. You must use DestinationPolicies to create cross account "
    "lambda triggers."
)


class LogFilters:
    """What happens with events besides being stored."""

    def __init__(
        self,
        store: LogStore,
        modules: Mapping[str, ModuleType],
        rules: Rulebook,
        measure: Callable[..., None],
    ) -> None:
        self._store = store
        self._functions: Any = modules["lambda_svc"]
        self._measure = measure
        store.module._fanout_to_subscription_filters = self._received
        rules.add("logs", "TestMetricFilter", self._test)
        rules.add("logs", "DescribeMetricFilters", self._describe)
        rules.add("logs", "PutSubscriptionFilter", self._subscribe)
        rules.add("logs", "DescribeSubscriptionFilters", self._describe_subscriptions)
        rules.add("logs", "DeleteMetricFilter", self._existing_metric_filter)
        rules.add("logs", "DeleteSubscriptionFilter", self._existing_subscription)

    def _test(self, call: Call) -> dict[str, Any]:
        """TestMetricFilter: AmazonCloudWatchLogs/latest/APIReference/API_TestMetricFilter.html."""
        pattern = parse(call.parameters["filterPattern"])
        return {
            "matches": [
                {"eventNumber": number, "eventMessage": message, "extractedValues": pattern.extract(message)}
                for number, message in enumerate(call.parameters["logEventMessages"], 1)
                if pattern.matches(message)
            ]
        }

    def _describe(self, call: Call) -> dict[str, Any]:
        asked = call.parameters
        name, namespace = asked.get("metricName"), asked.get("metricNamespace")
        if bool(name) != bool(namespace):
            raise ServiceError(
                "InvalidParameterException",
                "Describe Metric Filters request must contain both MetricName and MetricNamespace",
            )
        if "logGroupName" in asked:
            self._store.existing(call)
        filters = [
            _described(each)
            for each in sorted(self._store.metric_filters(), key=lambda each: str(each["filterName"]))
            if asked.get("logGroupName", each["logGroupName"]) == each["logGroupName"]
            and each["filterName"].startswith(asked.get("filterNamePrefix", ""))
            and (
                not name
                or any(
                    (metric["metricName"], metric["metricNamespace"]) == (name, namespace)
                    for metric in each["metricTransformations"]
                )
            )
        ]
        return page(filters, asked, "metricFilters")

    def _describe_subscriptions(self, call: Call) -> dict[str, Any]:
        """What was given, without an empty role (recorded in LocalStack's test_put_subscription_filter_lambda)."""
        filters = self._store.group(call.parameters)["subscriptionFilters"]
        shown = [
            {
                **{name: value for name, value in each.items() if name != "roleArn" or value},
                "applyOnTransformedLogs": False,
            }
            for _, each in sorted(filters.items())
            if each["filterName"].startswith(call.parameters.get("filterNamePrefix", ""))
        ]
        return page(shown, call.parameters, "subscriptionFilters")

    def _existing_metric_filter(self, call: Call) -> None:
        key = (call.parameters["logGroupName"], call.parameters["filterName"])
        if key not in self._store.module._metric_filters:
            raise ServiceError("ResourceNotFoundException", "The specified metric filter does not exist.")

    def _existing_subscription(self, call: Call) -> None:
        if call.parameters["filterName"] not in self._store.group(call.parameters)["subscriptionFilters"]:
            raise ServiceError("ResourceNotFoundException", "The specified subscription filter does not exist.")

    def _subscribe(self, call: Call) -> None:
        """Only to functions, which must permit it; the texts are AWS's, recorded in LocalStack's snapshots.

        AmazonCloudWatchLogs/latest/APIReference/API_PutSubscriptionFilter.html
        """
        destination = call.parameters["destinationArn"].split(":")
        if len(destination) < 6:
            raise ServiceError("InvalidParameterException", "destinationArn must be the ARN of a Lambda function")
        service, region, account = destination[2:5]
        if service == "lambda" and (account, region) != (call.account, call.region):
            raise ServiceError("AccessDeniedException", _OTHER_ACCOUNT)
        if service in ("kinesis", "firehose") and "roleArn" not in call.parameters:
            raise ServiceError(
                "InvalidParameterException",
                f"destinationArn for vendor {service} cannot be used without roleArn",
            )
        if service != "lambda":
            raise ServiceError(
                "InvalidParameterException", f"the local cloud delivers logs to Lambda functions only, not to {service}"
            )
        filters = self._store.group(call.parameters)["subscriptionFilters"]
        if len({*filters, call.parameters["filterName"]}) > _MOST_SUBSCRIPTIONS:
            raise ServiceError("LimitExceededException", "Resource limit exceeded.")
        record, config, _ = self._functions._get_func_record_for_ref(call.parameters["destinationArn"])
        if record is None or config is None or not _permits_logs(record.get("policy")):
            raise ServiceError("InvalidParameterException", _NOT_PERMITTED)

    def _received(self, group: str, stream: str, events: Sequence[Mapping[str, Any]]) -> None:
        """Called by MiniStack after events were stored, in the account and region of the group; must not raise."""
        try:
            for metric_filter in self._store.metric_filters():
                if metric_filter["logGroupName"] == group:
                    self._count(metric_filter, events)
            found = self._store.module._log_groups.get(group) or {}
            for subscription in list((found.get("subscriptionFilters") or {}).values()):
                self._deliver(subscription, group, stream, events)
        except Exception:  # the events are stored already: their sender has done nothing wrong
            logger.exception("the filters of %s could not look at new events", group)

    def _count(self, metric_filter: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> None:
        """One measurement for each event that matches; the default value when none of them does."""
        pattern = _pattern(metric_filter)
        if pattern is None or not events:
            return
        matching = [event for event in events if pattern.matches(event["message"])]
        for transformation in metric_filter["metricTransformations"]:
            for event in matching:
                self._emit(transformation, pattern, event)
            default = transformation.get("defaultValue")
            if not matching and default is not None:
                self._emit({**transformation, "metricValue": str(default)}, pattern, events[-1])

    def _emit(self, transformation: Mapping[str, Any], pattern: Pattern, event: Mapping[str, Any]) -> None:
        message, text = event["message"], str(transformation["metricValue"])
        found: str | float | None = pattern.value(message, text) if text.startswith("$") else text
        value = None if found is None or isinstance(found, bool) else as_number(found)
        if value is None:
            return  # "if the value is not numeric, nothing is published"
        dimensions = {}
        for name, selector in (transformation.get("dimensions") or {}).items():
            chosen = pattern.value(message, selector)
            if chosen is not None:
                dimensions[name] = str(chosen)
        self._measure(
            transformation["metricNamespace"],
            transformation["metricName"],
            value,
            unit=transformation.get("unit") or "None",
            dimensions=dimensions,
            timestamp=event["timestamp"] / 1000,
        )

    def _deliver(
        self, subscription: Mapping[str, Any], group: str, stream: str, events: Sequence[Mapping[str, Any]]
    ) -> None:
        """Call a function with the events that match (AmazonCloudWatch/latest/logs/SubscriptionFilters.html)."""
        pattern = _pattern(subscription)
        matching = [event for event in events if pattern is not None and pattern.matches(event["message"])]
        destination = str(subscription["destinationArn"])
        if not matching or group == f"/aws/lambda/{destination.split(':')[6]}":  # or it would call itself forever
            return
        record, config, _ = self._functions._get_func_record_for_ref(destination)
        if record is None or config is None:
            return
        now = int(time.time() * 1000)
        payload = {
            "messageType": "DATA_MESSAGE",
            "owner": destination.split(":")[4],
            "logGroup": group,
            "logStream": stream,
            "subscriptionFilters": [subscription["filterName"]],
            "logEvents": [
                {
                    "id": event_id({"timestamp": now, **event}),
                    "timestamp": event.get("timestamp", now),
                    "message": event["message"],
                }
                for event in matching
            ],
        }
        data = base64.b64encode(gzip.compress(json.dumps(payload).encode())).decode()
        self._functions.invoke_async_with_retry(record, {"awslogs": {"data": data}})


def _described(metric_filter: Mapping[str, Any]) -> dict[str, Any]:
    transformations = [
        {name: float(value) if name == "defaultValue" else value for name, value in each.items()}
        for each in metric_filter["metricTransformations"]
    ]
    return {**metric_filter, "metricTransformations": transformations, "applyOnTransformedLogs": False}


def _pattern(owner: Mapping[str, Any]) -> Pattern | None:
    """The pattern of a filter; None for one that an older state or a template left there broken."""
    try:
        return parse(owner.get("filterPattern") or "")
    except InvalidPatternError:
        return None


def _permits_logs(policy: Any) -> bool:
    """Whether a function's policy lets CloudWatch Logs call it."""
    document = json.loads(policy) if isinstance(policy, str) else policy or {}
    for statement in document.get("Statement", ()):
        principal = statement.get("Principal")
        service = principal.get("Service", "") if isinstance(principal, dict) else principal
        names = service if isinstance(service, list) else [service]
        named = any(
            name == "*" or (str(name).startswith("logs.") and str(name).endswith("amazonaws.com")) for name in names
        )
        if statement.get("Effect") == "Allow" and named:
            return True
    return False
