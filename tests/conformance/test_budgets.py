"""AWS Budgets: cost budgets, who is told, and the type in templates."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account

API = "aws-cost-management/latest/APIReference/API_budgets_"
TYPE = "AWSCloudFormation/latest/TemplateReference/aws-resource-budgets-budget.html"
NOTICE = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 80.0}
TOLD = {"SubscriptionType": "EMAIL", "Address": "admin@example.com"}


def budget(name: str, **changes: Any) -> dict[str, Any]:
    limit = {"Amount": "20", "Unit": "USD"}
    return {"BudgetName": name, "BudgetType": "COST", "TimeUnit": "MONTHLY", "BudgetLimit": limit, **changes}


def created(aws: Account, *notices: dict[str, Any], **changes: Any) -> str:
    client, name = aws.client("budgets"), aws.name("budget")
    told = [{"Notification": notice, "Subscribers": [TOLD]} for notice in notices]
    client.create_budget(
        AccountId=aws.account, Budget=budget(name, **changes), NotificationsWithSubscribers=told
    )  # fmt: skip
    aws.later(client.delete_budget, AccountId=aws.account, BudgetName=name)
    return name


@behaviour("budgets", ("CreateBudget", "DescribeBudget"), "A budget is described as it was made", API + "Budget.html")
def test_described(aws: Account) -> None:
    found = aws.client("budgets").describe_budget(AccountId=aws.account, BudgetName=created(aws))["Budget"]
    assert (float(found["BudgetLimit"]["Amount"]), found["TimeUnit"], found["BudgetType"]) == (20, "MONTHLY", "COST")
    assert (found["TimePeriod"]["Start"].day, found["TimePeriod"]["End"].year) == (1, 2087)
    assert found["CostTypes"]["IncludeTax"] is True


@behaviour("budgets", "DescribeBudget", "A budget counts what the account has spent", API + "Budget.html", "differs")
def test_counts_nothing(aws: Account) -> None:
    """Here it is always nothing."""
    found = aws.client("budgets").describe_budget(AccountId=aws.account, BudgetName=created(aws))["Budget"]
    assert float(found["CalculatedSpend"]["ActualSpend"]["Amount"]) == 0 or not aws.local


@behaviour("budgets", "CreateBudget", "A name that is taken is refused", API + "CreateBudget.html")
def test_duplicate(aws: Account) -> None:
    name = created(aws)
    with aws.refused("DuplicateRecordException"):
        aws.client("budgets").create_budget(AccountId=aws.account, Budget=budget(name))


@behaviour("budgets", ("DeleteBudget", "DescribeBudget"), "A deleted budget is not found", API + "DeleteBudget.html")
def test_deleted(aws: Account) -> None:
    client, name = aws.client("budgets"), created(aws)
    client.delete_budget(AccountId=aws.account, BudgetName=name)
    for operation in (client.describe_budget, client.delete_budget):
        with aws.refused("NotFoundException"):
            operation(AccountId=aws.account, BudgetName=name)


@behaviour("budgets", "DescribeBudgets", "All budgets are listed, page by page", API + "DescribeBudgets.html")
def test_listed(aws: Account) -> None:
    names = {created(aws), created(aws)}
    pages = list(aws.client("budgets").get_paginator("describe_budgets").paginate(
        AccountId=aws.account, PaginationConfig={"PageSize": 1}
    ))  # fmt: skip
    assert names <= {each["BudgetName"] for page in pages for each in page["Budgets"]}
    assert all(len(page["Budgets"]) <= 1 for page in pages)


@behaviour("budgets", "UpdateBudget", "An update replaces the limit", API + "UpdateBudget.html")
def test_updated(aws: Account) -> None:
    client, name = aws.client("budgets"), created(aws)
    client.update_budget(
        AccountId=aws.account, NewBudget=budget(name, BudgetLimit={"Amount": "30", "Unit": "USD"})
    )  # fmt: skip
    found = client.describe_budget(AccountId=aws.account, BudgetName=name)["Budget"]
    assert float(found["BudgetLimit"]["Amount"]) == 30
    with aws.refused("NotFoundException"):
        client.update_budget(AccountId=aws.account, NewBudget=budget(aws.name()))


@behaviour(
    "budgets",
    ("DescribeNotificationsForBudget", "DescribeSubscribersForNotification"),
    "Notifications have their defaults, and those who are told",
    API + "Notification.html",
)
def test_notifications(aws: Account) -> None:
    client, name = aws.client("budgets"), created(aws, NOTICE)
    asked = {"AccountId": aws.account, "BudgetName": name}
    (found,) = client.describe_notifications_for_budget(**asked)["Notifications"]
    assert (found["ThresholdType"], found["Threshold"]) == ("PERCENTAGE", 80)
    assert client.describe_subscribers_for_notification(**asked, Notification=NOTICE)["Subscribers"] == [TOLD]
    with aws.refused("NotFoundException"):
        client.describe_subscribers_for_notification(**asked, Notification={**NOTICE, "Threshold": 1.0})


@behaviour("budgets", "CreateBudget", "The same notification twice is refused", API + "CreateBudget.html")
def test_notification_twice(aws: Account) -> None:
    with aws.refused("DuplicateRecordException"):
        created(aws, NOTICE, {**NOTICE, "ThresholdType": "PERCENTAGE"})


@behaviour("budgets", "CreateBudget", "A budget of another account is refused", API + "CreateBudget.html")
def test_another_account(aws: Account) -> None:
    with aws.refused("AccessDeniedException"):
        aws.client("budgets").create_budget(AccountId="999999999999", Budget=budget(aws.name()))


@behaviour("budgets", "CreateBudget", "A budget's name has no colon", API + "Budget.html")
def test_name(aws: Account) -> None:
    with aws.refused("InvalidParameterException"):
        aws.client("budgets").create_budget(AccountId=aws.account, Budget=budget("a:b"))


@pytest.mark.parametrize("change", [{"BudgetType": "USAGE"}, {"CostFilters": {"Service": ["Amazon S3"]}}], ids=str)
@behaviour("budgets", "CreateBudget", "A budget with {change} is made", API + "Budget.html", "refused")
def test_not_offered(aws: Account, change: dict[str, Any]) -> None:
    with aws.refused("InvalidParameterException", "The local cloud"):
        created(aws, **change)


def template(name: str, usd: int, *notices: dict[str, Any]) -> dict[str, Any]:
    told = [{"Notification": notice, "Subscribers": [TOLD]} for notice in notices]
    content = {"BudgetName": name, "BudgetType": "COST", "TimeUnit": "MONTHLY"}
    content["BudgetLimit"] = {"Amount": usd, "Unit": "USD"}  # type: ignore[assignment]
    properties = {"Budget": content, "NotificationsWithSubscribers": told, "ResourceTags": [{"Key": "a", "Value": "b"}]}
    return {"Resources": {"Budget": {"Type": "AWS::Budgets::Budget", "Properties": properties}}}


@behaviour("budgets", ("DescribeBudget", "ListTagsForResource"), "A stack makes a budget, changes and deletes it", TYPE)
def test_in_a_stack(aws: Account) -> None:
    client, cloudformation, name = aws.client("budgets"), aws.client("cloudformation"), aws.name("budget")
    stack = aws.stack(template(name, 20, NOTICE))
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    asked = {"AccountId": aws.account, "BudgetName": name}
    arn = f"arn:aws:budgets::{aws.account}:budget/{name}"
    assert {"Key": "a", "Value": "b"} in client.list_tags_for_resource(ResourceARN=arn)["ResourceTags"]
    cloudformation.update_stack(StackName=stack["StackName"], TemplateBody=json.dumps(template(name, 25, NOTICE)))
    assert aws.settled(stack["StackName"])["StackStatus"] == "UPDATE_COMPLETE"
    assert float(client.describe_budget(**asked)["Budget"]["BudgetLimit"]["Amount"]) == 25
    cloudformation.delete_stack(StackName=stack["StackName"])
    cloudformation.get_waiter("stack_delete_complete").wait(
        StackName=stack["StackName"], WaiterConfig={"Delay": 1 if aws.local else 5, "MaxAttempts": 60}
    )
    with aws.refused("NotFoundException"):
        client.describe_budget(**asked)


@behaviour("budgets", "DescribeBudget", "Other notifications under the same name fail the stack", TYPE)
def test_replacement(aws: Account) -> None:
    """NotificationsWithSubscribers are create-only, and the new budget cannot have the old one's name."""
    name = aws.name("budget")
    stack = aws.stack(template(name, 20, NOTICE))
    changed = json.dumps(template(name, 20, {**NOTICE, "Threshold": 90.0}))
    aws.client("cloudformation").update_stack(StackName=stack["StackName"], TemplateBody=changed)
    assert aws.settled(stack["StackName"])["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    aws.client("budgets").describe_budget(AccountId=aws.account, BudgetName=name)
