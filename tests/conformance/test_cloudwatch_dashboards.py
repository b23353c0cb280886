"""Amazon CloudWatch: dashboards, and the protocols that it speaks."""

from __future__ import annotations

import datetime as dt
import json
import urllib.parse
import urllib.request
from typing import Any

import botocore.auth
import botocore.awsrequest
import cbor2
import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account

API = "AmazonCloudWatch/latest/APIReference/API_"
RECORDED = "localstack:tests/aws/services/cloudwatch/test_cloudwatch.py::"
BODY = json.dumps(
    {"widgets": [{"type": "text", "x": 0, "y": 0, "width": 3, "height": 3, "properties": {"markdown": "<&>"}}]}
)


@behaviour(
    "cloudwatch",
    ("PutDashboard", "GetDashboard", "ListDashboards", "DeleteDashboards"),
    "A dashboard's life",
    RECORDED + "TestCloudwatch::test_dashboard_lifecycle",
)
def test_life(aws: Account) -> None:
    cloudwatch, name = aws.client("cloudwatch"), aws.name("dashboard")
    assert cloudwatch.put_dashboard(DashboardName=name, DashboardBody=BODY)["DashboardValidationMessages"] == []
    found = cloudwatch.get_dashboard(DashboardName=name)
    assert found["DashboardArn"] == f"arn:aws:cloudwatch::{aws.account}:dashboard/{name}"
    assert found["DashboardBody"] == BODY
    (listed,) = cloudwatch.list_dashboards(DashboardNamePrefix=name)["DashboardEntries"]
    assert (listed["DashboardName"], listed["Size"]) == (name, len(BODY))
    cloudwatch.delete_dashboards(DashboardNames=[name])
    with aws.refused("ResourceNotFound", f"Dashboard {name} does not exist", status=404):
        cloudwatch.get_dashboard(DashboardName=name)


@behaviour(
    "cloudwatch",
    "PutDashboard",
    "The name with:colon is refused",
    RECORDED + "TestCloudwatch::test_invalid_dashboard_name",
)
def test_bad_name(aws: Account) -> None:
    with aws.refused("InvalidParameterValue", "It can only contain alphanumerics, dash (-) and underscore (_)."):
        aws.client("cloudwatch").put_dashboard(DashboardName="with:colon", DashboardBody=BODY)


@behaviour("cloudwatch", "PutDashboard", "The body {body} is refused", API + "PutDashboard.html")
@pytest.mark.parametrize("body", ["{nope", "[]", "{}", '{"widgets": 1}', '{"widgets": [1]}', '{"widgets": [{"x": 1}]}'])
def test_bad_body(aws: Account, body: str) -> None:
    with aws.refused("InvalidParameterInput"):
        aws.client("cloudwatch").put_dashboard(DashboardName=aws.name(), DashboardBody=body)


@behaviour("cloudwatch", "DeleteDashboards", "None is deleted when one is not there", API + "DeleteDashboards.html")
def test_delete_missing(aws: Account) -> None:
    cloudwatch, name = aws.client("cloudwatch"), aws.name("dashboard")
    cloudwatch.put_dashboard(DashboardName=name, DashboardBody=BODY)
    aws.later(cloudwatch.delete_dashboards, DashboardNames=[name])
    with aws.refused("ResourceNotFound", status=404):
        cloudwatch.delete_dashboards(DashboardNames=[name, aws.name()])
    assert cloudwatch.get_dashboard(DashboardName=name)["DashboardName"] == name


def send(aws: Account, protocol: str, operation: str, parameters: dict[str, Any]) -> Any:
    """Call CloudWatch in ``protocol`` without boto3's help; the decoded answer, or (status, error)."""
    url, headers = aws.client("cloudwatch").meta.endpoint_url + "/", {}
    if protocol == "query":
        fields = {"Action": operation, "Version": "2010-08-01", **parameters}
        body = urllib.parse.urlencode(fields).encode()
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    elif protocol == "json":
        body = json.dumps(parameters).encode()
        headers.update(
            {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"GraniteServiceVersion20100801.{operation}"}
        )
    else:
        url += f"service/GraniteServiceVersion20100801/operation/{operation}"
        body = cbor2.dumps(parameters)
        headers.update(
            {"Content-Type": "application/cbor", "Accept": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
        )
    request = botocore.awsrequest.AWSRequest("POST", url, headers, body)
    credentials = aws.session.get_credentials().get_frozen_credentials()
    botocore.auth.SigV4Auth(credentials, "monitoring", aws.region).add_auth(request)
    prepared = urllib.request.Request(url, body, dict(request.headers.items()))
    try:
        with urllib.request.urlopen(prepared) as response:
            content = response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    aws.called.add(("cloudwatch", operation))
    return (
        cbor2.loads(content) if protocol == "cbor" else json.loads(content) if protocol == "json" else content.decode()
    )


@behaviour(
    "cloudwatch",
    ("PutMetricData", "ListMetrics"),
    "CloudWatch speaks {protocol}",
    RECORDED + "TestCloudWatchMultiProtocol::test_basic_operations_multiple_protocols",
)
@pytest.mark.parametrize("protocol", ["query", "json", "cbor"])
def test_protocols(aws: Account, protocol: str) -> None:
    namespace = aws.name()
    if protocol == "query":
        put = {"Namespace": namespace, "MetricData.member.1.MetricName": "m", "MetricData.member.1.Value": "1.5"}
    else:
        put = {"Namespace": namespace, "MetricData": [{"MetricName": "m", "Value": 1.5}]}  # type: ignore[dict-item]
    send(aws, protocol, "PutMetricData", put)
    found = send(aws, protocol, "ListMetrics", {"Namespace": namespace})
    if protocol == "query":
        assert "<MetricName>m</MetricName>" in found
    else:
        assert found["Metrics"] == [{"Namespace": namespace, "MetricName": "m", "Dimensions": []}]


@behaviour(
    "cloudwatch",
    "GetMetricStatistics",
    "Times and numbers arrive in CBOR's own types",
    RECORDED + "TestCloudWatchMultiProtocol::test_basic_operations_multiple_protocols",
)
def test_cbor_types(aws: Account) -> None:
    namespace, moment = aws.name(), dt.datetime.now(dt.UTC).replace(microsecond=0)
    send(
        aws,
        "cbor",
        "PutMetricData",
        {"Namespace": namespace, "MetricData": [{"MetricName": "m", "Value": 2.0, "Timestamp": moment}]},
    )
    found = send(
        aws,
        "cbor",
        "GetMetricStatistics",
        {
            "Namespace": namespace,
            "MetricName": "m",
            "StartTime": moment - dt.timedelta(minutes=1),
            "EndTime": moment + dt.timedelta(minutes=1),
            "Period": 60,
            "Statistics": ["Sum"],
        },
    )
    (datapoint,) = found["Datapoints"]
    assert datapoint == {"Timestamp": moment.replace(second=0), "Sum": 2.0, "Unit": "None"}


@behaviour("cloudwatch", "PutMetricData", "A compressed request is read", API + "PutMetricData.html")
def test_compressed(aws: Account) -> None:
    cloudwatch, sizes = aws.client("cloudwatch"), []
    cloudwatch.meta.events.register(
        "before-send.cloudwatch", lambda request, **_: sizes.append(request.headers.get("Content-Encoding"))
    )
    data = [{"MetricName": f"a-metric-with-a-long-name-{i}", "Value": float(i)} for i in range(400)]
    cloudwatch.put_metric_data(Namespace=aws.name(), MetricData=data)
    assert sizes[0] in ("gzip", b"gzip")
