"""Versions of the deployed model: which ones there were, going back to one, and what happens to a bad one.

A version is an endpoint configuration: it names the model, and the model names the packaged files in the bucket of
models. CloudFormation makes a new configuration for each version and deletes the old one, so the history is in the
stack's events.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from contract.errors import DeploymentError, NotDeployedError
from contract.names import MODEL_PARAMETERS
from helpers.inference.connection import Connection
from helpers.show.tables import Listing
from helpers.target.explain import explained

Progress = Callable[[str], None]

UPDATE_SECONDS = 5400
"""SageMaker tries a model that does not start for some time, and then starts the old one's instances again."""
BROKEN_MODEL = b"This is not a tarball. It was put here on purpose, to show what happens to a bad version.\n"
BROKEN_PREFIX = "broken-on-purpose/"
BUCKET, KEY, DATA_TYPE, *_ = MODEL_PARAMETERS
CONFIG, STACK = "AWS::SageMaker::EndpointConfig", "AWS::CloudFormation::Stack"


@dataclasses.dataclass(frozen=True)
class Version:
    """One endpoint configuration.

    Attributes
    ----------
    config : str
        Its name.
    made : datetime
    model_data : str
        ``s3://…`` of the packaged model, empty when it is no longer known.
    state : str
        ``serves``, ``kept`` (there, and not in use), ``deleted``, or ``refused``: taken back before it could serve.
    """

    config: str
    made: dt.datetime
    model_data: str
    state: str

    @property
    def model_key(self) -> str:
        """Key of the packaged model in its bucket: what :func:`roll_back` takes."""
        return self.model_data.removeprefix("s3://").partition("/")[2]


@dataclasses.dataclass(frozen=True)
class StackEvent:
    """A line of what CloudFormation did."""

    time: dt.datetime
    resource: str
    kind: str
    status: str
    reason: str

    @property
    def telling(self) -> bool:
        """Whether it is about the model's version, or a failure: an update goes through many other resources."""
        return self.kind == STACK or self.kind.startswith("AWS::SageMaker::") or self.status.endswith("FAILED")


@dataclasses.dataclass(frozen=True)
class BadVersion:
    """How a bad version was refused.

    Attributes
    ----------
    status : str
        The stack's status afterwards: ``UPDATE_ROLLBACK_COMPLETE``.
    before, after : str
        The endpoint's configuration before and after; they are the same.
    endpoint_status : str
        ``InService``: the old version served all the time.
    events : tuple of StackEvent
        What CloudFormation did, in order.
    seconds : float
    """

    status: str
    before: str
    after: str
    endpoint_status: str
    events: tuple[StackEvent, ...]
    seconds: float

    @property
    def reasons(self) -> list[str]:
        """Why it failed, in CloudFormation's words; the first is the cause."""
        return [event.reason for event in self.events if event.status.endswith("_FAILED") and event.reason]

    @property
    def unharmed(self) -> bool:
        """Whether the endpoint serves what it served before."""
        return self.before == self.after and self.endpoint_status == "InService"

    def _table(self) -> Listing[StackEvent]:
        rows, states, shown = [], [], tuple(event for event in self.events if event.telling)
        for event in shown:
            rows.append((f"{event.time:%H:%M:%S}", event.resource, event.status, event.reason))
            states.append("fail" if "FAILED" in event.status else "warn" if "ROLLBACK" in event.status else "")
        serves = "The endpoint serves as before." if self.unharmed else f"The endpoint is {self.endpoint_status}."
        return Listing(
            f"A bad version: the stack is {self.status} after {self.seconds:.0f} s. {serves}",
            ("Time (UTC)", "Resource", "Status", "Why"),
            shown,
            tuple(rows),
            tuple(states),
        )

    def __str__(self) -> str:
        return str(self._table())

    def _repr_html_(self) -> str:
        return self._table()._repr_html_()


def versions(connection: Connection) -> Listing[Version]:
    """All versions that the stack's events name (AWS keeps them for 90 days), newest first."""
    sagemaker = connection.client("sagemaker")
    current = str(connection.describe_endpoint()["EndpointConfigName"])
    with explained("listing endpoint configurations", connection.target):
        pages = sagemaker.get_paginator("list_endpoint_configs").paginate(NameContains="AsyncEndpointConfig")
        there = {item["EndpointConfigName"].lower(): item for page in pages for item in page["EndpointConfigs"]}
    found: dict[str, Version] = {}
    for name, (made, refused) in _history(connection).items():
        kept = there.get(name)
        shown = kept["EndpointConfigName"] if kept else name
        data = _model_data(connection, shown) if kept else ""
        gone = "refused" if refused else "deleted"
        state = "serves" if name == current.lower() else "kept" if kept else gone
        found[name] = Version(shown, made, data, state)
    if current.lower() not in found:  # made longer ago than events are kept
        made = sagemaker.describe_endpoint_config(EndpointConfigName=current)["CreationTime"].astimezone(dt.UTC)
        found[current.lower()] = Version(current, made, _model_data(connection, current), "serves")
    items = tuple(sorted(found.values(), key=lambda version: version.made, reverse=True))
    rows = tuple(
        (f"{item.made:%Y-%m-%d %H:%M:%S}", item.state, item.model_data or "(no longer known)", item.config)
        for item in items
    )
    states = tuple("ok" if item.state == "serves" else "" for item in items)
    return Listing("Versions", ("Made (UTC)", "State", "Packaged model", "Endpoint configuration"), items, rows, states)


