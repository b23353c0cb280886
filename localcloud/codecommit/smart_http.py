"""Git's smart HTTP: each request is one run of ``git http-backend``, a CGI program (git-http-backend(1), RFC 3875).

Bodies pass through in pieces, with the pipes' and the socket's own back pressure: a pack is never held in memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import signal
from collections.abc import Callable

from localcloud.codecommit.git import Git, GitMissing
from localcloud.codecommit.records import Record, Records
from localcloud.http.messages import Request, basic_credentials
from localcloud.services import Receive, Scope, Send

logger = logging.getLogger(__name__)

PREFIX = "/v1/repos/"
PIECE = 64 * 1024
TERM_SECONDS = 5.0
"""How long git may take to remove its lock files when it is asked to end."""
_PATH = re.compile(re.escape(PREFIX) + r"([^/]+)(/info/refs|/git-upload-pack|/git-receive-pack)")


class GitError(Exception):
    """A request that git does not get to see: HTTP status, and a line that the client shows as ``remote: …``."""

    def __init__(self, status: int, line: str) -> None:
        super().__init__(line)
        self.status = status


class SmartHttp:
    """The ASGI application above :data:`PREFIX`.

    Parameters
    ----------
    git : Git
    records : Records
    pushed : callable
        Called on a worker thread with a repository's id after each push, before the client is told that it is over.
    """

    def __init__(self, git: Git, records: Records, pushed: Callable[[str], None]) -> None:
        self._git = git
        self._records = records
        self._pushed = pushed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        loop = asyncio.get_running_loop()
        try:
            record, place = await loop.run_in_executor(None, self._find, scope)
        except GitError as error:
            await _refuse(send, error.status, str(error))
            return
        exchange = Exchange(self._git, scope, receive, send)
        try:
            await exchange.run(self._variables(scope, record, place))
        finally:
            if place == "/git-receive-pack":
                # Shielded: a client that hangs up now has pushed all the same.
                await asyncio.shield(loop.run_in_executor(None, self._pushed, record["id"]))
        await exchange.finish()

    def _find(self, scope: Scope) -> tuple[Record, str]:
        match = _PATH.fullmatch(scope["path"])
        if match is None:
            raise GitError(404, f"{scope['path']} is not part of Git's smart HTTP protocol, the only one offered here.")
        record = self._records.find(match[1])
        if record is None:
            raise GitError(404, f"Repository {match[1]} does not exist in the local cloud.")
        try:
            self._git.check_backend()
        except GitMissing as error:
            raise GitError(error.status, error.message) from error
        return record, match[2]

    def _variables(self, scope: Scope, record: Record, place: str) -> dict[str, str]:
        """The CGI variables: those that ``git http-backend`` reads, and no other."""
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        folder = self._records.folder(record)
        variables = {
            "GATEWAY_INTERFACE": "CGI/1.1",
            "GIT_PROJECT_ROOT": str(folder.parent),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": f"/{folder.name}{place}",
            "QUERY_STRING": scope.get("query_string", b"").decode("latin-1"),
            "REQUEST_METHOD": scope["method"],
            "REMOTE_ADDR": "127.0.0.1",
            # http-backend accepts a push only from a named user.
            "REMOTE_USER": (basic_credentials(Request("", "", {}, headers, b"")) or ("anonymous",))[0],
        }
        passed = {
            "content-type": "CONTENT_TYPE",
            "content-length": "CONTENT_LENGTH",
            "content-encoding": "HTTP_CONTENT_ENCODING",
            "git-protocol": "GIT_PROTOCOL",
        }
        return variables | {ours: headers[name] for name, ours in passed.items() if name in headers}


async def _refuse(send: Send, status: int, line: str) -> None:
    """An answer that git shows: it prints a body that is plain text."""
    body = line.encode() + b"\n"
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Exchange:
    """One request, and the process that answers it.

    Parameters
    ----------
    git : Git
    scope, receive, send
        Of the ASGI request.
    """

    def __init__(self, git: Git, scope: Scope, receive: Receive, send: Send) -> None:
        self._git = git
        self._label = f"{scope['method']} {scope['path']}"
        self._push = scope["path"].endswith("/git-receive-pack")
        self._receive = receive
        self._send = send
        self._started = False
        self._said = b""

    async def run(self, variables: dict[str, str]) -> None:
        """Everything but the end of the answer."""
        self._process = await asyncio.create_subprocess_exec(
            self._git.program(),
            "http-backend",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._git.environment(variables),
            start_new_session=True,
        )
        feeding = asyncio.create_task(self._feed())
        listening = asyncio.create_task(self._listen())
        try:
            await self._answer()
            await self._process.wait()
            await listening
        finally:
            feeding.cancel()
            await self._end()
            listening.cancel()
        if self._process.returncode:
            logger.warning("%s: git http-backend ended with %d", self._label, self._process.returncode)

    async def finish(self) -> None:
        """The end of the answer."""
        if self._started:
            await self._send({"type": "http.response.body", "body": b""})
            return
        said = self._said.decode("utf-8", "replace").strip()
        await _refuse(self._send, 500, f"git http-backend did not answer: {said or 'it said nothing'}")

    async def _feed(self) -> None:
        """The request's body, then its end; after that wait for the client to hang up."""
        stdin = self._process.stdin
        assert stdin is not None
        whole = False
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                break
            # Git may have read enough: what it thinks of that is in its answer.
            with contextlib.suppress(ConnectionError):
                stdin.write(message.get("body", b""))
                await stdin.drain()
            if not message.get("more_body"):
                whole = True
                stdin.close()
        if not (whole and self._push):  # a push that has arrived is carried out
            logger.info("%s: the client hung up", self._label)
            self._signal(signal.SIGTERM)

    async def _listen(self) -> None:
        """What git writes to standard error goes to the log."""
        stderr = self._process.stderr
        assert stderr is not None
        while piece := await stderr.read(PIECE):
            self._said = (self._said + piece)[-PIECE:]
            for line in piece.decode("utf-8", "replace").splitlines():
                logger.info("%s: %s", self._label, line)

    async def _answer(self) -> None:
        stdout = self._process.stdout
        assert stdout is not None
        status, headers = 200, []
        while (line := (await stdout.readline()).rstrip(b"\r\n")) != b"":
            name, _, value = line.partition(b":")
            if name.lower() == b"status":
                status = int(value.split()[0])
            else:
                headers.append((name.lower(), value.strip()))
        if not headers and status == 200:  # it ended without a word: finish() says why
            return
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        self._started = True
        while piece := await stdout.read(PIECE):
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    async def _end(self) -> None:
        """Have no process left, whatever happened: first ask, so that git removes its locks."""
        if self._process.returncode is not None:
            return
        self._signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), TERM_SECONDS)
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await self._process.wait()
