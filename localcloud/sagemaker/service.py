"""The service ``sagemaker``: the control plane of models, endpoint configurations and endpoints."""

from __future__ import annotations

import math
import threading
import time
from typing import Any

from localcloud.cloud import Cloud
from localcloud.sagemaker.catalog import Catalog, Tags, already_exists, check_tags, moment, not_found, page
from localcloud.sagemaker.endpoints import ACCEPTING, Endpoint, waiting_seconds
from localcloud.sagemaker.logs import EndpointLogs
from localcloud.sagemaker.metrics import Gauge, Metrics
from localcloud.sagemaker.requests import QUEUE, RequestQueue
from localcloud.sagemaker.scaled_variants import check_scaled_variant, deregister, registered
from localcloud.sagemaker.shared import Shared, invalid, not_offered, resource_arn
from localcloud.services import Operation, ResourceType, ServiceError, dispatch
from localcloud.store import Store

INSTANCE_QUOTA = 20
"""Instances of all endpoints together: every one is a process of this machine."""


class SageMaker:
    """Models, endpoint configurations, endpoints and tags."""

    name = "sagemaker"
    resource_types: tuple[ResourceType, ...] = ()

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        store = Store(cloud.state / "sagemaker.sqlite", QUEUE)
        self.queue = RequestQueue(store)
        metrics = Metrics(cloud.put_measurements, cloud.clock, self._gauges, self._housekeeping)
        logs = EndpointLogs(lambda: cloud.client("logs"), cloud.may_log)
        self.shared = Shared(cloud, store, self.queue, logs, metrics)
        self._catalog, tags = Catalog(self.shared), Tags(self.shared)
        self._lock = threading.RLock()
        self._endpoints: dict[str, Endpoint] = {}
        self._last_beat = 0.0
        self._operations: dict[str, Operation] = {
            "CreateModel": self._catalog.create_model,
            "DescribeModel": lambda p: self._catalog.describe("model", p["ModelName"]),
            "ListModels": lambda p: self._catalog.list("model", p),
            "DeleteModel": lambda p: self._catalog.delete("model", p["ModelName"]),
            "CreateEndpointConfig": self._catalog.create_config,
            "DescribeEndpointConfig": lambda p: self._catalog.describe("endpoint-config", p["EndpointConfigName"]),
            "ListEndpointConfigs": lambda p: self._catalog.list("endpoint-config", p),
            "DeleteEndpointConfig": lambda p: self._catalog.delete("endpoint-config", p["EndpointConfigName"]),
            "CreateEndpoint": self._create_endpoint,
            "DescribeEndpoint": lambda p: self._describe(self.endpoint(p["EndpointName"])),
            "ListEndpoints": self._list_endpoints,
            "UpdateEndpoint": self._update_endpoint,
            "UpdateEndpointWeightsAndCapacities": self._update_capacities,
            "DeleteEndpoint": self._delete_endpoint,
            "AddTags": tags.add,
            "ListTags": tags.list,
            "DeleteTags": tags.delete,
        }

    # Life of the service -----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Load the endpoints, requeue what was running, and begin to work."""
        self.queue.recover()
        self.shared.logs.start()
        for name, record in self.shared.store.all("endpoint").items():
            endpoint = Endpoint(self.shared, record)
            if endpoint.status == "Deleting":
                self._forget(name, record["EndpointArn"])
                continue
            self._endpoints[name.lower()] = endpoint
            endpoint.resume()
        self.shared.metrics.start()

    def stop(self) -> None:
        """End every process; what they worked on is queued again."""
        stopping = [threading.Thread(target=endpoint.stop) for endpoint in self._all()]
        for thread in stopping:
            thread.start()
        for thread in stopping:
            thread.join()
        self.shared.metrics.stop()
        self.shared.logs.stop()
        self.queue.heartbeat()
        self.queue.forget_announced(math.inf)
        self.shared.store.close()

    def call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Carry out one operation of the control plane."""
        return dispatch(self._operations, self.name, operation, parameters)

    def summary(self) -> list[str]:
        """Lines for ``python -m localcloud status``."""
        lines = []
        for endpoint in self._all():
            backlog = self.queue.backlog(endpoint.name)
            pids = ", ".join(map(str, endpoint.process_ids)) or "none"
            lines.append(
                f"endpoint {endpoint.name}: {endpoint.status}, {endpoint.current} instances (processes: {pids}), "
                f"{backlog.queued} queued, {backlog.running} running"
            )
        return lines

    def endpoint(self, name: str) -> Endpoint:
        """An endpoint by its name, whatever its case; raises AWS's error when there is none."""
        found = self.find(name)
        if found is None:
            raise not_found(self.shared, "endpoint", name)
        return found

    def find(self, name: str) -> Endpoint | None:
        """An endpoint, if it exists: names are not case-sensitive (CreateEndpoint, EndpointName)."""
        with self._lock:
            return self._endpoints.get(name.lower())

    def _all(self) -> list[Endpoint]:
        with self._lock:
            return list(self._endpoints.values())

    def _gauges(self) -> list[Gauge]:
        return [endpoint.gauge() for endpoint in self._all() if endpoint.status in ACCEPTING]

    def _housekeeping(self) -> None:
        if time.monotonic() - self._last_beat > 0.9:  # real seconds; more often would only wear the disk
            self._last_beat = time.monotonic()
            self.queue.heartbeat()
            self.queue.forget_announced()
        for endpoint in self._all():
            if endpoint.status in ACCEPTING:
                endpoint.expire_requests()

    # Endpoints ---------------------------------------------------------------------------------------------------

    def _snapshot(self, config_name: str) -> dict[str, Any]:
        config = self._catalog.get("endpoint-config", config_name)
        return {"config": config, "model": self._catalog.get("model", config["ProductionVariants"][0]["ModelName"])}

    def _check_quota(self, name: str, instance_type: str, count: int) -> None:
        """Service quota "<type> for endpoint usage"; AWS's words for one that is exceeded."""
        others = sum(int(e.record["DesiredInstanceCount"]) for e in self._all() if e.name != name)
        if others + count > INSTANCE_QUOTA:
            raise ServiceError(
                "ResourceLimitExceeded",
                f"The account-level service limit '{instance_type} for endpoint usage' is {INSTANCE_QUOTA} Instances, "
                f"with current utilization of {others} Instances and a request delta of {count} Instances. "
                "(The limit of the local cloud, whose instances are processes of this machine.)",
            )

    def _create_endpoint(self, parameters: dict[str, Any]) -> dict[str, Any]:
        _check_deployment_config(parameters)
        name = parameters["EndpointName"]
        check_tags(tag["Key"] for tag in parameters.get("Tags", []))
        with self._lock:
            if name.lower() in self._endpoints:
                raise already_exists(self.shared, "endpoint", name)
            pending = self._snapshot(parameters["EndpointConfigName"])
            variant = pending["config"]["ProductionVariants"][0]
            self._check_quota(name, variant["InstanceType"], variant["InitialInstanceCount"])
            now, arn = time.time(), resource_arn(self._cloud, "endpoint", name)
            endpoint = Endpoint(
                self.shared,
                {
                    "EndpointName": name,
                    "EndpointArn": arn,
                    "EndpointConfigName": pending["config"]["EndpointConfigName"],
                    "EndpointStatus": "Creating",
                    "CreationTime": now,
                    "LastModifiedTime": now,
                    "Pending": pending,
                    "CurrentInstanceCount": 0,
                    "DesiredInstanceCount": variant["InitialInstanceCount"],
                    "DeploymentConfig": parameters.get("DeploymentConfig"),
                },
            )
            self._endpoints[name.lower()] = endpoint
            endpoint.save()
            self.shared.store.put("tags", arn, {tag["Key"]: tag["Value"] for tag in parameters.get("Tags", [])})
            endpoint.create()
        return {"EndpointArn": arn}

    def _settled(self, name: str) -> Endpoint:
        endpoint = self.endpoint(name)
        if endpoint.status == "Failed":  # DescribeEndpoint: "DeleteEndpoint is the only operation" on it
            raise invalid(f'Cannot update failed endpoint "{endpoint.record["EndpointArn"]}"; delete it.')
        if endpoint.status != "InService":
            # AWS's words, whichever of the passing states it is in.
            raise invalid(f'Cannot update in-progress endpoint "{endpoint.record["EndpointArn"]}".')
        return endpoint

    def _update_endpoint(self, parameters: dict[str, Any]) -> dict[str, Any]:
        _check_deployment_config(parameters)
        excluded = {item["VariantPropertyType"] for item in parameters.get("ExcludeRetainedVariantProperties", [])}
        if "DataCaptureConfig" in excluded:
            raise not_offered("data capture")
        scaled = registered(self._cloud, self._settled(parameters["EndpointName"]))
        with self._lock:
            endpoint = self._settled(parameters["EndpointName"])
            pending = self._snapshot(parameters["EndpointConfigName"])
            variant = pending["config"]["ProductionVariants"][0]
            count = variant["InitialInstanceCount"]
            retain = parameters.get("RetainAllVariantProperties") and "DesiredInstanceCount" not in excluded
            if retain and variant["VariantName"] == endpoint.deployment.variant_name:
                count = endpoint.record["DesiredInstanceCount"]
            if scaled:
                check_scaled_variant(endpoint, variant)
            self._check_quota(endpoint.name, variant["InstanceType"], count)
            last = endpoint.record.get("DeploymentConfig") if parameters.get("RetainDeploymentConfig") else None
            endpoint.save(
                EndpointStatus="Updating",
                Pending=pending,
                PendingInstanceCount=count,
                DeploymentConfig=parameters.get("DeploymentConfig") or last,
            )
            endpoint.update()
        return {"EndpointArn": endpoint.record["EndpointArn"]}

    def _update_capacities(self, parameters: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            endpoint = self._settled(parameters["EndpointName"])
            wanted = parameters["DesiredWeightsAndCapacities"]
            variant = endpoint.deployment.variant_name
            for item in wanted:
                if item["VariantName"] != variant:
                    raise invalid(
                        f'The variant name(s) "{item["VariantName"]}" is/are not present within endpoint '
                        f'"{endpoint.record["EndpointArn"]}".'
                    )
                if "ServerlessUpdateConfig" in item:
                    raise not_offered("serverless inference")
            count = wanted[-1].get("DesiredInstanceCount", endpoint.record["DesiredInstanceCount"])
            weight = wanted[-1].get("DesiredWeight", endpoint.record.get("Weight", 1.0))
            self._check_quota(endpoint.name, endpoint.deployment.variant["InstanceType"], count)
            endpoint.save(EndpointStatus="Updating", DesiredInstanceCount=count, Weight=weight)
            endpoint.scale()
        return {"EndpointArn": endpoint.record["EndpointArn"]}

    def _delete_endpoint(self, parameters: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            endpoint = self.endpoint(parameters["EndpointName"])
            if endpoint.status == "Deleting":
                raise invalid(f'Cannot update in-progress endpoint "{endpoint.record["EndpointArn"]}".')
            endpoint.save(EndpointStatus="Deleting")
            endpoint.delete(lambda: self._forget(endpoint.name, endpoint.record["EndpointArn"]))
        deregister(self._cloud, endpoint)
        return {}

    def _forget(self, name: str, arn: str) -> None:
        with self._lock, self.shared.store.transaction():
            self.queue.drop(name)
            self.shared.store.delete("endpoint", name)
            self.shared.store.delete("tags", arn)
            self._endpoints.pop(name.lower(), None)

    def _describe(self, endpoint: Endpoint) -> dict[str, Any]:
        with endpoint.lock:
            record = dict(endpoint.record)
        keys = ("EndpointName", "EndpointArn", "EndpointConfigName", "EndpointStatus", "FailureReason")
        answer = {key: record[key] for key in keys if key in record}
        deployment, weight = endpoint.deployment, float(record.get("Weight", 1.0))
        image = {"SpecifiedImage": deployment.container["Image"], "ResolutionTime": moment(record["CreationTime"])}
        answer["ProductionVariants"] = [
            {
                "VariantName": deployment.variant_name,
                "DeployedImages": [image],
                "CurrentWeight": weight,
                "DesiredWeight": weight,
                "CurrentInstanceCount": record["CurrentInstanceCount"],
                "DesiredInstanceCount": record["DesiredInstanceCount"],
            }
        ]
        if "DeploymentConfig" in record:
            answer["LastDeploymentConfig"] = record["DeploymentConfig"]
        answer["AsyncInferenceConfig"] = deployment.config["AsyncInferenceConfig"]
        answer |= {key: moment(record[key]) for key in ("CreationTime", "LastModifiedTime")}
        if record["EndpointStatus"] == "Updating" and "Pending" in record:
            config = record["Pending"]["config"]
            row = {"VariantName": config["ProductionVariants"][0]["VariantName"], "CurrentInstanceCount": 0}
            answer["PendingDeploymentSummary"] = {
                "EndpointConfigName": config["EndpointConfigName"],
                "ProductionVariants": [row | {"DesiredInstanceCount": record["PendingInstanceCount"]}],
                "StartTime": moment(record["LastModifiedTime"]),
            }
        return answer

    def _list_endpoints(self, parameters: dict[str, Any]) -> dict[str, Any]:
        keys = ("EndpointName", "EndpointArn", "EndpointStatus")
        rows = []
        for endpoint in self._all():
            record = endpoint.record
            times = {key: moment(record[key]) for key in ("CreationTime", "LastModifiedTime")}
            rows.append({key: record[key] for key in keys} | times)
        rows, token = page(rows, "endpoint", parameters)
        return {"Endpoints": rows} | ({"NextToken": token} if token else {})


def _check_deployment_config(parameters: dict[str, Any]) -> None:
    settings = parameters.get("DeploymentConfig", {})
    if settings.get("RollingUpdatePolicy") or settings.get("AutoRollbackConfiguration"):
        raise not_offered("rolling updates and automatic rollback on alarms", "Updates are blue/green, all at once.")
    routing = settings.get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {})
    if routing and routing["Type"] != "ALL_AT_ONCE":
        raise not_offered(f"traffic routing {routing['Type']}", "Updates are blue/green, all at once.")
    longest = settings.get("BlueGreenUpdatePolicy", {}).get("MaximumExecutionTimeoutInSeconds")
    if longest is not None and longest <= waiting_seconds(settings):
        raise invalid(
            f"MaximumExecutionTimeoutInSeconds ({longest}) must be larger than WaitIntervalInSeconds and "
            f"TerminationWaitInSeconds together ({waiting_seconds(settings):g})."
        )
