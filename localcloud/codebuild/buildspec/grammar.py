"""Buildspecs of version 0.2 (AWS CodeBuild User Guide, "Build specification reference for CodeBuild").

Everything is checked before the first command runs. What this cloud does not copy (``batch``, ``proxy``, version 0.1,
``RETRY``, cache keys) is refused here.
"""

from __future__ import annotations

import dataclasses
import getpass
from collections.abc import Mapping
from typing import Any

import yaml

from localcloud.codebuild.buildspec import nodes
from localcloud.codebuild.failures import yaml_error

DEFAULT_NAME = "buildspec.yml"
PHASES = ("install", "pre_build", "build", "post_build")
TOP = ("version", "run-as", "env", "proxy", "batch", "phases", "reports", "artifacts", "cache")
ENVIRONMENT = (
    "shell",
    "variables",
    "parameter-store",
    "secrets-manager",
    "exported-variables",
    "git-credential-helper",
)
PHASE = ("run-as", "on-failure", "runtime-versions", "commands", "finally")
ARTIFACTS = (
    "files",
    "name",
    "discard-paths",
    "base-directory",
    "exclude-paths",
    "enable-symlinks",
    "s3-prefix",
    "secondary-artifacts",
)
REPORT = ("files", "base-directory", "discard-paths", "file-format")
RUNTIMES = ("android", "dotnet", "golang", "java", "nodejs", "php", "python", "ruby")
"""User Guide, "Available runtimes"."""
SHELLS = {"bash": "bash", "/bin/bash": "bash", "sh": "sh", "/bin/sh": "sh"}


@dataclasses.dataclass(frozen=True)
class Phase:
    """Commands of one phase; ``on_failure`` is ABORT, CONTINUE or, when not given, None."""

    commands: tuple[str, ...] = ()
    finally_commands: tuple[str, ...] = ()
    on_failure: str | None = None


@dataclasses.dataclass(frozen=True)
class Artifacts:
    """Which files make an artifact."""

    files: tuple[str, ...]
    base_directory: str | None = None
    discard_paths: bool = False
    exclude_paths: tuple[str, ...] = ()
    enable_symlinks: bool = False
    name: str | None = None
    s3_prefix: str = ""


@dataclasses.dataclass(frozen=True)
class Report:
    """Where the raw data of a report is."""

    files: tuple[str, ...]
    base_directory: str | None


@dataclasses.dataclass(frozen=True)
class Buildspec:
    """What a build does."""

    shell: str = "sh"
    variables: Mapping[str, str] = dataclasses.field(default_factory=dict)
    parameter_store: Mapping[str, str] = dataclasses.field(default_factory=dict)
    secrets_manager: Mapping[str, str] = dataclasses.field(default_factory=dict)
    exported_variables: tuple[str, ...] = ()
    git_credential_helper: bool = False
    runtime_versions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    phases: Mapping[str, Phase] = dataclasses.field(default_factory=dict)
    artifacts: Artifacts | None = None
    secondary_artifacts: Mapping[str, Artifacts] = dataclasses.field(default_factory=dict)
    cache_paths: tuple[str, ...] = ()
    reports: Mapping[str, Report] = dataclasses.field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Buildspec:
        """Read and check ``text``.

        Raises
        ------
        PhaseFailed
            YAML_FILE_ERROR with the line, as the context of DOWNLOAD_SOURCE shows it.
        """
        top = nodes.mapping(nodes.parse(text), "the buildspec", TOP)
        _check_version(top.get("version"))
        for key in ("batch", "proxy"):
            if key in top:
                raise yaml_error(f"The local cloud does not offer '{key}' (line {nodes.line(top[key])}): remove it")
        _check_user(top)
        phases, runtimes = _phases(top)
        artifacts, secondary = _artifacts(top)
        return cls(
            phases=phases,
            runtime_versions=runtimes,
            artifacts=artifacts,
            secondary_artifacts=secondary,
            cache_paths=_cache(top),
            reports=_reports(top),
            **_environment(top),
        )


def _check_version(node: yaml.Node | None) -> None:
    if node is None:
        raise yaml_error("Buildspec version is missing: the first line should be `version: 0.2`")
    version = nodes.scalar(node, "version")
    if version == "0.1":
        raise yaml_error("The local cloud does not offer buildspec version 0.1: write version 0.2")
    if version != "0.2":
        raise yaml_error(f"Unknown buildspec version {version} at line {nodes.line(node)}: 0.2 is expected")


def _check_user(keys: Mapping[str, yaml.Node]) -> None:
    if "run-as" not in keys:
        return
    user = nodes.scalar(keys["run-as"], "run-as")
    current = getpass.getuser()
    if user != current:
        raise yaml_error(
            f"run-as: {user} at line {nodes.line(keys['run-as'])}: the local cloud runs builds as {current} only"
        )


def _environment(top: Mapping[str, yaml.Node]) -> dict[str, Any]:
    if "env" not in top:
        return {}
    keys = nodes.mapping(top["env"], "env", ENVIRONMENT)
    found: dict[str, Any] = {}
    if "shell" in keys:
        shell = nodes.scalar(keys["shell"], "env/shell")
        if shell not in SHELLS:
            raise yaml_error(f"Unknown shell '{shell}' at line {nodes.line(keys['shell'])}. Expecting: bash, /bin/sh")
        found["shell"] = SHELLS[shell]
    for key in ("variables", "parameter-store", "secrets-manager"):
        if key in keys:
            found[key.replace("-", "_")] = nodes.string_map(keys[key], f"env/{key}")
    if "exported-variables" in keys:
        found["exported_variables"] = nodes.strings(keys["exported-variables"], "env/exported-variables")
        for name in found["exported_variables"]:
            if not name.replace("_", "a").isalnum() or name[0].isdigit():
                raise yaml_error(f"env/exported-variables: '{name}' is not the name of a variable")
    if "git-credential-helper" in keys:
        found["git_credential_helper"] = nodes.boolean(keys["git-credential-helper"], "env/git-credential-helper")
    return found


