"""A target and what is deployed there: boto3 clients, deployed names, bucket, endpoint and log.

The lowest thing that knows a whole workshop; prompts and jobs come on top of it, in ``helpers.inference``.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import threading
from collections.abc import Callable, Mapping
from typing import Any

from contract import names as contract_names
from contract.errors import NotDeployedError
from contract.settings import Settings, load
from helpers.target.explain import explained
from helpers.target.pace import AWS, LOCAL, Timer
from helpers.target.store import Store
from helpers.target.targets import Access, ambient_region, child_environment, open_ambient, region_hint

LOG_PAGES = 10
"""FilterLogEvents answers page by page, some of them empty; a line that is not on the first ones is not waited for."""


@dataclasses.dataclass(frozen=True)
class Names:
    """What the deployed application stack is called, from SSM parameters."""

    bucket: str
    endpoint: str
    success_topic_arn: str
    error_topic_arn: str
    model: str


@dataclasses.dataclass(frozen=True)
class Identity:
    """Who we are on the target."""

    account: str
    arn: str


def handle_inside(settings: Settings | None = None) -> Handle:
    """Reach, from inside a build, the target whose endpoint, keys and region this process was started with.

    Parameters
    ----------
    settings : Settings, optional
        By default what ``workshop.toml`` and the environment say; the region is that of the environment in any case.

    Raises
    ------
    SettingsError, TargetError
        See :func:`helpers.target.targets.open_ambient`.
    """
    return Handle(*inside(settings))


def inside(settings: Settings | None = None) -> tuple[Settings, Access]:
    """What :func:`handle_inside` is made of: the settings, with the environment's region, and the access."""
    chosen = load() if settings is None else settings
    workshop = dataclasses.replace(chosen.workshop, region=ambient_region(chosen))
    return dataclasses.replace(chosen, workshop=workshop), open_ambient(chosen)


class Handle:
    """A target, and the workshop that is deployed there.

    Safe to use from several threads.

    Parameters
    ----------
    settings : Settings
        As loaded.
    access : Access
        How to reach the target.
    timer : Timer, optional
        Where waits get the time from.

    Attributes
    ----------
    settings : Settings
        As loaded.
    environment : dict
        Environment variables with which a child process (CDK, AWS CLI) reaches this target.
    target : Target
        For error messages.
    pace : Pace
        How often waits look.
    timer : Timer
        Where waits get the time from.
    """

    def __init__(self, settings: Settings, access: Access, timer: Timer | None = None) -> None:
        self.settings, self.target, self._access = settings, access.target, access
        self.environment = dict(access.environment)
        self.pace, self.timer = (LOCAL if self.target.name == "local" else AWS), timer or Timer()
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} to {self.target.described}>"

    def client(self, service: str, region: str = "") -> Any:
        """The boto3 client of ``service`` for this target; made once, safe for use from several threads.

        Parameters
        ----------
        service : str
            As boto3 names it.
        region : str
            Another region than the workshop's, for what AWS tells in some regions only.
        """
        with self._lock:  # a session is not safe to make clients with from several threads
            if (service, region) not in self._clients:
                made = self._access.client(service, region) if region else self._access.client(service)
                self._clients[service, region] = made
            return self._clients[service, region]

    def child_environment(self) -> dict[str, str]:
        """The environment of a program that should reach this target, with these settings."""
        return child_environment(self.settings, self.environment)

    @functools.cached_property
    def identity(self) -> Identity:
        """Account and ARN of the credentials; the first call that proves them."""
        with explained("checking credentials", self.target):
            answer = self.client("sts").get_caller_identity()
        return Identity(answer["Account"], answer["Arn"])

    @functools.cached_property
    def names(self) -> Names:
        """What the application stack deployed, from the SSM parameters ``/<workshop>/…``.

        Raises
        ------
        NotDeployedError
            Some are not there; the message says which, and how to deploy.
        """
        if self.target.name == "aws":
            _ = self.identity  # an expired login is said here, not as a missing parameter
        paths = {
            field: contract_names.ssm_parameter(self.settings.workshop.name, name)
            for field, name in contract_names.PUBLISHED.items()
        }
        with explained("reading the workshop's SSM parameters", self.target):
            found = self.client("ssm").get_parameters(Names=list(paths.values()))["Parameters"]
        values = {parameter["Name"]: parameter["Value"] for parameter in found}
        missing = [path for path in paths.values() if path not in values]
        if missing:
            raise NotDeployedError(self._not_deployed(missing))
        return Names(**{field: values[path] for field, path in paths.items()})

    def _not_deployed(self, missing: list[str]) -> str:
        usual = "" if self.target.name == "local" else region_hint(self.settings.workshop.region)
        return (
            f"the workshop {self.settings.workshop.name!r} is not deployed on {self.target.described}: SSM parameter "
            f"{', '.join(missing)} is missing. Run `make demo`, or helpers.delivery.deploy(connection){usual}."
        )

    def refresh(self) -> None:
        """Forget names and bucket, after a deployment has changed them."""
        for name in ("names", "store"):
            self.__dict__.pop(name, None)

    @functools.cached_property
    def store(self) -> Store:
        """The workshop's bucket."""
        return Store(self.client("s3"), self.names.bucket, self.target)

    def invoke(self, inference_id: str, input_location: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """InvokeEndpointAsync for a stored request; return its answer.

        Parameters
        ----------
        inference_id : str
            Comes back in the notification.
        input_location : str
            ``s3://…`` of the stored request.
        options : mapping
            Further arguments: ``Accept``, ``RequestTTLSeconds``, ``InvocationTimeoutSeconds``.
        """
        client = self.client("sagemaker-runtime")
        return self._at_endpoint(
            "invoking",
            lambda name: client.invoke_endpoint_async(
                EndpointName=name,
                InputLocation=input_location,
                InferenceId=inference_id,
                ContentType="application/json",
                **options,
            ),
        )

    def describe_endpoint(self) -> dict[str, Any]:
        """DescribeEndpoint of the workshop's endpoint."""
        client = self.client("sagemaker")
        return self._at_endpoint("describing", lambda name: client.describe_endpoint(EndpointName=name))

    def _at_endpoint(self, doing: str, call: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
        """Call with the endpoint's name; once more when another endpoint has taken its place meanwhile."""
        name = self.names.endpoint
        try:
            with explained(f"{doing} endpoint {name}", self.target):
                return call(name)
        except NotDeployedError:
            # A push with another instance type replaces the endpoint; somebody else may have pushed.
            self.refresh()
            if self.names.endpoint == name:
                raise
        with explained(f"{doing} endpoint {self.names.endpoint}", self.target):
            return call(self.names.endpoint)

    def log_messages(self, group: str, pattern: str, since: dt.datetime) -> list[tuple[str, str]]:
        """Stream and message of the log lines that match ``pattern``, oldest first.

        Parameters
        ----------
        group : str
            The log group.
        pattern : str
            A filter pattern of CloudWatch Logs: ``"…"`` finds the words between the quotes.
        since : datetime
            Lines before it are left out.
        """
        arguments = {
            "logGroupName": group,
            "filterPattern": pattern,
            "startTime": int(since.timestamp() * 1000),
        }
        found: list[tuple[str, str]] = []
        with explained(f"reading log group {group}", self.target):
            for _ in range(LOG_PAGES):
                answer = self.client("logs").filter_log_events(**arguments)
                found += [(event["logStreamName"], event["message"]) for event in answer.get("events", [])]
                if found or not answer.get("nextToken"):
                    break
                arguments["nextToken"] = answer["nextToken"]
        return found
