"""The resources that a call touches, as ARNs; ``*`` where AWS has no resource-level permissions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from localcloud.rules import Call

Parameters = Mapping[str, Any]


def of(call: Call) -> list[str]:
    """ARNs of the resources that ``call`` needs permission for; each of them is asked for."""
    find = _SERVICES.get(call.service)
    found = find(_Place(call), call.parameters) if find is not None else []
    return list(dict.fromkeys(each for each in found if each)) or ["*"]


class _Place:
    """Where a call is made."""

    def __init__(self, call: Call) -> None:
        self.operation = call.operation
        self._region, self._account = call.region, call.account

    def arn(self, service: str, resource: str, *, region: bool = True) -> str:
        """``resource`` itself when it is an ARN already."""
        if resource.startswith("arn:"):
            return resource
        return f"arn:aws:{service}:{self._region if region else ''}:{self._account}:{resource}"


def _budgets(place: _Place, p: Parameters) -> list[str]:
    """A budget's ARN has no region (Service Authorization Reference, "AWS Budgets Service")."""
    if p.get("ResourceARN"):
        return [str(p["ResourceARN"])]
    budget = p.get("Budget") or p.get("NewBudget") or p
    return [place.arn("budgets", f"budget/{budget.get('BudgetName', '*')}", region=False)]


def _first(parameters: Parameters, *names: str) -> str:
    return next((str(parameters[name]) for name in names if parameters.get(name)), "")


def _sagemaker(place: _Place, p: Parameters) -> list[str]:
    kinds = (("ModelName", "model"), ("EndpointConfigName", "endpoint-config"), ("EndpointName", "endpoint"))
    if place.operation.startswith("List") and place.operation != "ListTags":
        return []
    named = [place.arn("sagemaker", f"{kind}/{str(p[name]).lower()}") for name, kind in kinds if p.get(name)]
    if place.operation in ("UpdateEndpoint", "CreateEndpoint"):  # both are required resources
        return named
    return named[:1] or [_first(p, "ResourceArn")]


def _scaling(place: _Place, p: Parameters) -> list[str]:
    if place.operation.startswith("Describe"):
        return []
    return [_first(p, "ResourceARN") or place.arn("application-autoscaling", "scalable-target/*")]


def _codecommit(place: _Place, p: Parameters) -> list[str]:
    if place.operation == "ListRepositories":
        return []
    names = [_first(p, "repositoryName", "oldName"), *p.get("repositoryNames", [])]
    names += [each.get("repositoryName", "") for each in p.get("targets", [])]
    return [place.arn("codecommit", name) for name in names if name] or [_first(p, "resourceArn")]


def _codebuild(place: _Place, p: Parameters) -> list[str]:
    operation = place.operation
    if "Report" in operation or operation in ("BatchPutTestCases", "DescribeTestCases"):
        group = _first(p, "reportGroupArn", "reportArn", "arn", "name")
        groups = [group, *p.get("reportGroupArns", []), *p.get("reportArns", [])]
        return [_report_group(place, each) for each in groups if each]
    if operation in ("ListBuilds", "ListProjects"):
        return []
    builds = [_first(p, "id"), *p.get("ids", [])]
    names = [_first(p, "projectName", "name"), *p.get("names", [])] + [each.rpartition(":")[0] for each in builds]
    return [place.arn("codebuild", f"project/{_last(name)}") for name in names if name]


def _report_group(place: _Place, name: str) -> str:
    """Also the group of a report, ``arn:…:report/<group>:<id>``."""
    kind, _, rest = name.rpartition("/")
    return place.arn("codebuild", f"report-group/{rest.partition(':')[0] if kind.endswith(':report') else rest}")


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _codepipeline(place: _Place, p: Parameters) -> list[str]:
    operation = place.operation
    name = _first(p, "pipelineName", "name") or str((p.get("pipeline") or {}).get("name", ""))
    if operation == "ListPipelines":
        return [place.arn("codepipeline", "*")]
    if operation in ("ListActionTypes", "CreateCustomActionType", "DeleteCustomActionType"):
        return [place.arn("codepipeline", "actiontype:*")]
    if operation in ("DisableStageTransition", "EnableStageTransition", "RetryStageExecution", "RollbackStage"):
        return [place.arn("codepipeline", f"{name}/{p.get('stageName', '')}")]
    if operation == "PutApprovalResult":
        return [place.arn("codepipeline", f"{name}/{p.get('stageName', '')}/{p.get('actionName', '')}")]
    return [place.arn("codepipeline", name)] if name else [_first(p, "resourceArn")]


