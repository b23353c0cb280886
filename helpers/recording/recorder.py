"""Writes down what clients send and get: a folder with a file of JSON lines for each process.

The hooks are botocore's own events ("Extensibility guide": ``provide-client-params``, ``after-call``,
``after-call-error``), registered where ``helpers.target`` makes a client. What no client of ours sends is not seen: the
CDK's CLI, the SageMaker SDK's look-ups, Lambda functions and instances.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import secrets
import socket
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from contract.settings import ROOT
from helpers.recording.scrub import Scrubber

KEY = "key"
"""File with the key of the pseudonyms; removed when the recording is put together."""
PREFIX = "lines-"
HEADERS = ("content-type", "x-amzn-", "x-amz-", "retry-after", "location", "etag")
"""Beginnings of the response headers that are kept; the others are the transport's."""
DEPTH = 12
OWN = "own"
"""File with what the names of the recorded workshop's resources hold, a word a line."""
LISTINGS = ("List", "Describe", "BatchGet", "GetResources", "GetParametersByPath", "LookupEvents")
"""Beginnings of operations that answer with what others have in the account, too."""


_RECORDERS: dict[Path, Recorder] = {}
_MAKING = threading.Lock()


def recorder_in(folder: Path, own: Sequence[str] = ()) -> Recorder:
    """The recorder of this process for a folder, made once; see :class:`Recorder`."""
    with _MAKING:
        if folder not in _RECORDERS:
            _RECORDERS[folder] = Recorder(folder, own)
        return _RECORDERS[folder]


