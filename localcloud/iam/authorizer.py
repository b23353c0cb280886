"""The one place where the cloud asks IAM: for requests, for what services do with a role, and for AWS's services.

IAM User Guide, "Policy evaluation logic" and "Troubleshoot access denied error messages" (the wording of a denial).
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from typing import Any, Protocol

from localcloud.iam.checks import Check, checks_of
from localcloud.iam.decisions import Decision, DecisionLog
from localcloud.rules import Call
from localcloud.services import ACCOUNT, ServiceError


class Evaluator(Protocol):
    """What knows policies: :class:`localcloud.ministack.permissions.Permissions`."""

    def decide(self, access_key: str, check: Check, region: str) -> Decision:
        """Whether the caller with this key may."""

    def decide_for_role(self, role_arn: str, session: str, check: Check, region: str) -> Decision:
        """Whether a session of this role may."""

    def service_may(self, service: str, check: Check, *, source_arn: str) -> bool:
        """Whether the resource's own policy lets this AWS service."""

    def is_root(self, access_key: str) -> bool:
        """Whether the key is the administrator's."""

    def role(self, role_arn: str) -> dict[str, object] | None:
        """A role; None when there is none."""

    def trusts(self, role_arn: str, principal: str) -> bool:
        """Whether the role exists and lets this service assume it."""


class Authorizer:
    """Allows or refuses.

    Parameters
    ----------
    evaluator : Evaluator
    log : DecisionLog
    region : str
        Of this cloud, for calls that name none (Git's).
    """

    def __init__(self, evaluator: Evaluator, log: DecisionLog, region: str) -> None:
        self._evaluator = evaluator
        self._log = log
        self._region = region
        self._logging: dict[tuple[str, str, str], tuple[float, bool]] = {}

    def authorize(self, call: Call) -> None:
        """Refuse ``call`` unless its caller may make it.

        Raises
        ------
        ServiceError
            In AWS's words.
        """
        call = call if call.region else dataclasses.replace(call, region=self._region)
        self.require(call.access_key, checks_of(call), call)

    def require(self, access_key: str, checks: Iterable[Check], call: Call) -> None:
        """Refuse unless the caller with ``access_key`` passes all ``checks``; raises :class:`ServiceError`."""
        root = self._evaluator.is_root(access_key)
        for check in checks:
            decision = self._evaluator.decide(access_key, check, call.region)
            if not root or not decision.allowed:
                self._log.note(decision, f"{call.service}.{call.operation}")
            if not decision.allowed:
                raise denial(decision, call.service)

    def require_of_role(self, role_arn: str, session: str, call: Call) -> None:
        """Refuse ``call`` unless a session of a role may make it: what CloudFormation does with a stack's role.

        Parameters
        ----------
        role_arn, session : str
        call : Call

        Raises
        ------
        ServiceError
            In AWS's words.
        """
        for check in checks_of(call):
            decision = self._evaluator.decide_for_role(role_arn, session, check, call.region)
            self._log.note(decision, f"{call.service}.{call.operation}")
            if not decision.allowed:
                raise denial(decision, call.service)

    def may_log(self, role_arn: str, session: str, group: str, stream: str) -> bool:
        """Whether a session of a role may write to a log stream, which services do with the role they act with.

        Parameters
        ----------
        role_arn, session : str
        group, stream : str
            Of CloudWatch Logs.
        """
        key, now = (role_arn, group, stream), time.monotonic()
        known = self._logging.get(key)
        if known is not None and now - known[0] < _REMEMBERED_SECONDS:
            return known[1]
        allowed = True
        for operation in ("CreateLogStream", "PutLogEvents"):
            parameters = {"logGroupName": group, "logStreamName": stream}
            call = Call("logs", operation, parameters, ACCOUNT, self._region)
            try:
                self.require_of_role(role_arn, session, call)
            except ServiceError:
                allowed = False
        if len(self._logging) > _REMEMBERED_STREAMS:
            self._logging.clear()
        self._logging[key] = (now, allowed)
        return allowed

    def service_may(self, service: str, action: str, resource: str, source_arn: str) -> bool:
        """Whether an AWS service may do ``action`` to ``resource`` for ``source_arn``, by the resource's own policy.

        Parameters
        ----------
        service : str
            ``sns.amazonaws.com``.
        action : str
            ``lambda:InvokeFunction``.
        resource, source_arn : str
            ARNs.
        """
        check = Check(action, resource, {"aws:SourceArn": source_arn})
        allowed = self._evaluator.service_may(service, check, source_arn=source_arn)
        verdict = "Allow" if allowed else "ImplicitDeny"
        self._log.note(Decision(verdict, service, check, by_resource=True), source_arn)
        return allowed

    def event_may(self, target: Mapping[str, Any], rule_arn: str) -> bool:
        """Whether EventBridge may deliver to the target of a rule.

        EventBridge User Guide, "Using resource-based policies" (Lambda, SNS, SQS), and "Using identity-based policies"
        for what is reached with the target's role.

        Parameters
        ----------
        target : mapping
            As PutTargets takes it.
        rule_arn : str
        """
        arn = str(target.get("Arn", ""))
        service = arn.split(":")[2] if arn.count(":") > 4 else ""
        action = _DELIVERIES.get(service)
        if action is None:
            return True
        role = target.get("RoleArn")
        if service != "codepipeline" and not role:
            return self.service_may("events.amazonaws.com", action, arn, rule_arn)
        if not role or not self.trusts(str(role), "events.amazonaws.com"):
            return False
        check = Check(action, arn)
        decision = self._evaluator.decide_for_role(str(role), "events", check, arn.split(":")[3])
        self._log.note(decision, rule_arn)
        return decision.allowed

    def exists(self, role_arn: str) -> bool:
        """Whether there is a role with this ARN."""
        return self._evaluator.role(role_arn) is not None

    def trusts(self, role_arn: str, service: str) -> bool:
        """Whether the role exists and ``service`` (``lambda.amazonaws.com``) may assume it."""
        return self._evaluator.trusts(role_arn, service)