def _lambda(place: _Place, p: Parameters) -> list[str]:
    name = _first(p, "FunctionName", "Resource")
    if place.operation in ("ListFunctions", "GetAccountSettings", "ListLayers", "ListEventSourceMappings"):
        return []
    if p.get("LayerName"):
        version = f":{p['VersionNumber']}" if p.get("VersionNumber") else ""
        return [place.arn("lambda", f"layer:{p['LayerName']}{version}")]
    if not name:
        return [place.arn("lambda", f"event-source-mapping:{p['UUID']}")] if p.get("UUID") else []
    arn = name
    if not name.startswith("arn:"):
        arn = place.arn("lambda", f"function:{name.removeprefix('function:').rpartition(':function:')[2] or name}")
    qualifier = p.get("Qualifier")
    return [f"{arn}:{qualifier}" if qualifier and qualifier != "$LATEST" and arn.count(":") == 6 else arn]


def _sns(place: _Place, p: Parameters) -> list[str]:
    arn = _first(p, "TopicArn", "TargetArn", "ResourceArn")
    if not arn and p.get("SubscriptionArn"):
        arn = str(p["SubscriptionArn"]).rpartition(":")[0]  # a subscription's ARN is its topic's and an id
    if not arn and place.operation == "CreateTopic":
        arn = place.arn("sns", _first(p, "Name"))
    return [arn] if arn.startswith("arn:") else []


def _sqs(place: _Place, p: Parameters) -> list[str]:
    if place.operation == "ListQueues":
        return []
    arn = _first(p, "SourceArn")
    name = _last(_first(p, "QueueUrl")) or _first(p, "QueueName")
    return [arn or (place.arn("sqs", name) if name else "")]


def _logs(place: _Place, p: Parameters) -> list[str]:
    """A log group's ARN ends in ``:*``, a stream's in its name (CloudWatch Logs, "resources and operations")."""
    operation = place.operation
    if operation in ("TagResource", "UntagResource", "ListTagsForResource"):
        return [_first(p, "resourceArn")]
    groups = [_first(p, "logGroupName", "logGroupIdentifier"), *p.get("logGroupNames", [])]
    groups = [each for each in groups if each]
    if operation in ("DescribeLogGroups",):
        return [place.arn("logs", f"log-group:{_first(p, 'logGroupNamePrefix')}*")]
    stream = _first(p, "logStreamName")
    found = []
    for group in groups:
        arn = place.arn("logs", f"log-group:{group}").removesuffix(":*")
        if stream and operation in ("PutLogEvents", "GetLogEvents", "DeleteLogStream"):
            found.append(f"{arn}:log-stream:{stream}")
        else:
            found.append(arn if operation in ("CreateLogGroup", "DeleteLogGroup", "PutRetentionPolicy") else f"{arn}:*")
    return found


def _events(place: _Place, p: Parameters) -> list[str]:
    operation = place.operation
    if operation == "PutEvents":
        buses = [str(each.get("EventBusName") or "default") for each in p.get("Entries", [])]
        return [place.arn("events", f"event-bus/{bus}") for bus in buses]
    if operation in ("ListEventBuses", "ListRules", "TestEventPattern"):
        return [] if operation != "ListRules" else [place.arn("events", "rule/*")]
    if operation == "ListRuleNamesByTarget":
        return [place.arn("events", "rule/*")]
    if "EventBus" in operation or operation in ("PutPermission", "RemovePermission"):
        return [place.arn("events", f"event-bus/{_first(p, 'Name', 'EventBusName') or 'default'}")]
    bus = _first(p, "EventBusName")
    prefix = f"{bus}/" if bus and bus != "default" and not bus.startswith("arn:") else ""
    rule = _first(p, "Rule", "Name")
    return [place.arn("events", f"rule/{prefix}{rule}")] if rule else [_first(p, "ResourceARN")]


