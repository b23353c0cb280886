"""How the endpoint says that a request is done."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct


class Notifications(Construct):
    """The Success and the Error topic; TLS only, encrypted.

    Parameters
    ----------
    key : kms.IKey, optional
        Customer-managed key; without one the account's ``aws/sns``, which everyone who may publish may use.
    """

    def __init__(self, scope: Construct, construct_id: str, *, key: kms.IKey | None = None) -> None:
        super().__init__(scope, construct_id)
        self._own_key = key
        encryption = key or kms.Alias.from_alias_name(self, "SnsKey", "alias/aws/sns")
        self.success = sns.Topic(self, "Success", enforce_ssl=True, master_key=encryption)
        self.error = sns.Topic(self, "Error", enforce_ssl=True, master_key=encryption)

    def allow_publishing(self, role: iam.Role) -> None:
        """Let a role publish to both topics."""
        topics = [self.success.topic_arn, self.error.topic_arn]
        role.add_to_policy(iam.PolicyStatement(actions=["sns:Publish"], resources=topics))
        if self._own_key:
            actions = ["kms:GenerateDataKey", "kms:Decrypt"]
            role.add_to_policy(iam.PolicyStatement(actions=actions, resources=[self._own_key.key_arn]))
