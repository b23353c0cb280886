"""One build, from its first phase to its last."""

from __future__ import annotations

import dataclasses
import functools
import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from localcloud.cloud import Cloud
from localcloud.codebuild.builds import variables
from localcloud.codebuild.builds.events import announce
from localcloud.codebuild.builds.images import check_image
from localcloud.codebuild.builds.log import BuildLog
from localcloud.codebuild.builds.record import Record
from localcloud.codebuild.builds.runtimes import note_runtimes
from localcloud.codebuild.builds.shell import Shell
from localcloud.codebuild.buildspec.grammar import PHASES, Buildspec, Phase
from localcloud.codebuild.failures import BuildInterrupted, PhaseFailed
from localcloud.codebuild.files.artifacts import Uploader
from localcloud.codebuild.files.cache import Cache
from localcloud.codebuild.files.places import Places, Storage, remove_tree
from localcloud.codebuild.files.sources import Sources, write_git_helper
from localcloud.codebuild.permissions import Permissions
from localcloud.codebuild.reports.operations import Reports
from localcloud.codebuild.stop import Stop
from localcloud.services import ServiceError

logger = logging.getLogger(__name__)

MINUTE = 60.0
"""Real seconds: commands compute, so their time limit is that of the wall."""
SHOWN_COMMAND = 2000
"""Characters of a command in a phase's context."""


@dataclasses.dataclass
class _Started:
    """What exists once the source has been downloaded."""

    spec: Buildspec
    shell: Shell
    resolved: variables.Resolved


