"""The preflight's checks of the target: who we are there, and whether it lets us do what the workshop does.

Every call here only reads. On AWS each of them is free of charge.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import threading
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from contract.errors import ModelError, ParameterError, WorkshopError
from contract.names import SMALLWORLD, SMALLWORLD_MODELS
from contract.settings import Settings
from helpers.delivery.first_day import CODECOMMIT_CLOSED, NO_CODECOMMIT, NO_PIPELINE
from helpers.inference.connection import Connection, connect
from helpers.inference.parameters import limits_of
from helpers.model import jumpstart
from helpers.model.catalogue import answers_are_known
from helpers.show.checks import State
from helpers.target import regions
from helpers.target.explain import DENIED, code_of, translated
from helpers.target.handle import Identity
from helpers.target.stacks import BOOTSTRAP_STACK, is_bootstrapped

Result = tuple[State, str, str]

BOOTSTRAP_VERSION = 6
"""The oldest bootstrap that the CDK's templates of this workshop accept (the rule CheckBootstrapVersion in them)."""
ONLY_A_CHECK = "Ask your administrator for this permission, or go on: only this check needs it."


class _NotYetError(Exception):
    """The check cannot be made yet, because of what another check reports."""


@dataclasses.dataclass(frozen=True)
class Quota:
    """A quota of SageMaker for one instance type."""

    value: float
    code: str


