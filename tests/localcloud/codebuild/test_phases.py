"""Phases, commands and their exit statuses.

AWS CodeBuild User Guide: "Build specification reference for CodeBuild", "Build phase transitions".
"""

from __future__ import annotations

import pytest

from .conftest import BUCKET, Bench, context, phases

pytestmark = pytest.mark.cloud

ALL = [
    "SUBMITTED",
    "QUEUED",
    "PROVISIONING",
    "DOWNLOAD_SOURCE",
    "INSTALL",
    "PRE_BUILD",
    "BUILD",
    "POST_BUILD",
    "UPLOAD_ARTIFACTS",
    "FINALIZING",
    "COMPLETED",
]


def test_a_build_of_a_zip_in_s3_runs_its_buildspec_and_uploads_an_artifact(bench: Bench) -> None:
    buildspec = """\
version: 0.2
phases:
  build:
    commands:
      - cat hello.txt > out.txt
      - ./run.sh
artifacts:
  files: [out.txt]
"""
    files = {"buildspec.yml": buildspec, "hello.txt": "hello\n", "run.sh": (0o100755, "#!/bin/sh\necho ran\n")}
    artifacts = {"type": "S3", "location": BUCKET, "path": "out", "name": "thin.zip", "packaging": "ZIP"}
    build = bench.run("", files, artifacts=artifacts)
    assert build["buildStatus"] == "SUCCEEDED", bench.log(build)
    assert list(phases(build)) == ALL
    assert set(list(phases(build).values())[:-1]) == {"SUCCEEDED"}
    assert build["artifacts"]["location"] == f"arn:aws:s3:::{BUCKET}/out/thin.zip"
    assert bench.files("out/thin.zip") == {"out.txt": b"hello\n"}
    assert bench.printed(build) == ["ran"]


def test_a_failed_command_fails_its_phase_with_awss_message(bench: Bench) -> None:
    build = bench.run("version: 0.2\nphases:\n  build:\n    commands:\n      - exit 3\n      - echo never\n")
    assert build["buildStatus"] == "FAILED"
    assert context(build, "BUILD") == (
        "COMMAND_EXECUTION_ERROR",
        "Error while executing command: exit 3. Reason: exit status 3",
    )
    assert "never" not in bench.printed(build)
