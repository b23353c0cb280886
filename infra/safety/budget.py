"""An e-mail before the month gets expensive."""

from __future__ import annotations

import hashlib

from aws_cdk import aws_budgets as budgets
from constructs import Construct

# Percent of the budget: what was spent, and what AWS expects for the month.
ACTUAL_PERCENT, FORECAST_PERCENT = (50, 80, 100), 100


def budget_name(prefix: str, email: str) -> str:
    """Name of the budget, of which who is told when is a part.

    CloudFormation replaces the budget when that changes, and makes the new one before it deletes the old.

    Parameters
    ----------
    prefix, email : str
        As :class:`Budget` takes them.
    """
    told = hashlib.sha256(repr((email, ACTUAL_PERCENT, FORECAST_PERCENT)).encode()).hexdigest()[:8]
    return f"{prefix}-{told}"


class Budget(Construct):
    """A monthly cost budget of the whole account.

    Not of the workshop's tag: AWS counts costs by tag only after somebody has activated the tag for that in the billing
    console. A notice, not a brake: AWS updates budgets some hours after the costs arise, so the expiry is what stops.
    https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-managing-costs.html
    https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/activating-tags.html

    Parameters
    ----------
    prefix : str
        How its name begins, which is unique in the account, in all regions.
    usd : float
        Of a month.
    email : str
        Who is told.
    """

    def __init__(self, scope: Construct, construct_id: str, *, prefix: str, usd: float, email: str) -> None:
        super().__init__(scope, construct_id)
        thresholds = [("ACTUAL", percent) for percent in ACTUAL_PERCENT] + [("FORECASTED", FORECAST_PERCENT)]
        budgets.CfnBudget(
            self,
            "Budget",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_name=budget_name(prefix, email),
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(amount=usd, unit="USD"),
            ),
            notifications_with_subscribers=[
                budgets.CfnBudget.NotificationWithSubscribersProperty(
                    notification=budgets.CfnBudget.NotificationProperty(
                        notification_type=kind,
                        comparison_operator="GREATER_THAN",
                        threshold=percent,
                        threshold_type="PERCENTAGE",
                    ),
                    subscribers=[budgets.CfnBudget.SubscriberProperty(subscription_type="EMAIL", address=email)],
                )
                for kind, percent in thresholds
            ],
        )