AUTHORIZED: ContextVar[bool] = ContextVar("authorized", default=False)
"""Whether IAM has been asked about the request at hand: MiniStack asks no second time, with its own idea of it."""
_REMEMBERED_SECONDS = 1.0
"""A container logs line by line: not every one needs to be asked for."""
_REMEMBERED_STREAMS = 1000
_DELIVERIES = {
    "codepipeline": "codepipeline:StartPipelineExecution",
    "lambda": "lambda:InvokeFunction",
    "sns": "sns:Publish",
    "sqs": "sqs:SendMessage",
}
"""What EventBridge does to a target."""
_CODES = {
    "cloudformation": "AccessDenied",
    "cloudwatch": "AccessDenied",
    "iam": "AccessDenied",
    "s3": "AccessDenied",
    "sns": "AuthorizationError",
    "sqs": "AccessDenied",
    "sts": "AccessDenied",
}
"""What a service calls a denial; those with a JSON protocol say ``AccessDeniedException``."""
_STATUS = {"events": 400, "logs": 400, "ssm": 400, "sagemaker": 400, "codebuild": 400, "codecommit": 400}


def denial(decision: Decision, service: str) -> ServiceError:
    """The error that the caller gets (IAM User Guide, "Troubleshoot access denied error messages").

    Parameters
    ----------
    decision : Decision
        Not an allow.
    service : str
        botocore's name of the service that was called.
    """
    check = decision.check
    action, resource = check.action, check.resource
    if service == "s3":
        resource = f'"{resource}"'
    if service == "sns" and action.startswith("sns:"):
        action = "SNS:" + action.partition(":")[2]
    if service == "sqs" and action.startswith("sqs:"):
        action = action.lower()
    kind = "a resource-based policy" if decision.by_resource else "an identity-based policy"
    if decision.verdict == "Deny":
        reason = f"with an explicit deny in {kind}"
    else:
        reason = f"because no identity-based policy allows the {action} action"
    message = f"User: {decision.principal} is not authorized to perform: {action} on resource: {resource} {reason}"
    code = _CODES.get(service, "AccessDeniedException")
    return ServiceError(code, message, _STATUS.get(service, 403))
