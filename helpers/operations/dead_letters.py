"""Dead letters: notifications that a Lambda function gave up on, what they hold, and how to try them again.

AWS tries an event three times in total. Then it puts it into the function's dead-letter queue, an SQS queue, which
keeps it for 14 days. Nothing is lost meanwhile: the model's answer is in the bucket.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

from contract.errors import NotDeployedError, TargetError
from helpers.inference.connection import Connection
from helpers.operations.inventory import find_stack
from helpers.show.tables import Listing
from helpers.target.explain import explained

EXTRACT = "extract_images"
HOLD_SECONDS = 60
"""While a listing reads the queue, a letter is hidden from other readers; then it is given back."""
BROKEN_BUCKET = "BROKEN_ON_PURPOSE"
"""No bucket can have this name, so that the function surely fails."""
KEPT = "WORKSHOP_KEPT_BUCKET_NAME"
"""The environment variable that keeps the true name, so that another kernel can repair what this one broke."""
CHANGE_SECONDS = 120
PURGE_SECONDS = 90
"""SQS purges a queue once in 60 seconds (SQS API Reference, PurgeQueue)."""


@dataclasses.dataclass(frozen=True)
class Function:
    """One of the workshop's Lambda functions.

    Attributes
    ----------
    role : str
        ``extract_images`` or ``save_status``.
    name : str
        As CloudFormation named it.
    queue : str
        URL of its dead-letter queue.
    log_group : str
    """

    role: str
    name: str
    queue: str
    log_group: str


@dataclasses.dataclass(frozen=True)
class Letter:
    """A notification that a function gave up on.

    Attributes
    ----------
    role : str
        The function.
    inference_id : str
        Of the request; empty when the notification names none.
    why : str
        The function's last error; of what SNS could not hand over at all, a note that says so.
    sent : datetime
        When it came into the queue.
    event : dict
        What the function was, and will be, called with.
    """

    role: str
    inference_id: str
    why: str
    sent: dt.datetime
    event: dict[str, Any]
    receipt: str = dataclasses.field(repr=False, default="")


def functions(connection: Connection) -> tuple[Function, ...]:
    """The functions of the application stack that have a dead-letter queue.

    Raises
    ------
    NotDeployedError
        There is no application stack.
    """
    name = connection.settings.application_stack
    stack = find_stack(connection, name)
    if stack is None:
        raise NotDeployedError(f"the stack {name} is not on {connection.target.described}: deploy the workshop first.")
    client, found = connection.client("lambda"), []
    with explained("reading the functions' configurations", connection.target):
        for function in stack.resources.get("AWS::Lambda::Function", ()):
            about = client.get_function_configuration(FunctionName=function)
            target = about.get("DeadLetterConfig", {}).get("TargetArn", "")
            if target:
                queue = connection.client("sqs").get_queue_url(QueueName=target.rpartition(":")[2])["QueueUrl"]
                group = about.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{function}"
                found.append(Function(about["Handler"].partition(".")[0], function, queue, group))
    return tuple(sorted(found, key=lambda function: function.role))


def _chosen(connection: Connection, role: str | None) -> tuple[Function, ...]:
    known = functions(connection)
    if role is None:
        return known
    chosen = tuple(function for function in known if function.role == role)
    if not chosen:
        raise ValueError(f"role = {role!r}: must be {' or '.join(function.role for function in known)}.")
    return chosen


def waiting(connection: Connection) -> Listing[tuple[str, int]]:
    """How many letters wait in each queue, as SQS counts them: approximately."""
    rows, items = [], []
    for function in functions(connection):
        with explained(f"asking {function.queue} for its length", connection.target):
            attributes = connection.client("sqs").get_queue_attributes(
                QueueUrl=function.queue,
                AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
            )["Attributes"]
        count = int(attributes["ApproximateNumberOfMessages"])
        held = int(attributes["ApproximateNumberOfMessagesNotVisible"])
        items.append((function.role, count))
        rows.append((function.role, str(count), str(held)))
    states = tuple("warn" if count else "ok" for _, count in items)
    columns = ("Function", "Letters that wait", "Just being read")
    return Listing("Dead-letter queues", columns, tuple(items), tuple(rows), states)


def letters(connection: Connection, role: str | None = None) -> Listing[Letter]:
    """Read the dead letters and leave them where they are.

    Parameters
    ----------
    role : str, optional
        ``extract_images`` or ``save_status``; by default both.
    """
    found = []
    for function in _chosen(connection, role):
        held = list(_receive(connection, function))
        for letter in held:  # given back at once
            with explained("giving a letter back to its queue", connection.target):
                connection.client("sqs").change_message_visibility(
                    QueueUrl=function.queue, ReceiptHandle=letter.receipt, VisibilityTimeout=0
                )
        found += held
    return _listing("Dead letters", found)


def redrive(connection: Connection, role: str | None = None) -> Listing[Letter]:
    """Call the functions again with the letters that wait; one that fails again comes back after its three attempts.

    SQS has an operation for this, StartMessageMoveTask, which does not serve here: "Non-SQS queue sources of
    dead-letter queues, such as AWS Lambda or Amazon SNS topics, are currently not supported" (Amazon SQS API
    Reference). So each letter is received, its function invoked with it, and only then is it deleted: whatever happens
    in between, it is never lost, at worst handled twice, which leaves the bucket as it is.

    Returns
    -------
    Listing of Letter
        What was sent again. Whether it worked shows in the bucket, and in :func:`waiting` some minutes later.
    """
    sent = []
    for function in _chosen(connection, role):
        # All are received before the first is sent again, so that one which fails at once is not sent forever.
        for letter in list(_receive(connection, function)):
            with explained(f"invoking {function.name}", connection.target):
                connection.client("lambda").invoke(
                    FunctionName=function.name, InvocationType="Event", Payload=json.dumps(letter.event).encode()
                )
                connection.client("sqs").delete_message(QueueUrl=function.queue, ReceiptHandle=letter.receipt)
            sent.append(letter)
    return _listing("Sent again", sent)


def purge(connection: Connection, role: str | None = None) -> int:
    """Throw the dead letters away, and return about how many there were.

    SQS allows it once a minute for each queue: a second time within that minute, this waits until it may.
    """
    counts = dict(waiting(connection))
    chosen = _chosen(connection, role)
    for function in chosen:
        with explained(f"emptying {function.queue}", connection.target):
            _purge(connection, function.queue)
    return sum(counts[function.role] for function in chosen)


def _purge(connection: Connection, queue: str) -> None:
    sqs, timer = connection.client("sqs"), connection.timer
    deadline = timer.now() + PURGE_SECONDS
    while True:
        try:
            sqs.purge_queue(QueueUrl=queue)
            return
        except sqs.exceptions.PurgeQueueInProgress:
            if timer.now() > deadline:
                raise
        timer.sleep(1.0)


def wait_for_letters(
    connection: Connection, count: int = 1, role: str | None = None, timeout: float = 900.0
) -> Listing[Letter]:
    """Wait until ``count`` letters are there. AWS gives an event up about three minutes after its first failure.

    Parameters
    ----------
    connection : Connection
        Where the functions run.
    count : int
        How many letters to wait for.
    role : str, optional
        ``extract_images`` or ``save_status``; by default both.
    timeout : float
        Seconds.

    Raises
    ------
    TargetError
        There are fewer after ``timeout`` seconds.
    """
    chosen, timer = {function.role for function in _chosen(connection, role)}, connection.timer
    deadline = timer.now() + timeout
    while True:
        there = sum(number for name, number in waiting(connection) if name in chosen)
        if there >= count:
            return letters(connection, role)
        if timer.now() > deadline:
            raise TargetError(
                f"{there} of {count} dead letters came within {timeout:g} s on {connection.target.described}. A "
                "function that fails is tried three times first; is it still broken? See its log."
            )
        timer.sleep(10 if connection.target.name == "aws" else 0.3)


def _receive(connection: Connection, function: Function) -> Iterator[Letter]:
    """All letters of a queue, hidden from others for a minute."""
    seen: set[str] = set()
    while True:
        with explained(f"reading {function.queue}", connection.target):
            messages = (
                connection.client("sqs")
                .receive_message(
                    QueueUrl=function.queue,
                    MaxNumberOfMessages=10,
                    VisibilityTimeout=HOLD_SECONDS,
                    # Long polling asks all of SQS's servers, short polling some of them.
                    WaitTimeSeconds=1,
                    MessageAttributeNames=["All"],
                    AttributeNames=["All"],
                )
                .get("Messages", [])
            )
        fresh = [message for message in messages if message["MessageId"] not in seen]
        if not fresh:
            return
        seen.update(message["MessageId"] for message in fresh)
        yield from (_letter(function, message) for message in fresh)


def _letter(function: Function, message: dict[str, Any]) -> Letter:
    """A message of the queue, in either of its two forms.

    AWS Lambda Developer Guide, "Adding a dead-letter queue": the body is the event, the attributes RequestID,
    ErrorCode and ErrorMessage say why. Amazon SNS Developer Guide, "Amazon SNS dead-letter queues": what SNS itself
    could not hand over has the notification as its body, and no such attributes.
    """
    try:
        body = json.loads(message["Body"])
    except ValueError:
        body = {"Message": message["Body"]}
    event = body if isinstance(body, dict) and "Records" in body else _event_of(body)
    attributes = message.get("MessageAttributes", {})
    why = attributes.get("ErrorMessage", {}).get("StringValue", "")
    sent = dt.datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, dt.UTC)
    return Letter(
        function.role,
        _inference_id(event),
        why or "Amazon SNS could not hand it to the function",
        sent,
        event,
        message["ReceiptHandle"],
    )


def _event_of(notification: Any) -> dict[str, Any]:
    """The event with which SNS would have called the function (Lambda Developer Guide, "Using Lambda with SNS")."""
    record = {"EventVersion": "1.0", "EventSource": "aws:sns", "EventSubscriptionArn": "", "Sns": notification}
    return {"Records": [record]}


def _inference_id(event: dict[str, Any]) -> str:
    for record in event["Records"]:
        try:
            return str(json.loads(record["Sns"]["Message"])["inferenceId"])
        except (KeyError, TypeError, ValueError):
            continue
    return ""


def _listing(title: str, found: list[Letter]) -> Listing[Letter]:
    found.sort(key=lambda letter: letter.sent)
    rows = tuple(
        (letter.role, letter.inference_id or "(none)", letter.why, f"{letter.sent:%H:%M:%S} UTC") for letter in found
    )
    return Listing(title, ("Function", "Inference id", "Why", "Since"), tuple(found), rows, ("warn",) * len(rows))


@contextlib.contextmanager
def broken(connection: Connection, role: str = EXTRACT) -> Iterator[Function]:
    """Break a function for the length of a ``with`` block: it looks for a bucket that cannot exist; then repair it.

    Parameters
    ----------
    role : str
        ``extract_images`` or ``save_status``.

    Examples
    --------
    >>> with broken(workshop):
    ...     job = workshop.generate("a red circle")
    ...     wait_for_letters(workshop)
    """
    (function,) = _chosen(connection, role)
    repair(connection, role)  # a kernel that ended may have left it broken
    variables = _variables(connection, function)
    try:
        _configure(connection, function, {**variables, "BUCKET_NAME": BROKEN_BUCKET, KEPT: variables["BUCKET_NAME"]})
        yield function
    finally:
        repair(connection, role)


def repair(connection: Connection, role: str | None = None) -> list[str]:
    """Repair what :func:`broken` broke, here or in a kernel that ended meanwhile; return the functions' roles."""
    repaired = []
    for function in _chosen(connection, role):
        variables = _variables(connection, function)
        if KEPT in variables:
            variables["BUCKET_NAME"] = variables.pop(KEPT)
            _configure(connection, function, variables)
            repaired.append(function.role)
    return repaired


def _variables(connection: Connection, function: Function) -> dict[str, str]:
    with explained(f"reading the configuration of {function.name}", connection.target):
        about = connection.client("lambda").get_function_configuration(FunctionName=function.name)
    return dict(about.get("Environment", {}).get("Variables", {}))


def _configure(connection: Connection, function: Function, variables: dict[str, str]) -> None:
    """Set a function's environment, and wait until it is in force."""
    client, timer = connection.client("lambda"), connection.timer
    deadline = timer.now() + CHANGE_SECONDS
    with explained(f"changing the configuration of {function.name}", connection.target):
        client.update_function_configuration(FunctionName=function.name, Environment={"Variables": variables})
        while True:
            about = client.get_function_configuration(FunctionName=function.name)
            if about.get("LastUpdateStatus", "Successful") == "Successful":
                return
            if about["LastUpdateStatus"] == "Failed" or timer.now() > deadline:
                raise TargetError(
                    f"the environment of {function.name} was not changed: "
                    f"{about.get('LastUpdateStatusReason', 'no answer in time')}. Run repair(connection), and look at "
                    "the function in the Lambda console."
                )
            timer.sleep(1)
