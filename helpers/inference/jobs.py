"""A job: one request to the asynchronous endpoint, from upload to pictures.

Everything that a job needs to go on is stored in S3 under its inference id, so a restarted kernel loses nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, overload

from contract import ids
from contract.errors import ResultError, SubmissionError, TargetError, WorkshopError
from helpers.inference.results import Result
from helpers.inference.watching import CloseLook, ListingLook, OnChange, Sight, Wait, read_status, state_in
from helpers.target.handle import Handle
from helpers.target.store import Store

STATES = ("created", "uploaded", "queued", "waking", "generated", "notified", "done", "failed")
"""created: only here. uploaded: its request is in S3. queued: the endpoint has accepted it. waking: queued, and the
endpoint stands at zero instances. generated: the model's answer is in S3. notified: the endpoint has reported
success. done: the images are there. failed: the endpoint has reported failure."""

OPTIONS = "invoke-options"
"""User-defined metadata of a stored request: what InvokeEndpointAsync gets besides it, so that another process can send
it again as it was."""
INVOKE_OPTIONS = frozenset(("Accept", "RequestTTLSeconds", "InvocationTimeoutSeconds"))

READERS = 8
"""Threads that read objects of several jobs at once."""


class Job:
    """One request and what became of it.

    Made by ``generate``, ``generate_many``, ``jobs`` and ``resume`` of a connection.

    Parameters
    ----------
    connection : Handle
        Where it runs.
    inference_id : str
        See :func:`contract.ids.new_id`.
    request : dict, optional
        As :func:`helpers.inference.parameters.checked_request` makes it; by default read from S3 when it is needed.
    options : dict, optional
        What InvokeEndpointAsync gets besides, see :data:`INVOKE_OPTIONS`.
    state : str
        One of :data:`STATES`.

    Attributes
    ----------
    id : str
        The inference id; :meth:`Connection.resume` takes it.
    state : str
        The last state seen, one of :data:`STATES`. A job found in S3 without an answer is "uploaded": whether the
        endpoint has accepted it cannot be told from there.
    output_key, failure_key : str
        Where the model's answer, or its error, will be stored; empty for a job that another process submitted.
    """

    def __init__(
        self,
        connection: Handle,
        inference_id: str,
        request: dict[str, Any] | None = None,
        *,
        options: dict[str, Any] | None = None,
        state: str = "created",
    ) -> None:
        self._connection = connection
        self.id = ids.checked(inference_id)
        self.state = state
        self.output_key = self.failure_key = ""
        self._request, self._options = request, dict(options or {})

    def __repr__(self) -> str:
        text = ""
        if self._request is not None:  # never fetched only to be shown
            prompt = str(self._request.get("prompt", ""))
            text = f": {prompt[:60]}{'…' * (len(prompt) > 60)}"
        return f"<Job {self.id} {self.state}{text}>"

    @property
    def request(self) -> dict[str, Any]:
        """The request as the model gets it; read from S3 (ResultError when it is gone) when another process made it."""
        if self._request is None:
            key = ids.request_key(self.id)
            self._request = self._connection.store.read_json(key)
            if self._request is None:
                raise ResultError(f"{self._connection.store.uri(key)} is not there; it may have expired.")
        return self._request

    def submit(self) -> Job:
        """Upload the request and invoke the endpoint; once accepted, further calls do nothing.

        May be called again after an error, and on a resumed job: the id stays the same, so a second answer lands
        where the first one did.

        Raises
        ------
        TargetError
            S3 or the endpoint refused. A request that this call has uploaded is gone again.
        """
        if self.state == "uploaded" and self.refresh() != "uploaded":
            return self
        if self.state not in ("created", "uploaded"):
            return self
        store, key, found = self._connection.store, ids.request_key(self.id), self.state == "uploaded"
        if found and not self._options:
            self._options = _stored_options(store, key)
        body = json.dumps(self.request, ensure_ascii=False).encode()
        store.write(key, body, "application/json", {OPTIONS: json.dumps(self._options)})
        self.state = "uploaded"
        try:
            answer = self._connection.invoke(self.id, store.uri(key), self._options)
        except BaseException as error:
            if not found:
                self._take_back(key, error)
            raise
        self.output_key = _key_in(answer.get("OutputLocation"), self._connection)
        self.failure_key = _key_in(answer.get("FailureLocation"), self._connection)
        self.state = "queued"
        return self

    def _take_back(self, key: str, error: BaseException) -> None:
        try:
            self._connection.store.delete(key)
            self.state = "created"
        except TargetError as problem:
            error.add_note(f"Its request {key} could not be removed from the bucket either: {problem}")

    def move_to(self, state: str, on_change: OnChange | None = None) -> None:
        """Note that ``state`` was seen, and tell ``on_change`` when that is news."""
        if state != self.state:
            self.state = state
            if on_change is not None:
                on_change(self, state)

    def refresh(self) -> str:
        """Look once at what is in S3, without asking for images; return the state.

        Raises
        ------
        ResultError
            The stored notification is not one.
        """
        sight = CloseLook(self._connection)([self])[self.id]
        if isinstance(sight, ResultError):
            raise sight
        self.move_to(state_in(sight) or self.state)
        return self.state

    def wait(self, timeout: float = 900.0, on_change: OnChange | None = None) -> Result:
        """Wait for the pictures.

        Parameters
        ----------
        timeout : float
            Seconds. An endpoint at zero instances needs minutes on AWS.
        on_change : callable, optional
            Called with this job and its new state at each change; what it raises ends the wait.

        Raises
        ------
        JobFailed
            The endpoint reported failure; the message holds its reason and the model's words.
        JobTimeoutError
            Time is up; the message says where the job stands and what to look at.
        ResultError
            What is stored under ``status/`` is not this job's notification.
        TargetError
            S3 cannot be reached or refuses.

        Notes
        -----
        Interrupting is safe: the job goes on, and this may be called again.
        """
        error = Wait(self._connection, CloseLook(self._connection), on_change).until_settled([self], timeout)[self.id]
        if error is not None:
            raise error
        return Result(self._connection, self.id)


def _stored_options(store: Store, key: str) -> dict[str, Any]:
    """The options in a request's metadata; none for a request that something else has written."""
    stored = store.read(key)
    text = stored.metadata.get(OPTIONS, "{}") if stored else "{}"
    try:
        options = json.loads(text)
    except ValueError as error:
        raise ResultError(f"{store.uri(key)}: metadata {OPTIONS} is not JSON: {text!r}.") from error
    if not isinstance(options, dict):
        raise ResultError(f"{store.uri(key)}: metadata {OPTIONS} is not a JSON object: {text!r}.")
    return {name: value for name, value in options.items() if name in INVOKE_OPTIONS}


