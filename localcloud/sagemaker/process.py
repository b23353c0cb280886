"""The parent's side of one container process: start it, send it requests, notice its end."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from pathlib import Path
from typing import Any

from localcloud.process.environment import inherited

logger = logging.getLogger(__name__)

ROOT = Path(__file__).parents[2]


class ContainerFailed(Exception):  # noqa: N818 - named for what happened
    """The process did not come up; ``stage`` is ``unpack``, ``load`` or ``start``."""

    def __init__(self, stage: str, reason: str) -> None:
        super().__init__(reason)
        self.stage = stage
        self.reason = reason


class ContainerGone(Exception):  # noqa: N818 - named for what happened
    """The process ended while it worked on a request."""


class InvocationTimedOut(Exception):  # noqa: N818 - named for what happened
    """The model did not answer within ``InvocationTimeoutSeconds``."""


@dataclasses.dataclass(frozen=True)
class Reply:
    """What the container answered; the body is in the file that the request named."""

    status: int
    content_type: str
    custom_attributes: str | None


@dataclasses.dataclass(frozen=True)
class ContainerSpec:
    """How to start an instance's container: folders, number of workers, and the model's own environment."""

    folder: Path
    program: str
    submit_directory: str
    workers: int
    environment: Mapping[str, str]

    @property
    def model_dir(self) -> Path:
        """Stands for ``/opt/ml/model``."""
        return self.folder / "model"

    @property
    def archive(self) -> Path:
        """Where the compressed model data lies until the container has unpacked it."""
        return self.folder / "model.tar.gz"

    def variables(self) -> dict[str, str]:
        """The container's whole environment; paths below /opt/ml/model become this instance's folder."""
        home = self.folder / "home"
        merged = inherited()
        merged |= {"HOME": str(home), "TMPDIR": str(home), "PYTHONUTF8": "1", "PYTHONPATH": str(ROOT)}
        # SageMaker Developer Guide, "Environment variables used by SageMaker containers" (SM_MODEL_DIR and the like).
        merged |= {
            "SM_MODEL_DIR": "/opt/ml/model",
            "SAGEMAKER_BASE_DIR": "/opt/ml",
            "SAGEMAKER_PROGRAM": self.program,
            "SAGEMAKER_SUBMIT_DIRECTORY": self.submit_directory,
        }
        merged |= self.environment
        if "PYTHONPATH" in self.environment:
            merged["PYTHONPATH"] = os.pathsep.join((str(ROOT), self.environment["PYTHONPATH"]))
        own = str(self.model_dir)
        return {
            name: own + value.removeprefix("/opt/ml/model")
            if value == "/opt/ml/model" or value.startswith("/opt/ml/model/")
            else value
            for name, value in merged.items()
        }


class Spawner:
    """Starts every container from one thread, which lives until :meth:`close`.

    The kernel ties PR_SET_PDEATHSIG to the thread that forked (prctl(2)): from a short-lived thread the container would
    be killed as soon as that thread ended.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sagemaker-spawner")

    def start(self, arguments: list[str], environment: dict[str, str], descriptor: int) -> subprocess.Popen[bytes]:
        """A process in a session of its own, its output in a pipe."""

        def spawn() -> subprocess.Popen[bytes]:
            return subprocess.Popen(
                arguments,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(descriptor,),
                start_new_session=True,
                cwd="/",
            )

        return self._thread.submit(spawn).result()

    def close(self) -> None:
        """End the thread, and with it (Linux) every process that is still there."""
        self._thread.shutdown(wait=True)


