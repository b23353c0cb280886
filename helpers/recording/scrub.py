"""Texts and JSON without secrets, addresses and identities; the same value gets the same pseudonym everywhere.

What is kept is what can be named: words, numbers, times, and names that are made of words. Everything else that looks
like an identifier, a key or an encoded value becomes ``<kind:12345678>``, made with a key that is thrown away after the
recording, so that nobody can find the value by trying.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import datetime as dt
import hashlib
import hmac
import ipaddress
import json
import re
import urllib.parse
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from helpers.recording import patterns

DEEP = 6
"""How often an encoding may be inside another one; what is deeper is replaced whole."""
LONGEST = 2000
"""Characters of a text that are kept."""
MOST = 30
"""Items of a list that are kept."""
SHORTEST_KNOWN = 3
REMEMBERED = 20_000
"""Texts whose scrubbed form is remembered: answers repeat themselves."""
PUBLIC_WORDS = ("Invocation4XXErrors", "Invocation5XXErrors", "AWS4-HMAC-SHA256", "us-gov")
"""Names with digits that AWS publishes."""


class Scrubber:
    """Takes secrets out of what is to be written down.

    Parameters
    ----------
    key : bytes
        Makes the pseudonyms; a guess cannot be checked without it.
    known : mapping, optional
        Values that are secret because we know them (an account's id, a user's name), to their kind.
    """

    def __init__(self, key: bytes, known: Mapping[str, str] | None = None) -> None:
        self._key = key
        self._known: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None
        self._words: set[str] = set(PUBLIC_WORDS)
        self._seen: dict[str, str] = {}
        self.know(known or {})

    def know(self, values: Mapping[str, str]) -> None:
        """Replace these literal values wherever they stand from now on.

        Parameters
        ----------
        values : mapping
            Value to kind (``account``, ``bucket``, ``secret``); values of fewer than three characters are left out.
        """
        self._known |= {value: kind for value, kind in values.items() if len(value) >= SHORTEST_KNOWN}
        longest = sorted(self._known, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest)), re.IGNORECASE) if longest else None
        self._seen.clear()

    def allow(self, words: Iterable[str]) -> None:
        """Keep these words: names of an API's operations, members and values, which hold digits now and then."""
        if new := set(words) - self._words:
            self._words |= new
            self._seen.clear()

    def pseudonym(self, kind: str, value: str) -> str:
        """``<kind:12345678>``, the same for the same value."""
        digest = hmac.new(self._key, value.lower().encode(), hashlib.sha256).hexdigest()[:8]
        return f"<{kind}:{digest}>"

    # Structures ---------------------------------------------------------------------------------------------------

    def data(self, value: Any, name: str = "", depth: int = 0) -> Any:
        """A copy of what a call sent or answered, as JSON can hold it.

        Parameters
        ----------
        value : any
            Mappings, lists, texts, numbers, times; bytes and streams become their type's name.
        name : str
            Of the member that holds it.
        depth : int
            How many encodings are around it.
        """
        if isinstance(value, Mapping):
            return self._mapping(value, name, depth)
        if isinstance(value, (list, tuple, set, frozenset)):
            items = [self.data(item, name, depth) for item in list(value)[:MOST]]
            return [*items, f"… {len(value) - MOST} more"] if len(value) > MOST else items
        if value is None or isinstance(value, bool):
            return value
        if _sensitive(name):
            return self.pseudonym("secret", str(value))
        if isinstance(value, (int, float)):
            return self.pseudonym("account", str(value)) if re.fullmatch(r"\d{12}", str(value)) else value
        if isinstance(value, (dt.datetime, dt.date)):
            return value.isoformat()
        if isinstance(value, str):
            return self.text(value, depth)
        return f"<{type(value).__name__}>"

    def _mapping(self, value: Mapping[Any, Any], name: str, depth: int) -> dict[str, Any]:
        # {"Key": "password", "Value": …}, as tags, attributes and parameters are written.
        label = next(
            (str(value[k]) for k in ("Key", "Name", "key", "name", "ParameterKey", "OutputKey") if k in value), ""
        )
        clean = {}
        for key, item in value.items():
            own = str(key)
            labelled = own.lower() in ("value", "parametervalue", "outputvalue")
            named = f"{own} {label}" if labelled else f"{name} {own}" if _sensitive(name) else own
            clean[self.text(own, depth)] = self.data(item, named, depth)
        return clean

    # Texts --------------------------------------------------------------------------------------------------------

    def text(self, value: str, depth: int = 0) -> str:
        """``value`` without secrets, cut to :data:`LONGEST` characters."""
        if depth > DEEP:
            return self.pseudonym("opaque", value)
        if value in self._words:
            return value
        if value not in self._seen:
            if len(self._seen) >= REMEMBERED:
                self._seen.clear()
            self._seen[value] = self._text(value, depth)
        return self._seen[value]

    def _text(self, value: str, depth: int) -> str:
        parsed = _json(value)
        if parsed is not None:
            return json.dumps(self.data(parsed, depth=depth + 1), ensure_ascii=False)[:LONGEST]
        # Addresses first: decoded, their parts could not be told apart any more.
        value = _outside(patterns.KEPT, value, self._urls(depth))
        decoded = urllib.parse.unquote(value)
        if decoded != value and (clean := self.text(decoded, depth + 1)) != decoded:
            return clean
        unescaped = value.replace('\\"', '"') if '\\"' in value else value
        clean = self._parts(unescaped, depth)
        return clean if len(clean) <= LONGEST else f"{clean[:LONGEST]}…"

    def _parts(self, value: str, depth: int) -> str:
        steps: tuple[Callable[[str], str], ...] = (
            self._replace(patterns.PEM, "secret"),
            self._known_values,
            self._replace(patterns.PHONE, "phone"),
            self._whole_lines,
            self._urls(depth),
            self._assigned,
            self._replace(patterns.BEARER, "secret"),
            self._replace(patterns.JWT, "secret"),
            self._replace(patterns.EMAIL, "email"),
            self._arns,
            self._replace(patterns.KEY_ID, "key"),
            self._replace(patterns.UUID, "uuid"),
            self._homes,
            self._replace(patterns.MAC, "address"),
            self._replace(patterns.IPV4_NAME, "host"),
            self._replace(patterns.IPV4, "address"),
            self._addresses,
            self._replace(patterns.MACHINE, "host"),
            self._hosts,
            self._replace(patterns.RESOURCE_ID, "id"),
            self._encoded(depth),
            self._moments_apart(self._numbers_and_tokens),
        )
        for step in steps:
            value = _outside(patterns.KEPT, value, step)
        return value

    def _replace(self, pattern: re.Pattern[str], kind: str) -> Callable[[str], str]:
        return lambda text: pattern.sub(lambda found: self.pseudonym(kind, found[0]), text)

    def _known_values(self, text: str) -> str:
        if self._pattern is None:
            return text
        kinds = {value.lower(): kind for value, kind in self._known.items()}
        return self._pattern.sub(lambda found: self.pseudonym(kinds[found[0].lower()], found[0]), text)

    def _whole_lines(self, text: str) -> str:
        return patterns.WHOLE_LINE.sub(lambda m: f"{m[1]}{m[2]}{self.pseudonym('secret', m[3])}", text)

    def _assigned(self, text: str) -> str:
        return patterns.ASSIGNED.sub(lambda m: f"{m[1]}{m[2]}{self.pseudonym('secret', m[3])}", text)

    def _urls(self, depth: int) -> Callable[[str], str]:
        def one(found: re.Match[str]) -> str:
            scheme, rest = found[1].lower(), found[2]
            if scheme == "s3":
                bucket, slash, key = rest.partition("/")
                return f"s3://{self._name('bucket', bucket)}{slash}{self.text(key, depth + 1)}"
            place, question, query = rest.partition("?")
            place = place.partition("#")[0]
            host, slash, path = place.rpartition("@")[2].partition("/")
            names = [part.partition("=")[0] for part in query.split("&") if part]
            kept = "&".join(self.text(name, depth + 1) for name in names)
            return f"{scheme}://{self._host(host)}{slash}{self.text(path, depth + 1)}{question}{kept}"

        return lambda text: patterns.URL.sub(one, text)

    def _name(self, kind: str, value: str) -> str:
        return value if not value or patterns.KEPT.fullmatch(value) else self.pseudonym(kind, value)

    def _host(self, host: str) -> str:
        """AWS's own hosts by their service and region, every other as a pseudonym."""
        bare, colon, port = host.partition(":")
        if not patterns.PUBLIC_HOST.search(bare):
            return self._name("host", host)
        labels = [label if _plain(label) else self._name("host", label) for label in bare.split(".")]
        return ".".join(labels) + colon + port

    def _hosts(self, text: str) -> str:
        return patterns.HOST.sub(lambda m: self._host(m[0]), text)

    def _arns(self, text: str) -> str:
        def one(found: re.Match[str]) -> str:
            account, resource = found[4] or "", found[5]
            owner = self.pseudonym("account", account) if account.isdigit() else account
            if found[2] == "sts":  # assumed-role/<role>/<session name>
                head, slash, session = resource.rpartition("/")
                resource = f"{head}{slash}{self.pseudonym('session', session)}"
            elif found[2] == "s3":
                bucket, slash, key = resource.partition("/")
                resource = f"{self._name('bucket', bucket)}{slash}{key}"
            elif found[2] == "iam" and resource.startswith(("user/", "federated-user/", "mfa/")):
                resource = f"{resource.partition('/')[0]}/{self.pseudonym('user', resource)}"
            return f"arn:{found[1]}:{found[2]}:{found[3]}:{owner}:{resource}"

        return patterns.ARN.sub(one, text)

    def _homes(self, text: str) -> str:
        return patterns.HOME.sub(lambda m: f"{m[1]}{self.pseudonym('user', m[2])}", text)

    def _addresses(self, text: str) -> str:
        def one(found: re.Match[str]) -> str:
            try:
                ipaddress.ip_address(found[1])
            except ValueError:
                return found[0]
            return self.pseudonym("address", found[1])

        return patterns.IPV6.sub(one, text)

    def _encoded(self, depth: int) -> Callable[[str], str]:
        """Base64 of text that holds something to scrub is replaced whole."""

        def one(found: re.Match[str]) -> str:
            plain = _from_base64(found[0])
            if plain is None or self.text(plain, depth + 1) == plain:
                return found[0]
            return self.pseudonym("encoded", found[0])

        return lambda text: patterns.BASE64.sub(one, text)

    def _moments_apart(self, work: Callable[[str], str]) -> Callable[[str], str]:
        return lambda text: _outside(patterns.MOMENT, text, work)

    def _numbers_and_tokens(self, text: str) -> str:
        text = patterns.ACCOUNT.sub(lambda m: self.pseudonym("account", re.sub(r"\D", "", m[0])), text)
        return _outside(patterns.KEPT, text, lambda part: patterns.TOKEN.sub(self._token, part))

    def _token(self, found: re.Match[str]) -> str:
        """A run of letters and digits, kept where all of its parts are words or short."""
        run = found[0]
        if (len(run) >= 32 and not _wordy(run)) or ("=" in run.rstrip("=") and len(run) > 40):
            return self.pseudonym("opaque", run)
        return re.sub(r"[A-Za-z0-9]+", self._part, run)

    def _part(self, found: re.Match[str]) -> str:
        return found[0] if found[0] in self._words or _plain(found[0]) else self.pseudonym("id", found[0])


