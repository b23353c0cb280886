"""Starting and stopping: nothing is lost, and nothing stays behind."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import localcloud
from localcloud.process.janitor import marked_processes
from tests.localcloud.conftest import CloudUnderTest, wait_until

pytestmark = pytest.mark.cloud

ROOT = Path(__file__).resolve().parents[3]


def start(state: Path, port: int = 0, **options: Any) -> CloudUnderTest:
    return CloudUnderTest(localcloud.start(state, port=port, service_modules=[], **options))


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "localcloud", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def port_of(cloud: CloudUnderTest) -> int:
    return int(cloud.running.endpoint_url.rpartition(":")[2])


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def processes() -> dict[int, str]:
    """Command lines by process id, without the dead that nobody has waited for."""
    if not Path("/proc/self").exists():
        listing = subprocess.run(["ps", "-axo", "pid=,stat=,command="], capture_output=True, text=True, check=True)
        rows = [line.split(None, 2) for line in listing.stdout.splitlines()]
        return {int(pid): command for pid, state, command in rows if not state.startswith("Z")}
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
                command = (folder / "cmdline").read_text().replace("\0", " ")
            except OSError:
                continue  # it ended meanwhile
            if state != "Z":
                found[int(folder.name)] = command
    return found


def saved(state: Path, service: str, text: str) -> bool:
    """Whether ``text`` is in the saved state of a service of MiniStack."""
    path = state / "ministack" / f"{service}.json"
    return path.exists() and text in path.read_text()


def with_a_busy_function(cloud: CloudUnderTest) -> None:
    """A Lambda worker that runs, with a process of its own, and has files in its temporary folder."""
    cloud.create_function(
        "busy",
        "import subprocess, tempfile, time\n"
        "def handler(event, context):\n"
        "    tempfile.mkdtemp()\n"
        "    subprocess.Popen(['sleep', '300'])\n"
        "    time.sleep(300)\n",
        Timeout=300,
    )
    cloud.client("lambda").invoke(FunctionName="busy", InvocationType="Event", Payload=b"{}")


def work_of(state: Path) -> Path:
    (work,) = (state / "work").iterdir()
    return work


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "SIGKILL"])
def test_nothing_stays_behind_whatever_ends_it(state_dir: Path, number: signal.Signals) -> None:
    cloud = start(state_dir)
    work = work_of(state_dir)
    with_a_busy_function(cloud)
    # the Lambda worker and what it started
    wait_until(lambda: len(marked_processes(str(work))) >= 2 and any((work / "tmp").iterdir()))
    children = marked_processes(str(work))
    os.kill(cloud.running.pid, number)
    wait_until(lambda: not marked_processes(str(work)))
    wait_until(lambda: not work.exists())
    wait_until(lambda: is_free(port_of(cloud)))
    assert not set(children) & processes().keys()
    assert list((state_dir / "work").iterdir()) == []
    assert localcloud.running(state_dir) is None


def test_even_without_its_janitor_the_workers_end_and_the_next_start_cleans_up(state_dir: Path) -> None:
    cloud = start(state_dir)
    work = work_of(state_dir)
    with_a_busy_function(cloud)  # so busy that no worker notices the end of its input
    wait_until(lambda: len(marked_processes(str(work))) >= 2)
    (janitor,) = [pid for pid, command in processes().items() if f"janitor.py {work}" in command]
    os.kill(janitor, signal.SIGKILL)
    os.kill(cloud.running.pid, signal.SIGKILL)
    wait_until(lambda: not marked_processes(str(work)))
    assert work.exists()
    start(state_dir)
    assert not work.exists()


def test_state_survives_a_kill(state_dir: Path) -> None:
    """What was acknowledged is there again, with the same access key, at the same port."""
    cloud = start(state_dir)
    port, environment = port_of(cloud), cloud.running.environment
    s3, sns, sqs = cloud.client("s3"), cloud.client("sns"), cloud.client("sqs")
    s3.create_bucket(Bucket="kept-bucket")
    s3.put_bucket_versioning(Bucket="kept-bucket", VersioningConfiguration={"Status": "Enabled"})
    topic = sns.create_topic(Name="kept")["TopicArn"]
    function = cloud.create_function("kept", "def handler(event, context):\n    return 'still here'\n")
    cloud.subscribe_function(topic, function)
    url, _ = cloud.queue("kept")
    cloud.client("cloudwatch").put_metric_alarm(
        AlarmName="kept",
        Namespace="N",
        MetricName="M",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    cloud.client("ssm").put_parameter(Name="/kept/name", Value="value", Type="String")
    template = {"Resources": {"T": {"Type": "AWS::SNS::Topic"}}, "Outputs": {"Arn": {"Value": {"Ref": "T"}}}}
    outputs = cloud.deploy("kept", template)
    sqs.send_message(QueueUrl=url, MessageBody="last message")
    wait_until(lambda: saved(state_dir, "sqs", "last message"))
    for number in range(50):  # and objects up to the very last moment
        s3.put_object(Bucket="kept-bucket", Key=f"k/{number}", Body=str(number).encode())
    os.kill(cloud.running.pid, signal.SIGKILL)
    cloud = start(state_dir, port=port)
    assert cloud.running.environment == environment
    assert s3.list_objects_v2(Bucket="kept-bucket")["KeyCount"] == 50
    assert s3.get_object(Bucket="kept-bucket", Key="k/49")["Body"].read() == b"49"
    assert s3.get_bucket_versioning(Bucket="kept-bucket")["Status"] == "Enabled"
    assert topic in {each["TopicArn"] for each in sns.list_topics()["Topics"]}
    assert sns.list_subscriptions()["Subscriptions"][0]["Endpoint"] == function
    answer = cloud.client("lambda").invoke(FunctionName="kept")
    assert json.loads(answer["Payload"].read()) == "still here"
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "last message"
    assert cloud.client("cloudwatch").describe_alarms()["MetricAlarms"][0]["AlarmName"] == "kept"
    assert cloud.client("ssm").get_parameter(Name="/kept/name")["Parameter"]["Value"] == "value"
    assert cloud.settled("kept")["Outputs"][0]["OutputValue"] == outputs["Arn"]


def test_a_notification_that_waits_for_its_retry_survives_a_kill(state_dir: Path) -> None:
    cloud = start(state_dir, speed=60)
    port = port_of(cloud)
    url, dead = cloud.queue("dead")
    topic = cloud.client("sns").create_topic(Name="t")["TopicArn"]
    function = cloud.create_function(
        "failing", "def handler(event, context):\n    raise ValueError('no')\n", DeadLetterConfig={"TargetArn": dead}
    )
    cloud.subscribe_function(topic, function)
    wait_until(lambda: saved(state_dir, "sns", "failing"))
    cloud.client("sns").publish(TopicArn=topic, Message="once")
    os.kill(cloud.running.pid, signal.SIGKILL)
    cloud = start(state_dir, port=port, speed=60)
    body = json.loads(cloud.receive(url)["Body"])
    assert body["Records"][0]["Sns"]["Message"] == "once"


def test_a_dead_letter_is_durable_before_its_event_is_forgotten(state_dir: Path) -> None:
    cloud = start(state_dir, speed=3600)
    port = port_of(cloud)
    url, dead = cloud.queue("dead")
    cloud.create_function(
        "gone", "def handler(event, context):\n    raise ValueError\n", DeadLetterConfig={"TargetArn": dead}
    )
    cloud.client("lambda").invoke(FunctionName="gone", InvocationType="Event", Payload=b'{"n": 1}')
    wait_until(lambda: cloud.running.status()["lambda_events"] == 0)
    os.kill(cloud.running.pid, signal.SIGKILL)
    cloud = start(state_dir, port=port)
    assert json.loads(cloud.receive(url)["Body"]) == {"n": 1}


def test_a_stack_interrupted_by_the_end_can_be_deleted_afterwards(state_dir: Path) -> None:
    cloud = start(state_dir)
    port = port_of(cloud)
    token = cloud.create_function("never", "def handler(event, context):\n    pass\n")  # never answers CloudFormation
    template = {"Resources": {"C": {"Type": "Custom::Never", "Properties": {"ServiceToken": token}}}}
    cloudformation = cloud.client("cloudformation")
    cloudformation.create_stack(StackName="interrupted", TemplateBody=json.dumps(template))
    wait_until(lambda: saved(state_dir, "cloudformation", "interrupted"))
    os.kill(cloud.running.pid, signal.SIGKILL)
    cloud = start(state_dir, port=port)
    (stack,) = cloudformation.describe_stacks(StackName="interrupted")["Stacks"]
    assert stack["StackStatus"] == "CREATE_FAILED"
    assert "The local cloud ended during CREATE_IN_PROGRESS" in stack["StackStatusReason"]


def test_a_second_start_is_the_first(state_dir: Path) -> None:
    first = start(state_dir)
    again = localcloud.start(state_dir, port=0, speed=7, service_modules=[])
    assert (again.pid, again.speed, again.started_now) == (first.running.pid, 60, False)
    found = localcloud.running(state_dir)
    assert found is not None
    assert found.status()["speed"] == 60


def test_callers_who_start_it_at_the_same_time_get_the_same_cloud(state_dir: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        clouds = list(pool.map(lambda _: start(state_dir).running, range(3)))
    assert len({cloud.pid for cloud in clouds}) == 1
    assert [cloud.started_now for cloud in clouds].count(True) == 1


def test_commands_print_what_people_need(state_dir: Path) -> None:
    where = ("--state-dir", str(state_dir))
    assert command("status", *where).returncode == 3
    refused = command("env", *where)
    assert (refused.returncode, "python -m localcloud start" in refused.stderr) == (1, True)
    cloud = start(state_dir, speed=30)
    assert "already running" in command("start", *where).stdout
    shown = command("status", *where).stdout
    assert cloud.running.endpoint_url in shown
    assert "clock speed 30: a CloudWatch minute takes 2 s" in shown
    status = json.loads(command("status", "--json", *where).stdout)
    assert (status["pid"], status["account"]) == (cloud.running.pid, "000000000000")
    printed = command("env", *where).stdout
    assert "unset AWS_PROFILE AWS_SESSION_TOKEN" in printed
    assert f"export AWS_ENDPOINT_URL={cloud.running.endpoint_url}" in printed
    assert json.loads(command("env", "--json", *where).stdout) == cloud.running.environment
    script = (
        f"{printed}\n{sys.executable} -c \"import boto3; print(boto3.client('sts').get_caller_identity()['Account'])\""
    )
    shell = subprocess.run(
        ["sh", "-c", script],
        env={**os.environ, "AWS_PROFILE": "somebody", "AWS_SESSION_TOKEN": "old"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert shell.stdout.strip() == "000000000000", shell.stderr
    assert command("stop", *where).stdout.strip() == "stopped"
    assert command("stop", *where).stdout.startswith("no local cloud runs")
    old_key = cloud.running.environment["AWS_ACCESS_KEY_ID"]
    assert command("reset", *where).returncode == 0
    assert not state_dir.exists()
    assert start(state_dir).running.environment["AWS_ACCESS_KEY_ID"] != old_key


def test_what_no_test_verifies_is_answered_when_asked_for_and_status_shows_it(
    state_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "unverified"
    monkeypatch.setenv("LOCALCLOUD_UNVERIFIED_LOG", str(log))
    cloud = start(state_dir, unverified=True)
    assert cloud.client("dynamodb").list_tables()["TableNames"] == []
    assert "are answered by MiniStack; used: dynamodb" in command("status", "--state-dir", str(state_dir)).stdout
    assert cloud.running.status()["unverified"] == {"answered": True, "operations": ["dynamodb"]}
    assert log.read_text() == "dynamodb\n"


def test_a_port_that_is_taken_is_named(state_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = command("start", "--port", str(port), "--state-dir", str(state_dir))
        assert result.returncode == 1
        assert result.stderr.strip() == (
            f"error: port {port} of 127.0.0.1 cannot be used (Address already in use): choose another --port"
        )


@pytest.mark.parametrize(("option", "value"), [("--speed", "0.5"), ("--port", "70000"), ("--provision-seconds", "-1")])
def test_bad_values_are_refused_with_what_is_allowed(state_dir: Path, option: str, value: str) -> None:
    result = command("start", option, value, "--state-dir", str(state_dir))
    assert result.returncode == 1
    assert f"{value} must be " in result.stderr


def test_reset_removes_nothing_that_is_not_a_cloud(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    with pytest.raises(localcloud.CloudError, match="holds no local cloud's state"):
        localcloud.reset(tmp_path)
    assert (tmp_path / "precious").exists()


def test_state_is_private(state_dir: Path) -> None:
    start(state_dir)
    assert state_dir.stat().st_mode & 0o777 == 0o700
    assert (state_dir / "credentials.json").stat().st_mode & 0o777 == 0o600


def test_foreground_stops_at_ctrl_c(state_dir: Path) -> None:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "localcloud", "start", "--foreground", "--port", "0"),
            *("--state-dir", str(state_dir)),
        ],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    running = wait_until(lambda: localcloud.running(state_dir), 60)
    assert running.pid == process.pid
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    connection = http.client.HTTPConnection("127.0.0.1", int(running.endpoint_url.rpartition(":")[2]), timeout=1)
    with pytest.raises(OSError, match="refused"):
        connection.request("GET", "/")
