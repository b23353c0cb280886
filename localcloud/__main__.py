"""``python -m localcloud start|stop|status|reset|env``."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

from localcloud.process import control
from localcloud.process.credentials import GIT_HELPER
from localcloud.services import DEFAULT_REGION

_HINTS = (
    'AWS CLI 1: `aws sqs` goes to AWS whatever AWS_ENDPOINT_URL says; add --endpoint-url "$AWS_ENDPOINT_URL"',
    f"Git with CodeCommit: git -c credential.helper={shlex.quote(GIT_HELPER)} clone $AWS_ENDPOINT_URL/v1/repos/NAME",
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m localcloud", description="AWS on a laptop, at 127.0.0.1 only.")
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("start", help="start it in the background; nothing happens when it runs already")
    start.add_argument("--port", type=int, default=control.DEFAULT_PORT, help="default: %(default)s; 0: a free one")
    start.add_argument(
        "--speed",
        type=float,
        default=control.DEFAULT_SPEED,
        help="how many times faster than AWS's the clock runs, 1 to 3600 (default: %(default)g: a minute is a second)",
    )
    start.add_argument(
        "--provision-seconds",
        type=float,
        default=control.DEFAULT_PROVISION_SECONDS,
        help="seconds on the cloud's clock until a new instance serves (default: %(default)g)",
    )
    start.add_argument("--region", default=DEFAULT_REGION, help="default: %(default)s")
    start.add_argument(
        "--unverified",
        action="store_true",
        help="let MiniStack answer operations that no conformance test verifies (docs/fidelity.md), as it sees fit",
    )
    start.add_argument("--foreground", action="store_true", help="stay in this terminal; Ctrl-C stops it")
    stop = commands.add_parser("stop", help="end it and everything that it started; its state stays")
    status = commands.add_parser("status", help="show whether it runs, its speed and what it does")
    reset = commands.add_parser("reset", help="stop it and remove its state")
    env = commands.add_parser("env", help='print what `eval "$(python -m localcloud env)"` sets')
    env.add_argument("--role", metavar="ARN", help="a session of this role, for an hour; default: the administrator")
    for command in (status, env):
        command.add_argument("--json", action="store_true", help="as JSON")
    for command in (start, stop, status, reset, env):
        command.add_argument("--state-dir", type=Path, default=control.DEFAULT_STATE, help="default: %(default)s")
    return parser


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _start(options: argparse.Namespace) -> int:
    settings = {name: getattr(options, name) for name in ("port", "speed", "provision_seconds", "region", "unverified")}
    if options.foreground:
        found = control.running(options.state_dir)
        if found is not None:
            _say(f"already running at {found.endpoint_url} (pid {found.pid}, clock speed {found.speed:g})")
            return 0
        command = control.server_command(options.state_dir.resolve(), **settings)
        sys.stdout.flush()
        os.execv(command[0], command)  # noqa: S606 - the server takes this process's place, and so its terminal
    cloud = control.start(options.state_dir, **settings)
    if not cloud.started_now:
        _say(f"already running at {cloud.endpoint_url}: nothing to do")
    _say(f"local cloud at {cloud.endpoint_url}, clock speed {cloud.speed:g} (a CloudWatch minute takes")
    _say(
        f"{60 / cloud.speed:g} s), instances take {cloud.provision_seconds / cloud.speed:g} s to start, pid {cloud.pid}"
    )
    if not cloud.started_now and (cloud.speed, cloud.provision_seconds) != (options.speed, options.provision_seconds):
        _say("it keeps its own speed and provisioning time: stop it first to change them")
    return 0


def _status(options: argparse.Namespace) -> int:
    cloud = control.running(options.state_dir)
    if cloud is None:
        _say("{}" if options.json else f"no local cloud runs on {options.state_dir}")
        return 3  # as service managers answer for a program that is not running
    status = cloud.status()
    if options.json:
        _say(json.dumps(status, indent=2))
        return 0
    _say(f"running at {status['endpoint_url']}, pid {status['pid']}, up {status['uptime_seconds']:.0f} s")
    _say(f"clock speed {status['speed']:g}: a CloudWatch minute takes {60 / status['speed']:g} s")
    _say(f"account {status['account']}, region {status['region']}, Lambda events waiting: {status['lambda_events']}")
    _say(_unverified(status["unverified"]))
    for name, lines in status["services"].items():
        for line in lines:
            _say(f"{name}: {line}")
    return 0


def _unverified(status: dict[str, Any]) -> str:
    """What is said of operations that no conformance test verifies."""
    if not status["answered"]:
        return "operations that no conformance test verifies are refused (docs/fidelity.md)"
    used = ", ".join(status["operations"]) or "none so far"
    return f"operations that no conformance test verifies are answered by MiniStack; used: {used}"


def _env(options: argparse.Namespace) -> int:
    cloud = control.running(options.state_dir)
    if cloud is None:
        raise control.CloudError(
            f"no local cloud runs on {options.state_dir}: start it with `python -m localcloud start`"
        )
    environment = cloud.environment_of_role(options.role) if options.role else cloud.environment
    if options.json:
        _say(json.dumps(environment, indent=2))
        return 0
    for name, value in environment.items():
        _say(f"export {name}={shlex.quote(value)}")
    _say("unset AWS_PROFILE" if options.role else "unset AWS_PROFILE AWS_SESSION_TOKEN")
    for line in _HINTS:
        _say(f"# {line}")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "start":
            return _start(options)
        if options.command == "status":
            return _status(options)
        if options.command == "env":
            return _env(options)
        if options.command == "stop":
            _say("stopped" if control.stop(options.state_dir) else f"no local cloud runs on {options.state_dir}")
        elif options.command == "reset":
            control.reset(options.state_dir)
            _say(f"removed {options.state_dir}")
    except control.CloudError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
