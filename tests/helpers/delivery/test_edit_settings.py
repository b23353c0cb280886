"""Editing workshop.toml: what is changed arrives, and every other byte stays."""

import difflib
from pathlib import Path

import pytest

from contract import settings
from contract.errors import SettingsError
from helpers.delivery.edit_settings import change, write

WORKSHOP = settings.ROOT / "workshop.toml"
ODD = b"""# First \xc3\xb6
[endpoint]   # how it scales
max_capacity=2 # not = 3
initial_instances  =   1\t# tab

[workshop]
region = 'us-east-1'
name = "a-b"   # "quoted" # twice

[bucket]
keep = false
[security]
subnet_ids = [ # one a line
]
"""


def odd(tmp_path: Path, content: bytes = ODD) -> Path:
    path = tmp_path / "workshop.toml"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("content", [ODD, ODD.replace(b"\n", b"\r\n"), ODD.rstrip()])
def test_everything_else_stays_byte_for_byte(tmp_path, content):
    path = odd(tmp_path, content)
    change(path, endpoint={"max_capacity": 7}, workshop={"name": "other"}, bucket={"keep": True})
    expected = content.replace(b"max_capacity=2", b"max_capacity=7").replace(b"= false", b"= true")
    assert path.read_bytes() == expected.replace(b'name = "a-b"', b'name = "other"')


def test_nothing_to_change_changes_nothing(tmp_path):
    path = odd(tmp_path)
    change(path)
    assert path.read_bytes() == ODD


def test_of_the_repositorys_file_only_the_changed_lines_differ(tmp_path):
    path = odd(tmp_path, WORKSHOP.read_bytes())
    change(path, endpoint={"max_capacity": 5}, local={"speed": 7.5}, model={"version": "1.0.0"})
    before, after = WORKSHOP.read_text().splitlines(), path.read_text().splitlines()
    changed = [line for line in difflib.ndiff(before, after) if line[0] in "+-"]
    assert len(changed) == 6
    loaded = settings.load(path, {})
    assert (loaded.endpoint.max_capacity, loaded.local.speed, loaded.model.version) == (5, 7.5, "1.0.0")


def test_settings_of_the_environment_are_written_into_the_file(tmp_path):
    path = odd(tmp_path, WORKSHOP.read_bytes())
    variables = {
        "WORKSHOP_WORKSHOP_NAME": "other",
        "WORKSHOP_WORKSHOP_TARGET": "aws",
        "WORKSHOP_LAMBDA_MEMORY_MB": "1024",
        "WORKSHOP_SECURITY_VPC_ID": "vpc-01234567",
        "WORKSHOP_SECURITY_SUBNET_IDS": "subnet-01234567,subnet-89abcdef",
        "WORKSHOP_SECURITY_SECURITY_GROUP_IDS": "sg-01234567",
    }
    chosen = settings.load(WORKSHOP, variables)
    write(path, chosen)
    assert settings.load(path, {}) == chosen
    untouched = [line for line in WORKSHOP.read_text().splitlines() if line.startswith("#")]
    assert [line for line in path.read_text().splitlines() if line.startswith("#")] == untouched


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"endpoint": {"max_capacitee": 3}}, r"there is no line for max_capacitee in \[endpoint\] to change"),
        ({"local": {"port": 4567}}, r"there is no line for port in \[local\] to change"),
        ({"endpoint": {"max_capacity": 0}}, r"workshop\.toml, \[endpoint\] max_capacity = 0: must be 1 to 100"),
    ],
)
def test_a_key_or_value_that_cannot_be_leaves_the_file_as_it_was(tmp_path, tables, message):
    path = odd(tmp_path)
    with pytest.raises(SettingsError, match=message) as caught:
        change(path, **tables)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == ODD


def test_a_file_that_is_not_toml_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"workshop\.toml: not valid TOML"):
        change(odd(tmp_path, b"[endpoint\n"), endpoint={"max_capacity": 3})
