"""The instances of one generation of an endpoint: each a process that takes requests from the endpoint's queue."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from localcloud.sagemaker.deployment import SESSION, Deployment, DeploymentFailed
from localcloud.sagemaker.invocation import Invocation
from localcloud.sagemaker.model_server import WorkerDied
from localcloud.sagemaker.process import (
    ContainerFailed,
    ContainerGone,
    ContainerProcess,
    InvocationTimedOut,
    Reply,
)
from localcloud.sagemaker.requests import Request
from localcloud.sagemaker.shared import Shared

logger = logging.getLogger(__name__)

POLL = 0.5
"""Real seconds after which an idle lane looks again, for a request and for its container's health."""
LONGEST_BACKOFF = 30.0


class Instance:
    """One instance: a folder, a container process, and lanes that each work on one request at a time.

    The instance outlives its container: when the container ends, another one starts in the same folder.
    """

    def __init__(self, shared: Shared, deployment: Deployment, work: threading.Condition) -> None:
        """Make an instance that does not run yet.

        Parameters
        ----------
        shared : Shared
        deployment : Deployment
            What it runs.
        work : Condition
            Notified when a request has come.
        """
        self._shared = shared
        self._deployment = deployment
        self._invocation = Invocation(shared, deployment)
        self._work = work
        self.instance_id, self._folder = deployment.new_folder(shared)
        self.stream = f"{deployment.variant_name}/{self.instance_id}"
        self._spec = deployment.spec(shared, self._folder)
        self._container: ContainerProcess | None = None
        self._ended: ContainerProcess | None = None
        self._replacing = threading.Lock()
        self._lanes_lock = threading.Lock()
        self._lanes: list[threading.Thread] = []
        self._idle = 0
        self._draining = threading.Event()
        self.stopping = False

    @property
    def pid(self) -> int | None:
        """The container's process id."""
        return self._container.pid if self._container else None

    @property
    def busy(self) -> bool:
        """Whether some lane works on a request."""
        with self._lanes_lock:
            return len(self._lanes) > self._idle

    def start(self) -> None:
        """Bring the instance into service; raises :class:`DeploymentFailed`."""
        self._shared.logs.write_with(self._deployment.endpoint, self._deployment.role, SESSION)
        self._log(f"image {self._deployment.container.get('Image')} is not run here; code/{self._spec.program} is")
        try:
            _ = self._deployment.server
        except ValueError as error:
            raise self._deployment.start_failure(str(error)) from error
        self._deployment.check_image(self._shared)
        self._deployment.download(self._shared, self._spec)
        try:
            self._launch()
        except ContainerFailed as error:
            if error.stage == "unpack":
                raise self._deployment.unpack_failure(error.reason) from error
            raise self._deployment.start_failure(error.reason) from error

    @property
    def serving(self) -> bool:
        """Whether it takes requests."""
        return bool(self._lanes)

    def serve(self) -> None:
        """Take requests."""
        self._add_lane()

    def rest(self) -> None:
        """Take no further request; the process stays."""
        self._draining.set()
        with self._work:
            self._work.notify_all()

    def drain(self) -> None:
        """Take no further request; returns when the current ones are done and the process is gone."""
        self.rest()
        self._end()

    def stop(self) -> None:
        """End the process now; its requests go back to the queue."""
        self.stopping = True
        self._draining.set()
        if self._container:
            self._container.kill()
        with self._work:
            self._work.notify_all()
        self._end()

    def invoke(self, headers: dict[str, str], source: Path, target: Path, timeout: float) -> Reply:
        """Send one request to the container: see :meth:`localcloud.sagemaker.model_server.ModelServer.ask`."""
        container = self._container
        if container is None:
            raise ContainerGone("the instance has no container")
        return self._deployment.server.ask(container, headers, source, target, timeout)

    def _end(self) -> None:
        with self._lanes_lock:
            lanes = list(self._lanes)
        for lane in lanes:
            lane.join()
        if self._container:
            self._container.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _log(self, text: str) -> None:
        self._shared.logs.line(self._deployment.endpoint, self.stream, text)

    def _launch(self) -> None:
        container = ContainerProcess(self._spec, self._log)
        self._container = container
        if self.stopping:  # stop() may have seen no container yet
            container.kill()
        try:
            container.wait_ready(self._deployment.start_seconds)
        except ContainerFailed:
            container.kill()
            raise

    def _replace(self, ended: ContainerProcess | None, reason: str) -> None:
        """Start another container after ``ended``; lanes that come later find it done."""
        with self._replacing:
            if self._container is not ended or self._draining.is_set():
                return
            pause = 0.5
            while not self._draining.is_set():
                self._log(f"{reason}; starting another container")
                try:
                    self._launch()
                except ContainerFailed as error:
                    reason = f"the container did not start: {error.reason}"
                    self._draining.wait(pause)
                    pause = min(pause * 2, LONGEST_BACKOFF)
                else:
                    return

    def _add_lane(self) -> None:
        with self._lanes_lock:
            name = f"sagemaker-{self.instance_id}-{len(self._lanes)}"
            lane = threading.Thread(target=self._run, daemon=True, name=name)
            self._lanes.append(lane)
        lane.start()

    def _run(self) -> None:
        while not self._draining.is_set():
            container = self._container
            if container is not None and not container.alive:
                self._replace(container, "the container ended")
                continue
            request = self._next()
            if request is not None:
                self._work_on(request, container)

    def _next(self) -> Request | None:
        with self._lanes_lock:
            self._idle += 1
        try:
            request = None
            with self._work:
                if not self._draining.is_set():
                    request = self._shared.queue.claim(self._deployment.endpoint)
                    if request is None:
                        self._work.wait(POLL)
        finally:
            with self._lanes_lock:
                self._idle -= 1
                another = request is not None and self._idle == 0 and len(self._lanes) < self._deployment.concurrency
        if another:
            self._add_lane()
        return request

    def _work_on(self, request: Request, container: ContainerProcess | None) -> None:
        try:
            self._invocation.run(request, self, self._folder)
        except ContainerGone as error:
            if self.stopping:
                self._shared.queue.release(request, request.attempts)
                return
            if container is self._ended:  # by another request, while this one waited its turn: not its fault
                self._shared.queue.release(request, request.attempts)
            else:
                self._invocation.crashed(request, self, str(error))
            self._replace(container, str(error))
        except (InvocationTimedOut, WorkerDied) as error:
            self._ended = container
            if container is not None:
                container.kill()
            self._replace(container, f"the worker died: {error}" if isinstance(error, WorkerDied) else str(error))
        except Exception:  # a lane must outlive a request that breaks it; the request is tried again, then fails
            logger.exception("request %s", request.inference_id)
            self._invocation.crashed(request, self, "an internal error of the local cloud; see its log")


