"""What the helpers say of CloudFormation by region is what it publishes, as cfn-lint has it."""

import json
from pathlib import Path

import cfnlint
import pytest

from helpers.target.regions import NOT_BY_CLOUDFORMATION

SCHEMAS = Path(cfnlint.__file__).parent / "data" / "schemas" / "providers"
OTHER_PARTITIONS = ("cn-", "us-gov", "us-iso", "eu-iso", "eusc-")


@pytest.mark.rare
@pytest.mark.parametrize("service", NOT_BY_CLOUDFORMATION)
def test_regions_without_a_resource_type(service):
    kind, without = NOT_BY_CLOUDFORMATION[service]
    files = [path for path in SCHEMAS.glob("*-*.json") if not path.stem.startswith(OTHER_PARTITIONS)]
    assert len(files) > 25
    assert {path.stem for path in files if kind not in json.loads(path.read_text())} == without
