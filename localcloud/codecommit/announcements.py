"""Announces changes of references to EventBridge, whether a push, the API or a template made them.

The references that were announced last are stored; what differs from the present ones is announced. A cloud that is
killed between a push and its event therefore sends the event after its restart. An event may be sent twice when the
cloud is killed just after it was sent, and quick successive changes of one branch may be announced as one: EventBridge
delivers CodeCommit's events on a best-effort basis, at least once.
"""

from __future__ import annotations

import http.client
import logging
import threading
import time
import urllib.parse
from typing import Any

from localcloud.cloud import Cloud
from localcloud.codecommit.records import FIRST_BRANCH, Record, Records
from localcloud.codecommit.repository import HEADS, TAGS, Repository
from localcloud.store import Store

logger = logging.getLogger(__name__)

DETAIL_TYPE = "CodeCommit Repository State Change"
READY_SECONDS = 120.0
RETRY_SECONDS = 2.0


class Announcements:
    """Compares references with those announced last, sends an event for each difference, records what was sent.

    Parameters
    ----------
    cloud : Cloud
        Takes the events, and says when it is ready.
    store : Store
        Keeps the references that were announced last.
    records : Records
    """

    def __init__(self, cloud: Cloud, store: Store, records: Records) -> None:
        self._cloud = cloud
        self._store = store
        self._records = records
        self._locks: dict[str, threading.Lock] = {}
        self._behind: set[str] = set()
        self._ending = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._catch_up, daemon=True, name="codecommit-events")

    def start(self) -> None:
        """Announce what an earlier run of the cloud could not, as soon as all services listen."""
        self._behind.update(record["id"] for record in self._records.all())
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._ending.set()
        self._wake.set()
        self._thread.join(timeout=5)

    def announce(self, repository_id: str) -> None:
        """Announce what has changed in a repository; what fails now is tried again until it succeeds."""
        try:
            self._announce(repository_id)
        except Exception:  # the change is made, and its author must not see an error
            if self._ending.is_set() or self._records.by_id(repository_id) is None:
                return
            logger.exception("the events of repository %s were not sent; trying again", repository_id)
            self._behind.add(repository_id)
            self._wake.set()

    def _announce(self, repository_id: str) -> None:
        with self._locks.setdefault(repository_id, threading.Lock()):
            record = self._records.by_id(repository_id)
            if record is None:
                return
            repository = self._records.open(record)
            told = self._store.get("refs", repository_id) or {}
            now = repository.refs()
            if now == told:
                return
            _choose_default_branch(repository, now)
            for name in sorted(told.keys() | now.keys()):
                if told.get(name) != now.get(name):
                    self._send(record, name, told.get(name), now.get(name))
            with self._store.transaction():
                if self._records.by_id(repository_id) is not None:
                    self._store.put("refs", repository_id, now)
                    self._records.change(repository_id, modified=time.time())

    def _send(self, record: Record, reference: str, old: str | None, new: str | None) -> None:
        """CodeCommit User Guide, "Monitoring CodeCommit events in Amazon EventBridge": the three reference events."""
        is_branch = reference.startswith(HEADS)
        kind = "referenceCreated" if old is None else "referenceDeleted" if new is None else "referenceUpdated"
        detail: dict[str, Any] = {
            "event": kind,
            "repositoryName": record["name"],
            "repositoryId": record["id"],
            "referenceType": "branch" if is_branch else "tag",
            "referenceName": reference.removeprefix(HEADS if is_branch else TAGS),
            "referenceFullName": reference,
            "callerUserArn": f"arn:aws:iam::{self._cloud.account}:root",
        }
        detail |= {"commitId": new} if new else {}
        detail |= {"oldCommitId": old} if old else {}
        self._cloud.put_event("aws.codecommit", DETAIL_TYPE, detail, [self._cloud.arn("codecommit", record["name"])])
        logger.info("%s: %s %s %s", record["name"], kind, reference, new or old)

    def _catch_up(self) -> None:
        if not self._wait_until_ready():
            return
        while not self._ending.is_set():
            self._wake.clear()
            for repository_id in list(self._behind):
                self._behind.discard(repository_id)
                self.announce(repository_id)
            if self._behind:
                self._ending.wait(RETRY_SECONDS)
            else:
                self._wake.wait()

    def _wait_until_ready(self) -> bool:
        """Services that start after this one (CodePipeline) listen once the cloud says that it is ready."""
        address = urllib.parse.urlsplit(self._cloud.endpoint_url)
        deadline = time.monotonic() + READY_SECONDS
        while not self._ending.wait(0.05):
            if time.monotonic() > deadline:
                logger.warning("the cloud is not ready after %g s; sending events all the same", READY_SECONDS)
                return True
            try:
                connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=5)
                connection.request("GET", "/_localcloud/health")
                status = connection.getresponse().status
                connection.close()
            except OSError as error:
                logger.debug("not ready: %s", error)
                continue
            if status == http.HTTPStatus.OK:
                return True
        return False


def _choose_default_branch(repository: Repository, refs: dict[str, str]) -> None:
    """The first branch of a repository becomes its default branch, and what HEAD names.

    Of several that came with one push: ``main``, or else the first by name (chosen here).
    """
    branches = [name.removeprefix(HEADS) for name in sorted(refs) if name.startswith(HEADS)]
    if branches and repository.default_branch() is None:
        repository.set_default_branch(FIRST_BRANCH if FIRST_BRANCH in branches else branches[0])
