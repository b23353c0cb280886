"""Lambda's control plane: what depends on other resources, and what MiniStack answers otherwise than AWS."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from localcloud.rules import Answer, Call, Rulebook
from localcloud.rules.lambda_ import MAX_TAGS, invalid, not_offered
from localcloud.services import ServiceError

PRINCIPAL = "lambda.amazonaws.com"
ACCOUNT_CONCURRENCY, UNRESERVED_MINIMUM = 1000, 100
"""Lambda quotas, "Concurrent executions", and Developer Guide, "Configuring reserved concurrency"."""
CANNOT_ASSUME = "The role defined for the function cannot be assumed by Lambda."


class Control:
    """Rules that look at the functions, and at what functions refer to."""

    def __init__(self, modules: Mapping[str, ModuleType], rules: Rulebook, trusts: Callable[[str, str], bool]) -> None:
        """Add the rules.

        Parameters
        ----------
        modules : mapping
        rules : Rulebook
        trusts : callable
            ``trusts(role ARN, "lambda.amazonaws.com")``: whether the role exists and lets Lambda assume it.
        """
        self._functions: Any = modules["lambda_svc"]
        self._objects: Any = modules["s3"]
        self._queues: Any = modules["sqs"]
        self._topics: Any = modules["sns"]
        self._trusts = trusts
        self._take_over(modules["provisioners"])
        for operation, checks in {
            "CreateFunction": (self._check_role, self._check_code, self._check_dead_letters),
            "UpdateFunctionConfiguration": (
                self._check_changeable,
                self._check_role,
                self._check_dead_letters,
            ),
            "UpdateFunctionCode": (self._check_changeable, self._check_code),
            "CreateAlias": (self._check_alias,),
            "UpdateAlias": (self._check_alias,),
            "PublishVersion": (self._check_revision, self._check_digest),
            "PutFunctionConcurrency": (self._check_concurrency,),
            "PutFunctionEventInvokeConfig": (self.put_event_configuration,),
            "UpdateFunctionEventInvokeConfig": (self.update_event_configuration,),
            "GetFunctionEventInvokeConfig": (self.get_event_configuration,),
            "DeleteFunctionEventInvokeConfig": (self.delete_event_configuration,),
            "GetPolicy": (self._check_policy,),
            "RemovePermission": (self._check_statement,),
            "TagResource": (self._check_tags,),
        }.items():
            for check in checks:
                rules.add("lambda", operation, check)

    def _take_over(self, provisioners: Any) -> None:
        self._functions._fetch_code_from_s3 = self.fetch
        self._functions._LAMBDA_STATE_TRANSITION_DELAY = 0.2
        self._functions._get_function = self._without_link(self._functions._get_function)
        handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]
        for action, at in (("create", 1), ("update", 2)):
            handlers[action] = self._checked(handlers[action], at)

    def _without_link(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """GetFunction without a link to the code: MiniStack's is not signed, so the door refuses it."""

        def get(name: str, qualifier: str | None = None) -> tuple[int, dict[str, str], bytes]:
            status, headers, body = original(name, qualifier)
            document = json.loads(body)
            if status == 404 and qualifier:
                document["message"] += f":{qualifier}"
            document.get("Code", {}).pop("Location", None)
            kept = {key: value for key, value in headers.items() if key.lower() != "content-length"}
            return status, kept, json.dumps(document).encode()

        return get

    def _checked(self, handler: Callable[..., Any], at: int) -> Callable[..., Any]:
        """CloudFormation's ``handler`` behind the checks for what a function refers to."""

        def checked(*arguments: Any) -> Any:
            properties = arguments[at]
            call = Call("lambda", "CreateFunction", {"FunctionName": "", **properties})
            try:
                self._check_role(call)
                self._check_dead_letters(call)
            except ServiceError as error:
                raise ValueError(_handler_message(error)) from None
            return handler(*arguments)

        return checked

    # What a function refers to -----------------------------------------------------------------------------------

    def _check_role(self, call: Call) -> None:
        role = call.parameters.get("Role")
        if role is not None and not self._trusts(str(role), PRINCIPAL):
            raise invalid(CANNOT_ASSUME)

    def fetch(self, bucket: str, key: str, version_id: str | None = None) -> bytes:
        """The bundle in S3; raises ServiceError in Lambda's words when there is none."""
        self._check_object(bucket, key, version_id)
        data: bytes = self._objects._get_object_data(bucket, key, version_id=version_id)
        return data

    def _check_object(self, bucket: str, key: str, version_id: str | None) -> None:
        if bucket not in self._objects._buckets:
            code, message = "NoSuchBucket", "The specified bucket does not exist"
        elif self._objects._get_object_data(bucket, key, version_id=version_id) is None:
            code, message = "NoSuchKey", "The specified key does not exist."
        else:
            return
        raise invalid(f"Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {message}")

    def _check_code(self, call: Call) -> None:
        code = call.parameters.get("Code") or call.parameters
        if code.get("S3Bucket"):
            self._check_object(code["S3Bucket"], code["S3Key"], code.get("S3ObjectVersion"))

    def _check_dead_letters(self, call: Call) -> None:
        target = (call.parameters.get("DeadLetterConfig") or {}).get("TargetArn")
        if target and not self._exists(str(target)):
            raise invalid(f"The target {target} of DeadLetterConfig does not exist.")

    def _exists(self, arn: str) -> bool:
        """Whether the queue, topic or function is there."""
        parts = arn.split(":")
        if len(parts) < 6:
            return False
        if parts[2] == "sqs":
            return any(queue["attributes"].get("QueueArn") == arn for queue in self._queues._queues.values())
        if parts[2] == "sns":
            return arn in self._topics._topics
        if parts[2] == "lambda":
            return self._functions._get_func_record_for_ref(arn)[0] is not None
        return False

    # Functions ---------------------------------------------------------------------------------------------------

    def _record(self, call: Call) -> Any:
        name, _ = self._functions._resolve_name_and_qualifier(call.parameters["FunctionName"])
        return self._functions._functions.get(name)

    def _check_changeable(self, call: Call) -> None:
        """API_UpdateFunctionCode: ResourceConflictException while another operation is in progress."""
        record = self._record(call)
        if record is None:
            return
        if record["config"].get("LastUpdateStatus") == "InProgress" or record["config"].get("State") == "Pending":
            arn = record["config"]["FunctionArn"]
            message = f"The operation cannot be performed at this time. An update is in progress for resource: {arn}"
            raise ServiceError("ResourceConflictException", message, 409)
        self._check_revision(call)

    def _check_revision(self, call: Call) -> None:
        record, revision = self._record(call), call.parameters.get("RevisionId")
        if record is not None and revision and revision != record["config"].get("RevisionId"):
            message = (
                "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to "
                "retrieve the latest Revision Id"
            )
            raise ServiceError("PreconditionFailedException", message, 412)

    def _check_alias(self, call: Call) -> None:
        """API_CreateAlias: an alias points to a version that there is, and to one."""
        record, version = self._record(call), call.parameters.get("FunctionVersion")
        name = call.parameters["Name"]
        if record is not None and call.operation == "CreateAlias" and name in record["aliases"]:
            message = f"Alias already exists: {record['config']['FunctionArn']}:{name}"
            raise ServiceError("ResourceConflictException", message, 409)
        if record is not None and version and not self._functions._function_qualifier_exists(record, version):
            message = f"Function not found: {record['config']['FunctionArn']}:{version}"
            raise ServiceError("ResourceNotFoundException", message, 404)
        if (call.parameters.get("RoutingConfig") or {}).get("AdditionalVersionWeights"):
            raise not_offered("aliases that point to two versions")

    def _check_digest(self, call: Call) -> None:
        record, given = self._record(call), call.parameters.get("CodeSha256")
        if record is not None and given and given != record["config"]["CodeSha256"]:
            raise invalid(
                f"CodeSHA256 ({given}) is different from current CodeSHA256 in $LATEST "
                f"({record['config']['CodeSha256']}). Please try again with the CodeSHA256 in $LATEST."
            )

    def _check_concurrency(self, call: Call) -> None:
        """API_PutFunctionConcurrency: 100 must stay for the functions that reserve nothing."""
        record = self._record(call)
        others = sum(each.get("concurrency") or 0 for each in self._functions._functions.values() if each is not record)
        left = ACCOUNT_CONCURRENCY - others - call.parameters["ReservedConcurrentExecutions"]
        if record is not None and left < UNRESERVED_MINIMUM:
            raise invalid(
                "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
                f"below its minimum value of [{UNRESERVED_MINIMUM}]."
            )

    def _check_tags(self, call: Call) -> None:
        name = call.parameters["Resource"].rpartition(":")[2]
        record = self._functions._functions.get(name)
        if record is not None and len({**record.get("tags", {}), **call.parameters["Tags"]}) > MAX_TAGS:
            raise invalid("Number of tags exceeds resource tag limit.")

    # Policies ----------------------------------------------------------------------------------------------------

    def _statements(self, call: Call) -> tuple[Any, list[dict[str, Any]]]:
        record = self._record(call)
        if record is None:
            return None, []
        arn, qualifier = record["config"]["FunctionArn"], call.parameters.get("Qualifier")
        wanted = f"{arn}:{qualifier}" if qualifier else arn
        return record, [each for each in record["policy"]["Statement"] if each["Resource"] == wanted]

    def _check_policy(self, call: Call) -> Answer:
        """API_GetPolicy: a function without a statement has no policy."""
        record, statements = self._statements(call)
        if record is None or not statements:
            raise ServiceError("ResourceNotFoundException", "The resource you requested does not exist.", 404)
        return {
            "Policy": json.dumps({**record["policy"], "Statement": statements}),
            "RevisionId": record["config"]["RevisionId"],
        }

    def _check_statement(self, call: Call) -> None:
        """API_RemovePermission: what is to be removed must be there."""
        record, statements = self._statements(call)
        sid = call.parameters["StatementId"]
        if record is None:
            name = call.parameters["FunctionName"].rpartition(":")[2]
            message = f"No policy found for: {self._functions._func_arn(name)}"
        elif not statements:
            message = "No policy is associated with the given resource."
        elif not any(each["Sid"] == sid for each in statements):
            message = f"Statement {sid} is not found in resource policy."
        else:
            return
        raise ServiceError("ResourceNotFoundException", message, 404)

    # Asynchronous invocation -------------------------------------------------------------------------------------

    def put_event_configuration(self, call: Call) -> Answer:
        """API_PutFunctionEventInvokeConfig: replaces what there is."""
        record, configs, key, arn = self._event_configurations(call)
        if record is None:
            raise ServiceError("ResourceNotFoundException", "The function doesn't exist.", 404)
        return self._stored(call, record, configs, key, {"FunctionArn": arn})

    def update_event_configuration(self, call: Call) -> Answer:
        """API_UpdateFunctionEventInvokeConfig: keeps what is not given."""
        record, configs, key, arn = self._event_configurations(call)
        if record is None:
            raise ServiceError("ResourceNotFoundException", "The function doesn't exist.", 404)
        if key not in configs:
            raise self._no_event_configuration(arn)
        return self._stored(call, record, configs, key, dict(configs[key]))

    def get_event_configuration(self, call: Call) -> Answer:
        """API_GetFunctionEventInvokeConfig."""
        _, configs, key, arn = self._event_configurations(call)
        if key not in configs:
            raise self._no_event_configuration(arn)
        found: dict[str, Any] = configs[key]
        return dict(found)

    def delete_event_configuration(self, call: Call) -> Answer:
        """API_DeleteFunctionEventInvokeConfig."""
        record, configs, key, arn = self._event_configurations(call)
        if key not in configs:
            raise self._no_event_configuration(arn)
        del configs[key]
        if not key:
            record["event_invoke_config"] = None
        return {}

    def _event_configurations(self, call: Call) -> tuple[Any, dict[str, Any], str, str]:
        name, qualifier = self._functions._resolve_name_and_qualifier(call.parameters["FunctionName"])
        qualifier = call.parameters.get("Qualifier") or qualifier or ""
        key = "" if qualifier == "$LATEST" else qualifier
        arn = f"{self._functions._func_arn(name)}:{qualifier or '$LATEST'}"
        record = self._functions._functions.get(name)
        if not self._functions._function_qualifier_exists(record, qualifier or None):
            return None, {}, key, arn
        configs = record.setdefault("event_invoke_configs", {})
        if not key and record.get("event_invoke_config") and "" not in configs:  # CloudFormation keeps it there
            configs[""] = record["event_invoke_config"]
        return record, configs, key, arn

    def _stored(
        self, call: Call, record: Any, configs: dict[str, Any], key: str, config: dict[str, Any]
    ) -> dict[str, Any]:
        given = call.parameters
        destinations = given.get("DestinationConfig")
        for side in ("OnSuccess", "OnFailure"):
            target = ((destinations or {}).get(side) or {}).get("Destination")
            if not target:
                continue
            if target.removesuffix(":$LATEST") == record["config"]["FunctionArn"]:
                raise invalid("You can't specify the function as a destination for itself.")
            if not self._exists(target):
                raise invalid(f"The destination ARN {target} is invalid.")
        for member in ("MaximumRetryAttempts", "MaximumEventAgeInSeconds"):
            if member in given:
                config[member] = given[member]
        if destinations is not None or "DestinationConfig" not in config:
            config["DestinationConfig"] = {"OnSuccess": {}, "OnFailure": {}, **(destinations or {})}
        config["LastModified"] = int(time.time())
        configs[key] = config
        if not key:
            record["event_invoke_config"] = config
        return dict(config)

    @staticmethod
    def _no_event_configuration(arn: str) -> ServiceError:
        message = f"The function {arn} doesn't have an EventInvokeConfig"
        return ServiceError("ResourceNotFoundException", message, 404)


def _handler_message(error: ServiceError) -> str:
    return f'Resource handler returned message: "{error.message}" (HandlerErrorCode: InvalidRequest)'
