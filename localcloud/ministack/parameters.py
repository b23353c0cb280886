"""Parameter Store: what depends on the parameters that there are."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from localcloud.rules import Answer, Call, Rulebook
from localcloud.rules.ssm import invalid, is_label
from localcloud.services import ServiceError

MAX_VERSIONS, MAX_LABELS, MAX_TAGS = 100, 10, 50


class Parameters:
    """MiniStack's Parameter Store, by AWS's rules."""

    def __init__(self, modules: Mapping[str, ModuleType], rules: Rulebook) -> None:
        self._store: Any = modules["ssm"]
        self._store._PUBLIC_AMI_PARAMETERS.clear()  # made up: this cloud has no machine images
        for operation, check in {
            "AddTagsToResource": self._check_tagged,
            "GetParameter": self._check_public,
            "GetParameterHistory": self._check_there,
            "LabelParameterVersion": self.label,
            "ListTagsForResource": self._check_tagged,
            "PutParameter": self._check_replaced,
            "RemoveTagsFromResource": self._check_tagged,
        }.items():
            rules.add("ssm", operation, check)

    def _check_replaced(self, call: Call) -> None:
        """API_PutParameter: what may change of a parameter, and how many versions there are."""
        given = call.parameters
        present = self._store._parameters.get(given["Name"])
        if present is None or not given.get("Overwrite"):
            return
        wanted = given.get("Type", present["Type"])
        if wanted != present["Type"]:
            raise ServiceError(
                "HierarchyTypeMismatchException",
                f"The parameter {given['Name']} is a {present['Type']} and can't be changed to a {wanted}. Create a "
                "new parameter.",
            )
        if present.get("Tier") == "Advanced" and given.get("Tier") == "Standard":
            raise invalid(
                "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the "
                "advanced-parameter tier to the standard-parameter tier. If necessary, you can delete the advanced "
                "parameter and recreate it as a standard parameter."
            )
        history = self._store._parameter_history[given["Name"]]
        if len(history) < MAX_VERSIONS:
            return
        if history[0].get("Labels"):
            raise ServiceError(
                "ParameterMaxVersionLimitExceeded",
                f"You attempted to create a new version of {given['Name']} by calling the PutParameter API with the "
                "overwrite flag. Version "
                f"{history[0]['Version']}, the oldest version, can't be deleted because it has a label associated with "
                "it. Move the label to another version of the parameter, and try again.",
            )
        del history[0]

    def _check_public(self, call: Call) -> None:
        """User guide, "Discovering public parameters": AWS's own, which are not here."""
        if call.parameters["Name"].startswith("/aws/"):
            message = f"Parameter {call.parameters['Name']} not found. The local cloud has no public parameters of AWS."
            raise ServiceError("ParameterNotFound", message)

    def _check_there(self, call: Call) -> None:
        if call.parameters["Name"] not in self._store._parameters:
            raise ServiceError("ParameterNotFound", f"Parameter {call.parameters['Name']} not found.")

    def _check_tagged(self, call: Call) -> None:
        """API_AddTagsToResource: the parameter must be there, and have 50 tags at most."""
        name = call.parameters["ResourceId"]
        _, found = self._store._lookup_parameter(name, flexible_name=True)
        if found is None:
            message = "The resource ID is not valid. Verify that you entered the correct ID and try again."
            raise ServiceError("InvalidResourceId", message)
        tags = dict(self._store._tags.get(self._store._parameter_tag_arn("Parameter", name)) or {})
        tags.update({tag["Key"]: tag["Value"] for tag in call.parameters.get("Tags") or ()})
        if len(tags) > MAX_TAGS:
            raise ServiceError("TooManyTagsError", f"A parameter can have at most {MAX_TAGS} tags.")

    def label(self, call: Call) -> Answer:
        """API_LabelParameterVersion: labels that can't be are named; the others move to the version."""
        self._check_there(call)
        name, labels = call.parameters["Name"], call.parameters["Labels"]
        history = self._store._parameter_history[name]
        version = call.parameters.get("ParameterVersion") or self._store._parameters[name]["Version"]
        target = next((entry for entry in history if entry["Version"] == version), None)
        if target is None:
            message = f"Systems Manager could not find version {version} of {name}. Verify the version and try again."
            raise ServiceError("ParameterVersionNotFound", message)
        good = [label for label in labels if is_label(label)]
        if len({*target.get("Labels", ()), *good}) > MAX_LABELS:
            message = (
                f"A parameter version can have maximum {MAX_LABELS} labels. "
                "Move one or more labels to another version and try again."
            )
            raise ServiceError("ParameterVersionLabelLimitExceeded", message)
        for entry in history:
            entry["Labels"] = [label for label in entry.get("Labels", ()) if label not in good]
        target["Labels"] = [*target["Labels"], *good]
        current = self._store._parameters[name]
        current["Labels"] = list(history[-1]["Labels"])
        return {"InvalidLabels": [label for label in labels if label not in good], "ParameterVersion": version}
