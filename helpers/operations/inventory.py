"""What you have deployed on the target: by stack, by tag, and by the names that the stacks give.

Three ways, since none of them sees everything: a stack that failed to delete has left resources behind, the index of
tags lags and does not hold every kind, and log groups that services made belong to no stack and have no tag.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from botocore.exceptions import ClientError

from contract.names import STACK_LETTERS_KEPT, TAG, endpoint_log_group, endpoint_prefix
from contract.settings import Settings
from helpers.inference.connection import Connection
from helpers.target.explain import DENIED, code_of, explained

GONE = ("notfound", "nosuch", "nonexistent", "doesnotexist", "404")


@dataclasses.dataclass(frozen=True)
class Found:
    """Resources of one kind.

    Attributes
    ----------
    kind : str
        For people: ``S3 buckets``.
    names : tuple of str
        Of the resources.
    unseen : str
        Why we could not look; empty when we could.
    """

    kind: str
    names: tuple[str, ...] = ()
    unseen: str = ""


@dataclasses.dataclass(frozen=True)
class Stack:
    """A stack that is there.

    Attributes
    ----------
    status : str
        CloudFormation's, ``DELETE_FAILED`` for example.
    resources : mapping
        Physical ids by CloudFormation type.
    reasons : tuple of str
        Why resources could not be deleted, newest first.
    """

    name: str
    status: str
    outputs: dict[str, str]
    resources: dict[str, list[str]]
    reasons: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many resources it holds."""
        return sum(len(names) for names in self.resources.values())


def stack_names(settings: Settings) -> tuple[str, ...]:
    """All stacks of the workshop, in the order in which they are deleted."""
    return (
        settings.pipeline_stack, settings.application_stack, settings.models_stack, settings.repository_stack,
        settings.safety_stack,
    )  # fmt: skip


