"""What docs/event.md says an event costs is what the prices in the repository make."""

import re

import pytest

from contract.names import LONGEST_WORKSHOP
from contract.settings import ROOT, SAFE_ON_AWS, Settings
from helpers.operations.costs import ACTION_MINUTES, BUILD_MINUTES, load_prices
from infra.workshop import template
from infra.workshop.stack import IDLE_MINUTES

TEXT = (ROOT / "docs" / "event.md").read_text(encoding="utf-8")
HOURS, RUNS = 4, 4


@pytest.fixture(scope="module")
def cost():
    """USD by what a row of the table begins with: an hour, and all of it."""
    prices = load_prices()
    space, instance = prices.services["studio"]["ml.t3.large"], prices.instance_hour["ml.m5.large"]
    run = BUILD_MINUTES * prices.services["codebuild"]["minute"]
    run += ACTION_MINUTES * prices.services["codepipeline"]["action_minute"]
    return {
        "space on `ml.t3.large`": (space, HOURS * space),
        "endpoint, one instance": (instance, HOURS * instance),
        "endpoint, the second one": (instance, instance),
        "builds and pipeline": (None, RUNS * run),
    }


def row(begins):
    (line,) = [line for line in TEXT.splitlines() if line.startswith(f"| {begins}")]
    return [float(found) for found in re.findall(r"([\d.]+) USD", line)]


def test_each_row_is_computed_from_the_prices(cost):
    for begins, (hourly, whole) in cost.items():
        wanted = [round(whole, 2)] if hourly is None else [hourly, round(whole + 1e-9, 2)]
        assert row(begins) == pytest.approx(wanted, abs=0.006), begins


def test_the_total_is_the_sum(cost):
    assert row("in total") == pytest.approx([sum(whole for _, whole in cost.values())], abs=0.01)


def test_what_is_left_over_costs_what_it_says():
    assert f"20 GB cost {20 * load_prices().services['studio']['gigabyte_month']:.2f} USD a month" in TEXT


def test_prices_are_dated():
    assert f"as known in {load_prices().as_of} (unverified" in TEXT


def test_limits_are_those_of_the_code():
    name = Settings().workshop.name
    assert f"`{name}-01` to\n`{name}-{template.MOST:02}`" in TEXT
    assert f"at most {LONGEST_WORKSHOP} letters" in TEXT
    assert f"may\nhave {LONGEST_WORKSHOP - 3}." in TEXT
    assert IDLE_MINUTES == 60  # "spaces stop after an hour without work"
    assert "after an hour without work" in TEXT
    assert f"after {SAFE_ON_AWS['expire_hours']:g} hours" in TEXT


def test_the_endpoints_quota_is_twice_what_it_may_have():
    most = 2 * Settings().endpoint.max_capacity  # an update starts as many before the old ones go
    assert f"| ml.m5.large for endpoint usage | by name | {most} | {most} N |" in TEXT
