"""Measurements: published, listed, and asked for in two ways."""

from __future__ import annotations

import datetime
import json
import math
import time
from collections import defaultdict
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from localcloud.cloudwatch.metric_math import Expression, Grid, MathError, Series, Value
from localcloud.cloudwatch.statistics import dimensions_of
from localcloud.ministack.metrics import Metrics
from localcloud.rules import Call, Rulebook
from localcloud.services import ServiceError

_METRICS_PER_PAGE = 500
_MOST_DATAPOINTS = 100_800
_RECENT = 3 * 3600
_LISTED = 14 * 86400
"""ListMetrics: "metrics that have had data points published in the past two weeks"."""


class Measurements:
    """PutMetricData, ListMetrics, GetMetricStatistics and GetMetricData."""

    def __init__(self, modules: Mapping[str, ModuleType], rules: Rulebook, metrics: Metrics) -> None:
        self._cloudwatch: Any = modules["cloudwatch"]
        self._metrics = metrics
        rules.add("cloudwatch", "PutMetricData", self._put)
        rules.add("cloudwatch", "ListMetrics", self._list)
        rules.add("cloudwatch", "GetMetricStatistics", self._statistics)
        rules.add("cloudwatch", "GetMetricData", self._data)

    def _put(self, call: Call) -> dict[str, Any]:
        self._metrics.put(call.parameters["Namespace"], call.parameters["MetricData"])
        return {}

    def _list(self, call: Call) -> dict[str, Any]:
        """AmazonCloudWatch/latest/APIReference/API_ListMetrics.html."""
        asked = call.parameters
        oldest = time.time() - (_RECENT if asked.get("RecentlyActive") else _LISTED)
        found = []
        for (namespace, name, _), points in sorted(self._cloudwatch._metrics.items(), key=lambda entry: entry[0]):
            dimensions = points[-1]["Dimensions"] if points else {}
            if (
                points
                and points[-1]["Timestamp"] >= oldest
                and asked.get("Namespace", namespace) == namespace
                and asked.get("MetricName", name) == name
                and all(
                    each["Name"] in dimensions
                    and each.get("Value", dimensions[each["Name"]]) == dimensions[each["Name"]]
                    for each in asked.get("Dimensions", ())
                )
            ):
                listed = [{"Name": key, "Value": value} for key, value in dimensions.items()]
                found.append({"Namespace": namespace, "MetricName": name, "Dimensions": listed})
        start = _offset(asked.get("NextToken"))
        answer: dict[str, Any] = {"Metrics": found[start : start + _METRICS_PER_PAGE]}
        if start + _METRICS_PER_PAGE < len(found):
            answer["NextToken"] = str(start + _METRICS_PER_PAGE)
        return answer

    def _statistics(self, call: Call) -> dict[str, Any]:
        """AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html."""
        asked = call.parameters
        period = asked["Period"]
        begin = _whole(asked["StartTime"].timestamp(), min(period, 60))
        groups: dict[tuple[float, str], list[Any]] = defaultdict(list)
        dimensions = dimensions_of(asked.get("Dimensions"))
        for point in self._metrics.points(asked["Namespace"], asked["MetricName"], dimensions, asked.get("Unit")):
            if begin <= point["Timestamp"] < asked["EndTime"].timestamp():
                start = begin + (point["Timestamp"] - begin) // period * period
                groups[start, point.get("Unit") or "None"].append(point)
        datapoints = []
        for (start, unit), points in sorted(groups.items()):
            datapoint: dict[str, Any] = {"Timestamp": _moment(start), "Unit": unit}
            for name in asked.get("Statistics", ()):
                datapoint[name] = self._metrics.statistic(points, name)
            extended = {name: self._metrics.statistic(points, name) for name in asked.get("ExtendedStatistics", ())}
            extended = {name: value for name, value in extended.items() if value is not None}
            datapoints.append({**datapoint, "ExtendedStatistics": extended} if extended else datapoint)
        return {"Label": asked["MetricName"], "Datapoints": datapoints}

    def _series(self, found: Mapping[str, Any], start: float, end: float) -> tuple[Series, list[str]]:
        """The values of one metric, and its units, of which the first one counts when the query names none."""
        metric, period = found["Metric"], found["Period"]
        begin = _whole(start, period)
        dimensions = dimensions_of(metric.get("Dimensions"))
        stored = self._metrics.points(metric["Namespace"], metric["MetricName"], dimensions, found.get("Unit"))
        points = [point for point in stored if begin <= point["Timestamp"] < end]
        units = sorted({point.get("Unit") or "None" for point in points})
        groups: dict[float, list[Any]] = defaultdict(list)
        for point in points:
            if (point.get("Unit") or "None") == units[0]:
                groups[_whole(point["Timestamp"], period)].append(point)
        values = {stamp: self._metrics.statistic(group, found["Stat"]) for stamp, group in sorted(groups.items())}
        return {stamp: value for stamp, value in values.items() if value is not None}, units

    def _data(self, call: Call) -> dict[str, Any]:
        """AmazonCloudWatch/latest/APIReference/API_GetMetricData.html."""
        asked = call.parameters
        start, end = asked["StartTime"].timestamp(), asked["EndTime"].timestamp()
        queries = asked["MetricDataQueries"]
        measured = {q["Id"]: self._series(q["MetricStat"], start, end) for q in queries if "MetricStat" in q}
        series = _evaluated(queries, {name: values for name, (values, _) in measured.items()}, start, end)
        shown = [query for query in queries if query.get("ReturnData", True)]
        ascending = asked.get("ScanBy") == "TimestampAscending"
        first, most = _offset(asked.get("NextToken")), asked.get("MaxDatapoints") or _MOST_DATAPOINTS
        results, position, total = [], 0, sum(len(series[query["Id"]]) for query in shown)
        for query in shown:
            points = sorted(series[query["Id"]].items(), reverse=not ascending)
            chosen = points[max(0, first - position) : max(0, first + most - position)]
            position += len(points)
            result: dict[str, Any] = {
                "Id": query["Id"],
                "Label": query.get("Label") or _label(query, queries),
                "Timestamps": [_moment(stamp) for stamp, _ in chosen],
                "Values": [value for _, value in chosen],
                "StatusCode": "PartialData" if position > first + most else "Complete",
            }
            _, units = measured.get(query["Id"], ({}, []))
            if len(units) > 1:  # recorded in LocalStack's test_get_metric_data_different_units_no_unit_in_query
                text = f"Multiple units returned: '[{', '.join(units)}]'"
                result["Messages"] = [{"Code": "MultipleUnits", "Value": text}]
            results.append(result)
        answer: dict[str, Any] = {"MetricDataResults": results, "Messages": []}
        if first + most < total:
            answer["NextToken"] = str(first + most)
        return answer


