"""What a resource of a stack must be before MiniStack makes it: valid, new, and not attached to what is not there.

MiniStack's provisioners write into its services' state without the services' API, so they take over what exists under
a name, and attach to what does not exist. Texts are those of AWS's resource handlers: the service's own message, and
CloudFormation's frame around it.
"""

from __future__ import annotations

import contextvars
import secrets
import string
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from localcloud.ministack.cloudformation import calls, schemas
from localcloud.ministack.cloudformation.events import StackEvents
from localcloud.ministack.cloudformation.existing import Existing
from localcloud.ministack.cloudformation.permissions import StackPermissions
from localcloud.ministack.cloudformation.policies import denial
from localcloud.rules import Rulebook
from localcloud.services import ServiceError

Properties = Mapping[str, Any]
Created = tuple[str, dict[str, Any]]

_updating: contextvars.ContextVar[bool] = contextvars.ContextVar("updating", default=False)
_SERVICES = {"AWS::SNS": "Sns", "AWS::SQS": "Sqs", "AWS::IAM": "Iam", "AWS::SSM": "Ssm", "AWS::Logs": "CloudWatchLogs"}


class Resources:
    """Stands before MiniStack's provisioners."""

    def __init__(self, modules: Mapping[str, ModuleType], rules: Rulebook, events: StackEvents) -> None:
        self._rules = rules
        self._events = events
        self._existing = Existing(modules)
        self.permissions = StackPermissions(modules, rules)
        self._worker: Any = modules["stacks"]
        self._provisioners: Any = modules["provisioners"]
        self._cloudformation: Any = modules["cloudformation"]
        self._create: Callable[..., Created] = self._provisioners._provision_resource
        self._update: Callable[..., Created] = self._provisioners._update_resource
        self._install()

    def _install(self) -> None:
        self._provisioners._provision_resource = self.create
        self._provisioners._update_resource = self.update
        self._worker._provision_resource = self.create_named
        self._worker._update_resource = self.update

    def create_named(self, type_name: str, logical_id: str, properties: dict[str, Any], stack_name: str) -> Created:
        """Create a resource; when the template leaves its name open, it gets one that no other had before."""
        self._provisioners._NAME_SEED.set(secrets.token_hex(4))
        stack_id = (self._cloudformation._stacks.get(stack_name) or {}).get("StackId", "")
        self._events.changes(stack_id, logical_id, properties)
        if type_name == "AWS::SSM::Parameter" and not properties.get("Name"):
            letters = string.ascii_letters + string.digits
            suffix = "".join(secrets.choice(letters) for _ in range(12))
            properties = {**properties, "Name": f"CFN-{logical_id}-{suffix}"}
        return self.create(type_name, logical_id, properties, stack_name)

    def create(self, type_name: str, logical_id: str, properties: dict[str, Any], stack_name: str) -> Created:
        """Create a resource, or raise ValueError with the reason that the stack's event gives."""
        if _updating.get():
            return self._create(type_name, logical_id, properties, stack_name)
        stack_id = (self._cloudformation._stacks.get(stack_name) or {}).get("StackId", "")
        self._check(type_name, logical_id, properties, stack_name, new=True)
        self._refuse_existing(type_name, properties, stack_name)
        created = self._create(type_name, logical_id, properties, stack_name)
        if stack_id:
            event = (stack_id, stack_name, logical_id, type_name, "CREATE_IN_PROGRESS")
            self._events.add(*event, "Resource creation Initiated", created[0])
        return created

    def update(
        self,
        type_name: str,
        physical_id: str,
        old: dict[str, Any],
        new: dict[str, Any],
        stack_name: str,
        logical_id: str | None = None,
        attributes: dict[str, Any] | None = None,
    ) -> Created:
        """Update a resource, or raise ValueError; a rollback is let through."""
        stack = self._cloudformation._stacks.get(stack_name) or {}
        if old != new and stack.get("StackStatus") == "UPDATE_IN_PROGRESS" and logical_id is not None:
            self._events.changes(stack["StackId"], logical_id, new)
            replacing = self._provisioners._replacing_change(type_name, old, new)
            action = "Update:Replace" if replacing else "Update:Modify"
            denied = denial(
                stack.get("_policy_of_update") or stack.get("_stack_policy") or "", action, logical_id, type_name
            )
            if denied is not None:
                raise ValueError(denied)
            self._check(type_name, logical_id, new, stack_name)
            named = self._existing.name_property(type_name)
            if named and new.get(named) and old.get(named) != new.get(named):
                self._refuse_existing(type_name, new, stack_name)
        token = _updating.set(True)
        try:
            return self._update(type_name, physical_id, old, new, stack_name, logical_id, attributes)
        finally:
            _updating.reset(token)

    def _check(
        self, type_name: str, logical_id: str, properties: Properties, stack_name: str, *, new: bool = False
    ) -> None:
        """Raise ValueError unless AWS would take ``properties``, and IAM lets CloudFormation create them."""
        complaint = schemas.complaint(type_name, logical_id, properties)
        if complaint is not None:
            raise ValueError(complaint)
        name = f"{stack_name[:24]}-{logical_id[:24]}-0123456789AB"
        try:
            if new:
                self.permissions.check_ours(type_name, name, properties, stack_name)
                calls.check(
                    self._rules, type_name, name, properties, lambda call: self.permissions.check(call, stack_name)
                )
            else:
                calls.check(self._rules, type_name, name, properties)
            self._existing.check_targets(type_name, properties)
        except ServiceError as error:
            raise ValueError(handler_message(type_name, error)) from error

    def _refuse_existing(self, type_name: str, properties: Properties, stack_name: str) -> None:
        name = self._existing.taken(type_name, properties)
        if name is None:
            return
        owner = self._owner(type_name, name)
        if owner is not None:
            raise ValueError(f"{name} already exists in stack {owner}")
        message = f"Resource of type '{type_name}' with identifier '{name}' already exists."
        raise ValueError(_framed(message, "AlreadyExists"))

    def _owner(self, type_name: str, name: str) -> str | None:
        for stack in list(self._cloudformation._stacks.values()):
            for resource in (stack.get("_resources") or {}).values():
                physical = str(resource.get("PhysicalResourceId", ""))
                same = physical == name or physical.rpartition("/")[2].rpartition(":")[2] == name
                if resource.get("ResourceType") == type_name and same and stack["StackStatus"] != "DELETE_COMPLETE":
                    return str(stack["StackId"])
        return None


def handler_message(type_name: str, error: ServiceError) -> str:
    """``error`` of a service as AWS's resource handlers put it into a stack's event."""
    namespace = "::".join(type_name.split("::")[:2])
    service = _SERVICES.get(namespace, namespace.rpartition("::")[2])
    detail = f"{error.message} (Service: {service}, Status Code: {error.status}, Request ID: {secrets.token_hex(16)})"
    codes = {404: "NotFound", 409: "AlreadyExists"}
    if error.code in ("AccessDenied", "AccessDeniedException", "AuthorizationError"):
        return _framed(detail, "AccessDenied")
    return _framed(detail, codes.get(error.status, "InvalidRequest"))


def _framed(message: str, code: str) -> str:
    token = secrets.token_hex(16)
    return f'Resource handler returned message: "{message}" (RequestToken: {token}, HandlerErrorCode: {code})'
