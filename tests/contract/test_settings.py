from pathlib import Path

import pytest

from contract import names, naming, overrides, settings
from contract.errors import SettingsError

VPC = """[security]
vpc_id = "vpc-01234567"
subnet_ids = ["subnet-01234567"]
security_group_ids = ["sg-01234567"]
"""


def load(tmp_path: Path, text: str, **environ: str) -> settings.Settings:
    file = tmp_path / "workshop.toml"
    file.write_text(text)
    return settings.load(file, environ)


def test_the_file_of_the_repository_says_what_the_code_takes_for_granted():
    assert settings.load(environ={}) == settings.Settings()


def test_the_environment_overrides_the_file(tmp_path):
    loaded = load(tmp_path, "[endpoint]\nmax_capacity = 3\n", WORKSHOP_ENDPOINT_MAX_CAPACITY="7", HOME="/")
    assert loaded.endpoint.max_capacity == 7


def test_lists_come_from_the_environment_with_commas(tmp_path):
    loaded = load(
        tmp_path,
        "",
        WORKSHOP_WORKSHOP_TARGET="aws",
        WORKSHOP_SECURITY_VPC_ID="vpc-01234567",
        WORKSHOP_SECURITY_SUBNET_IDS="subnet-01234567, subnet-89abcdef",
        WORKSHOP_SECURITY_SECURITY_GROUP_IDS="sg-01234567",
    )
    assert loaded.security.subnet_ids == ("subnet-01234567", "subnet-89abcdef")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('[workshop]\ntarget = "cloud"', ["workshop.toml", "[workshop] target", "'cloud'", '"local" or "aws"']),
        ("[endpoint]\nmax_capacity = 0", ["[endpoint] max_capacity", "0", "1 to 100"]),
        ("[endpoint]\nmax_capacity = 2.5", ["max_capacity", "2.5", "a whole number"]),
        ("[endpoint]\nmax_capacity = true", ["max_capacity", "True", "a whole number"]),
        ('[bucket]\nkeep = "yes"', ["keep", "'yes'", "true or false"]),
        ("[workshop]\nname = 7", ["name", "7", "text in quotes"]),
        ('[workshop]\nname = "My Workshop"', ["name", "'My Workshop'", "lower-case"]),
        (f'[workshop]\nname = "{"w" * 21}"', ["name", "1 to 20", "CloudFormation shortens"]),
        ('[workshop]\nname = "art-app-two"', ["name", "without -app", "a stack of the workshop art"]),
        ('[workshop]\nname = "art-models"', ["name", "without -models", "a stack of the workshop art"]),
        ('[model]\ninstance_type = "ml.t2.medium"', ["instance_type", "ml.t2.medium", "can scale"]),
        (VPC, ["[security]", "vpc_id", "target aws only", "no networks"]),
        ("[lambda]\nlog_retention_days = 15", ["log_retention_days", "15", "14"]),
        ('[model]\ninstance_type = "m5.large"', ["instance_type", "m5.large", "ml.m5.large"]),
        ('[workshop]\nregoin = "x"', ["[workshop]", "'regoin'", "did you mean 'region'"]),
        ("[endpoints]\n", ["'endpoints'", "did you mean 'endpoint'"]),
        ("workshop = 1\n", ["[workshop]", "table"]),
        ('[security]\nvpc_id = "vpc-01234567"', ["all three, or none"]),
        ("[endpoint]\ninitial_instances = 3", ["initial_instances = 3", "max_capacity = 2"]),
        ("[workshop\n", ["not valid TOML"]),
    ],
)
def test_a_bad_value_names_file_key_value_and_what_is_allowed(tmp_path, text, parts):
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, text)
    for part in [str(tmp_path), *parts]:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "value", "parts"),
    [
        ("WORKSHOP_LOCAL_SPEED", "fast", ["WORKSHOP_LOCAL_SPEED", "'fast'", "a number"]),
        ("WORKSHOP_LOCAL_SPEED", "0.5", ["0.5", "1 to 3600"]),
        ("WORKSHOP_LOCAL_SPED", "1", ["'WORKSHOP_LOCAL_SPED'", "WORKSHOP_LOCAL_SPEED"]),
        ("WORKSHOP_BUCKET_KEEP", "1", ["true or false"]),
    ],
)
def test_a_bad_variable_is_named(tmp_path, variable, value, parts):
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, "", **{variable: value})
    for part in parts:
        assert part in str(caught.value)