class BuildRun:
    """Runs one build in the calling thread.

    Parameters
    ----------
    cloud : Cloud
    record : Record
        The build's document, in which each phase is recorded.
    plan : mapping
        What to build: see :mod:`localcloud.codebuild.plans`.
    reports : Reports
    stop : Stop
        Ends the build from another thread.
    """

    def __init__(self, cloud: Cloud, record: Record, plan: Mapping[str, Any], reports: Reports, stop: Stop) -> None:
        self._everything = cloud
        self._cloud = cloud
        self._permissions = Permissions(cloud, record.document)
        self._record = record
        self._plan = plan
        self._reports = reports
        self._stop = stop
        self._places = Places(cloud.work / "codebuild" / record.id.partition(":")[2])
        self._storage = Storage(cloud, stop)
        self._log = BuildLog(cloud, None)
        self._succeeding = True

    def run(self) -> None:
        """Run every phase. It never raises: the document says how the build ended."""
        minutes = self._record.document["timeoutInMinutes"]
        reason = BuildInterrupted("TIMED_OUT", "BUILD_TIMED_OUT", f"Build has timed out after {minutes} minutes.")
        timer = threading.Timer(minutes * MINUTE, self._stop.request, (reason,))
        timer.daemon = True
        timer.start()
        try:
            status = self._phases()
        except BuildInterrupted as interruption:
            self._finish_phase(interruption.status, interruption.status_code, interruption.message)
            status = interruption.status
        except Exception as error:  # the boundary: whatever it is, the build must not look as if it still ran
            logger.exception("build %s", self._record.id)
            self._finish_phase("FAULT", "INTERNAL_ERROR", f"local cloud's fault: {error!r}")
            status = "FAULT"
        finally:
            timer.cancel()
        self._log.close()
        self._record.complete(status)
        announce(self._everything, self._record.document)

    def _act_with_role(self) -> None:
        """Everything from here on is done with the service role of the project, commands and log included."""
        minutes = self._record.document["timeoutInMinutes"]
        try:
            self._cloud = self._permissions.acting(minutes * MINUTE)
        except ServiceError as error:
            raise PhaseFailed("ACCESS_DENIED", f"CodeBuild is not authorized to perform: {error.message}") from error
        logs = self._record.document["logs"]
        if "groupName" in logs:
            self._permissions.check_log(logs["groupName"], logs["streamName"])
            self._log = BuildLog(self._cloud, (logs["groupName"], logs["streamName"]))
        self._storage = Storage(self._cloud, self._stop)

    def _provision(self) -> None:
        self._act_with_role()
        check_image(self._plan["environment"]["image"])
        self._log.container("Running on the local cloud, with the tools of this machine")
        self._places.make()

    def _phases(self) -> str:
        started: _Started | None = None
        try:
            if self._step("PROVISIONING", self._provision):
                started = self._prepare()
            if started is not None:
                self._build(started)
            self._step("FINALIZING", lambda: self._export(started) if started else None)
        finally:
            if started is not None:
                started.shell.close()
            self._remove()
        return "SUCCEEDED" if self._succeeding else "FAILED"

    def _remove(self) -> None:
        try:
            if self._places.root.exists():
                remove_tree(self._places.root)
        except OSError as error:  # the work folder goes with the cloud at the latest
            logger.warning("the folder of build %s stays: %s", self._record.id, error)

    def _step(self, phase: str, work: Callable[[], None]) -> bool:
        """Carry out one phase; whether it succeeded."""
        self._stop.check()
        self._record.enter(phase)
        if phase not in ("PROVISIONING", "FINALIZING"):
            self._log.container(f"Entering phase {phase}")
        try:
            work()
        except PhaseFailed as failure:
            self._succeeding = False
            self._finish_phase("FAILED", failure.status_code, failure.message)
            return False
        self._finish_phase("SUCCEEDED")
        return True

    def _finish_phase(self, status: str, status_code: str = "", message: str = "") -> None:
        message = self._log.masked(message)
        self._record.leave(status, status_code, message)
        self._log.container(f"Phase complete: {self._record.phase['phaseType']} State: {status}")
        self._log.container(f"Phase context status code: {status_code} Message: {message}")

    def _build(self, started: _Started) -> None:
        """User Guide, "Build phase transitions", and phases/*/on-failure."""
        for name in PHASES:
            phase = started.spec.phases.get(name, Phase())
            if self._step(name.upper(), functools.partial(self._commands, started, name, phase)):
                continue
            started.shell.run("export CODEBUILD_BUILD_SUCCEEDING=0")
            if phase.on_failure == "ABORT" or (phase.on_failure is None and name in ("install", "pre_build")):
                return
        self._step("UPLOAD_ARTIFACTS", lambda: self._upload(started))

    # DOWNLOAD_SOURCE ---------------------------------------------------------------------------------------------

    def _prepare(self) -> _Started | None:
        found: list[_Started] = []
        self._step("DOWNLOAD_SOURCE", lambda: found.append(self._download()))
        return found[0] if found else None

    def _download(self) -> _Started:
        places, plan, record = self._places, self._plan, self._record
        basis = variables.base(self._cloud, str(places.home), str(places.temporary))
        keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        self._log.hide(self._cloud.environment[name] for name in keys if name in self._cloud.environment)
        sources = Sources(self._cloud, self._storage, places, lambda *call: self._git(basis, *call))
        version = sources.fetch(plan["source"], plan.get("sourceVersion"), places.source, "primary source")
        if version and not record.document.get("resolvedSourceVersion"):
            record.update(resolvedSourceVersion=version)
        versions = {each["sourceIdentifier"]: each["sourceVersion"] for each in plan.get("secondarySourceVersions", [])}
        folders = {}
        for source in plan.get("secondarySources", []):
            name = source["sourceIdentifier"]
            folder = places.secondary(name)
            sources.fetch(source, versions.get(name), folder, f"secondary source {name}")
            folders[f"CODEBUILD_SRC_DIR_{name}"] = str(folder)
        self._log.container(f"CODEBUILD_SRC_DIR={places.source}")
        where, text = sources.buildspec(plan["source"])
        self._log.container(f"YAML location is {where}")
        spec = Buildspec.parse(text)
        self._log.container("Processing environment variables")
        resolved = variables.resolve(self._cloud, spec, plan["environment"].get("environmentVariables", []))
        self._log.hide(resolved.secrets.values())
        environment = basis | resolved.values
        environment |= variables.documented(record.document, plan, str(places.source)) | folders | plan["given"]
        if spec.git_credential_helper:
            write_git_helper(self._cloud, places.home)
        self._cache(spec).restore()
        self._log.container(f"Phases found in YAML: {len(spec.phases)}")
        for name, phase in spec.phases.items():
            self._log.container(f" {name.upper()}: {len(phase.commands)} commands")
        shell = self._shell(spec.shell, environment, places.source)
        try:
            note_runtimes(spec, shell, self._log.container)
        except BaseException:
            shell.close()
            raise
        return _Started(spec, shell, resolved)

    def _shell(self, program: str, environment: Mapping[str, str], folder: Path) -> Shell:
        lifeline = self._cloud.lifeline
        return Shell(program, self._places.control, environment, folder, lifeline, self._stop, self._log.line)

    def _git(
        self, basis: Mapping[str, str], command: str, extra: Mapping[str, str], folder: Path
    ) -> tuple[int, list[str]]:
        """Git runs as a command of a build does, so that it ends with the build."""
        lines: list[str] = []
        mark = {"CODEBUILD_BUILD_ARN": self._record.document["arn"]}
        shell = self._shell("sh", {**basis, **extra, **mark}, folder)
        try:
            status = shell.run(command, lines.append)
        finally:
            shell.close()
            (self._places.control / "state.sh").unlink(missing_ok=True)
        return status, lines

    def _cache(self, spec: Buildspec) -> Cache:
        project = self._record.document["projectName"]
        return Cache(
            config=self._plan.get("cache", {}),
            paths=spec.cache_paths,
            project=project,
            local=self._cloud.state / "codebuild-cache" / project,
            places=self._places,
            storage=self._storage,
            say=self._log.container,
        )

    # INSTALL to POST_BUILD ---------------------------------------------------------------------------------------

    def _commands(self, started: _Started, name: str, phase: Phase) -> None:
        failure = self._block(started.shell, phase.commands)
        # phases/*/finally: run even if a command failed; the phase fails when any command of either block does.
        last = self._block(started.shell, phase.finally_commands)
        failure = failure or last
        if name == "post_build" and self._succeeding and failure is None:
            self._cache(started.spec).save()
        if failure is not None:
            raise failure

    def _block(self, shell: Shell, commands: tuple[str, ...]) -> PhaseFailed | None:
        for command in commands:
            self._log.container(f"Running command {command}")
            status = shell.run(command)
            self._log.line("")
            if status:
                self._log.container(f"Command did not exit successfully {command} exit status {status}")
                shown = command.strip()[:SHOWN_COMMAND]
                message = f"Error while executing command: {shown}. Reason: exit status {status}"
                return PhaseFailed("COMMAND_EXECUTION_ERROR", message)
        return None

    # UPLOAD_ARTIFACTS and FINALIZING -----------------------------------------------------------------------------

    def _upload(self, started: _Started) -> None:
        try:
            arns = self._reports.make(
                self._record.document,
                started.spec,
                self._places.source,
                self._log.container,
                lambda operation, **parameters: self._permissions.require("codebuild", operation, **parameters),
            )
        except ServiceError as error:
            raise PhaseFailed("CLIENT_ERROR", error.message) from error
        if arns:
            self._record.update(reportArns=arns)
        uploader = Uploader(
            storage=self._storage,
            places=self._places,
            record=self._record.document,
            expand=lambda text: _expand(started.shell, text),
            say=self._log.container,
        )
        self._record.update(**uploader.upload(self._plan, started.spec))

    def _export(self, started: _Started) -> None:
        """env/exported-variables: neither secrets nor what begins with AWS_ can be exported."""
        exported = []
        for name in started.spec.exported_variables:
            if name in started.resolved.secrets or name.startswith("AWS_"):
                self._log.container(f"{name} is not exported: it is a secret, or its name begins with AWS_")
                continue
            value = started.shell.value(name)
            if value is not None:
                exported.append({"name": name, "value": value})
        if exported:
            self._record.update(exportedEnvironmentVariables=exported)


def _expand(shell: Shell, text: str) -> str:
    """``text`` as the shell expands it between double quotes."""
    lines: list[str] = []
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    status = shell.run(f"printf '%s\\n' \"{quoted}\"", lines.append)
    name = "\n".join(lines).strip()
    if status or not name:
        raise PhaseFailed("CLIENT_ERROR", f"the artifact's name {text!r} cannot be expanded: {name}")
    return name
