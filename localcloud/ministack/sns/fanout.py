"""SNS of MiniStack: how a message reaches the subscriptions of its topic."""

from __future__ import annotations

import base64
import dataclasses
import json
import logging
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from localcloud.clock import iso_timestamp
from localcloud.ministack.sqs.messages import Messages, Undeliverable
from localcloud.sns.attributes import DEFAULTS
from localcloud.sns.envelopes import Attributes, Notification
from localcloud.sns.filters import passes
from localcloud.sns.messages import text_for

logger = logging.getLogger(__name__)

_HTTP_TIMEOUT = 15.0
AT_ONCE = ("lambda", "sms", "sqs")
"""What needs no confirmation, within one account."""
_AGENT = "Amazon Simple Notification Service Agent"


@dataclasses.dataclass(frozen=True)
class Message:
    """What Publish accepted.

    Attributes
    ----------
    id : str
    parameters : mapping
        Of Publish, or an entry of PublishBatch.
    sequence, group, deduplication : str
        Of a FIFO topic; ``group`` may also come with a standard topic's message.
    """

    id: str
    parameters: Mapping[str, Any]
    sequence: str = ""
    group: str = ""
    deduplication: str = ""

    @property
    def attributes(self) -> Attributes:
        """The message's attributes, as Publish takes them."""
        return self.parameters.get("MessageAttributes") or {}


