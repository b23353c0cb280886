"""Requests against a real endpoint: what a caller gets, finds in S3, and is told."""

from __future__ import annotations

import json
from typing import Any

World = Any


def test_answer_lies_in_s3_and_is_announced(world: World, endpoint: str) -> None:
    answer = world.invoke(endpoint, {"n": 1}, InferenceId="first", CustomAttributes="trace=7")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert answer["InferenceId"] == "first"
    assert answer["OutputLocation"].startswith(f"s3://{world.bucket}/output/")
    assert answer["FailureLocation"].endswith("-error.out")
    notice = world.notice("first")
    body = json.loads(world.read(answer["OutputLocation"]))
    assert body["n"] == 1
    assert body["weights"] == "w1"
    assert body["attributes"] == "trace=7"
    assert notice["invocationStatus"] == "Completed"
    assert notice["responseParameters"] == {
        "contentType": "application/json",
        "outputLocation": answer["OutputLocation"],
    }
