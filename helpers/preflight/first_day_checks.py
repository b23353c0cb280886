"""The preflight's checks for what AWS refuses on the first day: services, roles, builds, the clock of this machine."""

from __future__ import annotations

import datetime as dt
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from helpers.delivery.first_day import NO_PIPELINE
from helpers.inference.connection import Connection
from helpers.preflight.account_checks import Account, Result, quota_of
from helpers.target import regions
from helpers.target.explain import DENIED, code_of
from helpers.target.stacks import BOOTSTRAP_STACK, is_bootstrapped

BUILDS = "Concurrently running builds for Linux/Medium environment"
"""The quota of CodeBuild that counts for the pipeline's builds; a new account's may be 1, or 0."""
AT_A_TIME = 2
"""The pipeline's stage Build runs so many side by side."""
SOME_SECONDS, REFUSED_SECONDS = 60, 300
"""AWS refuses a request that is signed more than five minutes ago, or in the future."""
ROLES = {
    "DeploymentActionRole": ("deploy-role", "deploys"),
    "FilePublishingRole": ("file-publishing-role", "uploads templates and code"),
}
"""Logical ids in the CDK's bootstrap template, the role's name, and what the CDK's command line assumes it for:
https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html"""


def services(account: Account) -> Result:
    """Whether the region has every service that the workshop deploys."""
    settings = account.settings
    if account.local:
        return "ok", "the local cloud has those that the workshop needs", ""
    return account.look(f"asking which services {settings.workshop.region} has", _services)


def _services(connection: Connection) -> Result:
    if found := regions.lacking(connection, regions.DEPLOYMENT):
        return "fail", f"{found}, and nothing works without", "Set another [workshop] region in workshop.toml."
    needed = regions.pipeline_services(connection.settings)
    if found := regions.lacking(connection, needed):
        return "warn", f"{found}, which the pipeline needs", NO_PIPELINE
    return "ok", f"{connection.settings.workshop.region} has all {len(regions.DEPLOYMENT) + len(needed)}", ""


def roles(account: Account) -> Result:
    """Whether we may assume the roles with which the CDK deploys."""
    return account.look("looking at the CDK's roles", _roles)


def _roles(connection: Connection) -> Result:
    cloudformation, sts = connection.client("cloudformation"), connection.client("sts")
    if connection.identity.arn.endswith(":root"):
        return (
            "warn",
            "the account's root user, which may assume no role; the CDK then deploys with the root user's own rights",
            "Log in as an administrator or a role instead: AWS advises against working as the root user.",
        )
    for logical_id, (named, does) in ROLES.items():
        try:
            name = cloudformation.describe_stack_resource(
                StackName=BOOTSTRAP_STACK, LogicalResourceId=logical_id
            )["StackResourceDetail"]["PhysicalResourceId"]  # fmt: skip
        except ClientError as error:
            if "does not exist" not in str(error):
                raise
            if not is_bootstrapped(connection):
                return (
                    "ok",
                    "not there yet; the first deployment makes them, for which you need the right to create IAM roles",
                    "",
                )
            # A stack of another name, as at an AWS event: the roles have the names that the CDK's CLI computes.
            name = f"cdk-hnb659fds-{named}-{connection.identity.account}-{connection.settings.workshop.region}"
        arn = _role_arn(connection, name)
        try:
            # Changes nothing; the credentials are not used, and end by themselves.
            sts.assume_role(RoleArn=arn, RoleSessionName="workshop-preflight", DurationSeconds=900)
        except ClientError as error:
            if code_of(error) not in DENIED:
                raise
            return (
                "warn",
                f"you may not assume {arn}, which {does}; the CDK then goes on with your own rights, and fails where "
                "they end",
                "Nothing to do for an administrator. Else ask for the permission sts:AssumeRole on "
                f"arn:{_partition(connection)}:iam::{connection.identity.account}:role/cdk-*",
            )
    return "ok", "you may assume those that deploy and upload", ""


def _partition(connection: Connection) -> str:
    return connection.identity.arn.split(":")[1]


def _role_arn(connection: Connection, name: str) -> str:
    return f"arn:{_partition(connection)}:iam::{connection.identity.account}:role/{name}"


def builds(account: Account) -> Result:
    """How many builds the account may run at a time."""
    if account.local:
        return "ok", "the local cloud runs as many builds as the pipeline starts", ""
    return account.look("looking up the quota of builds", _builds)


def _builds(connection: Connection) -> Result:
    region = connection.settings.workshop.region
    if regions.lacking(connection, {"codebuild": regions.BUILDS["codebuild"]}):
        return "warn", f"{region} has no CodeBuild", NO_PIPELINE
    found = quota_of(connection.client("service-quotas"), BUILDS, "codebuild")
    if found is None:
        return "warn", f"Service Quotas does not name '{BUILDS}'", "Look at CodeBuild's quotas in the console."
    said = f"{found.value:g} builds at a time; the pipeline starts {AT_A_TIME} side by side"
    if found.value >= AT_A_TIME:
        return "ok", f"{said}. (A new account may get fewer than its quota: docs/troubleshooting.md)", ""
    place = f"https://{region}.console.aws.amazon.com/servicequotas/home/services/codebuild/quotas/{found.code}"
    then = "one of them fails, and passes when you retry the stage" if found.value else "both fail"
    return "warn", f"{said}: {then}", f"Ask for {AT_A_TIME} or more at {place}, or deploy without the pipeline."


def time_of_day(account: Account) -> Result:
    """Whether this machine's clock agrees with the target's: a request carries the time at which it was signed."""
    if account.local:
        return "ok", "the local cloud reads this machine's clock", ""
    opened = account.opened
    if opened is None:
        return "warn", "not looked at, since there are no credentials", "Fix the credentials first."
    try:
        answer: dict[str, Any] = opened.client("sts").get_caller_identity()
    except ClientError as error:
        answer = dict(error.response)  # a refusal has a date too
    except BotoCoreError as error:
        return "warn", f"not looked at: {error}", "Check the network and the credentials, then run the checks again."
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    if not date:
        return "ok", "AWS's answer had no date to compare with", ""
    off = (dt.datetime.now(dt.UTC) - parsedate_to_datetime(date)).total_seconds()
    fix = "Set it: on Linux with `timedatectl set-ntp true`, in WSL with `wsl --shutdown` and a new start."
    if abs(off) > REFUSED_SECONDS:
        return "fail", f"this machine's clock is {_apart(off)} AWS's, which refuses more than five minutes", fix
    if abs(off) > SOME_SECONDS:
        return "warn", f"this machine's clock is {_apart(off)} AWS's; past five minutes it refuses requests", fix
    return "ok", "agrees with AWS's to within a minute", ""


def _apart(seconds: float) -> str:
    return f"{abs(seconds) / 60:.0f} minutes {'ahead of' if seconds > 0 else 'behind'}"
