"""Waiting with a deadline: look at the bucket at growing intervals until every job is settled.

One job is looked at key by key, which shows every state soonest; many are looked at by listing prefixes, a call for up
to 1000 objects instead of several calls for each job.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from contract import ids, names
from contract.errors import JobFailed, JobTimeoutError, ResultError, TargetError, WorkshopError
from helpers.target.handle import Handle

OnChange = Callable[[Any, str], object]
"""Called with a job and its new state, once for each change; an exception in it ends the wait."""


class Watched(Protocol):
    """What a wait needs to know of a job.

    Attributes
    ----------
    id, state : str
        The inference id, and the last state that was seen.
    output_key, failure_key : str
        Where the model's answer, or its error, will be stored; empty when that is not known.
    """

    id: str
    state: str
    output_key: str
    failure_key: str

    def move_to(self, state: str, on_change: OnChange | None = None) -> None:
        """Note that ``state`` was seen, and tell ``on_change`` when that is news."""


class EndpointWatch:
    """Whether the endpoint stands at zero instances, asked rarely.

    A role that may not describe the endpoint does not end the wait: ``note`` then says so in the message of a
    timeout.

    Attributes
    ----------
    instances : int or None
        How many the endpoint had when last asked; None while that is not known.
    note : str
        What the endpoint said last, for messages.
    """

    def __init__(self, connection: Handle, every: float) -> None:
        self._connection, self._every, self._timer = connection, every, connection.timer
        self._next = self._timer.now() + every
        self._at_zero = False
        self.instances: int | None = None
        self.note = ""

    def at_zero(self) -> bool:
        """The last known answer, renewed when it is old."""
        if self._timer.now() < self._next:
            return self._at_zero
        self._next = self._timer.now() + self._every
        try:
            endpoint = self._connection.describe_endpoint()
        except TargetError as error:
            self._at_zero, self.instances = False, None
            self.note = f" The endpoint cannot be described: {error}"
            return False
        variants, reason = endpoint.get("ProductionVariants", []), endpoint.get("FailureReason", "")
        instances = sum(variant.get("CurrentInstanceCount", 0) for variant in variants)
        self.instances = instances if variants else None
        self.note = f" The endpoint is {endpoint.get('EndpointStatus')} with {instances} instances." + (
            f" {reason}" if reason else ""
        )
        # While an endpoint is created or updated it may show no variants; it is not asleep then.
        self._at_zero = instances == 0 and endpoint.get("EndpointStatus") == "InService"
        return self._at_zero


@dataclasses.dataclass
class Sight:
    """What is in the bucket for one job."""

    images: bool = False
    status: dict[str, Any] | None = None
    output: bool = False
    failure: bool = False


def state_in(sight: Sight) -> str | None:
    """The state that ``sight`` proves, or None while nothing but the request is known.

    A manifest outweighs a failed notification: a request that was sent twice may fail once.
    """
    if sight.images:
        return "done"
    if sight.status is not None:
        return "failed" if sight.status["invocationStatus"] == "Failed" else "notified"
    return "generated" if sight.output else None


def read_status(connection: Handle, inference_id: str) -> dict[str, Any] | None:
    """The stored notification, checked; None when there is none yet.

    Raises
    ------
    ResultError
        It is not the notification of this request.
    """
    key = ids.status_key(inference_id)
    status = connection.store.read_json(key)
    if status is None:
        return None
    where = connection.store.uri(key)
    if status.get("invocationStatus") not in ("Completed", "Failed"):
        raise ResultError(
            f"{where}: invocationStatus is {status.get('invocationStatus')!r}; expected 'Completed' or 'Failed'. "
            "See the log of save_status, which wrote it."
        )
    if status.get("inferenceId") != inference_id:
        raise ResultError(f"{where}: inferenceId is {status.get('inferenceId')!r}; expected {inference_id!r}.")
    return status


class CloseLook:
    """Looks at each job key by key: up to four calls for each."""

    def __init__(self, connection: Handle) -> None:
        self._connection = connection

    def __call__(self, jobs: Sequence[Watched]) -> dict[str, Sight | ResultError]:
        seen: dict[str, Sight | ResultError] = {}
        for job in jobs:
            try:
                seen[job.id] = self._one(job)
            except ResultError as error:
                seen[job.id] = error
        return seen

    def _one(self, job: Watched) -> Sight:
        store, sight = self._connection.store, Sight()
        sight.images = store.exists(ids.manifest_key(job.id))
        if sight.images:
            return sight
        sight.status = read_status(self._connection, job.id)
        if sight.status is None and job.output_key:
            sight.output = store.exists(job.output_key)
        if sight.status is None and not sight.output and job.failure_key:
            sight.failure = store.exists(job.failure_key)
        return sight


class ListingLook:
    """Looks at all jobs by listing: one call for 1000 keys; does not see the state "generated".

    A stored notification is read once. Failure outputs, whose keys do not sort by time, are listed only every
    ``failures_every`` seconds: they matter when a notification was lost.
    """

    def __init__(self, connection: Handle, failures_every: float) -> None:
        self._connection, self._every = connection, failures_every
        self._next = connection.timer.now() + failures_every
        self._statuses: dict[str, dict[str, Any] | None] = {}

    def __call__(self, jobs: Sequence[Watched]) -> dict[str, Sight | ResultError]:
        wanted = {job.id for job in jobs}
        images = self._ids(ids.IMAGES, "/manifest.json", wanted)
        notified = self._ids(ids.STATUS, ".json", wanted)
        failures = self._failures(jobs)
        seen: dict[str, Sight | ResultError] = {}
        for job in jobs:
            sight = Sight(images=job.id in images, failure=job.failure_key in failures)
            try:
                if job.id in notified and not sight.images:
                    if self._statuses.get(job.id) is None:
                        self._statuses[job.id] = read_status(self._connection, job.id)
                    sight.status = self._statuses[job.id]
                seen[job.id] = sight
            except ResultError as error:
                seen[job.id] = error
        return seen

    def _ids(self, prefix: str, suffix: str, wanted: set[str]) -> set[str]:
        # "~" sorts after everything that may follow an id in a key.
        after, until = min(f"{prefix}{item}" for item in wanted), max(f"{prefix}{item}~" for item in wanted)
        found = (
            ids.id_of(entry.key, prefix, suffix)
            for entry in self._connection.store.entries(prefix, after=after, until=until)
        )
        return {inference_id for inference_id in found if inference_id in wanted}

    def _failures(self, jobs: Sequence[Watched]) -> set[str]:
        if self._connection.timer.now() < self._next:
            return set()
        self._next = self._connection.timer.now() + self._every
        prefixes = {job.failure_key.rpartition("/")[0] + "/" for job in jobs if job.failure_key}
        return {entry.key for prefix in prefixes for entry in self._connection.store.entries(prefix)}


class Wait:
    """One wait for one or many jobs.

    Parameters
    ----------
    connection : Handle
        Where the jobs run.
    look : callable
        Says what is in the bucket for each of some jobs.
    on_change : callable, optional
        See :data:`OnChange`.
    endpoint : EndpointWatch, optional
        Shared by several waits; by default one of its own.
    """

    def __init__(
        self,
        connection: Handle,
        look: Callable[[Sequence[Watched]], dict[str, Sight | ResultError]],
        on_change: OnChange | None = None,
        endpoint: EndpointWatch | None = None,
    ) -> None:
        self._connection, self._look, self._on_change = connection, look, on_change
        self._timer, self._pace = connection.timer, connection.pace
        self._endpoint = endpoint or EndpointWatch(connection, self._pace.endpoint)
        self._failure_seen: dict[str, float] = {}

    def until_settled(self, jobs: Sequence[Watched], timeout: float) -> dict[str, WorkshopError | None]:
        """Look until each job is done, has failed, or the deadline has passed.

        Parameters
        ----------
        jobs : sequence of Job
            Each with an id of its own.
        timeout : float
            Seconds; 0 looks once.

        Returns
        -------
        dict
            For each id None when its images are there, else the error that its ``wait`` raises.
        """
        deadline, interval = self._timer.now() + timeout, self._pace.first
        pending, outcomes = list(jobs), dict[str, WorkshopError | None]()
        while pending:
            before = [job.state for job in pending]
            outcomes |= self.look(pending)
            changed = before != [job.state for job in pending]
            pending = [job for job in pending if job.id not in outcomes]
            left = deadline - self._timer.now()
            if not pending or left <= 0:
                break
            interval = self._pace.first if changed else interval
            self._timer.sleep(min(interval, left))
            interval = min(interval * self._pace.growth, self._pace.longest)
        for job in pending:
            outcomes[job.id] = self._late(job, timeout)
        return outcomes

    def look(self, pending: Sequence[Watched]) -> dict[str, WorkshopError | None]:
        """Look once; return the outcomes, as :meth:`until_settled` does, of those jobs that are settled now."""
        outcomes: dict[str, WorkshopError | None] = {}
        seen = self._look(pending)
        for job in pending:
            self._take_in(job, seen[job.id], outcomes)
        return outcomes

    def _take_in(self, job: Watched, sight: Sight | ResultError, outcomes: dict[str, WorkshopError | None]) -> None:
        if isinstance(sight, ResultError):
            outcomes[job.id] = sight
            return
        state = state_in(sight)
        if sight.failure and state is None:
            since = self._failure_seen.setdefault(job.id, self._timer.now())
            state = "failed" if self._timer.now() - since >= self._pace.grace else None
        if state == "done":
            outcomes[job.id] = None
        elif state == "failed":
            outcomes[job.id] = failure_of(self._connection, job, sight.status)
        elif state is None and job.state in ("uploaded", "queued", "waking"):
            asleep = self._endpoint.at_zero()
            state = "waking" if asleep else ("queued" if job.state == "waking" else None)
        if state is not None:
            job.move_to(state, self._on_change)

    def _late(self, job: Watched, timeout: float) -> WorkshopError:
        if job.id in self._failure_seen:  # its output is there, and only the notification is late
            job.move_to("failed", self._on_change)
            return failure_of(self._connection, job, None)
        return JobTimeoutError(
            f"{job.id} is still {job.state!r} after {timeout:g} s: {LATE[job.state]}{self._endpoint.note} The job goes "
            f"on; wait again with resume({job.id!r}).wait()."
        )


_ASLEEP = (
    "the endpoint has scaled to zero and an instance must start first, which takes minutes on AWS: give it a longer "
    "timeout."
)
_QUEUED = (
    "the endpoint has not answered: other requests may be before it in the queue, or the model takes longer. If the "
    "endpoint was replaced meanwhile (another instance type), its queue is gone: connection.resume(id).submit() sends "
    "the request again."
)
LATE = {
    "created": "it was never submitted: call submit().",
    "uploaded": "its request is stored, but whether the endpoint has accepted it is not known: submit() sends it "
    "again.",
    "queued": _QUEUED,
    "waking": _ASLEEP,
    "generated": "the model has answered, but no notification arrived: look at the dead-letter queues and the logs of "
    "save_status and extract_images.",
    "notified": "the model has answered, but its images were never extracted: look at the dead-letter queue and the "
    "log of extract_images, which say why.",
    "failed": "it failed.",
    "done": "its images are there.",
}
"""What a state means when time is up."""


def _said(body: bytes) -> str:
    """The model's words in a failure object: plain text, or the ``message`` of a model server's JSON."""
    text = body.decode("utf-8", "replace")
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    message = found.get("message") if isinstance(found, dict) else None
    return (message if isinstance(message, str) else text).strip()


def failure_of(connection: Handle, job: Watched, status: dict[str, Any] | None) -> JobFailed:
    """The error for a failed job: the notification's reason, and what the model said when that was stored.

    Parameters
    ----------
    connection : Handle
        Where it ran.
    job : Watched
        The job.
    status : dict or None
        Its notification, see :func:`read_status`.
    """
    reason = str((status or {}).get("failureReason") or "")
    stored = connection.store.read(job.failure_key) if job.failure_key else None
    said = _said(stored.body)[:2000] if stored else ""
    whole = "; the model said: ".join(part for part in (reason, said) if part) or "no reason was given"
    where = f" ({connection.store.uri(job.failure_key)})" if stored else ""
    group = names.endpoint_log_group(connection.names.endpoint)
    return JobFailed(f"{job.id} failed: {whole.rstrip('.')}{where}. See the log group {group}.", whole)
