"""``make verify-aws``: one run through everything that only an account can tell, recorded, and cleaned up.

Shows first what it will do, how long that may take and what it may cost, and goes on only when somebody agrees. Every
call, notification, stack event, metric and log line of it goes, scrubbed, into ``parity/<date>.jsonl.gz``, and
``docs/parity.md`` says what it means. Ctrl+C, an error and the cost cap all end in the same clean-up.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from contract.errors import WorkshopError
from contract.settings import ROOT, Settings, load
from helpers.commands.interruption import interruptible
from helpers.inference.connection import Connection, connect
from helpers.operations import costs
from helpers.parity import recording as recordings
from helpers.parity import report, run, steps
from helpers.parity.bench import Bench
from helpers.preflight import preflight
from helpers.recording.recorder import Recorder, recorder_in
from helpers.show.checks import Report
from helpers.target.targets import STATE, running_local_cloud

FOLDER = ROOT / "parity"
BUILD = ROOT / "build" / "parity"
NOTEBOOKS = ("01", "02", "03", "04", "05", "06")
CAP_USD = 15.0
NAME = "parity"
"""Of the workshop that is deployed for it: never the one that somebody works in."""
LOCAL_SCALE = 0.25
"""Of the budgets, which are AWS's."""
STOPPED = "verify-aws stopped by you; what it had deployed is deleted, see above."
OWN = ("CDKToolkit", "hnb659fds", "smallworld", "jumpstart")
"""Besides the workshop's own name: what every CDK application has, and JumpStart's public bucket."""
NO_CONSENT = "Nothing was done. Type yes when asked, or start it with --yes where nobody can be asked."


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make verify-aws", description=(__doc__ or "").partition("\n\n")[2])
    parser.add_argument("--target", choices=("aws", "local"), default="aws", help="local: a rehearsal, free")
    parser.add_argument("--name", default=NAME, help="of the workshop that is deployed; default: %(default)s")
    parser.add_argument("--yes", action="store_true", help="agree to duration and cost without being asked")
    parser.add_argument("--cap-usd", type=float, default=CAP_USD, help="cost at which it ends; default: %(default)g")
    parser.add_argument("--hour-usd", type=float, help="an instance's price for an hour, where no price is known")
    parser.add_argument("--notebooks", default=",".join(NOTEBOOKS), help="which ones; default: %(default)s")
    parser.add_argument(
        "--conformance", default=",".join(steps.FREE), metavar="SERVICES",
        help="services whose conformance tests run, or nothing; default: %(default)s",
    )  # fmt: skip
    parser.add_argument("--output", type=Path, help="the recording; default: parity/<date>.jsonl.gz")
    parser.add_argument("--page", type=Path, default=report.PAGE, help="the report; default: docs/parity.md")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 0 when every step ended well and nothing is left."""
    chosen = _parser().parse_args(arguments)
    with interruptible(STOPPED):
        try:
            return _main(chosen)
        except WorkshopError as problem:
            _say(f"verify-aws stopped: {problem}")
            return 1


def _main(chosen: argparse.Namespace) -> int:
    folder = BUILD / f"run-{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S}"
    with _environment(chosen, folder):
        settings = load()
        if settings.bucket.keep:
            raise WorkshopError("[bucket] keep = true would leave a bucket behind: set it to false for this run.")
        recorder = recorder_in(folder, (chosen.name, *OWN))
        try:
            connection = connect(settings)
            ready = preflight(connection)
            _say(str(ready))
            if not ready.ok:
                raise WorkshopError("the preflight has failed: do what it says first; nothing was deployed.")
            plan = _plan(chosen, settings, folder)
            _say(plan.shown(settings))
            if plan.hour_usd is None:
                raise WorkshopError("without a price there is no cap: give it with --hour-usd, from the pricing page.")
            if not chosen.yes and not _agreed():
                shutil.rmtree(folder, ignore_errors=True)
                _say(NO_CONSENT)
                return 2
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)  # nothing was done, so nothing is kept
            raise
        return _recorded(chosen, plan, connection, recorder, folder, ready)


@contextlib.contextmanager
def _environment(chosen: argparse.Namespace, folder: Path) -> Iterator[None]:
    """What the notebooks' kernels load their settings from, too."""
    given = {
        "WORKSHOP_WORKSHOP_TARGET": chosen.target,
        "WORKSHOP_WORKSHOP_NAME": chosen.name,
        "WORKSHOP_VERIFY_RECORD": str(folder),
    }
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _plan(chosen: argparse.Namespace, settings: Settings, folder: Path) -> run.Plan:
    local = settings.workshop.target == "local"
    price = costs.instance_price(settings)
    each = 0.0 if local else chosen.hour_usd if chosen.hour_usd is not None else price.usd
    # The instance change goes to the next size, which costs twice as much.
    hour = None if each is None else each * (run.MOST_INSTANCES + 2)
    services = tuple(filter(None, chosen.conformance.split(",")))
    listed = steps.whole(services, tuple(filter(None, chosen.notebooks.split(","))), folder / "notebooks")
    return run.Plan(listed, hour, chosen.cap_usd, price.source)


