"""A workshop as a participant has it: everything that notebooks and helpers do, done as a role of the local cloud.

``python -m tests.endtoend.participant`` (``make participant-policy ARGS=--record``) does it as a role that may do
everything, and writes down in ``scripts/participant_calls.json`` what IAM was asked. The tests do the same as a role
with ``static/iam_policy.json`` and nothing else.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import localcloud
from contract import ids, settings
from contract.errors import DeploymentError
from helpers import operations
from helpers.commands import notebooks
from helpers.delivery import deployment, executions
from helpers.delivery.pipeline import describe, log_excerpt
from helpers.inference import Connection, connect
from helpers.model import jumpstart
from helpers.operations import inventory
from scripts import participant_policy
from tests.clouds import copy_of_the_code, import_path, private_environment
from tests.endtoend.permissions import ACCOUNT, REGION, decisions

NAME = "anna"
"""Of the workshop."""
ROLE = f"arn:aws:iam::{ACCOUNT}:role/participant"
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "sagemaker.amazonaws.com"}},
    ],
}
"""As a SageMaker Studio space's execution role has it."""
SHORT: dict[str, dict[str, Any]] = {"03_generate": {"grid": 2}, "05_zero_to_many": {"prompts": 16}}
BEFORE = (
    "00_start_here", "01_deploy", "02_explore_the_model", "03_generate", "04_from_json_to_png", "05_zero_to_many",
    "06_operate",
)  # fmt: skip
LAST = "99_clean_up"
MINUTES = 12
SMALL = {"width": 64, "height": 64, "num_inference_steps": 1}
PICTURE_SECONDS = 180

PLACEHOLDERS = (
    (ACCOUNT, "{account}"),
    (REGION, "{region}"),
    (rf"\b{NAME}\b", "{name}"),
    (r"\d{8}T\d{6}\.\d+Z-[0-9a-z]+", "{id}"),
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "{uuid}"),
    (r"[0-9A-Fa-f]{8}-[0-9A-Za-z]{8,14}\b", "{random}"),
    (r"\b[0-9a-f]{8,64}\b", "{random}"),
    (r"/\d+\.png", "/{n}.png"),
)
"""What differs from run to run, or from account to account."""


@dataclasses.dataclass
class Participant:
    """A copy of the workshop whose cloud has one role for its participant.

    Attributes
    ----------
    folder : Path
        The copy.
    admin : Connection
        As the cloud's administrator.
    calls : list of Call
        What the role was allowed, in order of its first time.
    denied : list of dict
        What it was not allowed.
    """

    folder: Path
    admin: Connection
    calls: list[participant_policy.Call] = dataclasses.field(default_factory=list)
    denied: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    _read: int = 0

    @property
    def settings(self) -> settings.Settings:
        """Those of the copy, as the role."""
        chosen = self.admin.settings
        return dataclasses.replace(chosen, local=dataclasses.replace(chosen.local, role=ROLE))

    @property
    def connection(self) -> Connection:
        """A new connection, as the role."""
        return connect(self.settings, start=False, state=self.folder / ".localcloud")

    def allow(self, document: Mapping[str, Any]) -> None:
        """Make ``document`` the one policy that the role has."""
        iam = self.admin.client("iam")
        iam.put_role_policy(RoleName="participant", PolicyName="participant", PolicyDocument=json.dumps(document))

    def run(self, name: str) -> None:
        """Run a notebook as the role; raises NotebookError when a cell does."""
        source, executed = self.folder / "notebooks" / f"{name}.ipynb", self.folder / "build" / "executed"
        with self.step(name), mock.patch.dict(os.environ, self._environment(), clear=True):
            notebooks.execute(source, executed / source.name, SHORT.get(name), MINUTES)

    def _environment(self) -> dict[str, str]:
        home = Path(tempfile.mkdtemp(dir=self.folder / "build"))
        return private_environment(home) | {"PYTHONPATH": import_path(self.folder), "WORKSHOP_LOCAL_ROLE": ROLE}

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[Connection]:
        """Note what the role is asked for in the block, as done by ``name``."""
        try:
            yield self.connection
        finally:
            self._note(name)

    def _note(self, name: str) -> None:
        rows = decisions(self.folder / ".localcloud" / "iam-decisions.jsonl")
        known = {(call.action, call.resource) for call in self.calls}
        for row in rows[self._read :]:
            if ":assumed-role/participant/" not in row["principal"]:
                continue
            if row["verdict"] != "Allow":
                self.denied.append(row)
                continue
            asked = (row["action"], general(row["resource"]))
            if asked not in known:
                known.add(asked)
                self.calls.append(participant_policy.Call(*asked, name))
        self._read = len(rows)