def _history(connection: Connection) -> dict[str, tuple[dt.datetime, bool]]:
    """Configurations that the stack made, by name in lower case: when, and whether CloudFormation took it back."""
    found: dict[str, tuple[dt.datetime, bool]] = {}
    fresh: set[str] = set()
    for event in _raw_events(connection):
        kind, status = event["ResourceType"], event["ResourceStatus"]
        if kind == CONFIG and status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            name = event["PhysicalResourceId"].rpartition("/")[2].lower()
            if name not in found:
                found[name] = (event["Timestamp"].astimezone(dt.UTC), False)
                fresh.add(name)
        elif kind == STACK and status.endswith("ROLLBACK_IN_PROGRESS"):
            found |= {name: (found[name][0], True) for name in fresh}
        elif kind == STACK and status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"):
            fresh.clear()
    return found


def _model_data(connection: Connection, config: str) -> str:
    """Where the packaged model of a configuration is stored; empty when it was deleted meanwhile."""
    sagemaker = connection.client("sagemaker")
    try:
        variant = sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"][0]
        container = sagemaker.describe_model(ModelName=variant["ModelName"])["PrimaryContainer"]
    except ClientError as error:
        if "could not find" in str(error).lower():
            return ""
        raise
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    return str(source.get("S3Uri") or container.get("ModelDataUrl", ""))


def roll_back(connection: Connection, model_key: str, progress: Progress = print) -> str:
    """Deploy the packaged model at ``model_key`` again, through CloudFormation; return the stack's status.

    Parameters
    ----------
    model_key : str
        ``versions(connection)[1].model_key``, or any key in the bucket of models: packages stay there.

    Raises
    ------
    DeploymentError
        There is no such package, or the update failed; the endpoint then serves what it served.
    """
    bucket = _parameters(connection)[BUCKET]
    s3 = connection.client("s3")
    with explained(f"looking for s3://{bucket}/{model_key}", connection.target):
        if not s3.list_objects_v2(Bucket=bucket, Prefix=model_key, MaxKeys=1).get("Contents"):
            keys = ", ".join(item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", ())) or "nothing"
            raise DeploymentError(f"s3://{bucket}/{model_key} is not there; the bucket holds {keys}.")
    kind = "S3Prefix" if model_key.endswith("/") else "S3Object"
    status, events = _update(connection, {KEY: model_key, DATA_TYPE: kind}, progress)
    if status != "UPDATE_COMPLETE":
        reasons = "; ".join(event.reason for event in events if event.status.endswith("_FAILED") and event.reason)
        raise DeploymentError(f"the stack is {status}, and the endpoint serves what it served: {reasons}")
    return status


def try_bad_version(connection: Connection, progress: Progress = print) -> BadVersion:
    """Deploy a model that is not a tarball, and watch CloudFormation take it back; the endpoint serves meanwhile.

    On AWS this takes some twenty minutes, in which SageMaker starts an instance for the new version and gives it up.

    Returns
    -------
    BadVersion
        The stack is in ``UPDATE_ROLLBACK_COMPLETE``, from which it can be updated as before.

    Raises
    ------
    DeploymentError
        The stack is busy, or the bad version was not refused.
    """
    began = connection.timer.now()
    before = str(connection.describe_endpoint()["EndpointConfigName"])
    bucket, key = _parameters(connection)[BUCKET], f"{BROKEN_PREFIX}{secrets.token_hex(4)}.tar.gz"
    s3 = connection.client("s3")
    progress(f"putting a broken model at s3://{bucket}/{key}")
    with explained(f"writing s3://{bucket}/{key}", connection.target):
        s3.put_object(Bucket=bucket, Key=key, Body=BROKEN_MODEL)
    try:
        status, events = _update(connection, {KEY: key, DATA_TYPE: "S3Object"}, progress)
    finally:
        with explained(f"deleting s3://{bucket}/{key}", connection.target):
            s3.delete_object(Bucket=bucket, Key=key)
    endpoint = connection.describe_endpoint()
    seconds = connection.timer.now() - began
    after, serving = str(endpoint["EndpointConfigName"]), str(endpoint["EndpointStatus"])
    if status != "UPDATE_ROLLBACK_COMPLETE":
        raise DeploymentError(
            f"the stack is {status} after a bad version; expected UPDATE_ROLLBACK_COMPLETE. Deploy the "
            "workshop again. Its events: " + "; ".join(event.reason for event in events if event.reason)
        )
    return BadVersion(status, before, after, serving, tuple(events), seconds)


def _stack(connection: Connection) -> dict[str, Any]:
    name = connection.settings.application_stack
    with explained(f"describing stack {name}", connection.target):
        try:
            stack: dict[str, Any] = connection.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" not in str(error):
                raise
            raise NotDeployedError(
                f"the stack {name} is not on {connection.target.described}: deploy the workshop first."
            ) from error
    return stack


def _parameters(connection: Connection) -> dict[str, str]:
    return {item["ParameterKey"]: item["ParameterValue"] for item in _stack(connection).get("Parameters", ())}


def _raw_events(connection: Connection) -> list[dict[str, Any]]:
    """The stack's events, oldest first."""
    name = connection.settings.application_stack
    with explained(f"reading the events of stack {name}", connection.target):
        pages = connection.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=name)
        events = [event for page in pages for event in page["StackEvents"]]
    events.reverse()  # they come newest first
    return events


