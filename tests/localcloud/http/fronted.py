"""The front on a port, with made-up services behind it, for real clients."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config
from hypercorn.asyncio import serve
from hypercorn.config import Config as ServerConfig

from localcloud.http.front import Front
from localcloud.http.gate import Gate
from localcloud.http.strict import Strict
from localcloud.rules import Rulebook

KEY = "LOCALCLOUDTESTTESTXX"
SERVICES = ("sagemaker", "sagemaker-runtime", "application-autoscaling", "codecommit", "codepipeline", "codebuild")


class Scripted:
    """A service that answers what the test says and remembers what it was asked."""

    resource_types = ()

    def __init__(self, name: str) -> None:
        self.name = name
        self.answer: Any = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def start(self) -> None: ...
    def stop(self) -> None: ...

    def call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((operation, parameters))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Fronted:
    def __init__(self, strict: Strict | None = None) -> None:
        self.services = {name: Scripted(name) for name in SERVICES}
        self.elsewhere: list[str] = []
        self.front = Front(
            gate=Gate(KEY, "secret", issued=lambda key: None, callback=lambda path: False),
            ministack=self._elsewhere,
            pool=ThreadPoolExecutor(4),
            status=lambda: {},
            ready=lambda: True,
            after_ministack=lambda request, scope: None,
            rules=Rulebook(),
            strict=strict or Strict({}, unverified=True),
            within=lambda region: contextlib.nullcontext(),
            authorize=lambda call: None,
        )
        self.front.add(self.services.values())
        self.url = ""

    async def _elsewhere(self, scope: Any, receive: Any, send: Any) -> None:
        """What MiniStack is in a cloud: it answers nothing that can be read."""
        self.elsewhere.append(scope["path"])
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def client(self, service: str, *, validate: bool = True) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=KEY,
            aws_secret_access_key="secret",
            config=Config(parameter_validation=validate, retries={"total_max_attempts": 1}),
        )

    def answers(self, service: str, answer: Any) -> Scripted:
        self.services[service].answer = answer
        self.services[service].asked.clear()
        return self.services[service]


@contextlib.contextmanager
def serving(fixture: Fronted) -> Iterator[Fronted]:
    """``fixture`` on a port of its own inside the block."""
    listener = socket.create_server(("127.0.0.1", 0))
    fixture.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    config = ServerConfig()
    config.bind = [f"fd://{listener.fileno()}"]
    config.graceful_timeout = 0.1
    thread = threading.Thread(
        target=loop.run_until_complete, args=(serve(fixture.front, config, shutdown_trigger=stop.wait),)
    )
    thread.start()
    try:
        yield fixture
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        listener.detach()  # hypercorn has closed it