class Fanout:
    """Delivers messages of topics.

    Attributes
    ----------
    may : callable
        ``may("sns.amazonaws.com", "sqs:SendMessage", queue ARN, topic ARN)``: whether the queue's policy says so.
    """

    def __init__(
        self, modules: Mapping[str, ModuleType], queue_messages: Messages, notify: Callable[..., None]
    ) -> None:
        """Take SNS's deliveries over.

        Parameters
        ----------
        modules : mapping
        queue_messages : Messages
            Takes what goes to queues.
        notify : callable
            :meth:`localcloud.ministack.functions.Functions.notify`: takes what goes to functions.
        """
        self._sns: Any = modules["sns"]
        self._queue_messages = queue_messages
        self._notify = notify
        self.may: Callable[[str, str, str, str], bool] = lambda *_: True
        modules["sns"].__dict__["_fanout"] = self._from_inside

    def _from_inside(
        self,
        topic_arn: str,
        message_id: str,
        message: str,
        subject: str = "",
        message_structure: str = "",
        message_attributes: dict[str, dict[str, Any]] | None = None,
        message_group_id: str = "",
        message_dedup_id: str = "",
    ) -> None:
        """Deliver what a service of MiniStack publishes: an alarm, an event of a bucket, of a rule."""
        parameters: dict[str, Any] = {"Message": message, "MessageAttributes": message_attributes or {}}
        if subject:
            parameters["Subject"] = subject[:100]
        if message_structure:
            parameters["MessageStructure"] = message_structure
        topic = self._sns._topics.get(topic_arn)
        if topic is not None:
            sequence = next_sequence(topic) if is_fifo(topic) else ""
            sent = Message(message_id, parameters, sequence, message_group_id, message_dedup_id)
            self.deliver(topic, sent)

    def deliver(self, topic: Mapping[str, Any], message: Message) -> None:
        """Deliver ``message`` to every confirmed subscription of ``topic`` whose filter lets it pass."""
        for subscription in list(topic["subscriptions"]):
            if not is_confirmed(subscription):
                continue
            attributes = {**DEFAULTS, **subscription.get("attributes", {})}
            protocol = subscription["protocol"]
            text = text_for(message.parameters, protocol)
            if not passes(
                attributes.get("FilterPolicy", ""), attributes["FilterPolicyScope"], text, message.attributes
            ):
                continue
            if protocol == "sqs":
                self._to_queue(topic, subscription, attributes, message, text)
            elif protocol == "lambda":
                self._to_function(topic, subscription, message, text)
            elif protocol in ("http", "https"):
                self._to_endpoint(topic, subscription, attributes, message, text)
            else:
                logger.info("%s: the local cloud sends nothing to %s", subscription["arn"], subscription["endpoint"])

    def _notification(
        self, topic: Mapping[str, Any], subscription: Mapping[str, Any], message: Message, text: str
    ) -> Notification:
        return Notification(
            topic_arn=topic["arn"],
            message_id=message.id,
            timestamp=iso_timestamp(),
            text=text,
            subject=message.parameters.get("Subject") or "",
            attributes=message.attributes,
            unsubscribe_url=f"{self.endpoint_url()}/?Action=Unsubscribe&SubscriptionArn={subscription['arn']}",
            sequence=message.sequence,
            version=topic["attributes"].get("SignatureVersion") or "1",
            certificate_url=self.certificate_url(),
        )

    def endpoint_url(self) -> str:
        """Where this cloud is."""
        return f"http://{self._sns._HOST}:{self._sns._PORT}"

    def certificate_url(self) -> str:
        """Where the certificate is that would prove a signature."""
        return f"{self.endpoint_url()}/SimpleNotificationService-{'0' * 32}.pem"

    def sign(self, text: str, version: str) -> str:
        """The local cloud has no key of AWS's: it says so where the signature would be."""
        return base64.b64encode(b"not signed by the local cloud").decode()

    def _to_queue(
        self,
        topic: Mapping[str, Any],
        subscription: Mapping[str, Any],
        attributes: Mapping[str, str],
        message: Message,
        text: str,
    ) -> None:
        raw = attributes["RawMessageDelivery"] == "true"
        body = text if raw else self._notification(topic, subscription, message, text).for_queue(self.sign)
        for_queue = stored_attributes(message.attributes) if raw else {}
        try:
            self._send(topic, subscription["endpoint"], body, for_queue, message)
        except Undeliverable as error:
            logger.warning("%s: %s", subscription["arn"], error)
            self._redrive(topic, attributes, body, for_queue, message)

    def _send(
        self, topic: Mapping[str, Any], queue: str, body: str, attributes: dict[str, dict[str, str]], message: Message
    ) -> None:
        """Send to a queue; raises :class:`Undeliverable`."""
        if not self.may("sns.amazonaws.com", "sqs:SendMessage", queue, topic["arn"]):
            raise Undeliverable(f"the policy of {queue} does not let SNS send messages of {topic['arn']}")
        fifo = queue.endswith(".fifo")
        self._queue_messages.deliver(
            queue,
            body,
            attributes,
            group=message.group if fifo or not is_fifo(topic) else "",
            deduplication=message.deduplication if fifo else "",
        )

    def _redrive(
        self,
        topic: Mapping[str, Any],
        attributes: Mapping[str, str],
        body: str,
        for_queue: dict[str, dict[str, str]],
        message: Message,
    ) -> None:
        """Send what could not be delivered to the subscription's dead-letter queue ("Amazon SNS dead-letter queues").

        A queue that is gone, or refuses, is a client-side error, which SNS does not retry.
        """
        policy = json.loads(attributes.get("RedrivePolicy") or "{}")
        target = policy.get("deadLetterTargetArn")
        if not target:
            return
        try:
            self._send(topic, target, body, for_queue, message)
        except Undeliverable as error:
            logger.warning("the dead-letter queue does not take it either, so it is lost, as on AWS: %s", error)

    def _to_function(
        self, topic: Mapping[str, Any], subscription: Mapping[str, Any], message: Message, text: str
    ) -> None:
        """Hand over to Lambda's queue of events, which is durable, retries, and redrives when the function is gone."""
        notification = self._notification(topic, subscription, message, text).for_function(self.sign)
        self._notify(subscription["endpoint"], notification, topic["arn"], subscription["arn"])

    def _to_endpoint(
        self,
        topic: Mapping[str, Any],
        subscription: Mapping[str, Any],
        attributes: Mapping[str, str],
        message: Message,
        text: str,
    ) -> None:
        raw = attributes["RawMessageDelivery"] == "true"
        body = text if raw else self._notification(topic, subscription, message, text).for_queue(self.sign)
        headers = {"x-amz-sns-message-id": message.id, **({"x-amz-sns-rawdelivery": "true"} if raw else {})}

        def failed() -> None:
            self._redrive(topic, attributes, body, {}, message)

        self.post(subscription, "Notification", body, headers, failed)

    def confirm(self, subscription: Mapping[str, Any]) -> None:
        """Send the message that asks an HTTP endpoint to confirm ("HTTP/HTTPS subscription confirmation JSON")."""
        topic, token = subscription["topic_arn"], subscription["token"]
        message_id = token[:8] + "-" + token[8:12] + "-" + token[12:16] + "-" + token[16:20] + "-" + token[20:32]
        body = {
            "Type": "SubscriptionConfirmation",
            "MessageId": message_id,
            "Token": token,
            "TopicArn": topic,
            "Message": f"You have chosen to subscribe to the topic {topic}.\n"
            "To confirm the subscription, visit the SubscribeURL included in this message.",
            "SubscribeURL": f"{self.endpoint_url()}/?Action=ConfirmSubscription&TopicArn={topic}&Token={token}",
            "Timestamp": iso_timestamp(),
            "SignatureVersion": "1",
            "Signature": self.sign("", "1"),
            "SigningCertURL": self.certificate_url(),
        }
        headers = {"x-amz-sns-message-id": message_id}
        self.post(subscription, "SubscriptionConfirmation", json.dumps(body, indent=2), headers, lambda: None)

    def post(
        self,
        subscription: Mapping[str, Any],
        kind: str,
        body: str,
        headers: Mapping[str, str],
        failed: Callable[[], None],
    ) -> None:
        """Send ``body`` to an HTTP endpoint in the background, once; then call ``failed`` if it was not taken."""
        every = {
            "Content-Type": "text/plain; charset=UTF-8",
            "User-Agent": _AGENT,
            "x-amz-sns-message-type": kind,
            "x-amz-sns-topic-arn": subscription["topic_arn"],
            **headers,
        }
        if kind == "Notification":
            every["x-amz-sns-subscription-arn"] = subscription["arn"]
        request = urllib.request.Request(subscription["endpoint"], body.encode(), every, method="POST")  # noqa: S310

        def work() -> None:
            try:
                urllib.request.urlopen(request, timeout=_HTTP_TIMEOUT).close()  # noqa: S310  # http and https only
            except (OSError, ValueError) as error:
                logger.warning("%s: %s: %s", subscription["arn"], subscription["endpoint"], error)
                failed()

        threading.Thread(target=work, name="sns-http", daemon=True).start()


