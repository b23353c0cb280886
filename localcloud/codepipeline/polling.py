"""PollForSourceChanges: looks at sources once a minute and starts pipelines whose source has changed.

CodePipeline User Guide, "Start a pipeline with a source change": polling is on where the configuration does not say
``"PollForSourceChanges": "false"``.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.cloud import Cloud
from localcloud.codepipeline.actions import codecommit, s3
from localcloud.codepipeline.executions.engine import Engine, source_actions
from localcloud.codepipeline.executions.records import ENDED
from localcloud.codepipeline.roles import acting_as_pipeline
from localcloud.services import ServiceError

logger = logging.getLogger(__name__)

INTERVAL = 60.0
"""Cloud seconds."""
SHORTEST = 0.2
"""Real seconds; however fast the clock, looking costs time here."""
REVISION: dict[str, Callable[[Any, dict[str, str]], str | None]] = {
    "CodeCommit": codecommit.current_revision,
    "S3": s3.current_revision,
}


class Polling:
    """One thread for all pipelines.

    Parameters
    ----------
    cloud : Cloud
    engine : Engine
    begin : callable
        ``begin(pipeline, trigger)`` starts an execution.
    """

    def __init__(self, cloud: Cloud, engine: Engine, begin: Callable[[str, tuple[str, str]], Any]) -> None:
        self._cloud = cloud
        self._engine = engine
        self._begin = begin
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="codepipeline-polling")

    def start(self) -> None:
        """Begin to poll."""
        self._thread.start()

    def stop(self) -> None:
        """Poll no more."""
        self._ending.set()

    def _run(self) -> None:
        while not self._ending.wait(max(SHORTEST, self._cloud.clock.real(INTERVAL))):
            for name, stage, action in self._sources():
                try:
                    self._look(name, stage, action)
                except (ServiceError, ClientError, BotoCoreError) as error:
                    logger.warning("the source %s of pipeline %s was not polled: %s", action["name"], name, error)
                except Exception:  # the thread must outlive one source: the others are polled here, too
                    logger.exception("polling %s of pipeline %s failed", action["name"], name)

    def _sources(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Those to poll: not of pipelines whose source stage is about to look by itself."""
        found = []
        with self._engine.lock:
            for row in self._engine.records.pipelines():
                declaration = row["Declaration"]
                first = declaration["stages"][0]["name"]
                live = self._engine.records.live(declaration["name"])
                if any(item["Stage"] == first and item["Place"] != ENDED for item in live):
                    continue
                found += [
                    (declaration["name"], stage, action)
                    for stage, action in source_actions(declaration)
                    if action["configuration"].get("PollForSourceChanges", "true").lower() != "false"
                ]
        return found

    def _look(self, name: str, stage: str, action: dict[str, Any]) -> None:
        with self._engine.lock:
            known = self._engine.records.pipeline(name)
        if known is None:
            return
        looking = functools.partial(acting_as_pipeline, self._cloud, known["Declaration"])
        revision = REVISION[action["actionTypeId"]["provider"]](looking, action["configuration"])
        key = f"{stage}/{action['name']}"
        with self._engine.lock:
            row = self._engine.records.pipeline(name)
            if row is None or revision is None or row["Seen"].get(key) == revision:
                return
            # Noted now: a source action that fails must not start the pipeline again every minute.
            row["Seen"][key] = revision
            self._engine.records.save_pipeline(row)
        self._begin(name, ("PollForSourceChanges", action["name"]))
