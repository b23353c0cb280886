"""What AWS's Python runtime does inside an execution environment: load the handler, then one invocation after another.

The text of this file runs in each Lambda worker, behind that of :mod:`localcloud.process.tied`. Standard library only.
It follows what is public of AWS's runtime (the Lambda Developer Guide, "Define Lambda function handler in Python",
"Using the Lambda context object to retrieve Python function information", "Log and monitor Python Lambda functions").

Invocations and answers are lines of JSON on two pipes of their own, so that the standard streams are the function's.
Both streams are one pipe, the log. Before an answer is sent, a mark is written into the log: a reader who has seen it
has read all that the invocation printed.
"""

import contextlib
import importlib
import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, TextIO

_TASK_ROOT = "/var/task"
"""Where a function's code is on AWS; stack traces say it, too."""


class FunctionError(Exception):
    """What the runtime itself has to say of a function; ``kind`` is AWS's ``errorType``."""

    def __init__(self, kind: str, message: str, trace: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.kind, self.trace = kind, list(trace)


class Log:
    """The log's pipe: whole messages, and the ends of invocations."""

    def __init__(self, mark: bytes) -> None:
        self.mark = mark
        self._fd = os.dup(2)
        os.set_inheritable(self._fd, False)

    def _write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._fd, data) :]

    def message(self, text: str) -> None:
        """Write ``text`` as one event, however many lines it has."""
        self._write(self.mark + b"{" + text.encode("utf-8", "replace") + self.mark + b"}")

    def end(self) -> None:
        """Mark the end of what the invocation has printed."""
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(ValueError, OSError):  # a function may close its streams
                stream.flush()
        self._write(self.mark + b".")


