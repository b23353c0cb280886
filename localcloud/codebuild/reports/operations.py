"""Report groups and reports: what a build's tests said (User Guide, "Test reports in AWS CodeBuild")."""

from __future__ import annotations

import logging
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from localcloud.cloud import Cloud
from localcloud.codebuild.buildspec.grammar import Buildspec, Report
from localcloud.codebuild.files import selection
from localcloud.codebuild.listing import invalid, missing, page, sorted_by, tagged
from localcloud.codebuild.reports import junit
from localcloud.services import Operation, ServiceError
from localcloud.store import Store

logger = logging.getLogger(__name__)

GROUP, REPORT, CASES = "report-group", "report", "test-cases"
KEPT_SECONDS = 30 * 86400
"""User Guide: a report expires 30 days after it was created."""


class Reports:
    """The operations on report groups and reports, and the step of a build that makes reports."""

    def __init__(self, cloud: Cloud, store: Store) -> None:
        self._cloud = cloud
        self._store = store
        self.operations: dict[str, Operation] = {
            "CreateReportGroup": self._create_group,
            "UpdateReportGroup": self._update_group,
            "DeleteReportGroup": self._delete_group,
            "BatchGetReportGroups": self._get_groups,
            "ListReportGroups": self._list_groups,
            "ListReports": self._list,
            "ListReportsForReportGroup": self._list_of_group,
            "BatchGetReports": self._get,
            "DeleteReport": self._delete,
            "DescribeTestCases": self._cases,
        }

    # A build's step ----------------------------------------------------------------------------------------------

    def make(
        self,
        build: Mapping[str, Any],
        spec: Buildspec,
        source: Path,
        say: Callable[[str], None],
        require: Callable[..., None] = lambda operation, **parameters: None,
    ) -> list[str]:
        """Make the reports of a build and return their ARNs. Failing tests fail the report, not the build.

        Parameters
        ----------
        build : mapping
            The build's document.
        spec : Buildspec
        source : Path
            The folder of the primary source.
        say : callable
            Gets each line for the log.
        require : callable
            ``require("CreateReport", reportGroupArn=…)`` raises :class:`ServiceError` when the project's role may not
            (User Guide, "Test report permissions").
        """
        arns = []
        for name, wanted in spec.reports.items():
            group = self._group_for(build["projectName"], name, require)
            for operation in ("CreateReport", "BatchPutTestCases", "UpdateReport"):
                require(operation, reportGroupArn=group["arn"])
            report = self._new(build, group)
            cases, problems = _read(source, wanted)
            for problem in problems:
                say(f"Report {name}: {problem}")
            self._fill(report, cases, complete=not problems)
            say(f"Report {name}: {len(cases)} test cases, {report['status']}")
            arns.append(report["arn"])
        return arns

    def _group_for(self, project: str, name: str, require: Callable[..., None]) -> dict[str, Any]:
        if name.startswith("arn:"):
            return self._group(name)
        # User Guide, "Report group naming": a name makes the group <project>-<name>.
        full = f"{project}-{name}"
        arn = self._cloud.arn("codebuild", f"report-group/{full}")
        if self._store.get(GROUP, arn) is None:
            require("CreateReportGroup", reportGroupArn=arn)
            self._create_group({"name": full, "type": "TEST", "exportConfig": {"exportConfigType": "NO_EXPORT"}})
        return self._group(arn)

    def _new(self, build: Mapping[str, Any], group: Mapping[str, Any]) -> dict[str, Any]:
        now = time.time()
        unique = uuid.uuid4()
        return {
            "arn": self._cloud.arn("codebuild", f"report/{group['name']}:{unique}"),
            "type": group["type"],
            "name": str(unique),
            "reportGroupArn": group["arn"],
            "executionId": build["arn"],
            "status": "GENERATING",
            "created": now,
            "expired": now + KEPT_SECONDS,
            "exportConfig": group["exportConfig"],
            "truncated": False,
        }

    def _fill(self, report: dict[str, Any], cases: list[junit.Case], *, complete: bool) -> None:
        counts = Counter(case.status for case in cases)
        failed = counts["FAILED"] + counts["ERROR"]
        report["status"] = "FAILED" if failed else "SUCCEEDED" if complete and cases else "INCOMPLETE"
        report["testSummary"] = {
            "total": len(cases),
            "statusCounts": {name: counts[name] for name in ("SUCCEEDED", "FAILED", "ERROR", "SKIPPED", "UNKNOWN")},
            "durationInNanoSeconds": sum(case.nanoseconds for case in cases),
        }
        documents = [case.document(report["arn"], report["expired"]) for case in cases]
        with self._store.transaction():
            self._store.put(CASES, report["arn"], {"cases": documents})
            self._store.put(REPORT, report["arn"], report)

    # Report groups -----------------------------------------------------------------------------------------------

    def _group(self, arn: str) -> dict[str, Any]:
        found = self._store.get(GROUP, arn)
        if found is None:
            raise missing(f"Report group {arn} does not exist")
        return found

    def _create_group(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name = parameters["name"]
        arn = self._cloud.arn("codebuild", f"report-group/{name}")
        if self._store.get(GROUP, arn) is not None:
            raise ServiceError("ResourceAlreadyExistsException", f"Report group already exists: {arn}")
        if parameters["type"] != "TEST":
            raise invalid("The local cloud makes TEST reports only, not CODE_COVERAGE.")
        now = time.time()
        group = {
            "arn": arn,
            "name": name,
            "type": parameters["type"],
            "exportConfig": _export(parameters["exportConfig"]),
            "created": now,
            "lastModified": now,
            "tags": tagged(parameters.get("tags", [])),
            "status": "ACTIVE",
        }
        self._store.put(GROUP, arn, group)
        return {"reportGroup": group}

    def _update_group(self, parameters: dict[str, Any]) -> dict[str, Any]:
        group = self._group(parameters["arn"])
        if "exportConfig" in parameters:
            group["exportConfig"] = _export(parameters["exportConfig"])
        if "tags" in parameters:
            group["tags"] = tagged(parameters["tags"])
        group["lastModified"] = time.time()
        self._store.put(GROUP, group["arn"], group)
        return {"reportGroup": group}

    def _delete_group(self, parameters: dict[str, Any]) -> dict[str, Any]:
        arn = parameters["arn"]
        reports = [row["arn"] for row in self._reports() if row["reportGroupArn"] == arn]
        if reports and not parameters.get("deleteReports"):
            raise invalid("Report group is not empty: set deleteReports, or delete its reports first.")
        with self._store.transaction():
            for report in reports:
                self._delete({"arn": report})
            self._store.delete(GROUP, arn)
        return {}

    def _get_groups(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return self._batch(GROUP, parameters["reportGroupArns"], "reportGroups")

    def _list_groups(self, parameters: dict[str, Any]) -> dict[str, Any]:
        keys = {"NAME": "name", "CREATED_TIME": "created", "LAST_MODIFIED_TIME": "lastModified"}
        key = keys[parameters.get("sortBy", "NAME")]
        rows = sorted_by(self._store.all(GROUP).values(), key, parameters.get("sortOrder", "ASCENDING"))
        return page([row["arn"] for row in rows], parameters, "reportGroups")

    # Reports -----------------------------------------------------------------------------------------------------

    def _reports(self) -> list[dict[str, Any]]:
        """Those that have not expired; the others go."""
        now = time.time()
        rows = list(self._store.all(REPORT).values())
        for row in rows:
            if row["expired"] < now:
                self._delete({"arn": row["arn"]})
        return [row for row in rows if row["expired"] >= now]

    def _list(self, parameters: dict[str, Any]) -> dict[str, Any]:
        wanted = parameters.get("filter", {}).get("status")
        rows = [row for row in self._reports() if wanted in (None, row["status"])]
        rows = sorted_by(rows, "created", parameters.get("sortOrder", "DESCENDING"))
        return page([row["arn"] for row in rows], parameters, "reports")

    def _list_of_group(self, parameters: dict[str, Any]) -> dict[str, Any]:
        group = self._group(parameters["reportGroupArn"])["arn"]
        wanted = parameters.get("filter", {}).get("status")
        rows = [row for row in self._reports() if row["reportGroupArn"] == group and wanted in (None, row["status"])]
        rows = sorted_by(rows, "created", parameters.get("sortOrder", "DESCENDING"))
        return page([row["arn"] for row in rows], parameters, "reports")

    def _get(self, parameters: dict[str, Any]) -> dict[str, Any]:
        self._reports()
        return self._batch(REPORT, parameters["reportArns"], "reports")

    def _batch(self, kind: str, arns: list[str], key: str) -> dict[str, Any]:
        rows = {arn: self._store.get(kind, arn) for arn in arns}
        found = {key: [row for row in rows.values() if row], f"{key}NotFound": [arn for arn in arns if not rows[arn]]}
        return {name: value for name, value in found.items() if value or name == key}

    def _delete(self, parameters: dict[str, Any]) -> dict[str, Any]:
        with self._store.transaction():
            self._store.delete(REPORT, parameters["arn"])
            self._store.delete(CASES, parameters["arn"])
        return {}

    def _cases(self, parameters: dict[str, Any]) -> dict[str, Any]:
        if self._store.get(REPORT, parameters["reportArn"]) is None:
            raise missing(f"Report {parameters['reportArn']} does not exist")
        cases = (self._store.get(CASES, parameters["reportArn"]) or {"cases": []})["cases"]
        wanted = parameters.get("filter", {})
        status, keyword = wanted.get("status"), wanted.get("keyword", "")
        rows = [row for row in cases if status in (None, row["status"]) and keyword in f"{row['prefix']}.{row['name']}"]
        return page(rows, parameters, "testCases")


def _export(config: Mapping[str, Any]) -> dict[str, Any]:
    if config.get("exportConfigType", "NO_EXPORT") != "NO_EXPORT":
        raise invalid("The local cloud does not export the raw data of reports: exportConfigType must be NO_EXPORT.")
    return {"exportConfigType": "NO_EXPORT"}


def _read(source: Path, wanted: Report) -> tuple[list[junit.Case], list[str]]:
    cases: list[junit.Case] = []
    problems: list[str] = []
    files = 0
    for folder in selection.base_directories(source, wanted.base_directory):
        for path in selection.select(folder, wanted.files):
            files += 1
            try:
                cases += junit.read(folder / path, path)
            except (ValueError, OSError) as error:
                problems.append(str(error))
    if not files:
        problems.append(f"no file matches {', '.join(wanted.files)}")
    return cases, problems