def _sensitive(name: str) -> bool:
    return bool(name) and name not in patterns.HARMLESS and patterns.SENSITIVE.search(name) is not None


def _json(value: str) -> Any:
    """What a text holds as JSON, where that is more than a number; else None."""
    if value.lstrip()[:1] in ("{", "[", '"'):
        with contextlib.suppress(ValueError, RecursionError):
            return json.loads(value)
    return None


def _outside(kept: re.Pattern[str], text: str, work: Callable[[str], str]) -> str:
    """``work`` on everything that ``kept`` does not match."""
    out, place = [], 0
    for found in kept.finditer(text):
        out += [work(text[place : found.start()]), found[0]]
        place = found.end()
    return "".join([*out, work(text[place:])])


def _from_base64(token: str) -> str | None:
    """The printable text that a token encodes, or None."""
    core = token.rstrip("=")
    with contextlib.suppress(binascii.Error, ValueError):
        plain = base64.b64decode(core.replace("-", "+").replace("_", "/") + "=" * (-len(core) % 4), validate=True)
        text = plain.decode("utf-8")
        if text and all(letter.isprintable() or letter in "\r\n\t" for letter in text):
            return text
    return None


_PIECES = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_VOWELS = frozenset("aeiouyAEIOUY")


def _plain(part: str) -> bool:
    """Whether a run of letters and digits is a name that people made: words with a short number, or a short run."""
    if len(part) < 8:
        return True
    if part.isdigit():
        return len(part) < 10
    pieces = _PIECES.findall(part)
    letters = [piece for piece in pieces if not piece.isdigit()]
    if any(char.isdigit() for char in part):
        # ImageModel2, sha256, AsyncEndpointConfig1A2B3C4D is not: its end is a hash.
        return len(pieces) <= 3 and all(_word(piece) for piece in letters) and len(part.rstrip("0123456789")) >= 3
    return all(_word(piece) for piece in letters)


def _word(piece: str) -> bool:
    """Long enough for a word, with a vowel where it is longer than an abbreviation."""
    if len(piece) <= 1:
        return False
    if piece.isupper() and len(piece) > 4:
        return len(piece) <= 14 and any(char in _VOWELS for char in piece) and not _dense(piece)
    return len(piece) <= 20 and (len(piece) <= 4 or any(char in _VOWELS for char in piece))


def _dense(piece: str) -> bool:
    """Five consonants in a row do not occur in the names that AWS uses."""
    return re.search(r"[^AEIOUYaeiouy_]{5}", piece) is not None


def _wordy(run: str) -> bool:
    parts: Iterable[str] = re.findall(r"[A-Za-z0-9]+", run)
    return all(_plain(part) for part in parts)
