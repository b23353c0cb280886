"""What was acknowledged survives the sudden death of the whole cloud."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from localcloud.process.janitor import marked_processes
from localcloud.sagemaker.requests import QUEUE, RequestQueue
from localcloud.store import Store
from tests.localcloud.sagemaker.conftest import SCRIPT, World, start


def wait(check: Callable[[], Any], timeout: float, what: str) -> None:
    deadline = time.monotonic() + timeout
    while not check():
        assert time.monotonic() < deadline, f"{what}: not within {timeout} s"
        time.sleep(0.1)


def test_killed_with_fifty_queued_none_is_lost_and_none_there_twice(tmp_path: Path) -> None:
    running = start(tmp_path / "state")
    try:
        world = World(running, tmp_path)
        world.prepare()
        world.create_endpoint("survivor")
        world.settled("survivor")
        (container,) = world.pids("survivor")
        sent = {}
        for n in range(50):
            answer = world.invoke("survivor", {"n": n, "sleep": 0.05}, InferenceId=f"job-{n}")
            sent[answer["OutputLocation"].split("/", 3)[3]] = n
        wait(lambda: len(world.keys("output/")) >= 2, 20, "the first outputs")
        time.sleep(1.5)  # MiniStack's own state (buckets, topics) is saved a moment after it changes
        os.kill(running.pid, signal.SIGKILL)
        before_restart = time.time()
        wait(lambda: not world.alive(container), 10, "the container's end with its parent")
        running = start(tmp_path / "state")
        again = World(running, tmp_path)
        done = set(again.keys("output/"))
        assert 2 <= len(done) < 50
        wait(lambda: len(again.keys("output/")) >= 50, 60, "all outputs")
        wait(lambda: "0 queued, 0 running" in "".join(running.status()["services"]["sagemaker"]), 20, "an empty queue")
        assert set(again.keys("output/")) == set(sent)
        assert again.keys("failures/") == []
        again.inbox, again._messages = again.client("sqs").get_queue_url(QueueName="inbox")["QueueUrl"], []
        wait(lambda: len({notice["inferenceId"] for notice in again.notices()}) == 50, 20, "fifty notifications")
        pages = [(key, again.read(f"s3://{again.bucket}/{key}")) for key in sent]
        assert {key: json.loads(body)["n"] for key, body in pages} == sent
        # What was finished before was not done again, except for what was in flight at that moment.
        head = again.client("s3").head_object
        redone = [
            key for key in done if head(Bucket=again.bucket, Key=key)["LastModified"].timestamp() > before_restart
        ]
        assert len(redone) <= 1
        # Stopped properly, even while the instance is just coming up, the endpoint is back with its instance.
        for _ in range(2):
            running.stop()
            running = start(tmp_path / "state")
        last = World(running, tmp_path)
        assert last.settled("survivor")["ProductionVariants"][0]["CurrentInstanceCount"] == 1
        wait(lambda: len(last.pids("survivor")) == 1, 20, "the instance's return")
        answer = last.invoke("survivor", {"n": 50})
        wait(lambda: last.exists(answer["OutputLocation"]), 20, "the answer after all this")
    finally:
        running.stop()


def test_killed_with_its_janitor_it_leaves_no_container_and_nothing_that_a_model_started(tmp_path: Path) -> None:
    running = start(tmp_path / "state")
    try:
        world = World(running, tmp_path)
        world.prepare()
        script = "import subprocess\nsubprocess.Popen(['sleep', '300'])\n" + SCRIPT
        world.create_endpoint("tied", world.archive({"code/inference.py": script}))
        world.settled("tied")
        world.invoke("tied", {"hang": True})
        (work,) = (tmp_path / "state" / "work").iterdir()
        left = marked_processes(str(work))
        assert set(world.pids("tied")) < set(left)  # the container, and what its model started
        (janitor,) = children_with("janitor.py", running.pid)
        os.kill(janitor, signal.SIGKILL)
        os.kill(running.pid, signal.SIGKILL)
        wait(lambda: not marked_processes(str(work)), 10, "the end of every process")
    finally:
        running.stop()


def children_with(text: str, parent: int) -> list[int]:
    """Children of a process that have ``text`` in their command line."""
    listing = subprocess.run(["ps", "-axww", "-o", "pid=,ppid=,command="], capture_output=True, text=True, check=True)
    rows = [line.split(None, 2) for line in listing.stdout.splitlines()]
    return [int(row[0]) for row in rows if int(row[1]) == parent and text in row[2]]


@pytest.mark.rare
def test_killed_while_endpoints_change_it_goes_on_where_it_was(tmp_path: Path) -> None:
    def restart() -> Any:
        return start(tmp_path / "state", provision_seconds=900)  # a second and a half here

    running = restart()
    try:
        world = World(running, tmp_path)
        world.prepare()
        for name in ("changes", "grows"):
            world.create_endpoint(name)
        world.create_model("changes-2", world.archive({"weights.txt": "w2"}))
        world.create_config("changes-2", "changes-2", count=2)
        time.sleep(1)  # see above
        assert world.describe("changes")["EndpointStatus"] == "Creating"
        os.kill(running.pid, signal.SIGKILL)
        running = restart()
        world = World(running, tmp_path)
        assert [world.settled(name)["EndpointStatus"] for name in ("changes", "grows")] == ["InService"] * 2

        sagemaker = world.client("sagemaker")
        sagemaker.update_endpoint(EndpointName="changes", EndpointConfigName="changes-2")
        wanted = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 2}]
        sagemaker.update_endpoint_weights_and_capacities(EndpointName="grows", DesiredWeightsAndCapacities=wanted)
        os.kill(running.pid, signal.SIGKILL)
        running = restart()
        world = World(running, tmp_path)
        assert world.describe("changes")["EndpointStatus"] == "Updating"
        found = {name: world.settled(name) for name in ("changes", "grows")}
        assert found["changes"]["EndpointConfigName"] == "changes-2"
        assert {row["ProductionVariants"][0]["CurrentInstanceCount"] for row in found.values()} == {2}
        assert [len(world.pids(name)) for name in found] == [2, 2]

        world.client("sagemaker").delete_endpoint(EndpointName="grows")
        os.kill(running.pid, signal.SIGKILL)
        running = restart()
        names = World(running, tmp_path).client("sagemaker").list_endpoints()["Endpoints"]
        assert [row["EndpointName"] for row in names] == ["changes"]
    finally:
        running.stop()


def test_running_requests_are_queued_again_in_order_and_absence_does_not_expire(
    tmp_path: Path, monkeypatch: Any
) -> None:
    store = Store(tmp_path / "db", QUEUE)
    queue = RequestQueue(store)
    queue.recover()
    for n in range(3):
        queue.add("e", f"id-{n}", {"output": f"s3://b/{n}"}, None, ttl=60)
    first = queue.claim("e")
    assert first is not None
    assert (first.inference_id, queue.backlog("e").size, queue.backlog("e").running) == ("id-0", 3, 1)
    queue.heartbeat()
    store.close()

    a_night_later = time.time() + 8 * 3600
    monkeypatch.setattr(time, "time", lambda: a_night_later)
    queue = RequestQueue(Store(tmp_path / "db", QUEUE))
    queue.recover()
    assert queue.expired("e") == []
    again = queue.claim("e")
    assert again is not None
    assert (again.inference_id, again.body, again.attempts) == ("id-0", {"output": "s3://b/0"}, 0)
    monkeypatch.setattr(time, "time", lambda: a_night_later + 120)
    assert [row.inference_id for row in queue.expired("e")] == ["id-1", "id-2"]
    assert queue.claim("e") is None


def test_what_was_answered_is_only_announced_again(tmp_path: Path) -> None:
    queue = RequestQueue(Store(tmp_path / "db", QUEUE))
    queue.add("e", "one", {}, b"inline", ttl=60)
    request = queue.claim("e")
    assert request is not None
    assert request.inline == b"inline"
    queue.answered(request, {"status": "Completed"})
    queue.recover()
    assert queue.claim("e") is None
    assert queue.backlog("e").size == 0
    (left,) = queue.unannounced("e")
    assert left.outcome == {"status": "Completed"}
    queue.announced(left)
    assert queue.unannounced("e") == []
    assert queue.backlog("e").size == 0
    queue.recover()  # killed right after: whoever was told may have lost it as well
    (left,) = queue.unannounced("e")
    queue.announced(left)
    queue.forget_announced()
    queue.forget_announced(time.time() + 60)
    queue.recover()
    assert queue.unannounced("e") == []
