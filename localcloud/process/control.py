"""Starting, finding and stopping a local cloud, from Python and from the command line."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from localcloud.clock import Clock
from localcloud.process import credentials, janitor
from localcloud.services import DEFAULT_REGION

DEFAULT_STATE = Path(".localcloud")
DEFAULT_PORT = 4566
DEFAULT_SPEED = 60.0
DEFAULT_PROVISION_SECONDS = 120.0
_START_SECONDS = 90.0
_STOP_SECONDS = 30.0
_LOG_BYTES = 5_000_000


class CloudError(RuntimeError):
    """A command did not succeed; the message says why and what to do."""


@dataclasses.dataclass(frozen=True)
class Running:
    """A local cloud that answers.

    Attributes
    ----------
    endpoint_url : str
        ``http://127.0.0.1:<port>``.
    environment : dict of str
        The variables with which AWS's clients reach it.
    pid : int
    speed : float
        How many times faster than AWS's the cloud's clock runs.
    provision_seconds : float
        Cloud seconds until a new instance serves.
    state_dir : Path
    started_now : bool
        False when :func:`start` found it running.
    """

    endpoint_url: str
    environment: dict[str, str]
    pid: int
    speed: float
    provision_seconds: float
    state_dir: Path
    started_now: bool = False

    def stop(self) -> None:
        """End the cloud and everything that it started; its state stays."""
        stop(self.state_dir)

    def environment_of_role(self, role: str) -> dict[str, str]:
        """:attr:`environment` with a session of ``role`` (an ARN), no matter whom it trusts, to see what it may do.

        Raises
        ------
        CloudError
            When there is no such role.
        """
        path = f"/_localcloud/role-sessions/{urllib.parse.quote(role, safe='/:')}"
        return {**self.environment, **_ask(self.endpoint_url, path, self.environment)}

    def status(self) -> dict[str, Any]:
        """What the cloud says of itself: speed, uptime, and a few lines for each service."""
        return _ask(self.endpoint_url, "/_localcloud/status", self.environment)


def start(
    state_dir: Path | str = DEFAULT_STATE,
    *,
    port: int = DEFAULT_PORT,
    speed: float = DEFAULT_SPEED,
    provision_seconds: float = DEFAULT_PROVISION_SECONDS,
    region: str = DEFAULT_REGION,
    build_variables: Mapping[str, str] | None = None,
    service_modules: Sequence[str] | None = None,
    unverified: bool = False,
) -> Running:
    """Start a local cloud in the background and wait until it answers.

    Parameters
    ----------
    state_dir : path
        Its folder for state. A cloud that already runs on it is returned as it is.
    port : int
        On 127.0.0.1; 0 takes a free one.
    speed : float
        1 (AWS's own pace) to 3600.
    provision_seconds : float
        Cloud seconds until a new instance serves.
    region : str
    build_variables : mapping, optional
        Environment variables that stand for CodeBuild's image: a ``PATH`` with the tools that builds find there, where
        those keep their caches. Without them builds run with the ``PATH`` that this process has.
    service_modules : sequence of str, optional
        Only these of ``localcloud.registry``; MiniStack's services are always there.
    unverified : bool
        Let MiniStack answer operations that no conformance test verifies, which are refused otherwise.

    Raises
    ------
    CloudError
        When it does not come up, with the reason.
    """
    state = Path(state_dir).resolve()
    existing = running(state)
    if existing is not None:
        return existing
    command = server_command(
        state, port=port, speed=speed, provision_seconds=provision_seconds, region=region, unverified=unverified
    )
    if build_variables:
        command += ["--build-variables", json.dumps(dict(build_variables))]
    if service_modules is not None:
        command += ["--service-modules", ",".join(service_modules)]
    process, log, offset = _spawn(command, state)
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        found = running(state)
        if found is not None:  # ours, or that of another caller who was a moment faster
            return dataclasses.replace(found, started_now=found.pid == process.pid)
        if process.poll() is not None and not _is_alive(state):
            raise CloudError(_reason(log, offset))
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    raise CloudError(f"the local cloud did not answer within {_START_SECONDS:g} s; see {log}")


def _spawn(command: list[str], state: Path) -> tuple[subprocess.Popen[bytes], Path, int]:
    """Start the server; also its log, and how long that was before."""
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    log = state / "cloud.log"
    if log.exists() and log.stat().st_size > _LOG_BYTES:
        log.replace(state / "cloud.log.1")
    with log.open("ab") as output:
        offset = output.tell()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            cwd=state,
        )
    return process, log, offset


def server_command(
    state: Path, *, port: int, speed: float, provision_seconds: float, region: str, unverified: bool = False
) -> list[str]:
    """The command line of the server process; the parameters are those of :func:`start`.

    Raises
    ------
    CloudError
        For a value that the cloud cannot run with.
    """
    try:
        Clock(speed)
    except ValueError as error:
        raise CloudError(str(error)) from None
    if not 0 <= port <= 65535:
        raise CloudError(f"port {port} must be 1 to 65535, or 0 for a free one")
    if provision_seconds < 0:
        raise CloudError(f"provision seconds {provision_seconds:g} must be 0 or more")
    # -I: neither the current folder nor PYTHONPATH decide what the cloud, and the processes that it starts, import.
    return [
        *(sys.executable, "-I", "-m", "localcloud.process.server"),
        *("--state-dir", str(state), "--port", str(port), "--speed", f"{speed:g}"),
        *("--provision-seconds", f"{provision_seconds:g}", "--region", region),
        *(["--unverified"] if unverified else []),
    ]


def running(state_dir: Path | str = DEFAULT_STATE) -> Running | None:
    """The local cloud that runs on ``state_dir``, or None."""
    state = Path(state_dir).resolve()
    announced = _announcement(state)
    keys = credentials.load(state)
    if announced is None or keys is None or not _is_alive(state):
        return None
    url = str(announced["endpoint_url"])
    try:
        _ask(url, "/_localcloud/health", {})
    except (OSError, http.client.HTTPException, CloudError):
        return None
    environment = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": keys.access_key,
        "AWS_SECRET_ACCESS_KEY": keys.secret_key,
        "AWS_DEFAULT_REGION": str(announced["region"]),
        "AWS_REGION": str(announced["region"]),
    }
    return Running(
        endpoint_url=url,
        environment=environment,
        pid=int(announced["pid"]),
        speed=float(announced["speed"]),
        provision_seconds=float(announced["provision_seconds"]),
        state_dir=state,
    )


def stop(state_dir: Path | str = DEFAULT_STATE) -> bool:
    """End the local cloud of ``state_dir`` and everything that it started; False when none ran."""
    state = Path(state_dir).resolve()
    was_running = _is_alive(state)
    if was_running:
        _end(state, int((state / "lock").read_text()))
    (state / "cloud.json").unlink(missing_ok=True)
    _clean_work(state)
    return was_running


def reset(state_dir: Path | str = DEFAULT_STATE) -> None:
    """Stop the cloud of ``state_dir`` and remove all of its state, access key included.

    Raises
    ------
    CloudError
        When the folder holds something else.
    """
    state = Path(state_dir).resolve()
    stop(state)
    if state.exists() and not (state / "lock").exists() and any(state.iterdir()):
        raise CloudError(f"{state} holds no local cloud's state; nothing was removed")
    shutil.rmtree(state, ignore_errors=True)


def _end(state: Path, pid: int) -> None:
    deadline = time.monotonic() + _STOP_SECONDS
    os.kill(pid, signal.SIGTERM)
    while _is_alive(state):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            deadline += 5
        time.sleep(0.05)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)  # it may be a child of this process, and would stay in the process table


def _clean_work(state: Path) -> None:
    """Wait for the janitor to finish, or do its work when it was killed, too."""
    works = state / "work"
    deadline = time.monotonic() + 3
    while works.is_dir() and any(works.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    for leftover in works.iterdir() if works.is_dir() else ():
        janitor.clean(str(leftover))


def _is_alive(state: Path) -> bool:
    """Whether a server holds the lock of ``state``: a process id alone may be another program's by now."""
    try:
        descriptor = os.open(state / "lock", os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _announcement(state: Path) -> dict[str, Any] | None:
    try:
        announced: dict[str, Any] = json.loads((state / "cloud.json").read_text())
    except (FileNotFoundError, ValueError):
        return None
    return announced


def _reason(log: Path, offset: int) -> str:
    with log.open("rb") as file:
        file.seek(offset)
        lines = file.read().decode(errors="replace").splitlines()
    said = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return said[-1] if said else f"the local cloud ended while it started; see {log}"


def _ask(endpoint_url: str, path: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """GET ``path``, signed with the keys of ``environment`` if it has any; past every proxy, as it is this machine."""
    parts = urllib.parse.urlsplit(endpoint_url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    headers = _signed(f"{endpoint_url}{path}", environment) if environment else {}
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise CloudError(f"{endpoint_url}{path} answers {answer.status}: {body[:200]!r}")
        parsed: dict[str, Any] = json.loads(body)
        return parsed
    finally:
        connection.close()


def _signed(url: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The headers of a signed GET of ``url``."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    request = AWSRequest(method="GET", url=url)
    keys = Credentials(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"])
    SigV4Auth(keys, "localcloud", environment["AWS_REGION"]).add_auth(request)
    return dict(request.headers)
