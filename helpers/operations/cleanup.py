"""Remove the workshop from the target, then prove that nothing is left, and say what stays on purpose."""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from botocore.exceptions import ClientError

from contract.errors import WorkshopError
from contract.names import TAG, endpoint_log_group, endpoint_prefix
from contract.settings import ROOT
from helpers.delivery import deployment
from helpers.inference.connection import Connection
from helpers.operations import costs, inventory
from helpers.show.checks import Check, Report, State
from helpers.target.explain import explained
from helpers.target.stacks import BOOTSTRAP_STACK, delete_stack

Progress = Callable[[str], None]

BUILD = ROOT / "build"
"""Everything that the workshop writes on this machine, except the local cloud's own state."""
SETTLE_SECONDS = {"local": 15.0, "aws": 180.0}
"""How long to look again: deletions show late, and services write their last log lines after their end."""
DELETE_SECONDS = 3600
LISTING_PAGES = 50
AGAIN = "Run clean_up(connection) again: it goes on where it ended."
SHOWN = 4


@dataclasses.dataclass(frozen=True)
class _Before:
    """What was deployed before anything was deleted."""

    stacks: dict[str, inventory.Stack]
    always: tuple[str, ...]
    """Beginnings of log groups that may have outlived a stack that was deleted in another way."""

    @property
    def log_prefixes(self) -> list[str]:
        """Beginnings of the log groups that services made by themselves, so that no stack deletes them."""
        prefixes = list(self.always)
        for stack in self.stacks.values():
            if endpoint := stack.outputs.get("EndpointName"):
                prefixes.append(endpoint_log_group(endpoint))
            prefixes += [f"/aws/codebuild/{name}" for name in stack.resources.get("AWS::CodeBuild::Project", ())]
        return prefixes


def clean_up(
    connection: Connection, progress: Progress = print, *, dry_run: bool = False, local_files: bool = False,
    build: Path = BUILD,
) -> Report:  # fmt: skip
    """Delete everything of the workshop and prove it; what goes wrong is in the report.

    Parameters
    ----------
    connection : Connection
        Whose target is cleaned. Nothing is asked: what is gone is gone, the bucket with all pictures included, unless
        ``[bucket] keep`` protects it.
    progress : callable
        Gets lines of text.
    dry_run : bool
        Only say what would be deleted.
    local_files : bool
        Remove ``build/`` on this machine, too.
    build : Path
        That folder.

    Returns
    -------
    Report
        ``report.ok`` when nothing is left but what stays on purpose. Running it again is safe, and on a clean account
        it passes.
    """
    began, settings = time.monotonic(), connection.settings
    title = f"Clean-up of {settings.workshop.name} on {connection.target.described}"
    before = _look_before(connection)
    if dry_run:
        progress("dry run: nothing is deleted")
        rows = [*_would_delete(connection, before, local_files, build), *_stays(connection), _cost(connection)]
        return Report(f"{title} (dry run)", tuple(rows), time.monotonic() - began)
    problem = _delete(connection, before, progress)
    connection.refresh()
    progress("looking for what is left")
    rows = _proof(connection, before, problem)
    rows += [*_stays(connection), _files(local_files, build), _cost(connection)]
    return Report(title, tuple(rows), time.monotonic() - began)


def _look_before(connection: Connection) -> _Before:
    names = inventory.stack_names(connection.settings)
    stacks = {name: inventory.find_stack(connection, name) for name in names}
    # Of functions, and of endpoints: also of those that one of another instance type has replaced.
    always = [f"/aws/lambda/{name}-" for name in names]
    always.append(endpoint_log_group(endpoint_prefix(connection.settings.application_stack)))
    return _Before({name: stack for name, stack in stacks.items() if stack is not None}, tuple(always))


def _delete(connection: Connection, before: _Before, progress: Progress) -> str:
    """Delete the stacks and the log groups of services; return what went wrong, or nothing."""
    problem = ""
    if before.stacks:
        try:
            deployment.destroy(connection, progress)
        except (WorkshopError, ClientError) as error:
            problem = str(error)
            progress("the CDK could not delete everything; asking CloudFormation itself for the rest")
            _delete_rest(connection, progress)
    _delete_log_groups(connection, before.log_prefixes, progress)
    return problem