def _evaluated(
    queries: list[dict[str, Any]], metrics: dict[str, Series], start: float, end: float
) -> dict[str, Series]:
    """The series of every query, expressions in the order in which they need each other."""
    try:
        waiting = {q["Id"]: Expression(q["Expression"]) for q in queries if "Expression" in q}
        known: dict[str, Value] = dict(metrics)
        periods = {q["Id"]: q["MetricStat"]["Period"] for q in queries if "MetricStat" in q}
        while waiting:
            ready = [name for name, expression in waiting.items() if not expression.names() & waiting.keys()]
            if not ready:
                raise MathError(f"Error in expression '{next(iter(waiting))}': expressions use each other in a circle")
            for name in ready:
                expression = waiting.pop(name)
                used = expression.names() & periods.keys() or periods.keys()
                period = max((periods[each] for each in used), default=60)
                periods[name] = period
                grid = Grid(_whole(start, period), end, period)
                known[name] = expression.value(known, metrics, grid)
    except MathError as error:
        raise ServiceError("ValidationError", str(error)) from None
    results: dict[str, Series] = {}
    for query in queries:
        value = known[query["Id"]]
        if isinstance(value, dict):
            results[query["Id"]] = value
        elif query.get("ReturnData", True):
            raise ServiceError(
                "ValidationError", f"Error in expression '{query['Id']}': the result must be one time series"
            )
    return results


def _label(query: Mapping[str, Any], queries: list[dict[str, Any]]) -> str:
    """What CloudWatch calls a query without a label: the metric, and what tells it from others of its name.

    Recorded in LocalStack's test_label_generation and test_get_metric_data_with_zero_and_labels.
    """
    if "Expression" in query:
        return str(query["Id"])
    mine = query["MetricStat"]
    name = mine["Metric"]["MetricName"]
    alike = [q["MetricStat"] for q in queries if "MetricStat" in q and q["MetricStat"]["Metric"]["MetricName"] == name]
    parts = [name]
    parts += [mine["Stat"]] if len({each["Stat"] for each in alike}) > 1 else []
    parts += [str(mine["Period"])] if len({each["Period"] for each in alike}) > 1 else []
    return " ".join(parts)


def _whole(seconds: float, period: int) -> float:
    return math.floor(seconds / period) * period


def _moment(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    if not token.isdigit():
        raise ServiceError(
            "InvalidParameterValue", f"The value {json.dumps(token)} for parameter NextToken is invalid."
        )
    return int(token)
