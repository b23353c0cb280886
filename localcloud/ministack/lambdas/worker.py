"""One execution environment of a Python function: a process that loads the code once and answers invocations."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from localcloud.ministack.lambdas.memory import resident
from localcloud.ministack.lambdas.output import Line, Output
from localcloud.ministack.lambdas.runs import DeathError, Invocation, Result

INIT_SECONDS = 60.0
"""How long code may load. AWS allows 10 s and then repeats it within the time-out; this machine may be slower."""
CREDENTIALS_SECONDS = 2700.0
"""Sessions of roles live for an hour: an older environment is replaced, as AWS replaces its own."""
_WATCH_SECONDS = 0.05
_SIGNALS = {"SIGKILL": "killed", "SIGSEGV": "segmentation fault", "SIGABRT": "aborted", "SIGTERM": "terminated"}


class _Process(subprocess.Popen[bytes]):
    """A process that leads a group, and ends with all of it."""

    def terminate(self) -> None:
        """End the group at once: AWS gives a function no time to say goodbye."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.kill()


@dataclasses.dataclass(frozen=True)
class Surroundings:
    """What all workers of a cloud share.

    Attributes
    ----------
    interpreter, script : str
        The Python that runs them, and what it runs.
    credentials : callable
        Environment variables with the keys of a function's role, by its configuration.
    layer : callable
        The archive of a layer's version.
    """

    interpreter: str
    script: str
    credentials: Callable[[dict[str, Any]], Mapping[str, str]]
    layer: Callable[[Any], bytes | None]