def _key_in(location: object, connection: Handle) -> str:
    """The key of an answer's location; empty when the endpoint writes elsewhere or says nothing."""
    try:
        return connection.store.key_of(location)
    except ResultError:
        return ""


def submit_all(jobs: Sequence[Job], concurrency: int) -> None:
    """Submit ``jobs``, at most ``concurrency`` at a time, in their order.

    Raises
    ------
    SubmissionError
        After all were tried; holds those that run and those that do not.
    """
    with ThreadPoolExecutor(max_workers=concurrency, thread_name_prefix="submit") as pool:
        errors = list(pool.map(_error_of, [job.submit for job in jobs]))
    first = next((error for error in errors if error is not None), None)
    if first is None:
        return
    refused = [job for job, error in zip(jobs, errors, strict=True) if error is not None]
    accepted = [job for job, error in zip(jobs, errors, strict=True) if error is None]
    raise SubmissionError(
        f"{len(refused)} of {len(jobs)} requests were not accepted; the first because: {first} The other "
        f"{len(accepted)} run: see .accepted and .refused of this error, and jobs().",
        accepted,
        refused,
    ) from first


def _error_of(action: Callable[[], object]) -> WorkshopError | None:
    try:
        action()
    except WorkshopError as error:
        return error
    return None


@overload
def wait_all(
    connection: Handle,
    jobs: Iterable[Job],
    timeout: float,
    on_change: OnChange | None = None,
    *,
    return_exceptions: Literal[False] = False,
) -> list[Result]: ...


