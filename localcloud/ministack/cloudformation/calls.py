"""The API calls that stand behind a resource, so that services' models and rules apply to templates, too.

CloudFormation's resource handlers call the service's API with the properties of the resource; most map one to one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from localcloud.http.constraints import validation_message
from localcloud.http.protocol import service_model
from localcloud.rules import Call, Rulebook
from localcloud.services import ServiceError

Properties = Mapping[str, Any]
Request = tuple[str, str, dict[str, Any]]
"""Service, operation, parameters."""


def check(
    rules: Rulebook, type_name: str, name: str, properties: Properties, then: Callable[[Call], None] | None = None
) -> None:
    """Raise :class:`ServiceError` when the service would refuse what creates or updates a resource.

    Parameters
    ----------
    rules : Rulebook
    type_name : str
    name : str
        The name that it has or will get.
    properties : mapping
        With every intrinsic resolved.
    then : callable, optional
        Gets each call that the service would take.
    """
    for service, operation, parameters in requests(type_name, name, properties):
        shape = service_model(service).operation_model(operation).input_shape
        if shape is None:
            continue
        fitted = _fit(shape, parameters)
        message = validation_message(shape, fitted)
        if message is not None:
            raise ServiceError("InvalidRequest", message)
        call = Call(service, operation, fitted)
        rules.check(call)
        if then is not None:
            then(call)


def requests(type_name: str, name: str, properties: Properties) -> list[Request]:
    """What CloudFormation asks of the service for a resource; empty for a type whose calls are not known."""
    builder = _BUILDERS.get(type_name)
    return builder(name, properties) if builder else []


def _fit(shape: Shape, value: Any) -> Any:
    """``value`` in boto3's types for ``shape``, without members that the shape does not have."""
    if isinstance(shape, StructureShape):
        if not isinstance(value, Mapping):
            return {}
        names = {member.lower(): member for member in shape.members}
        found = {names[key.lower()]: each for key, each in value.items() if key.lower() in names}
        return {member: _fit(shape.members[member], each) for member, each in found.items()}
    if isinstance(shape, ListShape):
        return [_fit(shape.member, each) for each in value] if isinstance(value, list) else [_fit(shape.member, value)]
    if isinstance(shape, MapShape):
        if isinstance(value, list):  # CloudFormation's tags
            value = {each.get("Key"): each.get("Value") for each in value if isinstance(each, Mapping)}
        return {str(key): _fit(shape.value, each) for key, each in value.items()} if isinstance(value, Mapping) else {}
    return _scalar(shape.type_name, value)


def _scalar(kind: str, value: Any) -> Any:
    if kind == "boolean":
        return value if isinstance(value, bool) else str(value).lower() == "true"
    if kind in ("integer", "long"):
        return int(float(value))
    if kind in ("float", "double"):
        return float(value)
    if kind == "blob":
        return value if isinstance(value, bytes) else str(value).encode()
    return _text(value) if kind == "string" else value


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else json.dumps(value)


def _same(service: str, operation: str, name_member: str = "") -> Callable[[str, Properties], list[Request]]:
    """One call with the properties as they are; ``name_member`` is filled in when the template leaves it out."""

    def build(name: str, properties: Properties) -> list[Request]:
        named = {name_member: name} if name_member else {}
        return [(service, operation, {**named, **properties})]

    return build


def _queue(name: str, properties: Properties) -> list[Request]:
    model = service_model("sqs").shape_for("QueueAttributeName")
    names = getattr(model, "enum", ())
    renamed = {"MessageRetentionPeriod": "MessageRetentionPeriod"}
    attributes = {renamed.get(key, key): _text(each) for key, each in properties.items() if key in names}
    if attributes.get("FifoQueue") == "false":
        del attributes["FifoQueue"]
    queue = properties.get("QueueName") or (f"{name}.fifo" if attributes.get("FifoQueue") else name)
    return [("sqs", "CreateQueue", {"QueueName": queue, "Attributes": attributes})]


