"""One way to both targets: boto3 clients, the deployed names, and jobs.

Nothing here knows the local cloud but by its URL and keys: the same calls go to AWS.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Unpack, overload

from contract import ids
from contract.errors import ParameterError, WorkshopError
from contract.settings import Settings, load
from helpers.inference import jobs
from helpers.inference.jobs import Job
from helpers.inference.parameters import NESTED_RGB, Limits, Parameters, checked_request, limits_of
from helpers.inference.results import Result
from helpers.inference.watching import OnChange
from helpers.target.handle import Handle, inside
from helpers.target.targets import STATE, open_aws, open_local

REQUEST_TTL_SECONDS = (60, 21_600)
INVOCATION_TIMEOUT_SECONDS = (1, 3600)
"""Bounds of InvokeEndpointAsync, SageMaker Runtime API Reference."""


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
    return Connection(*inside(settings))


class Connection(Handle):
    """A target, the workshop that is deployed there, and jobs.

    Made by :func:`connect` or :func:`connect_inside`. Safe to use from several threads.
    """

    def refresh(self) -> None:
        """Forget names, bucket and limits, after a deployment has changed them."""
        super().refresh()
        self.__dict__.pop("limits", None)

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
            See :meth:`Handle.names` and :meth:`Job.submit`.
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
            raise ParameterError(f"concurrency = {concurrency!r}: must be a whole number, 1 to 64.")
        if isinstance(prompts, (str, Mapping)):
            raise ParameterError(f"prompts = {prompts!r}: must be a list of prompts; generate() takes a single one.")
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
        """All jobs that left something in the bucket, newest first, of every user of the bucket.

        Parameters
        ----------
        limit : int, optional
            At most that many, the newest.
        """
        return jobs.jobs_in(self, limit)

    def resume(self, inference_id: str) -> Job:
        """The job with this id, as the bucket shows it; its ``wait`` goes on where another kernel left off.

        Raises
        ------
        ParameterError
            This cannot be an inference id.
        ResultError
            Nothing of such a job is in the bucket.
        """
        return jobs.resume(self, inference_id)


def _options(accept: str, ttl: int | None, timeout: int | None) -> dict[str, Any]:
    """What InvokeEndpointAsync gets besides the request."""
    options: dict[str, Any] = {"Accept": accept}
    for name, argument, value, (low, high) in (
        ("request_ttl_seconds", "RequestTTLSeconds", ttl, REQUEST_TTL_SECONDS),
        ("invocation_timeout_seconds", "InvocationTimeoutSeconds", timeout, INVOCATION_TIMEOUT_SECONDS),
    ):
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ParameterError(f"{name} = {value!r}: must be a whole number of seconds, {low} to {high}.")
        options[argument] = value
    return options
