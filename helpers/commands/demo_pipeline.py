"""``make demo-pipeline``: push to deploy, on the local cloud, and four pushes that show what each kind of change costs.

The first push deploys everything; the second changes only the README, so the model is not packaged again; the third
raises ``max_capacity``, which leaves the endpoint alone; the fourth cannot be built: the pipeline turns red, says why,
and the old endpoint still answers.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contract import settings
from contract.errors import PipelineError, WorkshopError
from contract.names import MODEL_BUCKET_OUTPUT, VARIANT
from contract.settings import ROOT
from helpers.commands.demo import Clock
from helpers.commands.interruption import interruptible
from helpers.delivery import edit_settings
from helpers.delivery.deployment import deploy_pipeline
from helpers.delivery.pipeline import watch
from helpers.delivery.source import push
from helpers.inference.connection import Connection, connect
from helpers.show.pipeline_view import Execution
from helpers.target.stacks import stack_outputs

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = ROOT / "build" / "demo-pipeline"
PROMPT = "a yellow star on a purple background"
WAIT_SECONDS = 300
STOPPED = "demo stopped by you; `make demo-pipeline` begins again, on what is deployed."


def copy_of_the_workshop(source: Path, target: Path, chosen: settings.Settings) -> None:
    """A Git repository with what ``source`` holds now, uncommitted changes too, and these settings.

    Its own, so that the pushes of the demonstration change nothing in ``source``.

    Parameters
    ----------
    source, target : Path
        The folder that is copied, and the one that is made.
    chosen : Settings
        What the copy's ``workshop.toml`` says.
    """
    listed = _git(source, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    shutil.rmtree(target, ignore_errors=True)
    for name in filter(None, listed):
        if (source / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, target / name)
    edit_settings.write(target / "workshop.toml", chosen)
    _git(target, "init", "--quiet", "--initial-branch", "main")
    commit(target, "The workshop")


def commit(folder: Path, message: str) -> None:
    """Commit everything that changed in ``folder``."""
    _git(folder, "add", "--all")
    _git(folder, "-c", "user.name=Workshop", "-c", "user.email=workshop@localhost", "commit", "--quiet", "-m", message)


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise WorkshopError(f"git {arguments[0]} in {folder} failed: {done.stderr.strip()}")
    return done.stdout


def seconds_of(execution: Execution) -> dict[str, float]:
    """Action to seconds, of those that ran."""
    return {action.name: round(action.seconds, 1) for action in execution.actions if action.seconds is not None}


def endpoint_of(connection: Connection) -> tuple[str, str]:
    """Name of the endpoint and of the configuration that it runs."""
    connection.refresh()
    found = connection.describe_endpoint()
    return found["EndpointName"], found["EndpointConfigName"]


def packaging(connection: Connection) -> str:
    """What the newest build of the model said of it."""
    s3 = connection.client("s3")
    bucket = (stack_outputs(connection, connection.settings.models_stack) or {})[MODEL_BUCKET_OUTPUT]
    times = {
        str(item["Key"]): str(item["LastModified"])
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="models/")
        for item in page.get("Contents", ())
    }
    return json.dumps(times, sort_keys=True)


def max_capacity(connection: Connection) -> int:
    """The upper bound of the endpoint's scaling."""
    name = connection.names.endpoint
    found = connection.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[f"endpoint/{name}/variant/{VARIANT}"]
    )
    return int(found["ScalableTargets"][0]["MaxCapacity"])


