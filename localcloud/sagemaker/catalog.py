"""Models and endpoint configurations: what may be in them, and their create, describe, list and delete."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from localcloud.sagemaker.preconditions import check_image, check_model_data, check_role
from localcloud.sagemaker.shared import Shared, bucket_and_key, invalid, not_offered, resource_arn
from localcloud.services import ServiceError

WORDS = {"model": "model", "endpoint-config": "endpoint configuration", "endpoint": "endpoint"}
MOST_TAGS = 50
PREFIX = {"model": "Model", "endpoint-config": "EndpointConfig", "endpoint": "Endpoint"}


def moment(seconds: float) -> datetime.datetime:
    """A timestamp as boto3 gives it."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


def not_found(shared: Shared, kind: str, name: str) -> ServiceError:
    """AWS's words for a resource that does not exist.

    Parameters
    ----------
    shared : Shared
    kind : str
        ``model``, ``endpoint-config`` or ``endpoint``.
    name : str
    """
    return invalid(f'Could not find {WORDS[kind]} "{resource_arn(shared.cloud, kind, name)}".')


def already_exists(shared: Shared, kind: str, name: str) -> ServiceError:
    """AWS's words for a name that is taken.

    Parameters
    ----------
    shared : Shared
    kind : str
        ``model``, ``endpoint-config`` or ``endpoint``.
    name : str
    """
    return invalid(f'Cannot create already existing {WORDS[kind]} "{resource_arn(shared.cloud, kind, name)}".')


def page(
    rows: list[dict[str, Any]], kind: str, parameters: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], str | None]:
    """Filter, sort and cut a list as the List operations do; ``NextToken`` is the position.

    Parameters
    ----------
    rows : list of dict
        All resources of the kind.
    kind : str
        ``model``, ``endpoint-config`` or ``endpoint``.
    parameters : mapping
        Of the operation.

    Raises
    ------
    ServiceError
        For a token that this function did not give.
    """
    key = PREFIX[kind] + "Name"
    tests: dict[str, Callable[[dict[str, Any], Any], bool]] = {
        "NameContains": lambda row, value: value in row[key],
        "CreationTimeBefore": lambda row, value: row["CreationTime"] < value,
        "CreationTimeAfter": lambda row, value: row["CreationTime"] > value,
        "LastModifiedTimeBefore": lambda row, value: row["LastModifiedTime"] < value,
        "LastModifiedTimeAfter": lambda row, value: row["LastModifiedTime"] > value,
        "StatusEquals": lambda row, value: row["EndpointStatus"] == value,
    }
    for name, test in tests.items():
        if name in parameters:
            rows = [row for row in rows if test(row, parameters[name])]
    by = {"Name": key, "Status": "EndpointStatus"}.get(parameters.get("SortBy", ""), "CreationTime")
    rows.sort(key=lambda row: row[by], reverse=parameters.get("SortOrder", "Descending") == "Descending")
    token = parameters.get("NextToken", "0")
    if not token.isdigit():
        raise invalid("Invalid pagination token.")
    start, size = int(token), int(parameters.get("MaxResults", 10))
    return rows[start : start + size], str(start + size) if start + size < len(rows) else None


def _check_s3(uri: str, what: str) -> None:
    try:
        bucket_and_key(uri)
    except ValueError as error:
        raise not_offered(f"{what}: {error}") from None


def _check_container(container: Mapping[str, Any]) -> None:
    for name in ("MultiModelConfig", "AdditionalModelDataSources", "ModelPackageName", "InferenceSpecificationName"):
        if container.get(name):
            raise not_offered(f"PrimaryContainer.{name}")
    if container.get("Mode") == "MultiModel":
        raise not_offered("multi-model containers")
    if not container.get("Image"):
        raise invalid("A container must have an Image or a ModelPackageName.")
    check_image(container["Image"])
    if container.get("ModelDataUrl"):
        _check_s3(container["ModelDataUrl"], "this ModelDataUrl")
    source = container.get("ModelDataSource", {}).get("S3DataSource")
    if source is None:
        return
    if container.get("ModelDataUrl"):
        raise invalid("Specify either ModelDataUrl or ModelDataSource, not both.")
    _check_s3(source["S3Uri"], "this S3Uri")
    form: tuple[str, str] = (source["S3DataType"], source["CompressionType"])
    if form not in (("S3Object", "Gzip"), ("S3Prefix", "None")):
        raise not_offered(
            f"S3DataType {form[0]} with CompressionType {form[1]}", "Use S3Object with Gzip, or S3Prefix with None."
        )
    if form[0] == "S3Prefix" and not source["S3Uri"].endswith("/"):
        raise invalid("S3Uri must end with a forward slash when S3DataType is S3Prefix.")
    for name in ("HubAccessConfig", "ManifestS3Uri"):
        if source.get(name):
            raise not_offered(f"S3DataSource.{name}")


