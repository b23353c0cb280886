"""Watch queue and instances while a notebook does something else: samples from a thread, for a figure afterwards.

What waits is counted in the bucket (a request without a status or a picture), which is exact and current on either
target; CloudWatch's metrics tell it by the minute, and later.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from typing import TYPE_CHECKING

from helpers import ids
from helpers.errors import JobTimeoutError, WorkshopError

if TYPE_CHECKING:
    from types import TracebackType

    from helpers.connection import Connection

LOCAL_SECONDS, AWS_SECONDS = 0.25, 10.0
"""Between two looks."""
STOP_SECONDS = 120.0
"""How long leaving the ``with`` block waits for a look that is under way."""


@dataclasses.dataclass(frozen=True)
class Sample:
    """One look.

    Attributes
    ----------
    seconds : float
        Since the observation began.
    waiting : int
        Requests of this observation that are queued or being worked on.
    done : int
        Requests of this observation that are settled.
    instances : int
        Instances that run.
    desired : int
        Instances that the endpoint shall have.
    """

    seconds: float
    waiting: int
    done: int
    instances: int
    desired: int


class Observation:
    """Looks at queue and instances from a thread for as long as its ``with`` block runs.

    Parameters
    ----------
    connection : Connection
    every : float, optional
        Seconds between two looks; by default 0.25 on the local cloud, 10 on AWS.

    Attributes
    ----------
    samples : list of Sample
        In the order of time; only requests that were made since it began are counted.
    problem : str
        Why some looks failed; empty when none did.

    Examples
    --------
    >>> with Observation(connection) as seen:  # doctest: +SKIP
    ...     results = connection.wait_all(connection.generate_many(prompts))
    >>> seen.most_instances  # doctest: +SKIP
    2
    """

    def __init__(self, connection: Connection, every: float | None = None) -> None:
        self._connection = connection
        self._every = every or (LOCAL_SECONDS if connection.target.name == "local" else AWS_SECONDS)
        self._stop, self._thread = threading.Event(), threading.Thread(target=self._run, name="observe", daemon=True)
        self._first, self._began = "", 0.0
        self.samples: list[Sample] = []
        self.problem = ""

    def __enter__(self) -> Observation:
        _ = self._connection.names  # an error of the connection is raised here, not in the thread
        self._first, self._began = ids.new_id(), time.monotonic()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(STOP_SECONDS)

    @property
    def most_waiting(self) -> int:
        """The longest that the queue was."""
        return max((sample.waiting for sample in self.samples), default=0)

    @property
    def most_instances(self) -> int:
        """The most instances that ran at a time."""
        return max((sample.instances for sample in self.samples), default=0)

    @property
    def instance_seconds(self) -> float:
        """Seconds that instances ran, added up: what AWS charges for, without their starting."""
        pairs = zip(self.samples, self.samples[1:], strict=False)
        return sum(before.instances * (after.seconds - before.seconds) for before, after in pairs)

    def _run(self) -> None:
        while True:
            last = self._stop.is_set()  # one more look after the end, so that the end is seen
            try:
                self.samples.append(self._look())
            except WorkshopError as error:
                self.problem = str(error)
            except Exception as error:  # noqa: BLE001 - a thread has nobody to raise to; `problem` says it
                self.problem = f"{type(error).__name__}: {error}"
            if last:
                return
            self._stop.wait(self._every)

    def _look(self) -> Sample:
        asked = self._ids(ids.REQUESTS, ".json")
        settled = self._ids(ids.STATUS, ".json") & asked
        running, desired = instances(self._connection)
        seconds = time.monotonic() - self._began
        return Sample(seconds, len(asked) - len(settled), len(settled), running, desired)

    def _ids(self, prefix: str, suffix: str) -> set[str]:
        entries = self._connection.store.entries(prefix, after=f"{prefix}{self._first}")
        return {found for entry in entries if (found := ids.id_of(entry.key, prefix, suffix))}


def instances(connection: Connection) -> tuple[int, int]:
    """How many instances of the endpoint run, and how many shall."""
    variants = connection.describe_endpoint().get("ProductionVariants", [])
    running = sum(variant.get("CurrentInstanceCount", 0) for variant in variants)
    # A variant that was never scaled may name no wish: then it shall have what it has.
    return running, sum(
        variant.get("DesiredInstanceCount", variant.get("CurrentInstanceCount", 0)) for variant in variants
    )


def wait_for_instances(connection: Connection, count: int, seconds: float) -> float:
    """Wait until the endpoint runs ``count`` instances and shall; return how many seconds that took.

    Raises
    ------
    JobTimeoutError
        It does not within ``seconds``.
    """
    timer, every = connection.timer, LOCAL_SECONDS if connection.target.name == "local" else AWS_SECONDS
    began = timer.now()
    while (found := instances(connection)) != (count, count):
        if timer.now() - began >= seconds:
            raise JobTimeoutError(
                f"after {seconds:g} s the endpoint runs {found[0]} instances and shall have {found[1]}, not {count}: "
                "does something still send requests? Its scaling activities say what happened last."
            )
        timer.sleep(every)
    return timer.now() - began
