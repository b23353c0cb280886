"""Resource Groups Tagging API: what is found by its tags, whatever it is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account

PAGE = "resourcegroupstagging/latest/APIReference/API_GetResources.html"


def found(aws: Account, **asked: Any) -> list[str]:
    """ARNs on every page."""
    pages = aws.client("resourcegroupstaggingapi").get_paginator("get_resources").paginate(**asked)
    return [item["ResourceARN"] for page in pages for item in page["ResourceTagMappingList"]]


def tagged(aws: Account) -> tuple[str, str, str]:
    """A value of the tag ``owner``, and the ARNs of a queue and a topic that have it."""
    value, sqs, sns = aws.name("owner"), aws.client("sqs"), aws.client("sns")
    url = sqs.create_queue(QueueName=aws.name("queue"), tags={"owner": value, "stage": "test"})["QueueUrl"]
    aws.later(sqs.delete_queue, QueueUrl=url)
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = sns.create_topic(Name=aws.name("topic"), Tags=[{"Key": "owner", "Value": value}])["TopicArn"]
    aws.later(sns.delete_topic, TopicArn=topic)
    return value, queue, topic


@behaviour("resourcegroupstaggingapi", "GetResources", "A tag's value finds resources of every kind", PAGE)
def test_value(aws: Account) -> None:
    value, queue, topic = tagged(aws)
    assert set(found(aws, TagFilters=[{"Key": "owner", "Values": [value]}])) == {queue, topic}


@behaviour(
    "resourcegroupstaggingapi", "GetResources", "Several filters must all match; values of one are alternatives", PAGE
)
def test_filters(aws: Account) -> None:
    value, queue, _ = tagged(aws)
    owner = {"Key": "owner", "Values": [value, "nobody"]}
    assert found(aws, TagFilters=[owner, {"Key": "stage", "Values": ["test"]}]) == [queue]
    assert found(aws, TagFilters=[owner, {"Key": "stage"}]) == [queue]
    assert found(aws, TagFilters=[owner, {"Key": "stage", "Values": ["live"]}]) == []


@behaviour("resourcegroupstaggingapi", "GetResources", "A type of resource narrows the answer", PAGE)
def test_type(aws: Account) -> None:
    value, _, topic = tagged(aws)
    owner = {"Key": "owner", "Values": [value]}
    assert found(aws, TagFilters=[owner], ResourceTypeFilters=["sns"]) == [topic]


@behaviour("resourcegroupstaggingapi", "GetResources", "Answers come in pages of the size that is asked for", PAGE)
def test_pages(aws: Account) -> None:
    value, queue, topic = tagged(aws)
    client, asked = aws.client("resourcegroupstaggingapi"), [{"Key": "owner", "Values": [value]}]
    first = client.get_resources(TagFilters=asked, ResourcesPerPage=1)
    assert len(first["ResourceTagMappingList"]) == 1
    assert first["PaginationToken"]
    assert set(found(aws, TagFilters=asked, ResourcesPerPage=1)) == {queue, topic}


@pytest.mark.parametrize("size", [0, 101])
@behaviour("resourcegroupstaggingapi", "GetResources", "A page has 1 to 100 resources: {size} is refused", PAGE)
def test_size(aws: Account, size: int) -> None:
    with aws.refused("InvalidParameterException"):
        aws.client("resourcegroupstaggingapi").get_resources(ResourcesPerPage=size)
