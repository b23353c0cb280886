"""Dashboards."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from localcloud.rules import Call, Rulebook
from localcloud.services import ServiceError


class Dashboards:
    """PutDashboard and its kin, in every protocol."""

    def __init__(self, modules: Mapping[str, ModuleType], rules: Rulebook) -> None:
        self._cloudwatch: Any = modules["cloudwatch"]
        rules.add("cloudwatch", "PutDashboard", self._put)
        rules.add("cloudwatch", "GetDashboard", self._get)
        rules.add("cloudwatch", "ListDashboards", self._list)
        rules.add("cloudwatch", "DeleteDashboards", self._delete)

    def _put(self, call: Call) -> dict[str, Any]:
        self._cloudwatch.cloudformation_put_dashboard(
            call.parameters["DashboardName"], call.parameters["DashboardBody"]
        )
        return {"DashboardValidationMessages": []}

    def _get(self, call: Call) -> dict[str, Any]:
        found = self._cloudwatch._dashboards.get(call.parameters["DashboardName"])
        if found is None:
            raise _missing(call.parameters["DashboardName"])
        return {name: found[name] for name in ("DashboardArn", "DashboardBody", "DashboardName")}

    def _list(self, call: Call) -> dict[str, Any]:
        prefix = call.parameters.get("DashboardNamePrefix", "")
        return {
            "DashboardEntries": [
                {
                    "DashboardName": name,
                    "DashboardArn": found["DashboardArn"],
                    "LastModified": datetime.datetime.fromtimestamp(found["LastModified"], datetime.UTC),
                    "Size": found["Size"],
                }
                for name, found in sorted(self._cloudwatch._dashboards.items())
                if name.startswith(prefix)
            ]
        }

    def _delete(self, call: Call) -> dict[str, Any]:
        """All or none: "If you specify … one that does not exist, no dashboards are deleted" (API_DeleteDashboards)."""
        for name in call.parameters["DashboardNames"]:
            if self._cloudwatch._dashboards.get(name) is None:
                raise _missing(name)
        for name in call.parameters["DashboardNames"]:
            self._cloudwatch.cloudformation_delete_dashboard(name)
        return {}


def _missing(name: str) -> ServiceError:
    return ServiceError("DashboardNotFoundError", f"Dashboard {name} does not exist", 404)
