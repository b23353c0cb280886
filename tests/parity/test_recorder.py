import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.stub import Stubber

from helpers.parity import recording as recordings
from helpers.recording.recorder import KEY, Recorder, _key

SESSION = boto3.Session("AKIAQ7XJ5ZL2MN8RTVWB", "kD8fj3/Lq0Zx+Vb72Nn1Rt5Yw9Gc4Hs6Mp0Kd3Xa", region_name="us-east-1")


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for file in folder.glob("lines-*") for line in file.read_text().splitlines()]


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path / "record")


def test_a_call_its_answer_and_an_error(recorder: Recorder):
    client = SESSION.client("sagemaker")
    recorder.attach(client, SESSION.get_credentials())
    with Stubber(client) as stub:
        arn = "arn:aws:sagemaker:us-east-1:482913650274:endpoint/verify"
        stub.add_response("update_endpoint", {"EndpointArn": arn})
        stub.add_client_error("describe_endpoint", "ValidationException", f'Could not find endpoint "{arn}".', 400)
        client.update_endpoint(EndpointName="verify", EndpointConfigName="config")
        with recorder.labelled("missing"), pytest.raises(ClientError):
            client.describe_endpoint(EndpointName="verify")
    first, second = lines(recorder.folder)
    assert (first["service"], first["operation"], first["status"]) == ("sagemaker", "UpdateEndpoint", 200)
    assert first["request"] == {"EndpointName": "verify", "EndpointConfigName": "config"}
    assert first["response"]["EndpointArn"].endswith(":endpoint/verify")
    assert "482913650274" not in json.dumps([first, second])
    assert second["label"] == "missing"
    assert second["error"]["code"] == "ValidationException"
    assert second["status"] == 400


def test_a_call_that_nobody_answers(recorder: Recorder):
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=1)
    client = SESSION.client("sts", endpoint_url="http://127.0.0.1:9", config=config)
    recorder.attach(client)
    with pytest.raises(EndpointConnectionError):
        client.get_caller_identity()
    (line,) = lines(recorder.folder)
    assert line["status"] == 0
    assert line["error"]["code"] == "EndpointConnectionError"


def test_bodies_and_keys_are_not_written(recorder: Recorder):
    client = SESSION.client("s3")
    recorder.attach(client, SESSION.get_credentials())
    with Stubber(client) as stub:
        stub.add_response("put_object", {"ETag": "x"})
        client.put_object(Bucket="a-bucket-of-ours", Key="requests/one.json", Body=b"a prompt of somebody's")
    recorder.write(
        "note", text=f"key {SESSION.get_credentials().secret_key} and {SESSION.get_credentials().access_key}"
    )
    written = "".join(file.read_text() for file in recorder.folder.glob("lines-*"))
    for secret in ("prompt", "AKIAQ7XJ5ZL2MN8RTVWB", "kD8fj3"):
        assert secret not in written


def test_files_are_for_their_owner_alone_and_the_key_goes(recorder: Recorder, tmp_path: Path):
    recorder.write("note", text="one")
    files = [*recorder.folder.glob("lines-*"), recorder.folder / KEY]
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)
    header = {"target": "local", "region": "us-east-1"}
    recordings.put_together(recorder.folder, tmp_path / "made.jsonl.gz", header)
    assert not any(file.exists() for file in files)
    assert recordings.load(tmp_path / "made.jsonl.gz").header["target"] == "local"


def test_two_processes_use_the_same_pseudonyms(tmp_path: Path):
    one, other = Recorder(tmp_path / "record"), Recorder(tmp_path / "record")
    assert one.scrubber.text("482913650274") == other.scrubber.text("482913650274")


def test_waits_are_one_line(recorder: Recorder, tmp_path: Path):
    for status in ("Creating", "Creating", "Creating", "InService", "Creating"):
        recorder.write("call", service="sagemaker", operation="DescribeEndpoint", label="", request={}, status=200,
                       error=None, response={"EndpointStatus": status}, headers={})  # fmt: skip
    made = recordings.put_together(recorder.folder, tmp_path / "made.jsonl.gz", {"target": "local"})
    assert [line.get("times", 1) for line in made.of("call")] == [3, 1, 1]


def test_what_is_not_a_recording(tmp_path: Path):
    (tmp_path / "no.jsonl.gz").write_bytes(b"no")
    with pytest.raises(Exception, match="is not a recording"):
        recordings.load(tmp_path / "no.jsonl.gz")


def test_all_who_come_at_once_get_one_whole_key(tmp_path):
    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(_key, [tmp_path] * 64))
    assert [len(key) for key in keys] == [32]
    assert [path.name for path in tmp_path.iterdir()] == [KEY]
