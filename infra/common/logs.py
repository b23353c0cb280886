"""Log groups that end with their stack."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_logs as logs
from constructs import Construct


def log_group(scope: Construct, retention_days: int) -> logs.LogGroup:
    """Make the log group of a construct, ``Logs``, which keeps events for a number of days that CloudWatch Logs has."""
    group = logs.LogGroup(scope, "Logs", removal_policy=cdk.RemovalPolicy.DESTROY)
    # The CDK's own way names each number of days (RetentionDays.TWO_WEEKS); the settings have the number.
    resource = group.node.default_child
    assert isinstance(resource, logs.CfnLogGroup)
    resource.retention_in_days = retention_days
    return group
