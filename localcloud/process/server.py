"""The process that is the local cloud."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import json
import logging
import os
import signal
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

from localcloud.clock import Clock
from localcloud.cloud import LIFELINE_FILE, Cloud
from localcloud.http.messages import CredentialScope, Request
from localcloud.http.strict import Strict
from localcloud.process import janitor, tied
from localcloud.process.arguments import parse_arguments
from localcloud.process.credentials import load_or_create
from localcloud.process.environment import HOST_VARIABLES, inherited, project_folders
from localcloud.process.prerequisites import StartError, bind, clients, runtime_folder, take_lock
from localcloud.services import ACCOUNT, Service, ServiceError

logger = logging.getLogger("localcloud.process.server")

_STOP_SECONDS = 10.0


class Server:
    """One run of the local cloud."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.state: Path = options.state_dir.resolve()
        self.clock = Clock(options.speed)
        self.started = time.time()
        self.strict = Strict.of_this_cloud(unverified=options.unverified)
        self.ready = False
        self.services: list[Service] = []
        self._stop = asyncio.Event()
        self._locks: list[int] = []
        self._pool = ThreadPoolExecutor(32, thread_name_prefix="service")

    def prepare(self) -> None:
        """Everything before MiniStack may be imported: folders, locks, port, environment, janitor."""
        self.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.state.chmod(0o700)
        complaint = f"another local cloud runs on {self.state}: stop it, or choose another --state-dir"
        self._locks.append(take_lock(self.state / "lock", complaint))
        (self.state / "cloud.json").unlink(missing_ok=True)
        works = self.state / "work"
        works.mkdir(exist_ok=True)
        for leftover in works.iterdir():
            janitor.clean(str(leftover))
        self.listener = bind(self.options.port)
        self.port = self.listener.getsockname()[1]
        self.endpoint_url = f"http://127.0.0.1:{self.port}"
        self.work = works / uuid.uuid4().hex[:12]
        (self.work / "tmp").mkdir(parents=True)
        (self.work / "home").mkdir()
        self._locks.append(take_lock(self.work / LIFELINE_FILE, f"{self.work} is in use"))
        self._janitor = janitor.start(str(self.work))
        self.credentials = load_or_create(self.state)
        self.environment = {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": self.credentials.access_key,
            "AWS_SECRET_ACCESS_KEY": self.credentials.secret_key,
            "AWS_DEFAULT_REGION": self.options.region,
            "AWS_REGION": self.options.region,
        }
        self._clean_environment()

    def _clean_environment(self) -> None:
        """Forget the host's variables: every process of this cloud inherits what is left here."""
        from localcloud import ministack

        kept = inherited((*HOST_VARIABLES, "SSL_CERT_FILE"))
        self.private = {
            **ministack.environment(self.state, self.port, ACCOUNT, self.options.region),
            tied.LIFELINE_VARIABLE: str(self.work / LIFELINE_FILE),
        }
        os.environ.clear()
        os.environ.update(kept)
        os.environ.update(self.environment)
        os.environ.update(self.private)
        os.environ.update(
            {
                janitor.MARK: str(self.work),
                "HOME": str(self.work / "home"),
                "TMPDIR": str(self.work / "tmp"),
                "AWS_CONFIG_FILE": os.devnull,
                "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
                "AWS_EC2_METADATA_DISABLED": "true",
            }
        )
        tempfile.tempdir = str(self.work / "tmp")

    def _assemble(self) -> None:
        from localcloud.cloudwatch.alarm_watch import AlarmWatch
        from localcloud.http import role_sessions
        from localcloud.http.front import Front
        from localcloud.http.gate import Gate
        from localcloud.iam import container_credentials
        from localcloud.iam.authorizer import Authorizer
        from localcloud.iam.decisions import DecisionLog
        from localcloud.iam.roles import Roles
        from localcloud.lambda_events import EventQueue
        from localcloud.ministack import MiniStack
        from localcloud.process.keeper import StateKeeper

        self.ministack = MiniStack()
        client = clients(self.options.region)
        permissions = self.ministack.permissions
        permissions.tags_of = self._tags_of
        self.authorizer = Authorizer(permissions, DecisionLog(self.state / "iam-decisions.jsonl"), self.options.region)
        roles = Roles(permissions, self.options.region)
        containers = container_credentials.ContainerCredentials(roles, self.endpoint_url)
        self.cloud: Cloud = Cloud(
            account=ACCOUNT,
            region=self.options.region,
            endpoint_url=self.endpoint_url,
            state=self.state,
            work=self.work,
            clock=self.clock,
            client=client,
            environment=dict(self.environment),
            options={
                "provision_seconds": self.options.provision_seconds,
                "build_variables": json.loads(self.options.build_variables),
            },
            put_event=self._put_event,
            put_measurements=self._put_measurements,
            roles=roles,
            containers=containers,
            authorizer=self.authorizer,
        )
        self.ministack.queues.clock = self.clock
        self.ministack.fanout.may = self.authorizer.service_may
        self.ministack.event_rules.run_on(self.clock)
        self.ministack.events.deliver_to(self.cloud.event_targets, self.authorizer.event_may)
        self.ministack.absent.ask = self.authorizer.authorize
        self.ministack.stacks.permissions.by_caller = self.authorizer.authorize
        self.ministack.stacks.permissions.by_role = self.authorizer.require_of_role
        self.ministack.stacks.requests.check_type = self.strict.check_resource_type
        self.lambda_events = EventQueue(
            self.state / "lambda-events.sqlite3",
            self.clock,
            policy=self.ministack.functions.policy,
            invoke=self.ministack.functions.invoke,
            client=client,
            client_as=self.cloud.client_as,
            may=self.authorizer.service_may,
            save=self._save_now,
            concurrency=max(2, min(8, os.cpu_count() or 2)),
            measure=self.ministack.functions.measure,
        )
        self.ministack.functions.deliver_through(
            self.lambda_events,
            lambda service, function, source: self.authorizer.service_may(
                service, "lambda:InvokeFunction", function, source
            ),
        )
        hidden = ",".join(self.private)  # but not the janitor's mark: what a function starts must be found, too
        arguments = f"{str(runtime_folder(self.work))!r}, {project_folders()!r}, {hidden!r}"
        prelude = f"{Path(tied.__file__).read_text()}\nbecome_lambda_worker({arguments})\n"
        self.ministack.functions.surround(sys.executable, prelude, self._credentials_of_function)
        self.ministack.functions.log_if(self.authorizer.may_log)
        self.keeper = StateKeeper(
            self.ministack, self.ministack.metrics, self.ministack.stacks.busy, self.state / "ministack"
        )
        self.watch = AlarmWatch(self.ministack.metrics, self.clock, self.cloud.alarm_actions, self.keeper.touch)
        self.front = Front(
            gate=Gate(
                self.credentials.access_key,
                self.credentials.secret_key,
                issued=self.ministack.issued,
                callback=self.ministack.stacks.is_callback,
                mounted=lambda path: self.front.mount(path) is not None,
            ),
            ministack=self.ministack.app,
            pool=self._pool,
            status=self.status,
            ready=lambda: self.ready,
            after_ministack=self._note_request,
            rules=self.ministack.rules,
            strict=self.strict,
            within=self.ministack.within,
            authorize=self.authorizer.authorize,
            unsigned=containers.serves,
            applications={
                container_credentials.PREFIX: containers.app,
                role_sessions.PREFIX: role_sessions.RoleSessions(permissions).app,
            },
        )

    def _tags_of(self, arn: str) -> dict[str, str]:
        """The tags of a resource of our own services, for conditions on ``aws:ResourceTag``."""
        for service in self.services:
            if service.name == arn.split(":")[2] == "sagemaker":
                with contextlib.suppress(ServiceError):
                    listed = service.call("ListTags", {"ResourceArn": arn})["Tags"]
                    return {tag["Key"]: tag["Value"] for tag in listed}
        return {}

    def _credentials_of_function(self, config: Mapping[str, Any]) -> dict[str, str]:
        """A function's credentials are those of its role (Lambda Developer Guide, "Lambda execution role")."""
        role, name = str(config.get("Role", "")), str(config.get("FunctionName", ""))[:64]
        if not self.cloud.can_assume(role, "lambda.amazonaws.com"):
            raise PermissionError("The role defined for the function cannot be assumed by Lambda.")
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        environment = self.cloud.environment_as(role, name, "lambda.amazonaws.com")
        return {each: environment[each] for each in names}

    def _save_now(self) -> None:
        """Save MiniStack's state and wait for it; for any thread but the event loop's."""
        asyncio.run_coroutine_threadsafe(self.keeper.save(include_slow=False), self._loop).result(_STOP_SECONDS)

    def _put_event(self, source: str, detail_type: str, detail: dict[str, Any], resources: list[str]) -> None:
        """:attr:`Cloud.put_event`: MiniStack's bus lives on the event loop."""

        async def put() -> None:
            self.ministack.events.put((ACCOUNT, self.options.region), source, detail_type, detail, resources)

        asyncio.run_coroutine_threadsafe(put(), self._loop).result(_STOP_SECONDS)

    def _put_measurements(self, namespace: str, data: list[dict[str, Any]]) -> None:
        """:attr:`Cloud.put_measurements`: measurements change on the event loop."""

        async def put() -> None:
            with self.ministack.within(self.options.region):
                self.ministack.metrics.put(namespace, data)
            self.keeper.touch(slow=True)

        asyncio.run_coroutine_threadsafe(put(), self._loop).result(_STOP_SECONDS)

    def _note_request(self, request: Request, scope: CredentialScope | None) -> None:
        """Mark state as changed, unless the request only read."""
        service = scope.service if scope else ""
        operation = request.headers.get("x-amz-target", "").rpartition(".")[2]
        if operation.startswith(("Describe", "Get", "List", "Filter")) or request.method in ("GET", "HEAD"):
            return
        if service == "s3" and request.path.strip("/").count("/"):
            return  # objects are on disk already
        self.keeper.touch(slow=operation in ("PutMetricData", "PutLogEvents"))

    def status(self) -> dict[str, Any]:
        """What ``python -m localcloud status`` shows."""
        services = {}
        for service in self.services:
            summary = getattr(service, "summary", None)
            services[service.name] = list(summary()) if summary else []
        return {
            "endpoint_url": self.endpoint_url,
            "pid": os.getpid(),
            "speed": self.clock.speed,
            "provision_seconds": self.options.provision_seconds,
            "region": self.options.region,
            "account": ACCOUNT,
            "uptime_seconds": round(time.time() - self.started, 1),
            "lambda_events": self.lambda_events.pending(),
            "unverified": {"answered": self.strict.unverified, "operations": list(self.strict.passed_on)},
            "services": services,
        }

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT."""
        loop = self._loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        self._assemble()
        await self.ministack.start()
        self.ministack.stacks.fail_interrupted()
        self.keeper.restore()
        tasks = [asyncio.create_task(self.keeper.run()), asyncio.create_task(self.watch.run())]
        http_stop = asyncio.Event()
        http = asyncio.create_task(self._serve_http(http_stop))
        try:
            await loop.run_in_executor(self._pool, self._start_services)
            self._announce()
            self.ready = True
            logger.warning("ready at %s, clock speed %g", self.endpoint_url, self.clock.speed)
            waiting = asyncio.create_task(self._stop.wait())
            await asyncio.wait({http, waiting, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            for task in (http, *tasks):
                if task.done():
                    task.result()  # raises what ended it
        finally:
            await self._wind_down(tasks, http, http_stop)

    async def _serve_http(self, stop: asyncio.Event) -> None:
        from hypercorn.asyncio import serve
        from hypercorn.config import Config

        config = Config()
        config.bind = [f"fd://{self.listener.fileno()}"]
        config.keep_alive_timeout = 75
        config.graceful_timeout = 0.5
        config.shutdown_timeout = 2
        config.loglevel = "WARNING"
        config.accesslog = None
        await serve(self.front, config, shutdown_trigger=stop.wait)  # type: ignore[arg-type]  # an ASGI 3 callable

    def _start_services(self) -> None:
        from localcloud.registry import SERVICE_MODULES, stack_types

        wanted = self.options.service_modules
        for name in SERVICE_MODULES:
            if wanted is not None and name not in wanted.split(","):
                continue
            services: list[Service] = importlib.import_module(name).create_services(self.cloud)
            for service in services:
                self.ministack.stacks.register(service.resource_types)
            self.front.add(services)
            self.services.extend(services)
        self.ministack.stacks.register(stack_types(self.cloud))
        for service in self.services:
            service.start()
        self.lambda_events.start()

    def _announce(self) -> None:
        """Write down, for the other commands, where this cloud is."""
        announcement = {
            "pid": os.getpid(),
            "endpoint_url": self.endpoint_url,
            "speed": self.clock.speed,
            "provision_seconds": self.options.provision_seconds,
            "region": self.options.region,
        }
        temporary = self.state / "cloud.json.tmp"
        temporary.write_text(json.dumps(announcement))
        temporary.replace(self.state / "cloud.json")

    async def _wind_down(self, tasks: list[asyncio.Task[None]], http: asyncio.Task[None], stop: asyncio.Event) -> None:
        """Stop in order: nothing new, then what runs, then the state, then the processes."""
        self.ready = False
        loop = asyncio.get_running_loop()
        with _logged("stopping the services"):
            await asyncio.wait_for(loop.run_in_executor(self._pool, self._stop_services), _STOP_SECONDS)
        self.watch.stop()
        for task in tasks:
            task.cancel()
        with _logged("stopping the Lambda events"):
            await loop.run_in_executor(None, self.lambda_events.stop, 2.0)
        stop.set()
        with _logged("stopping HTTP"):
            await asyncio.wait_for(http, 5)
        with _logged("saving the state"):
            await self.keeper.save(include_slow=True)
        with _logged("ending the Lambda workers"):
            await self.ministack.stop()
        (self.state / "cloud.json").unlink(missing_ok=True)

    def _stop_services(self) -> None:
        for service in reversed(self.services):
            with _logged(f"stopping {service.name}"):
                service.stop()


@contextlib.contextmanager
def _logged(action: str) -> Iterator[None]:
    """Log what goes wrong and carry on: the other parts must still be stopped."""
    try:
        yield
    except Exception:
        logger.exception("%s failed", action)


def main(arguments: list[str]) -> NoReturn:
    """Run the server, and end this process with its exit status."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    logging.getLogger("localcloud").setLevel(logging.INFO)
    server = Server(parse_arguments(arguments))
    status = 0
    try:
        server.prepare()
        asyncio.new_event_loop().run_until_complete(server.run())
    except (StartError, ImportError, RuntimeError) as error:
        logger.log(logging.DEBUG if isinstance(error, StartError) else logging.ERROR, "the end", exc_info=True)
        sys.stderr.write(f"error: {error}\n")
        status = 1
    logging.shutdown()
    sys.stderr.flush()
    # Not sys.exit: that waits for threads, and one may wait for a Lambda function that runs for 15 minutes. The state
    # is saved, and the janitor ends what still runs.
    os._exit(status)


if __name__ == "__main__":
    main(sys.argv[1:])
