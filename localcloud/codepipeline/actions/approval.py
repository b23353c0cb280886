"""Manual approval (CodePipeline User Guide, "Manual approval action reference")."""

from __future__ import annotations

import json
import time

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.clock import iso_timestamp
from localcloud.codepipeline.actions.job import ActionError, Job, Outcome

TIMEOUT_MINUTES = 7 * 24 * 60
POLL = 0.5
"""Real seconds."""


def run_approval(job: Job) -> Outcome:
    """Notify the topic, then wait: PutApprovalResult ends the action from outside, the timeout from here.

    Raises
    ------
    ActionError
        When the topic cannot be reached, or nobody approves in time.
    """
    minutes = job.timeout_minutes or TIMEOUT_MINUTES
    deadline = job.started + job.cloud.clock.real(minutes * 60)
    if job.configuration.get("NotificationArn") and not job.resumed:
        _notify(job, deadline)
    while time.time() < deadline:
        job.wait(POLL)
    raise ActionError(f"The approval was not given within {minutes} minutes of the cloud's clock")


def _notify(job: Job, deadline: float) -> None:
    """The message of "JSON data format for manual approval notifications in CodePipeline"."""
    expires = iso_timestamp(deadline, precision="minutes")
    approval = {
        "pipelineName": job.pipeline,
        "stageName": job.stage,
        "actionName": job.action,
        "token": job.token,
        "expires": expires,
        "externalEntityLink": job.configuration.get("ExternalEntityLink"),
        "approvalReviewLink": None,
        "customData": job.configuration.get("CustomData"),
    }
    message = {"region": job.cloud.region, "consoleLink": None, "approval": approval}
    try:
        job.client("sns").publish(
            TopicArn=job.configuration["NotificationArn"],
            Subject=f"APPROVAL NEEDED: AWS CodePipeline {job.pipeline} for action {job.action}"[:100],
            Message=json.dumps(message),
        )
    except (ClientError, BotoCoreError) as error:
        raise ActionError(f"The topic of NotificationArn cannot be reached: {error}", "ConfigurationError") from error
