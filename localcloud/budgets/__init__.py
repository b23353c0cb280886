"""AWS Budgets for the local cloud: budgets are checked and kept, and count nothing, since nothing here costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localcloud.cloud import Cloud
    from localcloud.services import Service


def create_services(cloud: Cloud) -> list[Service]:
    """The service ``budgets`` of ``cloud``."""
    from localcloud.budgets.cloudformation import BudgetType
    from localcloud.budgets.service import Budgets

    service = Budgets(cloud)
    service.resource_types = (BudgetType(service),)
    return [service]