class Worker:
    """An execution environment, with what MiniStack's pool of environments asks of one."""

    def __init__(self, surroundings: Surroundings, name: str, config: dict[str, Any], code_zip: bytes) -> None:
        self.func_name = name
        self.config = config
        self.in_use = False
        self.last_used = time.time()
        self.stream = ""
        self._surroundings = surroundings
        self._code = code_zip
        self._lock = threading.Lock()
        self._proc = None  # MiniStack would end the process of an invocation that runs
        self._process: _Process | None = None
        self._retired = False
        self._folder = ""
        self._output: Output | None = None
        self._pipes: tuple[int, int] | None = None
        self._answered = 0
        self._started = 0.0
        self._memory = 0

    def run(self, config: dict[str, Any], code: bytes, invocation: Invocation) -> Result:
        """Run ``invocation`` with the function as it is now.

        Parameters
        ----------
        config : dict
            The function's configuration; another revision than last time starts a new environment.
        code : bytes
            The bundle.
        invocation : Invocation
        """
        with self._lock:
            result = Result()
            try:
                if self._stale(config):
                    self._end()
                if self._process is None or self._process.poll() is not None:
                    self._end()
                    self.config, self._code = config, code
                    self._initialize(result)
                self._invoke(invocation, result)
            except DeathError as death:
                self._die(death, invocation, result)
            result.memory = self._memory
        if self._retired:
            self._discard_tmpdir()
        return result

    def _discard_tmpdir(self) -> None:
        """Be used no more; MiniStack calls it after an update. An invocation that runs ends as it began, as on AWS."""
        self._retired = True
        if self._lock.acquire(blocking=False):
            try:
                self._end()
            finally:
                self._lock.release()

    def _stale(self, config: dict[str, Any]) -> bool:
        changed = config.get("RevisionId") != self.config.get("RevisionId")
        return changed or time.time() - self._started > CREDENTIALS_SECONDS

    def _initialize(self, result: Result) -> None:
        """Start the process and load the code."""
        started = time.monotonic()
        self._spawn()
        assert self._output is not None
        settings = {
            "mark": self._output.mark,
            "handler": self.config["Handler"],
            "path": self._search_path(),
            "variables": self._variables(),
        }
        try:
            answer = self._exchange(settings, INIT_SECONDS)
        except TimeoutError:
            raise DeathError("Sandbox.Timedout", f"Task timed out after {INIT_SECONDS:.2f} seconds") from None
        result.init_seconds = time.monotonic() - started
        result.init_lines = self._lines()
        if "error" in answer:
            raise _LoadError(answer["error"])

    def _invoke(self, invocation: Invocation, result: Result) -> None:
        started, seconds = time.monotonic(), float(self.config.get("Timeout") or 3)
        message = {**dataclasses.asdict(invocation), "deadline": time.time() + seconds}
        try:
            answer = self._exchange(message, seconds)
            if self._memory > self._limit():
                raise DeathError("Runtime.OutOfMemory", "Runtime exited with error: signal: killed")
        except TimeoutError:
            raise DeathError("Sandbox.Timedout", f"Task timed out after {seconds:.2f} seconds") from None
        finally:
            result.seconds = time.monotonic() - started
        result.lines = self._lines()
        if "error" in answer:
            result.payload, result.error = json.dumps(answer["error"]), answer["error"]["errorType"]
        else:
            result.payload = answer["payload"]

    def _die(self, death: DeathError, invocation: Invocation, result: Result) -> None:
        """Say what AWS says of an environment that is gone, and let the next invocation start another."""
        result.error, result.died = death.kind, "timeout" if death.kind == "Sandbox.Timedout" else "error"
        if isinstance(death, _LoadError):
            result.payload = json.dumps(death.problem)
            self._end()
            return
        message = f"RequestId: {invocation.request_id} Error: {death}"
        result.payload = json.dumps({"errorType": death.kind, "errorMessage": message})
        if self._process is not None:
            self._process.terminate()
        if self._output is not None:
            result.lines += self._output.lines_until(sys.maxsize, 2.0)
        told = f"{_now()} {invocation.request_id} {death}" if result.died == "timeout" else message
        result.lines.append(Line(time.time(), told))
        self._end()

    # The process -------------------------------------------------------------------------------------------------

    def _spawn(self) -> None:
        self._folder = tempfile.mkdtemp(prefix=f"lambda-{self.func_name}-")
        script = Path(self._folder, "bootstrap.py")
        script.write_text(self._surroundings.script)
        for attachment in self.config.get("Layers") or ():
            archive = self._surroundings.layer(attachment)
            if archive:
                _unpack(archive, Path(self._folder, "opt"))
        _unpack(self._code, Path(self._folder, "task"))
        today = time.strftime("%Y/%m/%d", time.gmtime())
        self.stream = f"{today}/[{self.config.get('Version', '$LATEST')}]{uuid.uuid4().hex}"
        asked, ask = os.pipe()
        answer, answers = os.pipe()
        log, printed = os.pipe()
        try:
            self._process = _Process(
                [self._surroundings.interpreter, "-u", "-P", str(script), str(asked), str(answers)],
                cwd=Path(self._folder, "task"),
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=printed,
                pass_fds=(asked, answers),
                env=self._environment(),
                process_group=0,
            )
        finally:
            for descriptor in (asked, answers, printed):
                os.close(descriptor)
        self._pipes, self._output = (ask, answer), Output(log)
        self._answered, self._memory, self._started = 0, 0, time.time()

    def _environment(self) -> dict[str, str]:
        """Lambda Developer Guide, "Defined runtime environment variables"."""
        config, region = self.config, self.config["FunctionArn"].split(":")[3]
        task = str(Path(self._folder, "task"))
        logs = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{config['FunctionName']}"
        return {
            **os.environ,
            "TZ": "UTC",
            **self._variables(),
            **self._surroundings.credentials(config),
            "AWS_DEFAULT_REGION": region,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{config['Runtime']}",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.get("MemorySize", 128)),
            "AWS_LAMBDA_FUNCTION_NAME": config["FunctionName"],
            "AWS_LAMBDA_FUNCTION_VERSION": config.get("Version", "$LATEST"),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": logs,
            "AWS_LAMBDA_LOG_STREAM_NAME": self.stream,
            "AWS_REGION": region,
            "LAMBDA_RUNTIME_DIR": "/var/runtime",
            "LAMBDA_TASK_ROOT": task,
            "_HANDLER": config["Handler"],
        }

    def _variables(self) -> dict[str, str]:
        """The function's own."""
        return dict((self.config.get("Environment") or {}).get("Variables") or {})

    def _search_path(self) -> list[str]:
        """Lambda Developer Guide, "Runtime search path in Python": the code, then the layers."""
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        layers = Path(self._folder, "opt", "python")
        packages = [layers / "lib" / name / "site-packages" for name in (self.config["Runtime"], version)]
        found = [str(folder) for folder in dict.fromkeys((*packages, layers)) if folder.is_dir()]
        return [str(Path(self._folder, "task")), *found]

    def _exchange(self, message: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Send ``message`` and wait for its answer, at most ``seconds``; raises TimeoutError or :class:`DeathError`."""
        assert self._pipes is not None
        ask, answer = self._pipes
        deadline = time.monotonic() + seconds
        data, received = memoryview((json.dumps(message) + "\n").encode()), bytearray()
        os.set_blocking(ask, False)
        poll = select.poll()
        poll.register(answer, select.POLLIN)
        poll.register(ask, select.POLLOUT)
        while not received.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            ready = poll.poll(min(left, _WATCH_SECONDS) * 1000)
            for descriptor, _ in ready:
                if descriptor == ask:
                    data = data[_written(ask, data) :]
                    if not data:
                        poll.unregister(ask)
                    continue
                chunk = os.read(answer, 1 << 20)
                received += chunk
                if not chunk:
                    raise self._death()
            if not ready:
                self._watch()
        answered: dict[str, Any] = json.loads(received)
        self._answered += 1
        self._memory = max(self._memory, int(answered.pop("memory")))
        return answered

    def _watch(self) -> None:
        """End a process that has more memory than the function may; notice one that has ended."""
        assert self._process is not None
        if self._process.poll() is not None:
            raise self._death()
        self._memory = max(self._memory, resident(self._process.pid))
        if self._memory > self._limit():
            self._process.terminate()
            raise DeathError("Runtime.OutOfMemory", "Runtime exited with error: signal: killed")

    def _limit(self) -> int:
        return int(self.config.get("MemorySize") or 128) * 1024 * 1024

    def _death(self) -> DeathError:
        assert self._process is not None
        try:
            code = self._process.wait(5)
        except subprocess.TimeoutExpired:  # it has closed the pipe, and lives
            self._process.terminate()
            code = self._process.wait()
        if code == 0:
            return DeathError("Runtime.ExitError", "Runtime exited without providing a reason")
        if code > 0:
            return DeathError("Runtime.ExitError", f"Runtime exited with error: exit status {code}")
        name = signal.Signals(-code).name
        return DeathError("Runtime.ExitError", f"Runtime exited with error: signal: {_SIGNALS.get(name, name)}")

    def _lines(self) -> list[Line]:
        """The log of the last answer. What was answered has written its end before, so this waits for the reader."""
        assert self._output is not None
        return self._output.lines_until(self._answered)

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.wait()
        pipes, self._pipes = self._pipes, None
        for descriptor in pipes or ():
            os.close(descriptor)
        folder, self._folder = self._folder, ""
        if folder:
            shutil.rmtree(folder, ignore_errors=True)


class _LoadError(DeathError):
    """The code could not be loaded."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(problem["errorType"], problem["errorMessage"])
        self.problem = problem


def _written(descriptor: int, data: memoryview) -> int:
    try:
        return os.write(descriptor, data)
    except BlockingIOError:
        return 0
    except BrokenPipeError:  # its end is told by the other pipe
        return len(data)


def _unpack(archive: bytes, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(archive)) as bundle:
        bundle.extractall(folder)
        for member in bundle.infolist():
            mode = member.external_attr >> 16 & 0o777
            if mode and not member.is_dir():
                Path(folder, member.filename).chmod(mode | 0o400)


def _now() -> str:
    now = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
