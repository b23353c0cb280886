"""JUnit's XML, without a cloud."""

from __future__ import annotations

from pathlib import Path

import pytest

from localcloud.codebuild.reports import junit


def test_junit(tmp_path: Path) -> None:
    (tmp_path / "r.xml").write_text(
        '<testsuites><testsuite name="s"><testcase classname="c" name="good" time="1.5"/>'
        '<testcase classname="c" name="bad" time="0"><failure message="no">trace</failure></testcase>'
        '<testcase name="broken"><error/></testcase><testcase name="left"><skipped/></testcase>'
        "</testsuite></testsuites>"
    )
    cases = junit.read(tmp_path / "r.xml", "r.xml")
    assert [(case.name, case.status) for case in cases] == [
        ("good", "SUCCEEDED"),
        ("bad", "FAILED"),
        ("broken", "ERROR"),
        ("left", "SKIPPED"),
    ]
    assert (cases[0].prefix, cases[0].suite, cases[0].nanoseconds) == ("c", "s", 1_500_000_000)
    assert cases[1].message == "no\ntrace"


@pytest.mark.parametrize("text", ["<html/>", "no xml", '<testsuite><testcase name="x" time="soon"/></testsuite>'])
def test_what_is_not_junit_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.xml").write_text(text)
    with pytest.raises(ValueError, match=r"r\.xml"):
        junit.read(tmp_path / "r.xml", "r.xml")
