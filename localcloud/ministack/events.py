"""EventBridge of MiniStack: events of AWS's own services, and targets that are services of this cloud."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from localcloud.clock import iso_timestamp
from localcloud.services import EventTarget

logger = logging.getLogger(__name__)


class Events:
    """MiniStack's default event bus. Its methods belong on the event loop."""

    def __init__(self, modules: Mapping[str, ModuleType]) -> None:
        self._bus: Any = modules["eventbridge"]
        self._responses: Any = modules["responses"]

    def put(
        self, scope: tuple[str, str], source: str, detail_type: str, detail: Mapping[str, Any], resources: list[str]
    ) -> None:
        """Send one event to the default bus, as AWS's own services do.

        Parameters
        ----------
        scope : tuple of str
            Account and region.
        source, detail_type : str
            ``aws.codecommit`` and the event's title, for example.
        detail : mapping
        resources : list of str
            ARNs.
        """
        entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail), "Resources": resources}
        with self._responses.request_scope(*scope):
            self._bus._put_events({"Entries": [entry]}, allow_aws_source=True)

    def deliver_to(
        self, targets: Mapping[str, EventTarget], may_deliver: Callable[[dict[str, Any], str], bool]
    ) -> None:
        """Hand events whose rule's target begins with a key of ``targets`` to its value, on a thread of its own.

        Parameters
        ----------
        targets : mapping
        may_deliver : callable
            Gets a target and the ARN of its rule, and says whether IAM lets EventBridge deliver (EventBridge User
            Guide, "Using resource-based policies" and "Using identity-based policies").
        """
        original = self._bus._invoke_target

        def invoke(target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], view: Any = None) -> None:
            arn = str(target.get("Arn", ""))
            if not may_deliver(target, str(rule.get("Arn", ""))):
                logger.warning("rule %s may not reach its target %s: the event is lost", rule.get("Name"), arn)
                return
            callback = next((value for prefix, value in targets.items() if arn.startswith(prefix)), None)
            if callback is None:
                original(target, event, rule, view)
                return
            payload = json.loads(target["Input"]) if target.get("Input") else _as_delivered(event)
            threading.Thread(target=_logged, args=(callback, arn, payload), daemon=True, name="event-target").start()

        self._bus._invoke_target = invoke


def _as_delivered(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event as EventBridge gives it to a target (EventBridge User Guide, "AWS service event metadata")."""
    detail = event.get("Detail") or "{}"
    return {
        "version": "0",
        "id": event.get("EventId"),
        "detail-type": event.get("DetailType"),
        "source": event.get("Source"),
        "account": event.get("Account"),
        "time": iso_timestamp(float(event.get("Time") or 0), precision="seconds"),
        "region": event.get("Region"),
        "resources": event.get("Resources", []),
        "detail": json.loads(detail) if isinstance(detail, str) else detail,
    }


def _logged(callback: EventTarget, arn: str, payload: dict[str, Any]) -> None:
    try:
        callback(arn, payload)
    except Exception:
        logger.exception("the event for %s was not taken", arn)