def _delete_rest(connection: Connection, progress: Progress) -> None:
    """Delete the stacks that are still there without the CDK: one that failed must not keep an endpoint running."""
    delay = 15 if connection.target.name == "aws" else 1
    for name in inventory.stack_names(connection.settings):
        if inventory.find_stack(connection, name) is None:
            continue
        progress(f"deleting {name}")
        if problem := delete_stack(connection, name, delay=delay, seconds=DELETE_SECONDS):
            progress(f"  {name} was not deleted: {problem}")  # why is in the stack's events, which the report shows


def _delete_log_groups(connection: Connection, prefixes: Iterable[str], progress: Progress) -> None:
    logs = connection.client("logs")
    for name in inventory.log_groups(connection, prefixes):
        progress(f"deleting log group {name}")
        with explained(f"deleting log group {name}", connection.target):
            try:
                logs.delete_log_group(logGroupName=name)
            except logs.exceptions.ResourceNotFoundException:
                progress(f"  {name} was gone already")


def _proof(connection: Connection, before: _Before, problem: str) -> list[Check]:
    """Look until nothing is left, or until what is left has had time enough to go."""
    timer, seconds = connection.timer, SETTLE_SECONDS[connection.target.name]
    deadline = timer.now() + seconds
    while True:
        rows = _look_after(connection, before, problem)
        clean = all(row.state != "fail" for row in rows)
        failed = any(row.state == "fail" and row.name.startswith("Stack ") for row in rows)
        if clean or failed or timer.now() > deadline:
            return rows
        timer.sleep(10 if connection.target.name == "aws" else 0.5)
        _delete_log_groups(connection, before.log_prefixes, lambda text: None)


def _look_after(connection: Connection, before: _Before, problem: str) -> list[Check]:
    rows = [_stack_row(connection, before, name, problem) for name in inventory.stack_names(connection.settings)]
    rows.append(_tag_row(connection))
    rows += [_kind_row(connection, found) for found in inventory.by_name(connection)]
    left = inventory.log_groups(connection, before.log_prefixes)
    rows.append(_row("Log groups that services made", left, connection))
    return rows


def _stack_row(connection: Connection, before: _Before, name: str, problem: str) -> Check:
    stack = inventory.find_stack(connection, name)
    if stack is None:
        return Check(f"Stack {name}", "ok", "deleted" if name in before.stacks else "not there, as it should be")
    why = "\n".join(stack.reasons) or problem or "CloudFormation gave no reason"
    return Check(
        f"Stack {name}",
        "fail",
        f"is {stack.status}, with {stack.count} resources: {why}",
        "Do what the reason says (a bucket that is not empty: empty it in the S3 console), then run this again. Or "
        "delete the stack in the CloudFormation console, choose to keep the resource that cannot be deleted, and "
        "delete that one by hand.",
    )


def _tag_row(connection: Connection) -> Check:
    settings = connection.settings
    name = f"Tag {TAG}={settings.workshop.name}"
    try:
        arns = inventory.by_tag(connection)
        going = [arn for arn in arns if _is_key(arn) and inventory.key_state(connection, arn) == "PendingDeletion"]
    except WorkshopError as error:
        return Check(name, "warn", f"could not be listed: {error}", "The rows below look service by service.")
    left = [arn for arn in arns if arn not in going and not _kept(connection, arn)]
    if left:
        return Check(name, "fail", f"{len(left)} left: {_some(left)}", AGAIN)
    also = f"; {len(going)} KMS keys end within 7 days and cost nothing until then" if going else ""
    return Check(name, "ok", f"nothing left carries it{also}")


def _kind_row(connection: Connection, found: inventory.Found) -> Check:
    if found.unseen:
        return Check(
            found.kind,
            "warn",
            f"could not be listed: {found.unseen}",
            "Look in the service's console, or ask your administrator to allow listing.",
        )
    return _row(found.kind, found.names, connection)


def _row(kind: str, names: Iterable[str], connection: Connection) -> Check:
    left = [name for name in names if not _kept(connection, name)]
    if left:
        return Check(kind, "fail", f"{len(left)} left: {_some(left)}", f"{AGAIN} Or delete them in the console.")
    return Check(kind, "ok", "none left")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _is_key(arn: str) -> bool:
    return arn.startswith("arn:") and arn.split(":")[2] == "kms"


