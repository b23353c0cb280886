"""What SNS says to JSON that is none: the words of Jackson, with which it reads filter and redrive policies."""

from __future__ import annotations

import json
import re


def complaint(text: str, error: json.JSONDecodeError) -> str:
    """AWS's words for ``error`` in ``text``, where they are known; Python's otherwise.

    Recorded on AWS in LocalStack's ``tests/aws/services/sns/test_sns.py``, ``test_validate_set_sub_attributes`` and
    ``test_subscribe_invalid_filter_policy``.
    """
    found = re.compile(r"[A-Za-z0-9_$]+").match(text, error.pos)
    if error.msg.startswith("Expecting property name") and error.pos < len(text):
        character = text[error.pos]
        reason = f"Unexpected character ('{character}' (code {ord(character)})): "
        reason += "was expecting double-quote to start field name"
        column = error.colno
    elif error.msg.startswith("Expecting value") and found:
        reason = f"Unrecognized token '{found[0]}': "
        reason += "was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
        column = error.colno + len(found[0])
    else:
        return str(error)
    where = f"line: {error.lineno}, column: {column}"
    return f"{reason}\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); {where}]"
