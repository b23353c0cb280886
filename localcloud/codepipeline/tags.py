"""Tags of pipelines."""

from __future__ import annotations

from typing import Any

from localcloud.cloud import Cloud
from localcloud.codepipeline.executions.engine import Engine
from localcloud.services import ServiceError

MOST = 50
"""CodePipeline User Guide, "Quotas"."""


class Tags:
    """TagResource, UntagResource, ListTagsForResource; tags are in the pipeline's record."""

    def __init__(self, cloud: Cloud, engine: Engine) -> None:
        self._prefix = cloud.arn("codepipeline", "")
        self._engine = engine

    def put(self, row: dict[str, Any], tags: list[dict[str, str]]) -> None:
        """Add ``tags`` to the record ``row``, which the caller saves; refuses more than 50 of them."""
        wanted = row["Tags"] | {tag["key"]: tag["value"] for tag in tags}
        if len(wanted) > MOST:
            raise ServiceError("TooManyTagsException", f"A resource can have no more than {MOST} tags.")
        row["Tags"] = wanted

    def _row(self, arn: str) -> dict[str, Any]:
        if not arn.startswith(self._prefix):
            raise ServiceError("InvalidArnException", f"{arn} is not a pipeline of this account and region.")
        row = self._engine.records.pipeline(arn.removeprefix(self._prefix))
        if row is None:
            raise ServiceError("ResourceNotFoundException", f"The pipeline {arn} does not exist.")
        return row

    def tag(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """TagResource."""
        with self._engine.lock:
            row = self._row(parameters["resourceArn"])
            self.put(row, parameters["tags"])
            self._engine.records.save_pipeline(row)
        return {}

    def untag(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """UntagResource."""
        with self._engine.lock:
            row = self._row(parameters["resourceArn"])
            row["Tags"] = {key: value for key, value in row["Tags"].items() if key not in parameters["tagKeys"]}
            self._engine.records.save_pipeline(row)
        return {}

    def list(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """ListTagsForResource."""
        with self._engine.lock:
            tags = self._row(parameters["resourceArn"])["Tags"]
        return {"tags": [{"key": key, "value": value} for key, value in sorted(tags.items())]}
