"""Everything that touches MiniStack's internals; nothing else does.

MiniStack is pinned to one version. :func:`check` says at start-up when another one is installed, or when an internal
that is used here is missing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from localcloud.http.gate import IssuedKey
from localcloud.http.signatures import SignatureError
from localcloud.iam.checks import Check
from localcloud.ministack import cloudwatch
from localcloud.ministack.event_rules import EventRules
from localcloud.ministack.events import Events
from localcloud.ministack.functions import Functions
from localcloud.ministack.identities import Identities
from localcloud.ministack.internals import VERSION, IncompatibleMiniStackError, check, environment
from localcloud.ministack.lambdas.control import Control
from localcloud.ministack.logs import Logs
from localcloud.ministack.metrics import Metrics
from localcloud.ministack.objects import Objects
from localcloud.ministack.parameters import Parameters
from localcloud.ministack.permissions import Permissions
from localcloud.ministack.role_checks import RoleChecks
from localcloud.ministack.s3.absent import Absent
from localcloud.ministack.sns.fanout import Fanout
from localcloud.ministack.sns.subscriptions import Subscriptions
from localcloud.ministack.sns.topics import Topics
from localcloud.ministack.sqs.messages import Messages
from localcloud.ministack.sqs.move_tasks import MoveTasks
from localcloud.ministack.sqs.queues import Queues
from localcloud.ministack.stacks import Stacks
from localcloud.ministack.tags import Tags
from localcloud.rules import Rulebook
from localcloud.services import ACCOUNT

__all__ = ["VERSION", "IncompatibleMiniStackError", "MiniStack", "check", "environment"]


class MiniStack:
    """The MiniStack of this process, changed where it differs from AWS in what this cloud needs.

    Attributes
    ----------
    app : ASGI application
    stacks : Stacks
    events : Events
    event_rules : EventRules
    functions : Functions
    metrics : Metrics
    permissions : Permissions
    queues : Queues
    fanout : Fanout
    rules : Rulebook
        What is refused or answered before MiniStack sees it.
    """

    def __init__(self) -> None:
        modules = check()
        self.rules = Rulebook()
        self.stacks = Stacks(modules, self.rules)
        self.events = Events(modules)
        self.event_rules = EventRules(modules, self.rules)
        Parameters(modules, self.rules)
        Tags(modules, self.rules)
        self.functions = Functions(modules)
        self.metrics = Metrics(modules)
        self.permissions = Permissions(modules)
        RoleChecks(self.permissions, self.rules)
        Identities(modules, self.rules)
        Control(modules, self.rules, self.permissions.trusts)
        Logs(modules, self.rules, self.metrics.measure)
        cloudwatch.take_over(modules, self.rules, self.metrics, self.events, self._may)
        self.queues = Queues(modules, self.rules)
        messages = Messages(modules, self.rules, self.queues)
        MoveTasks(self.rules, self.queues, messages)
        self.fanout = Fanout(modules, messages, self.functions.notify)
        Subscriptions(
            modules, self.rules, Topics(modules, self.rules, self.fanout), self.fanout, self.permissions.identity
        )
        self.absent = Absent(modules, self.rules)
        self.app = Objects(modules, self.rules, self._may).app
        self._app: Any = modules["app"]
        self._persistence: Any = modules["persistence"]
        self._responses: Any = modules["responses"]
        self._evaluator: Any = modules["iam_evaluator"]
        self._sessions: Any = modules["sts"]
        self._access_keys: Any = modules["iam"]
        self._inbox: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        self._lifespan: asyncio.Task[None] | None = None

    def _may(self, service: str, action: str, resource: str, source: str) -> bool:
        """Whether the policy of ``resource`` lets an AWS service act on behalf of ``source``."""
        return self.permissions.service_may(service, Check(action, resource), source_arn=source)

    async def start(self) -> None:
        """Let MiniStack start and load its state. Its end is not announced to it: :class:`StateKeeper` saves better."""
        started = asyncio.Event()

        async def send(message: Mapping[str, Any]) -> None:
            started.set()

        await self._inbox.put({"type": "lifespan.startup"})
        self._lifespan = asyncio.create_task(self.app({"type": "lifespan"}, self._inbox.get, send))
        await started.wait()

    async def stop(self) -> None:
        """End the Lambda workers."""
        if self._lifespan is not None:
            self._lifespan.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._lifespan
        await self.functions.stop()

    def within(self, region: str) -> contextlib.AbstractContextManager[None]:
        """MiniStack's account and region inside the block."""
        scope: contextlib.AbstractContextManager[None] = self._responses.request_scope(ACCOUNT, region)
        return scope

    def issued(self, access_key: str) -> IssuedKey | SignatureError | None:
        """What STS or IAM of this cloud knows of ``access_key``; an error when the key is not good any more."""
        if access_key not in self._sessions._sessions and not any(
            key[-1] == access_key for key in self._access_keys._access_keys._data
        ):
            return None
        found = self._evaluator.resolve_credential(access_key, ACCOUNT)
        if isinstance(found, self._evaluator.CredentialResolutionError):
            return SignatureError(found.code, found.message)
        return IssuedKey(found.secret_access_key, found.session_token or "")

    def state_of(self) -> dict[str, Callable[[], Any]]:
        """How to get each loaded service's state. Call the functions on the event loop; they copy."""
        getters: dict[str, Callable[[], Any]] = dict(self._app._build_persistence_save_dict())
        if "cloudwatch" in getters:
            getters["cloudwatch"] = self.metrics.state_without_measurements
        return getters

    def encode(self, service: str, state: Any) -> str:
        """``state`` in the form in which MiniStack reads it when it starts."""
        version = self._persistence._state_format_version(service)
        document = {"__ministack_format__": version, "payload": state}
        return json.dumps(document, default=self._persistence._json_default)
