"""Lives from beginning to end: an endpoint of its own, a stack, an alarm. Each removes what it made."""

from __future__ import annotations

import contextlib
import functools
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from contract.names import VARIANT, endpoint_log_group
from helpers.parity import forms
from helpers.parity.bench import Bench
from helpers.parity.scaling import load

NAMESPACE = "Workshop/Verify"
COOLDOWN_SECONDS = 600
"""Longer than a minute by far, so that a cooldown that is not kept shows."""
DIMENSION = "sagemaker:variant:DesiredInstanceCount"


def endpoint(bench: Bench) -> None:
    """Creating, InService, two steps down with a cooldown between them, Deleting, gone."""
    sagemaker, name = bench.client("sagemaker"), f"{bench.prefix}-life"
    present = bench.endpoint()
    config = sagemaker.describe_endpoint_config(EndpointConfigName=present["EndpointConfigName"])
    variant = {**config["ProductionVariants"][0], "InitialInstanceCount": 2}
    bench.ask(
        "a configuration", "sagemaker", "create_endpoint_config", EndpointConfigName=name,
        ProductionVariants=[variant], AsyncInferenceConfig=config["AsyncInferenceConfig"], Tags=bench.tags,
    )  # fmt: skip
    try:
        with bench.watching(name) as seen:
            bench.ask(
                "a new endpoint", "sagemaker", "create_endpoint", EndpointName=name, EndpointConfigName=name,
                Tags=bench.tags,
            )  # fmt: skip
            bench.ask("described at once", "sagemaker", "describe_endpoint", EndpointName=name)
            bench.ask(
                "updated at once", "sagemaker", "update_endpoint", EndpointName=name, EndpointConfigName=name,
            )  # fmt: skip
            bench.ask("its name again", "sagemaker", "create_endpoint", EndpointName=name, EndpointConfigName=name)
            bench.ask(
                "invoked at once", "sagemaker-runtime", "invoke_endpoint_async", EndpointName=name,
                InputLocation=bench.connection.store.uri("requests/nothing-is-here.json"),
            )  # fmt: skip
            bench.fact("endpoint.settles_as", bench.settled(name))
        bench.fact("endpoint.states", [state for state in forms.collapsed(seen) if state != "(gone)"])
        bench.ask("described in service", "sagemaker", "describe_endpoint", EndpointName=name)
        _cooldown(bench, name)
        with bench.watching(name):
            bench.ask("deleted", "sagemaker", "delete_endpoint", EndpointName=name)
            gone = bench.until(lambda: _is_gone(bench, name), 20, 60)
        bench.fact("endpoint.gone", bool(gone))
        found, _ = bench.ask(
            "its target after", "application-autoscaling", "describe_scalable_targets", ServiceNamespace="sagemaker",
            ResourceIds=[f"endpoint/{name}/variant/{VARIANT}"],
        )  # fmt: skip
        bench.fact("endpoint.target_goes_with_it", found is not None and not found["ScalableTargets"])
    finally:
        with contextlib.suppress(ClientError):
            sagemaker.delete_endpoint(EndpointName=name)
        sagemaker.delete_endpoint_config(EndpointConfigName=name)
        with contextlib.suppress(ClientError):
            bench.client("logs").delete_log_group(logGroupName=endpoint_log_group(name))


def _is_gone(bench: Bench, name: str) -> bool:
    try:
        bench.endpoint(name)
    except ClientError:
        return True
    return False


def _cooldown(bench: Bench, name: str) -> None:
    """An alarm that never rests takes an instance away, and the next one only after the cooldown."""
    cloudwatch = bench.client("cloudwatch")
    target = {"ServiceNamespace": "sagemaker", "ResourceId": f"endpoint/{name}/variant/{VARIANT}"}
    target["ScalableDimension"] = DIMENSION
    bench.ask("a target", "application-autoscaling", "register_scalable_target", MinCapacity=0, MaxCapacity=2, **target)
    answer, _ = bench.ask(
        "a step policy", "application-autoscaling", "put_scaling_policy", PolicyName="verify-down",
        PolicyType="StepScaling", StepScalingPolicyConfiguration={
            "AdjustmentType": "ChangeInCapacity", "Cooldown": COOLDOWN_SECONDS,
            "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": -1}],
        }, **target,
    )  # fmt: skip
    with _loaded(bench, "Load", 10.0):
        cloudwatch.put_metric_alarm(
            AlarmName=name, Namespace=NAMESPACE, MetricName="Load", Statistic="Average", Period=60,
            EvaluationPeriods=1, Threshold=5, ComparisonOperator="GreaterThanThreshold",
            AlarmActions=[answer["PolicyARN"]],
        )  # fmt: skip
        try:
            resource = str(target["ResourceId"])
            bench.until(lambda: len(bench.activities(resource)) >= 2, 30, 15)
        finally:
            cloudwatch.delete_alarms(AlarmNames=[name])
    done = bench.activities(resource)
    bench.fact("cooldown.descriptions", [item["Description"] for item in done[:2]])
    bench.fact("cooldown.status", sorted({item["StatusCode"] for item in done[:1]}))
    bench.fact("cooldown.causes", [_cause(item, name) for item in done[:1]])
    if len(done) >= 2:
        gap = (done[1]["StartTime"] - done[0]["StartTime"]).total_seconds() * bench.speed
        bench.recorder.write("duration", name="cooldown.seconds_between_two_steps", value=round(gap))
        bench.fact("cooldown.kept", gap >= 0.8 * COOLDOWN_SECONDS)
    bench.settled(name)


