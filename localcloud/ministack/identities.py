"""IAM of MiniStack: entities that are not there, in AWS's words, and lists a page at a time."""

from __future__ import annotations

import datetime
import json
import urllib.parse
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from botocore.model import ServiceModel

from localcloud.http.protocol import service_model
from localcloud.rules import Call, Rulebook
from localcloud.services import ServiceError

_MAKING = ("CreateRole", "CreateUser", "CreateGroup", "CreateServiceLinkedRole")


class Identities:
    """Rules that look at roles, users, groups and policies."""

    def __init__(self, modules: Mapping[str, ModuleType], rules: Rulebook) -> None:
        self._iam: Any = modules["iam"]
        model: ServiceModel = service_model("iam")
        for operation in model.operation_names:
            shape = model.operation_model(operation).input_shape
            required = set(shape.required_members) if shape is not None and operation not in _MAKING else set()
            if required & {"RoleName", "UserName", "GroupName"}:
                rules.add("iam", operation, self._exists)
        for operation in ("AttachRolePolicy", "AttachUserPolicy", "AttachGroupPolicy"):
            rules.add("iam", operation, self._attachable)
        rules.add("iam", "DeleteRole", self._has_no_policies)
        rules.add("iam", "DeleteUser", self._user_has_nothing)
        rules.add("iam", "ListRoles", self._list_roles)

    def _exists(self, call: Call) -> None:
        """API reference: NoSuchEntity, 404."""
        stores = {"RoleName": self._iam._roles, "UserName": self._iam._users, "GroupName": self._iam._groups}
        for parameter, store in stores.items():
            name = call.parameters.get(parameter)
            if name is not None and store.get(name) is None:
                kind = parameter.removesuffix("Name").lower()
                raise ServiceError("NoSuchEntity", f"The {kind} with name {name} cannot be found.", 404)

    def _attachable(self, call: Call) -> None:
        """API reference, AttachRolePolicy: NoSuchEntity."""
        arn = call.parameters["PolicyArn"]
        if self._iam._lookup_policy(arn) is None:
            raise ServiceError("NoSuchEntity", f"Policy {arn} does not exist or is not attachable.", 404)

    def _has_no_policies(self, call: Call) -> None:
        """API reference, DeleteRole: DeleteConflict."""
        role = self._iam._roles.get(call.parameters["RoleName"]) or {}
        if role.get("InlinePolicies") and not role.get("AttachedPolicies"):
            raise ServiceError("DeleteConflict", "Cannot delete entity, must delete policies first.", 409)

    def _user_has_nothing(self, call: Call) -> None:
        """API reference, DeleteUser: DeleteConflict."""
        name = call.parameters["UserName"]
        user = self._iam._users.get(name) or {}
        keys = [key for key, record in self._iam._access_keys.items() if record.get("UserName") == name]
        if user.get("AttachedPolicies"):
            left = "detach all policies"
        elif self._iam._user_inline_policies.get(name):
            left = "delete policies"
        elif keys:
            left = "delete access keys"
        elif any(name in group.get("Users", []) for group in self._iam._groups.values()):
            left = "remove users from group"
        else:
            return
        raise ServiceError("DeleteConflict", f"Cannot delete entity, must {left} first.", 409)

    def _list_roles(self, call: Call) -> dict[str, Any]:
        """API reference, ListRoles: PathPrefix, MaxItems (100 unless given) and Marker; in the order of names."""
        prefix, start = call.parameters.get("PathPrefix", "/"), call.parameters.get("Marker", "")
        size = int(call.parameters.get("MaxItems", 100))
        names = sorted(name for name, role in self._iam._roles.items() if role.get("Path", "/").startswith(prefix))
        left = [name for name in names if name >= start]
        answer: dict[str, Any] = {
            "Roles": [_shown(self._iam._roles.get(name)) for name in left[:size]],
            "IsTruncated": len(left) > size,
        }
        return answer | ({"Marker": left[size]} if len(left) > size else {})


def _shown(role: Mapping[str, Any]) -> dict[str, Any]:
    trust = role.get("AssumeRolePolicyDocument") or "{}"
    text = trust if isinstance(trust, str) else json.dumps(trust)
    found = {
        "Path": role.get("Path", "/"),
        "RoleName": role["RoleName"],
        "RoleId": role["RoleId"],
        "Arn": role["Arn"],
        "CreateDate": datetime.datetime.fromisoformat(role["CreateDate"].replace("Z", "+00:00")),
        "AssumeRolePolicyDocument": urllib.parse.quote(text),
        "MaxSessionDuration": int(role.get("MaxSessionDuration") or 3600),
    }
    return found | ({"Description": role["Description"]} if role.get("Description") else {})
