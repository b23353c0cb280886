"""How people learn that the pipeline failed."""

from __future__ import annotations

from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct


class FailureNotice(Construct):
    """A topic that gets one readable message for each failed execution.

    Parameters
    ----------
    pipeline : codepipeline.Pipeline
        Whose failures.
    email : str
        Subscribed to the topic; empty: none.
    key : kms.IKey, optional
        Encrypts the topic. Amazon SNS's own key would not do: EventBridge may not use it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        pipeline: codepipeline.Pipeline,
        email: str,
        key: kms.IKey | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.topic = sns.Topic(self, "Topic", enforce_ssl=True, master_key=key)
        if email:
            self.topic.add_subscription(subscriptions.EmailSubscription(email))
        said = (
            f"The pipeline {events.EventField.from_path('$.detail.pipeline')} failed (execution "
            f"{events.EventField.from_path('$.detail.execution-id')}). The old version still serves. What failed: "
            "helpers.delivery.watch() in a notebook, or the pipeline's page in the console."
        )
        # https://docs.aws.amazon.com/codepipeline/latest/userguide/detect-state-changes-cloudwatch-events.html
        events.Rule(
            self,
            "Failed",
            description="A pipeline execution failed",
            event_pattern=events.EventPattern(
                source=["aws.codepipeline"],
                detail_type=["CodePipeline Pipeline Execution State Change"],
                detail={"state": ["FAILED"], "pipeline": [pipeline.pipeline_name]},
            ),
            targets=[targets.SnsTopic(self.topic, message=events.RuleTargetInput.from_text(said))],
        )