class Demonstration:
    """Four pushes, each with what must hold after it; WorkshopError when it does not.

    Parameters
    ----------
    connection : Connection
        Where repository and pipeline are deployed.
    folder : Path
        See :func:`copy_of_the_workshop`.
    say : callable
        Gets lines of text.
    """

    def __init__(self, connection: Connection, folder: Path, say: Callable[[str], None]) -> None:
        self._connection, self._folder, self._say = connection, folder, say
        self.times: dict[str, Any] = {}

    def first(self) -> None:
        """Everything is deployed, and a prompt becomes a picture."""
        execution = self._push("first")
        self._picture("through the endpoint that the pipeline deployed")
        self._say(f"pipeline green on commit {execution.commit[:12]}")

    def readme(self) -> None:
        """The model is not packaged again, and the endpoint stays as it is."""
        before = packaging(self._connection), endpoint_of(self._connection)
        with (self._folder / "README.md").open("a", encoding="utf-8") as file:
            file.write("\nOne line more.\n")
        commit(self._folder, "README: one line more")
        self._push("readme")
        self._require(
            before == (packaging(self._connection), endpoint_of(self._connection)), "model or endpoint changed"
        )
        self._say("only the README changed: model not packaged again, endpoint untouched")

    def capacity(self) -> None:
        """A setting arrives without touching the endpoint."""
        endpoint, bound = endpoint_of(self._connection), max_capacity(self._connection) + 1
        edit_settings.change(self._folder / "workshop.toml", endpoint={"max_capacity": bound})
        commit(self._folder, f"Up to {bound} instances")
        self._push("max_capacity")
        self._require(max_capacity(self._connection) == bound, f"max_capacity is not {bound}")
        self._require(endpoint_of(self._connection) == endpoint, "the endpoint changed")
        self._say(f"max_capacity is {bound} now; endpoint and configuration are the same")

    def broken(self) -> None:
        """A build that fails says why, and the old endpoint answers."""
        path = self._folder / "workshop.toml"
        path.write_text(path.read_text(encoding="utf-8").replace("max_capacity =", "max_capacitee ="), encoding="utf-8")
        commit(self._folder, "A typing slip")
        try:
            self._push("broken")
        except PipelineError as error:
            self._say(f"the pipeline is red, as it should be:\n{error}\n")
            self.times["broken"] = seconds_of(error.execution) if error.execution else {}
        else:
            raise WorkshopError("the fourth push has a setting that does not exist, and the pipeline did not notice.")
        self._picture("the endpoint of before still answers")

    def _push(self, name: str) -> Execution:
        began = self._connection.timer.now()
        pushed = push(self._connection, self._folder)
        self._say(f"push {name!r}: commit {pushed.commit[:12]}")
        execution = watch(self._connection, pushed.commit)
        self.times[name] = {"all": round(self._connection.timer.now() - began, 1), **seconds_of(execution)}
        return execution

    def _picture(self, what: str) -> None:
        self._connection.refresh()
        job = self._connection.generate(PROMPT, seed=2)
        picture = job.wait(timeout=WAIT_SECONDS).images[0]
        path = self._folder.parent / f"{job.id}.png"
        picture.save(path)
        self._say(f"{what}: {PROMPT!r} → {path.name}")

    def _require(self, holds: bool, otherwise: str) -> None:
        if not holds:
            raise WorkshopError(f"this must not happen: {otherwise}.")


def run(clock: Clock) -> None:
    """The whole demonstration."""
    clock.say("connecting to the local cloud (starting it where it does not run)")
    connection = connect()
    deploy_pipeline(connection, clock.say)
    FOLDER.mkdir(parents=True, exist_ok=True)
    folder = FOLDER / "workshop"
    copy_of_the_workshop(ROOT, folder, connection.settings)
    demonstration = Demonstration(connection, folder, clock.say)
    for step in (demonstration.first, demonstration.readme, demonstration.capacity, demonstration.broken):
        step()
    demonstration.times["demonstration"] = round(clock.seconds(), 1)
    (FOLDER / "times.json").write_text(json.dumps(demonstration.times, indent=1))
    for name, times in demonstration.times.items():
        clock.say(f"{name}: {times}")


def main() -> None:
    with interruptible(STOPPED):
        try:
            run(Clock())
        except WorkshopError as problem:
            sys.exit(f"demo stopped: {problem}")


if __name__ == "__main__":
    main()
