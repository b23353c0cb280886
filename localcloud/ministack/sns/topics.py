"""SNS of MiniStack: topics, their permissions and tags, and what is published to them.

Amazon SNS API Reference, the page of each operation; wording as recorded on AWS in LocalStack's
``tests/aws/services/sns/test_sns.py``.
"""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from localcloud.ministack.sns.fanout import Fanout, Message, is_confirmed, is_fifo, next_sequence
from localcloud.ministack.sns.paging import page
from localcloud.ministack.sns.templates import keep_topic_properties
from localcloud.rules import Answer, Call, Rulebook
from localcloud.services import ServiceError
from localcloud.sns.attributes import check_topic_attribute, default_policy, topic_attributes
from localcloud.sns.messages import invalid

_DEDUPLICATION_SECONDS = 300.0
_PERMISSIONS = frozenset(
    {
        "AddPermission",
        "DeleteTopic",
        "GetDataProtectionPolicy",
        "GetTopicAttributes",
        "ListSubscriptionsByTopic",
        "ListTagsForResource",
        "Publish",
        "PutDataProtectionPolicy",
        "RemovePermission",
        "SetTopicAttributes",
        "Subscribe",
    }
)
_MAX_TAGS = 50


class Topics:
    """Topics: everything but their subscriptions."""

    def __init__(self, modules: Mapping[str, ModuleType], rules: Rulebook, fanout: Fanout) -> None:
        self._sns: Any = modules["sns"]
        self._responses: Any = modules["responses"]
        self._fanout = fanout
        keep_topic_properties(modules)
        operations: dict[str, Callable[[Call], Answer]] = {
            "CreateTopic": self.create,
            "DeleteTopic": self.delete,
            "GetTopicAttributes": self.attributes,
            "SetTopicAttributes": self.set_attribute,
            "ListTopics": self.list_topics,
            "AddPermission": self.add_permission,
            "RemovePermission": self.remove_permission,
            "Publish": self.publish,
            "PublishBatch": self.publish_batch,
            "ListTagsForResource": self.tags,
            "TagResource": self.tag,
            "UntagResource": self.untag,
        }
        for name, operation in operations.items():
            rules.add("sns", name, operation)

    def found(self, arn: str) -> dict[str, Any]:
        """MiniStack's record of a topic; raises :class:`ServiceError` when there is none."""
        topic: dict[str, Any] | None = self._sns._topics.get(arn)
        if topic is None:
            raise ServiceError("NotFound", "Topic does not exist", 404)
        return topic

    def create(self, call: Call) -> Answer:
        """CreateTopic: a topic of the same name and no other attributes and tags is answered with its ARN."""
        name = call.parameters["Name"]
        given = call.parameters.get("Attributes") or {}
        tags = {tag["Key"]: tag["Value"] for tag in call.parameters.get("Tags") or ()}
        arn = f"arn:aws:sns:{call.region}:{self._responses.get_account_id()}:{name}"
        existing = self._sns._topics.get(arn)
        if existing is None:
            attributes = {key: value for key, value in given.items() if (key, value) != ("FifoTopic", "false")}
            self._sns._topics[arn] = {
                "name": name,
                "arn": arn,
                "attributes": {"TopicArn": arn, "Policy": default_policy(arn), **attributes},
                "subscriptions": [],
                "tags": tags,
                "dedup_cache": {},
                "fifo_seq": 0,
            }
            return {"TopicArn": arn}
        has = topic_attributes(existing, (0, 0))
        if any(has.get(key, "false" if key == "FifoTopic" else None) != value for key, value in given.items()):
            raise invalid("Attributes Reason: Topic already exists with different attributes")
        if any(existing.get("tags", {}).get(key) != value for key, value in tags.items()):
            raise invalid("Tags Reason: Topic already exists with different tags")
        return {"TopicArn": arn}

    def delete(self, call: Call) -> Answer:
        """DeleteTopic: with its subscriptions; one that does not exist is not an error."""
        topic = self._sns._topics.pop(call.parameters["TopicArn"], None)
        for subscription in topic["subscriptions"] if topic else ():
            self._sns._sub_arn_to_topic.pop(subscription["arn"], None)
        return {}

    def attributes(self, call: Call) -> Answer:
        """GetTopicAttributes."""
        topic = self.found(call.parameters["TopicArn"])
        confirmed = sum(is_confirmed(each) for each in topic["subscriptions"])
        counts = (confirmed, len(topic["subscriptions"]) - confirmed)
        return {"Attributes": topic_attributes(topic, counts)}

    def set_attribute(self, call: Call) -> Answer:
        """SetTopicAttributes."""
        topic = self.found(call.parameters["TopicArn"])
        name, value = call.parameters["AttributeName"], call.parameters.get("AttributeValue", "")
        check_topic_attribute(name, value, fifo=is_fifo(topic))
        if name == "Policy" and not value:
            value = default_policy(topic["arn"])
        topic["attributes"][name] = value
        return {}

    def list_topics(self, call: Call) -> Answer:
        """ListTopics, 100 a page."""
        arns = [{"TopicArn": arn} for arn in self._sns._topics]
        return page("Topics", arns, call.parameters.get("NextToken"))

    # Permissions -------------------------------------------------------------------------------------------------

    def add_permission(self, call: Call) -> Answer:
        """AddPermission: one more statement in the topic's policy."""
        parameters = call.parameters
        topic = self.found(parameters["TopicArn"])
        policy = self._policy(topic)
        if any(statement.get("Sid") == parameters["Label"] for statement in policy["Statement"]):
            raise invalid("Statement already exists")
        if not set(parameters["ActionName"]) <= {*_PERMISSIONS, "*"}:
            raise invalid("Policy statement action out of service scope!")
        principals = [f"arn:aws:iam::{account}:root" for account in parameters["AWSAccountId"]]
        actions = [f"SNS:{action}" for action in parameters["ActionName"]]
        policy["Statement"].append(
            {
                "Sid": parameters["Label"],
                "Effect": "Allow",
                "Principal": {"AWS": principals[0] if len(principals) == 1 else principals},
                "Action": actions[0] if len(actions) == 1 else actions,
                "Resource": topic["arn"],
            }
        )
        topic["attributes"]["Policy"] = json.dumps(policy)
        return {}

    def remove_permission(self, call: Call) -> Answer:
        """RemovePermission."""
        topic = self.found(call.parameters["TopicArn"])
        policy = self._policy(topic)
        policy["Statement"] = [each for each in policy["Statement"] if each.get("Sid") != call.parameters["Label"]]
        topic["attributes"]["Policy"] = json.dumps(policy)
        return {}

    @staticmethod
    def _policy(topic: Mapping[str, Any]) -> dict[str, Any]:
        policy: dict[str, Any] = json.loads(topic["attributes"].get("Policy") or default_policy(topic["arn"]))
        if isinstance(policy.get("Statement"), dict):
            policy["Statement"] = [policy["Statement"]]
        return policy

    # Publishing --------------------------------------------------------------------------------------------------

    def publish(self, call: Call) -> Answer:
        """Publish."""
        topic = self.found(call.parameters.get("TopicArn") or call.parameters["TargetArn"])
        self._check(topic, call.parameters)
        return self._publish(topic, call.parameters)

    def publish_batch(self, call: Call) -> Answer:
        """PublishBatch: all entries, or none when one of them is wrong."""
        topic = self.found(call.parameters["TopicArn"])
        entries = call.parameters["PublishBatchRequestEntries"]
        for entry in entries:
            self._check(topic, entry)
        return {
            "Successful": [{"Id": entry["Id"], **self._publish(topic, entry)} for entry in entries],
            "Failed": [],
        }

    @staticmethod
    def _check(topic: Mapping[str, Any], message: Mapping[str, Any]) -> None:
        """What FIFO topics ask of a message, and what the others do not take ("Message deduplication")."""
        if not is_fifo(topic):
            if message.get("MessageDeduplicationId"):
                raise invalid(
                    "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter "
                    "that is not valid for this topic type"
                )
            return
        if not message.get("MessageGroupId"):
            raise invalid("The MessageGroupId parameter is required for FIFO topics")
        if not message.get("MessageDeduplicationId") and topic["attributes"].get("ContentBasedDeduplication") != "true":
            raise invalid(
                "The topic should either have ContentBasedDeduplication enabled or "
                "MessageDeduplicationId provided explicitly"
            )

    def _publish(self, topic: dict[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
        group = parameters.get("MessageGroupId") or ""
        if not is_fifo(topic):
            message = Message(str(uuid.uuid4()), parameters, group=group)
            self._fanout.deliver(topic, message)
            return {"MessageId": message.id}
        deduplication = parameters.get("MessageDeduplicationId") or ""
        if not deduplication:
            deduplication = hashlib.sha256(parameters["Message"].encode()).hexdigest()
        scope = topic["attributes"].get("FifoThroughputScope", "Topic")
        key = f"{group}:{deduplication}" if scope == "MessageGroup" else deduplication
        now = time.time()
        seen = {name: each for name, each in topic.get("dedup_cache", {}).items() if each["expire"] > now}
        topic["dedup_cache"] = seen
        if key not in seen:
            message = Message(str(uuid.uuid4()), parameters, next_sequence(topic), group, deduplication)
            seen[key] = {
                "expire": now + _DEDUPLICATION_SECONDS,
                "message_id": message.id,
                "sequence_number": message.sequence,
            }
            self._fanout.deliver(topic, message)
        return {"MessageId": seen[key]["message_id"], "SequenceNumber": seen[key]["sequence_number"]}

    # Tags --------------------------------------------------------------------------------------------------------

    def _tagged(self, arn: str) -> dict[str, Any]:
        topic: dict[str, Any] | None = self._sns._topics.get(arn)
        if topic is None:
            raise ServiceError("ResourceNotFound", "Resource does not exist", 404)
        tags: dict[str, Any] = topic.setdefault("tags", {})
        return tags

    def tags(self, call: Call) -> Answer:
        """ListTagsForResource."""
        tags = self._tagged(call.parameters["ResourceArn"])
        return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}

    def tag(self, call: Call) -> Answer:
        """TagResource."""
        tags = self._tagged(call.parameters["ResourceArn"])
        new = {tag["Key"]: tag["Value"] for tag in call.parameters["Tags"]}
        if len({**tags, **new}) > _MAX_TAGS:
            raise ServiceError("TagLimitExceeded", "Could not complete request: tag quota of per resource exceeded")
        tags.update(new)
        return {}

    def untag(self, call: Call) -> Answer:
        """UntagResource."""
        tags = self._tagged(call.parameters["ResourceArn"])
        for key in call.parameters["TagKeys"]:
            tags.pop(key, None)
        return {}
