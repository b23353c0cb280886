"""One instance of an endpoint: ``python -m localcloud.sagemaker.container``, started by :mod:`.process`.

Talks to its parent in JSON lines over an inherited socket; bodies travel as files, so that a response of many megabytes
is neither encoded nor held twice. Ends when the cloud does, however that ends (:mod:`localcloud.process.tied`).
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import json
import logging
import os
import queue
import re
import signal
import socket
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from localcloud.process.tied import tie
from localcloud.sagemaker.archive import ArchiveError, unpack
from localcloud.sagemaker.handlers import Handler, load_script
from localcloud.sagemaker.isolation import isolate


class Channel:
    """JSON lines to and from the parent."""

    def __init__(self, connection: socket.socket) -> None:
        self._reader = connection.makefile("rb")
        self._connection = connection
        self._lock = threading.Lock()

    def send(self, message: dict[str, Any]) -> None:
        with self._lock:
            self._connection.sendall(json.dumps(message).encode() + b"\n")

    def pump(self, requests: queue.SimpleQueue[dict[str, Any]]) -> None:
        """Pass on requests until the parent hangs up, which ends this process at once, and what the model started."""
        # An error on the socket means the same as its end: the parent is gone.
        with contextlib.suppress(OSError, ValueError):
            for line in self._reader:
                requests.put(json.loads(line))
        os.killpg(0, signal.SIGKILL)


def _serve(handler: Handler, channel: Channel, requests: queue.SimpleQueue[dict[str, Any]]) -> None:
    while True:
        request = requests.get()
        source, target = Path(request["input"]), Path(request["output"])
        answer = handler.answer(bytearray(source.read_bytes()), request["headers"])
        target.write_bytes(answer.body)
        channel.send(
            {
                "id": request["id"],
                "status": answer.status,
                "content_type": answer.content_type,
                "custom_attributes": answer.custom_attributes,
            }
        )


def _name_missing_requirements(folder: Path) -> None:
    """Say which packages of ``code/requirements.txt`` are not here: nothing is installed into the host's Python."""
    path = folder / "requirements.txt"
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        match = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", line)
        if match is None or ";" in line:
            continue
        try:
            importlib.metadata.version(match[1])
        except importlib.metadata.PackageNotFoundError:
            text = (
                f"code/requirements.txt wants {line.strip()}, which is not installed; the local cloud installs nothing"
            )
            print(text, file=sys.stderr)  # noqa: T201 - the container's own log


def _prepare(arguments: argparse.Namespace) -> None:
    """Unpack the model once for each instance; a restarted process finds it there."""
    if not arguments.archive or arguments.unpacked.exists():
        return
    unpack(arguments.archive, arguments.model_dir)
    arguments.archive.unlink()
    arguments.unpacked.touch()


def _forget_project(folders: list[str]) -> None:
    """Leave the model with the packages that are installed, without this project."""
    sys.path[:] = [entry for entry in sys.path if entry not in folders]


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lifeline", required=True, help="the file that ties this process to the cloud's life")
    parser.add_argument("--socket", type=int, required=True)
    parser.add_argument("--project", nargs="*", default=[], help="folders on sys.path that the model must not see")
    parser.add_argument("--model-dir", type=Path, required=True)
    parser.add_argument("--archive", type=Path)
    parser.add_argument("--unpacked", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--isolated", action="store_true", help="without network: the model reaches nothing")
    return parser.parse_args()


def main() -> None:
    """Unpack, load, say so, and serve until the parent hangs up."""
    arguments = _parse()
    tie(arguments.lifeline)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a text stream here, always
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    connection = socket.socket(fileno=arguments.socket)
    connection.set_inheritable(False)  # a process that the model starts must not keep the line open
    channel = Channel(connection)
    requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=channel.pump, args=(requests,), daemon=True, name="parent").start()
    try:
        _prepare(arguments)
    except ArchiveError as error:
        channel.send({"event": "failed", "stage": "unpack", "reason": str(error)})
        sys.exit(f"the model archive cannot be unpacked: {error}")
    _forget_project(arguments.project)
    os.chdir(arguments.model_dir)
    if arguments.isolated:
        isolate()
    code = Path(os.environ["SAGEMAKER_SUBMIT_DIRECTORY"])
    try:
        _name_missing_requirements(code)
        handler = Handler(load_script(os.environ["SAGEMAKER_PROGRAM"], code), arguments.model_dir)
    except Exception as error:  # noqa: BLE001 - whatever the model's code raises while loading fails this instance
        traceback.print_exc()
        channel.send({"event": "failed", "stage": "load", "reason": f"{type(error).__name__}: {error}"})
        sys.exit(1)
    channel.send({"event": "ready", "pid": os.getpid()})
    for number in range(1, arguments.workers):
        name = f"worker-{number}"
        threading.Thread(target=_serve, args=(handler, channel, requests), daemon=True, name=name).start()
    _serve(handler, channel, requests)


if __name__ == "__main__":
    main()
