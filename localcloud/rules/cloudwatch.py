"""Amazon CloudWatch: what measurements and questions about them must look like."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Mapping
from typing import Any

from localcloud.cloudwatch.statistics import UNITS, is_percentile, is_period
from localcloud.rules import Call, rule
from localcloud.services import ServiceError

_TWO_WEEKS = 14 * 86400
_TWO_HOURS = 2 * 3600
_MOST_DATAPOINTS = 1440
_LARGEST = 2.0**360


def invalid(message: str) -> ServiceError:
    """A parameter's value that CloudWatch does not take."""
    return ServiceError("InvalidParameterValue", message)


def impossible(message: str) -> ServiceError:
    """Parameters that do not go together."""
    return ServiceError("InvalidParameterCombination", message)


@rule("cloudwatch", "PutMetricData")
def measurements(call: Call) -> None:
    """What a measurement must be (AmazonCloudWatch/latest/APIReference/API_MetricDatum.html)."""
    if call.parameters.get("EntityMetricData"):
        raise invalid("EntityMetricData is not offered by the local cloud")
    if call.parameters["Namespace"].startswith("AWS/"):
        raise invalid("The value AWS/ for parameter Namespace is invalid.")
    data = call.parameters.get("MetricData")
    if not data:
        raise ServiceError("MissingParameter", "The parameter MetricData is required.")
    if len(data) > 1000:
        raise invalid("The collection MetricData must not have a size greater than 1000.")
    for number, datum in enumerate(data, 1):
        _datum(f"MetricData.member.{number}", datum)


def _datum(where: str, datum: Mapping[str, Any]) -> None:
    given = [name for name in ("Value", "Values", "StatisticValues") if name in datum]
    for other in ("Values", "StatisticValues"):
        if "Value" in datum and other in datum:
            raise impossible(
                f"The parameters {where}.Value and {where}.{other} are mutually exclusive and you have specified both."
            )
    if not given or ("Values" in datum and not datum["Values"] and len(given) == 1):
        raise impossible("At least one of the parameters must be specified.")
    if "Counts" in datum and len(datum["Counts"]) != len(datum.get("Values", ())):
        raise invalid(f"The parameters {where}.Values and {where}.Counts must be of the same size.")
    if len(datum.get("Values", ())) > 150:
        raise invalid(f"The collection {where}.Values must not have a size greater than 150.")
    numbers = {"Value": datum.get("Value", 0.0)}
    numbers.update({f"Values.member.{n}": value for n, value in enumerate(datum.get("Values", ()), 1)})
    numbers.update({f"StatisticValues.{name}": value for name, value in datum.get("StatisticValues", {}).items()})
    for name, value in numbers.items():
        if not math.isfinite(value) or abs(value) > _LARGEST:
            shown = "NaN" if math.isnan(value) else value
            raise invalid(f"The value {shown} for parameter {where}.{name} is invalid.")
    if any(count < 0 or not math.isfinite(count) for count in datum.get("Counts", ())):
        raise invalid(f"The value of {where}.Counts must not be negative.")
    _statistic_set(where, datum.get("StatisticValues"))
    _frame(where, datum)


def _statistic_set(where: str, found: Mapping[str, float] | None) -> None:
    if found is None:
        return
    if found["SampleCount"] <= 0:
        raise invalid(f"The parameter {where}.StatisticValues.SampleCount must be greater than 0.")
    if found["Maximum"] < found["Minimum"]:
        raise invalid(
            f"The parameter {where}.StatisticValues.Maximum must be greater than {where}.StatisticValues.Minimum."
        )


def _frame(where: str, datum: Mapping[str, Any]) -> None:
    """Everything about a measurement but its value."""
    if datum.get("Unit", "None") not in UNITS:
        raise invalid(f"The parameter {where}.Unit must be a value in the set [ {', '.join(UNITS)} ].")
    if datum.get("StorageResolution", 60) not in (1, 60):
        raise invalid(f"The parameter {where}.StorageResolution must be a value in the set [ 1, 60 ].")
    names = [dimension["Name"] for dimension in datum.get("Dimensions", ())]
    if len(set(names)) < len(names):
        raise invalid(f"No Metric may specify the same dimension twice ({where}.Dimensions).")
    for number, dimension in enumerate(datum.get("Dimensions", ()), 1):
        if not dimension["Value"].strip() or dimension["Name"].startswith(":"):
            wrong = "Name" if dimension["Name"].startswith(":") else "Value"
            raise invalid(f"The value for parameter {where}.Dimensions.member.{number}.{wrong} is invalid.")
    if "Timestamp" in datum:
        age = time.time() - datum["Timestamp"].timestamp()
        if age > _TWO_WEEKS:
            raise invalid(f"The parameter {where}.Timestamp must specify a time within the past two weeks.")
        if age < -_TWO_HOURS:
            raise invalid(f"The parameter {where}.Timestamp must specify a time no more than two hours in the future.")