def _topic(name: str, properties: Properties) -> list[Request]:
    # Not KmsMasterKeyId: templates that encrypt with a key of AWS's deploy; nothing shows whether it is encrypted.
    known = ("DisplayName", "FifoTopic", "ContentBasedDeduplication", "TracingConfig")
    attributes = {key: _text(properties[key]) for key in known if key in properties}
    topic = properties.get("TopicName") or (f"{name}.fifo" if attributes.get("FifoTopic") == "true" else name)
    calls: list[Request] = [("sns", "CreateTopic", {"Name": topic, "Attributes": attributes})]
    for each in properties.get("Subscription") or ():
        calls.append(("sns", "Subscribe", {"TopicArn": f"arn:aws:sns:us-east-1:000000000000:{topic}", **each}))
    return calls


def _subscription(name: str, properties: Properties) -> list[Request]:
    known = (
        "DeliveryPolicy",
        "FilterPolicy",
        "FilterPolicyScope",
        "RawMessageDelivery",
        "RedrivePolicy",
        "SubscriptionRoleArn",
    )
    attributes = {key: _text(properties[key]) for key in known if key in properties}
    target = {key: properties[key] for key in ("TopicArn", "Protocol", "Endpoint") if key in properties}
    return [("sns", "Subscribe", {**target, "Attributes": attributes})]


def _function(name: str, properties: Properties) -> list[Request]:
    calls: list[Request] = [("lambda", "CreateFunction", {"FunctionName": name, **properties})]
    reserved = properties.get("ReservedConcurrentExecutions")
    if reserved is not None:
        concurrency = {"FunctionName": name, "ReservedConcurrentExecutions": reserved}
        calls.append(("lambda", "PutFunctionConcurrency", concurrency))
    return calls


def _permission(name: str, properties: Properties) -> list[Request]:
    return [("lambda", "AddPermission", {"StatementId": name, **properties})]


def _invoke_config(name: str, properties: Properties) -> list[Request]:
    return [("lambda", "PutFunctionEventInvokeConfig", dict(properties))]


def _log_group(name: str, properties: Properties) -> list[Request]:
    group = properties.get("LogGroupName") or name
    calls: list[Request] = [("logs", "CreateLogGroup", {"logGroupName": group})]
    if "RetentionInDays" in properties:
        retention = {"logGroupName": group, "retentionInDays": properties["RetentionInDays"]}
        calls.append(("logs", "PutRetentionPolicy", retention))
    return calls


def _rule(name: str, properties: Properties) -> list[Request]:
    rule = properties.get("Name") or name
    calls: list[Request] = [("events", "PutRule", {**properties, "Name": rule})]
    if properties.get("Targets"):
        bus = {"EventBusName": properties["EventBusName"]} if properties.get("EventBusName") else {}
        calls.append(("events", "PutTargets", {"Rule": rule, "Targets": properties["Targets"], **bus}))
    return calls


def _role(name: str, properties: Properties) -> list[Request]:
    role = properties.get("RoleName") or name
    calls: list[Request] = [("iam", "CreateRole", {**properties, "RoleName": role})]
    for policy in properties.get("Policies") or ():
        calls.append(("iam", "PutRolePolicy", {"RoleName": role, **policy}))
    return calls


def _policy(name: str, properties: Properties) -> list[Request]:
    return [("iam", "PutRolePolicy", {"RoleName": role, **properties}) for role in properties.get("Roles") or ()]


def _managed_policy(name: str, properties: Properties) -> list[Request]:
    policy = properties.get("ManagedPolicyName") or name
    return [("iam", "CreatePolicy", {**properties, "PolicyName": policy})]


def _parameter(name: str, properties: Properties) -> list[Request]:
    tags = [{"Key": key, "Value": each} for key, each in (properties.get("Tags") or {}).items()]
    request = {key: each for key, each in properties.items() if key != "Tags"}
    return [("ssm", "PutParameter", {"Name": name, **request, **({"Tags": tags} if tags else {})})]


def _bucket(name: str, properties: Properties) -> list[Request]:
    bucket = properties.get("BucketName") or name.lower()
    calls: list[Request] = [("s3", "CreateBucket", {"Bucket": bucket})]
    status = (properties.get("VersioningConfiguration") or {}).get("Status")
    if status:
        versioning = {"Bucket": bucket, "VersioningConfiguration": {"Status": status}}
        calls.append(("s3", "PutBucketVersioning", versioning))
    rules = (properties.get("LifecycleConfiguration") or {}).get("Rules")
    if rules:
        lifecycle = {"Rules": [_lifecycle_rule(each) for each in rules]}
        request = {"Bucket": bucket, "LifecycleConfiguration": lifecycle}
        calls.append(("s3", "PutBucketLifecycleConfiguration", request))
    return calls


