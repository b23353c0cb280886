"""SNS of MiniStack: what its CloudFormation drops of a topic.

AWS CloudFormation User Guide, "AWS::SNS::Topic".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from localcloud.sns.attributes import TOPIC, default_policy


def keep_topic_properties(modules: Mapping[str, ModuleType]) -> None:
    """Have topics of templates keep their attributes, and have the policy and display name that others have."""
    topics: Any = modules["sns"]._topics
    handlers: Any = modules["provisioners"].__dict__["_RESOURCE_HANDLERS"]["AWS::SNS::Topic"]

    def apply(arn: str, properties: Mapping[str, Any]) -> None:
        attributes = topics[arn]["attributes"]
        for name in TOPIC:
            if name != "Policy":
                attributes.pop(name, None)
            if name in properties:
                attributes[name] = _text(properties[name])
        if attributes.get("FifoTopic") != "true":
            attributes.pop("FifoTopic", None)

    def wrapped(action: str, properties_at: int, *, new: bool) -> Callable[..., Any]:
        original = handlers[action]

        def handler(*arguments: Any, **named: Any) -> Any:
            known = set(topics)
            result = original(*arguments, **named)
            if result[0] in topics:
                if new or result[0] not in known:
                    topics[result[0]]["attributes"]["Policy"] = default_policy(result[0])
                apply(result[0], arguments[properties_at])
            return result

        return handler

    handlers["create"] = wrapped("create", 1, new=True)
    handlers["update"] = wrapped("update", 2, new=False)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
