"""``runtime-versions``, without a cloud."""

from __future__ import annotations

import pytest

from localcloud.codebuild.builds.runtimes import matches


@pytest.mark.parametrize(
    ("wanted", "found", "same"),
    [
        ("3.12", "3.12.4", True),
        ("3.1", "3.12.4", False),
        ("3.x", "3.9", True),
        ("latest", "1", True),
        ("22", "2", False),
    ],
)
def test_versions_are_compared_part_by_part(wanted: str, found: str, same: bool) -> None:
    assert matches(wanted, found) is same