class ContainerProcess:
    """A started container.

    Parameters
    ----------
    spawner : Spawner
        Starts the process.
    spec : ContainerSpec
        What to start.
    log : callable
        Gets each line that the process prints.
    """

    def __init__(self, spawner: Spawner, spec: ContainerSpec, log: Callable[[str], None]) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._pending: dict[int, Future[Reply]] = {}
        self._number = 0
        self._ready: Future[None] = Future()
        self._gone = threading.Event()
        (spec.folder / "home").mkdir(parents=True, exist_ok=True)
        spec.model_dir.mkdir(parents=True, exist_ok=True)
        ours, theirs = socket.socketpair()
        self._connection = ours
        arguments = [sys.executable, "-P", "-m", "localcloud.sagemaker.container"]
        arguments += ["--parent", str(os.getpid()), "--socket", str(theirs.fileno()), "--root", str(ROOT)]
        arguments += ["--model-dir", str(spec.model_dir), "--workers", str(spec.workers)]
        arguments += ["--unpacked", str(spec.folder / "unpacked")]
        if spec.archive.exists():
            arguments += ["--archive", str(spec.archive)]
        try:
            self._process = spawner.start(arguments, spec.variables(), theirs.fileno())
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        for target in (self._pump_log, self._pump_messages):
            threading.Thread(target=target, daemon=True, name=f"sagemaker-{self.pid}").start()

    @property
    def pid(self) -> int:
        """The process's id on this machine."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process still answers."""
        return not self._gone.is_set()

    def wait_ready(self, timeout: float) -> None:
        """Wait until the model is loaded; raises :class:`ContainerFailed`."""
        try:
            self._ready.result(timeout)
        except FutureTimeout:
            raise ContainerFailed("start", f"the model was not loaded after {timeout:g} s") from None

    def invoke(self, headers: Mapping[str, str], source: Path, target: Path, timeout: float) -> Reply:
        """Send one request and wait for its answer.

        Raises
        ------
        ContainerGone
            The process ended meanwhile.
        InvocationTimedOut
            ``timeout`` real seconds passed; the request still runs, so the caller should :meth:`kill` the process.
        """
        future: Future[Reply] = Future()
        with self._lock:
            if self._gone.is_set():
                raise ContainerGone(self._ending())
            self._number += 1
            number = self._number
            self._pending[number] = future
            message = {"id": number, "headers": dict(headers), "input": str(source), "output": str(target)}
            # A broken line shows in _pump_messages, which fails every pending request.
            with contextlib.suppress(OSError):
                self._connection.sendall(json.dumps(message).encode() + b"\n")
        try:
            return future.result(timeout)
        except FutureTimeout:
            with self._lock:
                self._pending.pop(number, None)
            raise InvocationTimedOut(f"no answer after {timeout:g} s") from None

    def kill(self, wait: float = 10) -> None:
        """End the process and whatever it started; returns when it is gone."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._gone.wait(wait)

    def _ending(self) -> str:
        code = self._process.returncode
        if code is not None and code < 0:
            return f"the container process was ended by {signal.Signals(-code).name}"
        return f"the container process ended with exit code {code}"

    def _pump_log(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        with stream:
            for line in stream:
                self._log(line.decode("utf-8", "replace").rstrip("\n"))

    def _pump_messages(self) -> None:
        try:
            with self._connection.makefile("rb") as reader:
                for line in reader:
                    self._receive(json.loads(line))
        except (OSError, ValueError) as error:
            logger.debug("container %d: %s", self.pid, error)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)  # hung up but alive, or its own children
        self._process.wait()
        with self._lock:
            self._gone.set()
            pending, self._pending = self._pending, {}
        self._connection.close()
        for future in pending.values():
            future.set_exception(ContainerGone(self._ending()))
        if not self._ready.done():
            self._ready.set_exception(ContainerFailed("start", self._ending()))

    def _receive(self, message: dict[str, Any]) -> None:
        if message.get("event") == "ready":
            self._ready.set_result(None)
        elif message.get("event") == "failed":
            self._ready.set_exception(ContainerFailed(message["stage"], message["reason"]))
        else:
            with self._lock:
                future = self._pending.pop(message["id"], None)
            if future is not None:
                future.set_result(Reply(message["status"], message["content_type"], message["custom_attributes"]))
