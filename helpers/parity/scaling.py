"""Sleeping and waking: what each of the two policies does at zero instances.

SageMaker Developer Guide, "Autoscale an asynchronous endpoint" (async-inference-autoscale). The first question that a
run on AWS has to answer is here: whether target tracking alone wakes an endpoint when more requests wait than its
target, which that page says and another one ("Step scaling policies", leaving zero) seems to deny.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from helpers.parity import forms
from helpers.parity.bench import Bench, StepError
from helpers.parity.requests import GOOD
from helpers.recording.scrub import MOST

SLEEP_MINUTES = 60
"""Fifteen datapoints below the target, a cooldown, and the minutes that metrics are late."""
QUIET_MINUTES = 4
"""After which an endpoint at zero is taken to be asleep."""
WAITS_MINUTES = 8
"""How long a request below the target is left alone: twice what the alarm of target tracking needs."""
WAKES_MINUTES = 30
"""How long target tracking gets to wake the endpoint before the answer is no."""
TTL_SECONDS = 60
"""The shortest RequestTTLSeconds."""
BEFORE = dt.datetime.fromtimestamp(0, dt.UTC)
QUEUE_METRICS = ("ApproximateBacklogSizePerInstance", "ApproximateBacklogSize", "HasBacklogWithoutCapacity")


def sleeps(bench: Bench, name: str = "sleeps") -> None:
    """Wait until the endpoint is at zero instances."""
    began = dt.datetime.now(dt.UTC)
    asleep = bench.until(lambda: _stays_asleep(bench), SLEEP_MINUTES, 60)
    bench.fact(f"{name}.reached_zero", bool(asleep))
    if not asleep:
        raise StepError(f"the endpoint still has {bench.instances()} instances")
    minutes = (dt.datetime.now(dt.UTC) - began).total_seconds() * bench.speed / 60
    bench.recorder.write("took", name=f"{name}.minutes", value=round(minutes, 1))
    down = [said for said in _causes(bench) if " 0." in said]
    bench.fact(f"{name}.by", down[-1:])


def _stays_asleep(bench: Bench) -> bool:
    """At zero now, and still some minutes later: nothing waits any more that could wake it."""
    if not bench.asleep():
        return False
    bench.pause(60 * QUIET_MINUTES)
    return bench.asleep()


def _causes(bench: Bench, since: dt.datetime = BEFORE) -> list[str]:
    """What was done and by whom, oldest first, without the names of alarms."""
    said = []
    for item in bench.activities():
        if item["StartTime"] >= since:
            policy = item["Cause"].rpartition("policy ")[2]
            said.append(f"{item['Description']} {policy}")
    return said


@contextlib.contextmanager
def tracking_alone(bench: Bench) -> Iterator[None]:
    """In the block the alarm of the step policy calls nobody, and target tracking is on its own."""
    policies = bench.client("application-autoscaling").describe_scaling_policies(
        ServiceNamespace="sagemaker", ResourceId=bench.resource
    )["ScalingPolicies"]
    steps = [policy for policy in policies if policy["PolicyType"] == "StepScaling"]
    names = [alarm["AlarmName"] for policy in steps for alarm in policy.get("Alarms", ())]
    if not names:
        raise StepError("no step policy with an alarm scales the endpoint")
    cloudwatch = bench.client("cloudwatch")
    cloudwatch.disable_alarm_actions(AlarmNames=names)
    try:
        yield
    finally:
        with contextlib.suppress(ClientError):  # the clean-up may have taken it meanwhile
            cloudwatch.enable_alarm_actions(AlarmNames=names)


def tracking_wakes(bench: Bench) -> None:
    """At zero, without the step policy: a request that expires, one that waits, then more than the target."""
    target = bench.connection.settings.endpoint.backlog_per_instance
    with tracking_alone(bench):
        _expires(bench)
        waiting = dt.datetime.now(dt.UTC)
        first, _, _ = bench.send("below the target", GOOD)
        bench.pause(60 * WAITS_MINUTES)
        waited = bench.asleep()
        bench.fact("tracking.waits_below_its_target", waited)
        began = dt.datetime.now(dt.UTC)
        with bench.watching() as seen:
            sent = [first, *(bench.send("", GOOD)[0] for _ in range(int(target) + 2))]
            bench.say(f"  {len(sent)} requests wait, the target is {target:g}; at most {WAKES_MINUTES} minutes")
            woken = bool(bench.until(lambda: bench.instances() > 0, WAKES_MINUTES, 30))
        points = _points(bench, waiting)
        bench.recorder.write("answer", question="tracking alone wakes above its target", value=woken, datapoints=points,
                             waited_below=waited, requests=len(sent), target=target)  # fmt: skip
        bench.fact("tracking.alone_wakes_above_its_target", woken)
        if woken:
            bench.fact("tracking.woken_by", _causes(bench, began)[:1])
            bench.fact("tracking.was_updating", "Updating" in seen)
    bench.fact("tracking.all_answered", all(bench.notices(item) for item in sent))
    bench.settled()


def _expires(bench: Bench) -> None:
    inference_id, answer, _ = bench.send("a request that expires", GOOD, RequestTTLSeconds=TTL_SECONDS)
    began = dt.datetime.now(dt.UTC)
    notices = bench.notices(inference_id, cloud_minutes=15, least=10)
    passed = (dt.datetime.now(dt.UTC) - began).total_seconds() * bench.speed
    bench.fact("expired.deliveries", len(notices))
    if notices:
        message = notices[0]["message"]
        bench.fact("expired.not_before_its_time", passed >= TTL_SECONDS * 0.9)
        bench.fact("expired.status", message.get("invocationStatus"))
        bench.fact("expired.reason", forms.plain(str(message.get("failureReason"))))
        bench.fact("expired.fields", forms.fields(message))
        bench.fact("expired.while_asleep", bench.asleep())
    else:
        bench.fact("expired.failure_location", bool(answer and answer.get("FailureLocation")))


def _points(bench: Bench, since: dt.datetime) -> dict[str, list[list[Any]]]:
    """The queue's metrics minute by minute since requests wait: metric to its times and values."""
    rows: dict[str, list[list[Any]]] = {}
    for name in QUEUE_METRICS:
        found = bench.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/SageMaker", MetricName=name,
            Dimensions=[{"Name": "EndpointName", "Value": bench.connection.names.endpoint}],
            StartTime=since, EndTime=dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1),
            Period=max(1, round(60 / bench.speed)), Statistics=["Maximum"],
        )["Datapoints"]  # fmt: skip
        points = sorted(found, key=lambda item: item["Timestamp"])[:MOST]
        rows[name] = [[point["Timestamp"], point["Maximum"]] for point in points]
    return rows


