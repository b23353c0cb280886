"""JSON read from a stream of bytes, with a bounded look-ahead and exact positions in errors."""

import json
import re
from collections.abc import Iterable
from typing import Any

from extract_images.exceptions import LimitError, MalformedResponseError, TruncatedResponseError

_BLANKS = re.compile(rb"[ \t\n\r]*")
_PART_OF_NUMBER = frozenset("0123456789.eE+-")
# What follows the fault when more bytes may still make it good: part of a number, a literal, an escape, blanks.
_UNFINISHED = re.compile(r"[-+.\w\\\s]*")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise MalformedResponseError(f"the field {twice!r} occurs twice in one object")
    return fields


_DECODER = json.JSONDecoder(object_pairs_hook=_without_duplicates)


class JsonStream:
    """Reads one JSON document (UTF-8) whose chunks may be cut anywhere.

    Parameters
    ----------
    chunks
        The document's bytes.

    Attributes
    ----------
    buffer
        What was read and is still held; `position` is the next byte to take from it.
    ended
        True once the chunks are used up.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._dropped = 0
        self._length = 0
        self.buffer = b""
        self.position = 0
        self.ended = False

    @property
    def offset(self) -> int:
        """Position in the whole document, in bytes."""
        return self._dropped + self.position

    def more(self, at_least: int = 1) -> bool:
        """Append `at_least` bytes, or what is left, to the buffer; returns False when nothing was left."""
        added: list[bytes] = []
        missing = at_least
        while missing > 0 and not self.ended:
            part = next(self._chunks, None)
            if part is None:
                self.ended = True
            else:
                added.append(part)
                missing -= len(part)
        if not any(added):
            return False
        self._dropped += self.position
        self.buffer = b"".join((self.buffer[self.position :], *added))
        self.position = 0
        return True

    def peek(self, where: str) -> bytes:
        """Skip blanks and return the next byte without taking it; raises `TruncatedResponseError`, saying `where`."""
        while True:
            self.position = _BLANKS.match(self.buffer, self.position).end()  # type: ignore[union-attr] # always matches
            if self.position < len(self.buffer):
                return self.buffer[self.position : self.position + 1]
            if not self.more():
                raise self.truncated(where)

    def take(self, allowed: bytes, where: str) -> bytes:
        """Skip blanks and take one byte of `allowed`; raises `MalformedResponseError` for another, and says `where`."""
        found = self.peek(where)
        if found not in allowed:
            expected = " or ".join(repr(chr(byte)) for byte in allowed)
            raise MalformedResponseError(f"byte {self.offset}, {where}: expected {expected}, found {self.excerpt()}")
        self.position += 1
        return found

    def value(self, limit: int, where: str) -> Any:
        """Take one whole value, of any type, of at most about `limit` bytes.

        Raises
        ------
        MalformedResponseError, TruncatedResponseError, LimitError
            Each says `where` and at which byte.
        """
        self.peek(where)
        while True:
            held = len(self.buffer) - self.position
            text, fault = self._text()
            problem: ValueError | None = None
            try:
                value, end = _DECODER.raw_decode(text)
            except RecursionError as error:
                raise MalformedResponseError(f"byte {self.offset}, {where}: nested too deeply") from error
            except ValueError as error:
                problem = error
            else:
                # "12" may be the start of "123", and "1." of "1.5".
                surely_over = text[0] in '"[{' or (end < len(text) and text[end] not in _PART_OF_NUMBER)
                if surely_over or (self.ended and fault is None):
                    if not surely_over and end < len(text) and _PART_OF_NUMBER.issuperset(text):
                        raise self.truncated(where)
                    self._length = end if text.isascii() else len(text[:end].encode())
                    self.position += self._length
                    return value
            if problem is not None and not _is_unfinished(problem, text):
                raise self._invalid(problem, text, where) from problem
            if fault is not None and (self.ended or fault.reason != "unexpected end of data"):
                raise MalformedResponseError(f"byte {self.offset + fault.start}, {where}: not UTF-8 ({fault.reason})")
            if held > limit:
                raise LimitError(f"byte {self.offset}, {where}: more than {limit} bytes of JSON")
            # Twice as much each time: then reading a long value again costs no more than its length.
            if not self.more(min(max(held, 1), limit - held + 1)) and problem is not None:
                raise self.truncated(where)

    def raw(self) -> bytes:
        """Return the text of the value that was taken last; call it before anything else is read."""
        return self.buffer[self.position - self._length : self.position]

    def end(self) -> None:
        """Check that nothing but blanks follows; raises `MalformedResponseError`."""
        while True:
            self.position = _BLANKS.match(self.buffer, self.position).end()  # type: ignore[union-attr] # always matches
            if self.position < len(self.buffer):
                raise MalformedResponseError(
                    f"byte {self.offset}: the JSON document is over, but {self.excerpt()} follows"
                )
            if not self.more():
                return

    def truncated(self, where: str) -> TruncatedResponseError:
        """Return the error for a document that ends here."""
        return TruncatedResponseError(
            f"the response is truncated: it ends after {self._dropped + len(self.buffer)} bytes, {where}; "
            "look for a response ceiling (TS_MAX_RESPONSE_SIZE, MMS_MAX_RESPONSE_SIZE) or ask for fewer images"
        )

    def excerpt(self, length: int = 40) -> str:
        """Return what is at the position, for an error."""
        return repr(self.buffer[self.position : self.position + length].decode("utf-8", "replace"))

    def _invalid(self, error: ValueError, text: str, where: str) -> MalformedResponseError:
        if not isinstance(error, json.JSONDecodeError):
            return MalformedResponseError(f"byte {self.offset}, {where}: {error}")
        at = self.offset + len(text[: error.pos].encode())
        shown = text[error.pos : error.pos + 40]
        return MalformedResponseError(f"byte {at}, {where}: not JSON ({error.msg}): {shown!r}")

    def _text(self) -> tuple[str, UnicodeDecodeError | None]:
        """Return the buffer from the position on as text, as far as it is UTF-8, and why it stops if it does."""
        data = self.buffer[self.position :]
        try:
            return data.decode(), None
        except UnicodeDecodeError as fault:
            return data[: fault.start].decode(), fault


def _is_unfinished(error: ValueError, text: str) -> bool:
    """Tell whether more bytes could still make a value of `text`."""
    if not isinstance(error, json.JSONDecodeError):
        return False
    return error.msg.startswith("Unterminated") or _UNFINISHED.fullmatch(text, error.pos) is not None
