"""Inference ids, and the keys in the bucket that are made of them.

No key is ever made of a prompt, and an id is made here, by the client, before anything is sent: so a request can be
sent again under its own id, and a restarted kernel finds it by listing the bucket.
"""

from __future__ import annotations

import datetime as dt
import re
import secrets
import threading
import time

from contract import names
from contract.errors import ParameterError

PATTERN = re.compile(names.INFERENCE_ID)
"""What every part of the workshop takes for an inference id."""

REQUESTS, STATUS, IMAGES = f"{names.REQUESTS}/", f"{names.STATUS}/", f"{names.IMAGES}/"
"""Prefixes in the bucket, each followed by an inference id."""

_LOCK = threading.Lock()
_last_microsecond = 0


def new_id() -> str:
    """Make an id that sorts after every id that this process made before.

    Returns
    -------
    str
        UTC time to the microsecond and six random digits, such as ``20261122T204512.345678Z-1a2b3c``.

    Notes
    -----
    Two calls within one microsecond, or a clock that was set back, get the next free microsecond.
    """
    global _last_microsecond
    with _LOCK:
        _last_microsecond = max(time.time_ns() // 1000, _last_microsecond + 1)
        seconds, microsecond = divmod(_last_microsecond, 1_000_000)
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC)
    return f"{moment:%Y%m%dT%H%M%S}.{microsecond:06d}Z-{secrets.token_hex(3)}"


def checked(inference_id: object) -> str:
    """Return ``inference_id``, or raise :class:`ParameterError` when no part of the workshop would take it."""
    # "." and ".." match the pattern, but tools that copy a bucket to a disk take them for folders.
    if isinstance(inference_id, str) and PATTERN.fullmatch(inference_id) and inference_id not in (".", ".."):
        return inference_id
    raise ParameterError(
        f"inference id = {inference_id!r}: must be 1 to 64 letters, digits, dots, underscores and hyphens, and "
        "not '.' or '..'."
    )


def request_key(inference_id: str) -> str:
    """Where the request is stored that the endpoint reads."""
    return f"{REQUESTS}{inference_id}.json"


def status_key(inference_id: str) -> str:
    """Where ``save_status`` stores the endpoint's notification."""
    return f"{STATUS}{inference_id}.json"


def images_prefix(inference_id: str) -> str:
    """Under which ``extract_images`` stores the pictures."""
    return f"{IMAGES}{inference_id}/"


def manifest_key(inference_id: str) -> str:
    """What ``extract_images`` writes last."""
    return f"{images_prefix(inference_id)}manifest.json"


def id_of(key: str, prefix: str, suffix: str) -> str | None:
    """The inference id between ``prefix`` and ``suffix``, or None when ``key`` is something else's.

    Parameters
    ----------
    key : str
        A key of the bucket.
    prefix, suffix : str
        What stands before and after the id: ``status/`` and ``.json``.
    """
    if not (key.startswith(prefix) and key.endswith(suffix)):
        return None
    middle = key[len(prefix) : len(key) - len(suffix)]
    return middle if PATTERN.fullmatch(middle) else None
