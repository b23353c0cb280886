"""The workshop's settings: ``workshop.toml``, overridden by ``WORKSHOP_<TABLE>_<KEY>`` environment variables.

Read once into frozen dataclasses; nothing else reads the environment. A bad value is a :class:`SettingsError` that
names file or variable, key, value and what it must be.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_type_hints

from contract.errors import SettingsError
from contract.names import BUDGET_REGIONS, SMALLWORLD
from contract.naming import instance_type, workshop_name

ROOT = Path(__file__).resolve().parent.parent
"""The repository's root, which holds ``workshop.toml`` and ``cdk.json``."""
PREFIX = "WORKSHOP_"

Check = Callable[[Any], str | None]
"""Returns what the value must be when it is not that, else None."""


def one_of(*allowed: str) -> Check:
    return lambda value: None if value in allowed else " or ".join(f'"{item}"' for item in allowed)


def between(low: float, high: float) -> Check:
    return lambda value: None if low <= value <= high else f"{low:g} to {high:g}"


def matching(pattern: str, meaning: str) -> Check:
    return lambda value: None if re.fullmatch(pattern, value) else meaning


BY_TARGET = -1
"""The value of a key of ``[safety]`` that is left to the target: :data:`SAFE_ON_AWS` on AWS, 0 (off) locally."""
SAFE_ON_AWS: dict[str, float] = {"expire_hours": 12, "budget_usd": 20, "idle_hours": 2}


def by_target(low: float, high: float) -> Check:
    return lambda value: (
        None if value in (BY_TARGET, 0) or low <= value <= high else f"-1 (by target), 0 (off) or {low:g} to {high:g}"
    )


def each(pattern: str, meaning: str) -> Check:
    return lambda values: None if all(re.fullmatch(pattern, value) for value in values) else f"a list of {meaning}"


# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip


def _retention(value: int) -> str | None:
    return None if value in RETENTION_DAYS else "one of " + ", ".join(map(str, RETENTION_DAYS))


def _key(check: Check, default: Any) -> Any:
    make = {"default_factory": lambda: default} if isinstance(default, list) else {"default": default}
    return dataclasses.field(**make, metadata={"check": check})


@dataclasses.dataclass(frozen=True)
class Workshop:
    """``[workshop]``: names and the target."""

    name: str = _key(workshop_name, "genai-async")
    target: str = _key(one_of("local", "aws"), "local")
    region: str = _key(matching(r"[a-z]{2}(-[a-z]+)+-\d", "a region's name, such as us-east-1"), "us-east-1")


@dataclasses.dataclass(frozen=True)
class Model:
    """``[model]``: which JumpStart model, on which instance."""

    id: str = _key(matching(r"[a-z0-9][A-Za-z0-9.-]{0,127}", "a JumpStart model id"), SMALLWORLD)
    version: str = _key(matching(r"\*|\d+(\.\d+|\.\*)*", '"*" or a version such as 1.0.0'), "*")
    instance_type: str = _key(instance_type, "ml.m5.large")
    accept_eula: bool = _key(one_of(), False)


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """``[endpoint]``: the asynchronous endpoint and its scaling."""

    initial_instances: int = _key(between(1, 100), 1)
    max_capacity: int = _key(between(1, 100), 2)
    concurrent_invocations: int = _key(between(1, 1000), 1)
    backlog_per_instance: float = _key(between(0.1, 10_000), 5)
    scale_in_cooldown_seconds: int = _key(between(0, 86_400), 600)
    scale_out_cooldown_seconds: int = _key(between(0, 86_400), 300)
    alarm_minutes: int = _key(between(1, 60), 1)


@dataclasses.dataclass(frozen=True)
class Bucket:
    """``[bucket]``: how long requests and pictures stay."""

    keep: bool = _key(one_of(), False)
    expire_after_days: int = _key(between(0, 3650), 30)


@dataclasses.dataclass(frozen=True)
class Security:
    """``[security]``: customer-managed key and VPC, both optional."""

    kms: bool = _key(one_of(), False)
    vpc_id: str = _key(matching(r"|vpc-[0-9a-f]{8,17}", "empty or a VPC id, such as vpc-0123456789abcdef0"), "")
    subnet_ids: tuple[str, ...] = _key(each(r"subnet-[0-9a-f]{8,17}", "subnet ids"), ())
    security_group_ids: tuple[str, ...] = _key(each(r"sg-[0-9a-f]{8,17}", "security group ids"), ())


@dataclasses.dataclass(frozen=True)
class Functions:
    """``[lambda]``: the two Lambda functions."""

    architecture: str = _key(one_of("x86_64", "arm64"), "x86_64")
    memory_mb: int = _key(between(128, 10_240), 512)
    log_retention_days: int = _key(_retention, 14)


