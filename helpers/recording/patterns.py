"""How secrets and addresses look, in the order in which they are looked for.

Forms of AWS's own: "IAM identifiers" (unique id prefixes) in the IAM User Guide, "Signature Version 4" query parameters
and headers in the same guide, "Amazon Resource Names".
"""

from __future__ import annotations

import re

KEPT = re.compile(r"<[a-z]+:[0-9a-f]{8}>")
"""A pseudonym that stands there already."""

SENSITIVE = re.compile(
    r"passw(or)?d|passphrase|secret|token|credential|authorization|signature|api_?-?key|private_?-?key|access_?-?key"
    r"|session_?-?(id|key|name)|cookie|userid|user_?name|principal_?id|source_?ip|user_?agent|signing_?cert|"
    r"unsubscribe_?url|receipt_?handle|plaintext|ciphertext|zip_?file|presigned",
    re.IGNORECASE,
)
"""Names of members whose values are never kept, whatever they hold."""

HARMLESS = frozenset(("MaxTokens", "max_tokens", "SignatureVersion", "TokenCount"))
"""Names that :data:`SENSITIVE` matches, of numbers and versions."""

_NAMED = (
    r"[\w.-]*(?:passw(?:or)?d|passphrase|secret|token|credentials?|signature|api[_-]?key|private[_-]?key"
    r"|access[_-]?key(?:[_-]?id)?|session[_-]?(?:id|key|name)|pwd)[\w.-]*"
)

WHOLE_LINE = re.compile(r"(?im)((?:proxy-)?authorization|(?:set-)?cookie|x-amz-security-token)(\W{1,6})(\S[^\r\n]*)")
"""Headers whose whole rest is secret."""

_VALUE = r"\\*\"[^\"\r\n]*\"|\\*'[^'\r\n]*'|[^\s\"'\\,;&<>{}\[\]()]+"
ASSIGNED = re.compile(rf"(?i)({_NAMED})([\"'\\]*\s*(?:[:=：]|=>|\bis\b|\bwas\b)\s*)({_VALUE})")
"""``password=…``, ``"token": "…"`` (escaped as often as may be), ``the secret is …``."""

PEM = re.compile(r"-----BEGIN [^-]+-----.*?(?:-----END [^-]+-----|\Z)", re.DOTALL)
BEARER = re.compile(r"(?i)\b(?:bearer|basic)\s+([A-Za-z0-9+/=._~-]{6,})")
JWT = re.compile(r"\beyJ[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*){1,4}")
URL = re.compile(r"\b([a-z][a-z0-9+.-]{1,15})://([^\s\"'<>\\^`{}|]*)", re.IGNORECASE)
EMAIL = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+", re.UNICODE)
ARN = re.compile(r"\barn:(aws[a-z-]*):([a-z0-9-]*):([a-z0-9-]*):(\d{12}|aws|cloudfront|)?:([^\s\"'\\,;<>{}()]*)")
KEY_ID = re.compile(r"\b(?:AKIA|ASIA|AROA|AIDA|AGPA|AIPA|ANPA|ANVA|APKA|ABIA|ACCA|ASCA)[A-Z0-9]{8,}\b")
ACCOUNT = re.compile(r"(?<![0-9.])\d{12}(?![0-9])|(?<![0-9-])\d{4}[- ]\d{4}[- ]\d{4}(?![0-9-])")
UUID = re.compile(r"(?i)(?<![0-9a-f])[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}(?![0-9a-f])")
RESOURCE_ID = re.compile(
    r"\b(?:vpc|vpce|subnet|sg|eni|i|vol|ami|snap|nat|igw|rtb|acl|eipalloc|lt|mi|ip|d|r|o|ou)-[0-9a-f]{8,17}\b"
)
IPV4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.]*\d)")
IPV4_NAME = re.compile(r"\b(?:ip|ec2)(?:-\d{1,3}){4}\b[\w.-]*")
IPV6 = re.compile(
    r"(?<![0-9A-Za-z_:.])\[?([0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?:\.\d+)*)(?:%\w+)?\]?(?![0-9A-Za-z_:])"
)
MAC = re.compile(r"\b(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b")
PHONE = re.compile(r"(?<![\w.])\+\d[\d ()-]{7,18}\d\b")
HOME = re.compile(r"(?i)((?:/home/|/users/|[a-z]:\\+users\\+))([^/\\\s\"':;,]+)")
_TOP = "com|net|org|edu|gov|mil|int|internal|local|localdomain|lan|corp|intra|home|io|dev|cloud|aws|app|ai|co|info|biz"
_COUNTRIES = "de|uk|fr|eu|us|ch|at|nl|it|es|jp|cn|in|br|au|ca|se|no|dk|fi|pl|ie|kr|sg|za|nz|be|pt|cz|il|mx"
HOST = re.compile(rf"(?i)\b(?:[a-z0-9_](?:[a-z0-9_-]{{0,62}})\.)+(?:{_TOP}|{_COUNTRIES})\b(?!\()")
MACHINE = re.compile(r"\b(?:DESKTOP|LAPTOP|WIN|EC2AMAZ)-[A-Z0-9]{5,}\b|\b[\w-]+(?:s)?-(?:MacBook|iMac)[\w-]*\b")
PUBLIC_HOST = re.compile(r"(?i)(?:^|\.)(?:amazonaws\.com(?:\.cn)?|api\.aws|amazon\.com|python\.org|json-schema\.org)$")

MOMENT = re.compile(
    r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:?\d\d(?::?\d\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?"
    r"|\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b|\b\d\d/[A-Z][a-z]{2}/\d{4}(?::\d\d:\d\d:\d\d)?|\b\d{4}/\d\d/\d\d\b"
)
"""Times stay: what is compared is their order."""

TOKEN = re.compile(r"[A-Za-z0-9+/_=-]{8,}(?:\.[A-Za-z0-9+/_=-]{16,})*")
"""A run in which an opaque value may hide; what is judged are its parts."""
BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{8,}={0,2}(?![A-Za-z0-9+/=_-])")
