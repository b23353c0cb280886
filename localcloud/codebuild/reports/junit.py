"""JUnit's XML as CodeBuild's test cases."""

from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

STATUSES = {"failure": "FAILED", "error": "ERROR", "skipped": "SKIPPED"}
LONGEST_MESSAGE = 5000


@dataclasses.dataclass(frozen=True)
class Case:
    """One test case, as DescribeTestCases gives it."""

    prefix: str
    name: str
    suite: str
    status: str
    nanoseconds: int
    message: str
    path: str

    def document(self, report: str, expired: float) -> dict[str, Any]:
        """The API's form."""
        return {
            "reportArn": report,
            "testRawDataPath": self.path,
            "prefix": self.prefix,
            "name": self.name,
            "testSuiteName": self.suite,
            "status": self.status,
            "durationInNanoSeconds": self.nanoseconds,
            "message": self.message,
            "expired": expired,
        }


def read(file: Path, shown: str) -> list[Case]:
    """The cases of one file.

    Raises
    ------
    ValueError
        When it is not JUnit's XML; the message has ``shown``, the file's name in the source.
    """
    try:
        # Written by the build itself, which may run any program anyway.
        root = ElementTree.parse(file).getroot()  # noqa: S314
    except ElementTree.ParseError as error:
        raise ValueError(f"{shown} is not XML: {error}") from error
    if root.tag not in ("testsuites", "testsuite"):
        raise ValueError(f"{shown} is not JUnit's XML: its root is <{root.tag}>, not <testsuites> or <testsuite>")
    return list(_cases(root, "", shown))


def _cases(node: ElementTree.Element, suite: str, path: str) -> Iterator[Case]:
    suite = node.get("name", suite) if node.tag == "testsuite" else suite
    for child in node:
        if child.tag == "testsuite":
            yield from _cases(child, suite, path)
        elif child.tag == "testcase":
            yield _case(child, suite, path)


def _case(node: ElementTree.Element, suite: str, path: str) -> Case:
    status, message = "SUCCEEDED", ""
    for child in node:
        if child.tag in STATUSES:
            status = STATUSES[child.tag]
            message = "\n".join(part for part in (child.get("message"), (child.text or "").strip()) if part)
            break
    try:
        seconds = float((node.get("time") or "0").replace(",", ""))
    except ValueError:
        raise ValueError(f"{path}: the time {node.get('time')!r} of {node.get('name')!r} is not a number") from None
    return Case(
        prefix=node.get("classname", ""),
        name=node.get("name", ""),
        suite=suite,
        status=status,
        nanoseconds=int(seconds * 1e9),
        message=message[:LONGEST_MESSAGE],
        path=path,
    )
