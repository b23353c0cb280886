"""Asynchronous invocations: retries, dead letters, destinations, durability."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from localcloud.clock import Clock
from localcloud.lambda_events import RETRY_DELAYS, EventQueue, Outcome, Policy
from tests.localcloud.conftest import wait_until

ARN = "arn:aws:lambda:us-east-1:000000000000:function:f"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:dead"


class Outside:
    """Stands in for Lambda, SQS and SNS."""

    def __init__(self, outcomes: list[Outcome], policy: Policy | None) -> None:
        self.outcomes = outcomes
        self.policy = policy
        self.invoked: list[Any] = []
        self.sent: list[dict[str, Any]] = []
        self.saved = 0

    def invoke(self, arn: str, event: Any, request_id: str) -> Outcome:
        self.invoked.append(event)
        return self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]

    def client(self, service: str) -> Any:
        return self

    def save(self) -> None:
        self.saved = len(self.sent)

    def get_queue_url(self, QueueName: str) -> dict[str, str]:
        return {"QueueUrl": QueueName}

    def send_message(self, **message: Any) -> None:
        self.sent.append(message)

    def get_subscription_attributes(self, SubscriptionArn: str) -> Any:
        return {"Attributes": {"RedrivePolicy": json.dumps({"deadLetterTargetArn": QUEUE})}}


def event_queue(path: Path, outside: Outside, speed: float = 3600) -> EventQueue:
    return EventQueue(
        path / "events.sqlite3",
        Clock(speed),
        policy=lambda arn: outside.policy,
        invoke=outside.invoke,
        client=outside.client,
        client_as=lambda service, *_: outside.client(service),
        may=lambda *_: True,
        save=outside.save,
        concurrency=4,
    )


FAILED = Outcome(payload={"errorMessage": "no"}, error="no")


def run(path: Path, outside: Outside, event: Any) -> None:
    queue = event_queue(path, outside)
    queue.submit(ARN, event)
    queue.start()
    try:
        wait_until(lambda: queue.pending() == 0)
    finally:
        queue.stop(5)


def test_a_function_that_succeeds_is_invoked_once(tmp_path: Path) -> None:
    outside = Outside([Outcome(payload=1)], Policy())
    run(tmp_path, outside, {"n": 1})
    assert outside.invoked == [{"n": 1}]
    assert outside.sent == []


def test_a_function_that_fails_is_tried_twice_more_and_then_dead_lettered(tmp_path: Path) -> None:
    """Lambda Developer Guide, "Adding a dead-letter queue": body is the event; three attributes."""
    outside = Outside([FAILED], Policy(dead_letter=QUEUE))
    run(tmp_path, outside, {"n": 1})
    assert len(outside.invoked) == 3
    (message,) = outside.sent
    assert outside.saved == 1
    assert json.loads(message["MessageBody"]) == {"n": 1}
    assert message["MessageAttributes"].keys() == {"RequestID", "ErrorCode", "ErrorMessage"}
    assert message["MessageAttributes"]["ErrorMessage"]["StringValue"] == "no"


def test_the_retries_come_one_and_two_cloud_minutes_later() -> None:
    """Lambda Developer Guide, "How Lambda handles errors and retries with asynchronous invocation"."""
    assert RETRY_DELAYS == (60.0, 120.0)


def test_one_failure_is_forgiven(tmp_path: Path) -> None:
    outside = Outside([FAILED, Outcome()], Policy(dead_letter=QUEUE))
    run(tmp_path, outside, {})
    assert (len(outside.invoked), outside.sent) == (2, [])


def test_maximum_retry_attempts_and_on_failure_destination_are_honoured(tmp_path: Path) -> None:
    outside = Outside([FAILED], Policy(retries=0, on_failure=QUEUE))
    run(tmp_path, outside, {"n": 2})
    assert len(outside.invoked) == 1
    record = json.loads(outside.sent[0]["MessageBody"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 1
    assert record["requestPayload"] == {"n": 2}
    assert record["responsePayload"] == {"errorMessage": "no"}


def test_an_event_older_than_the_maximum_age_is_given_up(tmp_path: Path) -> None:
    outside = Outside([FAILED], Policy(max_age=59, on_failure=QUEUE))
    run(tmp_path, outside, {})
    assert len(outside.invoked) == 1
    assert json.loads(outside.sent[0]["MessageBody"])["requestContext"]["condition"] == "EventAgeExceeded"


def test_a_throttled_event_is_not_counted_as_an_attempt(tmp_path: Path) -> None:
    throttled = Outcome(error="Rate Exceeded", throttled=True)
    outside = Outside([throttled, throttled, throttled, throttled, Outcome()], Policy(retries=0, dead_letter=QUEUE))
    run(tmp_path, outside, {})
    assert (len(outside.invoked), outside.sent) == (5, [])


def test_a_notification_for_a_function_that_is_gone_goes_to_the_subscriptions_queue(tmp_path: Path) -> None:
    """SNS Developer Guide, "Amazon SNS dead-letter queues"."""
    outside = Outside([Outcome()], None)
    message = {"Message": "hello", "TopicArn": "arn:aws:sns:us-east-1:000000000000:t"}
    record = {"EventSource": "aws:sns", "EventSubscriptionArn": "arn:sub", "Sns": message}
    run(tmp_path, outside, {"Records": [record]})
    assert outside.invoked == []
    assert json.loads(outside.sent[0]["MessageBody"]) == message


def test_events_of_a_killed_cloud_are_delivered_by_the_next(tmp_path: Path) -> None:
    """Nothing tells the first queue to stop: it dies in the middle of an invocation."""
    entered, never = threading.Event(), threading.Event()

    class Hanging(Outside):
        def invoke(self, arn: str, event: Any, request_id: str) -> Outcome:
            entered.set()
            never.wait(30)
            return Outcome()

    dying = event_queue(tmp_path, Hanging([Outcome()], Policy()))
    for number in range(3):
        dying.submit(ARN, number)
    dying.start()
    assert entered.wait(10)
    outside = Outside([Outcome()], Policy())
    successor = event_queue(tmp_path, outside)
    successor.start()
    wait_until(lambda: successor.pending() == 0)
    successor.stop(5)
    assert sorted(outside.invoked) == [0, 1, 2]
    never.set()
    dying.stop(5)


@pytest.mark.parametrize("count", [200])
def test_a_burst_runs_a_few_at_a_time_and_loses_none(tmp_path: Path, count: int) -> None:
    lock, running, peak = threading.Lock(), [0], [0]

    class Slow(Outside):
        def invoke(self, arn: str, event: Any, request_id: str) -> Outcome:
            with lock:
                running[0] += 1
                peak[0] = max(peak[0], running[0])
            threading.Event().wait(0.002)
            with lock:
                running[0] -= 1
                self.invoked.append(event)
            return Outcome()

    outside = Slow([Outcome()], Policy())
    queue = event_queue(tmp_path, outside)
    queue.start()
    for number in range(count):
        queue.submit(ARN, number)
    wait_until(lambda: queue.pending() == 0)
    queue.stop(5)
    assert sorted(outside.invoked) == list(range(count))
    assert 1 < peak[0] <= 4
