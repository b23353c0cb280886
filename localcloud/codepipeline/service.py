"""The service ``codepipeline``."""

from __future__ import annotations

import copy
import logging
import time
from typing import Any

from localcloud.cloud import Cloud
from localcloud.codepipeline import structure, views
from localcloud.codepipeline.executions import controls
from localcloud.codepipeline.executions.engine import Engine, source_actions
from localcloud.codepipeline.executions.records import Execution, Records
from localcloud.codepipeline.polling import Polling
from localcloud.codepipeline.roles import check_role
from localcloud.codepipeline.tags import Tags
from localcloud.codepipeline.variables import values_of
from localcloud.services import Operation, ResourceType, ServiceError, dispatch

logger = logging.getLogger(__name__)

PAGE = 100
Trigger = tuple[str, str]


def _page(rows: list[Any], parameters: dict[str, Any]) -> tuple[list[Any], dict[str, str]]:
    token = parameters.get("nextToken", "0")
    if not token.isdigit():
        raise ServiceError("InvalidNextTokenException", "The next token was specified in an invalid format.")
    start, size = int(token), int(parameters.get("maxResults", PAGE))
    rest = {"nextToken": str(start + size)} if start + size < len(rows) else {}
    return rows[start : start + size], rest


class CodePipeline:
    """Pipelines, their executions, approvals and tags."""

    name = "codepipeline"
    resource_types: tuple[ResourceType, ...] = ()

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._records = Records(cloud.state / "codepipeline.sqlite")
        self._engine = Engine(cloud, self._records)
        self._polling = Polling(cloud, self._engine, self.begin)
        self._tags = Tags(cloud, self._engine)
        self.caller = f"arn:aws:iam::{cloud.account}:root"
        self._operations: dict[str, Operation] = {
            "CreatePipeline": self._create,
            "GetPipeline": self._get,
            "UpdatePipeline": self._update,
            "DeletePipeline": self._delete,
            "ListPipelines": self._list,
            "StartPipelineExecution": self._start_execution,
            "StopPipelineExecution": self._stop_execution,
            "RetryStageExecution": self._retry,
            "GetPipelineExecution": self._get_execution,
            "GetPipelineState": self._state,
            "ListPipelineExecutions": self._list_executions,
            "ListActionExecutions": self._list_actions,
            "DisableStageTransition": self._disable,
            "EnableStageTransition": self._enable,
            "PutApprovalResult": self._approve,
            "TagResource": self._tags.tag,
            "UntagResource": self._tags.untag,
            "ListTagsForResource": self._tags.list,
        }

    def start(self) -> None:
        """Take executions up again, poll sources, and be a target of EventBridge's rules."""
        self._engine.start()
        self._polling.start()
        self._cloud.event_target(self._cloud.arn("codepipeline", ""), self._on_event)

    def stop(self) -> None:
        """End; pipelines and executions stay."""
        self._polling.stop()
        self._engine.stop()

    def call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Carry out one operation."""
        return dispatch(self._operations, self.name, operation, parameters)

    def summary(self) -> list[str]:
        """Lines for ``python -m localcloud status``."""
        with self._engine.lock:
            return [
                views.pipeline_line(row, self._records.executions(row["Declaration"]["name"]))
                for row in self._records.pipelines()
            ]

    def arn(self, name: str) -> str:
        """The ARN of a pipeline."""
        return self._cloud.arn("codepipeline", name)

    # Pipelines ----------------------------------------------------------------------------------------------------

    def row(self, name: str) -> dict[str, Any]:
        """The record of a pipeline; raises PipelineNotFoundException."""
        row = self._records.pipeline(name)
        if row is None:
            message = f"Account '{self._cloud.account}' does not have a pipeline with name '{name}'"
            raise ServiceError("PipelineNotFoundException", message)
        return row

    def create(self, pipeline: dict[str, Any], tags: list[dict[str, str]], disabled: dict[str, str]) -> dict[str, Any]:
        """CreatePipeline.

        Parameters
        ----------
        pipeline : dict
            The declaration.
        tags : list of dict
            ``key`` and ``value``.
        disabled : dict of str
            Stages whose inbound transition is disabled from the beginning, with the reason.

        Raises
        ------
        ServiceError
            For a declaration that is not valid, and for a name that is taken.
        """
        pipeline = copy.deepcopy(pipeline) | {"version": 1}
        structure.check(pipeline, self._cloud.region)
        check_role(self._cloud, pipeline)
        with self._engine.lock:
            if self._records.pipeline(pipeline["name"]) is not None:
                message = (
                    f"A pipeline with the name '{pipeline['name']}' already exists in account '{self._cloud.account}'"
                )
                raise ServiceError("PipelineNameInUseException", message)
            now = time.time()
            row = {
                "Declaration": structure.with_defaults(pipeline),
                "Created": now,
                "Updated": now,
                "Tags": {},
                "Seen": {},
            }
            row |= {"Disabled": {f"Inbound|{stage}": self._disabled(reason) for stage, reason in disabled.items()}}
            self._tags.put(row, tags)
            self._records.save_pipeline(row)
        self.try_to_begin(pipeline["name"], ("CreatePipeline", self.caller))
        return row

    def update(self, pipeline: dict[str, Any]) -> dict[str, Any]:
        """UpdatePipeline; a definition that differs cancels what is in progress."""
        pipeline = copy.deepcopy(pipeline)
        structure.check(pipeline, self._cloud.region)
        check_role(self._cloud, pipeline)
        with self._engine.lock:
            row = self.row(pipeline["name"])
            before = row["Declaration"]
            after = structure.with_defaults(pipeline) | {"version": before["version"] + 1}
            if after | {"version": 0} != before | {"version": 0}:
                controls.cancel(self._engine, pipeline["name"])
            row["Declaration"], row["Updated"] = after, time.time()
            self._records.save_pipeline(row)
            self._engine.advance(pipeline["name"])
            return row

    def delete(self, name: str) -> None:
        """DeletePipeline; one that does not exist is fine."""
        controls.drop(self._engine, name)

    def _create(self, parameters: dict[str, Any]) -> dict[str, Any]:
        row = self.create(parameters["pipeline"], parameters.get("tags", []), {})
        return {"pipeline": row["Declaration"], "tags": parameters.get("tags", [])}

    def _update(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return {"pipeline": self.update(parameters["pipeline"])["Declaration"]}

    def _delete(self, parameters: dict[str, Any]) -> dict[str, Any]:
        self.delete(parameters["name"])
        return {}

    def _get(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name = parameters["name"]
        row = self.row(name)
        declaration, version = row["Declaration"], parameters.get("version")
        if version is not None and version != declaration["version"]:
            found = self._records.version(name, version)
            if found is None:
                message = f"Pipeline '{name}' does not have a version {version}"
                raise ServiceError("PipelineVersionNotFoundException", message)
            declaration = found
        metadata = {"pipelineArn": self.arn(name), "created": row["Created"], "updated": row["Updated"]}
        return {"pipeline": declaration, "metadata": metadata}

    def _list(self, parameters: dict[str, Any]) -> dict[str, Any]:
        rows = [
            {
                "name": row["Declaration"]["name"],
                "version": row["Declaration"]["version"],
                "pipelineType": row["Declaration"]["pipelineType"],
                "executionMode": row["Declaration"]["executionMode"],
                "created": row["Created"],
                "updated": row["Updated"],
            }
            for row in self._records.pipelines()
        ]
        rows, rest = _page(rows, parameters)
        return {"pipelines": rows, **rest}

    # Executions ---------------------------------------------------------------------------------------------------

    def begin(
        self,
        name: str,
        trigger: Trigger,
        given: list[dict[str, str]] | None = None,
        revisions: list[dict[str, str]] | None = None,
        token: str | None = None,
    ) -> Execution:
        """Start an execution; its variables are those of the declaration, with the ``given`` values.

        Parameters
        ----------
        name : str
            Of the pipeline.
        trigger : tuple of str
            Its type and detail.
        given : list of dict, optional
            ``variables`` of StartPipelineExecution.
        revisions : list of dict, optional
            Its ``sourceRevisions``.
        token : str, optional
            Its ``clientRequestToken``.

        Raises
        ------
        ServiceError
            For a pipeline, source or variable that does not exist.
        """
        with self._engine.lock:
            row = self.row(name)
            declaration = row["Declaration"]
            if token:
                for execution in self._records.executions(name):
                    if execution.get("RequestToken") == token:
                        return execution
            sources = {action["name"] for _, action in source_actions(declaration)}
            for item in revisions or []:
                if item["actionName"] not in sources:
                    message = f"sourceRevisions: {item['actionName']} is not a source action of the pipeline {name}"
                    raise ServiceError("ValidationException", message)
            variables = values_of(declaration, given or [])
            return self._engine.begin(row, trigger, variables, revisions, token)

    def try_to_begin(self, name: str, trigger: Trigger) -> None:
        """Start an execution without variables; log it when that fails."""
        try:
            self.begin(name, trigger)
        except ServiceError as error:
            logger.warning("pipeline %s was not started by %s: %s", name, trigger[0], error.message)

    def _on_event(self, arn: str, event: dict[str, Any]) -> None:
        """A rule of EventBridge has this pipeline as its target; its input may name variables and source revisions."""
        name = arn.rpartition(":")[2]
        rules = self._cloud.client("events").list_rule_names_by_target(TargetArn=arn)["RuleNames"]
        detail = self._cloud.arn("events", f"rule/{rules[0]}") if len(rules) == 1 else str(event.get("source", ""))
        given, revisions = event.get("variables"), event.get("sourceRevisions")
        execution = self.begin(name, ("CloudWatchEvent", detail), given, revisions)
        logger.info("pipeline %s: execution %s, by an event (%s)", name, execution["Id"], detail)

    def _execution(self, parameters: dict[str, Any]) -> Execution:
        self.row(parameters["pipelineName"])
        execution = self._records.execution(parameters["pipelineExecutionId"])
        if execution is None or execution["Pipeline"] != parameters["pipelineName"]:
            message = (
                f"Pipeline execution {parameters['pipelineExecutionId']} does not exist for pipeline "
                f"'{parameters['pipelineName']}'"
            )
            raise ServiceError("PipelineExecutionNotFoundException", message)
        return execution

    def _start_execution(self, parameters: dict[str, Any]) -> dict[str, Any]:
        execution = self.begin(
            parameters["name"],
            ("StartPipelineExecution", self.caller),
            parameters.get("variables"),
            parameters.get("sourceRevisions"),
            parameters.get("clientRequestToken"),
        )
        return {"pipelineExecutionId": execution["Id"]}

    def _stop_execution(self, parameters: dict[str, Any]) -> dict[str, Any]:
        with self._engine.lock:
            execution = self._execution(parameters)
            abandon, reason = parameters.get("abandon", False), parameters.get("reason", "")
            controls.stop(self._engine, execution, abandon=abandon, reason=reason)
        return {"pipelineExecutionId": execution["Id"]}

    def _retry(self, parameters: dict[str, Any]) -> dict[str, Any]:
        with self._engine.lock:
            execution, row = self._execution(parameters), self.row(parameters["pipelineName"])
            self._check_stage(row, parameters["stageName"])
            controls.retry(self._engine, row, execution, parameters["stageName"], parameters["retryMode"])
        return {"pipelineExecutionId": execution["Id"]}

    def _get_execution(self, parameters: dict[str, Any]) -> dict[str, Any]:
        with self._engine.lock:
            return {"pipelineExecution": views.execution_detail(self._execution(parameters))}

    def _state(self, parameters: dict[str, Any]) -> dict[str, Any]:
        with self._engine.lock:
            row = self.row(parameters["name"])
            return views.pipeline_state(row, self._records.executions(parameters["name"]))

    def _list_executions(self, parameters: dict[str, Any]) -> dict[str, Any]:
        with self._engine.lock:
            self.row(parameters["pipelineName"])
            rows = self._records.executions(parameters["pipelineName"])[::-1]
            stage = parameters.get("filter", {}).get("succeededInStage", {}).get("stageName")
            if stage:
                rows = [row for row in rows if row["Stages"].get(stage, {}).get("Status") == "Succeeded"]
            found, rest = _page([views.execution_summary(row) for row in rows], parameters)
        return {"pipelineExecutionSummaries": found, **rest}

    def _list_actions(self, parameters: dict[str, Any]) -> dict[str, Any]:
        wanted = parameters.get("filter", {})
        latest = wanted.get("latestInPipelineExecution", {})
        only = wanted.get("pipelineExecutionId") or latest.get("pipelineExecutionId")
        with self._engine.lock:
            self.row(parameters["pipelineName"])
            if only:
                executions = [self._execution({**parameters, "pipelineExecutionId": only})]
            else:
                executions = self._records.executions(parameters["pipelineName"])
            pairs = [
                (execution, action)
                for execution in executions
                for action in execution["Actions"]
                if latest.get("startTimeRange") != "Latest" or not action["Retried"]
            ]
            pairs.sort(key=lambda pair: float(pair[1]["Start"]), reverse=True)
            found, rest = _page([views.action_detail(*pair) for pair in pairs], parameters)
        return {"actionExecutionDetails": found, **rest}

    # Transitions and approvals ------------------------------------------------------------------------------------

    @staticmethod
    def _check_stage(row: dict[str, Any], name: str) -> dict[str, Any]:
        for stage in row["Declaration"]["stages"]:
            if stage["name"] == name:
                return dict(stage)
        message = f"Pipeline '{row['Declaration']['name']}' does not have a stage with name '{name}'"
        raise ServiceError("StageNotFoundException", message)

    def _disabled(self, reason: str) -> dict[str, Any]:
        return {"disabledReason": reason, "lastChangedAt": time.time(), "lastChangedBy": self.caller}

    def set_transition(self, name: str, stage: str, kind: str, reason: str | None) -> None:
        """Disable a transition for a reason, or enable it again.

        Parameters
        ----------
        name, stage : str
            Of the pipeline, and of a stage of it.
        kind : str
            ``Inbound`` or ``Outbound``.
        reason : str or None
            None enables it.
        """
        with self._engine.lock:
            row = self.row(name)
            self._check_stage(row, stage)
            row["Disabled"].pop(f"{kind}|{stage}", None)
            if reason is not None:
                row["Disabled"][f"{kind}|{stage}"] = self._disabled(reason)
            self._records.save_pipeline(row)
            self._engine.advance(name)

    def _disable(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name, stage, kind = (parameters[key] for key in ("pipelineName", "stageName", "transitionType"))
        self.set_transition(name, stage, kind, parameters["reason"])
        return {}

    def _enable(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name, stage, kind = (parameters[key] for key in ("pipelineName", "stageName", "transitionType"))
        self.set_transition(name, stage, kind, None)
        return {}

    def _approve(self, parameters: dict[str, Any]) -> dict[str, Any]:
        with self._engine.lock:
            stage = self._check_stage(self.row(parameters["pipelineName"]), parameters["stageName"])
            if parameters["actionName"] not in {action["name"] for action in stage["actions"]}:
                message = f"Stage '{stage['name']}' does not have an action with name '{parameters['actionName']}'"
                raise ServiceError("ActionNotFoundException", message)
            return {"approvedAt": controls.approve(self._engine, parameters["pipelineName"], parameters, self.caller)}