class Recorder:
    """A file of lines, and the hooks that write calls into it.

    Safe to use from several threads; other processes write into files of their own in the same folder.

    Parameters
    ----------
    folder : Path
        Made when it is missing, readable by its owner alone.
    own : sequence of str, optional
        Words in the names of what may be recorded by name; of everything else in listings only the form is kept. Kept
        in the folder, for other processes.
    """

    def __init__(self, folder: Path, own: Sequence[str] = ()) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder, self._lock, self._local = folder, threading.Lock(), threading.local()
        self.scrubber = Scrubber(_key(folder), _of_this_machine())
        self._path = folder / f"{PREFIX}{os.getpid()}-{secrets.token_hex(4)}.jsonl"
        self._described: set[str] = set()
        if own:
            (folder / OWN).write_text("\n".join(own), encoding="utf-8")
        self._own = (folder / OWN).read_text(encoding="utf-8").split("\n") if (folder / OWN).exists() else []

    def attach(self, client: Any, credentials: Any = None) -> None:
        """Record every call of a boto3 client from now on.

        Parameters
        ----------
        client : boto3 client
            Any service's.
        credentials : botocore credentials, optional
            What it signs with; never written, wherever it may turn up.
        """
        with contextlib.suppress(AttributeError):
            frozen = credentials.get_frozen_credentials()
            given = (frozen.access_key, frozen.secret_key, frozen.token)
            self.scrubber.know({value: "key" for value in given if value})
        events = client.meta.events
        events.register("provide-client-params", self._begins)
        events.register("after-call", self._ends)
        events.register("after-call-error", self._breaks)

    @contextlib.contextmanager
    def labelled(self, label: str) -> Iterator[None]:
        """Name the calls of this thread in the block, so that another recording's can be held against them."""
        before = getattr(self._local, "label", "")
        self._local.label = label
        try:
            yield
        finally:
            self._local.label = before

    def write(self, kind: str, **values: Any) -> None:
        """Append a line, scrubbed.

        Parameters
        ----------
        kind : str
            ``step``, ``fact``, ``event``, ``metric``, ``log``, ``call``, ``note``.
        **values
            Anything that JSON can hold, times besides.
        """
        line = {"kind": kind, "t": round(time.time(), 4)}
        line |= {name: self.scrubber.data(value) for name, value in values.items()}
        text = json.dumps(line, ensure_ascii=False) + "\n"
        with self._lock:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "a", encoding="utf-8") as file:
                file.write(text)

    # botocore's events ------------------------------------------------------------------------------------------

    def _begins(self, params: Any, model: Any, context: dict[str, Any], **_: Any) -> None:
        sent = {name: value for name, value in params.items() if name not in ("Body", "ZipFile")}
        context["workshop-recording"] = (sent, time.monotonic(), getattr(self._local, "label", ""), model)
        self._allow(model)
        if isinstance(params.get("Bucket"), str):
            self.scrubber.know({params["Bucket"]: "bucket"})

    def _ends(self, http_response: Any, parsed: Any, model: Any, context: dict[str, Any], **_: Any) -> None:
        error = parsed.get("Error") or {}
        answer = {name: value for name, value in parsed.items() if name not in ("ResponseMetadata", "Error")}
        if self._own and model.name.startswith(LISTINGS):
            answer = {name: self._without_strangers(value) for name, value in answer.items()}
        headers = {
            name.lower(): value for name, value in http_response.headers.items() if name.lower().startswith(HEADERS)
        }
        self._call(
            model, context, status=http_response.status_code, response=answer, headers=headers,
            error={"code": error.get("Code", ""), "message": error.get("Message", "")} if error else None,
        )  # fmt: skip

    def _breaks(self, exception: BaseException, context: dict[str, Any], **_: Any) -> None:
        if "workshop-recording" in context:
            problem = {"code": type(exception).__name__, "message": str(exception)}
            model = context["workshop-recording"][3]
            self._call(model, context, status=0, response={}, headers={}, error=problem)

    def _call(self, model: Any, context: Mapping[str, Any], **values: Any) -> None:
        sent, began, label, _ = context.get("workshop-recording", ({}, time.monotonic(), "", None))
        self.write(
            "call", service=model.service_model.service_name, operation=model.name, label=label, request=sent,
            seconds=round(time.monotonic() - began, 4), **values,
        )  # fmt: skip

    def _without_strangers(self, value: Any) -> Any:
        """A list whose items are somebody else's, by their names, with no text but pseudonyms."""
        if not isinstance(value, list):
            return value
        return [item if any(own in str(item) for own in self._own) else self._stranger(item) for item in value]

    def _stranger(self, item: Any) -> Any:
        if isinstance(item, str):
            return self.scrubber.pseudonym("other", item)
        if isinstance(item, Mapping):
            return {name: self._stranger(value) for name, value in item.items()}
        return [self._stranger(value) for value in item] if isinstance(item, list) else item

    def _allow(self, model: Any) -> None:
        """Names of the API's own, some of which look like identifiers (S3OutputPath)."""
        known = f"{model.service_model.service_name}.{model.name}"
        if known not in self._described:
            self._described.add(known)
            words = {model.name, model.service_model.service_name}
            for shape in (model.input_shape, model.output_shape):
                words |= _names(shape, DEPTH)
            self.scrubber.allow(words)


def _names(shape: Any, depth: int) -> set[str]:
    """Names of members and values of a shape and of those inside it."""
    if shape is None or depth == 0:
        return set()
    found = set(getattr(shape, "enum", ()) or ())
    for name, member in (getattr(shape, "members", {}) or {}).items():
        found |= {name} | _names(member, depth - 1)
    for inner in ("member", "key", "value"):
        if (part := getattr(shape, inner, None)) is not None and part is not shape:
            found |= _names(part, depth - 1)
    return found


def _key(folder: Path) -> bytes:
    """The key of a folder's pseudonyms, made by the first process that comes; nobody sees half of it."""
    path = folder / KEY
    if not path.exists():
        ours = folder / f"{KEY}.{uuid.uuid4().hex}"
        descriptor = os.open(ours, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))
        with contextlib.suppress(FileExistsError):
            os.link(ours, path)
        ours.unlink()
    return path.read_bytes()


def _of_this_machine() -> dict[str, str]:
    """What would say who recorded, and where."""
    found = {str(Path.home()): "home", str(ROOT): "folder"}
    with contextlib.suppress(OSError, KeyError, ImportError):
        found |= {name: "user" for name in (getpass.getuser(),) if name not in ("root", "user", "ubuntu", "ec2-user")}
    host = socket.gethostname()
    if host not in ("localhost", "workshop"):
        found |= dict.fromkeys((host, host.partition(".")[0], socket.getfqdn()), "host")
    return found