def _cause(activity: dict[str, Any], name: str) -> str:
    return str(activity["Cause"]).replace(name, "<name>")


@contextlib.contextmanager
def _loaded(bench: Bench, metric: str, value: float) -> Iterator[None]:
    ended = threading.Event()
    thread = threading.Thread(target=load, args=(bench, metric, value, ended), daemon=True, name="parity-load")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=30)


def alarm(bench: Bench) -> None:
    """INSUFFICIENT_DATA, ALARM, OK, and the history of these states."""
    cloudwatch, name = bench.client("cloudwatch"), f"{bench.prefix}-alarm"
    settings = {
        "AlarmName": name, "Namespace": NAMESPACE, "MetricName": "Heat", "Statistic": "Maximum", "Period": 60,
        "EvaluationPeriods": 2, "Threshold": 5.0, "ComparisonOperator": "GreaterThanThreshold",
    }  # fmt: skip
    bench.ask("an alarm", "cloudwatch", "put_metric_alarm", **settings)
    try:
        bench.ask("without data", "cloudwatch", "describe_alarms", AlarmNames=[name])

        def state(wanted: str = "") -> str:
            found = str(cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"])
            return found if wanted in ("", found) else ""

        states = [state()]
        for value, wanted in ((10.0, "ALARM"), (1.0, "OK")):
            with _loaded(bench, "Heat", value):
                bench.until(functools.partial(state, wanted), 20, 15)
                states.append(state())
        bench.fact("alarm.states", states)
        bench.ask("after data", "cloudwatch", "describe_alarms", AlarmNames=[name])
        history, _ = bench.ask("its history", "cloudwatch", "describe_alarm_history", AlarmName=name)
        items = sorted(history["AlarmHistoryItems"], key=lambda item: item["Timestamp"]) if history else []
        bench.fact("alarm.history", [_said(item, name) for item in items])
        bench.ask(
            "what was measured", "cloudwatch", "get_metric_statistics", Namespace=NAMESPACE, MetricName="Heat",
            Statistics=["Maximum", "SampleCount"], Period=60, StartTime=time.time() - 7200, EndTime=time.time() + 60,
        )  # fmt: skip
    finally:
        cloudwatch.delete_alarms(AlarmNames=[name])


def _said(item: dict[str, Any], name: str) -> str:
    return f"{item['HistoryItemType']}: {item['HistorySummary']}".replace(name, "<name>")


def _template(*, broken: bool = False) -> str:
    """A topic, a queue that the topic's name is needed for, and on demand a parameter that cannot be made."""
    resources: dict[str, Any] = {
        "Topic": {"Type": "AWS::SNS::Topic"},
        "Queue": {"Type": "AWS::SQS::Queue", "DependsOn": "Topic", "Properties": {"DelaySeconds": 1}},
    }
    if broken:
        # Names that begin with "aws" are reserved: PutParameter, Name.
        refused = {"Type": "String", "Value": "x", "Name": "/aws/verify"}
        resources["Refused"] = {"Type": "AWS::SSM::Parameter", "DependsOn": "Queue", "Properties": refused}
    return json.dumps({"Resources": resources, "Outputs": {"Arn": {"Value": {"Ref": "Topic"}}}})


def stack(bench: Bench) -> None:
    """A stack is created, updated, deleted; another one fails and is rolled back. The events tell it in order."""
    client = bench.client("cloudformation")
    for kind in ("whole", "broken"):
        name = f"{bench.prefix}-{kind}"
        try:
            answer, code = bench.ask(
                f"stack {kind}", "cloudformation", "create_stack", StackName=name,
                TemplateBody=_template(broken=kind == "broken"), Tags=bench.tags,
            )  # fmt: skip
            bench.fact(f"stack.{kind}.code", code)
            if code:
                continue
            identity = answer["StackId"]
            bench.fact(f"stack.{kind}.status", _over(bench, identity))
            bench.ask(f"stack {kind} described", "cloudformation", "describe_stacks", StackName=identity)
            if kind == "whole":
                bench.ask("the same again", "cloudformation", "update_stack", StackName=name, TemplateBody=_template())
            bench.ask(f"stack {kind} deleted", "cloudformation", "delete_stack", StackName=name)
            bench.fact(f"stack.{kind}.end", _over(bench, identity))
            events, _ = bench.ask(f"events of {kind}", "cloudformation", "describe_stack_events", StackName=identity)
            bench.fact(f"stack.{kind}.events", told(events["StackEvents"], name) if events else [])
        finally:
            with contextlib.suppress(ClientError):
                client.delete_stack(StackName=name)


def told(events: list[dict[str, Any]], name: str) -> list[str]:
    """Stack events oldest first: resource and status, with the reason's kind where one failed."""
    said = []
    for event in reversed(events):
        logical = "(stack)" if event["LogicalResourceId"] == name else event["LogicalResourceId"]
        said.append(f"{logical} {event['ResourceStatus']}")
    return forms.collapsed(said)


def _over(bench: Bench, identity: str) -> str:
    """The stack's status once nothing is in progress."""

    def found() -> str | None:
        described = bench.client("cloudformation").describe_stacks(StackName=identity)["Stacks"][0]
        status = str(described["StackStatus"])
        return None if status.endswith("IN_PROGRESS") else status

    return str(bench.until(found, 30, 60))