def check_model(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """CreateModel's parameters with the container as ``PrimaryContainer``; refuses what is not offered."""
    model = {key: value for key, value in parameters.items() if key != "Tags"}
    containers = model.pop("Containers", [])
    if len(containers) > 1:
        raise not_offered("inference pipelines (several Containers)")
    if containers:
        if "PrimaryContainer" in model:
            raise invalid("Specify either PrimaryContainer or Containers, not both.")
        model["PrimaryContainer"] = containers[0]
    if "PrimaryContainer" not in model:
        raise invalid("CreateModel needs PrimaryContainer or Containers.")
    if model.get("InferenceExecutionConfig", {}).get("Mode") == "Direct":
        raise not_offered("InferenceExecutionConfig.Mode Direct")
    if model.get("VpcConfig"):
        raise not_offered("VpcConfig", "A model runs as a process of this machine, with its network.")
    _check_container(model["PrimaryContainer"])
    return model


REFUSED_IN_VARIANT = {
    "ServerlessConfig": "serverless inference",
    "AcceleratorType": "Elastic Inference",
    "CoreDumpConfig": "core dumps",
    "ManagedInstanceScaling": "managed instance scaling",
    "InstancePools": "instance pools",
    "RoutingConfig": "routing strategies",
    "CapacityReservationConfig": "capacity reservations",
    "EnableSSMAccess": "SSM access to instances",
}


def check_config(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """CreateEndpointConfig's parameters; refuses what is not offered."""
    config = {key: value for key, value in parameters.items() if key != "Tags"}
    for name in ("ExplainerConfig", "ShadowProductionVariants", "ExecutionRoleArn"):
        if config.get(name):
            raise not_offered(f"{name} in an endpoint configuration")
    if config.get("DataCaptureConfig", {}).get("EnableCapture"):
        raise not_offered("data capture")
    for name in ("EnableNetworkIsolation", "VpcConfig"):
        if config.get(name):
            raise not_offered(name, "A model runs as a process of this machine, with its network.")
    if "AsyncInferenceConfig" not in config:
        raise not_offered("real-time endpoints", "Give an AsyncInferenceConfig.")
    _check_async(config["AsyncInferenceConfig"])
    variants = config["ProductionVariants"]
    if len(variants) > 1:
        raise not_offered("more than one production variant")
    for name, feature in REFUSED_IN_VARIANT.items():
        if variants[0].get(name):
            raise not_offered(feature)
    for name in ("ModelName", "InitialInstanceCount", "InstanceType"):
        if name not in variants[0]:
            raise invalid(f"ProductionVariants[0] must have {name}.")
    return config


def _check_async(settings: Mapping[str, Any]) -> None:
    output = settings["OutputConfig"]
    if not output.get("S3OutputPath"):
        raise not_offered("an AsyncInferenceConfig without OutputConfig.S3OutputPath")
    for name in ("S3OutputPath", "S3FailurePath"):
        if output.get(name):
            _check_s3(output[name], f"this {name}")
    if output.get("NotificationConfig", {}).get("IncludeInferenceResponseIn"):
        raise not_offered("IncludeInferenceResponseIn", "Read the response at its output location.")


def check_tags(keys: Iterable[str]) -> None:
    """Refuse AWS's own prefix and keys that come twice (API reference, Tag); raises :class:`ServiceError`."""
    seen: set[str] = set()
    for key in keys:
        if key.lower().startswith("aws:"):
            raise invalid("aws: prefixed tag key names are not allowed for external use.")
        if key in seen:
            raise invalid(f"Duplicate tag key: {key}")
        seen.add(key)


class Catalog:
    """Models and endpoint configurations."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    def get(self, kind: str, name: str) -> dict[str, Any]:
        """The stored resource, whatever the case of its name; raises AWS's error when there is none."""
        found = self._shared.store.find(kind, name)
        if found is None:
            raise not_found(self._shared, kind, name)
        return found

    def create(self, kind: str, body: dict[str, Any], tags: list[dict[str, str]]) -> dict[str, Any]:
        """Store a new resource; returns its ARN under the operation's name. Raises AWS's error when the name is taken.

        Parameters
        ----------
        kind : str
            ``model`` or ``endpoint-config``.
        body : dict
            What Describe answers.
        tags : list of dict
            ``{"Key": …, "Value": …}``.
        """
        name = body[PREFIX[kind] + "Name"]
        arn = resource_arn(self._shared.cloud, kind, name)
        check_tags(tag["Key"] for tag in tags)
        with self._shared.store.transaction():
            if self._shared.store.find(kind, name) is not None:
                raise already_exists(self._shared, kind, name)
            self._shared.store.put(kind, name, body | {PREFIX[kind] + "Arn": arn, "CreationTime": time.time()})
            self._shared.store.put("tags", arn, {tag["Key"]: tag["Value"] for tag in tags})
        return {PREFIX[kind] + "Arn": arn}

    def create_model(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """CreateModel; role and data must be there."""
        model = check_model(parameters)
        role = model.get("ExecutionRoleArn")
        if role is not None:
            check_role(self._shared.cloud, role)
        check_model_data(self._shared.cloud, model["PrimaryContainer"], role)
        return self.create("model", model, parameters.get("Tags", []))

    def create_config(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """CreateEndpointConfig; the model must be there."""
        config = check_config(parameters)
        self.get("model", config["ProductionVariants"][0]["ModelName"])
        return self.create("endpoint-config", config, parameters.get("Tags", []))

    def describe(self, kind: str, name: str) -> dict[str, Any]:
        """DescribeModel, DescribeEndpointConfig."""
        body = self.get(kind, name)
        return body | {"CreationTime": moment(body["CreationTime"])}

    def list(self, kind: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """ListModels, ListEndpointConfigs."""
        keys = PREFIX[kind] + "Name", PREFIX[kind] + "Arn"
        rows = [
            {key: body[key] for key in keys} | {"CreationTime": moment(body["CreationTime"])}
            for body in self._shared.store.all(kind).values()
        ]
        rows, token = page(rows, kind, parameters)
        return {PREFIX[kind] + "s": rows} | ({"NextToken": token} if token else {})

    def delete(self, kind: str, name: str) -> dict[str, Any]:
        """DeleteModel, DeleteEndpointConfig: endpoints that run them go on."""
        body = self.get(kind, name)
        with self._shared.store.transaction():
            self._shared.store.delete(kind, body[PREFIX[kind] + "Name"])
            self._shared.store.delete("tags", body[PREFIX[kind] + "Arn"])
        return {}


class Tags:
    """AddTags, ListTags, DeleteTags on models, configurations and endpoints."""

    def __init__(self, shared: Shared) -> None:
        self._store = shared.store

    def _get(self, arn: str) -> dict[str, str]:
        found = self._store.get("tags", arn)
        if found is None:
            raise invalid(f"Could not find resource {arn}.")
        return found

    def add(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """AddTags."""
        arn = parameters["ResourceArn"]
        check_tags(tag["Key"] for tag in parameters["Tags"])
        with self._store.transaction():
            tags = self._get(arn) | {tag["Key"]: tag["Value"] for tag in parameters["Tags"]}
            if len(tags) > MOST_TAGS:
                raise invalid(f"{arn} would have {len(tags)} tags; it can have {MOST_TAGS}.")
            self._store.put("tags", arn, tags)
        return self.list(parameters)

    def list(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """ListTags; never more than fifty, so one page."""
        tags = self._get(parameters["ResourceArn"])
        return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}

    def delete(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """DeleteTags."""
        arn = parameters["ResourceArn"]
        check_tags(set(parameters["TagKeys"]))
        with self._store.transaction():
            tags = {key: value for key, value in self._get(arn).items() if key not in parameters["TagKeys"]}
            self._store.put("tags", arn, tags)
        return {}
