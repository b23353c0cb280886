"""What a step of the run has at hand: the target, the recorder, the cloud's clock, an inbox for notifications."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from contract import ids
from contract.names import TAG, VARIANT
from helpers.inference.connection import Connection
from helpers.recording.recorder import Recorder
from helpers.target.explain import code_of

LOOK_SECONDS = {"local": 0.1, "aws": 10.0}
"""How often a wait looks."""
LEAST_SECONDS = 20.0
"""Real seconds that a wait has at least: what is computed takes as long as it takes, whatever the clock says."""
SETTLE_SECONDS = {"local": 0.5, "aws": 20.0}
"""How long a second delivery of a notification is waited for."""


class StepError(Exception):
    """A step could not be carried out; the run goes on with the next."""


class Bench:
    """The target under test and what records it.

    Parameters
    ----------
    connection : Connection
        To a deployed workshop; its clients are recorded.
    recorder : Recorder
    speed : float
        How many seconds of the target's clock a second takes; 1 on AWS.
    say : callable
        Gets lines of text.
    """

    def __init__(
        self, connection: Connection, recorder: Recorder, speed: float, say: Callable[[str], None] = print
    ) -> None:
        self.connection, self.recorder, self.speed, self.say = connection, recorder, speed, say
        self.look = LOOK_SECONDS[connection.target.name]
        self.prefix = f"{connection.settings.application_stack}-verify"
        self._inbox = ""
        self._notices: list[dict[str, Any]] = []

    @property
    def tags(self) -> list[dict[str, str]]:
        """The workshop's tag, for what a step makes."""
        return [{"Key": TAG, "Value": self.connection.settings.workshop.name}]

    @property
    def resource(self) -> str:
        """The workshop's variant, as Application Auto Scaling calls it."""
        return f"endpoint/{self.connection.names.endpoint}/variant/{VARIANT}"

    def client(self, service: str) -> Any:
        """A recorded client."""
        return self.connection.client(service)

    def fact(self, name: str, value: Any) -> Any:
        """Record a conclusion, and return it."""
        self.recorder.write("fact", name=name, value=value)
        return value

    def ask(self, label: str, service: str, operation: str, **arguments: Any) -> tuple[Any, str]:
        """One call that is held against the same call in another recording.

        Returns
        -------
        answer, code
            The answer and ``""``, or None and the error's code.
        """
        with self.recorder.labelled(label):
            try:
                return getattr(self.client(service), operation)(**arguments), ""
            except ClientError as error:
                return None, code_of(error)

    # Time --------------------------------------------------------------------------------------------------------

    def real(self, cloud_seconds: float) -> float:
        """Real seconds in which so many pass on the target's clock."""
        return cloud_seconds / self.speed

    def pause(self, cloud_seconds: float) -> None:
        """Let time pass on the target's clock."""
        time.sleep(self.real(cloud_seconds))

    def until(self, condition: Callable[[], Any], cloud_minutes: float, least: float = LEAST_SECONDS) -> Any:
        """Wait until ``condition`` gives something true, and return it; None when it never does."""
        deadline = time.monotonic() + max(least, self.real(60 * cloud_minutes))
        while True:
            if found := condition():
                return found
            if time.monotonic() > deadline:
                return None
            time.sleep(self.look)

    # Requests ----------------------------------------------------------------------------------------------------

    def send(self, label: str, request: Mapping[str, Any] | bytes, **arguments: Any) -> tuple[str, Any, str]:
        """Store a request and invoke the workshop's endpoint with it.

        Returns
        -------
        inference_id, answer, code
            See :meth:`ask`.
        """
        inference_id, store = ids.new_id(), self.connection.store
        key = ids.request_key(inference_id)
        body = request if isinstance(request, bytes) else json.dumps(request).encode()
        store.write(key, body, "application/json")
        given = {"InputLocation": store.uri(key), **arguments}
        answer, code = self.ask(
            label, "sagemaker-runtime", "invoke_endpoint_async", EndpointName=self.connection.names.endpoint,
            InferenceId=inference_id, ContentType="application/json", **{"Accept": "application/json", **given},
        )  # fmt: skip
        return inference_id, answer, code

    def open_inbox(self) -> None:
        """A queue that hears what both topics send; Amazon SNS Developer Guide, "Fanout to Amazon SQS queues"."""
        sqs, sns, names = self.client("sqs"), self.client("sns"), self.connection.names
        self._inbox = sqs.create_queue(
            QueueName=f"{self.prefix}-inbox", tags={item["Key"]: item["Value"] for item in self.tags}
        )["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=self._inbox, AttributeNames=["QueueArn"])["Attributes"]
        arn, topics = attributes["QueueArn"], [names.success_topic_arn, names.error_topic_arn]
        statement = {
            "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
            "Resource": arn, "Condition": {"ArnEquals": {"aws:SourceArn": topics}},
        }  # fmt: skip
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        sqs.set_queue_attributes(QueueUrl=self._inbox, Attributes={"Policy": policy})
        for topic in topics:
            sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def close_inbox(self) -> None:
        """Remove the queue and its subscriptions; what is not there is no matter."""
        sqs, sns, queue = self.client("sqs"), self.client("sns"), f"{self.prefix}-inbox"
        with contextlib.suppress(ClientError):
            for page in sns.get_paginator("list_subscriptions").paginate():
                for item in page["Subscriptions"]:
                    if item["Endpoint"].endswith(f":{queue}"):
                        sns.unsubscribe(SubscriptionArn=item["SubscriptionArn"])
        with contextlib.suppress(ClientError):
            sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=queue)["QueueUrl"])

    def notices(self, inference_id: str, cloud_minutes: float = 30, least: float = 60) -> list[dict[str, Any]]:
        """All deliveries about one request: envelope, and the message in it as ``message``; empty when none comes."""

        def arrived() -> list[dict[str, Any]]:
            self._receive()
            return [item for item in self._notices if item["message"].get("inferenceId") == inference_id]

        if self.until(arrived, cloud_minutes, least):
            time.sleep(SETTLE_SECONDS[self.connection.target.name])
        return arrived()

    def _receive(self) -> None:
        sqs = self.client("sqs")
        found = sqs.receive_message(QueueUrl=self._inbox, MaxNumberOfMessages=10).get("Messages", ())
        for item in found:
            envelope = json.loads(item["Body"])
            envelope["message"] = json.loads(envelope["Message"])
            self._notices.append(envelope)
            self.recorder.write("event", source="notification", event={**envelope, "Message": ""})
            sqs.delete_message(QueueUrl=self._inbox, ReceiptHandle=item["ReceiptHandle"])

    # The endpoint ------------------------------------------------------------------------------------------------

    def endpoint(self, name: str = "") -> dict[str, Any]:
        """DescribeEndpoint, of the workshop's endpoint by default."""
        answer: dict[str, Any] = self.client("sagemaker").describe_endpoint(
            EndpointName=name or self.connection.names.endpoint
        )
        return answer

    def instances(self, name: str = "") -> int:
        """Instances in service."""
        variants = self.endpoint(name).get("ProductionVariants") or [{}]
        return int(variants[0].get("CurrentInstanceCount", 0))

    def asleep(self) -> bool:
        """Whether the workshop's endpoint is at zero instances, and not on its way to any."""
        found = self.endpoint()
        variant = (found.get("ProductionVariants") or [{}])[0]
        counts = (variant.get("CurrentInstanceCount", 0), variant.get("DesiredInstanceCount", 0))
        return found["EndpointStatus"] == "InService" and counts == (0, 0)

    def settled(self, name: str = "", cloud_minutes: float = 40) -> str:
        """The endpoint's state once it is not a passing one."""

        def found() -> str | None:
            status = str(self.endpoint(name)["EndpointStatus"])
            return None if status in ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting") else status

        return str(self.until(found, cloud_minutes, 60))

    @contextlib.contextmanager
    def watching(self, name: str = "") -> Iterator[list[str]]:
        """The states that an endpoint goes through during the block, each change once."""
        seen: list[str] = []
        ended = threading.Event()

        def look() -> None:
            try:
                status = str(self.endpoint(name)["EndpointStatus"])
            except ClientError:
                status = "(gone)"
            if seen[-1:] != [status]:
                seen.append(status)
                self.recorder.write("event", source="endpoint", event={"EndpointStatus": status})

        def watch() -> None:
            while not ended.is_set():
                look()
                ended.wait(self.look / 2)

        thread = threading.Thread(target=watch, daemon=True, name="parity-watch")
        thread.start()
        try:
            yield seen
        finally:
            ended.set()
            thread.join(timeout=30)
            look()  # where it has come to in the end

    def activities(self, resource: str = "") -> list[dict[str, Any]]:
        """Scaling activities, oldest first."""
        found = self.client("application-autoscaling").describe_scaling_activities(
            ServiceNamespace="sagemaker", ResourceId=resource or self.resource
        )["ScalingActivities"]
        return sorted(found, key=lambda item: item["StartTime"])
