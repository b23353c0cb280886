"""Publishes the metrics of asynchronous endpoints, once each minute of the cloud's clock.

SageMaker Developer Guide, "Monitor asynchronous endpoint": an exhaustive list, so nothing else is published in this
namespace. The queue's gauges have the dimension EndpointName alone, everything of a request has EndpointName and
VariantName. The instances' own metrics are :mod:`localcloud.sagemaker.utilization`'s.
"""

from __future__ import annotations

import dataclasses
import datetime
import logging
import math
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.clock import Clock
from localcloud.sagemaker import utilization
from localcloud.sagemaker.requests import Backlog

logger = logging.getLogger(__name__)

NAMESPACE = "AWS/SageMaker"
UNITS = {
    "RequestDownloadFailures": "Count",
    "ResponseUploadFailures": "Count",
    "NotificationFailures": "Count",
    "ExpiredRequests": "Count",
    "InvocationFailures": "Count",
    "InvocationsProcessed": "Count",
    "RequestDownloadLatency": "Microseconds",
    "ResponseUploadLatency": "Microseconds",
    "TimeInBacklog": "Microseconds",
    "ModelLatency": "Microseconds",
    "TotalProcessingTime": "Milliseconds",
    "Invocation4XXErrors": "None",
    "Invocation5XXErrors": "None",
}
LONGEST_PAUSE = 1.0
VALUES_PER_DATUM = 150
DATA_PER_CALL = 500


@dataclasses.dataclass(frozen=True)
class Gauge:
    """An endpoint at one moment: its queue, the instances in service, their variant and their processes' ids."""

    endpoint: str
    backlog: Backlog
    instances: int
    variant: str = "AllTraffic"
    processes: tuple[int, ...] = ()


class Metrics:
    """Collects values of requests, asks for gauges, and publishes both.

    Parameters
    ----------
    put : callable
        :attr:`localcloud.cloud.Cloud.put_measurements`.
    clock : Clock
        How long a cloud minute takes.
    gauges : callable
        Gives one :class:`Gauge` for each endpoint that takes requests.
    housekeeping : callable
        Called before each publication and at least every second.
    """

    def __init__(
        self,
        put: Callable[[str, list[dict[str, Any]]], None],
        clock: Clock,
        gauges: Callable[[], list[Gauge]],
        housekeeping: Callable[[], None],
    ) -> None:
        self._publisher = put
        self._clock = clock
        self._gauges = gauges
        self._housekeeping = housekeeping
        self._lock = threading.Lock()
        self._values: dict[tuple[str, str, str], list[float]] = defaultdict(list)
        self._utilization = utilization.Utilization()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="sagemaker-metrics")

    def start(self) -> None:
        """Begin to publish."""
        self._thread.start()

    def stop(self) -> None:
        """Publish what is left, then end."""
        self._ending.set()
        self._thread.join(timeout=5)

    def record(self, endpoint: str, variant: str, **values: float) -> None:
        """Note values of one request, by metric name in the unit of :data:`UNITS`; raises KeyError for another name."""
        with self._lock:
            for name, value in values.items():
                if name not in UNITS:
                    raise KeyError(f"{name} is not a metric of an asynchronous endpoint")
                self._values[endpoint, variant, name].append(value)

    def _run(self) -> None:
        minute, due = self._clock.real(60), 0.0
        while not self._ending.is_set():
            now = time.time()
            if now >= due:
                self._publish()
                # The middle of a minute: alarms look at whole minutes, and near a boundary one would get two
                # datapoints and its neighbour none.
                due = (math.floor(now / minute) + 1.5) * minute
            else:
                self._guarded(self._housekeeping)
            self._ending.wait(min(LONGEST_PAUSE, max(0.0, due - time.time())))
        self._publish()

    def _publish(self) -> None:
        self._guarded(self._housekeeping)
        self._guarded(self._put)

    def _put(self) -> None:
        gauges = self._gauges()
        for namespace, data in (
            (NAMESPACE, list(self._data(gauges))),
            (utilization.NAMESPACE, list(self._instance_data(gauges))),
        ):
            for start in range(0, len(data), DATA_PER_CALL):
                self._publisher(namespace, data[start : start + DATA_PER_CALL])

    @staticmethod
    def _guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except (ClientError, BotoCoreError) as error:
            logger.warning("%s: %s", work.__name__, error)
        except Exception:  # the thread must outlive one bad minute: alarms and so scaling hang on it
            logger.exception("%s", work.__name__)

    def _instance_data(self, gauges: list[Gauge]) -> Iterator[dict[str, Any]]:
        now = datetime.datetime.now(datetime.UTC)
        for gauge in gauges:
            measured = [found for pid in gauge.processes if (found := self._utilization.measure(pid))]
            if measured:
                cpu, memory = zip(*measured, strict=True)
                dimensions = [
                    {"Name": "EndpointName", "Value": gauge.endpoint},
                    {"Name": "VariantName", "Value": gauge.variant},
                ]
                common = {"Dimensions": dimensions, "Timestamp": now, "Unit": "Percent"}
                yield {"MetricName": "CPUUtilization", "Values": list(cpu), **common}
                yield {"MetricName": "MemoryUtilization", "Values": list(memory), **common}
        self._utilization.forget({pid for gauge in gauges for pid in gauge.processes})

    def _data(self, gauges: list[Gauge]) -> Iterator[dict[str, Any]]:
        now = datetime.datetime.now(datetime.UTC)
        for gauge in gauges:
            yield from self._gauge_data(gauge, now)
        with self._lock:
            values, self._values = self._values, defaultdict(list)
        for (endpoint, variant, name), samples in values.items():
            dimensions = [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}]
            for start in range(0, len(samples), VALUES_PER_DATUM):
                yield {
                    "MetricName": name,
                    "Dimensions": dimensions,
                    "Timestamp": now,
                    "Unit": UNITS[name],
                    "Values": samples[start : start + VALUES_PER_DATUM],
                }

    def _gauge_data(self, gauge: Gauge, now: datetime.datetime) -> Iterator[dict[str, Any]]:
        backlog = gauge.backlog
        # Of the real clock, as every measurement and timestamp is: one table shows it beside TimeInBacklog.
        age = 0.0 if backlog.oldest is None else max(0.0, now.timestamp() - backlog.oldest)
        values = {
            "ApproximateBacklogSize": (float(backlog.size), "Count"),
            "ApproximateAgeOfOldestRequest": (age, "Seconds"),
            "HasBacklogWithoutCapacity": (float(backlog.size > 0 and gauge.instances == 0), "Count"),
        }
        if gauge.instances or backlog.size:
            # What it is at zero instances is documented nowhere. "Autoscale an asynchronous endpoint" says that target
            # tracking alone starts the first instance once the backlog exceeds the target: so it counts as if one
            # instance ran. Without requests there is nothing to divide, and no data.
            values["ApproximateBacklogSizePerInstance"] = (backlog.size / max(1, gauge.instances), "Count")
        for name, (value, unit) in values.items():
            yield {
                "MetricName": name,
                "Dimensions": [{"Name": "EndpointName", "Value": gauge.endpoint}],
                "Timestamp": now,
                "Unit": unit,
                "Value": value,
            }
