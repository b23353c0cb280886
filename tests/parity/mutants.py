"""Would a replay notice? Changes the local cloud in one place at a time, and holds a recording against each.

``python -m tests.parity.mutants`` (or ``make mutants``) prints a table and fails when fewer than :data:`LEAST` of the
changes turn the replay red, or when the local cloud without any change does. Each change is made in a copy of the
working tree; a deployed local cloud is made once and copied. About half an hour on two cores.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from contract.settings import ROOT
from helpers.commands.interruption import interruptible

LEAST = 18
SECONDS = 900
Change = tuple[str, str, str]
"""File below localcloud/, what is there (exactly once), and what takes its place."""
SLEEP = "request,sleeps"
CONTROL: Change = ("process/control.py", '(sys.executable, "-I", "-m"', '(sys.executable, "-m"')
"""So that the server imports the copy."""


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One behaviour, changed.

    Attributes
    ----------
    name : str
        What is wrong.
    steps : str
        Of the replay, those that could notice and those that they need.
    changes : tuple of Change
    """

    name: str
    steps: str
    changes: tuple[Change, ...]


def _one(name: str, steps: str, file: str, old: str, new: str) -> Mutant:
    return Mutant(name, steps, ((file, old, new),))


INVOCATION, RUNTIME, SERVICE = "sagemaker/invocation.py", "sagemaker/runtime.py", "sagemaker/service.py"
ENGINE, METRICS = "autoscaling/engine.py", "sagemaker/metrics.py"
MUTANTS = (
    _one("another failureReason for an error of the model", "failures", INVOCATION,
         'f"ClientError: Received {kind} error ({reply.status}) from model. {LOGS_HINT}",',
         'f"ModelError: The model answered {reply.status}.",'),
    _one("notification without eventVersion", "request", INVOCATION, '        "eventVersion": "1.0",\n', ""),
    _one("notification with its times in seconds", "request", INVOCATION,
         '"receivedTime": iso_timestamp(request.received)', '"receivedTime": int(request.received)'),
    _one("notification twice", "request", INVOCATION, "publish(TopicArn=topic, Message=message)",
         'publish(TopicArn=topic, Message=message)\n'
         '                self._deployment.client(self._shared, "sns").publish(TopicArn=topic, Message=message)'),
    _one("notification in an envelope without UnsubscribeURL", "request", "sns/envelopes.py",
         '        out["UnsubscribeURL"] = self.unsubscribe_url\n', ""),
    _one("failures are not stored", "failures", INVOCATION, "        if location:\n", "        if not location:\n"),
    _one("queue's metrics with the variant as a dimension", SLEEP, METRICS,
         '"Dimensions": [{"Name": "EndpointName", "Value": gauge.endpoint}],',
         '"Dimensions": [{"Name": "EndpointName", "Value": gauge.endpoint}, '
         '{"Name": "VariantName", "Value": gauge.variant}],'),
    _one("ModelLatency in milliseconds", "", METRICS,
         '"ModelLatency": "Microseconds"', '"ModelLatency": "Milliseconds"'),
    _one("a new endpoint is InService at once", "endpoint", SERVICE, '"EndpointStatus": "Creating"',
         '"EndpointStatus": "InService"'),
    _one("DescribeEndpoint without CurrentWeight", "deployed", SERVICE,
         '                "CurrentWeight": weight,\n', ""),
    _one("requests never expire", f"{SLEEP},tracking_wakes", RUNTIME,
         'ttl = self._clock.real(body["RequestTTLSeconds"])', "ttl = 1e9"),
    _one("the output's name ends with .json", "request", "sagemaker/deployment.py",
         'f"{unique}.out"', 'f"{unique}.json"'),
    _one("S3OutputPathExtension is ignored", "chosen_output", "sagemaker/deployment.py",
         "names = [extension] if extension else []", "names: list[str] = []"),
    _one("404 for an endpoint that is not there", "refusals", RUNTIME, 'of account {account} not found.")',
         'of account {account} not found.", 404)'),
    _one("InvokeEndpointAsync does not say where failures go", "request", RUNTIME,
         'body["failure"] = answer["FailureLocation"] = failure', 'body["failure"] = failure'),
    _one("another content type of SageMaker's answers", "refusals", "http/protocol.py",
         'self.content_type = f"application/x-amz-json-', 'self.content_type = f"application/json-'),
    _one("an update may change a scaled variant's type", f"{SLEEP},update_refused", "sagemaker/scaled_variants.py",
         'if (wanted["VariantName"], wanted["InstanceType"]) != (present["VariantName"], present["InstanceType"]):',
         'if wanted["VariantName"] != present["VariantName"]:'),
    _one("an endpoint that scales may be updated", f"{SLEEP},step_wakes", SERVICE,
         'if endpoint.status != "InService":\n            # AWS',
         'if endpoint.status == "Deleting":\n            # AWS'),
    _one("a deleted endpoint stays a scalable target", "endpoint", SERVICE,
         "        deregister(self._cloud, endpoint)\n", ""),
    _one("policies never take instances away", SLEEP, ENGINE,
         'if wanted < capacity.desired and self._measured_before_last_change(policy["ResourceId"], data):',
         "if wanted < capacity.desired:"),
    _one("cooldowns are ignored", "endpoint", ENGINE,
         'return activity if time.time() < ended + self._cloud.clock.real(float(seconds)) else None', "return None"),
    _one("activities do not name the policy", f"{SLEEP},step_wakes", ENGINE,
         "in state ALARM triggered policy {policy['PolicyName']}\"", 'in state ALARM"'),
    _one("target tracking alone never leaves zero", f"{SLEEP},tracking_wakes", "autoscaling/policies.py",
         "base = int(metric > target_value)", "base = 0"),
    Mutant("alarms act though their actions are disabled", f"{SLEEP},tracking_wakes", (
        ("cloudwatch/alarm_watch.py", 'if not alarm.get("ActionsEnabled", True):', "if not alarm:"),
        ("ministack/cloudwatch/actions.py", 'if not alarm.get("ActionsEnabled", True):', "if not alarm:"))),
    _one("stack events oldest first", "stack", "ministack/cloudformation/answers.py",
         '(pair[1]["Timestamp"], pair[0]), reverse=True)', '(pair[1]["Timestamp"], pair[0]))'),
    _one("another history of alarms", "alarm", "ministack/cloudwatch/actions.py",
         'f"Alarm updated from {old} to {new}"', 'f"{old} is now {new}"'),
)  # fmt: skip