def _phases(top: Mapping[str, yaml.Node]) -> tuple[dict[str, Phase], dict[str, str]]:
    if "phases" not in top:
        raise yaml_error("Buildspec has no phases")
    found = nodes.mapping(top["phases"], "phases")
    for name in found:
        if name not in PHASES:
            expected = ",".join(sorted(phase.upper() for phase in PHASES))
            raise yaml_error(f"Invalid buildspec phase name: {name.upper()}. Expecting: {expected}")
    runtimes: dict[str, str] = {}
    phases = {}
    for name, node in found.items():
        keys = nodes.mapping(node, f"phases/{name}", PHASE)
        _check_user(keys)
        if "runtime-versions" in keys:
            runtimes = _runtimes(name, keys["runtime-versions"])
        phases[name] = _phase(name, keys)
    return phases, runtimes


def _runtimes(phase: str, node: yaml.Node) -> dict[str, str]:
    if phase != "install":
        raise yaml_error(f"runtime-versions at line {nodes.line(node)} belong in the install phase")
    runtimes = nodes.string_map(node, "runtime-versions")
    for name in runtimes:
        if name not in RUNTIMES:
            known = ", ".join(RUNTIMES)
            raise yaml_error(f"Unknown runtime named '{name}'. This build image has the following runtimes: {known}")
    return runtimes


def _phase(name: str, keys: Mapping[str, yaml.Node]) -> Phase:
    commands = nodes.strings(keys["commands"], "Commands") if "commands" in keys else ()
    if name != "install" and "commands" not in keys:
        raise yaml_error(f"phases/{name} has no commands")
    last = nodes.strings(keys["finally"], "Finally") if "finally" in keys else ()
    on_failure = None
    if "on-failure" in keys:
        on_failure = nodes.scalar(keys["on-failure"], "on-failure")
        if on_failure.startswith("RETRY"):
            raise yaml_error(f"phases/{name}: the local cloud does not offer on-failure: RETRY")
        if on_failure not in ("ABORT", "CONTINUE"):
            raise yaml_error(f"phases/{name}: on-failure is '{on_failure}'. Expecting: ABORT, CONTINUE")
    return Phase(commands, last, on_failure)


def _artifacts(top: Mapping[str, yaml.Node]) -> tuple[Artifacts | None, dict[str, Artifacts]]:
    if "artifacts" not in top:
        return None, {}
    keys = nodes.mapping(top["artifacts"], "artifacts", ARTIFACTS)
    secondary = {}
    if "secondary-artifacts" in keys:
        for name, node in nodes.mapping(keys["secondary-artifacts"], "artifacts/secondary-artifacts").items():
            where = f"artifacts/secondary-artifacts/{name}"
            secondary[name] = _artifact(nodes.mapping(node, where, ARTIFACTS[:-1]), where)
    if "files" not in keys and secondary:
        return None, secondary
    return _artifact(keys, "artifacts"), secondary


def _artifact(keys: Mapping[str, yaml.Node], where: str) -> Artifacts:
    if "files" not in keys:
        raise yaml_error(f"{where} has no files")

    def text(key: str) -> str | None:
        return nodes.scalar(keys[key], f"{where}/{key}") if key in keys else None

    def switch(key: str) -> bool:
        return nodes.boolean(keys[key], f"{where}/{key}") if key in keys else False

    excluded = keys.get("exclude-paths")
    return Artifacts(
        files=nodes.strings(keys["files"], f"{where}/files"),
        base_directory=text("base-directory"),
        discard_paths=switch("discard-paths"),
        exclude_paths=nodes.strings(excluded, f"{where}/exclude-paths", one_is_enough=True) if excluded else (),
        enable_symlinks=switch("enable-symlinks"),
        name=text("name"),
        s3_prefix=text("s3-prefix") or "",
    )


def _cache(top: Mapping[str, yaml.Node]) -> tuple[str, ...]:
    if "cache" not in top:
        return ()
    keys = nodes.mapping(top["cache"], "cache", ("paths", "key", "fallback-keys", "action"))
    for key in ("key", "fallback-keys", "action"):
        if key in keys:
            raise yaml_error(f"The local cloud does not offer cache/{key} (line {nodes.line(keys[key])})")
    if "paths" not in keys:
        raise yaml_error("cache has no paths")
    return nodes.strings(keys["paths"], "cache/paths")


def _reports(top: Mapping[str, yaml.Node]) -> dict[str, Report]:
    if "reports" not in top:
        return {}
    found = {}
    for name, node in nodes.mapping(top["reports"], "reports").items():
        keys = nodes.mapping(node, f"reports/{name}", REPORT)
        if "files" not in keys:
            raise yaml_error(f"reports/{name} has no files")
        wanted = nodes.scalar(keys["file-format"], "file-format").upper() if "file-format" in keys else "JUNITXML"
        if wanted != "JUNITXML":
            raise yaml_error(f"reports/{name}: the local cloud reads JUNITXML only, not {wanted}")
        base = nodes.scalar(keys["base-directory"], "base-directory") if "base-directory" in keys else None
        found[name] = Report(nodes.strings(keys["files"], f"reports/{name}/files"), base)
    return found
