"""What the pipeline's source action may do when the code comes from a Git provider."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct


def connection_role(scope: Construct, artifacts: s3.IBucket, connection_arn: str) -> iam.IRole:
    """Make the role of a source action that uses a connection: fetch through it, and store what came.

    The CDK grants ``codestar-connections:UseConnection`` whatever the connection's ARN says, and "when specifying a
    resource in the IAM policy, the service prefix needs to match that of the resource": connections made since July
    2024 have ``codeconnections`` in theirs. So the role is ours, and the CDK cannot add to it.
    https://docs.aws.amazon.com/dtconsole/latest/userguide/rename.html

    Parameters
    ----------
    artifacts : s3.IBucket
        The pipeline's bucket, with its key.
    connection_arn : str
        ``arn:aws:codeconnections:…`` or ``arn:aws:codestar-connections:…``.
    """
    # The pipeline's own role is made later and gets the right to assume this one; who else may is the account's matter.
    role = iam.Role(scope, "ConnectionRole", assumed_by=iam.AccountPrincipal(cdk.Stack.of(scope).account))
    service = connection_arn.split(":")[2]
    role.add_to_policy(iam.PolicyStatement(actions=[f"{service}:UseConnection"], resources=[connection_arn]))
    artifacts.grant_read_write(role)
    artifacts.grant_put_acl(role)
    return role.without_policy_updates()