def copied(folder: Path, changes: Iterable[Change]) -> None:
    """The working tree in ``folder``, changed; ValueError when what should be changed is not there once."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    (folder / ".tools").symlink_to(ROOT / ".tools")
    (folder / "build").mkdir()
    if (ROOT / "build" / "bundles").exists():
        (folder / "build" / "bundles").symlink_to(ROOT / "build" / "bundles")
    for file, old, new in changes:
        path = folder / "localcloud" / file
        text = path.read_text(encoding="utf-8")
        if text.count(old) != 1:
            raise ValueError(f"{file} holds {old!r} {text.count(old)} times; it must be once")
        path.write_text(text.replace(old, new), encoding="utf-8")


def _python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A Python that imports what is in ``folder``, the local cloud's server too."""
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(str(folder / part) for part in ("", "lambdas", "models"))
    command = [sys.executable, *arguments]
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            out, said = process.communicate(timeout=SECONDS)
        except BaseException:
            process.terminate()  # it stops its local cloud
            process.wait(60)
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, said)


def deployed(folder: Path) -> Path:
    """State of a local cloud with a deployed workshop, made by a copy without changes."""
    copied(folder / "tree", [CONTROL])
    program = (
        "import sys, types, localcloud\nfrom pathlib import Path\nfrom helpers.delivery import deployment\n"
        "from helpers.inference.connection import connect\nfrom helpers.parity import replay\n"
        "chosen = types.SimpleNamespace(name=replay.NAME, speed=replay.SPEED)\nstate = Path(sys.argv[1])\n"
        "connection = connect(replay.settings_of(chosen, Path()), state=state)\n"
        "try:\n    deployment.deploy(connection, lambda text: None)\nfinally:\n    localcloud.stop(state)\n"
    )
    done = _python(folder / "tree", "-c", program, str(folder / "state"))
    if done.returncode:
        sys.exit(f"the local cloud could not be deployed:\n{done.stderr[-3000:]}")
    return folder / "state"


def replayed(mutant: Mutant, recording: Path, state: Path) -> tuple[bool, str]:
    """Whether the replay on a changed cloud is red, and the first thing that it says."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copied(Path(folder), [CONTROL, *mutant.changes])
        done = _python(
            Path(folder), "-m", "helpers.parity.replay", str(recording), "--state", str(state), "--steps", mutant.steps
        )
    after = done.stdout.partition("differences\n")[2].splitlines()
    said = [line.strip() for line in after if line.strip()]
    if "differences" not in done.stdout:
        said = [(done.stdout + done.stderr).strip().splitlines()[-1]]
    return done.returncode != 0, " | ".join(said[:2])[:150]


def _timed(mutant: Mutant, recording: Path, state: Path) -> tuple[Mutant, bool, str, float]:
    began = time.monotonic()
    return (mutant, *replayed(mutant, recording, state), time.monotonic() - began)


def main() -> int:
    """Print the table; 0 when enough changes were noticed and no change was not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("recording", type=Path, nargs="?", help="default: the first of parity/local-*.jsonl.gz")
    parser.add_argument("--state", type=Path, help="of a stopped local cloud with the workshop 'parity' deployed")
    parser.add_argument("--only", default="", help="mutants whose names hold this")
    parser.add_argument("--workers", type=int, default=1, help="how many at a time; default: %(default)s")
    chosen = parser.parse_args()
    recording = (chosen.recording or next(iter(sorted((ROOT / "parity").glob("local-*.jsonl.gz"))))).resolve()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        state = chosen.state.resolve() if chosen.state else deployed(Path(folder))
        picked = [mutant for mutant in MUTANTS if chosen.only in mutant.name]
        picked.sort(key=lambda mutant: len(mutant.steps) if mutant.steps else 1000)  # the quick ones first
        plain = [Mutant(f"(no change: {steps or 'all'})", steps, ()) for steps in sorted({m.steps for m in picked})]
        caught = wrong = 0
        with ThreadPoolExecutor(chosen.workers) as pool:
            for mutant, red, said, seconds in pool.map(lambda one: _timed(one, recording, state), (*picked, *plain)):
                caught += red and bool(mutant.changes)
                wrong += red and not mutant.changes
                print(f"{'red' if red else 'green':6} {seconds:4.0f} s  {mutant.name:54} {said}", flush=True)
    print(f"{caught} of {len(picked)} changes turn the replay red; {wrong} of {len(plain)} replays without one")
    return 0 if not wrong and (caught >= LEAST or chosen.only) else 1


if __name__ == "__main__":
    with interruptible("mutants stopped by you."):
        sys.exit(main())
