"""What a service of the local cloud knows of the cloud that it is part of."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from localcloud.clock import Clock
from localcloud.iam.authorizer import Authorizer
from localcloud.iam.container_credentials import ContainerCredentials
from localcloud.iam.roles import Roles
from localcloud.services import AlarmAction, EventTarget

LIFELINE_FILE = "lifeline"
"""In the cloud's work folder; see :attr:`Cloud.lifeline`."""


@dataclasses.dataclass(frozen=True)
class Cloud:
    """Everything a service needs to know of the cloud that it is part of.

    Attributes
    ----------
    account, region : str
        Twelve digits, and a region's name.
    endpoint_url : str
        ``http://127.0.0.1:<port>``, where every AWS call of this cloud goes.
    state : Path
        Folder for durable state; a service keeps to a subfolder or a file of its own name.
    work : Path
        Folder for what may be lost: unpacked models, logs of processes. Emptied at each start.
    clock : Clock
        How fast a cloud minute passes.
    client : callable
        ``client("s3")`` gives a boto3 client that talks to this cloud, safe to use from any thread. It may do
        everything: what is done for somebody is done with :meth:`client_as`.
    environment : mapping
        The environment variables (endpoint URL, credentials, region) with which another process reaches this cloud.
    options : mapping
        ``provision_seconds``, and ``build_variables``: the environment variables that stand for CodeBuild's image.
    put_event : callable
        ``put_event(source, detail_type, detail, resources)`` sends an event to EventBridge's default bus, as AWS's own
        services do (``aws.codecommit``). Safe from any thread but the event loop's; returns when every matching rule's
        targets have been given it.
    put_measurements : callable
        ``put_measurements(namespace, data)`` publishes what PutMetricData would, also in a namespace that is AWS's own
        (``AWS/SageMaker``), where callers may publish nothing. Safe from any thread but the event loop's.
    roles, containers, authorizer
        Sessions of roles, how a container gets them, and what IAM says; None where a service is used without the rest
        of the cloud.
    """

    account: str
    region: str
    endpoint_url: str
    state: Path
    work: Path
    clock: Clock
    client: Callable[[str], Any]
    environment: Mapping[str, str]
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    alarm_actions: dict[str, AlarmAction] = dataclasses.field(default_factory=dict)
    event_targets: dict[str, EventTarget] = dataclasses.field(default_factory=dict)
    put_event: Callable[[str, str, dict[str, Any], list[str]], None] = lambda *event: None
    put_measurements: Callable[[str, list[dict[str, Any]]], None] = lambda *measurements: None
    roles: Roles | None = None
    containers: ContainerCredentials | None = None
    authorizer: Authorizer | None = None

    @property
    def lifeline(self) -> Path:
        """The file that ties a process to this cloud's life (:mod:`localcloud.process.tied`)."""
        return self.work / LIFELINE_FILE

    def client_as(self, service: str, role: str, session: str, principal: str) -> Any:
        """A boto3 client whose calls are made with a role; safe to use from any thread.

        Parameters
        ----------
        service : str
            ``s3``.
        role, session : str
            The role's ARN, and the name of the session, which shows in the caller's ARN.
        principal : str
            Who assumes it: ``sagemaker.amazonaws.com``. A call fails with AccessDenied when the role does not exist or
            does not trust this service.
        """
        return self.client(service) if self.roles is None else self.roles.client(service, role, session, principal)

    def client_through(self, service: str, role: str, via: str, session: str, principal: str) -> Any:
        """:meth:`client_as` for a role that is assumed with the rights of another one, ``via``, not by a service."""
        if self.roles is None:
            return self.client(service)
        return self.roles.client_through(service, role, via, session, principal)

    def environment_as(self, role: str, session: str, principal: str, seconds: float = 3600.0) -> dict[str, str]:
        """:attr:`environment` with temporary credentials of a role; parameters and errors are :meth:`acting_as`'s."""
        if self.roles is None:
            return dict(self.environment)
        credentials = self.roles.assume(role, session, principal, seconds)
        return {
            **self.environment,
            "AWS_ACCESS_KEY_ID": credentials.access_key,
            "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
            "AWS_SESSION_TOKEN": credentials.token,
        }

    def acting_as(self, role: str, session: str, principal: str, seconds: float = 3600.0) -> Cloud:
        """The cloud as a session of a role sees it: every client, and the environment, are the role's.

        Parameters
        ----------
        role, session, principal : str
            See :meth:`client_as`.
        seconds : float
            How long the credentials in the environment are good for, on the wall.

        Raises
        ------
        ServiceError
            AccessDenied, when the role does not exist or does not trust ``principal``.
        """
        if self.roles is None:
            return self
        return dataclasses.replace(
            self,
            client=lambda service: self.client_as(service, role, session, principal),
            environment=self.environment_as(role, session, principal, seconds),
        )

    def container_credentials(self, role: str, session: str, principal: str) -> dict[str, str]:
        """Environment variables with which a container fetches its role's credentials; see :meth:`client_as`."""
        return {} if self.containers is None else self.containers.variables(role, session, principal)

    def can_assume(self, role: str, principal: str) -> bool:
        """Whether the role exists and lets ``principal`` (``sagemaker.amazonaws.com``) assume it."""
        return self.authorizer is None or self.authorizer.trusts(role, principal)

    def may_log(self, role: str, session: str, group: str, stream: str) -> bool:
        """Whether a session of ``role`` may write to a log stream."""
        return self.authorizer is None or self.authorizer.may_log(role, session, group, stream)

    def alarm_action(self, prefix: str, callback: AlarmAction) -> None:
        """Have ``callback`` carry out every alarm action whose ARN begins with ``prefix``.

        Called when an alarm enters a state that lists the action (``AlarmActions``, ``OKActions``,
        ``InsufficientDataActions``, with ``ActionsEnabled``), and again once every cloud minute for as long as the
        alarm stays there, as CloudWatch does for Auto Scaling actions (CloudWatch User Guide, "Using Amazon CloudWatch
        alarms", Alarm actions). Calls come one after another on the alarm thread; an exception is logged, no more.

        Parameters
        ----------
        prefix : str
            ``arn:aws:autoscaling:us-east-1:000000000000:scalingPolicy:``, for example.
        callback : callable
            Gets the action's ARN, the alarm as ``describe_alarms`` gives it (datetimes included), and its state.
            ``json.loads(alarm["StateReasonData"])`` has ``recentDatapoints`` (values that were compared, newest last),
            ``threshold``, ``statistic`` and ``period``, as AWS writes them.
        """
        self.alarm_actions[prefix] = callback

    def event_target(self, prefix: str, callback: EventTarget) -> None:
        """Have ``callback`` be the target of EventBridge's rules whose target ARN begins with ``prefix``.

        Parameters
        ----------
        prefix : str
            ``arn:aws:codepipeline:us-east-1:000000000000:``, for example.
        callback : callable
            Gets the target's ARN, and the event as a dictionary (or what the rule's ``Input`` makes of it). Called on
            a thread of its own, so it may block; an exception is logged, no more.
        """
        self.event_targets[prefix] = callback

    def arn(self, service: str, resource: str) -> str:
        """The ARN of ``resource`` (``"endpoint/name"``) in this account and region."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"
