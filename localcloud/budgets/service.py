"""The service ``budgets``: cost budgets with their notifications.

AWS Budgets API Reference (docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_Operations_AWS_Budgets.html).
The service belongs to the account, so regions share its budgets.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from typing import Any

from localcloud.cloud import Cloud
from localcloud.services import ResourceType, ServiceError, dispatch
from localcloud.store import Store

PAGE = 100
FOREVER = datetime.datetime(2087, 6, 15, tzinfo=datetime.UTC)
"""API_budgets_Budget, TimePeriod: "If you don't specify an end date, AWS set your end date to 06/15/87 00:00 UTC"."""
_OFFERED = ("BudgetName", "BudgetLimit", "CostTypes", "TimeUnit", "TimePeriod", "BudgetType")
_STARTED = ("CalculatedSpend", "LastUpdatedTime")
_COST_TYPES = {
    "IncludeTax": True, "IncludeSubscription": True, "UseBlended": False, "IncludeRefund": True, "IncludeCredit": True,
    "IncludeUpfront": True, "IncludeRecurring": True, "IncludeOtherSubscription": True, "IncludeSupport": True,
    "IncludeDiscount": True, "UseAmortized": False,
}  # fmt: skip
"""Defaults of API_budgets_CostTypes."""


def invalid(message: str) -> ServiceError:
    """What the service answers to a value that it does not take."""
    return ServiceError("InvalidParameterException", message)


class Budgets:
    """Create, describe, update and delete budgets; describe their notifications and who is told."""

    name = "budgets"
    resource_types: tuple[ResourceType, ...] = ()

    def __init__(self, cloud: Cloud) -> None:
        self._account = cloud.account
        self._store = Store(cloud.state / "budgets.sqlite")
        self._operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "CreateBudget": self._create,
            "DeleteBudget": self._delete,
            "DescribeBudget": self._describe,
            "DescribeBudgets": self._describe_all,
            "DescribeNotificationsForBudget": self._notifications,
            "DescribeSubscribersForNotification": self._subscribers,
            "ListTagsForResource": self._tags,
            "UpdateBudget": self._update,
        }

    def start(self) -> None:
        """Nothing runs in the background."""

    def stop(self) -> None:
        """End; budgets stay."""
        self._store.close()

    def call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Carry out one operation; raises :class:`ServiceError`."""
        if parameters.get("AccountId", self._account) != self._account:
            raise ServiceError("AccessDeniedException", f"Account {parameters['AccountId']} is not yours.")
        return dispatch(self._operations, self.name, operation, parameters)

    def summary(self) -> list[str]:
        """Lines for ``python -m localcloud status``."""
        return [f"budget {name}" for name in self._store.all("budget")]

    def _found(self, name: str) -> dict[str, Any]:
        budget = self._store.get("budget", name)
        if budget is None:
            raise ServiceError("NotFoundException", f"Unable to get budget: {name} - the budget doesn't exist.", 404)
        return budget

    def _create(self, asked: dict[str, Any]) -> dict[str, Any]:
        budget, name = _checked(asked["Budget"]), asked["Budget"]["BudgetName"]
        notifications = asked.get("NotificationsWithSubscribers", [])
        keys = [_key(each["Notification"]) for each in notifications]
        if len(set(keys)) < len(keys):
            raise ServiceError("DuplicateRecordException", f"Budget {name} has the same notification twice.")
        for each in notifications:
            _check_subscribers(each["Subscribers"])
        with self._store.transaction():
            if self._store.get("budget", name) is not None:
                message = f"Error creating budget: {name} - the budget already exists."
                raise ServiceError("DuplicateRecordException", message)
            stored = [{**each, "Notification": _completed(each["Notification"])} for each in notifications]
            tags = asked.get("ResourceTags", [])
            self._store.put("budget", name, {"Budget": budget, "Notifications": stored, "Tags": tags})
        return {}

    def _update(self, asked: dict[str, Any]) -> dict[str, Any]:
        name = asked["NewBudget"]["BudgetName"]
        with self._store.transaction():
            stored = self._found(name)
            self._store.put("budget", name, {**stored, "Budget": _checked(asked["NewBudget"])})
        return {}

    def _delete(self, asked: dict[str, Any]) -> dict[str, Any]:
        with self._store.transaction():
            self._found(asked["BudgetName"])
            self._store.delete("budget", asked["BudgetName"])
        return {}

    def _describe(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {"Budget": _shown(self._found(asked["BudgetName"])["Budget"])}

    def _describe_all(self, asked: dict[str, Any]) -> dict[str, Any]:
        found = [_shown(each["Budget"]) for each in self._store.all("budget").values()]
        return _page("Budgets", sorted(found, key=lambda budget: str(budget["BudgetName"])), asked)

    def _notifications(self, asked: dict[str, Any]) -> dict[str, Any]:
        found = self._found(asked["BudgetName"])["Notifications"]
        return _page("Notifications", [each["Notification"] for each in found], asked)

    def _tags(self, asked: dict[str, Any]) -> dict[str, Any]:
        name = asked["ResourceARN"].rpartition(":budget/")[2]
        return {"ResourceTags": self._found(name).get("Tags", [])}

    def set_tags(self, name: str, tags: list[dict[str, str]]) -> None:
        """What CloudFormation does with TagResource and UntagResource when a template's tags change."""
        with self._store.transaction():
            self._store.put("budget", name, {**self._found(name), "Tags": tags})

    def _subscribers(self, asked: dict[str, Any]) -> dict[str, Any]:
        wanted = _key(asked["Notification"])
        for each in self._found(asked["BudgetName"])["Notifications"]:
            if _key(each["Notification"]) == wanted:
                return _page("Subscribers", each["Subscribers"], asked)
        raise ServiceError("NotFoundException", "Unable to get the notification: it doesn't exist.", 404)


def _checked(budget: dict[str, Any]) -> dict[str, Any]:
    """A budget as it is stored; raises ServiceError for what AWS refuses and for what is not offered here."""
    budget = {key: value for key, value in budget.items() if value not in ({}, []) and key not in _STARTED}
    if others := sorted(set(budget) - set(_OFFERED)):
        raise invalid(f"The local cloud does not offer {', '.join(others)} of a budget.")
    if set(budget["BudgetName"]) & {":", "\\"}:  # the model's pattern says so, in a form that Python does not read
        raise invalid(f"The name {budget['BudgetName']} must not have a colon or a backslash.")
    if budget["BudgetType"] != "COST":
        raise invalid(f"The local cloud offers budgets of COST only, not of {budget['BudgetType']}.")
    if "BudgetLimit" not in budget:
        raise invalid("BudgetLimit is required for a COST budget.")
    if float(budget["BudgetLimit"]["Amount"]) <= 0:
        raise invalid("The amount of a budget must be greater than 0.")
    given = budget.get("TimePeriod", {})
    start, end = given.get("Start") or _began(budget["TimeUnit"]), given.get("End") or FOREVER
    if start >= end:
        raise invalid("The start of the time period must be before its end.")
    period = {"Start": start.timestamp(), "End": end.timestamp()}
    types = {**_COST_TYPES, **budget.get("CostTypes", {})}
    return {**budget, "CostTypes": types, "TimePeriod": period, "LastUpdatedTime": time.time()}


def _began(unit: str) -> datetime.datetime:
    """API_budgets_Budget, TimePeriod: without a start it is the beginning of the day, month, quarter or year."""
    today = datetime.datetime.now(datetime.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "DAILY":
        return today
    if unit == "MONTHLY":
        return today.replace(day=1)
    if unit == "QUARTERLY":
        return today.replace(month=(today.month - 1) // 3 * 3 + 1, day=1)
    if unit == "ANNUALLY":
        return today.replace(month=1, day=1)
    raise invalid(f"The local cloud does not offer budgets of {unit} periods.")


def _shown(stored: dict[str, Any]) -> dict[str, Any]:
    """A stored budget as the API gives it: nothing is spent here."""
    unit = stored["BudgetLimit"]["Unit"]
    moments = {key: _moment(value) for key, value in stored["TimePeriod"].items()}
    return {
        **stored,
        "TimePeriod": moments,
        "LastUpdatedTime": _moment(stored["LastUpdatedTime"]),
        "CalculatedSpend": {"ActualSpend": {"Amount": "0.0", "Unit": unit}},
    }


def _moment(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


def _completed(notification: dict[str, Any]) -> dict[str, Any]:
    """With the defaults of API_budgets_Notification."""
    return {"ThresholdType": "PERCENTAGE", "NotificationState": "OK", **notification}


def _key(notification: dict[str, Any]) -> tuple[Any, ...]:
    """What tells two notifications of a budget apart."""
    members = ("NotificationType", "ComparisonOperator", "Threshold", "ThresholdType")
    return tuple(_completed(notification)[member] for member in members)


def _check_subscribers(subscribers: list[dict[str, Any]]) -> None:
    """API_budgets_Subscriber and API_budgets_NotificationWithSubscribers: one SNS topic, ten addresses of e-mail."""
    for each in subscribers:
        if each["SubscriptionType"] == "EMAIL" and "@" not in each["Address"]:
            raise invalid(f"{each['Address']} is not an e-mail address.")
        if each["SubscriptionType"] == "SNS" and not each["Address"].startswith("arn:"):
            raise invalid(f"{each['Address']} is not the ARN of a topic.")
    kinds = [each["SubscriptionType"] for each in subscribers]
    if kinds.count("SNS") > 1 or kinds.count("EMAIL") > 10:
        raise ServiceError("CreationLimitExceededException", "At most one SNS topic and ten e-mail addresses are told.")


def _page(name: str, rows: list[dict[str, Any]], asked: dict[str, Any]) -> dict[str, Any]:
    token, size = asked.get("NextToken", "0"), asked.get("MaxResults", PAGE)
    if not token.isdigit():
        raise ServiceError("InvalidNextTokenException", "The pagination token is invalid.")
    start = int(token)
    rest = {"NextToken": str(start + size)} if start + size < len(rows) else {}
    return {name: rows[start : start + size], **rest}
