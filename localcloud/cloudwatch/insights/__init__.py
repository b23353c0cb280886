"""A part of CloudWatch Logs Insights: fields, display, filter, sort, limit and stats.

CloudWatch Logs User Guide, "CloudWatch Logs Insights language query syntax" (AmazonCloudWatch/latest/logs/
CWL_QuerySyntax.html). What is not in this part is refused as a malformed query, saying so.
"""

from __future__ import annotations

from localcloud.cloudwatch.insights.query import Query, parse
from localcloud.cloudwatch.insights.reader import MalformedQueryError
from localcloud.cloudwatch.insights.records import Record, record

__all__ = ["MalformedQueryError", "Query", "Record", "parse", "record"]
