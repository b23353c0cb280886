"""The steps of a run, in their order, and how long each may take on AWS."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from contract.errors import NotebookError, WorkshopError
from contract.settings import ROOT
from helpers.commands import notebooks
from helpers.delivery import deployment
from helpers.inference.connection import Connection
from helpers.parity import gather, lives, requests, scaling
from helpers.parity.bench import Bench, StepError

Work = Callable[[Bench], None]
BEGAN = dt.timedelta(hours=24)
"""How far back metrics and log lines are asked for; the run is shorter."""
SLOW_SECONDS = {"local": 5.0, "aws": 130.0}
"""What a slow request must last at least: on AWS longer than the 120 s after which TorchServe gives up by default."""
OTHER_TYPE = {"ml.m5.large": "ml.m5.xlarge"}
"""What an instance type is changed to; any other one to ml.m5.large."""
FREE = ("sts", "ssm", "sqs", "sns", "s3", "logs", "cloudwatch", "events", "iam", "cloudformation", "lambda")
"""Conformance tests of these services make nothing that is billed by the hour: one that is stopped leaves no bill."""
STOP_SECONDS = 300


@dataclasses.dataclass(frozen=True)
class Step:
    """One step.

    Attributes
    ----------
    name : str
        In the recording.
    minutes : float
        Budget on AWS; past it the step ends, and the run goes on with the next.
    work : callable
        Takes the bench.
    needed : bool
        Whether nothing makes sense without it.
    """

    name: str
    minutes: float
    work: Work
    needed: bool = False


def probes() -> list[Step]:
    """What needs a deployed workshop and nothing else: a replay runs these on a copy of a deployed local cloud."""
    return [
        Step("deployed", 5, requests.deployed),
        Step("refusals", 5, requests.refusals),
        Step("request", 25, requests.one_request),
        Step("chosen_output", 10, requests.chosen_output),
        Step("failures", 45, requests.failures),
        Step("sleeps", scaling.SLEEP_MINUTES + 5, scaling.sleeps),
        Step("update_refused", 20, scaling.update_refused),
        Step("tracking_wakes", scaling.WAKES_MINUTES + 60, scaling.tracking_wakes),
        Step("sleeps_again", scaling.SLEEP_MINUTES + 5, lambda bench: scaling.sleeps(bench, "sleeps_again")),
        Step("step_wakes", 45, scaling.step_wakes),
        Step("endpoint", 75, lives.endpoint),
        Step("stack", 15, lives.stack),
        Step("alarm", 30, lives.alarm),
        Step("metrics", 10, lambda bench: gather.metrics(bench, dt.datetime.now(dt.UTC) - BEGAN)),
        Step("logs", 10, lambda bench: gather.logs(bench, dt.datetime.now(dt.UTC) - BEGAN)),
    ]


def whole(conformance: tuple[str, ...], with_notebooks: tuple[str, ...], output: Path) -> list[Step]:
    """A whole run, without the clean-up, which always comes last.

    Parameters
    ----------
    conformance : tuple of str
        Services whose conformance tests run, too.
    with_notebooks : tuple of str
        Beginnings of the notebooks' names.
    output : Path
        Where executed notebooks are stored.
    """
    return [
        Step("deploy", 60, _deploy, needed=True),
        *(Step(f"notebook_{number}", 90, _notebook(number, output)) for number in with_notebooks),
        Step("slow_request", 75, _slow),
        Step("instance_change", 60, _instance_change),
        *probes(),
        *([Step("conformance", 90, lambda bench: _conformance(bench, conformance))] if conformance else []),
        Step("events", 10, _events),
    ]


def _deploy(bench: Bench) -> None:
    deployment.deploy(bench.connection, bench.say)
    bench.fact("deploy.endpoint", bench.settled())


def _notebook(number: str, output: Path) -> Work:
    def work(bench: Bench) -> None:
        (path,) = notebooks.find(only=[number])
        minutes = notebooks.TIMEOUT_MINUTES[bench.connection.target.name]
        try:
            notebooks.execute(path, output / path.name, minutes=minutes)
        except NotebookError as error:
            bench.fact(f"notebook.{number}", "failed")
            raise StepError(str(error)) from error
        finally:
            bench.connection.refresh()
        bench.fact(f"notebook.{number}", "passed")

    return work


def _slow(bench: Bench) -> None:
    requests.slow_request(bench, SLOW_SECONDS[bench.connection.target.name], bench.say)


def _instance_change(bench: Bench) -> None:
    """``[model] instance_type`` changes; the endpoint is named by it, so CloudFormation makes another one."""
    before, settings = bench.connection.names.endpoint, bench.connection.settings
    kind = OTHER_TYPE.get(settings.model.instance_type, "ml.m5.large")
    changed = dataclasses.replace(settings, model=dataclasses.replace(settings.model, instance_type=kind))
    bench.connection.settings = changed
    try:
        deployment.deploy(bench.connection, bench.say)
    except BaseException:
        bench.connection.settings = settings
        bench.connection.refresh()
        raise
    after = bench.connection.names.endpoint
    bench.fact("instance_change.another_endpoint", before != after)
    bench.fact("instance_change.named_by_type", after.endswith(kind.replace(".", "-")))
    bench.fact("instance_change.settles_as", bench.settled())
    _, code = bench.ask("the endpoint before", "sagemaker", "describe_endpoint", EndpointName=before)
    bench.fact("instance_change.old_one_gone", bool(code))
    requests.one_request(bench)


def _conformance(bench: Bench, services: tuple[str, ...]) -> None:
    """The tests behind docs/fidelity.md, on this target; each outcome is recorded."""
    folder = ROOT / "tests" / "conformance"
    files = [str(path) for name in services for path in sorted(folder.glob(f"test_{name.replace('-', '_')}*.py"))]
    if not files:
        raise StepError(f"there are no conformance tests of {', '.join(services)} in {folder}")
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "--color=no", "--tb=no", "--target",
               bench.connection.target.name, *files]  # fmt: skip
    counts: dict[str, int] = {}
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        env=bench.connection.child_environment(),
    ) as process:  # fmt: skip
        try:
            for line in process.stdout or ():
                if found := re.match(r"tests/conformance/(\S+?\.py)::(\w+)\S* (PASSED|FAILED|ERROR|SKIPPED)", line):
                    counts[found[3]] = counts.get(found[3], 0) + 1
                    bench.recorder.write("conformance", test=f"{found[1]}::{found[2]}", outcome=found[3])
        except BaseException:
            process.send_signal(2)  # so that the fixtures take down what they made
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
            raise
    bench.say(f"  {', '.join(f'{count} {name.lower()}' for name, count in sorted(counts.items())) or 'no outcome'}")
    bench.fact("conformance.ran", bool(counts))


def _events(bench: Bench) -> None:
    settings = bench.connection.settings
    for stack in (
        settings.application_stack,
        settings.models_stack,
        settings.pipeline_stack,
        settings.repository_stack,
    ):
        gather.stack_events(bench, stack)
    gather.activities(bench)
    said = gather.cloudtrail(bench, dt.datetime.now(dt.UTC) - BEGAN)
    bench.recorder.write("note", text=said)
    bench.say(f"  {said}")


def known_of(connection: Connection) -> dict[str, str]:
    """Values that say whose account this is, and their kinds; for the scrubber."""
    identity = connection.identity
    return {identity.account: "account", identity.arn: "identity", identity.arn.rpartition("/")[2]: "session"}


def known_of_stack(connection: Connection) -> dict[str, str]:
    """Names that nobody else in the world has."""
    found = connection.names
    return {found.bucket: "bucket"}


def plain_names(connection: Connection) -> tuple[str, ...]:
    """What the run's own resources are called in messages, where that depends on the workshop's name."""
    settings, endpoints = connection.settings, []
    with contextlib.suppress(WorkshopError):  # nothing may be deployed
        endpoints.append(connection.names.endpoint)
    return (*endpoints, settings.application_stack, settings.workshop.name)
