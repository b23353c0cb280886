"""Which names are taken in MiniStack's services, and what a resource needs to find there."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from localcloud.services import ServiceError

Properties = Mapping[str, Any]


class Existing:
    """Looks into the state of MiniStack's services, in the account and region of the caller."""

    def __init__(self, modules: Mapping[str, ModuleType]) -> None:
        self._alarms: Any = modules["cloudwatch"]
        self._events: Any = modules["eventbridge"]
        self._functions: Any = modules["lambda_svc"]
        self._iam: Any = modules["iam"]
        self._logs: Any = modules["cloudwatch_logs"]
        self._objects: Any = modules["s3"]
        self._parameters: Any = modules["ssm"]
        self._queues: Any = modules["sqs"]
        self._responses: Any = modules["responses"]
        self._topics: Any = modules["sns"]
        self._named: dict[str, tuple[str, Callable[[str], bool]]] = {
            "AWS::CloudWatch::Alarm": ("AlarmName", lambda name: name in self._alarms._alarms),
            "AWS::CloudWatch::Dashboard": ("DashboardName", lambda name: name in self._alarms._dashboards),
            "AWS::Events::EventBus": ("Name", lambda name: name in self._events._event_buses),
            "AWS::Events::Rule": ("Name", self._has_rule),
            "AWS::IAM::InstanceProfile": ("InstanceProfileName", lambda name: name in self._iam._instance_profiles),
            "AWS::IAM::ManagedPolicy": ("ManagedPolicyName", self._has_policy),
            "AWS::IAM::Role": ("RoleName", lambda name: name in self._iam._roles),
            "AWS::IAM::User": ("UserName", lambda name: name in self._iam._users),
            "AWS::Lambda::Function": ("FunctionName", lambda name: name in self._functions._functions),
            "AWS::Logs::LogGroup": ("LogGroupName", lambda name: name in self._logs._log_groups),
            "AWS::SNS::Topic": ("TopicName", self._has_topic_named),
            "AWS::SQS::Queue": ("QueueName", lambda name: name in self._queues._queue_name_to_url),
            "AWS::SSM::Parameter": ("Name", lambda name: self._parameters._lookup_parameter(name)[1] is not None),
        }
        self._targets: dict[str, Callable[[Properties], None]] = {
            "AWS::IAM::InstanceProfile": self._check_roles,
            "AWS::IAM::Policy": self._check_holders,
            "AWS::IAM::Role": self._check_managed_policies,
            "AWS::Lambda::Alias": self._check_function,
            "AWS::Lambda::EventInvokeConfig": self._check_function,
            "AWS::Lambda::EventSourceMapping": self._check_function,
            "AWS::Lambda::Function": self._check_code_and_role,
            "AWS::Lambda::Permission": self._check_function,
            "AWS::Lambda::Version": self._check_function,
            "AWS::Logs::LogStream": self._check_log_group,
            "AWS::Logs::MetricFilter": self._check_log_group,
            "AWS::Logs::SubscriptionFilter": self._check_log_group,
            "AWS::S3::BucketPolicy": lambda properties: self._check_bucket(str(properties.get("Bucket"))),
            "AWS::SNS::Subscription": lambda properties: self._check_topic(str(properties.get("TopicArn"))),
            "AWS::SNS::TopicPolicy": self._check_topics,
            "AWS::SQS::Queue": self._check_dead_letters,
            "AWS::SQS::QueuePolicy": self._check_queues,
        }

    def name_property(self, type_name: str) -> str | None:
        """The property that names a resource of ``type_name``; None when it is not checked here."""
        return self._named[type_name][0] if type_name in self._named else None

    def taken(self, type_name: str, properties: Properties) -> str | None:
        """The name that ``properties`` give, when something has it already."""
        if type_name not in self._named:
            return None
        member, exists = self._named[type_name]
        name = properties.get(member)
        return str(name) if name and exists(str(name)) else None

    def check_targets(self, type_name: str, properties: Properties) -> None:
        """Raise :class:`ServiceError` when a resource refers to what the service does not have."""
        check = self._targets.get(type_name)
        if check is not None:
            check(properties)

    def role_named(self, arn: str) -> Mapping[str, Any] | None:
        """The IAM role with this ARN."""
        role: Mapping[str, Any] | None = self._iam._roles.get(arn.rpartition("/")[2])
        return role if role is not None and role.get("Arn") == arn else None

    def _has_rule(self, name: str) -> bool:
        return any(rule.get("Name") == name for rule in self._events._rules.values())

    def _has_policy(self, name: str) -> bool:
        return any(policy.get("PolicyName") == name for policy in self._iam._policies.values())

    def _has_topic_named(self, name: str) -> bool:
        return any(arn.rpartition(":")[2] == name for arn in self._topics._topics)

    def _check_topic(self, arn: str) -> None:
        if arn not in self._topics._topics:
            raise ServiceError("NotFound", "Topic does not exist", 404)

    def _check_topics(self, properties: Properties) -> None:
        for arn in properties.get("Topics") or ():
            self._check_topic(str(arn))

    def _check_bucket(self, name: str) -> None:
        if name not in self._objects._buckets:
            raise ServiceError("NoSuchBucket", "The specified bucket does not exist", 404)

    def _check_queues(self, properties: Properties) -> None:
        for url in properties.get("Queues") or ():
            if str(url).rpartition("/")[2] not in self._queues._queue_name_to_url:
                raise ServiceError("QueueDoesNotExist", "The specified queue does not exist.", 404)

    def _check_dead_letters(self, properties: Properties) -> None:
        redrive = properties.get("RedrivePolicy") or {}
        if isinstance(redrive, str):
            try:
                redrive = json.loads(redrive)
            except ValueError:
                return
        target = str(redrive.get("deadLetterTargetArn") or "")
        if target and target.rpartition(":")[2] not in self._queues._queue_name_to_url:
            raise ServiceError(
                "InvalidParameterValue",
                f"Value {json.dumps(redrive)} for parameter RedrivePolicy is invalid. Reason: Dead letter target does "
                "not exist.",
            )

    def _check_log_group(self, properties: Properties) -> None:
        if properties.get("LogGroupName") not in self._logs._log_groups:
            raise ServiceError("ResourceNotFoundException", "The specified log group does not exist.", 404)

    def _check_function(self, properties: Properties) -> None:
        name = str(properties.get("FunctionName") or "")
        record, _, _ = self._functions._get_func_record_for_ref(name)
        if record is None:
            account, region = self._responses.get_account_id(), self._responses.get_region()
            arn = name if name.startswith("arn:") else f"arn:aws:lambda:{region}:{account}:function:{name}"
            raise ServiceError("ResourceNotFoundException", f"Function not found: {arn}", 404)

    def _check_code_and_role(self, properties: Properties) -> None:
        code = properties.get("Code") or {}
        bucket, key = code.get("S3Bucket"), code.get("S3Key")
        if bucket and key:
            problem = None
            if bucket not in self._objects._buckets:
                problem = "NoSuchBucket. S3 Error Message: The specified bucket does not exist"
            elif self._objects._get_object_data(bucket, key, code.get("S3ObjectVersion")) is None:
                problem = "NoSuchKey. S3 Error Message: The specified key does not exist."
            if problem:
                message = f"Error occurred while GetObject. S3 Error Code: {problem}"
                raise ServiceError("InvalidParameterValueException", message)
        role = self.role_named(str(properties.get("Role") or ""))
        if role is None or not trusts(role, "lambda.amazonaws.com"):
            message = "The role defined for the function cannot be assumed by Lambda."
            raise ServiceError("InvalidParameterValueException", message)

    def _check_roles(self, properties: Properties) -> None:
        for role in properties.get("Roles") or ():
            if role not in self._iam._roles:
                raise ServiceError("NoSuchEntity", f"The role with name {role} cannot be found.", 404)

    def _check_holders(self, properties: Properties) -> None:
        if not any(properties.get(kind) for kind in ("Groups", "Roles", "Users")):
            raise ServiceError("ValidationError", "At least one of [Groups,Roles,Users] must be non-empty.")
        self._check_roles(properties)

    def _check_managed_policies(self, properties: Properties) -> None:
        for arn in properties.get("ManagedPolicyArns") or ():
            if ":iam::aws:policy/" not in str(arn) and arn not in self._iam._policies:
                message = f"Policy {arn} does not exist or is not attachable."
                raise ServiceError("NoSuchEntity", message, 404)


def trusts(role: Mapping[str, Any], service: str) -> bool:
    """Whether the trust policy of ``role`` lets ``service`` assume it."""
    document = role.get("AssumeRolePolicyDocument") or {}
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except ValueError:
            return False
    statements = document.get("Statement") or []
    for statement in [statements] if isinstance(statements, dict) else statements:
        principal = statement.get("Principal")
        services = principal.get("Service", ()) if isinstance(principal, dict) else principal
        listed = [services] if isinstance(services, str) else list(services or ())
        if statement.get("Effect") == "Allow" and (service in listed or "*" in listed):
            return True
    return False
