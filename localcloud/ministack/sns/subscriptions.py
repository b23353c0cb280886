"""SNS of MiniStack: subscriptions.

Amazon SNS API Reference, the page of each operation; wording as recorded on AWS in LocalStack's
``tests/aws/services/sns/test_sns.py``.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from localcloud.ministack.sns.fanout import AT_ONCE, Fanout, is_confirmed, is_fifo
from localcloud.ministack.sns.paging import page
from localcloud.ministack.sns.topics import Topics
from localcloud.rules import Answer, Call, Rulebook
from localcloud.services import ServiceError
from localcloud.sns.attributes import DEFAULTS, EFFECTIVE_DELIVERY_POLICY, SUBSCRIPTION, checked_subscription_attribute
from localcloud.sns.messages import invalid

_MAX_FILTERS = 200
Record = dict[str, Any]


class Subscriptions:
    """Subscriptions of topics."""

    def __init__(
        self,
        modules: Mapping[str, ModuleType],
        rules: Rulebook,
        topics: Topics,
        fanout: Fanout,
        identity: Callable[[str], str],
    ) -> None:
        """Take over MiniStack's operations.

        Parameters
        ----------
        modules : mapping
        rules : Rulebook
        topics : Topics
        fanout : Fanout
        identity : callable
            The ARN of whom an access key belongs to.
        """
        self._sns: Any = modules["sns"]
        self._topics = topics
        self._fanout = fanout
        self._identity = identity
        operations: dict[str, Callable[[Call], Answer]] = {
            "Subscribe": self.subscribe,
            "ConfirmSubscription": self.confirm,
            "Unsubscribe": self.unsubscribe,
            "ListSubscriptions": self.list_all,
            "ListSubscriptionsByTopic": self.list_by_topic,
            "GetSubscriptionAttributes": self.attributes,
            "SetSubscriptionAttributes": self.set_attribute,
        }
        for name, operation in operations.items():
            rules.add("sns", name, operation)

    def subscribe(self, call: Call) -> Answer:
        """Subscribe: an endpoint that has subscribed already keeps its subscription, and its attributes."""
        parameters = call.parameters
        topic = self._topics.found(parameters["TopicArn"])
        protocol, endpoint = parameters["Protocol"], parameters.get("Endpoint", "")
        scope = (parameters.get("Attributes") or {}).get("FilterPolicyScope", DEFAULTS["FilterPolicyScope"])
        fifo = is_fifo(topic) and endpoint.endswith(".fifo")
        given = {
            name: checked_subscription_attribute(name, value, protocol, scope=scope, fifo=fifo)
            for name, value in (parameters.get("Attributes") or {}).items()
        }
        for existing in topic["subscriptions"]:
            if (existing["protocol"], existing["endpoint"]) == (protocol, endpoint):
                has = {**DEFAULTS, **existing["attributes"]}
                if any(has.get(name, "") != value for name, value in given.items()):
                    raise invalid("Attributes Reason: Subscription already exists with different attributes")
                return self._answer(existing, parameters)
        if given.get("FilterPolicy"):
            _check_filters(topic)
        subscription = self._new(topic, protocol, endpoint, given, self._identity(call.access_key))
        if protocol in ("http", "https"):
            self._fanout.confirm(subscription)
        return self._answer(subscription, parameters)

    def _new(self, topic: Record, protocol: str, endpoint: str, attributes: dict[str, str], principal: str) -> Record:
        arn = f"{topic['arn']}:{uuid.uuid4()}"
        confirmed = protocol in AT_ONCE
        subscription = {
            "arn": arn,
            "protocol": protocol,
            "endpoint": endpoint,
            "confirmed": confirmed,
            "authenticated": confirmed,
            "topic_arn": topic["arn"],
            "owner": topic["arn"].split(":")[4],
            "principal": principal,
            "token": None if confirmed else secrets.token_hex(144),
            "attributes": attributes,
        }
        topic["subscriptions"].append(subscription)
        self._sns._sub_arn_to_topic[arn] = topic["arn"]
        return subscription

    @staticmethod
    def _answer(subscription: Record, parameters: Mapping[str, Any]) -> Answer:
        shown = is_confirmed(subscription) or parameters.get("ReturnSubscriptionArn")
        return {"SubscriptionArn": subscription["arn"] if shown else "pending confirmation"}

    def confirm(self, call: Call) -> Answer:
        """ConfirmSubscription."""
        topic = self._sns._topics.get(call.parameters["TopicArn"]) or {"subscriptions": []}
        for subscription in topic["subscriptions"]:
            if subscription.get("token") == call.parameters["Token"]:
                authenticated = call.parameters.get("AuthenticateOnUnsubscribe", "").lower() == "true"
                if not subscription["confirmed"]:
                    subscription.update(confirmed=True, authenticated=authenticated)
                return {"SubscriptionArn": subscription["arn"]}
        raise invalid("Token")

    def _found(self, arn: str) -> Record | None:
        topic = self._sns._topics.get(self._sns._sub_arn_to_topic.get(arn, ""))
        subscriptions = topic["subscriptions"] if topic else ()
        return next((each for each in subscriptions if each["arn"] == arn), None)

    def _existing(self, arn: str) -> Record:
        subscription = self._found(arn)
        if subscription is None:
            raise ServiceError("NotFound", "Subscription does not exist", 404)
        return subscription

    def unsubscribe(self, call: Call) -> Answer:
        """Unsubscribe: what does not exist (any more) is not an error."""
        arn = call.parameters["SubscriptionArn"]
        topic = self._sns._topics.get(self._sns._sub_arn_to_topic.pop(arn, ""))
        if topic is not None:
            topic["subscriptions"] = [each for each in topic["subscriptions"] if each["arn"] != arn]
        return {}

    def list_all(self, call: Call) -> Answer:
        """ListSubscriptions, 100 a page."""
        every = [each for topic in self._sns._topics.values() for each in topic["subscriptions"]]
        return page("Subscriptions", [_summary(each) for each in every], call.parameters.get("NextToken"))

    def list_by_topic(self, call: Call) -> Answer:
        """ListSubscriptionsByTopic, 100 a page."""
        topic = self._topics.found(call.parameters["TopicArn"])
        listed = [_summary(each) for each in topic["subscriptions"]]
        return page("Subscriptions", listed, call.parameters.get("NextToken"))

    def attributes(self, call: Call) -> Answer:
        """GetSubscriptionAttributes."""
        subscription = self._existing(call.parameters["SubscriptionArn"])
        kept = {name: value for name, value in subscription["attributes"].items() if name in SUBSCRIPTION and value}
        kept = {**DEFAULTS, **kept}
        if not kept.get("FilterPolicy"):
            kept.pop("FilterPolicyScope", None)
        confirmed = is_confirmed(subscription)
        out = {
            **kept,
            "ConfirmationWasAuthenticated": _word(subscription.get("authenticated", confirmed)),
            "Endpoint": subscription["endpoint"],
            "Owner": subscription["owner"],
            "PendingConfirmation": _word(not confirmed),
            "Protocol": subscription["protocol"],
            "SubscriptionArn": subscription["arn"],
            "SubscriptionPrincipal": subscription.get("principal") or f"arn:aws:iam::{subscription['owner']}:root",
            "TopicArn": subscription["topic_arn"],
        }
        if subscription["protocol"] in ("http", "https"):
            out["EffectiveDeliveryPolicy"] = EFFECTIVE_DELIVERY_POLICY
        return {"Attributes": out}

    def set_attribute(self, call: Call) -> Answer:
        """SetSubscriptionAttributes."""
        subscription = self._existing(call.parameters["SubscriptionArn"])
        name, value = call.parameters["AttributeName"], call.parameters.get("AttributeValue", "")
        attributes = subscription["attributes"]
        topic = self._topics.found(subscription["topic_arn"])
        value = checked_subscription_attribute(
            name,
            value,
            subscription["protocol"],
            scope=attributes.get("FilterPolicyScope") or DEFAULTS["FilterPolicyScope"],
            fifo=is_fifo(topic) and subscription["endpoint"].endswith(".fifo"),
        )
        if name == "FilterPolicyScope" and attributes.get("FilterPolicy"):
            checked_subscription_attribute(
                "FilterPolicy", attributes["FilterPolicy"], subscription["protocol"], scope=value, fifo=False
            )
        if name == "FilterPolicy" and value and not attributes.get("FilterPolicy"):
            _check_filters(topic)
        attributes[name] = value
        return {}


def _check_filters(topic: Record) -> None:
    """A topic can have 200 filter policies ("Filter policy constraints")."""
    if sum(bool(each["attributes"].get("FilterPolicy")) for each in topic["subscriptions"]) >= _MAX_FILTERS:
        message = "Filter policy limit exceeded: a topic can have 200 filter policies"
        raise ServiceError("FilterPolicyLimitExceeded", message, 403)


def _summary(subscription: Mapping[str, Any]) -> dict[str, str]:
    return {
        "SubscriptionArn": subscription["arn"] if is_confirmed(subscription) else "PendingConfirmation",
        "Owner": subscription["owner"],
        "Protocol": subscription["protocol"],
        "Endpoint": subscription["endpoint"],
        "TopicArn": subscription["topic_arn"],
    }


def _word(value: object) -> str:
    return "true" if value else "false"