def _cloudwatch(place: _Place, p: Parameters) -> list[str]:
    operation = place.operation
    if "Alarm" in operation:
        if operation.startswith("Describe") and not p.get("AlarmNames") and not p.get("AlarmName"):
            return [place.arn("cloudwatch", "alarm:*")]
        names = [_first(p, "AlarmName"), *p.get("AlarmNames", [])]
        return [place.arn("cloudwatch", f"alarm:{name}") for name in names if name]
    if "Dashboard" in operation:
        names = [_first(p, "DashboardName"), *p.get("DashboardNames", [])]
        return [place.arn("cloudwatch", f"dashboard/{name}", region=False) for name in names if name]
    return [_first(p, "ResourceARN")]


def _kms(place: _Place, p: Parameters) -> list[str]:
    key = _first(p, "KeyId", "TargetKeyId")
    if not key or key.startswith("arn:"):
        return [key]
    return [place.arn("kms", key if key.startswith("alias/") else f"key/{key}")]


def _secrets(place: _Place, p: Parameters) -> list[str]:
    """A secret's ARN ends with six random characters, for which policies write six question marks."""
    secret = _first(p, "SecretId", "Name")
    if not secret or secret.startswith("arn:"):
        return [secret]
    return [place.arn("secretsmanager", f"secret:{secret}-??????")]


def _ssm(place: _Place, p: Parameters) -> list[str]:
    operation = place.operation
    if operation == "DescribeParameters":
        return []
    names = [_first(p, "Name", "Path"), *p.get("Names", [])]
    if operation in ("AddTagsToResource", "RemoveTagsFromResource", "ListTagsForResource"):
        names = [_first(p, "ResourceId")]
    return [place.arn("ssm", f"parameter/{name.lstrip('/').split(':')[0]}") for name in names if name]


def _cloudformation(place: _Place, p: Parameters) -> list[str]:
    operation = place.operation
    if operation in ("ListStacks", "ValidateTemplate", "ListExports", "ListImports", "DescribeAccountLimits"):
        return []
    name = _first(p, "StackName")
    if not name and _first(p, "ChangeSetName").startswith("arn:"):
        return [place.arn("cloudformation", "stack/*/*")]
    if not name:
        return []
    return [place.arn("cloudformation", name if name.startswith("arn:") else f"stack/{name}/*")]


def _iam(place: _Place, p: Parameters) -> list[str]:
    operation = place.operation
    path = str(p.get("Path") or "/").strip("/")
    path = f"{path}/" if path else ""
    if "Role" in operation and p.get("RoleName"):
        return [place.arn("iam", f"role/{path}{p['RoleName']}", region=False)]
    if p.get("UserName"):
        return [place.arn("iam", f"user/{path}{p['UserName']}", region=False)]
    if p.get("GroupName"):
        return [place.arn("iam", f"group/{path}{p['GroupName']}", region=False)]
    if p.get("PolicyArn"):
        return [str(p["PolicyArn"])]
    if p.get("PolicyName"):
        return [place.arn("iam", f"policy/{path}{p['PolicyName']}", region=False)]
    if operation == "ListRoles":
        return [place.arn("iam", "role/*", region=False)]
    return []


def _ecr(place: _Place, p: Parameters) -> list[str]:
    name = _first(p, "repositoryName")
    return [_in_account(place.arn("ecr", f"repository/{name}"), _first(p, "registryId"))] if name else []


def _in_account(arn: str, account: str) -> str:
    parts = arn.split(":")
    return ":".join([*parts[:4], account or parts[4], *parts[5:]])


def _sts(place: _Place, p: Parameters) -> list[str]:
    return [_first(p, "RoleArn")]


_SERVICES: dict[str, Callable[[_Place, Parameters], list[str]]] = {
    "application-autoscaling": _scaling,
    "budgets": _budgets,
    "cloudformation": _cloudformation,
    "cloudwatch": _cloudwatch,
    "codebuild": _codebuild,
    "codecommit": _codecommit,
    "codepipeline": _codepipeline,
    "ecr": _ecr,
    "events": _events,
    "iam": _iam,
    "lambda": _lambda,
    "logs": _logs,
    "sagemaker": _sagemaker,
    "sagemaker-runtime": _sagemaker,
    "sns": _sns,
    "sqs": _sqs,
    "kms": _kms,
    "secretsmanager": _secrets,
    "ssm": _ssm,
    "sts": _sts,
}