def is_confirmed(subscription: Mapping[str, Any]) -> bool:
    """Whether a subscription gets messages.

    MiniStack's CloudFormation confirms what it subscribes; an e-mail address or HTTP endpoint of a template must
    confirm first, as any other. Our own records say how they were confirmed.
    """
    if "authenticated" in subscription:
        return bool(subscription["confirmed"])
    return subscription["protocol"] in AT_ONCE


def is_fifo(topic: Mapping[str, Any]) -> bool:
    """Whether ``topic``, a record of MiniStack's, is a FIFO topic."""
    return bool(topic["attributes"].get("FifoTopic") == "true")


def next_sequence(topic: Any) -> str:
    """The next sequence number of a FIFO topic: 20 digits, as on AWS."""
    topic["fifo_seq"] = topic.get("fifo_seq", 0) + 1
    return f"1{topic['fifo_seq'] * 1000:019d}"


def stored_attributes(attributes: Attributes) -> dict[str, dict[str, str]]:
    """Attributes as MiniStack's queues keep them: a binary value is base64 text."""
    out = {}
    for name, attribute in attributes.items():
        out[name] = {key: value for key, value in attribute.items() if isinstance(value, str)}
        if attribute.get("BinaryValue"):
            out[name]["BinaryValue"] = base64.b64encode(attribute["BinaryValue"]).decode()
    return out
