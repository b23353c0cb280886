"""The two sides that answer the same requests: AWS's serving stack, and the local cloud's container."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import http.client
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from contract.settings import ROOT
from localcloud.sagemaker.model_server import WORKER_DIED, ConnectionReset, ModelServer, WorkerDied
from localcloud.sagemaker.process import ContainerProcess, ContainerSpec

STACK = ROOT / ".tools" / "serving"
IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.6.0-cpu-py312-ubuntu22.04-sagemaker"
RESET = 0
"""In place of a status: the connection was cut off."""
# The JVM then takes this machine for an ml.m5.large, of whose memory the toolkit gives it 10 per cent.
INSTANCE = {"JAVA_TOOL_OPTIONS": "-XX:MaxRAM=8g -XX:ActiveProcessorCount=2"}
UNREACHABLE = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull}
"""A VPC without a NAT gateway."""


@dataclasses.dataclass(frozen=True)
class Answer:
    """One answer; ``status`` is :data:`RESET` when there was none."""

    status: int
    content_type: str
    body: bytes
    seconds: float = dataclasses.field(compare=False, default=0.0)


class StartFailed(Exception):
    """The container has ended before it answered a ping; the message is the end of its log."""


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


PROGRAMS = {
    "torchserve": "ts.model_server:start",
    "torch-model-archiver": "model_archiver.model_packaging:generate_model_archive",
}


def _layer(folder: Path) -> Path:
    """An environment on top of the stack's: what a start installs is gone with its container. Returns its Python."""
    subprocess.run([str(STACK / "bin" / "python"), "-m", "venv", "--without-pip", str(folder)], check=True)
    (below,), (site,) = (path.glob("lib/python*/site-packages") for path in (STACK, folder))
    (site / "below.pth").write_text(f"{below}\n", encoding="utf-8")
    for name, entry in PROGRAMS.items():
        module, function = entry.split(":")
        program = folder / "bin" / name
        program.write_text(f"#!{folder}/bin/python\nfrom {module} import {function}\n{function}()\n", encoding="utf-8")
        program.chmod(0o755)
    return folder / "bin" / "python"


class RealStack:
    """The container's entry point with its model below ``<folder>/opt/ml``; one at a time on a machine.

    Parameters
    ----------
    folder : Path
        Holds ``opt/ml/model``, the unpacked model.tar.gz.
    environment : mapping
        Of the model's container.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder, self._log, self._python = folder, folder / "log.txt", _layer(folder / "layer")
        base = folder / "opt" / "ml"
        (folder / "tmp").mkdir(exist_ok=True)
        port, self._metrics, *grpc = _free_ports(4)
        self._url = f"http://127.0.0.1:{port}"
        variables = {
            name: value.replace("/opt/ml", str(base)) if value.startswith("/opt/ml") else value
            for name, value in environment.items()
        }
        addresses = {"TS_INFERENCE_ADDRESS": self._url, "TS_MANAGEMENT_ADDRESS": self._url}
        addresses["TS_METRICS_ADDRESS"] = f"http://127.0.0.1:{self._metrics}"
        addresses |= {"TS_GRPC_INFERENCE_PORT": str(grpc[0]), "TS_GRPC_MANAGEMENT_PORT": str(grpc[1])}
        self._environment = {
            "PATH": f"{self._python.parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            # The image's own (Dockerfile.cpu).
            **dict.fromkeys(("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"), "1"),
            **dict.fromkeys(("TEMP", "TMPDIR"), str(folder / "tmp")),
            "LANG": "C.UTF-8",
            "SAGEMAKER_BASE_DIR": str(base),
            "SAGEMAKER_BIND_TO_PORT": str(port),
            **addresses,
            **INSTANCE,
            **variables,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def model_folder(self) -> Path:
        """Where SageMaker has unpacked the model."""
        return self._folder / "opt" / "ml" / "model"

    def start(self, seconds: float = 300) -> float:
        """Start it; returns the seconds until it answered a ping, raises :class:`StartFailed`."""
        begun = time.monotonic()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(self._python), str(Path(__file__).with_name("start.py"))],
                cwd=self._folder, env=self._environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        while time.monotonic() - begun < seconds:
            if self._process.poll() is not None:
                break
            if self._pings():
                return time.monotonic() - begun
            time.sleep(0.1)
        raise StartFailed(self.log()[-3000:])

    def _pings(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self._url}/ping", timeout=2) as answer:
                return bool(answer.status == 200)
        except (OSError, http.client.HTTPException):
            return False

    def log(self) -> str:
        """All that it has printed."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def ask(self, body: bytes, content_type: str, accept: str | None, timeout: float = 400) -> Answer:
        """Send one request to ``/invocations``."""
        headers = {"Content-Type": content_type} | ({"Accept": accept} if accept else {})
        request = urllib.request.Request(f"{self._url}/invocations", data=body, headers=headers)
        begun = time.monotonic()
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                got = Answer(answer.status, answer.headers.get("content-type", ""), answer.read())
        except urllib.error.HTTPError as error:
            got = Answer(error.code, error.headers.get("content-type", ""), error.read())
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError):
            got = Answer(RESET, "", b"")
        return dataclasses.replace(got, seconds=time.monotonic() - begun)

    def stop(self) -> None:
        """End it and what it has started."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for name in ("tmp", "layer"):
            shutil.rmtree(self._folder / name, ignore_errors=True)


class LocalContainer:
    """The local cloud's container with the limits of the image's model server, without a cloud around it."""

    def __init__(self, folder: Path, model: Path, environment: Mapping[str, str]) -> None:
        lifeline = folder / "lifeline"
        lifeline.touch()
        self._server = ModelServer.of(IMAGE, environment)
        self._folder, self._lines = folder, list[str]()
        program, code = environment["SAGEMAKER_PROGRAM"], environment["SAGEMAKER_SUBMIT_DIRECTORY"]
        self._spec = ContainerSpec(folder, program, code, 1, environment, lifeline)
        shutil.copytree(model, self._spec.model_dir)
        # As the cloud does while it lives.
        self._lock = lifeline.open()
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._container: ContainerProcess | None = None

    def start(self) -> None:
        """Load the model."""
        self._container = ContainerProcess(self._spec, self._lines.append)
        self._container.wait_ready(120)

    def ask(self, body: bytes, content_type: str, accept: str | None, timeout: float = 3600) -> Answer:
        """Send one request; a worker that dies of it is replaced."""
        assert self._container
        source, target = self._folder / "request", self._folder / "answer"
        source.write_bytes(body)
        headers = {"Content-Type": content_type} | ({"Accept": accept} if accept else {})
        begun = time.monotonic()
        try:
            reply = self._server.ask(self._container, headers, source, target, timeout)
            got = Answer(reply.status, reply.content_type, target.read_bytes())
        except ConnectionReset:
            got = Answer(RESET, "", b"")
        except WorkerDied:
            self._container.kill()
            self.start()
            got = Answer(500, "application/json", WORKER_DIED)
        return dataclasses.replace(got, seconds=time.monotonic() - begun)

    def stop(self) -> None:
        """End it."""
        if self._container:
            self._container.kill()
        self._lock.close()
