"""Whether values fit a botocore shape, and AWS's words when they do not.

The wording is that of the AWS services that are built on Coral (SageMaker, Application Auto Scaling, CodePipeline):
``1 validation error detected: Value '…' at 'endpointName' failed to satisfy constraint: Member must …``.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

# What Java's regular expressions (the language of AWS's models) have and Python's lack. Each stands for the inside
# of a character class, so that it works within [...] as well.
_JAVA_CLASSES = {
    r"\p{ASCII}": r"\x00-\x7F",
    r"\p{Print}": r"\x20-\x7E",
    r"\p{Graph}": r"\x21-\x7E",
    r"\p{Alnum}": r"a-zA-Z0-9",
    r"\p{Alpha}": r"a-zA-Z",
    r"\p{Digit}": r"0-9",
    r"\p{Punct}": r"!-/:-@\[-`{-~",
    r"\p{L}": r"a-zA-Z\u00AA-\uFFFD",
    r"\p{M}": r"\u0300-\u036F",
    r"\p{N}": r"\d",
    r"\p{P}": r"!-#%-*,-/:;?@\[-\]_{}\u00A1\u00A7\u00AB\u00B6\u00B7\u00BB\u00BF\u2010-\u2027\u2030-\u205E",
    r"\p{S}": r"$+<->^`|~\u00A2-\u00A6\u00A8\u00A9\u00AC\u00AE-\u00B1\u00D7\u00F7\u20A0-\u20BF\u2190-\u2BFF",
    r"\p{Nd}": r"\d",
    r"\p{Z}": r"\s",
    r"\p{Zs}": r"\s",
    r"\uD800\uDC00-\uDBFF\uDFFF": r"\U00010000-\U0010FFFF",  # Java's surrogate pairs
    r"\ud800\udc00-\udbff\udfff": r"\U00010000-\U0010FFFF",
}
_LENGTH_TYPES = ("string", "blob", "list", "map")


@functools.lru_cache(maxsize=512)
def compiled_pattern(pattern: str) -> re.Pattern[str] | None:
    """``pattern`` of a botocore model for :func:`re.fullmatch`, or None when Python cannot express it."""
    pattern = re.sub(r"\$\{\d+,\d+\}", "$", pattern)  # an end that is repeated: legal in Java, and the same
    out, in_class, i = [], False, 0
    while i < len(pattern):
        known = next((java for java in _JAVA_CLASSES if pattern.startswith(java, i)), None)
        if known:
            inner = _JAVA_CLASSES[known]
            out.append(inner if in_class else f"[{inner}]")
            i += len(known)
            continue
        char = pattern[i]
        if char == "\\":
            out.append(pattern[i : i + 2].replace(r"\z", r"\Z"))
            i += 2
            continue
        if char == "[" and in_class:
            out.append("\\")  # a literal bracket, which Python would take for the start of a nested set
        in_class = (in_class or char == "[") and char != "]"
        out.append(char)
        i += 1
    try:
        return re.compile("".join(out))
    except re.error:
        return None


def _lower_first(name: str) -> str:
    return name[:1].lower() + name[1:]


def _bounds(shape: Shape, value: Any) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if shape.type_name in _LENGTH_TYPES:
        if low is not None and len(value) < low:
            yield f"Member must have length greater than or equal to {low}"
        if high is not None and len(value) > high:
            yield f"Member must have length less than or equal to {high}"
    elif shape.type_name in ("integer", "long", "float", "double"):
        if low is not None and value < low:
            yield f"Member must have value greater than or equal to {low}"
        if high is not None and value > high:
            yield f"Member must have value less than or equal to {high}"


_LENIENT = frozenset({"MetricNamespace", "StandardUnit"})
"""Shapes whose pattern or values AWS does not check: logs takes the namespace ``A:B`` (recorded by LocalStack), and
CloudWatch has words of its own for a unit (``localcloud.rules.cloudwatch``)."""


_ORDERS = {"StateValue": ("INSUFFICIENT_DATA", "ALARM", "OK")}
"""The order in which AWS lists the values, where it is not the model's (recorded by LocalStack)."""


def _leaf(shape: Shape, value: Any, path: str) -> Iterator[str]:
    problems = list(_bounds(shape, value))
    if shape.type_name == "string":
        enum = None if shape.name in _LENIENT else getattr(shape, "enum", None)
        if enum and value not in enum:
            problems.append(f"Member must satisfy enum value set: [{', '.join(_ORDERS.get(shape.name, enum))}]")
        pattern = None if shape.name in _LENIENT else shape.metadata.get("pattern")
        matcher = compiled_pattern(pattern) if pattern and not problems else None
        if matcher is not None and not matcher.fullmatch(value):
            problems.append(f"Member must satisfy regular expression pattern: {pattern}")
    shown = "null" if value is None else f"'{value}'"
    if shape.metadata.get("sensitive"):
        shown = "'***Sensitive***'"
    for problem in problems:
        yield f"Value {shown} at '{path}' failed to satisfy constraint: {problem}"


def violations(shape: Shape, value: Any, path: str = "") -> Iterator[str]:
    """Every way in which ``value`` breaks the constraints of ``shape``, as AWS words it.

    Parameters
    ----------
    shape : Shape
    value : any
        In boto3's types.
    path : str
        Where the value is: ``productionVariants.1.member.modelName``.
    """
    if isinstance(shape, StructureShape):
        for name in shape.required_members:
            if value.get(name) is None:
                where = f"{path}.{_lower_first(name)}".lstrip(".")
                yield f"Value null at '{where}' failed to satisfy constraint: Member must not be null"
        for name, item in value.items():
            yield from violations(shape.members[name], item, f"{path}.{_lower_first(name)}".lstrip("."))
        return
    yield from _leaf(shape, value, path)
    if isinstance(shape, ListShape):
        for position, item in enumerate(value, start=1):
            yield from violations(shape.member, item, f"{path}.{position}.member")
    elif isinstance(shape, MapShape):
        for key, item in value.items():
            yield from violations(shape.key, key, f"{path}.{key}.key")
            yield from violations(shape.value, item, f"{path}.{key}.member")


def validation_message(shape: Shape, value: Any) -> str | None:
    """AWS's message for ``value``, or None when it is valid."""
    found = list(violations(shape, value))
    if not found:
        return None
    noun = "error" if len(found) == 1 else "errors"
    return f"{len(found)} validation {noun} detected: {'; '.join(found)}"
