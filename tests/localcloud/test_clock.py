"""The cloud's clock, and timestamps as AWS writes them."""

from __future__ import annotations

import datetime

import pytest

from localcloud.clock import Clock, iso_timestamp

MOMENT = datetime.datetime(2026, 1, 2, 3, 4, 5, 678_999, tzinfo=datetime.UTC).timestamp()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "2026-01-02T03:04:05.678Z"),
        ({"zone": "+0000"}, "2026-01-02T03:04:05.678+0000"),
        ({"zone": ""}, "2026-01-02T03:04:05.678"),
        ({"precision": "seconds"}, "2026-01-02T03:04:05Z"),
        ({"precision": "minutes"}, "2026-01-02T03:04Z"),
    ],
)
def test_a_timestamp_is_cut_off_and_never_rounded(options: dict[str, str], expected: str) -> None:
    assert iso_timestamp(MOMENT, **options) == expected


def test_without_a_moment_it_is_now() -> None:
    before = datetime.datetime.now(datetime.UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
    assert iso_timestamp(zone="") >= before


@pytest.mark.parametrize("speed", [0, 0.5, 3601])
def test_a_speed_that_no_clock_has_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match=rf"clock speed {speed:g} must be 1 \(AWS's own pace\) to 3600"):
        Clock(speed)
