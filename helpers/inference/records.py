"""What was seen of an endpoint over time: queue, instances, alarms and changes of scale, and how to keep it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contract.errors import ResultError


@dataclasses.dataclass(frozen=True)
class Activity:
    """A change of the number of instances.

    Attributes
    ----------
    seconds : float
        When it began, since the observation did.
    what, cause, status : str
        In the words of Application Auto Scaling.
    """

    seconds: float
    what: str
    cause: str
    status: str

    @property
    def policy(self) -> str:
        """The policy that asked for it, when the cause ends with its name; else empty."""
        before, _, name = self.cause.rpartition("policy ")
        return name.strip(" .") if before else ""


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
        Instances that the endpoint should have.
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
            raise ResultError(f"{path} is not a stored observation: {error!r}. Delete it and observe again.") from error