@overload
def wait_all(
    connection: Handle,
    jobs: Iterable[Job],
    timeout: float,
    on_change: OnChange | None = None,
    *,
    return_exceptions: bool,
) -> list[Result | WorkshopError]: ...


def wait_all(
    connection: Handle,
    jobs: Iterable[Job],
    timeout: float,
    on_change: OnChange | None = None,
    *,
    return_exceptions: bool = False,
) -> list[Result] | list[Result | WorkshopError]:
    """Wait for many jobs with a few listings instead of calls for each.

    Parameters
    ----------
    connection : Handle
        Where they run.
    jobs, timeout, on_change, return_exceptions
        See :meth:`Connection.wait_all`, which says what this raises, too.
    """
    jobs = list(jobs)
    look = ListingLook(connection, connection.pace.endpoint)
    unique = list({job.id: job for job in jobs}.values())
    errors = Wait(connection, look, on_change).until_settled(unique, timeout)
    outcomes = [errors[job.id] or Result(connection, job.id) for job in jobs]
    if return_exceptions:
        return outcomes
    results = [outcome for outcome in outcomes if isinstance(outcome, Result)]
    first = next((outcome for outcome in outcomes if isinstance(outcome, WorkshopError)), None)
    if first is not None:
        first.add_note(
            f"{len(jobs) - len(results)} of {len(jobs)} jobs have no pictures; "
            "wait_all(…, return_exceptions=True) gives what each has."
        )
        raise first
    return results


def jobs_in(connection: Handle, limit: int | None = None) -> list[Job]:
    """All jobs that left something in the bucket, newest first; see :meth:`Connection.jobs`."""
    found: dict[str, set[str]] = {}
    for prefix, suffix in ((ids.REQUESTS, ".json"), (ids.STATUS, ".json"), (ids.IMAGES, "/manifest.json")):
        for entry in connection.store.entries(prefix):
            inference_id = ids.id_of(entry.key, prefix, suffix)
            if inference_id is not None:
                found.setdefault(inference_id, set()).add(prefix)
    newest = sorted(found, reverse=True)[:limit]
    with ThreadPoolExecutor(max_workers=READERS, thread_name_prefix="jobs") as pool:
        states = pool.map(lambda item: _state_of(connection, item, found[item]), newest)
        return [Job(connection, item, state=state) for item, state in zip(newest, states, strict=True)]


def _state_of(connection: Handle, inference_id: str, prefixes: set[str]) -> str:
    """A notification without images may report either; only then is it read."""
    status = None
    if ids.STATUS in prefixes and ids.IMAGES not in prefixes:
        try:
            status = read_status(connection, inference_id)
        except ResultError:
            return "notified"  # wait() and refresh() say what is wrong with it; the list shows the other jobs
    return state_in(Sight(images=ids.IMAGES in prefixes, status=status)) or "uploaded"


def resume(connection: Handle, inference_id: str) -> Job:
    """The job ``inference_id`` from what is in the bucket; ResultError when that is nothing."""
    job = Job(connection, inference_id, state="uploaded")
    known = [ids.request_key(job.id), ids.status_key(job.id), ids.manifest_key(job.id)]
    if not any(connection.store.exists(key) for key in known):
        raise ResultError(
            f"no job {job.id!r}: nothing of it is in {connection.store.bucket}. jobs() lists what is there; requests "
            "and pictures expire ([bucket] expire_after_days)."
        )
    job.refresh()
    return job
