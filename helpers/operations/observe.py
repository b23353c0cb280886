"""Watch queue and instances while a notebook does something else: samples from a thread, for a figure afterwards.

What waits is counted in the bucket (a request without a status), which is exact and current on either target.
CloudWatch's metrics show it by the minute, and later; they and the alarms on them are what scaling goes by, so both
are noted.
"""

from __future__ import annotations

import datetime as dt
import functools
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from contract import ids
from contract.errors import JobTimeoutError, WorkshopError
from helpers.inference.connection import Connection
from helpers.inference.records import Record, Sample
from helpers.operations.scaling import Measured, Scaling

if TYPE_CHECKING:
    from types import TracebackType

LOCAL_SECONDS, AWS_SECONDS = 0.25, 10.0
"""Between two looks."""
LOCAL_SCALING_SECONDS, AWS_SCALING_SECONDS = 1.0, 30.0
"""Between two looks at CloudWatch and Application Auto Scaling, whose answers change by the minute of AWS's clock."""
SAVE_SECONDS = 5.0
"""How often what was seen is stored, when a path is given."""
STOP_SECONDS = 120.0
"""How long leaving the ``with`` block waits for a look that is under way."""


class Observation(Record):
    """Looks at queue and instances from a thread for as long as its ``with`` block runs.

    Parameters
    ----------
    connection : Connection
    every : float, optional
        Seconds between two looks; by default 0.25 on the local cloud, 10 on AWS.
    path : Path or str, optional
        Store what is seen there, every few seconds and at the end, so that :meth:`Record.load` finds it again.

    Notes
    -----
    CloudWatch is asked every second on the local cloud, every 30 seconds on AWS: two metrics, less than 0.01 USD an
    hour (GetMetricData, 0.01 USD for 1000 metrics).

    Examples
    --------
    >>> with Observation(connection) as seen:  # doctest: +SKIP
    ...     results = connection.wait_all(connection.generate_many(prompts))
    >>> seen.most_instances  # doctest: +SKIP
    2
    """

    def __init__(self, connection: Connection, every: float | None = None, path: Path | str | None = None) -> None:
        local = connection.target.name == "local"
        super().__init__(speed=connection.settings.local.speed if local else 1.0)
        self._connection = connection
        self._every = every or (LOCAL_SECONDS if local else AWS_SECONDS)
        self._scaling_every = LOCAL_SCALING_SECONDS if local else AWS_SCALING_SECONDS
        self._path = None if path is None else Path(path).absolute()
        self._stop, self._thread = threading.Event(), threading.Thread(target=self._run, name="observe", daemon=True)
        self._first, self._began, self._began_at = "", 0.0, dt.datetime.now(dt.UTC)
        self._measured, self._asked, self._saved = Measured(), -float("inf"), 0.0
        self._scaling: Scaling | None = None

    def __enter__(self) -> Observation:
        _ = self._connection.names  # an error of the connection is raised here, not in the thread
        self._first, self._began, self._began_at = ids.new_id(), time.monotonic(), dt.datetime.now(dt.UTC)
        self._scaling = Scaling(self._connection, self.speed)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while True:
            last = self._stop.is_set()  # one more look after the end, so that the end is seen
            self._guarded(functools.partial(self._look_at_scaling, last))
            self._guarded(lambda: self.samples.append(self._look()))
            self._guarded(functools.partial(self._store, last))
            if last:
                return
            self._stop.wait(self._every)

    def _guarded(self, action: Callable[[], object]) -> None:
        """One failed look must not end the others; a thread has nobody to raise to, so ``problem`` says it."""
        try:
            action()
        except WorkshopError as error:
            self.problem = str(error)
        except Exception as error:  # noqa: BLE001 - said in `problem`
            self.problem = f"{type(error).__name__}: {error}"

    def _look(self) -> Sample:
        asked = self._ids(ids.REQUESTS, ".json")
        settled = self._ids(ids.STATUS, ".json") & asked
        running, desired = instances(self._connection)
        seconds, said = time.monotonic() - self._began, self._measured
        return Sample(
            seconds,
            len(asked) - len(settled),
            len(settled),
            running,
            desired,
            said.backlog,
            said.without_capacity,
            said.alarms,
        )

    def _look_at_scaling(self, last: bool) -> None:
        now = time.monotonic()
        if self._scaling is None or (now - self._asked < self._scaling_every and not last):
            return
        self._asked, self._measured = now, Measured()  # what cannot be read is not known
        self._measured = self._scaling.measured()
        self.activities = self._scaling.activities(self._began_at)

    def _store(self, last: bool) -> None:
        now = time.monotonic()
        if self._path is not None and (last or now - self._saved >= SAVE_SECONDS):
            self._saved = now
            self.save(self._path)

    def _ids(self, prefix: str, suffix: str) -> set[str]:
        entries = self._connection.store.entries(prefix, after=f"{prefix}{self._first}")
        return {found for entry in entries if (found := ids.id_of(entry.key, prefix, suffix))}


def instances(connection: Connection) -> tuple[int, int]:
    """How many instances of the endpoint run, and how many should."""
    variants = connection.describe_endpoint().get("ProductionVariants", [])
    running = sum(variant.get("CurrentInstanceCount", 0) for variant in variants)
    # A variant that was never scaled may name no wish: then it should have what it has.
    return running, sum(
        variant.get("DesiredInstanceCount", variant.get("CurrentInstanceCount", 0)) for variant in variants
    )


def wait_for_instances(connection: Connection, count: int, seconds: float) -> float:
    """Wait until the endpoint runs ``count`` instances and should; return how many seconds that took.

    Parameters
    ----------
    connection : Connection
        Whose endpoint.
    count : int
        Instances.
    seconds : float
        How long to wait.

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
                f"after {seconds:g} s the endpoint runs {found[0]} instances and should have {found[1]}, not {count}: "
                "does something still send requests? Its scaling activities say what happened last."
            )
        timer.sleep(every)
    return timer.now() - began