def general(resource: str) -> str:
    """A resource with placeholders for what differs elsewhere and another time."""
    for pattern, placeholder in PLACEHOLDERS:
        resource = re.sub(pattern, placeholder, resource)
    return resource


@contextlib.contextmanager
def workshop(folder: Path, document: Mapping[str, Any], *, bootstrapped: bool = True) -> Iterator[Participant]:
    """A cloud that an event's administrator has prepared: bootstrapped, with a role that may do what ``document`` says.

    Parameters
    ----------
    folder : Path
        Does not exist yet.
    document : mapping
        A policy.
    bootstrapped : bool
        Whether ``cdk bootstrap`` has been run.
    """
    # Expiry is on, as on AWS by default; 720 hours of the local cloud's clock are twelve here.
    copy_of_the_code(folder, WORKSHOP_WORKSHOP_NAME=NAME, WORKSHOP_SAFETY_EXPIRE_HOURS="720")
    chosen, state = settings.load(folder / "workshop.toml", {}), folder / ".localcloud"
    try:
        admin = connect(chosen, state=state)
        jumpstart.publish_smallworld(admin)  # on AWS these models are in JumpStart already
        if bootstrapped:
            deployment.bootstrap(admin, _silent, deployment.synthesise(admin, _silent))
        admin.client("iam").create_role(RoleName="participant", AssumeRolePolicyDocument=json.dumps(TRUST))
        made = Participant(folder, admin)
        made.allow(document)
        yield made
    finally:
        localcloud.stop(state)


def _silent(_: str) -> None:
    """Progress that nobody reads."""


def by_hand(connection: Connection) -> None:
    """What helpers offer besides what the notebooks run: pipeline's logs, letters thrown away, an older version."""
    newest = describe(connection, executions(connection, 1)[0].id)
    log_excerpt(connection, next(action.build for action in newest.actions if action.build))
    operations.waiting(connection)
    operations.purge(connection)
    (serving,) = (version for version in operations.versions(connection) if version.state == "serves")
    with contextlib.suppress(DeploymentError):  # a change set without changes
        operations.roll_back(connection, serving.model_key, _silent)
    connection.resume(connection.jobs(1)[0].id)
    inventory.by_tag(connection)  # on AWS what is gone keeps its tag for a while, and each is looked at
    inventory.by_name(connection)
    operations.extend(connection, 1)
    operations.clean_up(connection, _silent, dry_run=True)


def without_the_pipeline(connection: Connection) -> None:
    """Deploy, draw, and remove it all as when the CDK cannot."""
    deployment.deploy(connection, _silent)
    connection.generate("a red circle", seed=1, **SMALL).wait(PICTURE_SECONDS)  # type: ignore[arg-type]
    connection.resume(ids.checked(connection.jobs(1)[0].id)).wait(PICTURE_SECONDS)
    with mock.patch.object(deployment, "destroy", side_effect=DeploymentError("on purpose")):
        report = operations.clean_up(connection, _silent)
    assert report.ok, str(report)


def everything(participant: Participant, say: Callable[[str], None] = _silent) -> None:
    """All notebooks and what helpers offer besides, from an empty account to an empty account."""
    for name in BEFORE:
        say(name)
        participant.run(name)
    for name, step in (("helpers", by_hand),):
        say(name)
        with participant.step(name) as connection:
            step(connection)
    say(LAST)
    participant.run(LAST)
    say("deploy()")
    with participant.step("deploy()") as connection:
        without_the_pipeline(connection)


def main() -> None:
    """Record the calls and write them down."""

    def say(text: str) -> None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    with tempfile.TemporaryDirectory() as scratch, workshop(Path(scratch) / "workshop", EVERYTHING) as participant:
        everything(participant, say)
        rows = sorted(participant.calls, key=lambda call: (call.action, call.resource))
    lines = [json.dumps({"action": row.action, "resource": row.resource, "first": row.first}) for row in rows]
    participant_policy.CALLS.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
    say(f"{len(lines)} calls in {participant_policy.CALLS}")


if __name__ == "__main__":
    main()