def find_stack(connection: Connection, name: str) -> Stack | None:
    """The stack with this name, None when it is gone."""
    client = connection.client("cloudformation")
    with explained(f"describing stack {name}", connection.target):
        try:
            found = client.describe_stacks(StackName=name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        if found["StackStatus"] == "DELETE_COMPLETE":
            return None
        resources: dict[str, list[str]] = {}
        for page in client.get_paginator("list_stack_resources").paginate(StackName=name):
            for item in page["StackResourceSummaries"]:
                if item.get("PhysicalResourceId") and item["ResourceStatus"] != "DELETE_COMPLETE":
                    resources.setdefault(item["ResourceType"], []).append(item["PhysicalResourceId"])
        reasons = _failures(client, name) if found["StackStatus"] == "DELETE_FAILED" else ()
    outputs = {item["OutputKey"]: item["OutputValue"] for item in found.get("Outputs", ())}
    return Stack(name, found["StackStatus"], outputs, resources, reasons)


def _failures(client: Any, name: str) -> tuple[str, ...]:
    """What the newest attempt to delete the stack failed at."""
    reasons: list[str] = []
    for page in client.get_paginator("describe_stack_events").paginate(StackName=name):
        for event in page["StackEvents"]:
            own = event["ResourceType"] == "AWS::CloudFormation::Stack" and event["LogicalResourceId"] == name
            if own and event["ResourceStatus"] == "DELETE_IN_PROGRESS":
                return tuple(reasons)
            if event["ResourceStatus"] == "DELETE_FAILED" and not own:
                reason = event.get("ResourceStatusReason", "no reason given")
                reasons.append(f"{event['ResourceType']} {event.get('PhysicalResourceId', '')}: {reason}")
    return tuple(reasons)


def by_name(connection: Connection, kinds: Iterable[str] = ()) -> list[Found]:
    """What exists of each kind, by the names that the workshop's stacks give, and by tag where names say nothing.

    Parameters
    ----------
    kinds : iterable of str, optional
        Only these, ``S3 buckets`` for example.
    """
    found, wanted = [], tuple(kinds) or tuple(_LOOKS)
    for kind, look in ((kind, _LOOKS[kind]) for kind in wanted):
        try:
            names = tuple(sorted(look(connection)))
        except ClientError as error:  # said in the report; one kind that we may not list must not hide the others
            found.append(Found(kind, unseen=f"{code_of(error)}: {error.response['Error'].get('Message', '')}"))
        else:
            found.append(Found(kind, names))
    return found


def by_tag(connection: Connection) -> list[str]:
    """ARNs of everything that carries the workshop's tag and exists.

    Resource Groups Tagging API Reference, GetResources: it returns "all the tagged or previously tagged resources", so
    each one is looked at where it lives.
    """
    wanted = [{"Key": TAG, "Values": [connection.settings.workshop.name]}]
    client = connection.client("resourcegroupstaggingapi")
    with explained(f"listing what is tagged {TAG}={wanted[0]['Values'][0]}", connection.target):
        pages = client.get_paginator("get_resources").paginate(TagFilters=wanted)
        arns = [item["ResourceARN"] for page in pages for item in page["ResourceTagMappingList"]]
        return [arn for arn in arns if exists(connection, arn)]


def exists(connection: Connection, arn: str) -> bool:
    """Whether the resource is there; one of a kind that we do not know counts as there."""
    service, resource = arn.split(":")[2], arn.split(":", 5)[5]
    look = _PROOFS.get(service)
    if look is None:
        return True
    try:
        return look(connection, arn, resource) is not False
    except ClientError as error:
        said = f"{code_of(error)} {error}".lower()
        if any(word in code_of(error).lower() for word in GONE) or "does not exist" in said or "could not find" in said:
            return False
        if code_of(error) in DENIED or code_of(error).startswith("AccessDenied"):
            return True
        raise


def key_state(connection: Connection, arn: str) -> str:
    """State of a KMS key: ``PendingDeletion`` once its stack is gone."""
    return str(connection.client("kms").describe_key(KeyId=arn)["KeyMetadata"]["KeyState"])


def log_groups(connection: Connection, prefixes: Iterable[str]) -> list[str]:
    """Log groups whose names begin so."""
    return sorted({name for prefix in prefixes for name in _log_groups(connection, prefix)})


def _pages(connection: Connection, service: str, operation: str, **arguments: Any) -> Iterator[dict[str, Any]]:
    yield from connection.client(service).get_paginator(operation).paginate(**arguments)


def _beginnings(connection: Connection) -> tuple[str, ...]:
    """How names that CloudFormation made for our stacks begin, shortened ones too."""
    return tuple(f"{name}-"[:STACK_LETTERS_KEPT] for name in stack_names(connection.settings))


def _log_groups(connection: Connection, prefix: str) -> list[str]:
    pages = _pages(connection, "logs", "describe_log_groups", logGroupNamePrefix=prefix)
    return [group["logGroupName"] for page in pages for group in page["logGroups"]]


def _all_log_groups(connection: Connection) -> Iterator[str]:
    for start in _beginnings(connection):
        for prefix in (start, f"/aws/lambda/{start}", f"/aws/codebuild/{start}"):
            yield from _log_groups(connection, prefix)
    for stack in stack_names(connection.settings):
        yield from _log_groups(connection, f"/aws/cloudformation/{stack}/")
    yield from _log_groups(connection, endpoint_log_group(endpoint_prefix(connection.settings.application_stack)))


def _begins(connection: Connection, names: Iterator[str]) -> Iterator[str]:
    return (name for name in names if name.startswith(_beginnings(connection)))


def _buckets(connection: Connection) -> Iterator[str]:
    return _begins(connection, (item["Name"] for item in connection.client("s3").list_buckets()["Buckets"]))


def _topics(connection: Connection) -> Iterator[str]:
    pages = _pages(connection, "sns", "list_topics")
    return _begins(connection, (item["TopicArn"].rpartition(":")[2] for page in pages for item in page["Topics"]))


def _queues(connection: Connection) -> Iterator[str]:
    for start in _beginnings(connection):
        for page in _pages(connection, "sqs", "list_queues", QueueNamePrefix=start):
            yield from (url.rpartition("/")[2] for url in page.get("QueueUrls", ()))


def _functions(connection: Connection) -> Iterator[str]:
    pages = _pages(connection, "lambda", "list_functions")
    return _begins(connection, (item["FunctionName"] for page in pages for item in page["Functions"]))


def _alarms(connection: Connection) -> Iterator[str]:
    for start in _beginnings(connection):
        kinds = ["MetricAlarm", "CompositeAlarm"]
        for page in _pages(connection, "cloudwatch", "describe_alarms", AlarmNamePrefix=start, AlarmTypes=kinds):
            yield from (item["AlarmName"] for kind in ("MetricAlarms", "CompositeAlarms") for item in page[kind])


def _dashboards(connection: Connection) -> Iterator[str]:
    for start in _beginnings(connection):
        for page in _pages(connection, "cloudwatch", "list_dashboards", DashboardNamePrefix=start):
            yield from (item["DashboardName"] for item in page["DashboardEntries"])


def _parameters(connection: Connection) -> Iterator[str]:
    path = f"/{connection.settings.workshop.name}/"
    for page in _pages(connection, "ssm", "get_parameters_by_path", Path=path, Recursive=True):
        yield from (item["Name"] for item in page["Parameters"])


def _rules(connection: Connection) -> Iterator[str]:
    client = connection.client("events")
    for start in _beginnings(connection):
        yield from (item["Name"] for item in client.list_rules(NamePrefix=start)["Rules"])


def _pipelines(connection: Connection) -> Iterator[str]:
    pages = _pages(connection, "codepipeline", "list_pipelines")
    return _begins(connection, (item["name"] for page in pages for item in page["pipelines"]))


def _budgets(connection: Connection) -> Iterator[str]:
    """Budgets belong to the account, not to a region."""
    pages = _pages(connection, "budgets", "describe_budgets", AccountId=connection.identity.account)
    return _begins(connection, (item["BudgetName"] for page in pages for item in page.get("Budgets", ())))


def _projects(connection: Connection) -> Iterator[str]:
    """CodeBuild's names do not show the stack; the tags do."""
    client, mark = connection.client("codebuild"), (TAG, connection.settings.workshop.name)
    for page in _pages(connection, "codebuild", "list_projects"):
        if page["projects"]:
            for project in client.batch_get_projects(names=page["projects"])["projects"]:
                if mark in {(tag["key"], tag["value"]) for tag in project.get("tags", ())}:
                    yield project["name"]


def _repositories(connection: Connection) -> Iterator[str]:
    for page in _pages(connection, "codecommit", "list_repositories"):
        for item in page["repositories"]:
            if item["repositoryName"] == connection.settings.workshop.name:
                yield item["repositoryName"]


def _roles(connection: Connection) -> Iterator[str]:
    pages = _pages(connection, "iam", "list_roles")
    return _begins(connection, (item["RoleName"] for page in pages for item in page["Roles"]))


def _endpoints(connection: Connection) -> Iterator[str]:
    """The present one, and one of another instance type that an update could not delete."""
    prefix = endpoint_prefix(connection.settings.application_stack)
    return _sagemaker("list_endpoints", "Endpoints", "Endpoint", prefix)(connection)


def _sagemaker(operation: str, listed: str, kind: str, contains: str) -> Callable[[Connection], Iterator[str]]:
    """Names do not show the stack, or show it of others too; a part narrows them down, the tags decide."""

    def look(connection: Connection) -> Iterator[str]:
        client, name = connection.client("sagemaker"), connection.settings.workshop.name
        for page in _pages(connection, "sagemaker", operation, NameContains=contains):
            for item in page[listed]:
                tags = client.list_tags(ResourceArn=item[f"{kind}Arn"])["Tags"]
                if {"Key": TAG, "Value": name} in tags:
                    yield item[f"{kind}Name"]

    return look


_LOOKS: dict[str, Callable[[Connection], Any]] = {
    "SageMaker endpoints": _endpoints,
    "SageMaker endpoint configurations": _sagemaker(
        "list_endpoint_configs", "EndpointConfigs", "EndpointConfig", "AsyncEndpointConfig"
    ),
    "SageMaker models": _sagemaker("list_models", "Models", "Model", "ImageModel"),
    "S3 buckets": _buckets,
    "SNS topics": _topics,
    "SQS queues": _queues,
    "Lambda functions": _functions,
    "Log groups": _all_log_groups,
    "CloudWatch alarms": _alarms,
    "CloudWatch dashboards": _dashboards,
    "SSM parameters": _parameters,
    "EventBridge rules": _rules,
    "CodeCommit repositories": _repositories,
    "CodeBuild projects": _projects,
    "CodePipeline pipelines": _pipelines,
    "AWS Budgets": _budgets,
    "IAM roles": _roles,
}


def _last(resource: str) -> str:
    return resource.replace("/", ":").rpartition(":")[2]


def _stack_is_there(connection: Connection, arn: str, resource: str) -> bool:
    stack = connection.client("cloudformation").describe_stacks(StackName=arn)["Stacks"][0]
    return bool(stack["StackStatus"] != "DELETE_COMPLETE")


def _log_group_is_there(connection: Connection, arn: str, resource: str) -> bool:
    name = resource.removeprefix("log-group:").removesuffix(":*")
    return name in _log_groups(connection, name)


def _watch_is_there(connection: Connection, arn: str, resource: str) -> bool:
    if resource.startswith("alarm:"):
        name = resource.removeprefix("alarm:")
        found = connection.client("cloudwatch").describe_alarms(
            AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
        return bool(found["MetricAlarms"] or found["CompositeAlarms"])
    pages = _pages(connection, "cloudwatch", "list_dashboards", DashboardNamePrefix=_last(resource))
    return any(page["DashboardEntries"] for page in pages)


_PROOFS: dict[str, Callable[[Connection, str, str], Any]] = {
    "s3": lambda c, arn, name: c.client("s3").head_bucket(Bucket=name),
    "sns": lambda c, arn, name: c.client("sns").get_topic_attributes(TopicArn=arn),
    "sqs": lambda c, arn, name: c.client("sqs").get_queue_url(QueueName=name),
    "lambda": lambda c, arn, name: c.client("lambda").get_function_configuration(FunctionName=arn),
    "logs": _log_group_is_there,
    "cloudwatch": _watch_is_there,
    "ssm": lambda c, arn, name: c.client("ssm").get_parameter(Name=name.removeprefix("parameter")),
    "events": lambda c, arn, name: c.client("events").describe_rule(Name=_last(name)),
    "budgets": lambda c, arn, name: c.client("budgets").describe_budget(
        AccountId=arn.split(":")[4], BudgetName=_last(name)
    ),
    "codecommit": lambda c, arn, name: c.client("codecommit").get_repository(repositoryName=name),
    "codebuild": lambda c, arn, name: bool(c.client("codebuild").batch_get_projects(names=[_last(name)])["projects"]),
    "codepipeline": lambda c, arn, name: c.client("codepipeline").get_pipeline(name=name),
    "cloudformation": _stack_is_there,
    "kms": lambda c, arn, name: key_state(c, arn),
    "iam": lambda c, arn, name: c.client("iam").get_role(RoleName=_last(name)),
}