def _agreed() -> bool:
    if not sys.stdin.isatty():
        return False
    sys.stdout.write("\nType yes to go on: ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() == "yes"


def speed_of(connection: Connection, state: Path = STATE) -> float:
    """How many seconds of the target's clock a second takes."""
    if connection.target.name == "aws":
        return 1.0
    cloud = running_local_cloud(state)
    return connection.settings.local.speed if cloud is None else float(cloud.speed)


def header(settings: Settings, began: dt.datetime, speed: float, part: str, names: tuple[str, ...]) -> dict[str, Any]:
    """What a recording says of itself."""
    return {
        "target": settings.workshop.target,
        "region": settings.workshop.region,
        "began": f"{began:%Y-%m-%d %H:%M} UTC",
        "speed": speed,
        "model": settings.model.id,
        "instance_type": settings.model.instance_type,
        "part": part,
        "names": list(names),
    }


def _recorded(
    chosen: argparse.Namespace,
    plan: run.Plan,
    connection: Connection,
    recorder: Recorder,
    folder: Path,
    ready: Report,
) -> int:
    began, settings, speed = dt.datetime.now(dt.UTC), connection.settings, speed_of(connection)
    recorder.scrubber.know(steps.known_of(connection))
    recorder.write("preflight", checks=[{"name": row.name, "state": row.state} for row in ready.checks])
    bench = Bench(connection, recorder, speed, _say)
    scale = LOCAL_SCALE if settings.workshop.target == "local" else 1.0
    well, left = False, list[object]()
    try:
        well = _carried_out(run.Run(bench, plan, scale), plan, bench)
    finally:  # Ctrl+C, an error and the cap end here, too
        names = steps.plain_names(connection)
        _say(f"{dt.datetime.now(dt.UTC):%H:%M:%S}  clean-up")
        try:
            left += run.clean(bench, lambda text: _say(f"  {text}"))
        except (WorkshopError, ClientError, BotoCoreError) as error:
            left.append(f"THE CLEAN-UP HAS FAILED: {error}")
        for row in left:
            _say(f"LEFT: {row}")
        path = chosen.output or FOLDER / f"{'local-' if scale != 1 else ''}{began:%Y-%m-%d}.jsonl.gz"
        made = recordings.put_together(folder, path, header(settings, began, speed, "whole", names))
        report.write(made, path.name, path=chosen.page)
        _say(f"recorded in {_short(path)}, {path.stat().st_size / 1e6:.1f} MB; see {_short(chosen.page)}")
        if left:
            _say(_by_hand(chosen))
    return 0 if well and not left else 1


def _carried_out(carried: run.Run, plan: run.Plan, bench: Bench) -> bool:
    """All steps; the inbox and what is known of the account's names come with the deployment."""
    well = True
    for step in plan.steps:
        done = carried.step(step)
        well = well and done
        if not done and step.needed:
            bench.say(f"{step.name} is needed by all others: they are left out.")
            return False
        if step.name == "deploy":
            bench.recorder.scrubber.know(steps.known_of_stack(bench.connection))
            bench.open_inbox()
    return well


def _by_hand(chosen: argparse.Namespace) -> str:
    return (
        "What is left may cost money. Run again:  "
        f"WORKSHOP_WORKSHOP_TARGET={chosen.target} WORKSHOP_WORKSHOP_NAME={chosen.name} make notebooks ARGS=99"
    )


def _short(path: Path) -> str:
    return os.path.relpath(path)


if __name__ == "__main__":
    sys.exit(main())
