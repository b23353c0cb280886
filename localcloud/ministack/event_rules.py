"""EventBridge's rules, targets and entries: what depends on the buses, and what MiniStack does not do as AWS does."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from localcloud.clock import Clock
from localcloud.rules import Answer, Call, Rulebook
from localcloud.rules.events import invalid
from localcloud.services import ServiceError

MAX_TARGETS = 5
MAX_ENTRIES_BYTES = 256 * 1024
_TICK_SECONDS = 0.5


class EventRules:
    """MiniStack's EventBridge, by AWS's rules."""

    def __init__(self, modules: Mapping[str, ModuleType], rules: Rulebook) -> None:
        self._bus: Any = modules["eventbridge"]
        for operation, check in {
            "CreateEventBus": self._check_new_bus,
            "DeleteEventBus": self._check_deleted_bus,
            "DeleteRule": self._check_no_targets,
            "DescribeEventBus": self._check_bus_name,
            "DescribeRule": self._check_rule,
            "DisableRule": self._check_rule,
            "EnableRule": self._check_rule,
            "ListRules": self._check_bus,
            "ListTargetsByRule": self._list_targets,
            "PutEvents": self.put_events,
            "PutTargets": self._check_targets,
            "RemoveTargets": self._check_rule,
        }.items():
            rules.add("events", operation, check)

    def run_on(self, clock: Clock) -> None:
        """Let schedules with a rate run on ``clock``; those with times of day run at these times."""
        original = self._bus._parse_rate_seconds

        def seconds(expression: str) -> float | None:
            found = original(expression)
            return None if found is None else clock.real(found)

        self._bus._parse_rate_seconds = seconds
        self._bus._SCHEDULER_TICK_INTERVAL = _TICK_SECONDS

    # Rules and targets -------------------------------------------------------------------------------------------

    def _bus_name(self, call: Call) -> str:
        """The bus of a call, which may be given by its ARN; raises ServiceError when it does not exist."""
        name = str(call.parameters.get("EventBusName") or "default").rpartition("/")[2]
        self._bus._ensure_default_bus()
        if name not in self._bus._event_buses:
            raise ServiceError("ResourceNotFoundException", f"Event bus {name} does not exist.")
        return name

    def _check_new_bus(self, call: Call) -> None:
        name = call.parameters["Name"]
        self._bus._ensure_default_bus()
        if name in self._bus._event_buses:
            raise ServiceError("ResourceAlreadyExistsException", f"Event bus {name} already exists.")

    def _check_deleted_bus(self, call: Call) -> None:
        if call.parameters["Name"] == "default":
            raise invalid("Cannot delete event bus default.")
        self._check_bus_name(call)

    def _check_bus_name(self, call: Call) -> None:
        self._check_bus(Call("events", "", {"EventBusName": call.parameters.get("Name")}))

    def _check_bus(self, call: Call) -> None:
        self._bus_name(call)

    def _key(self, call: Call) -> str:
        key: str = self._bus._rule_key(call.parameters.get("Rule") or call.parameters.get("Name"), self._bus_name(call))
        return key

    def _check_rule(self, call: Call) -> None:
        key = self._key(call)
        if key not in self._bus._rules:
            bus, _, name = key.partition("|")
            raise ServiceError("ResourceNotFoundException", f"Rule {name} does not exist on EventBus {bus}.")

    def _check_no_targets(self, call: Call) -> None:
        """API_DeleteRule: "Before you can delete the rule, you must remove all targets"."""
        if self._bus._targets.get(self._key(call)):
            raise invalid("Rule can't be deleted since it has targets.")

    def _check_targets(self, call: Call) -> None:
        """API_PutTargets: five targets a rule."""
        self._check_rule(call)
        present = {target["Id"] for target in self._bus._targets.get(self._key(call)) or ()}
        if len(present | {target["Id"] for target in call.parameters["Targets"]}) > MAX_TARGETS:
            raise ServiceError("LimitExceededException", "The requested resource exceeds the maximum number allowed.")

    def _list_targets(self, call: Call) -> Answer:
        """API_ListTargetsByRule, in pages."""
        self._check_rule(call)
        targets = list(self._bus._targets.get(self._key(call)) or ())
        start = int(call.parameters.get("NextToken") or 0)
        end = start + int(call.parameters.get("Limit") or 100)
        return {"Targets": targets[start:end], **({"NextToken": str(end)} if end < len(targets) else {})}

    # Entries -----------------------------------------------------------------------------------------------------

    def put_events(self, call: Call) -> Answer:
        """API_PutEvents: each entry is taken or refused on its own."""
        entries = call.parameters["Entries"]
        if sum(map(_size, entries)) > MAX_ENTRIES_BYTES:
            raise invalid("Total size of the entries in the request is over the limit.")
        results = [self._put(entry) for entry in entries]
        return {"Entries": results, "FailedEntryCount": sum("ErrorCode" in result for result in results)}

    def _put(self, entry: dict[str, Any]) -> dict[str, str]:
        for member in ("Source", "DetailType", "Detail"):
            if not entry.get(member):
                reason = f"Parameter {member} is not valid. Reason: {member} is a required argument."
                return {"ErrorCode": "InvalidArgument", "ErrorMessage": reason}
        try:
            detail = json.loads(entry["Detail"], parse_constant=_refuse)
        except ValueError:
            detail = None
        if not isinstance(detail, dict):
            return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
        if re.match(r"aws\.", entry["Source"]):
            return {"ErrorCode": "NotAuthorizedForSourceException", "ErrorMessage": "Not authorized for the source."}
        identifier = str(uuid.uuid4())
        bus, error = self._bus._event_bus_name_from_ref(entry.get("EventBusName", "default"))
        if error:
            return {"ErrorCode": error[0], "ErrorMessage": error[1]}
        moment = entry.get("Time")
        event = {
            "EventId": identifier,
            "Source": entry["Source"],
            "DetailType": entry["DetailType"],
            "Detail": entry["Detail"],
            "EventBusName": bus,
            "Time": int(time.time() if moment is None else moment.timestamp()),
            "Resources": list(entry.get("Resources") or ()),
            "Account": self._bus.get_account_id(),
            "Region": self._bus.get_region(),
        }
        view = self._bus._pattern_event_view(event)
        self._bus._dispatch_event(event, view)
        self._bus._archive_event(event, view)
        return {"EventId": identifier}


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _size(entry: Mapping[str, Any]) -> int:
    """EventBridge User Guide, "Calculating PutEvents event entry size"."""
    texts = [entry.get(member) or "" for member in ("Source", "DetailType", "Detail")]
    return sum(len(text.encode()) for text in (*texts, *(entry.get("Resources") or ()))) + 14 * ("Time" in entry)