def _update(
    connection: Connection, changes: Mapping[str, str], progress: Progress
) -> tuple[str, list[StackEvent]]:  # fmt: skip
    """Change parameters of the application stack through a change set; wait for the end, and return what happened."""
    stack, client = _stack(connection), connection.client("cloudformation")
    name, status = stack["StackName"], stack["StackStatus"]
    if not status.endswith("_COMPLETE"):
        raise DeploymentError(f"the stack {name} is {status}: wait until nobody deploys, then try again.")
    known = {event["EventId"] for event in _raw_events(connection)}
    parameters = [
        {"ParameterKey": key, "ParameterValue": changes[key]}
        if key in changes
        else {"ParameterKey": key, "UsePreviousValue": True}
        for key in _parameters(connection)
    ]
    change_set = f"workshop-{secrets.token_hex(4)}"
    progress(f"change set {change_set} of {name}: {', '.join(f'{key} = {value}' for key, value in changes.items())}")
    with explained(f"making the change set {change_set}", connection.target):
        client.create_change_set(
            StackName=name, ChangeSetName=change_set, UsePreviousTemplate=True, Parameters=parameters,
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
        )  # fmt: skip
    _wait_for_change_set(connection, name, change_set)
    with explained(f"executing the change set {change_set}", connection.target):
        client.execute_change_set(StackName=name, ChangeSetName=change_set)
    return _follow(connection, known, progress)


def _wait_for_change_set(connection: Connection, name: str, change_set: str) -> None:
    client, timer = connection.client("cloudformation"), connection.timer
    deadline = timer.now() + 300
    while True:
        with explained(f"describing the change set {change_set}", connection.target):
            found = client.describe_change_set(StackName=name, ChangeSetName=change_set)
        if found["Status"] == "CREATE_COMPLETE":
            return
        if found["Status"] == "FAILED" or timer.now() > deadline:
            with explained(f"deleting the change set {change_set}", connection.target):
                client.delete_change_set(StackName=name, ChangeSetName=change_set)
            raise DeploymentError(
                f"the change set {change_set} of {name} was not made: {found.get('StatusReason', 'no answer in time')}"
            )
        timer.sleep(3 if connection.target.name == "aws" else 0.2)


def _follow(connection: Connection, known: set[str], progress: Progress) -> tuple[str, list[StackEvent]]:
    """Hand on each new event until the stack is at rest."""
    timer = connection.timer
    deadline = timer.now() + UPDATE_SECONDS
    events: list[StackEvent] = []
    while True:
        # The status first: events that came before it are read after it.
        status = str(_stack(connection)["StackStatus"])
        fresh = [event for event in _raw_events(connection) if event["EventId"] not in known]
        for raw in fresh:
            known.add(raw["EventId"])
            event = StackEvent(
                raw["Timestamp"].astimezone(dt.UTC), raw["LogicalResourceId"], raw["ResourceType"],
                raw["ResourceStatus"], raw.get("ResourceStatusReason", ""),
            )  # fmt: skip
            events.append(event)
            if event.telling:
                said = event.status.lower().replace("_", " ")
                progress(f"  {said}: {event.kind} {event.resource} {event.reason}".rstrip())
        # The stack's own last event, since right after the start its status is still that of the time before.
        own = [event.status for event in events if event.kind == STACK]
        if own and own[-1] == status and not status.endswith("_IN_PROGRESS"):
            return status, events
        if timer.now() > deadline:
            raise DeploymentError(
                f"the stack is still {status} after {UPDATE_SECONDS} s and goes on; see its events in the console."
            )
        timer.sleep(10 if connection.target.name == "aws" else 0.3)
