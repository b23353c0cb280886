"""Runs steps one after another within their budgets and under a cap on the cost, and always ends with the clean-up."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

from botocore.exceptions import BotoCoreError, ClientError

from contract.errors import WorkshopError
from contract.names import endpoint_log_group
from contract.settings import Settings
from helpers.operations import cleanup, costs
from helpers.parity import requests
from helpers.parity.bench import Bench, StepError
from helpers.parity.steps import Step
from helpers.show.checks import Check

CLEAN_MINUTES = 60
"""Of the clean-up; it is not cut off by the cap: what is left costs more."""
MOST_INSTANCES = 4
"""At a time: the endpoint's two, and the two of the endpoint that is made and deleted."""
AROUND_USD = 1.0
"""For everything that is not an instance: two runs of the pipeline, requests, logs, alarms; rounded up."""


class OverBudgetError(StepError):
    """A step took longer than its budget."""


class CapReachedError(WorkshopError):
    """The cost of the run may have reached its cap."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a run may take and cost.

    Attributes
    ----------
    steps : sequence of Step
    hour_usd : float or None
        What an hour of all instances costs at most; None when the price is not known.
    cap_usd : float
    source : str
        Where the price comes from.
    """

    steps: Sequence[Step]
    hour_usd: float | None
    cap_usd: float
    source: str

    @property
    def minutes(self) -> float:
        """All budgets and the clean-up."""
        return sum(step.minutes for step in self.steps) + CLEAN_MINUTES

    @property
    def most_usd(self) -> float | None:
        """If every step took its whole budget with all instances up."""
        return None if self.hour_usd is None else AROUND_USD + self.hour_usd * self.minutes / 60

    @property
    def seconds_to_cap(self) -> float:
        """How long the run may last until it may have cost the cap, at the most expensive, with the clean-up left."""
        if not self.hour_usd:
            return float("inf")
        return max(0.0, (self.cap_usd - AROUND_USD) / self.hour_usd * 3600 - CLEAN_MINUTES * 60)

    def shown(self, settings: Settings) -> str:
        """What will happen, how long it takes and what it costs at most, for the person who has to agree."""
        local = settings.workshop.target == "local"
        where = "the local cloud" if local else f"AWS in {settings.workshop.region}"
        lines = [f"This runs on {where}, as the workshop {settings.workshop.name!r}, which it deploys and deletes:", ""]
        lines += [f"  {step.name:<18} at most {step.minutes:4.0f} min" for step in self.steps]
        lines += [f"  {'clean-up':<18} at most {CLEAN_MINUTES:4.0f} min, always, whatever happened", ""]
        lines.append(
            f"At most {self.minutes / 60:.1f} hours if every step takes all of its time; each ends when it is done."
        )
        if local:
            lines.append("It costs nothing: the local cloud is free.")
        elif self.most_usd is None:
            lines.append(f"The cost is not known: {self.source}")
        else:
            lines.append(
                f"At most {costs.usd(self.most_usd)}, with {MOST_INSTANCES} instances up all the time; the cap is "
                f"{costs.usd(self.cap_usd)}: what may have cost so much is ended and cleaned up. {self.source}"
            )
        return "\n".join(lines)