@rule("cloudwatch", "GetMetricStatistics")
def statistics(call: Call) -> None:
    """Range, period, number of datapoints (AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html)."""
    asked = call.parameters
    if bool(asked.get("Statistics")) == bool(asked.get("ExtendedStatistics")):
        if not asked.get("Statistics"):
            raise ServiceError("MissingParameter", "Must specify either Statistics or ExtendedStatistics")
        raise impossible("Statistics and ExtendedStatistics are mutually exclusive: specify one of them.")
    for name in asked.get("ExtendedStatistics", ()):
        if not is_percentile(name):
            raise invalid(f"The value {name} for parameter ExtendedStatistics.member.1 is not supported.")
    seconds = (asked["EndTime"] - asked["StartTime"]).total_seconds()
    if seconds <= 0:
        raise invalid("The parameter StartTime must be less than the parameter EndTime.")
    if not is_period(asked["Period"]):
        raise invalid("The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60.")
    points = int(seconds // asked["Period"])
    if points > _MOST_DATAPOINTS:
        raise impossible(
            f"You have requested up to {points} datapoints, which exceeds the limit of {_MOST_DATAPOINTS}. You may "
            "reduce the datapoints requested by increasing Period, or decreasing the time range."
        )


@rule("cloudwatch", "GetMetricData")
def queries(call: Call) -> None:
    """Ids, periods and statistics of queries (AmazonCloudWatch/latest/APIReference/API_MetricDataQuery.html)."""
    asked = call.parameters
    found = asked["MetricDataQueries"]
    if not found or len(found) > 500:
        raise _unvalidated("The collection MetricDataQueries must have 1 to 500 members.")
    if asked["StartTime"] >= asked["EndTime"]:
        raise _unvalidated("The parameter StartTime must be less than the parameter EndTime.")
    identities = [query["Id"] for query in found]
    for number, query in enumerate(found, 1):
        where = f"MetricDataQueries.member.{number}"
        if not re.fullmatch(r"[a-z][a-zA-Z0-9_]*", query["Id"]):
            raise _unvalidated(
                f"The value {query['Id']} for parameter {where}.Id is not matching ^[a-z][a-zA-Z0-9_]*$."
            )
        if identities.count(query["Id"]) > 1:
            raise _unvalidated(f"The values for parameter Id in MetricDataQueries must be unique: {query['Id']}.")
        if ("MetricStat" in query) == ("Expression" in query):
            raise _unvalidated(f"{where} must specify exactly one of MetricStat and Expression.")
        if "MetricStat" in query:
            _metric_statistic(where, query["MetricStat"])
    if not any(query.get("ReturnData", True) for query in found):
        raise _unvalidated("ReturnData must be true for at least one of the MetricDataQueries.")


def _unvalidated(message: str) -> ServiceError:
    return ServiceError("ValidationError", message)


def _metric_statistic(where: str, found: Mapping[str, Any]) -> None:
    statistic = found["Stat"]
    if statistic not in ("SampleCount", "Average", "Sum", "Minimum", "Maximum") and not is_percentile(statistic):
        raise _unvalidated(f"The value {statistic} for parameter {where}.MetricStat.Stat is not supported.")
    if not is_period(found["Period"]):
        raise _unvalidated(f"The parameter {where}.MetricStat.Period must be 1, 5, 10, 20, 30 or a multiple of 60.")
    for name in ("Namespace", "MetricName"):
        if not found["Metric"].get(name):
            raise _unvalidated(f"The parameter {where}.MetricStat.Metric.{name} is required.")


@rule("cloudwatch", "GetMetricStatistics", "PutMetricAlarm", "DescribeAlarmsForMetric", "GetMetricData")
def unit(call: Call) -> None:
    """A unit must be one of CloudWatch's (AmazonCloudWatch/latest/APIReference/API_MetricDatum.html)."""
    given = [call.parameters.get("Unit", "None")]
    given += [query.get("MetricStat", {}).get("Unit", "None") for query in call.parameters.get("MetricDataQueries", ())]
    for name in given:
        if name not in UNITS:
            raise _unvalidated(
                f"1 validation error detected: Value '{name}' at 'unit' failed to satisfy constraint: "
                f"Member must satisfy enum value set: [{', '.join(UNITS)}]"
            )


@rule("cloudwatch", "PutDashboard")
def dashboard(call: Call) -> None:
    """A dashboard's name and body.

    AmazonCloudWatch/latest/APIReference/API_PutDashboard.html and CloudWatch-Dashboard-Body-Structure.html; the text on
    the name is recorded in LocalStack's test_invalid_dashboard_name.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,255}", call.parameters["DashboardName"]):
        raise invalid(
            "The value for field DashboardName contains invalid characters. "
            "It can only contain alphanumerics, dash (-) and underscore (_).\n"
        )
    try:
        body = json.loads(call.parameters["DashboardBody"])
    except ValueError:
        raise _bad_dashboard("The field DashboardBody must be a valid JSON object") from None
    if not isinstance(body, dict) or not isinstance(body.get("widgets", []), list):
        raise _bad_dashboard("The field DashboardBody must be a valid JSON object")
    if "widgets" not in body:
        raise _bad_dashboard('Should have required property "widgets"')
    for number, widget in enumerate(body["widgets"]):
        if not isinstance(widget, dict) or not widget.get("type"):
            raise _bad_dashboard(f'/widgets/{number}: should have required property "type"')
        if widget["type"] != "text" and not isinstance(widget.get("properties"), dict):
            raise _bad_dashboard(f'/widgets/{number}: should have required property "properties"')


def _bad_dashboard(message: str) -> ServiceError:
    return ServiceError("InvalidParameterInput", f"The field DashboardBody must be a valid JSON object: {message}")
