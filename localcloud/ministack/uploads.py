"""Request bodies that go to disk while they arrive, out of the aws-chunked encoding if they come in it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor

from localcloud.ministack.bodies import FileBody, HeldFile, IncomingFile
from localcloud.services import Receive

_BATCH = 1024 * 1024
_LONGEST_LINE = 1024
_LONGEST_TRAILER = 16 * 1024


class FramingError(ValueError):
    """A body is not what its headers say; the message says how."""


class DisconnectedError(ConnectionError):
    """The client went away before its request was complete."""


class Unframing:
    """Takes the aws-chunked encoding off a body, piece by piece.

    SigV4 User Guide, "Signature Calculations for the Authorization Header: Transferring Payload in Multiple Chunks",
    and "Including Trailing Headers". Signatures of chunks are not verified; that of the request is, at the door.

    Attributes
    ----------
    trailer : bytes
        What came from the last chunk's size on: ``0``, and the trailing headers.
    """

    def __init__(self) -> None:
        self.trailer = b""
        self._line = b""
        self._left = 0
        self._after_chunk = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The payload in ``data``; raises :class:`FramingError` when the encoding is broken."""
        position = 0
        while position < len(data):
            if self.trailer:
                self.trailer += data[position:]
                if len(self.trailer) > _LONGEST_TRAILER:
                    raise FramingError(f"the trailer of the aws-chunked body is longer than {_LONGEST_TRAILER} bytes")
                return
            if self._left:
                piece = data[position : position + self._left]
                self._left -= len(piece)
                position += len(piece)
                yield piece
            else:
                end = data.find(b"\n", position) + 1 or len(data)
                self._line += data[position:end]
                position = end
                self._take_line()

    def _take_line(self) -> None:
        if len(self._line) > _LONGEST_LINE:
            raise FramingError(f"a chunk's header in the aws-chunked body is longer than {_LONGEST_LINE} bytes")
        if not self._line.endswith(b"\n"):
            return  # the rest of it comes with the next data
        line, self._line = self._line, b""
        if self._after_chunk:
            if line != b"\r\n":
                raise FramingError("a chunk of the aws-chunked body is not as long as its header says")
            self._after_chunk = False
            return
        size = re.fullmatch(rb"([0-9A-Fa-f]{1,16})(;[^\r\n]*)?\r\n", line)
        if size is None:
            raise FramingError(f"{line[:40]!r} is not a header of a chunk in an aws-chunked body")
        self._left = int(size[1], 16)
        self._after_chunk = True
        if not self._left:
            self.trailer = line


async def receive_into(
    held: HeldFile,
    receive: Receive,
    pool: Executor,
    algorithms: Iterable[str],
    unframing: Unframing | None,
    check: Callable[[int], None],
) -> FileBody:
    """Store a request's body while it arrives; the event loop receives while a thread digests and writes.

    Parameters
    ----------
    held : HeldFile
        Where; the file is removed if anything fails.
    receive : callable
        ASGI's.
    pool : Executor
    algorithms : iterable of str
        The checksums to compute.
    unframing : Unframing, optional
        If the body is aws-chunked.
    check : callable
        Called with the number of bytes when all have arrived; raises if they are not what was announced.

    Raises
    ------
    DisconnectedError
        When the client goes away.
    FramingError
        When the aws-chunked encoding is broken.
    OSError
        When the disk does not take it.
    """
    loop = asyncio.get_running_loop()
    incoming = IncomingFile(held, algorithms)
    writing: asyncio.Future[None] | None = None
    batch: list[bytes] = []
    size, more = 0, True
    try:
        while more:
            message = await receive()
            if message["type"] != "http.request":
                raise DisconnectedError("the client went away")
            data, more = message.get("body", b""), message.get("more_body", False)
            pieces = [data] if unframing is None else list(unframing.feed(data))
            batch += pieces
            size += sum(map(len, pieces))
            if size >= _BATCH or not more:
                if writing is not None:
                    await writing
                writing = loop.run_in_executor(pool, incoming.write, batch)
                batch, size = [], 0
        if writing is not None:
            await writing
        check(incoming.size)
        return incoming.finish()
    except BaseException:
        if writing is not None:
            await asyncio.wait([writing])  # the thread still uses the file
        incoming.abandon()
        raise
