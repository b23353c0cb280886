"""The script that sets the workshop up in a space, as CloudFormation takes it."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from infra.errors import InfraError

SCRIPT = Path(__file__).with_name("lifecycle.sh")
LIMIT = 16_384
"""Characters of StudioLifecycleConfigContent, which is base64: so about 12,000 of the script itself.
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateStudioLifecycleConfig.html"""
LONGEST = 250
"""What a stack's parameter may add to the script; the patterns of the parameters hold them to it."""
PLACEHOLDERS = ("REPOSITORY", "BRANCH", "TARGET", "NAME")


def script(values: Mapping[str, str]) -> str:
    """The script with values in place of ``@REPOSITORY@``, ``@BRANCH@``, ``@TARGET@`` and ``@NAME@``.

    Raises
    ------
    InfraError
        It is too long for AWS, or a value would end the quotes that it is put between.
    """
    text = SCRIPT.read_text(encoding="utf-8")
    for name in PLACEHOLDERS:
        if "'" in values[name] or "\n" in values[name]:
            raise InfraError(f"{name} must not hold a quote or a line end: {values[name]!r}.")
        text = text.replace(f"@{name}@", values[name])
    if (length := encoded_length(text)) > LIMIT:
        raise InfraError(f"the lifecycle script has {length} characters in base64, at most {LIMIT}: shorten {SCRIPT}.")
    return text


def encoded_length(text: str) -> int:
    """Characters of a script in base64, which AWS counts."""
    return len(base64.b64encode(text.encode()))


def for_sub(name: str) -> str:
    """The script as the text of an ``Fn::Sub`` with the stack's parameters in it.

    Parameters
    ----------
    name : str
        How the names of the workshops and spaces begin.
    """
    longest = dict.fromkeys(PLACEHOLDERS, "x" * LONGEST)
    script({**longest, "NAME": name})
    text = SCRIPT.read_text(encoding="utf-8").replace("${", "${!")
    text = text.replace("@NAME@", name)
    return re.sub("@(REPOSITORY|BRANCH|TARGET)@", lambda found: f"${{{found[1].title()}}}", text)


def fingerprint(text: str) -> str:
    """Eight characters that change with the script: nothing of a lifecycle configuration can be changed in place."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]
