"""The end of the workshop, and of this folder's tests: everything goes, and it is proved."""

import pytest

from helpers.operations import inventory
from helpers.operations.cleanup import clean_up
from helpers.preflight.checklist import preflight

pytestmark = pytest.mark.cloud


def test_before_the_end_preflight_finds_all_well(deployed):
    report = preflight(deployed)
    assert report.ok, str(report)
    assert report["CDK bootstrap"].found.startswith("version ")


@pytest.mark.rare
def test_everything_goes(deployed, done, tmp_path):
    missing = {found.kind for found in inventory.by_name(deployed) if not found.names}
    assert missing == {"AWS Budgets"}  # which [safety] makes on AWS alone
    assert inventory.by_tag(deployed)
    endpoint = deployed.names.endpoint

    report = clean_up(deployed, lambda text: None, build=tmp_path)
    assert report.ok, str(report)
    stacks = {check.name: check.found for check in report if check.name.startswith("Stack ")}
    assert stacks.pop(f"Stack {deployed.settings.safety_stack}") == "not there, as it should be"  # made on AWS alone
    assert set(stacks.values()) == {"deleted"}
    assert not any(found.names for found in inventory.by_name(deployed))
    assert inventory.by_tag(deployed) == []
    assert deployed.client("sagemaker").list_endpoints()["Endpoints"] == []
    groups = [group["logGroupName"] for group in deployed.client("logs").describe_log_groups()["logGroups"]]
    assert not any(endpoint in name for name in groups)
    assert report["Stays: CDKToolkit"].state == "ok"


@pytest.mark.rare
def test_and_again(deployed, tmp_path):
    report = clean_up(deployed, lambda text: None, build=tmp_path)
    assert report.ok, str(report)