class Handler(logging.Handler):
    """The root logger's handler, in AWS's format."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self.request_id = ""
        self._log = log
        form = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(request)s\t%(message)s"
        self.setFormatter(logging.Formatter(form, "%Y-%m-%dT%H:%M:%S"))
        logging.Formatter.converter = time.gmtime

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        record.request = self.request_id
        self._log.message(self.format(record))


class Encoder(json.JSONEncoder):
    """What AWS's runtime can serialise besides JSON's own types."""

    def default(self, value: Any) -> Any:
        """``value`` as JSON; raises TypeError."""
        return float(value) if isinstance(value, Decimal) else super().default(value)


class Members:
    """An object with the given attributes."""

    def __init__(self, **members: Any) -> None:
        self.__dict__.update(members)


class Context:
    """The handler's second argument."""

    def __init__(self, invocation: dict[str, Any]) -> None:
        environment, client = os.environ, invocation.get("client_context")
        self._deadline = invocation["deadline"]
        self.aws_request_id = invocation["request_id"]
        self.invoked_function_arn = invocation["arn"]
        self.function_name = environment["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = environment["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = environment["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = environment["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = Members(cognito_identity_id=None, cognito_identity_pool_id=None)
        self.tenant_id = None
        self.client_context = client and Members(
            custom=client.get("custom"), env=client.get("env"), client=Members(**(client.get("client") or {}))
        )

    def get_remaining_time_in_millis(self) -> int:
        """How long the function may still run."""
        return max(0, int((self._deadline - time.time()) * 1000))

    def log(self, message: object) -> None:
        """Write to the log."""
        sys.stdout.write(str(message))


def _shown(path: str) -> str:
    root = os.environ["LAMBDA_TASK_ROOT"]
    return _TASK_ROOT + path[len(root) :] if path.startswith(root) else path


def _trace(error: BaseException) -> list[str]:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    shown = [traceback.FrameSummary(_shown(f.filename), f.lineno, f.name, line=f.line) for f in frames]
    return traceback.format_list(shown)


def described(error: Exception, request_id: str) -> dict[str, Any]:
    """``error`` as the payload of a failed invocation."""
    if isinstance(error, FunctionError):
        kind, trace = error.kind, error.trace
    else:
        kind, trace = type(error).__name__, _trace(error)
    return {"errorMessage": str(error), "errorType": kind, "requestId": request_id, "stackTrace": trace}


def told(error: dict[str, Any]) -> str:
    """``error`` as the log tells it."""
    trace = "".join(error["stackTrace"])
    head = "[ERROR] {}: {}".format(error["errorType"], error["errorMessage"])
    return f"{head}\nTraceback (most recent call last):\n{trace}".rstrip("\n") if trace else head


def load(handler: str) -> Callable[[Any, Context], Any]:
    """The function that ``handler`` (``folder/module.name``) names."""
    try:
        name, attribute = handler.rsplit(".", 1)
    except ValueError as error:
        raise FunctionError("Runtime.MalformedHandlerName", f"Bad handler '{handler}': {error}") from None
    try:
        module = importlib.import_module(name.replace("/", "."))
    except ImportError as error:
        raise FunctionError("Runtime.ImportModuleError", f"Unable to import module '{name}': {error}") from None
    except SyntaxError as error:
        trace = [f'  File "{_shown(error.filename or "?")}" Line {error.lineno}\n    {(error.text or "").strip()}\n']
        message = f"Syntax error in module '{name}': {error}"
        raise FunctionError("Runtime.UserCodeSyntaxError", message, trace) from None
    try:
        function: Callable[[Any, Context], Any] = getattr(module, attribute)
    except AttributeError:
        message = f"Handler '{attribute}' missing on module '{name}'"
        raise FunctionError("Runtime.HandlerNotFound", message) from None
    return function


def answered(function: Callable[[Any, Context], Any], invocation: dict[str, Any]) -> str:
    """The JSON text that ``function`` answers."""
    try:
        event = json.loads(invocation["payload"])
    except ValueError as error:
        raise FunctionError("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from None
    result = function(event, Context(invocation))
    try:
        return json.dumps(result, cls=Encoder, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise FunctionError("Runtime.MarshalError", f"Unable to marshal response: {error}") from None


def memory() -> int:
    """The most memory that this process has had, in bytes, without mapped files; 0 where the kernel does not say."""
    try:
        with open("/proc/self/status") as file:  # noqa: PTH123 - pathlib would cost every cold start its import
            fields = dict(line.split(":", 1) for line in file)
        return (int(fields["VmHWM"].split()[0]) - int(fields["RssFile"].split()[0])) * 1024
    except (OSError, KeyError):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss if sys.platform == "darwin" else 0


def serve(requests: TextIO, answers: TextIO) -> None:
    """Load the handler, then answer one invocation after another until there are no more."""
    settings = json.loads(requests.readline())
    log = Log(settings["mark"].encode())
    handler = Handler(log)
    logging.getLogger().addHandler(handler)

    def send(answer: dict[str, Any]) -> None:
        log.end()
        answers.write(json.dumps({**answer, "memory": memory()}) + "\n")
        answers.flush()

    os.environ.update(settings["variables"])  # some have names that this machine's own had before
    sys.path[:0] = settings["path"]
    sys.argv[1:] = []
    try:
        function = load(settings["handler"])
    except Exception as error:  # noqa: BLE001 - whatever the code raises is the answer
        problem = described(error, "")
        log.message(told(problem))
        send({"error": problem})
        return
    send({"ready": True})
    for line in requests:
        invocation = json.loads(line)
        handler.request_id = invocation["request_id"]
        os.environ["_X_AMZN_TRACE_ID"] = invocation["trace"]
        try:
            answer: dict[str, Any] = {"payload": answered(function, invocation)}
        except Exception as error:  # noqa: BLE001 - whatever the function raises is the answer
            problem = described(error, invocation["request_id"])
            log.message(told(problem))
            answer = {"error": problem}
        send(answer)


def main() -> None:
    """Serve on the pipes that the command line names."""
    descriptors = [int(number) for number in sys.argv[1:3]]
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    with os.fdopen(descriptors[0]) as requests, os.fdopen(descriptors[1], "w") as answers:
        serve(requests, answers)
