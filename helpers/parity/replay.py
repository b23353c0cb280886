"""``make replay``: hold recordings against the local cloud, and list what differs.

The steps that need nothing but a deployed workshop are run again on a local cloud of their own, at a speed that makes
hours seconds, and recorded in the same way; then the two recordings are compared. Exit status 1: something differs.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from contract.errors import WorkshopError
from contract.settings import Settings, load
from helpers.commands.interruption import interruptible
from helpers.delivery import deployment
from helpers.inference.connection import Connection, connect
from helpers.parity import compare, run, steps, verify
from helpers.parity import recording as recordings
from helpers.parity.bench import Bench
from helpers.parity.recording import Recording
from helpers.recording.recorder import recorder_in

SPEED = 240.0
PROVISION_SECONDS = 120.0
"""Of the cloud's clock: at this speed half a second, in which an endpoint is seen Creating and Updating."""
NAME = verify.NAME
STOPPED = "replay stopped by you; its local cloud is gone."
CAP_USD = 1.0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make replay", description=(__doc__ or "").partition("\n\n")[2])
    parser.add_argument("recordings", nargs="*", type=Path, help="default: all in parity/")
    parser.add_argument("--speed", type=float, default=SPEED, help="of the local cloud's clock; default: %(default)g")
    parser.add_argument("--state", type=Path, help="state of a local cloud with a deployed workshop, which is copied")
    parser.add_argument("--name", default=NAME, help="of the workshop that is deployed there")
    parser.add_argument("--steps", default="", help="only these, separated by commas")
    parser.add_argument("--record", type=Path, help="store what was recorded here")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Replay; 0 when nothing differs."""
    chosen = _parser().parse_args(arguments)
    with interruptible(STOPPED):
        try:
            given = chosen.recordings or sorted(verify.FOLDER.glob("*.jsonl.gz"))
            taken = [(path, recordings.load(path)) for path in given]
            if not taken and not chosen.record:
                raise WorkshopError(f"there is no recording in {verify.FOLDER}: make verify-aws makes one.")
            with tempfile.TemporaryDirectory(prefix="replay-") as folder:
                found = again(Path(folder), chosen)
            return max([_told(path, recorded, found) for path, recorded in taken], default=0)
        except WorkshopError as problem:
            verify._say(f"replay stopped: {problem}")
            return 1


def again(folder: Path, chosen: argparse.Namespace) -> Recording:
    """Run the steps on a local cloud in ``folder``, and return their recording."""
    record, path = folder / "record", chosen.record or folder / "replay.jsonl.gz"
    settings = settings_of(chosen, record)
    began = dt.datetime.now(dt.UTC)
    with _cloud(folder, chosen, settings) as (state, connected):
        bench = Bench(connected, recorder_in(record), verify.speed_of(connected, state), verify._say)
        bench.recorder.scrubber.know(steps.known_of(connected) | steps.known_of_stack(connected))
        wanted = set(filter(None, chosen.steps.split(",")))
        listed = [step for step in steps.probes() if not wanted or step.name in wanted]
        bench.open_inbox()
        run.Run(bench, run.Plan(listed, 0.0, CAP_USD, ""), verify.LOCAL_SCALE).steps()
        names = steps.plain_names(connected)
    return recordings.put_together(record, path, verify.header(settings, began, chosen.speed, "probes", names))


def settings_of(chosen: argparse.Namespace, record: Path) -> Settings:
    """Those of workshop.toml's defaults, whatever the file and the environment of this machine say."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WORKSHOP_")}
    given = {
        "WORKSHOP_WORKSHOP_TARGET": "local",
        "WORKSHOP_WORKSHOP_NAME": chosen.name,
        "WORKSHOP_LOCAL_PORT": str(_free_port()),
        "WORKSHOP_LOCAL_SPEED": f"{chosen.speed:g}",
        "WORKSHOP_LOCAL_PROVISION_SECONDS": f"{PROVISION_SECONDS:g}",
        "WORKSHOP_VERIFY_RECORD": str(record),
    }
    return load(environ=kept | given)


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _cloud(folder: Path, chosen: argparse.Namespace, settings: Settings) -> Iterator[tuple[Path, Connection]]:
    """A local cloud with a deployed workshop, gone after the block."""
    import localcloud

    state = folder / "state"
    if chosen.state:
        subprocess.run(["cp", "-a", str(chosen.state), str(state)], check=True)
    connection = connect(settings, state=state)
    try:
        if not chosen.state:
            verify._say("deploying into a local cloud of its own")
            deployment.deploy(connection, lambda text: None)
        yield state, connection
    finally:
        localcloud.stop(state)
        shutil.rmtree(state, ignore_errors=True)


def _told(path: Path, recorded: Recording, found: Recording) -> int:
    """Print what differs from one recording; 1 when something does."""
    listed = compare.differences(recorded, found)
    where = (
        "on AWS" if recorded.header["target"] == "aws" else f"on a local cloud at speed {recorded.header['speed']:g}"
    )
    verify._say(f"\n{path.name}, recorded {where}: {len(listed)} differences")
    for item in listed:
        verify._say(f"  {item.where}\n      {item.what}: recorded {item.recorded}\n      here {item.found}")
    if missing := compare.not_compared(recorded, found):
        verify._say(f"  not replayed: {', '.join(missing)}")
    failed = [name for name, step in found.steps.items() if step["outcome"] != "done"]
    if lost := [name for name in failed if recorded.steps.get(name, {}).get("outcome") == "done"]:
        verify._say(f"  here these steps did not end well: {', '.join(lost)}")
    return 1 if listed or lost else 0


if __name__ == "__main__":
    sys.exit(main())