class Account:
    """The target, reached once for all checks.

    Parameters
    ----------
    connection_or_settings : Connection or Settings
        With settings alone the connection is made by the first check that needs it.
    state : Path
        Where the local cloud keeps its state.
    """

    def __init__(self, connection_or_settings: Connection | Settings, state: Path) -> None:
        self.given: Connection | None = None
        if isinstance(connection_or_settings, Connection):
            self.given, self.settings = connection_or_settings, connection_or_settings.settings
        else:
            self.settings = connection_or_settings
        self._state, self._lock = state, threading.RLock()

    @functools.cached_property
    def _opened(self) -> Connection | WorkshopError:
        if self.given is not None:
            return self.given
        try:
            return connect(self.settings, start=False, state=self._state)
        except WorkshopError as error:
            return error

    @functools.cached_property
    def _identity(self) -> Identity | WorkshopError:
        try:
            return self._opened.identity if isinstance(self._opened, Connection) else self._opened
        except WorkshopError as error:
            return error

    @property
    def local(self) -> bool:
        """Whether the target is the local cloud."""
        return self.settings.workshop.target == "local"

    @property
    def connection(self) -> Connection:
        """The connection, with credentials that the target accepts; an error for :meth:`_look` while there is none."""
        with self._lock:
            found = self._opened if isinstance(self._identity, Identity) else self._identity
        if isinstance(found, WorkshopError):
            what = "the local cloud does not run" if self.local else "there are no credentials that work"
            raise _NotYetError(f"not looked at, since {what}")
        return found

    def credentials(self) -> Result:
        """Who we are on the target."""
        with self._lock:
            found = self._identity
        if isinstance(found, Identity):
            if self.local:
                return "ok", f"the local cloud's own key, account {found.account}", ""
            return "ok", f"{found.arn}, account {found.account}", ""
        if self.local and isinstance(self._opened, WorkshopError) and "does not run" in str(found):
            return "ok", "the local cloud makes its own key when it starts; no AWS account is needed", ""
        return (
            "fail",
            str(found),
            "Log in as the message says, restart the kernel, and run the checks again.",
        )

    @property
    def opened(self) -> Connection | None:
        """The connection, whether or not the target accepts its credentials; None when there are none."""
        with self._lock:
            return self._opened if isinstance(self._opened, Connection) else None

    def look(self, what: str, look: Any) -> Result:
        """``look`` with the connection; what is not permitted, or not possible yet, is a warning, not a failure."""
        try:
            connection = self.connection
        except _NotYetError as reason:
            if self.local:
                return "ok", f"{reason} yet; it offers what the workshop needs", ""
            return "warn", str(reason), "Fix the credentials first, then run the checks again."
        try:
            result: Result = look(connection)
        except ClientError as error:
            said = str(translated(error, what, connection.target))
            if code_of(error) in DENIED or code_of(error).startswith("AccessDenied"):
                return "warn", said, ONLY_A_CHECK
            return "fail", said, "The last part of the message says what to do."
        except BotoCoreError as error:
            return "fail", str(translated(error, what, connection.target)), "Check the network, then run this again."
        return result

    def region(self) -> Result:
        """Whether the account may use the region."""
        name = self.settings.workshop.region
        if self.local:
            return "ok", f"{name}: the local cloud takes this name and stays on this machine", ""
        opened = self.opened
        if opened is not None and not isinstance(self._identity, Identity):
            # A region that is not enabled refuses good credentials, too; the account is asked elsewhere.
            with contextlib.suppress(ClientError, BotoCoreError):
                return self._region(opened)
        return self.look(f"asking whether the region {name} is enabled", self._region)

    def _region(self, connection: Connection) -> Result:
        name = self.settings.workshop.region
        # https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html
        status = connection.client("account").get_region_opt_status(RegionName=name)["RegionOptStatus"]
        if status in ("ENABLED", "ENABLED_BY_DEFAULT"):
            return "ok", f"{name} is enabled", ""
        return (
            "fail",
            f"{name} is {status.lower().replace('_', ' ')} for your account",
            "Enable it in the console (your account's name, Account, AWS Regions), which takes minutes to hours, or "
            "set another [workshop] region in workshop.toml.",
        )

    def bootstrap(self) -> Result:
        """The CDK's bootstrap stack: a bucket for code and the roles that deploy it."""
        return self.look(f"describing the stack {BOOTSTRAP_STACK}", self._bootstrap)

    def _bootstrap(self, connection: Connection) -> Result:
        try:
            stack = connection.client("cloudformation").describe_stacks(StackName=BOOTSTRAP_STACK)["Stacks"][0]
        except ClientError as error:
            if "does not exist" not in str(error):
                raise
            if is_bootstrapped(connection):
                return "ok", "by a stack of another name, as at an AWS event", ""
            return "ok", "not there yet; the first deployment makes it, once for an account and region", ""
        outputs = {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", ())}
        version, status = outputs.get("BootstrapVersion", "0"), stack["StackStatus"]
        place = f"aws://{connection.identity.account}/{self.settings.workshop.region}"
        if status.endswith("_IN_PROGRESS"):
            return "warn", f"the stack {BOOTSTRAP_STACK} is being changed ({status})", "Wait a minute, then look again."
        if not status.endswith("_COMPLETE") or status in ("ROLLBACK_COMPLETE", "DELETE_COMPLETE"):
            return (
                "fail",
                f"the stack {BOOTSTRAP_STACK} is {status}",
                f"Delete it in the CloudFormation console, then run `npx cdk bootstrap {place}` or deploy again.",
            )
        if not version.isdigit() or int(version) < BOOTSTRAP_VERSION:
            return (
                "fail",
                f"version {version}; the workshop's templates need {BOOTSTRAP_VERSION}",
                f"Run `npx cdk bootstrap {place}`: it updates the stack and harms no other CDK application.",
            )
        return "ok", f"version {version}", ""

    def quota(self) -> Result:
        """How many instances of the chosen type an account may run behind endpoints."""
        kind = self.settings.model.instance_type
        if self.local:
            return "ok", "quotas do not apply: an instance of the local cloud is a process on this machine", ""
        return self.look(f"looking up the quota of {kind}", self._quota)

    def _quota(self, connection: Connection) -> Result:
        kind, endpoint = self.settings.model.instance_type, self.settings.endpoint
        found = quota_of(connection.client("service-quotas"), f"{kind} for endpoint usage")
        region = self.settings.workshop.region
        place = f"https://{region}.console.aws.amazon.com/servicequotas/home/services/sagemaker/quotas"
        if found is None:
            return (
                "fail",
                f"SageMaker has no quota '{kind} for endpoint usage' in {region}: the type does not exist there",
                f"Set [model] instance_type in workshop.toml to one of those listed at {place}",
            )
        said = f"{found.value:g} of {kind} for endpoints; [endpoint] max_capacity is {endpoint.max_capacity}"
        request = f"Ask for more at {place}/{found.code} (an answer may take a day)"
        if found.value < endpoint.initial_instances:
            return (
                "fail",
                f"{said}, and {endpoint.initial_instances} must start",
                f"{request}, or use ml.m5.large with the model smallworld.",
            )
        if found.value < endpoint.max_capacity:
            return "warn", said, f"{request}, or lower [endpoint] max_capacity in workshop.toml."
        return "ok", f"{said}; endpoints that run already count too", ""

    def model(self) -> Result:
        """Whether JumpStart has the model here, for the instance type, with its licence accepted."""
        chosen = self.settings.model
        if self.local and chosen.id not in SMALLWORLD_MODELS:
            return (
                "fail",
                f"{chosen.id} is not in the local cloud, which has {' and '.join(SMALLWORLD_MODELS)} alone",
                f'Set [model] id = "{SMALLWORLD}" in workshop.toml, or [workshop] target = "aws".',
            )
        return self.look(f"looking {chosen.id} up in JumpStart", self._model)

    def _model(self, connection: Connection) -> Result:
        chosen = self.settings.model
        if chosen.id in SMALLWORLD_MODELS:
            return self._smallworld(connection)
        try:
            found = jumpstart.look_up(connection, chosen.id, chosen.version, chosen.instance_type)
        except ModelError as error:
            return "fail", str(error), "Set [model] in workshop.toml as the message says."
        said = f"{found.model_id} {found.version}"
        try:
            limits_of(found.model_id)
        except ParameterError as error:
            return "fail", str(error), "Set [model] id in workshop.toml as the message says."
        if found.needs_eula and not chosen.accept_eula:
            return (
                "fail",
                f"{said} asks for a licence to be accepted",
                "Read the licence on the model's page in SageMaker Studio (JumpStart), then set [model] accept_eula = "
                "true in workshop.toml.",
            )
        if found.instance_types and chosen.instance_type not in found.instance_types:
            some = ", ".join(found.instance_types[:5])
            return (
                "warn",
                f"{said} is offered for {some}, not for {chosen.instance_type}",
                "Set [model] instance_type in workshop.toml to one of those.",
            )
        if found.notice:
            return (
                "warn",
                f"{said}: JumpStart says: {found.notice}",
                "Choose another [model] id before it is withdrawn.",
            )
        if not answers_are_known(found.model_id, found.accept_types):
            return (
                "warn",
                f"{said}: its specification does not say that it answers as JumpStart's Stable Diffusion models do",
                "Try one prompt: if extract_images cannot read the answer, its log says what it found instead.",
            )
        return "ok", f"{said} on {chosen.instance_type}", ""

    def _smallworld(self, connection: Connection) -> Result:
        """Small World comes with this repository: on AWS it needs an image for the instance type, and nothing more."""
        kind, model_id = self.settings.model.instance_type, self.settings.model.id
        if self.local:
            return "ok", f"{model_id} comes with the workshop; deploying publishes it", ""
        try:
            image = jumpstart.pytorch_image(connection, kind)
        except ModelError as error:
            return "fail", str(error), f"Set [model] instance_type to one of {', '.join(jumpstart.INSTANCE_TYPES)}."
        said = f"{model_id} comes with the workshop, in the container {image.rpartition('/')[2]}"
        if "-gpu-" in image:
            return (
                "warn",
                f"{said}: {kind} has a GPU, which this small model does not use",
                f"Save money: set [model] instance_type to {jumpstart.INSTANCE_TYPES[0]} in workshop.toml.",
            )
        return "ok", said, ""

    def git_provider(self) -> Result:
        """Where the pipeline gets its code from: CodeCommit, or a connection to a Git provider."""
        if self.settings.pipeline.source == "connection":
            return self.look("looking at [pipeline] connection_arn", self._connection)
        return self.look("listing CodeCommit repositories", self._codecommit)

    def _codecommit(self, connection: Connection) -> Result:
        try:
            if missing := regions.lacking(connection, regions.SOURCES["codecommit"]):
                return "warn", str(missing), NO_PIPELINE
            pages = connection.client("codecommit").get_paginator("list_repositories").paginate()
            names = [item["repositoryName"] for page in pages for item in page.get("repositories", ())]
        except ClientError as error:
            return (
                "warn",
                f"CodeCommit does not let us list repositories: {code_of(error)}: {error.response['Error']['Message']}",
                "Some accounts may not use CodeCommit. Deploy without the pipeline (notebook 1 shows how), or connect "
                'GitHub or GitLab and set [pipeline] source = "connection" in workshop.toml.',
            )
        if self.local:
            return "ok", "CodeCommit answers", ""
        if names:
            return "ok", f"CodeCommit answers, and is open to this account, which has {len(names)} repositories", ""
        return (
            "warn",
            f"CodeCommit answers; this account has no repository in {self.settings.workshop.region}, and only creating "
            "one tells whether it may: new customers were refused from July 2024 to November 2025",
            f"Go on: deploy_pipeline() creates it first. If AWS says '{CODECOMMIT_CLOSED}': {NO_CODECOMMIT}",
        )

    def _connection(self, connection: Connection) -> Result:
        arn = self.settings.pipeline.connection_arn
        found = connection.client("codeconnections").get_connection(ConnectionArn=arn)["Connection"]
        name, status = found.get("ConnectionName", arn), found["ConnectionStatus"]
        if status == "AVAILABLE":
            return "ok", f"the connection {name} to {found.get('ProviderType', 'your Git provider')} is available", ""
        return (
            "fail",
            f"the connection {name} is {status.lower()}",
            "Open it in the console (Developer Tools, Settings, Connections) and finish it with `Update pending "
            "connection`: a connection made by a program waits for that click.",
        )


def quota_of(client: Any, name: str, service: str = "sagemaker") -> Quota | None:
    """A quota of this account by its name, or AWS's default where the account has no own value.

    Service Quotas API Reference, ListServiceQuotas: "For some quotas, only the default values are available. If the
    applied quota value is not available for a quota, the quota is not retrieved."
    """
    for operation in ("list_service_quotas", "list_aws_default_service_quotas"):
        for page in client.get_paginator(operation).paginate(ServiceCode=service):
            for quota in page["Quotas"]:
                if quota["QuotaName"] == name:
                    return Quota(float(quota["Value"]), quota["QuotaCode"])
    return None
