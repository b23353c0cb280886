"""Watch queue and instances while a notebook does something else: samples from a thread, for a figure afterwards.

What waits is counted in the bucket (a request without a status), which is exact and current on either target.
CloudWatch's metrics tell it by the minute, and later; they and the alarms on them are what scaling goes by, so both
are noted.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import json
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contract import ids
from contract.errors import JobTimeoutError, ResultError, WorkshopError
from helpers.operations.scaling import Activity, Measured, Scaling

if TYPE_CHECKING:
    from types import TracebackType

    from helpers.inference.connection import Connection

LOCAL_SECONDS, AWS_SECONDS = 0.25, 10.0
"""Between two looks."""
LOCAL_SCALING_SECONDS, AWS_SCALING_SECONDS = 1.0, 30.0
"""Between two looks at CloudWatch and Application Auto Scaling, whose answers change by the minute of AWS's clock."""
SAVE_SECONDS = 5.0
"""How often what was seen is stored, when a path is given."""
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
    backlog, without_capacity, alarms
        What CloudWatch said then, see :class:`helpers.operations.scaling.Measured`; unknown when it could not be read.
    """

    seconds: float
    waiting: int
    done: int
    instances: int
    desired: int
    backlog: float | None = None
    without_capacity: bool | None = None
    alarms: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def phase(self) -> str:
        """``asleep``, ``waking``, ``working`` or ``idle`` (instances run, nothing waits)."""
        if self.instances == 0:
            return "waking" if self.waiting or self.desired else "asleep"
        return "working" if self.waiting else "idle"


@dataclasses.dataclass(frozen=True)
class Phase:
    """A stretch of time in which the endpoint did one thing; ``begin`` and ``end`` in seconds."""

    name: str
    begin: float
    end: float


@dataclasses.dataclass
class Record:
    """What an observation saw, also after its kernel has gone.

    Attributes
    ----------
    samples : list of Sample
        In the order of time; only requests that were made since it began are counted.
    activities : list of Activity
        The changes of the number of instances, with their causes.
    speed : float
        How many seconds of AWS's waiting a second took; 1 on AWS.
    problem : str
        Why some looks failed; empty when none did.
    """

    samples: list[Sample] = dataclasses.field(default_factory=list)
    activities: list[Activity] = dataclasses.field(default_factory=list)
    speed: float = 1.0
    problem: str = ""

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

    @property
    def phases(self) -> list[Phase]:
        """What the endpoint did when; each phase ends where the next begins."""
        found: list[Phase] = []
        for sample in self.samples:
            if found:
                found[-1] = dataclasses.replace(found[-1], end=sample.seconds)
            if not found or found[-1].name != sample.phase:
                found.append(Phase(sample.phase, sample.seconds, sample.seconds))
        return found

    def save(self, path: Path | str) -> None:
        """Store it as JSON; a file that is there is replaced as a whole."""
        path, content = Path(path), {field.name: getattr(self, field.name) for field in dataclasses.fields(Record)}
        content["samples"] = [dataclasses.asdict(sample) for sample in list(self.samples)]
        content["activities"] = [dataclasses.asdict(activity) for activity in list(self.activities)]
        part = path.with_name(f".{path.name}.part")
        part.write_text(json.dumps(content, indent=1), encoding="utf-8")
        part.replace(path)

    @staticmethod
    def load(path: Path | str) -> Record:
        """What :meth:`save` has stored.

        Raises
        ------
        ResultError
            There is no such file, or it is something else.
        """
        try:
            content: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
            content["samples"] = [Sample(**sample) for sample in content["samples"]]
            content["activities"] = [Activity(**activity) for activity in content["activities"]]
            return Record(**content)
        except FileNotFoundError:
            raise ResultError(f"{path} is not there: nothing was observed yet, or it was stored elsewhere.") from None
        except (ValueError, TypeError, KeyError) as error:
            raise ResultError(f"{path} is no stored observation: {error!r}. Delete it and observe again.") from error


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