def _lifecycle_rule(rule: Properties) -> dict[str, Any]:
    """A rule of the template as the API has it: the same under other names."""
    listed = [*(rule.get("Transitions") or ()), *([rule["Transition"]] if "Transition" in rule else [])]
    transitions = [
        {{"TransitionInDays": "Days", "TransitionDate": "Date"}.get(key, key): each for key, each in item.items()}
        for item in listed
    ]
    names = {"ExpirationInDays": "Days", "ExpirationDate": "Date", "ExpiredObjectDeleteMarker": None}
    expiration = {new or name: rule[name] for name, new in names.items() if name in rule}
    kept = {key: rule[key] for key in ("Status", "AbortIncompleteMultipartUpload") if key in rule}
    return {
        **kept,
        **({"ID": rule["Id"]} if "Id" in rule else {}),
        "Filter": {"Prefix": rule.get("Prefix", "")},
        **({"Transitions": transitions} if transitions else {}),
        **({"Expiration": expiration} if expiration else {}),
        **_noncurrent(rule),
    }


def _noncurrent(rule: Properties) -> dict[str, Any]:
    days = rule.get("NoncurrentVersionExpirationInDays")
    found: dict[str, Any] = {}
    if days is not None:
        found["NoncurrentVersionExpiration"] = {"NoncurrentDays": days}
    if "NoncurrentVersionExpiration" in rule:
        found["NoncurrentVersionExpiration"] = rule["NoncurrentVersionExpiration"]
    listed = list(rule.get("NoncurrentVersionTransitions") or ())
    if listed:
        found["NoncurrentVersionTransitions"] = [
            {{"TransitionInDays": "NoncurrentDays"}.get(key, key): each for key, each in item.items()}
            for item in listed
        ]
    return found


def _bucket_policy(name: str, properties: Properties) -> list[Request]:
    request = {"Bucket": properties.get("Bucket"), "Policy": _text(properties.get("PolicyDocument") or {})}
    return [("s3", "PutBucketPolicy", request)]


def _metric_filter(name: str, properties: Properties) -> list[Request]:
    request = {"filterName": name, **{key[:1].lower() + key[1:]: each for key, each in properties.items()}}
    transformations = []
    for each in request.get("metricTransformations") or ():
        listed = each.get("Dimensions") or ()
        dimensions = {item["Key"]: item["Value"] for item in listed}
        transformations.append({**each, **({"Dimensions": dimensions} if dimensions else {})})
    request["metricTransformations"] = transformations
    return [("logs", "PutMetricFilter", request)]


_BUILDERS: dict[str, Callable[[str, Properties], list[Request]]] = {
    "AWS::CloudWatch::Alarm": _same("cloudwatch", "PutMetricAlarm", "AlarmName"),
    "AWS::CloudWatch::Dashboard": _same("cloudwatch", "PutDashboard", "DashboardName"),
    "AWS::Events::EventBus": _same("events", "CreateEventBus"),
    "AWS::Events::Rule": _rule,
    "AWS::IAM::ManagedPolicy": _managed_policy,
    "AWS::IAM::Policy": _policy,
    "AWS::IAM::Role": _role,
    "AWS::IAM::User": _same("iam", "CreateUser", "UserName"),
    "AWS::Lambda::EventInvokeConfig": _invoke_config,
    "AWS::Lambda::Function": _function,
    "AWS::Lambda::Permission": _permission,
    "AWS::Logs::LogGroup": _log_group,
    "AWS::Logs::MetricFilter": _metric_filter,
    "AWS::Logs::SubscriptionFilter": _same("logs", "PutSubscriptionFilter", "filterName"),
    "AWS::S3::Bucket": _bucket,
    "AWS::S3::BucketPolicy": _bucket_policy,
    "AWS::SNS::Subscription": _subscription,
    "AWS::SNS::Topic": _topic,
    "AWS::SQS::Queue": _queue,
    "AWS::SSM::Parameter": _parameter,
}
