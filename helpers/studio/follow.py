"""Requests on their way: sent in one thread, looked at by another, cancelled when somebody asks for it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading
import time
import weakref
from collections.abc import Callable

from contract import ids
from contract.errors import JobFailed, WorkshopError
from helpers.inference.connection import Connection
from helpers.inference.jobs import Job
from helpers.inference.watching import LATE, CloseLook, EndpointWatch, ListingLook, Wait
from helpers.studio import steps
from helpers.studio.work import Complaint, Worker, said

FEW = 8
"""Up to so many requests are looked at key by key, more by listings."""

LONGEST_SECONDS = 21_600 + 3_600
"""RequestTTLSeconds and InvocationTimeoutSeconds at their most: then SageMaker has dropped a request
(InvokeEndpointAsync, SageMaker Runtime API Reference)."""

STUCK_SECONDS = 60.0
"""After so long without a Lambda's work the row says where to look."""

DEAD_CHECK_SECONDS = 5.0
"""How often an idle thread looks whether its studio is still there."""


@dataclasses.dataclass
class Request:
    """One request that the studio follows.

    Attributes
    ----------
    job : Job
        Its state is the last one seen.
    began : float
        When it was made, in seconds of ``time.monotonic``.
    found : bool
        Whether it was found in S3 instead of being sent by this studio.
    seen : dict
        State to seconds after ``began``.
    outcome : str
        Empty while it is on its way; then done, failed or cancelled.
    text : str
        What there is to say of the outcome.
    before : str
        The state before it failed or was cancelled.
    """

    job: Job
    began: float
    found: bool = False
    seen: dict[str, float] = dataclasses.field(default_factory=dict)
    outcome: str = ""
    text: str = ""
    before: str = ""
    ended: float | None = None
    told: bool = False
    """Whether everybody has been told about its end."""

    @property
    def on_its_way(self) -> bool:
        """Whether anything may still come."""
        return not self.outcome

    @property
    def elapsed(self) -> float:
        """Seconds since it was made, until its end."""
        return (self.ended if self.ended is not None else time.monotonic()) - self.began

    def note(self, state: str) -> None:
        """Remember when ``state`` was seen first."""
        self.seen.setdefault(state, time.monotonic() - self.began)

    def end(self, outcome: str, text: str, before: str = "") -> None:
        """Stop waiting for it.

        Parameters
        ----------
        outcome : str
            done, failed or cancelled.
        text : str
            What there is to say about it.
        before : str
            The state before it failed or was cancelled.
        """
        self.outcome, self.text, self.before, self.ended = outcome, text, before, time.monotonic()
        if outcome == "done":
            self.note("done")


