"""Asynchronous invocations of Lambda functions: durable, retried, and at last sent to a destination.

Follows the AWS Lambda Developer Guide: "How Lambda handles errors and retries with asynchronous invocation" (two more
attempts, one minute after the first and two minutes after the second; throttled events return to the queue for up to
six hours, from one second to five minutes apart), "Adding a dead-letter queue" and "Retaining records of asynchronous
invocations" (destinations). The minutes pass on the cloud's clock.

An event is stored before SNS's ``Publish`` or Lambda's ``Invoke`` answers, and deleted after its last attempt. Whatever
ends the cloud loses none of them; an event that was running then runs again.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from localcloud.clock import Clock, iso_timestamp
from localcloud.sns.envelopes import queue_form
from localcloud.store import Store

logger = logging.getLogger(__name__)

RETRY_DELAYS = (60.0, 120.0)
"""Cloud seconds before the second and before the third attempt."""
_THROTTLE_DELAYS = (1.0, 300.0)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    id TEXT PRIMARY KEY, function TEXT NOT NULL, event TEXT NOT NULL, attempts INTEGER NOT NULL,
    throttles INTEGER NOT NULL, accepted REAL NOT NULL, due REAL NOT NULL);
"""


@dataclasses.dataclass(frozen=True)
class Policy:
    """What a function's configuration says about asynchronous invocations. ARNs are empty when not configured."""

    retries: int = 2
    max_age: float = 21600.0
    dead_letter: str = ""
    on_success: str = ""
    on_failure: str = ""
    role: str = ""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one attempt came to. ``error`` is empty on success; ``never`` says that no attempt will be let through."""

    payload: Any = None
    error: str = ""
    throttled: bool = False
    version: str = "$LATEST"
    never: bool = False


@dataclasses.dataclass(frozen=True)
class _Event:
    id: str
    function: str
    event: str
    attempts: int
    throttles: int
    accepted: float
    due: float


class EventQueue:
    """The queue in front of the functions."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        *,
        policy: Callable[[str], Policy | None],
        invoke: Callable[[str, Any, str], Outcome],
        client: Callable[[str], Any],
        client_as: Callable[[str, str, str, str], Any],
        may: Callable[[str, str, str, str], bool],
        save: Callable[[], None],
        concurrency: int,
        measure: Callable[..., None] = lambda function, **values: None,
    ) -> None:
        """Open the queue at ``path``.

        Parameters
        ----------
        path : Path
            The SQLite file.
        clock : Clock
        policy : callable
            A function's policy by its ARN; None when there is no such function any more.
        invoke : callable
            ``invoke(arn, event, request_id)`` runs a function once; blocks.
        client : callable
            Gives boto3 clients that may do everything.
        client_as : callable
            :meth:`localcloud.cloud.Cloud.client_as`: dead-letter queues and destinations get what the function's
            role may send.
        may : callable
            ``may("sns.amazonaws.com", "sqs:SendMessage", queue ARN, topic ARN)``: whether the queue's policy says so.
        save : callable
            Saves what was sent to a dead-letter queue or a destination; the event is deleted after that.
        concurrency : int
            How many functions run at a time: each is a process on this machine.
        measure : callable
            ``measure(arn, AsyncEventAge=…)`` records metrics of a function.
        """
        self._clock = clock
        self._policy = policy
        self._invoke = invoke
        self._client = client
        self._client_as = client_as
        self._may = may
        self._save = save
        self._store = Store(path, _SCHEMA)
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._running: set[str] = set()
        self._stopping = False
        self._concurrency = concurrency
        self._measure = measure
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="lambda-event")
        self._thread = threading.Thread(target=self._dispatch, name="lambda-events", daemon=True)

    def submit(self, function_arn: str, event: Any, request_id: str = "") -> None:
        """Accept ``event`` for ``function_arn``. It is durable when this returns."""
        now = time.time()
        with self._wake, self._store.transaction() as db:
            db.execute(
                "INSERT INTO events VALUES (?, ?, ?, 0, 0, ?, ?)",
                (request_id or str(uuid.uuid4()), function_arn, json.dumps(event), now, now),
            )
            self._wake.notify()
        self._measure(function_arn, AsyncEventsReceived=1)

    def undeliverable(self, function_arn: str, event: Any) -> None:
        """Do what SNS does with a notification that it may not deliver to ``function_arn``; returns at once."""
        logger.warning("the policy of %s does not let SNS invoke it: the notification is not delivered", function_arn)
        self._pool.submit(self._redrive, event)

    def pending(self) -> int:
        """How many events wait or run."""
        with self._lock, self._store.transaction() as db:
            return int(db.execute("SELECT count(*) FROM events").fetchone()[0])

    def start(self) -> None:
        """Begin to deliver, also what an earlier run has left."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Wait for running functions, at most ``timeout`` seconds; the other events wait for the next start."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join(timeout)
        self._pool.shutdown(wait=False, cancel_futures=True)
        deadline = time.monotonic() + timeout
        with self._wake:
            while self._running and time.monotonic() < deadline:
                self._wake.wait(0.05)
            if not self._running:
                self._store.close()

    def _dispatch(self) -> None:
        while True:
            with self._wake:
                if self._stopping:
                    return
                free = self._concurrency - len(self._running)
                batch, wait = self._due(free) if free > 0 else ([], None)
                if not batch:
                    self._wake.wait(wait)
                    continue
                self._running.update(event.id for event in batch)
            for event in batch:
                self._pool.submit(self._attempt, event)

    def _due(self, limit: int) -> tuple[list[_Event], float | None]:
        """The next events to run, or how long to wait for one. The caller holds the lock."""
        now = time.time()
        batch: list[_Event] = []
        with self._store.transaction() as db:
            rows = db.execute("SELECT * FROM events ORDER BY due").fetchall()
        for row in rows:
            event = _Event(*row)
            if event.id in self._running:
                continue
            if event.due > now:
                return batch, min(event.due - now, 1.0)
            batch.append(event)
            if len(batch) == limit:
                break
        return batch, None

    def _attempt(self, event: _Event) -> None:
        try:
            self._run(event)
        except Exception:
            logger.exception("event %s for %s: the delivery itself failed; again in a second", event.id, event.function)
            self._postpone(event, event.attempts, event.throttles + 1, time.time() + 1)
        finally:
            with self._wake:
                self._running.discard(event.id)
                self._wake.notify_all()

    def _run(self, event: _Event) -> None:
        policy = self._policy(event.function)
        if policy is None:
            logger.warning("%s does not exist; an event for it is not delivered", event.function)
            self._redrive(json.loads(event.event))
            self._strike_off(event)
            return
        self._measure(event.function, AsyncEventAge=(time.time() - event.accepted) / self._clock.real(1) * 1000)
        outcome = self._invoke(event.function, json.loads(event.event), event.id)
        if outcome.never:
            self._give_up(event, policy, outcome, "ZeroReservedConcurrency", event.attempts)
            return
        if outcome.throttled:
            delay = min(_THROTTLE_DELAYS[0] * 2**event.throttles, _THROTTLE_DELAYS[1])
            self._again_or_give_up(event, policy, outcome, event.attempts, event.throttles + 1, delay)
            return
        attempts = event.attempts + 1
        if not outcome.error:
            self._send_record(policy, policy.on_success, event, outcome, "Success", attempts)
            self._strike_off(event)
        elif attempts > policy.retries:
            self._give_up(event, policy, outcome, "RetriesExhausted", attempts)
        else:
            logger.info("%s failed (attempt %d): %s", event.function, attempts, outcome.error)
            delay = RETRY_DELAYS[min(attempts, len(RETRY_DELAYS)) - 1]
            self._again_or_give_up(event, policy, outcome, attempts, event.throttles, delay)

    def _redrive(self, event: Any) -> None:
        """Hand a notification whose function does not exist to its subscription's dead-letter queue.

        Amazon SNS Developer Guide, "Amazon SNS dead-letter queues": a deleted endpoint is a client-side error, which
        is not retried.
        """
        records = event.get("Records") if isinstance(event, dict) else None
        if not records or records[0].get("EventSource") != "aws:sns":
            return
        arn = records[0]["EventSubscriptionArn"]
        attributes = self._client("sns").get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
        policy = json.loads(attributes.get("RedrivePolicy") or "{}")
        queue = policy.get("deadLetterTargetArn")
        if queue and self._may("sns.amazonaws.com", "sqs:SendMessage", queue, records[0]["Sns"]["TopicArn"]):
            self._send(self._client, queue, queue_form(records[0]["Sns"]), {})

    def _again_or_give_up(
        self, event: _Event, policy: Policy, outcome: Outcome, attempts: int, throttles: int, delay: float
    ) -> None:
        due = time.time() + self._clock.real(delay)
        if due - event.accepted > self._clock.real(policy.max_age):
            self._give_up(event, policy, outcome, "EventAgeExceeded", attempts)
        else:
            self._postpone(event, attempts, throttles, due)

    def _give_up(self, event: _Event, policy: Policy, outcome: Outcome, condition: str, attempts: int) -> None:
        logger.warning("%s: %s after %d attempts: %s", event.function, condition, attempts, outcome.error)
        self._measure(event.function, AsyncEventsDropped=1)
        self._send_record(policy, policy.on_failure, event, outcome, condition, attempts)
        if policy.dead_letter:
            attributes = {
                "RequestID": {"DataType": "String", "StringValue": event.id},
                "ErrorCode": {"DataType": "Number", "StringValue": "429" if outcome.throttled else "200"},
                "ErrorMessage": {"DataType": "String", "StringValue": outcome.error[:1024] or "-"},
            }
            if not self._send(self._with_role_of(event, policy), policy.dead_letter, event.event, attributes):
                self._measure(event.function, DeadLetterErrors=1)
        self._strike_off(event)

    def _with_role_of(self, event: _Event, policy: Policy) -> Callable[[str], Any]:
        """Lambda Developer Guide, "Capturing records of …": the execution role needs the permission to send."""
        if not policy.role:
            return self._client
        name = event.function.split(":")[6][:64]
        return lambda service: self._client_as(service, policy.role, name, "lambda.amazonaws.com")

    def _send_record(
        self, policy: Policy, target: str, event: _Event, outcome: Outcome, condition: str, attempts: int
    ) -> None:
        """Send the invocation record of "Retaining records of asynchronous invocations" to a destination."""
        if not target:
            return
        context: dict[str, Any] = {"statusCode": 200, "executedVersion": outcome.version}
        if outcome.error:
            context["functionError"] = "Unhandled"
        record: dict[str, Any] = {
            "version": "1.0",
            "timestamp": iso_timestamp(),
            "requestContext": {
                "requestId": event.id,
                "functionArn": event.function if event.function.count(":") > 6 else f"{event.function}:$LATEST",
                "condition": condition,
                "approximateInvokeCount": attempts,
            },
            "requestPayload": json.loads(event.event),
        }
        if attempts:
            record |= {"responseContext": context, "responsePayload": outcome.payload}
        if not self._send(self._with_role_of(event, policy), target, json.dumps(record), {}):
            self._measure(event.function, DestinationDeliveryFailures=1)

    def _send(self, client: Callable[[str], Any], target: str, body: str, attributes: dict[str, Any]) -> bool:
        """Whether ``body`` was delivered."""
        service, name = target.split(":")[2], target.rpartition(":")[2]
        try:
            if service == "sqs":
                url = self._client("sqs").get_queue_url(QueueName=name)["QueueUrl"]
                client("sqs").send_message(QueueUrl=url, MessageBody=body, MessageAttributes=attributes)
            elif service == "sns":
                client("sns").publish(TopicArn=target, Message=body, MessageAttributes=attributes)
            elif service == "lambda":
                client("lambda").invoke(FunctionName=target, InvocationType="Event", Payload=body)
            else:
                logger.error("%s is not a destination that the local cloud knows (sqs, sns, lambda)", target)
                return False
            self._save()
        except Exception:
            # Lambda, too, drops the event then and counts it in the metric DeadLetterErrors.
            logger.exception("cannot deliver to %s: the event is lost, as on AWS", target)
            return False
        return True

    def _strike_off(self, event: _Event) -> None:
        with self._lock, self._store.transaction() as db:
            db.execute("DELETE FROM events WHERE id = ?", (event.id,))

    def _postpone(self, event: _Event, attempts: int, throttles: int, due: float) -> None:
        with self._lock, self._store.transaction() as db:
            db.execute(
                "UPDATE events SET attempts = ?, throttles = ?, due = ? WHERE id = ?",
                (attempts, throttles, due, event.id),
            )