class Fleet:
    """All instances of one generation."""

    def __init__(self, shared: Shared, deployment: Deployment, work: threading.Condition) -> None:
        """Make a fleet without instances.

        Parameters
        ----------
        shared : Shared
        deployment : Deployment
            What its instances run.
        work : Condition
            Notified when a request has come.
        """
        self._shared = shared
        self.deployment = deployment
        self._work = work
        self._lock = threading.Lock()
        self._instances: list[Instance] = []
        self._starting: list[Instance] = []
        self._stopped = False

    @property
    def instances(self) -> list[Instance]:
        """Those in service."""
        with self._lock:
            return list(self._instances)

    def grow(self, count: int) -> None:
        """Start ``count`` instances at a time; when one fails, none stays, and :class:`DeploymentFailed` is raised."""
        fresh = [Instance(self._shared, self.deployment, self._work) for _ in range(count)]
        with self._lock:
            self._starting = fresh
            stopped = self._stopped
        if stopped or not fresh:
            return
        failures: list[DeploymentFailed] = []

        def start(instance: Instance) -> None:
            try:
                instance.start()
            except DeploymentFailed as error:
                failures.append(error)
            except Exception as error:  # of the local cloud itself: no space, no process
                logger.exception("instance %s", instance.instance_id)
                failures.append(DeploymentFailed(f"InternalFailure: {type(error).__name__}: {error}"))

        with ThreadPoolExecutor(max_workers=count, thread_name_prefix="sagemaker-start") as pool:
            list(pool.map(start, fresh))
        with self._lock:
            self._starting = []
            stopped = self._stopped
            if not failures and not stopped:
                self._instances += fresh
        if failures or stopped:
            for instance in fresh:
                instance.stop()
        if failures:
            raise failures[0]

    def serve(self) -> None:
        """Have every instance take requests that does not do so yet."""
        for instance in self.instances:
            if not instance.serving:
                instance.serve()

    def rest(self) -> None:
        """Have no instance take a further request; their processes stay until :meth:`shrink`."""
        for instance in self.instances:
            instance.rest()

    def shrink(self, count: int, cancelled: Callable[[], bool]) -> None:
        """Drain ``count`` instances, idle and young ones first."""
        with self._lock:
            order = sorted(range(len(self._instances)), key=lambda i: (self._instances[i].busy, -i))
            leaving = [self._instances[i] for i in order[:count]]
            self._instances = [instance for instance in self._instances if instance not in leaving]
        drains = [threading.Thread(target=instance.drain, daemon=True) for instance in leaving]
        for drain in drains:
            drain.start()
        for drain in drains:
            while drain.is_alive() and not cancelled():
                drain.join(POLL)
        if cancelled():
            for instance in leaving:
                instance.stop()

    def stop(self) -> None:
        """End every process now."""
        with self._lock:
            self._stopped = True
            everyone, self._instances = [*self._instances, *self._starting], []
        for instance in everyone:
            instance.stopping = True
        for instance in everyone:
            instance.stop()