class Follower:
    """Follows requests until each is done, has failed or is cancelled.

    Parameters
    ----------
    connection : Connection
        Where they run.
    changed : callable
        Called, in some thread, whenever a request has changed.
    settled : callable
        Called with a request that is no longer on its way.
    complain : callable
        Called with what went wrong with no particular request: S3 cannot be reached.
    """

    def __init__(
        self,
        connection: Connection,
        changed: Callable[[], object],
        settled: Callable[[Request], object],
        complain: Complaint,
    ) -> None:
        self._connection, self._changed, self._settled, self._complain = connection, changed, settled, complain
        self.endpoint = EndpointWatch(connection, connection.pace.endpoint)
        self._close = Wait(connection, CloseLook(connection), endpoint=self.endpoint)
        self._listing = Wait(connection, ListingLook(connection, connection.pace.endpoint), endpoint=self.endpoint)
        self._requests: dict[str, Request] = {}
        self._lock, self._wake, self._closed = threading.Lock(), threading.Event(), threading.Event()
        self._sender = Worker("studio-send", complain)
        self._interval = connection.pace.first
        self._thread = threading.Thread(
            target=_follow, args=(weakref.ref(self), self._wake, self._closed), name="studio-follow", daemon=True
        )
        self._stop = weakref.finalize(self, _stop, self._closed, self._wake)
        self._thread.start()

    def requests(self) -> list[Request]:
        """All that are followed or have ended here, newest first."""
        with self._lock:
            return sorted(self._requests.values(), key=lambda request: request.job.id, reverse=True)

    @property
    def quiet(self) -> bool:
        """Whether nothing is on its way, and everybody has been told about all that has ended."""
        return all(request.told for request in self.requests())

    def find(self, inference_id: str) -> Request | None:
        """The request with this id."""
        with self._lock:
            return self._requests.get(inference_id)

    def send(self, job: Job) -> None:
        """Submit ``job`` and follow it; returns at once."""
        request = self._add(Request(job, time.monotonic()))
        self._sender.do(lambda: self._submit(request))

    def take_up(self, job: Job) -> None:
        """Follow ``job``, which was found in S3, unless it is followed already."""
        if self.find(job.id) is not None:
            return
        age = age_of(job.id)
        self._add(Request(job, time.monotonic() - max(age or 0.0, 0.0), found=True))
        self._look_soon()

    def cancel(self, inference_id: str) -> None:
        """Wait no longer, and remove the request from S3 while the endpoint may not have read it; returns at once."""
        request = self.find(inference_id)
        if request is not None and request.on_its_way:
            self._sender.do(lambda: self._take_back(request))

    def forget(self, inference_id: str) -> None:
        """Take a request that has ended off the list."""
        with self._lock:
            request = self._requests.get(inference_id)
            if request is not None and not request.on_its_way:
                del self._requests[inference_id]
        self._changed()

    def close(self) -> None:
        """Stop both threads; what is on its way goes on without us."""
        self._sender.close()
        self._stop()

    def join(self, seconds: float) -> bool:
        """Whether both threads have ended within ``seconds`` of :meth:`close`."""
        deadline = time.monotonic() + seconds
        self._thread.join(seconds)
        return self._sender.join(deadline - time.monotonic()) and not self._thread.is_alive()

    def _add(self, request: Request) -> Request:
        request.note(request.job.state)
        with self._lock:
            self._requests[request.job.id] = request
        self._changed()
        return request

    def _look_soon(self) -> None:
        self._interval = self._connection.pace.first
        self._wake.set()

    def _submit(self, request: Request) -> None:
        if not request.on_its_way:
            return
        try:
            request.job.submit()
        except Exception as error:  # noqa: BLE001 - whatever it was, the row shows it
            self._end(request, "failed", f"It could not be sent: {said(error)}", before=request.job.state)
            return
        for state in ("uploaded", request.job.state):
            request.note(state)
        self._changed()
        self._look_soon()

    def _take_back(self, request: Request) -> None:
        if not request.on_its_way:
            return
        state, key = request.job.state, ids.request_key(request.job.id)
        if state == "created":
            self._end(request, "cancelled", steps.CANCELLED_UNSENT, before=state)
        elif state in ("generated", "notified"):
            self._end(request, "cancelled", steps.CANCELLED_READ, before=state)
        else:
            _ = request.job.request  # kept for the row, since S3 forgets it now
            self._connection.store.delete(key)
            self._end(request, "cancelled", steps.CANCELLED_UNREAD, before=shown_state(request, self.endpoint))

    def _end(self, request: Request, outcome: str, text: str, before: str = "") -> None:
        request.end(outcome, text, before)
        try:
            self._changed()
            self._settled(request)
        finally:
            request.told = True

    def look(self) -> float:
        """Look once at all that are on their way; return how many seconds to wait until the next look."""
        waiting = [item for item in self.requests() if item.on_its_way and item.job.state != "created"]
        if not waiting:
            return DEAD_CHECK_SECONDS
        before = [(item.job.state, self.endpoint.instances) for item in waiting]
        wait = self._close if len(waiting) <= FEW else self._listing
        states = {item.job.id: shown_state(item, self.endpoint) for item in waiting}
        outcomes = wait.look([item.job for item in waiting])
        for item in waiting:
            if not item.on_its_way:  # cancelled meanwhile
                continue
            item.note(shown_state(item, self.endpoint))
            if item.job.id in outcomes:
                self._outcome(item, outcomes[item.job.id], states[item.job.id])
            elif item.elapsed > LONGEST_SECONDS:
                self._end(item, "failed", steps.UNANSWERED, before=states[item.job.id])
        pace = self._connection.pace
        if before != [(item.job.state, self.endpoint.instances) for item in waiting]:
            self._interval = pace.first
            self._changed()
            return self._interval
        self._interval = min(self._interval * pace.growth, pace.longest)
        return self._interval

    def _outcome(self, request: Request, error: WorkshopError | None, before: str) -> None:
        if error is None:
            self._end(request, "done", steps.TEXTS["done"])
        elif isinstance(error, JobFailed) and error.reason:
            self._end(request, "failed", error.reason, before=before)
        else:
            self._end(request, "failed", str(error), before=before)


def shown_state(request: Request, endpoint: EndpointWatch) -> str:
    """The job's state, told apart further by the endpoint's instances.

    In the queue of an endpoint with an instance it is "generating", and of one without it is "waking": also while the
    endpoint is already being scaled, when its status is no longer InService.
    """
    state = request.job.state
    if state in ("queued", "waking") and endpoint.instances is not None:
        return "generating" if endpoint.instances else "waking"
    return state


def hint(request: Request) -> str:
    """What to look at when a request stands still behind the model; empty while it does not."""
    state = request.job.state
    stuck = state in ("generated", "notified") and request.elapsed - request.seen.get(state, 0.0) > STUCK_SECONDS
    return LATE[state] if stuck else ""


def age_of(inference_id: str) -> float | None:
    """Seconds since the id was made, by its own time; None for an id of another form."""
    try:
        made = dt.datetime.strptime(inference_id[:23], "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=dt.UTC)
    except ValueError:
        return None
    return (dt.datetime.now(dt.UTC) - made).total_seconds()


def _stop(closed: threading.Event, wake: threading.Event) -> None:
    closed.set()
    wake.set()


def _follow(reference: weakref.ref[Follower], wake: threading.Event, closed: threading.Event) -> None:
    """The thread: holds the follower only while it looks, so that one that nobody needs any more can go."""
    while not closed.is_set():
        follower = reference()
        if follower is None:
            return
        try:
            seconds = follower.look()
        except Exception as error:  # noqa: BLE001 - the thread must live on, and the page says what happened
            seconds = follower._connection.pace.longest * 3
            follower._complain(f"{said(error)} Looking again in {seconds:g} s.")
        del follower
        wake.wait(seconds)
        wake.clear()
