"""What CloudFormation refuses before anything happens: rules for its operations.

API reference: AWSCloudFormation/latest/APIReference/API_CreateStack.html and its neighbours; texts are AWS's answers as
LocalStack recorded them (tests/aws/services/cloudformation/api/*.snapshot.json) where there are some.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from localcloud.ministack.cloudformation import parameters as template_parameters
from localcloud.ministack.cloudformation import template as templates
from localcloud.ministack.cloudformation.existing import Existing, trusts
from localcloud.ministack.cloudformation.operations import Operations
from localcloud.ministack.cloudformation.policies import check_policy
from localcloud.ministack.cloudformation.schemas import resource_types
from localcloud.ministack.cloudformation.template import Template, refuse
from localcloud.rules import Call, Rulebook
from localcloud.services import ServiceError

_NAME = r"[a-zA-Z][-a-zA-Z0-9]*|arn:[-a-zA-Z0-9:/._+]*"
_UPDATABLE = frozenset(
    [
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "UPDATE_FAILED",
        "IMPORT_COMPLETE",
        "IMPORT_ROLLBACK_COMPLETE",
    ]
)
_PLAIN_TYPES = {"AWS::CDK::Metadata", "AWS::CloudFormation::CustomResource"}
_LOCAL = ("127.0.0.1", "localhost", "::1")
_SEE = "\nFor more information check http://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"


class Requests:
    """The rules, and what they share with the answers: stacks, change sets and templates by name.

    Attributes
    ----------
    own_types : set of str
        Resource types of services that are not MiniStack's.
    check_type : callable
        Gets each type of a template that only MiniStack knows; raises :class:`ServiceError` to refuse it.
    """

    def __init__(self, modules: Mapping[str, ModuleType], rules: Rulebook, operations: Operations) -> None:
        self._cloudformation: Any = modules["cloudformation"]
        self._engine: Any = modules["engine"]
        self._change_sets: Any = modules["changesets"]
        self._objects: Any = modules["s3"]
        self._parameters: Any = modules["ssm"]
        self._helpers: Any = modules["helpers"]
        self._handlers: Mapping[str, Any] = modules["provisioners"]._RESOURCE_HANDLERS
        self._existing = Existing(modules)
        self._operations = operations
        self.own_types: set[str] = set()
        self.check_type: Callable[[str], None] = lambda name: None
        self._install()
        for operation, check in (
            ("CreateStack", self._create_stack),
            ("UpdateStack", self._update_stack),
            ("CreateChangeSet", self._create_change_set),
            ("ExecuteChangeSet", self._execute_change_set),
            ("DescribeChangeSet", self._change_set_exists),
            ("DeleteChangeSet", self._delete_change_set),
            ("ListChangeSets", self._list_change_sets),
            ("DeleteStack", self._delete_stack),
            ("ValidateTemplate", self._validate_template),
            ("GetTemplateSummary", self._template_summary),
            ("GetTemplate", self._get_template),
            ("SetStackPolicy", self._set_stack_policy),
            ("DescribeStackResource", self._stack_resource),
            ("DescribeStackResources", self._stack_resources),
            ("DescribeStackEvents", self._stack_is_there),
            ("ListStackResources", self._list_stack_resources),
        ):
            rules.add("cloudformation", operation, check)

    def _install(self) -> None:
        self._helpers._resolve_document = self._document_for_ministack

    # --- what is there ---

    def stack(self, name: str) -> dict[str, Any] | None:
        """The stack with this name, unless it is deleted, or with this id."""
        for stack in list(self._cloudformation._stacks.values()):
            by_name = stack["StackName"] == name and stack["StackStatus"] != "DELETE_COMPLETE"
            if by_name or stack["StackId"] == name:
                return dict_of(stack)
        return None

    def change_set(self, name: str, stack_name: str) -> dict[str, Any]:
        """A change set by its id, or by its name and its stack.

        Raises
        ------
        ServiceError
            When it is not there.
        """
        if name.startswith("arn:"):
            found = self._cloudformation._change_sets.get(name)
            for stack in list(self._cloudformation._stacks.values()):
                found = found or (stack.get("_gone_change_sets") or {}).get(name)
        else:
            stack_record = self.stack(stack_name)
            if stack_record is None:
                raise refuse(f"Stack [{stack_name}] does not exist")
            found = self._change_sets._find_change_set(name, stack_record["StackName"])[1]
        if found is None:
            raise ServiceError("ChangeSetNotFound", f"ChangeSet [{name}] does not exist", 404)
        return dict_of(found)

    def document(self, request: Mapping[str, Any], body: str, url: str) -> str | None:
        """The text of ``request[body]``, or of the object in S3 at ``request[url]``."""
        if request.get(body):
            return str(request[body])
        return self._object_at(str(request[url]), url) if request.get(url) else None

    def _object_at(self, url: str, member: str) -> str:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme == "s3":
            raise refuse(f"S3 error: Domain name specified in {parts.netloc} is not a valid S3 domain")
        host, path = parts.hostname or "", urllib.parse.unquote(parts.path.lstrip("/"))
        bucket, key = path.partition("/")[::2]
        if host.endswith((".amazonaws.com", ".amazonaws.com.cn")) and "s3" in host:
            before = host.partition(".s3")[0] if ".s3" in host else ""
            if before:
                bucket, key = before, path
        elif host not in _LOCAL:
            raise refuse(f"{member} must be a supported URL.")
        if bucket not in self._objects._buckets:
            raise refuse(f"S3 error: The specified bucket does not exist{_SEE}")
        data = self._objects._get_object_data(bucket, key)
        if data is None:
            raise refuse(f"S3 error: The specified key does not exist.{_SEE}")
        return str(data.decode("utf-8", "replace"))

    def _document_for_ministack(self, parameters: Any, body: str, url: str, label: str) -> tuple[str | None, Any]:
        request = {name: self._helpers._p(parameters, name) for name in (body, url)}
        try:
            return self.document(request, body, url), None
        except ServiceError as error:
            return None, self._helpers._error(error.code, error.message, error.status)

    def template(self, request: Mapping[str, Any]) -> Template | None:
        """The template of ``request``, well formed, as it was sent."""
        text = self.document(request, "TemplateBody", "TemplateURL")
        if text is None:
            return None
        template = templates.parsed(text, self._engine._parse_template)
        templates.check_form(template)
        return template

    # --- the rules ---

    def _create_stack(self, call: Call) -> None:
        request = call.parameters
        check_stack_name(str(request["StackName"]))
        self._check_settings(request)
        template = self.template(request)
        if template is None:
            raise refuse("Either Template URL or Template Body must be specified.")
        stack = self.stack(str(request["StackName"]))
        if stack is not None and stack["StackStatus"] != "REVIEW_IN_PROGRESS":
            raise ServiceError("AlreadyExistsException", f"Stack [{stack['StackName']}] already exists")
        self._check_template(template, request, {})

    def _update_stack(self, call: Call) -> None:
        request = call.parameters
        self._check_settings(request)
        template = self.template(request)
        stack = self.stack(str(request["StackName"]))
        if stack is None:
            raise refuse(f"Stack [{request['StackName']}] does not exist")
        if stack["StackStatus"] not in _UPDATABLE:
            raise refuse(f"Stack:{stack['StackId']} is in {stack['StackStatus']} state and can not be updated.")
        if template is None:
            if not request.get("UsePreviousTemplate"):
                raise refuse("Either Template URL or Template Body must be specified.")
            template = templates.parsed(stack["_template_body"], self._engine._parse_template)
        self._check_template(template, request, stack.get("_resolved_params") or {})

    def _create_change_set(self, call: Call) -> None:
        request = call.parameters
        name, kind = str(request["StackName"]), request.get("ChangeSetType", "UPDATE")
        check_stack_name(name)
        self._check_settings(request)
        template = self.template(request)
        stack = self.stack(name)
        if kind == "CREATE":
            if stack is not None and stack["StackStatus"] != "REVIEW_IN_PROGRESS":
                raise refuse(
                    f"Stack [{name}] already exists and cannot be created again with the changeSet "
                    f"[{request['ChangeSetName']}]."
                )
            if template is None:
                raise refuse("Either Template URL or Template Body must be specified.")
            self._check_template(template, request, {})
        elif kind == "UPDATE":
            if stack is None:
                raise refuse(f"Stack [{name}] does not exist")
            if stack["StackStatus"] not in _UPDATABLE:
                raise refuse(f"Stack:{stack['StackId']} is in {stack['StackStatus']} state and can not be updated.")
            if template is None:
                template = templates.parsed(stack["_template_body"], self._engine._parse_template)
            self._check_template(template, request, stack.get("_resolved_params") or {})

    def _check_settings(self, request: Mapping[str, Any]) -> None:
        """What the operations that take a template have in common besides it."""
        for prefix in ("Template", "StackPolicy"):
            body, url = f"{prefix}Body", f"{prefix}URL"
            if request.get(body) and request.get(url):
                raise refuse(f"You cannot specify both {url} and {body}")
        for name in ("StackPolicy", "StackPolicyDuringUpdate"):
            policy = self.document(request, f"{name}Body", f"{name}URL")
            if policy is not None:
                check_policy(policy)
        arn = request.get("RoleARN")
        if arn:
            role = self._existing.role_named(str(arn))
            if role is None or not trusts(role, "cloudformation.amazonaws.com"):
                raise refuse(f"Role {arn} is invalid or cannot be assumed")

    def _check_template(self, template: Template, request: Mapping[str, Any], previous: Mapping[str, Any]) -> None:
        given = list(request.get("Parameters") or ())
        members = [
            {
                "Key": each.get("ParameterKey", ""),
                "Value": each.get("ParameterValue", ""),
                "UsePreviousValue": bool(each.get("UsePreviousValue")),
            }
            for each in given
        ]
        template_parameters.check_definitions(template)
        try:
            whole = self._engine._apply_transforms(template, members, dict(previous))
        except Exception:  # noqa: BLE001 - MiniStack answers with what is wrong about a transform
            return
        if not isinstance(whole, dict) or not isinstance(whole.get("Resources"), dict):
            return
        templates.check_parts(whole)
        self._check_types(whole)
        templates.check_references(whole)
        template_parameters.check_values(whole, given, previous)
        self._check_stored_values(whole, given)
        try:
            values = self._engine._resolve_parameters(whole, members, dict(previous))
            conditions = self._engine._evaluate_conditions(whole, values)
        except Exception:  # noqa: BLE001 - MiniStack answers with what is wrong about them
            return
        templates.check_references(whole, conditions)

    def _check_types(self, template: Template) -> None:
        """What MiniStack has and nothing here checks is offered to those alone who ask for it."""
        known = self.own_types | resource_types().keys() | _PLAIN_TYPES
        for resource in template["Resources"].values():
            if resource["Type"] in self._handlers and resource["Type"] not in known:
                self.check_type(resource["Type"])

    def _check_stored_values(self, template: Template, given: list[dict[str, Any]]) -> None:
        by_name = {each.get("ParameterKey"): each.get("ParameterValue") for each in given}
        missing = []
        for name, definition in (template.get("Parameters") or {}).items():
            if str(definition["Type"]).startswith("AWS::SSM::Parameter::Value<"):
                stored = by_name.get(name) or definition.get("Default")
                if stored and self._parameters.resolve_parameter_value(str(stored)) is None:
                    missing.append(str(stored))
        if missing:
            raise refuse(f"Unable to fetch parameters [{','.join(missing)}] from parameter store for this account.")

    def _execute_change_set(self, call: Call) -> None:
        request = call.parameters
        found = self.change_set(str(request["ChangeSetName"]), str(request.get("StackName", "")))
        if found["ExecutionStatus"] != "AVAILABLE":
            shown = found["Status"] if found["Status"] == "FAILED" else found["ExecutionStatus"]
            raise ServiceError(
                "InvalidChangeSetStatus",
                f"ChangeSet [{found['ChangeSetId']}] cannot be executed in its current status of [{shown}]",
            )

    def _change_set_exists(self, call: Call) -> None:
        request = call.parameters
        _need_stack(request)
        self.change_set(str(request["ChangeSetName"]), str(request.get("StackName", "")))

    def _delete_change_set(self, call: Call) -> None:
        _need_stack(call.parameters)

    def _list_change_sets(self, call: Call) -> None:
        name = str(call.parameters["StackName"])
        if self.stack(name) is None:
            raise refuse(f"Stack [{name}] does not exist")

    def _delete_stack(self, call: Call) -> None:
        stack = self.stack(str(call.parameters["StackName"]))
        if stack is None:
            return
        if stack.get("EnableTerminationProtection"):
            raise refuse(f"Stack [{stack['StackName']}] cannot be deleted while TerminationProtection is enabled")
        for output in stack.get("Outputs") or ():
            name = output.get("ExportName")
            importers = self._operations.importers(name, stack["StackName"]) if name else []
            if importers:
                raise refuse(f"Export {name} cannot be deleted as it is in use by {' and '.join(importers)}")

    def _validate_template(self, call: Call) -> None:
        template = self.template(call.parameters)
        if template is None:
            raise refuse("Either Template URL or Template Body must be specified.")
        template_parameters.check_definitions(template)
        if not template.get("Transform"):
            templates.check_parts(template)
            templates.check_references(template)

    def _template_summary(self, call: Call) -> None:
        request = call.parameters
        if self.template(request) is not None:
            return
        name = request.get("StackName")
        if not name:
            raise refuse("Either Template URL or Template Body must be specified.")
        stack = self.stack(str(name))
        if stack is None:
            raise refuse(f"Stack with id {name} does not exist")
        if stack["StackStatus"] == "REVIEW_IN_PROGRESS":
            raise refuse("GetTemplateSummary cannot be called on REVIEW_IN_PROGRESS stacks.")

    def _get_template(self, call: Call) -> None:
        request = call.parameters
        name, change_set = request.get("StackName"), request.get("ChangeSetName")
        if change_set:
            if not name and not str(change_set).startswith("arn:"):
                raise refuse("StackName is a required parameter.")
            self.change_set(str(change_set), str(name or ""))
        elif not name:
            raise refuse("StackName is required if ChangeSetName is not specified.")
        elif self.stack(str(name)) is None:
            raise refuse(f"Stack with id {name} does not exist")

    def _set_stack_policy(self, call: Call) -> None:
        request = call.parameters
        self._check_settings(request)
        if self.stack(str(request["StackName"])) is None:
            raise refuse(f"Stack [{request['StackName']}] does not exist")

    def _stack_resource(self, call: Call) -> None:
        request = call.parameters
        stack = self.stack(str(request["StackName"]))
        if stack is None:
            raise refuse(f"Stack '{request['StackName']}' does not exist")
        if request["LogicalResourceId"] not in stack["_resources"]:
            raise refuse(f"Resource {request['LogicalResourceId']} does not exist for stack {request['StackName']}")

    def _stack_resources(self, call: Call) -> None:
        name = call.parameters.get("StackName")
        if name and self.stack(str(name)) is None:
            raise refuse(f"Stack with id {name} does not exist")

    def _stack_is_there(self, call: Call) -> None:
        name = str(call.parameters["StackName"])
        if self.stack(name) is None:
            raise refuse(f"Stack [{name}] does not exist")

    def _list_stack_resources(self, call: Call) -> None:
        name = str(call.parameters["StackName"])
        if self.stack(name) is None:
            raise refuse(f"Stack with id {name} does not exist")


def dict_of(record: Any) -> dict[str, Any]:
    """``record`` of MiniStack's, which is a dictionary."""
    found: dict[str, Any] = record
    return found


def check_stack_name(name: str) -> None:
    """Raise :class:`ServiceError` unless a stack may be called ``name``."""
    problems = []
    if len(name) > 128 and not name.startswith("arn:"):
        problems.append("Member must have length less than or equal to 128")
    if not re.fullmatch(_NAME, name):
        problems.append(f"Member must satisfy regular expression pattern: {_NAME}")
    if problems:
        listed = "; ".join(f"Value '{name}' at 'stackName' failed to satisfy constraint: {each}" for each in problems)
        noun = "errors" if len(problems) > 1 else "error"
        raise refuse(f"{len(problems)} validation {noun} detected: {listed}")


def _need_stack(request: Mapping[str, Any]) -> None:
    if not request.get("StackName") and not str(request["ChangeSetName"]).startswith("arn:"):
        raise refuse("StackName must be specified if ChangeSetName is not specified as an ARN.")