def step_wakes(bench: Bench) -> None:
    """At zero, one request: the step policy starts an instance; UpdateEndpoint meanwhile is refused."""
    began = dt.datetime.now(dt.UTC)
    with bench.watching() as seen:
        inference_id, _, _ = bench.send("a request that wakes", GOOD)
        updating = bench.until(lambda: bench.endpoint()["EndpointStatus"] == "Updating", 15, 30)
        if updating:
            described = bench.endpoint()
            _, code = bench.ask(
                "an update while it scales", "sagemaker", "update_endpoint",
                EndpointName=described["EndpointName"], EndpointConfigName=described["EndpointConfigName"],
            )  # fmt: skip
            bench.fact("update_while_scaling", code)
        woken = bool(bench.until(lambda: bench.instances() > 0, WAKES_MINUTES, 30))
        notices = bench.notices(inference_id)
    minutes = (dt.datetime.now(dt.UTC) - began).total_seconds() * bench.speed / 60
    bench.recorder.write("took", name="step.minutes_to_the_answer", value=round(minutes, 1))
    bench.fact("step.was_updating", bool(updating) and "Updating" in seen)
    bench.fact("step.wakes_for_one_request", woken)
    bench.fact("step.woken_by", _causes(bench, began)[:1])
    bench.fact("step.answered", len(notices))
    bench.settled()


def update_refused(bench: Bench) -> None:
    """Another instance type while the variant is a scalable target ("Update endpoints that use auto scaling")."""
    sagemaker, name = bench.client("sagemaker"), f"{bench.prefix}-type"
    described = bench.endpoint()
    found = sagemaker.describe_endpoint_config(EndpointConfigName=described["EndpointConfigName"])
    variant = {**found["ProductionVariants"][0]}
    variant["InstanceType"] = "ml.m5.xlarge" if variant["InstanceType"] != "ml.m5.xlarge" else "ml.m5.large"
    sagemaker.create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[variant], AsyncInferenceConfig=found["AsyncInferenceConfig"],
        Tags=bench.tags,
    )  # fmt: skip
    try:
        _, code = bench.ask(
            "another instance type", "sagemaker", "update_endpoint", EndpointName=described["EndpointName"],
            EndpointConfigName=name,
        )  # fmt: skip
        bench.fact("update.another_instance_type", code)
        if not code:
            bench.settled()
    finally:
        sagemaker.delete_endpoint_config(EndpointConfigName=name)


def load(bench: Bench, name: str, value: float, ended: threading.Event) -> None:
    """Publish a metric of our own every half minute of the target's clock until ``ended``."""
    while not ended.is_set():
        bench.client("cloudwatch").put_metric_data(
            Namespace="Workshop/Verify", MetricData=[{"MetricName": name, "Value": value, "Unit": "Count"}]
        )
        ended.wait(bench.real(30))