class Run:
    """Carries out a plan.

    Parameters
    ----------
    bench : Bench
    plan : Plan
    scale : float
        What budgets are multiplied with; the local cloud's are far too long.
    """

    def __init__(self, bench: Bench, plan: Plan, scale: float = 1.0) -> None:
        self._bench, self._plan, self._scale = bench, plan, scale
        self._began = time.monotonic()

    def steps(self) -> bool:
        """Run all steps; False when one of them did not end well.

        Raises
        ------
        CapReachedError
            The rest is left out.
        """
        well = True
        for step in self._plan.steps:
            done = self.step(step)
            well = well and done
            if not done and step.needed:
                self._bench.say(f"{step.name} is needed by all others: they are left out.")
                return False
        return well

    def step(self, step: Step) -> bool:
        """Run one step; what goes wrong is recorded, and the run goes on."""
        record, began = self._bench.recorder, time.monotonic()
        budget = step.minutes * self._scale
        record.write("step", name=step.name, budget_minutes=step.minutes)
        self._bench.say(f"{dt.datetime.now(dt.UTC):%H:%M:%S}  {step.name}")
        outcome, problem = "interrupted", ""
        try:
            with self._within(step.name, budget * 60):
                step.work(self._bench)
            outcome = "done"
        except (StepError, WorkshopError, ClientError, BotoCoreError, LookupError, ValueError) as error:
            outcome, problem = "failed", f"{type(error).__name__}: {error}"
            if isinstance(error, CapReachedError):
                raise
        finally:
            seconds = round(time.monotonic() - began, 2)
            record.write(
                "step", name=step.name, outcome=outcome, problem=problem, seconds=seconds,
                budget_minutes=step.minutes,
            )  # fmt: skip
            self._bench.say(f"          {outcome} after {seconds:.0f} s{f': {problem[:600]}' if problem else ''}")
        return outcome == "done"

    @contextlib.contextmanager
    def _within(self, name: str, seconds: float) -> Iterator[None]:
        """End the block with an error when the step's time is up or the cap may be reached, whichever is sooner."""
        left = self._plan.seconds_to_cap - (time.monotonic() - self._began)
        if left <= 0:
            raise CapReachedError(f"the run may have cost {costs.usd(self._plan.cap_usd)}, its cap, before {name}.")

        def over(_number: int, _frame: FrameType | None) -> None:
            if left < seconds:
                raise CapReachedError(f"the run may have cost {costs.usd(self._plan.cap_usd)}, its cap, in {name}.")
            raise OverBudgetError(f"{name} took longer than its {seconds / 60:.0f} minutes")

        if threading.current_thread() is not threading.main_thread():  # signals reach the main thread alone
            yield
            return
        before = signal.signal(signal.SIGALRM, over)
        signal.setitimer(signal.ITIMER_REAL, max(1.0, min(seconds, left)))
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


def clean(bench: Bench, say: Callable[[str], None]) -> list[Check]:
    """Delete everything, with a request under way, prove it, and record what is left; the rows that are not well."""
    bench.recorder.write("step", name="clean-up", budget_minutes=CLEAN_MINUTES)
    began = time.monotonic()
    with contextlib.suppress(WorkshopError, ClientError, BotoCoreError):
        _under_way(bench)
    with contextlib.suppress(WorkshopError, ClientError, BotoCoreError):
        bench.close_inbox()
        sweep(bench)
    report = cleanup.clean_up(bench.connection, say)
    rows = [{"name": row.name, "state": row.state, "found": row.found} for row in report.checks]
    bench.recorder.write("left", checks=rows)
    bad = [row for row in report.checks if row.state == "fail"]
    bench.fact("clean_up.nothing_left", not bad)
    bench.recorder.write(
        "step", name="clean-up", outcome="failed" if bad else "done", seconds=round(time.monotonic() - began, 2),
        problem=f"{len(bad)} rows" if bad else "", budget_minutes=CLEAN_MINUTES,
    )  # fmt: skip
    return bad


def _under_way(bench: Bench) -> None:
    """A request that the model works on while everything is deleted."""
    request = {**requests.SLOWEST, "width": 128, "height": 128}
    _, _, code = bench.send("a request while all is deleted", request)
    bench.fact("clean_up.request_under_way", code)
    bench.pause(60)


def sweep(bench: Bench) -> None:
    """Remove what steps have made for themselves and may not have removed: what was cut off, or never came so far."""
    sagemaker, cloudformation = bench.client("sagemaker"), bench.client("cloudformation")
    actions: list[Callable[[], object]] = [
        lambda: sagemaker.delete_endpoint(EndpointName=f"{bench.prefix}-life"),
        lambda: sagemaker.delete_endpoint_config(EndpointConfigName=f"{bench.prefix}-life"),
        lambda: sagemaker.delete_endpoint_config(EndpointConfigName=f"{bench.prefix}-type"),
        lambda: bench.client("logs").delete_log_group(logGroupName=endpoint_log_group(f"{bench.prefix}-life")),
        lambda: cloudformation.delete_stack(StackName=f"{bench.prefix}-whole"),
        lambda: cloudformation.delete_stack(StackName=f"{bench.prefix}-broken"),
        lambda: bench.client("cloudwatch").delete_alarms(AlarmNames=[f"{bench.prefix}-life"]),
        lambda: bench.client("cloudwatch").delete_alarms(AlarmNames=[f"{bench.prefix}-alarm"]),
    ]
    for action in actions:
        with contextlib.suppress(ClientError):
            action()
