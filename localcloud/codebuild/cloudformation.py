"""AWS::CodeBuild::Project and ::ReportGroup (CloudFormation Template Reference)."""

from __future__ import annotations

import secrets
import string
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from localcloud.codebuild.service import CodeBuild
from localcloud.http.coercion import api_parameters
from localcloud.http.protocol import service_model
from localcloud.services import ResourceType, ServiceError

LONGEST_NAME = {"project": 150, "report group": 128}


def physical_name(logical_id: str, longest: int) -> str:
    """A name as CloudFormation makes them: the logical id and a random end."""
    alphabet = string.ascii_letters + string.digits
    end = "".join(secrets.choice(alphabet) for _ in range(12))
    return f"{logical_id[: longest - len(end) - 1]}-{end}"


def api_names(shape: Shape, value: Any) -> Any:
    """Properties under the API's names: ``BuildSpec`` is ``buildspec``, ``LogsConfig`` is ``logsConfig``."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        names = {name.lower(): name for name in shape.members}
        found = {}
        for key, item in value.items():
            name = names.get(key.lower(), key)
            found[name] = api_names(shape.members[name], item) if name in shape.members else item
        return found
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [api_names(shape.member, item) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {key: api_names(shape.value, item) for key, item in value.items()}
    return value


def _parameters(operation: str, properties: dict[str, Any]) -> dict[str, Any]:
    shape = service_model("codebuild").operation_model(operation).input_shape
    assert shape is not None
    return api_parameters("codebuild", operation, api_names(shape, properties))


class ProjectType:
    """Ref is the project's name; arguments and errors are those of :class:`localcloud.services.ResourceType`."""

    name = "AWS::CodeBuild::Project"
    replacing: tuple[str, ...] = ("Name",)

    def __init__(self, control: CodeBuild) -> None:
        self._control = control

    def create(self, logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        """CreateProject."""
        wanted = {"Name": physical_name(logical_id, LONGEST_NAME["project"])} | _known(properties)
        project = self._control.call("CreateProject", _parameters("CreateProject", wanted))["project"]
        return project["name"], {"Arn": project["arn"]}

    def update(
        self, physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str
    ) -> tuple[str, dict[str, Any]]:
        """Everything but the name changes in place; what a template no longer says is back at its default."""
        wanted = _known(new) | {"Name": physical_id}
        project = self._control.projects.replace(_parameters("CreateProject", wanted))
        return physical_id, {"Arn": project["arn"]}

    def delete(self, physical_id: str, properties: dict[str, Any]) -> None:
        """DeleteProject, which does not mind that it is gone."""
        self._control.call("DeleteProject", {"name": physical_id})


def _known(properties: dict[str, Any]) -> dict[str, Any]:
    """Properties without those that the API has elsewhere, or that have no effect here."""
    wanted = dict(properties)
    triggers = wanted.pop("Triggers", None) or {}
    if triggers.get("Webhook") in (True, "true"):
        raise ServiceError("InvalidInputException", "The local cloud's CodeBuild does not offer webhooks (Triggers).")
    if wanted.pop("Visibility", "PRIVATE") != "PRIVATE":
        raise ServiceError("InvalidInputException", "The local cloud's CodeBuild has no public projects (Visibility).")
    wanted.pop("ResourceAccessRole", None)  # for public projects only
    return wanted


class ReportGroupType:
    """Ref is the report group's ARN; arguments and errors are those of :class:`localcloud.services.ResourceType`."""

    name = "AWS::CodeBuild::ReportGroup"
    replacing: tuple[str, ...] = ("Name", "Type")

    def __init__(self, control: CodeBuild) -> None:
        self._control = control

    def create(self, logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        """CreateReportGroup."""
        wanted = {"Name": physical_name(logical_id, LONGEST_NAME["report group"])} | properties
        wanted.pop("DeleteReports", None)
        group = self._control.call("CreateReportGroup", _parameters("CreateReportGroup", wanted))["reportGroup"]
        return group["arn"], {"Arn": group["arn"]}

    def update(
        self, physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str
    ) -> tuple[str, dict[str, Any]]:
        """UpdateReportGroup."""
        wanted = {key: value for key, value in new.items() if key in ("ExportConfig", "Tags")} | {"Arn": physical_id}
        self._control.call("UpdateReportGroup", _parameters("UpdateReportGroup", {"Tags": []} | wanted))
        return physical_id, {"Arn": physical_id}

    def delete(self, physical_id: str, properties: dict[str, Any]) -> None:
        """DeleteReportGroup; with DeleteReports its reports, too."""
        everything = properties.get("DeleteReports") in (True, "true")
        self._control.call("DeleteReportGroup", {"arn": physical_id, "deleteReports": everything})


def resource_types(control: CodeBuild) -> tuple[ResourceType, ...]:
    """Both types."""
    return ProjectType(control), ReportGroupType(control)
