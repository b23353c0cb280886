"""The access key of one local cloud: made randomly with its state folder, and removed with it."""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
import string
from pathlib import Path

_FILE = "credentials.json"
_PREFIX = "LOCALCLOUD"
GIT_HELPER = (
    '!f() { echo "username=$AWS_ACCESS_KEY_ID${AWS_SESSION_TOKEN:+%$AWS_SESSION_TOKEN}"; '
    'echo "password=$AWS_SECRET_ACCESS_KEY"; }; f'
)
"""A credential helper for Git, since ``aws codecommit credential-helper`` answers for AWS's own hosts alone."""


@dataclasses.dataclass(frozen=True)
class Credentials:
    """An access key of 20 characters, as long as AWS's but unlike any of them, and its secret."""

    access_key: str
    secret_key: str


def load(state: Path) -> Credentials | None:
    """The credentials of the cloud with the state folder ``state``; None before its first start."""
    try:
        stored = json.loads((state / _FILE).read_text())
    except FileNotFoundError:
        return None
    return Credentials(stored["access_key"], stored["secret_key"])


def load_or_create(state: Path) -> Credentials:
    """The credentials of ``state``, made now if it has none. They outlive restarts, so other shells keep working."""
    existing = load(state)
    if existing is not None:
        return existing
    alphabet = string.ascii_uppercase + string.digits
    suffix = "".join(secrets.choice(alphabet) for _ in range(20 - len(_PREFIX)))
    made = Credentials(_PREFIX + suffix, secrets.token_urlsafe(30))
    temporary = state / f"{_FILE}.tmp"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(dataclasses.asdict(made), file)
    temporary.replace(state / _FILE)
    return made
