"""One way to both targets: boto3 clients, the deployed names, and jobs.

Nothing here knows the local cloud but by its URL and keys: the same calls go to AWS.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, overload

from contract import ids
from contract.errors import NotDeployedError, ParameterError
from contract.settings import Settings, load
from helpers.inference import jobs
from helpers.inference.parameters import NESTED_RGB, Limits, Parameters, checked_request, limits_of
from helpers.inference.watching import AWS, LOCAL, Timer
from helpers.target.explain import explained
from helpers.target.store import Store
from helpers.target.targets import STATE, Access, ambient_region, open_ambient, open_aws, open_local, region_hint

if TYPE_CHECKING:
    from contract.errors import WorkshopError
    from helpers.inference.jobs import Job
    from helpers.inference.results import Result
    from helpers.inference.watching import OnChange

REQUEST_TTL_SECONDS = (60, 21_600)
INVOCATION_TIMEOUT_SECONDS = (1, 3600)
"""Bounds of InvokeEndpointAsync, SageMaker Runtime API Reference."""

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


PARAMETERS = {
    "bucket": "bucket-name",
    "endpoint": "endpoint-name",
    "success_topic_arn": "success-topic-arn",
    "error_topic_arn": "error-topic-arn",
    "model": "model",
}


@dataclasses.dataclass(frozen=True)
class Identity:
    """Who we are on the target."""

    account: str
    arn: str


def connect(settings: Settings | None = None, start: bool = True, state: Path = STATE) -> Connection:
    """Connect to the target that the settings name.

    Parameters
    ----------
    settings : Settings, optional
        By default what ``workshop.toml`` and the environment say.
    start : bool
        Start the local cloud when it does not run.
    state : Path
        Where the local cloud keeps its state.

    Raises
    ------
    SettingsError
        ``workshop.toml`` holds a value that is not allowed.
    TargetError
        The local cloud does not run (and ``start`` is false) or does not start, or there are no AWS credentials.
    """
    settings = load() if settings is None else settings
    local = settings.workshop.target == "local"
    return Connection(settings, open_local(settings, start, state) if local else open_aws(settings))


def connect_inside(settings: Settings | None = None) -> Connection:
    """Connect from inside a build: to the target whose endpoint, keys and region this process was started with.

    Parameters
    ----------
    settings : Settings, optional
        By default what ``workshop.toml`` and the environment say; the region is that of the environment in any case.

    Raises
    ------
    SettingsError, TargetError
        As :func:`connect`; see :func:`helpers.target.targets.open_ambient`.
    """
    chosen = load() if settings is None else settings
    workshop = dataclasses.replace(chosen.workshop, region=ambient_region(chosen))
    return Connection(dataclasses.replace(chosen, workshop=workshop), open_ambient(chosen))


class Connection:
    """A target, and the workshop that is deployed there.

    Made by :func:`connect` or :func:`connect_inside`. Safe to use from several threads.

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
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Connection to {self.target.described}>"

    def client(self, service: str) -> Any:
        """The boto3 client of ``service`` for this target; made once, safe for use from several threads."""
        with self._lock:  # a session is not safe to make clients with from several threads
            if service not in self._clients:
                self._clients[service] = self._access.client(service)
            return self._clients[service]

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
        paths = {field: f"/{self.settings.workshop.name}/{name}" for field, name in PARAMETERS.items()}
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
            f"{', '.join(missing)} is missing. Run `make demo`, or helpers.delivery.deployment.deploy(connection){usual}."
        )

    def refresh(self) -> None:
        """Forget names and bucket, after a deployment has changed them."""
        for name in ("names", "store", "limits"):
            self.__dict__.pop(name, None)

    @functools.cached_property
    def store(self) -> Store:
        """The workshop's bucket."""
        return Store(self.client("s3"), self.names.bucket, self.target)

    @functools.cached_property
    def limits(self) -> Limits:
        """What the deployed model accepts."""
        return limits_of(self.names.model)

    def generate(
        self,
        prompt: str | list[str],
        *,
        accept: str = NESTED_RGB,
        request_ttl_seconds: int | None = None,
        invocation_timeout_seconds: int | None = None,
        **parameters: Unpack[Parameters],
    ) -> Job:
        """Ask for pictures; returns once the endpoint has accepted the request.

        Parameters
        ----------
        prompt : str or list of str
            What to draw.
        accept : str
            ``application/json`` for nested RGB values, ``application/json;jpeg`` for base64 JPEGs.
        request_ttl_seconds, invocation_timeout_seconds : int, optional
            How long the request may stay queued (60 to 21,600), and how long the model may take (1 to 3,600).
        **parameters
            See :class:`helpers.inference.parameters.Parameters`: negative_prompt, width, height, num_inference_steps,
            guidance_scale, num_images_per_prompt, seed; for Small World also image, mask_image, strength.

        Raises
        ------
        ParameterError
            A parameter is not what the model accepts; nothing was uploaded.
        NotDeployedError, TargetError
            See :meth:`names` and :meth:`Job.submit`.
        """
        options = _options(accept, request_ttl_seconds, invocation_timeout_seconds)
        request = checked_request(prompt, parameters, limits=self.limits, accept=accept)
        return jobs.Job(self, ids.new_id(), request, options=options).submit()

    def generate_many(
        self,
        prompts: Iterable[str | list[str] | Mapping[str, Any]],
        *,
        concurrency: int = 8,
        accept: str = NESTED_RGB,
        request_ttl_seconds: int | None = None,
        invocation_timeout_seconds: int | None = None,
        **parameters: Unpack[Parameters],
    ) -> list[Job]:
        """Ask for many pictures, at most ``concurrency`` requests on their way at a time.

        Parameters
        ----------
        prompts : iterable
            Prompts, or mappings such as ``{"prompt": "a red circle", "seed": 3}`` whose parameters override the
            others.
        concurrency : int
            1 to 64.
        accept, request_ttl_seconds, invocation_timeout_seconds, **parameters
            As for :meth:`generate`, for all prompts.

        Returns
        -------
        list of Job
            In the order of ``prompts``, which is also that of their ids.

        Raises
        ------
        ParameterError
            Some parameter of some prompt is not accepted; nothing at all was uploaded.
        SubmissionError
            The endpoint or S3 refused some; the error holds both lists.
        """
        if isinstance(concurrency, bool) or not isinstance(concurrency, int) or not 1 <= concurrency <= 64:
            raise ParameterError(f"concurrency = {concurrency!r}: allowed is a whole number, 1 to 64.")
        if isinstance(prompts, (str, Mapping)):
            raise ParameterError(f"prompts = {prompts!r}: allowed is a list of prompts; generate() takes a single one.")
        options = _options(accept, request_ttl_seconds, invocation_timeout_seconds)
        requests = []
        for number, item in enumerate(prompts):
            own = {"prompt": item} if not isinstance(item, Mapping) else item
            merged = {**parameters, **{name: value for name, value in own.items() if name != "prompt"}}
            try:
                requests.append(checked_request(own.get("prompt"), merged, limits=self.limits, accept=accept))
            except ParameterError as error:
                raise ParameterError(f"prompts[{number}]: {error}") from None
        made = [jobs.Job(self, ids.new_id(), request, options=options) for request in requests]
        jobs.submit_all(made, concurrency)
        return made

    @overload
    def wait_all(
        self, waiting: Iterable[Job], timeout: float = ..., on_change: OnChange | None = ...
    ) -> list[Result]: ...

    @overload
    def wait_all(
        self,
        waiting: Iterable[Job],
        timeout: float = ...,
        on_change: OnChange | None = ...,
        *,
        return_exceptions: bool,
    ) -> list[Result | WorkshopError]: ...

    def wait_all(
        self,
        waiting: Iterable[Job],
        timeout: float = 1800.0,
        on_change: OnChange | None = None,
        *,
        return_exceptions: bool = False,
    ) -> list[Result] | list[Result | WorkshopError]:
        """Wait until every job is settled, looking by listings: cheap for hundreds.

        Parameters
        ----------
        waiting : iterable of Job
            The jobs.
        timeout : float
            Seconds for all of them together.
        on_change : callable, optional
            Called with a job and its new state at each change; what it raises ends the wait. A listing does not show
            the state "generated".
        return_exceptions : bool
            As for ``asyncio.gather``: True puts each job's error in its place; False raises the first, after all
            are settled.

        Returns
        -------
        list of Result
            In the order of the jobs.

        Raises
        ------
        JobFailed, JobTimeoutError, ResultError, TargetError
            As :meth:`Job.wait` does.
        """
        return jobs.wait_all(self, waiting, timeout, on_change, return_exceptions=return_exceptions)

    def jobs(self, limit: int | None = None) -> list[Job]:
        """All jobs that left something in the bucket, newest first, whoever submitted them.

        Parameters
        ----------
        limit : int, optional
            At most that many, the newest.
        """
        return jobs.jobs_in(self, limit)

    def resume(self, inference_id: str) -> Job:
        """The job with this id, as it lies in the bucket; its ``wait`` goes on where another kernel left off.

        Raises
        ------
        ParameterError
            This cannot be an inference id.
        ResultError
            Nothing of such a job is in the bucket.
        """
        return jobs.resume(self, inference_id)

    def invoke(self, inference_id: str, input_location: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """InvokeEndpointAsync for a stored request; for :class:`Job`."""
        with explained(f"invoking endpoint {self.names.endpoint}", self.target):
            answer: dict[str, Any] = self.client("sagemaker-runtime").invoke_endpoint_async(
                EndpointName=self.names.endpoint,
                InputLocation=input_location,
                InferenceId=inference_id,
                ContentType="application/json",
                **options,
            )
        return answer

    def describe_endpoint(self) -> dict[str, Any]:
        """DescribeEndpoint of the workshop's endpoint."""
        with explained(f"describing endpoint {self.names.endpoint}", self.target):
            answer: dict[str, Any] = self.client("sagemaker").describe_endpoint(EndpointName=self.names.endpoint)
        return answer

    def log_messages(self, group: str, pattern: str, since: dt.datetime) -> list[tuple[str, str]]:
        """Stream and message of the log lines that match ``pattern``, from ``since`` on, oldest first."""
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


def _options(accept: str, ttl: int | None, timeout: int | None) -> dict[str, Any]:
    """What InvokeEndpointAsync gets beside the request."""
    options: dict[str, Any] = {"Accept": accept}
    for name, argument, value, (low, high) in (
        ("request_ttl_seconds", "RequestTTLSeconds", ttl, REQUEST_TTL_SECONDS),
        ("invocation_timeout_seconds", "InvocationTimeoutSeconds", timeout, INVOCATION_TIMEOUT_SECONDS),
    ):
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ParameterError(f"{name} = {value!r}: allowed is a whole number of seconds, {low} to {high}.")
        options[argument] = value
    return options
