"""Requests that succeed, and requests that fail in every way that can be made to happen.

SageMaker Developer Guide: "Invoke an asynchronous endpoint" (async-inference-invoke-endpoint), "Check prediction
results" (async-inference-check-predictions); the answers of the API: its Runtime API Reference.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from contract import ids
from helpers.parity import forms
from helpers.parity.bench import Bench

GOOD = {"prompt": "a red circle on a blue background", "seed": 1, "width": 64, "height": 64, "num_inference_steps": 4}
SLOWEST = {"prompt": ["a red circle", "a blue square"], "num_images_per_prompt": 8, "num_inference_steps": 100}
"""As many pictures and steps as Small World takes."""
SIZES = (64, 96, 128, 192, 256, 384, 512)
LONGEST_SECONDS = 3600
"""InvokeEndpointAsync, InvocationTimeoutSeconds."""
INLINE_BYTES = 128_000
"""InvokeEndpointAsync, Body: at most this many bytes."""


def one_request(bench: Bench) -> None:
    """A prompt from the bucket to the picture, and every trace that it leaves."""
    inference_id, answer, _ = bench.send("a request", GOOD)
    notices = bench.notices(inference_id)
    store = bench.connection.store
    bench.until(lambda: store.exists(ids.manifest_key(inference_id)), 5, 60)
    bench.fact("request.deliveries", len(notices))
    if not notices:
        return
    message = notices[0]["message"]
    _note(bench, "completed", notices[0])
    location = message.get("responseParameters", {}).get("outputLocation")
    bench.fact("request.output.same_place", bool(answer) and location == answer.get("OutputLocation"))
    key = str(location).removeprefix(f"s3://{store.bucket}/")
    bench.fact("request.output.key", forms.plain(key))
    head, code = bench.ask("the output", "s3", "head_object", Bucket=store.bucket, Key=key)
    bench.fact("request.output.content_type", head["ContentType"] if head else code)
    status = store.read_json(ids.status_key(inference_id))
    bench.fact("request.status.is_the_notification", status == message)
    prefix = ids.manifest_key(inference_id).removesuffix("manifest.json")
    bench.fact("request.pictures", sorted(entry.key.removeprefix(prefix) for entry in store.entries(prefix)))
    bench.fact("request.id_comes_back", message.get("inferenceId") == inference_id)


def chosen_output(bench: Bench) -> None:
    """The output under a path and a name that the request chooses (since February 2026)."""
    name = f"chosen-{uuid.uuid4().hex[:6]}.json"
    inference_id, answer, code = bench.send(
        "a request with a name for its output", GOOD, S3OutputPathExtension="verify", Filename=name
    )
    bench.fact("chosen_output.code", code)
    if code:
        return
    key = str(answer["OutputLocation"]).removeprefix(f"s3://{bench.connection.store.bucket}/").replace(name, "<name>")
    bench.fact("chosen_output.key", forms.plain(key))
    notices = bench.notices(inference_id)
    where = notices[0]["message"].get("responseParameters", {}).get("outputLocation") if notices else None
    bench.fact("chosen_output.same_place", where == answer["OutputLocation"])


def failures(bench: Bench) -> None:
    """Requests that the endpoint takes and cannot answer."""
    missing = bench.connection.store.uri("requests/nothing-is-here.json")
    slow = {**SLOWEST, "width": 256, "height": 256}
    cases: tuple[tuple[str, Any, dict[str, Any]], ...] = (
        ("bad_prompt", {"prompt": "a red circle", "width": 513}, {}),
        ("not_json", b"a red circle", {}),
        ("too_large", {**GOOD, "width": 1024, "height": 1024}, {}),
        ("missing_input", GOOD, {"InputLocation": missing}),
        ("not_acceptable", GOOD, {"Accept": "image/gif"}),
        ("too_slow", slow, {"InvocationTimeoutSeconds": 1}),
    )
    for name, request, arguments in cases:
        inference_id, answer, code = bench.send(f"failure: {name}", request, **arguments)
        bench.fact(f"failure.{name}.code", code)
        if not code:
            _failed(bench, name, inference_id, answer)
    _, code = bench.ask(
        "failure: a body that is too large", "sagemaker-runtime", "invoke_endpoint_async",
        EndpointName=bench.connection.names.endpoint, Body=b" " * (INLINE_BYTES + 1), ContentType="application/json",
    )  # fmt: skip
    bench.fact("failure.inline_too_large.code", code)


def _failed(bench: Bench, name: str, inference_id: str, answer: Mapping[str, Any]) -> None:
    notices = bench.notices(inference_id)
    bench.fact(f"failure.{name}.deliveries", len(notices))
    if not notices:
        return
    message = notices[0]["message"]
    _note(bench, f"failed.{name}", notices[0])
    store = bench.connection.store
    reason = forms.plain(str(message.get("failureReason")), [store.bucket])
    bench.fact(f"failure.{name}.reason", reason)
    key = str(answer.get("FailureLocation")).removeprefix(f"s3://{store.bucket}/")
    bench.fact(f"failure.{name}.key", forms.plain(key))
    stored = bench.until(lambda: store.read(key), 2, 5)
    bench.fact(f"failure.{name}.stored", stored is not None)
    if stored is not None:
        form = _form_of(stored.body)
        bench.fact(f"failure.{name}.stored_is_json", form != ["text"])
        bench.fact(f"failure.{name}.stored_form", form)
    status = bench.until(lambda: store.read_json(ids.status_key(inference_id)), 5, 30)
    bench.fact(f"failure.{name}.status_is_the_notification", status == message)


def _form_of(body: bytes) -> list[str]:
    try:
        return forms.fields(json.loads(body))
    except ValueError:
        return ["text"]


def _note(bench: Bench, name: str, envelope: Mapping[str, Any]) -> None:
    """What a notification looks like, inside and out."""
    message = envelope["message"]
    bench.fact(f"notification.{name}.fields", forms.fields(message))
    kept = ("invocationStatus", "eventVersion", "eventSource", "eventName", "awsRegion")
    bench.fact(f"notification.{name}.values", {key: message[key] for key in kept if key in message})
    content = message.get("responseParameters", {}).get("contentType")
    bench.fact(f"notification.{name}.content_type", content)
    outside = {key: value for key, value in envelope.items() if key != "message"}
    bench.fact(f"notification.{name}.envelope", forms.fields(outside))
    times = (message.get("receivedTime"), message.get("eventTime"))
    bench.fact(f"notification.{name}.in_order", all(times) and str(times[0]) <= str(times[1]))
    forms_of_time = [re.sub(r"\d", "9", str(moment)) for moment in times]
    bench.fact(f"notification.{name}.times", forms_of_time)


def refusals(bench: Bench) -> None:
    """Calls that AWS refuses; each is compared by status, code, words and shape."""
    nothing, endpoint = "verify-nothing-is-here", bench.connection.names.endpoint
    settings = bench.connection.settings
    location = bench.connection.store.uri("requests/nothing-is-here.json")
    arn = bench.connection.names.success_topic_arn
    target = {"ServiceNamespace": "sagemaker", "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}
    cases: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("sagemaker", "describe_endpoint", {"EndpointName": nothing}),
        ("sagemaker", "delete_endpoint", {"EndpointName": nothing}),
        ("sagemaker", "describe_endpoint_config", {"EndpointConfigName": nothing}),
        ("sagemaker", "describe_model", {"ModelName": nothing}),
        ("sagemaker", "update_endpoint", {"EndpointName": endpoint, "EndpointConfigName": nothing}),
        ("sagemaker-runtime", "invoke_endpoint_async", {"EndpointName": nothing, "InputLocation": location}),
        ("sagemaker-runtime", "invoke_endpoint", {"EndpointName": endpoint, "Body": b"{}"}),
        ("application-autoscaling", "register_scalable_target",
         {**target, "ResourceId": bench.resource, "MinCapacity": 3, "MaxCapacity": 1}),
        ("application-autoscaling", "deregister_scalable_target",
         {**target, "ResourceId": f"endpoint/{nothing}/variant/AllTraffic"}),
        ("cloudformation", "describe_stacks", {"StackName": nothing}),
        ("cloudwatch", "get_dashboard", {"DashboardName": nothing}),
        ("logs", "filter_log_events", {"logGroupName": nothing}),
        ("lambda", "get_function", {"FunctionName": nothing}),
        ("s3", "get_object", {"Bucket": bench.connection.names.bucket, "Key": nothing}),
        ("s3", "head_bucket", {"Bucket": f"{nothing}-{uuid.uuid4().hex}"}),
        ("sns", "get_topic_attributes", {"TopicArn": f"{arn}-{nothing}"}),
        ("sqs", "get_queue_url", {"QueueName": nothing}),
        ("ssm", "get_parameter", {"Name": f"/{settings.workshop.name}/{nothing}"}),
        ("iam", "get_role", {"RoleName": nothing}),
    )  # fmt: skip
    for service, operation, arguments in cases:
        _, code = bench.ask(f"refused: {service}.{operation}", service, operation, **arguments)
        bench.fact(f"refused.{service}.{operation}", code)


def deployed(bench: Bench) -> None:
    """How the parts of the deployed workshop are described."""
    names, store = bench.connection.names, bench.connection.store
    described, _ = bench.ask("the endpoint", "sagemaker", "describe_endpoint", EndpointName=names.endpoint)
    config = described["EndpointConfigName"]
    found, _ = bench.ask("its configuration", "sagemaker", "describe_endpoint_config", EndpointConfigName=config)
    model = found["ProductionVariants"][0]["ModelName"]
    bench.ask("its model", "sagemaker", "describe_model", ModelName=model)
    scaling = {"ServiceNamespace": "sagemaker"}
    bench.ask(
        "its target", "application-autoscaling", "describe_scalable_targets", ResourceIds=[bench.resource], **scaling
    )
    policies, _ = bench.ask(
        "its policies", "application-autoscaling", "describe_scaling_policies", ResourceId=bench.resource, **scaling
    )
    alarms = [alarm["AlarmName"] for policy in policies["ScalingPolicies"] for alarm in policy.get("Alarms", ())]
    answer, _ = bench.ask("its alarms", "cloudwatch", "describe_alarms", AlarmNames=alarms)
    bench.fact("scaling.alarms", sorted(map(_alarm, answer["MetricAlarms"])))
    bench.ask("the bucket", "s3", "head_bucket", Bucket=store.bucket)
    for topic in (names.success_topic_arn, names.error_topic_arn):
        bench.ask("a topic", "sns", "get_topic_attributes", TopicArn=topic)
    stack = bench.connection.settings.application_stack
    bench.ask("the stack", "cloudformation", "describe_stacks", StackName=stack)
    resources, _ = bench.ask("its resources", "cloudformation", "describe_stack_resources", StackName=stack)
    kinds = {item["ResourceType"]: item["ResourceStatus"] for item in resources["StackResources"]}
    bench.fact("stack.kinds", sorted(f"{kind} {status}" for kind, status in kinds.items()))


def _alarm(alarm: Mapping[str, Any]) -> str:
    """What an alarm watches, in one line."""
    dimensions = ",".join(sorted(item["Name"] for item in alarm["Dimensions"]))
    return (
        f"{alarm['Namespace']}/{alarm['MetricName']}({dimensions}) {alarm.get('Statistic')} "
        f"{alarm['ComparisonOperator']} {alarm['Threshold']:g}, {alarm['EvaluationPeriods']} of {alarm['Period']} s, "
        f"missing: {alarm.get('TreatMissingData', 'missing')}"
    )


def slow_request(bench: Bench, seconds: float, say: Callable[[str], None]) -> None:
    """A request on which the model works longer than ``seconds``: a server that gives up after 120 s shows it.

    Small requests tell how fast this instance is; what lasts long enough is chosen by that.
    """
    began = time.monotonic()
    bench.notices(bench.send("", {**SLOWEST, "prompt": "a red circle", "num_images_per_prompt": 1, "width": 64,
                                  "height": 64})[0])  # fmt: skip
    each = max(0.05, time.monotonic() - began) * 16 / (64 * 64)  # of 16 pictures, for each pixel of one
    size = next((size for size in SIZES if each * size * size > 1.5 * seconds), SIZES[-1])
    say(f"  16 pictures of {size} × {size} in 100 steps should take about {each * size * size:.0f} s")
    began = time.monotonic()
    inference_id, _, code = bench.send(
        "a slow request", {**SLOWEST, "width": size, "height": size}, InvocationTimeoutSeconds=LONGEST_SECONDS
    )
    notices = [] if code else bench.notices(inference_id, least=LONGEST_SECONDS)
    took = time.monotonic() - began
    message = notices[0]["message"] if notices else {}
    bench.fact("slow_request.seconds", round(took, 1))
    bench.fact("slow_request.long_enough", took > seconds)
    bench.fact("slow_request.outcome", message.get("invocationStatus", code or "nothing came"))
    if reason := message.get("failureReason"):
        bench.fact("slow_request.reason", forms.plain(reason))
