"""Endpoints: their life from Creating to Deleting, and the fleets that serve them.

States and transitions follow DescribeEndpoint ("EndpointStatus"), UpdateEndpoint and the Developer Guide's "Blue/green
deployments": new instances come up before the old ones go, and when they fail, the endpoint stays InService on the old
ones with a FailureReason.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from localcloud.sagemaker.deployment import Deployment, DeploymentFailed
from localcloud.sagemaker.fleet import Fleet
from localcloud.sagemaker.invocation import Invocation
from localcloud.sagemaker.metrics import Gauge
from localcloud.sagemaker.shared import Shared

logger = logging.getLogger(__name__)

ACCEPTING = frozenset({"InService", "Updating", "SystemUpdating", "RollingBack"})
"""States in which an endpoint takes requests."""


def waiting_seconds(deployment_config: dict[str, Any] | None) -> float:
    """Cloud seconds for which an update keeps the old instances after the new ones serve (BlueGreenUpdatePolicy)."""
    policy = (deployment_config or {}).get("BlueGreenUpdatePolicy", {})
    routing = policy.get("TrafficRoutingConfiguration", {})
    return float(routing.get("WaitIntervalInSeconds", 0) + policy.get("TerminationWaitInSeconds", 0))


class Endpoint:
    """One endpoint: its durable record, its fleet, and a thread that carries out what it is told.

    ``record`` holds what DescribeEndpoint needs, the ``Deployment`` in service (a snapshot of configuration and model)
    and, while it changes, the ``Pending`` one.
    """

    def __init__(self, shared: Shared, record: dict[str, Any]) -> None:
        self._shared = shared
        self.record = record
        self.name: str = record["EndpointName"]
        self.lock = threading.RLock()
        self.work = threading.Condition()
        self._fleet: Fleet | None = None
        self._growing: Fleet | None = None
        self._retiring: Fleet | None = None
        self._cancelled = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def status(self) -> str:
        """``EndpointStatus``."""
        return str(self.record["EndpointStatus"])

    @property
    def deployment(self) -> Deployment:
        """The generation in service, or the one that comes up."""
        source = self.record.get("Deployment") or self.record["Pending"]
        return Deployment(self.name, source["config"], source["model"])

    @property
    def current(self) -> int:
        """Instances in service."""
        return int(self.record["CurrentInstanceCount"])

    @property
    def process_ids(self) -> list[int]:
        """The containers' process ids."""
        fleet = self._fleet
        return [instance.pid for instance in fleet.instances if instance.pid] if fleet else []

    def save(self, **changes: Any) -> None:
        """Change the record, durably; a value of None removes the key."""
        with self.lock:
            self.record.update(changes, LastModifiedTime=time.time())
            for key in [key for key, value in self.record.items() if value is None]:
                del self.record[key]
            self._shared.store.put("endpoint", self.name, self.record)

    def _begin(self, work: Callable[[], None]) -> None:
        previous = self._thread

        def run() -> None:
            if previous:  # still bringing back what a restart found, while the record already says InService
                previous.join()
            try:
                if not self._cancelled.is_set():
                    work()
            except Exception as error:  # the endpoint must not hang in a passing state
                logger.exception("endpoint %s", self.name)
                if not self._cancelled.is_set():
                    settled = "InService" if "Deployment" in self.record else "Failed"
                    self.save(EndpointStatus=settled, Pending=None, FailureReason=f"InternalFailure: {error}")

        self._thread = threading.Thread(target=run, daemon=True, name=f"sagemaker-{self.name}")
        self._thread.start()

    # What the control plane asks for -----------------------------------------------------------------------------

    def create(self) -> None:
        """Bring up the pending deployment for the first time."""
        self._begin(self._create)

    def update(self) -> None:
        """Replace the deployment by the pending one."""
        self._begin(self._update)

    def scale(self) -> None:
        """Bring the number of instances to ``DesiredInstanceCount``."""
        self._begin(self._scale)

    def resume(self) -> None:
        """After a restart of the cloud: bring back what was in service and go on with what was under way."""
        if self.status == "Creating":
            self.create()
        elif self.status in ACCEPTING:
            self._begin(self._resume)

    def delete(self, gone: Callable[[], None]) -> None:
        """Stop everything, then call ``gone``."""
        previous = self._thread
        self._cancelled.set()

        def work() -> None:
            self._stop_fleets()
            if previous:
                previous.join()
            self._stop_fleets()
            gone()

        self._thread = threading.Thread(target=work, daemon=True, name=f"sagemaker-{self.name}-delete")
        self._thread.start()

    def stop(self) -> None:
        """The cloud stops: end the processes, keep the record."""
        self._cancelled.set()
        self._stop_fleets()
        if self._thread:
            self._thread.join(timeout=30)
        self._stop_fleets()

    def wake(self) -> None:
        """A request has come."""
        with self.work:
            self.work.notify()

    def expire_requests(self) -> None:
        """Fail what has expired, with or without instances."""
        for request in self._shared.queue.expired(self.name):
            Invocation(self._shared, self.deployment).expire(request)

    def gauge(self) -> Gauge:
        """The queue and the instances now."""
        return Gauge(
            self.name,
            self._shared.queue.backlog(self.name),
            self.current,
            self.deployment.variant_name,
            tuple(self.process_ids),
        )

    # What the endpoint's thread does -----------------------------------------------------------------------------

    def _stop_fleets(self) -> None:
        for fleet in (self._fleet, self._growing, self._retiring):
            if fleet:
                fleet.stop()

    def _provision(self) -> bool:
        """Wait as long as AWS takes to start an instance; False when the endpoint goes meanwhile."""
        return not self._cancelled.wait(self._shared.provision_seconds)

    def _grown(self, deployment: Deployment, count: int) -> Fleet | None:
        """A fleet with ``count`` instances that do not serve yet; None when the endpoint goes meanwhile."""
        fleet = Fleet(self._shared, deployment, self.work)
        self._growing = fleet
        if count and not self._provision():
            return None
        fleet.grow(count)
        return None if self._cancelled.is_set() else fleet

    def _take_over(self, fleet: Fleet) -> None:
        self._fleet, self._growing = fleet, None
        fleet.serve()

    def _create(self) -> None:
        pending = self.record["Pending"]
        deployment = Deployment(self.name, pending["config"], pending["model"])
        try:
            fleet = self._grown(deployment, int(self.record["DesiredInstanceCount"]))
        except DeploymentFailed as error:
            if not self._cancelled.is_set():
                self.save(EndpointStatus="Failed", FailureReason=str(error)[:1024])
            return
        if fleet is None:
            return
        count = len(fleet.instances)
        self.save(
            EndpointStatus="InService",
            Deployment=pending,
            Pending=None,
            FailureReason=None,
            CurrentInstanceCount=count,
        )
        self._take_over(fleet)
        self._announce_leftovers()

    def _update(self) -> None:
        if "Pending" not in self.record:  # done already, on the way back from a restart
            return
        pending, count = self.record["Pending"], int(self.record["PendingInstanceCount"])
        deployment = Deployment(self.name, pending["config"], pending["model"])
        try:
            fleet = self._grown(deployment, count)
        except DeploymentFailed as error:
            if not self._cancelled.is_set():
                # UpdateEndpoint: "if the update fails, the endpoint stays InService with the old configuration".
                self.save(
                    EndpointStatus="InService",
                    Pending=None,
                    PendingInstanceCount=None,
                    FailureReason=str(error)[:1024],
                )
            return
        if fleet is None:
            return
        self._retiring = old = self._fleet
        self._take_over(fleet)
        self.save(
            Deployment=pending,
            EndpointConfigName=pending["config"]["EndpointConfigName"],
            DesiredInstanceCount=count,
            CurrentInstanceCount=count,
        )
        if old:
            old.rest()
            # "Blue/green deployments": the baking period, then the wait before the blue fleet is terminated.
            self._cancelled.wait(self._shared.cloud.clock.real(waiting_seconds(self.record.get("DeploymentConfig"))))
            old.shrink(len(old.instances), self._cancelled.is_set)
            self._retiring = None
        if not self._cancelled.is_set():
            self.save(EndpointStatus="InService", Pending=None, PendingInstanceCount=None, FailureReason=None)

    def _scale(self) -> None:
        fleet, desired = self._fleet, int(self.record["DesiredInstanceCount"])
        if fleet is None:
            fleet = self._fleet = Fleet(self._shared, self.deployment, self.work)
        present = len(fleet.instances)
        failure = None
        if desired > present:
            if not self._provision():
                return
            try:
                fleet.grow(desired - present)
            except DeploymentFailed as error:
                failure = str(error)[:1024]
        elif desired < present:
            # The leaving instances count no longer: AWS takes an instance out of service before it ends it.
            self.save(CurrentInstanceCount=desired)
            fleet.shrink(present - desired, self._cancelled.is_set)
        if self._cancelled.is_set():
            return
        count = len(fleet.instances)
        self.save(
            EndpointStatus="InService", CurrentInstanceCount=count, DesiredInstanceCount=count, FailureReason=failure
        )
        fleet.serve()

    def _resume(self) -> None:
        """Nothing is provisioned: on AWS these instances would never have gone."""
        count = self.current
        fleet = Fleet(self._shared, self.deployment, self.work)
        self._growing = fleet
        try:
            fleet.grow(count)
        except DeploymentFailed as error:
            if self._cancelled.is_set():  # stopped while it came up: nothing of it has failed
                return
            logger.warning("endpoint %s: %s", self.name, error)
            self.save(CurrentInstanceCount=0, DesiredInstanceCount=0, FailureReason=str(error)[:1024])
        if self._cancelled.is_set():
            return
        self._take_over(fleet)
        self._announce_leftovers()
        if "Pending" in self.record:
            self._update()
        elif int(self.record["DesiredInstanceCount"]) != self.current:
            self._scale()
        elif self.status != "InService":
            self.save(EndpointStatus="InService")

    def _announce_leftovers(self) -> None:
        """Send the notifications that a crash may have kept back."""
        for request in self._shared.queue.unannounced(self.name):
            if request.outcome:
                Invocation(self._shared, self.deployment).announce(request, request.outcome)
