"""AWS::Budgets::Budget (CloudFormation Template Reference)."""

from __future__ import annotations

import secrets
from typing import Any

from localcloud.budgets.service import Budgets
from localcloud.http.coercion import api_parameters
from localcloud.services import ACCOUNT, ServiceError


class BudgetType:
    """Ref is the budget's name, which may be left to CloudFormation."""

    name = "AWS::Budgets::Budget"
    replacing: tuple[str, ...] = ("NotificationsWithSubscribers",)

    def __init__(self, control: Budgets) -> None:
        self._control = control

    def create(self, logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        """CreateBudget."""
        name = properties["Budget"].get("BudgetName") or f"{logical_id}-{secrets.token_hex(6)}"
        wanted = {**properties, "AccountId": ACCOUNT, "Budget": {**properties["Budget"], "BudgetName": name}}
        self._control.call("CreateBudget", api_parameters("budgets", "CreateBudget", wanted))
        return name, {"Id": name}

    def update(
        self, physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str
    ) -> tuple[str, dict[str, Any]]:
        """UpdateBudget; with another name it is another budget."""
        if new["Budget"].get("BudgetName") not in (None, physical_id):
            created = self.create("", new, stack)
            self.delete(physical_id, old)
            return created
        wanted = {"AccountId": ACCOUNT, "NewBudget": {**new["Budget"], "BudgetName": physical_id}}
        self._control.call("UpdateBudget", api_parameters("budgets", "UpdateBudget", wanted))
        self._control.set_tags(physical_id, new.get("ResourceTags", []))
        return physical_id, {"Id": physical_id}

    def delete(self, physical_id: str, properties: dict[str, Any]) -> None:
        """DeleteBudget."""
        try:
            self._control.call("DeleteBudget", {"AccountId": ACCOUNT, "BudgetName": physical_id})
        except ServiceError as error:
            if error.code != "NotFoundException":
                raise