def test_a_missing_file_is_said_so(tmp_path):
    with pytest.raises(SettingsError, match="there is no such file"):
        settings.load(tmp_path / "none.toml", {})


def test_another_process_loads_the_same_settings(tmp_path):
    text = '[workshop]\nname = "other"\ntarget = "aws"\n[bucket]\nkeep = true\n[security]\nvpc_id = "vpc-01234567"\n'
    text += 'subnet_ids = ["subnet-01234567"]\nsecurity_group_ids = ["sg-01234567", "sg-89abcdef"]\n'
    loaded = load(tmp_path, text, WORKSHOP_LOCAL_SPEED="7.5")
    assert settings.load(environ=settings.as_environment(loaded)) == loaded


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('[lambda]\narchitecture = "riscv"', ["[lambda] architecture", "'riscv'", '"x86_64" or "arm64"']),
        ("[lambda]\nlog_retention_days = 10", ["[lambda] log_retention_days", "10", "7, 14, 30"]),
        ("[pipeline]\nlog_retention_days = 10", ["[pipeline] log_retention_days", "10", "7, 14, 30"]),
        ('[security]\nsubnet_ids = ["subnet-01234567"]', ["[security]", "vpc_id = ''", "all three, or none"]),
        ('[security]\nsecurity_group_ids = ["sg-01234567"]', ["[security]", "subnet_ids = []", "all three, or none"]),
    ],
)
def test_what_the_constructs_rely_on_is_checked_here(tmp_path, text, parts):
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, text)
    for part in parts:
        assert part in str(caught.value)


def test_the_longest_name_is_taken(tmp_path):
    loaded = load(tmp_path, f'[workshop]\nname = "{"w" * names.LONGEST_WORKSHOP}"')
    assert len(loaded.application_stack) <= names.STACK_LETTERS_KEPT
    assert load(tmp_path, '[workshop]\nname = "apparatus-models2"').workshop.name == "apparatus-models2"


def test_the_names_of_stacks_are_those_that_a_workshop_may_not_have():
    chosen = settings.Settings()
    stacks = [getattr(chosen, name) for name in dir(settings.Settings) if name.endswith("_stack")]
    assert {stack.rpartition("-")[2] for stack in stacks if isinstance(stack, str)} == set(naming.STACKS)


def test_the_identity_travels_and_nothing_else(tmp_path):
    chosen = load(tmp_path, '[workshop]\nname = "art"\ntarget = "aws"\nregion = "eu-west-1"\n[bucket]\nkeep = true\n')
    assert overrides.identity_as_environment(chosen) == {
        "WORKSHOP_WORKSHOP_NAME": "art",
        "WORKSHOP_WORKSHOP_TARGET": "aws",
        "WORKSHOP_WORKSHOP_REGION": "eu-west-1",
    }


def test_what_a_push_would_leave_behind(tmp_path):
    file = tmp_path / "workshop.toml"
    file.write_text("[endpoint]\nmax_capacity = 3\n")
    environ = {
        "WORKSHOP_WORKSHOP_NAME": "art",
        "WORKSHOP_WORKSHOP_TARGET": "aws",
        "WORKSHOP_LOCAL_PORT": "4600",
        "WORKSHOP_ENDPOINT_MAX_CAPACITY": "3",
        "HOME": "/",
    }
    assert overrides.left_behind(file, environ) == {}
    environ |= {"WORKSHOP_ENDPOINT_MAX_CAPACITY": "4", "WORKSHOP_MODEL_INSTANCE_TYPE": "ml.g5.xlarge"}
    assert overrides.left_behind(file, environ) == {
        "WORKSHOP_ENDPOINT_MAX_CAPACITY": "3",
        "WORKSHOP_MODEL_INSTANCE_TYPE": "ml.m5.large",
    }
