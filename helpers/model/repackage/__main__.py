"""``python -m helpers.model.repackage``: package the model that workshop.toml names, from inside a build.

Endpoint, keys and region are those of the environment.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from contract import settings
from contract.errors import SettingsError, WorkshopError
from contract.names import STACK_PARAMETERS_FILE
from helpers.model.repackage import look_up, package
from helpers.model.sizes import size
from helpers.target.explain import explained
from helpers.target.handle import handle_inside


class Stopped(BaseException):
    """Somebody asked this program to end: like KeyboardInterrupt, no error of the program."""


def _stop(number: int, frame: FrameType | None) -> None:
    # Once is enough: what is cleaned up after the first must not be broken off by a second.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise Stopped(signal.Signals(number).name)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - this program's output


def run(arguments: argparse.Namespace) -> None:
    """Do what the command line says; SettingsError when it cannot be done."""
    began = time.monotonic()
    if not arguments.output.parent.is_dir():
        raise SettingsError(f"--output {arguments.output}: there is no folder {arguments.output.parent}.")
    connection = handle_inside(settings.load(arguments.settings))
    model = connection.settings.model
    with explained(f"looking for models in s3://{arguments.bucket}", connection.target):
        # First of all, because it takes no time, and the look-up seconds.
        connection.client("s3").list_objects_v2(Bucket=arguments.bucket, Prefix="models/", MaxKeys=1)
    _say(f"looking {model.id} {model.version} up for {model.instance_type} on {connection.target.described}")
    with explained(f"packaging {model.id}", connection.target):
        found = look_up(connection)
        _say(f"  {time.monotonic() - began:.1f} s")
        packaged = package(connection, arguments.bucket, found, verify=arguments.verify, progress=_say)
    arguments.output.write_text(packaged.to_json(), encoding="utf-8")
    arguments.output.with_name(STACK_PARAMETERS_FILE).write_text(packaged.stack_parameters(), encoding="utf-8")
    weight = f", {size(packaged.size)}" if packaged.size else ""
    _say(
        f"{packaged.model_id} {packaged.version}: {packaged.method}{weight}, s3://{packaged.bucket}/{packaged.key}, "
        f"{time.monotonic() - began:.1f} s; {arguments.output} says so"
    )


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m helpers.model.repackage", description=__doc__)
    parser.add_argument("--bucket", required=True, help="the model bucket (output ModelBucketName of the models stack)")
    parser.add_argument(
        "--output", type=Path, default=Path("model.json"),
        help=f"where the result goes (model.json); {STACK_PARAMETERS_FILE} is written beside it",
    )  # fmt: skip
    parser.add_argument("--verify", choices=["new", "always"], default="new", help="read sources that are known, too?")
    parser.add_argument("--settings", type=Path, help="by default workshop.toml of this repository")
    chosen = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    try:
        run(chosen)
    except (WorkshopError, OSError) as error:
        print("error:", " ".join(str(error).split()), file=sys.stderr, flush=True)  # noqa: T201 - as above
        return 1
    except Stopped as stopped:
        print(f"error: ended by {stopped}; nothing was left behind", file=sys.stderr, flush=True)  # noqa: T201
        return 128 + signal.Signals[str(stopped)].value
    return 0


if __name__ == "__main__":
    sys.exit(main())