def _kept(connection: Connection, name: str) -> bool:
    """Whether ``[bucket] keep`` is why this bucket (by name or ARN), or its key, is still there."""
    settings = connection.settings
    if not settings.bucket.keep:
        return False
    # CloudFormation never shortens the name of this bucket: contract.names.LONGEST_WORKSHOP.
    bucket = name.rpartition(":")[2].startswith(f"{settings.application_stack}-requests")
    return bucket or (_is_key(name) and settings.security.kms)


def _would_delete(connection: Connection, before: _Before, local_files: bool, build: Path) -> list[Check]:
    rows = []
    for name in inventory.stack_names(connection.settings):
        stack = before.stacks.get(name)
        said = "not there" if stack is None else f"would be deleted, with {stack.count} resources ({stack.status})"
        rows.append(Check(f"Stack {name}", "ok", said))
    groups = inventory.log_groups(connection, before.log_prefixes)
    rows.append(
        Check("Log groups that services made", "ok", f"would be deleted: {_some(groups)}" if groups else "none there")
    )
    rows.append(Check("Local files", "ok", f"{build} would be deleted" if local_files else f"{build} would stay"))
    return rows


def _stays(connection: Connection) -> list[Check]:
    """What is left on purpose, and what it costs."""
    rows, price = [], costs.load_prices().services["s3"]["gigabyte_month"]
    keep = connection.settings.bucket.keep
    buckets = next(found for found in inventory.by_name(connection, ("S3 buckets",)))
    for bucket in (name for name in buckets.names if keep and _kept(connection, name)):
        size, objects = _size(connection, bucket)
        rows.append(
            Check(
                "Stays: the bucket",
                "ok",
                f"[bucket] keep = true: {bucket} with {objects} objects, {size / 1e6:.1f} MB, about "
                f"{costs.usd(size / 1e9 * price)} a month",
                "When you no longer need the pictures, empty and delete it in the S3 console.",
            )
        )
    toolkit = inventory.find_stack(connection, BOOTSTRAP_STACK)
    if toolkit is not None:
        bucket = toolkit.outputs.get("BucketName", "")
        size, _ = _size(connection, bucket) if bucket else (0, 0)
        rows.append(
            Check(
                f"Stays: {BOOTSTRAP_STACK}",
                "ok",
                f"serves every CDK application of the account in this region; {size / 1e6:.1f} MB of code, about "
                f"{costs.usd(size / 1e9 * price)} a month",
                "If nothing else here uses the CDK: empty its bucket, then delete the stack in the CloudFormation "
                "console.",
            )
        )
    return rows


def _size(connection: Connection, bucket: str) -> tuple[int, int]:
    """Bytes and number of a bucket's objects, of the first pages where there are many."""
    size = count = 0
    try:
        pages = connection.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket)
        for number, page in enumerate(pages):
            size += sum(item["Size"] for item in page.get("Contents", ()))
            count += page.get("KeyCount", 0)
            if number + 1 >= LISTING_PAGES:
                break
    except ClientError as error:
        if not any(word in str(error).lower() for word in inventory.GONE):
            raise
    return size, count


def _files(remove: bool, build: Path) -> Check:
    if not build.exists():
        return Check("Local files", "ok", f"{build} is not there")
    if not remove:
        return Check("Local files", "ok", f"{build} stays", "clean_up(connection, local_files=True) removes it.")
    shutil.rmtree(build)
    return Check("Local files", "ok", f"removed {build}")


def _cost(connection: Connection) -> Check:
    """What it would have cost to leave everything as it was."""
    month = costs.estimate(connection.settings, 0, costs.HOURS_A_MONTH, requests=0, pipeline_runs=0)
    state: State = "ok"
    if month.always_on is None:
        return Check("Had it stayed", state, month.instance.source)
    here = "The local cloud costs nothing. On AWS, a" if connection.target.name == "local" else "A"
    return Check(
        "Had it stayed",
        state,
        f"{here} month without a single request would have cost {costs.usd(month.scaled_to_zero)} with the endpoint at "
        f"zero instances, and {costs.usd(month.always_on)} with one left on. {month.instance.source}",
    )
