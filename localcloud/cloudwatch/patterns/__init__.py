"""Filter patterns of CloudWatch Logs: what FilterLogEvents, metric filters and subscription filters look for.

CloudWatch Logs User Guide, "Filter pattern syntax for metric filters, subscription filters, filter log events, and Live
Tail" (AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html). Texts of errors are AWS's, as people have quoted them.
"""

from __future__ import annotations

import functools

from localcloud.cloudwatch.patterns.delimited import DelimitedPattern
from localcloud.cloudwatch.patterns.json_events import JsonPattern
from localcloud.cloudwatch.patterns.operands import InvalidPatternError
from localcloud.cloudwatch.patterns.terms import TermsPattern

__all__ = ["InvalidPatternError", "Pattern", "parse"]

Pattern = TermsPattern | JsonPattern | DelimitedPattern
"""A pattern has ``matches(message)``, ``extract(message)`` (TestMetricFilter's ``extractedValues``), ``value(message,
selector)`` (what ``$.latency`` or ``$bytes`` stands for) and ``structured`` (whether it has fields at all)."""

_ENDS = {"{": "}", "[": "]"}


@functools.lru_cache(maxsize=256)
def parse(text: str) -> Pattern:
    """Read a filter pattern.

    Raises
    ------
    InvalidPatternError
        With AWS's message.
    """
    stripped = text.strip()
    opening = stripped[:1]
    if opening in _ENDS and not stripped.endswith(_ENDS[opening]):
        raise InvalidPatternError(f"If a filter pattern starts with '{opening}' it must end with '{_ENDS[opening]}'")
    if opening == "{":
        return JsonPattern(stripped[1:-1])
    if opening == "[":
        return DelimitedPattern(stripped[1:-1])
    return TermsPattern(stripped)