@dataclasses.dataclass(frozen=True)
class Pipeline:
    """``[pipeline]``: where the code comes from, and what happens around a deployment."""

    source: str = _key(one_of("codecommit", "connection"), "codecommit")
    branch: str = _key(matching(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}", "a branch's name, such as main"), "main")
    connection_arn: str = _key(
        matching(
            r"|arn:aws[a-z-]*:(codeconnections|codestar-connections):[a-z0-9-]+:\d{12}:connection/[0-9a-f-]+",
            "empty or the ARN of a connection of AWS CodeConnections",
        ),
        "",
    )
    repository: str = _key(matching(r"|[\w.-]+(/[\w.-]+)+", "empty or owner/name at your Git provider"), "")
    smoke_test: bool = _key(one_of(), True)
    notify_email: str = _key(matching(r"|[^@\s]+@[^@\s]+\.[^@\s]+", "empty or an e-mail address"), "")
    log_retention_days: int = _key(_retention, 30)


@dataclasses.dataclass(frozen=True)
class Safety:
    """``[safety]``: what keeps a forgotten workshop from being billed. :meth:`Settings.safety_of` resolves -1."""

    expire_hours: float = _key(by_target(0.25, 720), BY_TARGET)
    budget_usd: float = _key(by_target(1, 1_000_000), BY_TARGET)
    idle_hours: int = _key(by_target(1, 24), BY_TARGET)
    notify_email: str = _key(matching(r"|[^@\s]+@[^@\s]+\.[^@\s]+", "empty or an e-mail address"), "")


@dataclasses.dataclass(frozen=True)
class Local:
    """``[local]``: the local cloud."""

    port: int = _key(between(1024, 65_535), 4566)
    speed: float = _key(between(1, 3600), 60)
    provision_seconds: float = _key(between(0, 3600), 120)
    unverified: bool = _key(one_of(), False)
    role: str = _key(
        matching(r"|arn:aws:iam::\d{12}:role/[\w+=,.@/-]+", "empty or the ARN of a role of the local cloud"), ""
    )


@dataclasses.dataclass(frozen=True)
class Verify:
    """``[verify]``: what ``make verify-aws`` sets for itself and for the kernels that it starts."""

    record: str = _key(matching(r"[^\0]*", "a folder"), "")


@dataclasses.dataclass(frozen=True)
class Settings:
    """All tables of ``workshop.toml``; see the comments there for what each key means."""

    workshop: Workshop = Workshop()
    model: Model = Model()
    endpoint: Endpoint = Endpoint()
    bucket: Bucket = Bucket()
    security: Security = Security()
    functions: Functions = dataclasses.field(default=Functions(), metadata={"table": "lambda"})
    pipeline: Pipeline = Pipeline()
    safety: Safety = Safety()
    local: Local = Local()
    verify: Verify = Verify()

    def safety_of(self, key: str, target: str | None = None) -> float:
        """What a key of ``[safety]`` means on a target, the settings' own by default; 0 is off."""
        value: float = getattr(self.safety, key)
        if value != BY_TARGET:
            return value
        return SAFE_ON_AWS[key] if (target or self.workshop.target) == "aws" else 0

    @property
    def safety_email(self) -> str:
        """Who hears by e-mail of the budget and of an idle instance; empty: nobody."""
        return self.safety.notify_email or self.pipeline.notify_email

    @property
    def has_safety_stack(self) -> bool:
        """Whether something expires, or is counted against a budget."""
        return bool(self.safety_of("expire_hours") or self.has_budget)

    @property
    def has_budget(self) -> bool:
        """Whether a budget is asked for, somebody is told, and CloudFormation has budgets in the region."""
        return bool(self.safety_of("budget_usd") and self.safety_email and self.workshop.region in BUDGET_REGIONS)

    @property
    def safety_stack(self) -> str:
        """Name of the stack that deletes the others when the workshop expires."""
        return f"{self.workshop.name}-safety"

    @property
    def application_stack(self) -> str:
        """Name of the stack with bucket, topics, endpoint and functions."""
        return f"{self.workshop.name}-app"

    @property
    def models_stack(self) -> str:
        """Name of the stack with the bucket of packaged models."""
        return f"{self.workshop.name}-models"

    @property
    def repository_stack(self) -> str:
        """Name of the stack with the CodeCommit repository."""
        return f"{self.workshop.name}-repository"

    @property
    def pipeline_stack(self) -> str:
        """Name of the stack with the pipeline."""
        return f"{self.workshop.name}-pipeline"


def _convert(value: Any, kind: Any, text: bool) -> Any:
    """``value`` as ``kind``; a variable brings it as text. Raises ValueError with what it must be."""
    if kind is bool:
        if text and value.lower() in ("true", "false"):
            return value.lower() == "true"
        if not isinstance(value, bool):
            raise ValueError("true or false")
        return value
    if kind in (int, float):
        wanted = "a whole number" if kind is int else "a number"
        if text:
            try:
                return kind(value)
            except ValueError:
                raise ValueError(wanted) from None
        if isinstance(value, bool) or not isinstance(value, (int, float) if kind is float else int):
            raise ValueError(wanted)
        return kind(value)
    if kind is str:
        if not isinstance(value, str):
            raise ValueError("text in quotes")
        return value
    if text:
        value = [item.strip() for item in value.split(",") if item.strip()]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("a list of texts in quotes")
    return tuple(value)


def _unknown(where: str, what: str, name: str, known: list[str]) -> SettingsError:
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else "known are " + ", ".join(sorted(known)) + "."
    return SettingsError(f"{where}: unknown {what} {name!r}; {hint}")


def _table(
    kind: type[Any], name: str, values: Mapping[str, Any], source: str, environ: Mapping[str, str], used: set[str]
) -> Any:
    hints, fields = get_type_hints(kind), {field.name: field for field in dataclasses.fields(kind)}
    for key in values:
        if key not in fields:
            raise _unknown(f"{source}, table [{name}]", "key", key, list(fields))
    chosen: dict[str, Any] = {}
    for key, field in fields.items():
        variable = f"{PREFIX}{name}_{key}".upper()
        if variable in environ:
            where, raw, text = f"environment variable {variable}", environ[variable], True
            used.add(variable)
        elif key in values:
            where, raw, text = f"{source}, [{name}] {key}", values[key], False
        else:
            continue
        try:
            value = _convert(raw, hints[key], text)
        except ValueError as problem:
            raise SettingsError(f"{where} = {raw!r}: must be {problem}.") from None
        wanted = None if hints[key] is bool else field.metadata["check"](value)
        if wanted is not None:
            raise SettingsError(f"{where} = {raw!r}: must be {wanted}.")
        chosen[key] = value
    return kind(**chosen)


def load(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read and validate the settings.

    Parameters
    ----------
    path : Path, optional
        The TOML file; by default ``workshop.toml`` in the repository's root.
    environ : mapping, optional
        Where overrides are looked up; by default the process's environment.

    Raises
    ------
    SettingsError
        The file is missing or not TOML, or a table, key or value is not allowed.
    """
    path = ROOT / "workshop.toml" if path is None else path
    environ = os.environ if environ is None else environ
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{path}: there is no such file; take the one from the repository.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise SettingsError(f"{path}: not valid TOML: {problem}.") from None
    hints = get_type_hints(Settings)
    tables = {field.metadata.get("table", field.name): field.name for field in dataclasses.fields(Settings)}
    for name, values in content.items():
        if name not in tables:
            raise _unknown(str(path), "table", name, list(tables))
        if not isinstance(values, dict):
            raise SettingsError(f"{path}: [{name}] must be a table, and is {values!r}.")
    used: set[str] = set()
    parts = {
        attribute: _table(hints[attribute], name, content.get(name, {}), str(path), environ, used)
        for name, attribute in tables.items()
    }
    for variable in environ:
        if variable.startswith(PREFIX) and variable not in used:
            known = [f"{PREFIX}{t}_{f.name}".upper() for t, a in tables.items() for f in dataclasses.fields(hints[a])]
            raise _unknown("environment", "variable", variable, known)
    settings = Settings(**parts)
    _check_together(settings, path)
    return settings


def _check_together(settings: Settings, path: Path) -> None:
    """What no single key can tell."""
    security, endpoint = settings.security, settings.endpoint
    vpc = (security.vpc_id, security.subnet_ids, security.security_group_ids)
    if any(vpc) and not all(vpc):
        raise SettingsError(
            f"{path}, [security]: vpc_id = {vpc[0]!r}, subnet_ids = {list(vpc[1])}, security_group_ids = {list(vpc[2])}"
            ": set all three, or none."
        )
    pipeline = settings.pipeline
    if pipeline.source == "connection" and not (pipeline.connection_arn and pipeline.repository):
        raise SettingsError(
            f'{path}, [pipeline]: source = "connection" needs connection_arn and repository too, which are '
            f"{pipeline.connection_arn!r} and {pipeline.repository!r}: make the connection in the console (Developer "
            "Tools, Settings, Connections) and put its ARN and owner/name there."
        )
    if pipeline.source == "connection" and settings.workshop.target == "local":
        raise SettingsError(
            f'{path}, [pipeline]: source = "connection" works on the target aws only; it must be "codecommit", since '
            "the local cloud reaches no Git provider."
        )
    if security.vpc_id and settings.workshop.target == "local":
        raise SettingsError(
            f"{path}, [security]: vpc_id = {security.vpc_id!r} works on the target aws only; set vpc_id, subnet_ids "
            "and security_group_ids empty to rehearse here. The local cloud has no networks: a model runs as a process "
            "of this machine."
        )
    if endpoint.initial_instances > endpoint.max_capacity:
        raise SettingsError(
            f"{path}, [endpoint]: initial_instances = {endpoint.initial_instances} is more than max_capacity = "
            f"{endpoint.max_capacity}; it must be at most that."
        )


def as_environment(settings: Settings) -> dict[str, str]:
    """The settings as ``WORKSHOP_…`` variables, with which another process loads the same ones."""
    variables: dict[str, str] = {}
    for table in dataclasses.fields(settings):
        part, name = getattr(settings, table.name), table.metadata.get("table", table.name)
        for key in dataclasses.fields(part):
            value = getattr(part, key.name)
            text = ",".join(value) if isinstance(value, tuple) else str(value)
            variables[f"{PREFIX}{name}_{key.name}".upper()] = text
    return variables
