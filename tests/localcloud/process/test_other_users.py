"""What another user of this machine gets of a local cloud: nothing."""

from __future__ import annotations

import datetime as dt
import http.client
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.localcloud.conftest import CloudUnderTest

pytestmark = pytest.mark.cloud


def test_the_state_folder_is_its_owners_alone(cloud: CloudUnderTest) -> None:
    state = cloud.running.state_dir
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert stat.S_IMODE((state / "credentials.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("file", ["credentials.json", "cloud.log", "cloud.json", "s3", "ministack"])
def test_another_user_reads_nothing_of_it(cloud: CloudUnderTest, file: str) -> None:
    if os.geteuid() != 0:
        assert cloud.running.state_dir.stat().st_mode & 0o077 == 0
        return
    # The folder itself must keep others out, whatever is above it.
    opened = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import os; os.chdir({str(cloud.running.state_dir)!r}); os.setuid(65534); open({file!r})",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "PermissionError" in opened.stderr


def test_the_access_keys_id_opens_nothing(cloud: CloudUnderTest) -> None:
    """AWS's tools take the id for public: it is in caches, in presigned URLs and in logs."""
    now = dt.datetime.now(dt.UTC)
    scope = f"{cloud.running.environment['AWS_ACCESS_KEY_ID']}/{now:%Y%m%d}/us-east-1/lambda/aws4_request"
    headers = {
        "X-Amz-Date": f"{now:%Y%m%dT%H%M%SZ}",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={'0' * 64}",
    }
    connection = http.client.HTTPConnection(cloud.running.endpoint_url.removeprefix("http://"), timeout=10)
    connection.request("GET", "/2015-03-31/functions/", headers=headers)
    answer = connection.getresponse()
    assert answer.status == 403
    assert b"SignatureDoesNotMatch" in answer.read()


def test_the_secret_is_in_no_command_line_and_no_log(cloud: CloudUnderTest) -> None:
    secret = cloud.running.environment["AWS_SECRET_ACCESS_KEY"].encode()
    cloud.client("s3").list_buckets()
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert secret not in process.read_bytes(), process
        except OSError:
            continue  # it has ended
    assert secret not in (cloud.running.state_dir / "cloud.log").read_bytes()
