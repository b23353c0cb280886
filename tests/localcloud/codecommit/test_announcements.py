"""An event that EventBridge does not take is sent again, and its author never hears of it."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud.clock import Clock
from localcloud.cloud import Cloud
from localcloud.codecommit import announcements as announcements_module
from localcloud.codecommit.announcements import Announcements
from localcloud.codecommit.git import Git
from localcloud.codecommit.records import Records
from localcloud.store import Store
from tests.localcloud.conftest import wait_until


class Health(http.server.BaseHTTPRequestHandler):
    """A cloud that says whether it is ready."""

    ready = False
    asked = 0

    def do_GET(self) -> None:
        Health.asked += 1
        self.send_response(200 if Health.ready else 503)
        self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Health)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_events_wait_for_the_cloud_and_are_sent_until_they_are_taken(
    endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcements_module, "RETRY_SECONDS", 0.1)
    sent: list[str] = []

    def put_event(source: str, detail_type: str, detail: dict[str, Any], resources: list[str]) -> None:
        sent.append(detail["referenceName"])
        if len(sent) == 1:
            raise TimeoutError("EventBridge does not answer")

    cloud = Cloud(
        account="000000000000",
        region="us-east-1",
        endpoint_url=endpoint,
        state=tmp_path,
        work=tmp_path,
        clock=Clock(60),
        client=lambda name: None,
        environment={},
        put_event=put_event,
    )
    store = Store(tmp_path / "store.sqlite")
    records = Records(store, Git(tmp_path), tmp_path / "repositories")
    records.recover()
    repository = records.open(records.create("demo", None, {}))
    tree = repository.git("mktree").decode().strip()
    who = {f"GIT_{role}_{what}": "x" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    commit = repository.git("commit-tree", tree, variables=who).decode().strip()
    repository.git("update-ref", "refs/heads/main", commit)
    announcements = Announcements(cloud, store, records)
    Health.ready = False
    announcements.start()
    wait_until(lambda: Health.asked >= 3)
    assert sent == []
    Health.ready = True
    wait_until(lambda: sent == ["main", "main"])
    (record,) = records.all()
    wait_until(lambda: store.get("refs", record["id"]) == {"refs/heads/main": commit})
    announcements.announce(record["id"])
    announcements.stop()
    assert sent == ["main", "main"]
