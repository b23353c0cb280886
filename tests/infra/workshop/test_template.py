"""The template of an event: plain, the same each time, for as many as asked, and nothing in it that costs by itself."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import aws_cdk as cdk
import pytest
import yaml
from cdk_nag import AwsSolutionsChecks

from contract.names import LONGEST_WORKSHOP
from contract.settings import ROOT, Settings, Workshop, load
from infra.errors import InfraError
from infra.workshop import __main__ as command
from infra.workshop import lifecycle, permissions, template
from tests.infra.test_rules import findings

REGIONS = yaml.safe_load((ROOT / "contentspec.yaml").read_text())["awsAccountConfig"]["regionConfiguration"]
NAME = Settings().workshop.name


def test_the_files_in_static_are_up_to_date(text):
    made = command.files()
    assert [path.name for path, wanted in made.items() if not path.exists() or path.read_text() != wanted] == [], (
        "run make event"
    )
    assert made[ROOT / "static" / "studio.yaml"] == text(1)  # made twice, and the same


@pytest.mark.rare  # the file in Git was written by another process, too
def test_another_process_writes_the_same_bytes(text):
    program = "import infra; from infra.workshop import template; from contract.settings import load; "
    program += "print(template.text(load(environ={})), end='')"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": "7", "TZ": "UTC+7"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == text(1)


def test_nothing_but_the_file_is_needed_to_deploy_it(studio):
    body = json.dumps(studio.body)
    assert "Rules" not in studio.body
    assert "Transform" not in studio.body
    assert "BootstrapVersion" not in body
    assert "cdk-hnb659fds-assets" not in re.sub(r"arn:aws:s3:::cdk-hnb659fds-assets-\*", "", body)  # of the policy
    assert [name for name, entry in studio.body["Parameters"].items() if "Default" not in entry] == ["Repository"]


@pytest.mark.rare  # seven regions
def test_cfn_lint_has_nothing_to_say_in_any_region(text, tmp_path):
    file = tmp_path / "studio-3.yaml"
    file.write_text(text(3))
    regions = sorted({region for group in REGIONS["deployableRegions"].values() for region in group})
    done = subprocess.run(
        [Path(sys.executable).parent / "cfn-lint", "--config-file", ROOT / ".cfnlintrc.yaml",
         "--include-checks", "I3510", "--regions", *regions, "--template", file],
        cwd=ROOT, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_cdk_nag_finds_nothing(tmp_path):
    app = template.build(load(environ={}), 2, tmp_path)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()
    assert findings(tmp_path) == []


def test_the_domain_costs_nothing_by_itself(studio):
    domain = studio.one("AWS::SageMaker::Domain")
    kinds = {entry["Type"] for entry in studio.body["Resources"].values()}
    assert domain["HomeEfsFileSystemCreation"] == "Disabled"
    assert domain["AppNetworkAccessType"] == "PublicInternetOnly"
    assert not kinds & {"AWS::EC2::NatGateway", "AWS::EC2::EIP", "AWS::EC2::VPCEndpoint", "AWS::SageMaker::App"}
    assert studio.statements(domain["DefaultUserSettings"]["ExecutionRole"]) == []


def test_spaces_stop_when_they_are_idle_and_have_room(studio):
    settings = studio.one("AWS::SageMaker::Domain")["DefaultUserSettings"]
    idle = settings["JupyterLabAppSettings"]["AppLifecycleManagement"]["IdleSettings"]
    assert (idle["LifecycleManagement"], idle["IdleTimeoutInMinutes"]) == ("ENABLED", 60)
    assert settings["SpaceStorageSettings"]["DefaultEbsStorageSettings"]["DefaultEbsVolumeSizeInGb"] == 20
    space = studio.one("AWS::SageMaker::Space")
    assert space["SpaceSharingSettings"] == {"SharingType": "Private"}
    assert space["SpaceSettings"]["SpaceStorageSettings"] == {"EbsStorageSettings": {"EbsVolumeSizeInGb": 20}}


def test_a_space_runs_the_script_that_the_domain_knows(studio):
    script = f"<{studio.name_of('AWS::SageMaker::StudioLifecycleConfig')}.StudioLifecycleConfigArn>"
    spec = studio.one("AWS::SageMaker::Space")["SpaceSettings"]["JupyterLabAppSettings"]["DefaultResourceSpec"]
    known = studio.one("AWS::SageMaker::Domain")["DefaultUserSettings"]["JupyterLabAppSettings"]["LifecycleConfigArns"]
    assert spec == {"InstanceType": "ml.t3.large", "LifecycleConfigArn": script}
    assert known == [script]


def test_workshop_space_and_profile_have_one_name(studio, several):
    assert [space["SpaceName"] for space in studio.properties("AWS::SageMaker::Space")] == [NAME]
    names = [f"{NAME}-01", f"{NAME}-02", f"{NAME}-03"]
    assert [space["SpaceName"] for space in several.properties("AWS::SageMaker::Space")] == names
    owners = [
        space["OwnershipSettings"]["OwnerUserProfileName"] for space in several.properties("AWS::SageMaker::Space")
    ]
    assert owners == names
    assert [each["UserProfileName"] for each in several.properties("AWS::SageMaker::UserProfile")] == names


def roles(studio):
    """Name of the profile → statements of its role, by Sid."""
    found = {}
    for profile in studio.properties("AWS::SageMaker::UserProfile"):
        role = studio.resources("AWS::IAM::Role")[re.sub(r"[<>]|\.Arn", "", profile["UserSettings"]["ExecutionRole"])]
        statements = [s for policy in role["Properties"]["Policies"] for s in policy["PolicyDocument"]["Statement"]]
        found[profile["UserProfileName"]] = {statement["Sid"]: statement for statement in statements}
    return found


def listed(value):
    return value if isinstance(value, list) else [value]


def test_a_participant_reaches_nothing_that_is_named_after_another(several):
    for name, statements in roles(several).items():
        arns = [arn for statement in statements.values() for arn in listed(statement["Resource"])]
        named = [arn for arn in arns if NAME in arn]
        assert named
        assert all(name in arn for arn in named), name


def test_the_workshops_policy_is_that_of_the_file(studio):
    wanted = json.loads(permissions.POLICY.read_text())["Statement"]
    held = roles(studio)[NAME]
    for statement in wanted:
        assert listed(held[statement["Sid"]]["Action"]) == statement["Action"]
        assert listed(held[statement["Sid"]]["Resource"]) == statement["Resource"]
        assert held[statement["Sid"]].get("Condition") == statement.get("Condition")


def test_a_participant_runs_only_the_own_space_and_only_on_small_instances(several):
    for name, statements in roles(several).items():
        actions = [action for statement in statements.values() for action in listed(statement["Action"])]
        assert "sagemaker:CreateSpace" not in actions
        assert listed(statements["OpenStudio"]["Resource"])[0].endswith(f"/{name}")
        condition = statements["RunOwnSpace"]["Condition"]
        assert condition["StringEquals"]["sagemaker:SpaceSharingType"] == ["Private"]
        assert condition["ArnLike"]["sagemaker:OwnerUserProfileArn"].endswith("/${sagemaker:UserProfileName}")
        assert set(condition["ForAllValues:StringEquals"]["sagemaker:InstanceTypes"]) == {
            *permissions.INSTANCE_TYPES,
            "system",
        }


def test_the_instances_that_may_be_chosen_may_be_run(studio):
    assert studio.body["Parameters"]["InstanceType"]["AllowedValues"] == list(permissions.INSTANCE_TYPES)


def test_notebook_99_does_not_find_studio(studio):
    tags = [tag["Key"] for entry in studio.body["Resources"].values() for tag in entry["Properties"].get("Tags", [])]
    assert set(tags) == {"workshop-event"}


def test_the_script_in_the_template_is_the_script(studio):
    name = studio.name_of("AWS::SageMaker::StudioLifecycleConfig")
    content = studio.body["Resources"][name]["Properties"]["StudioLifecycleConfigContent"]
    entry = content["Fn::Base64"]["Fn::Sub"]
    values = {"Repository": "https://git.example.com/workshop.git", "Branch": "main", "Target": "aws"}
    # As CloudFormation does it: ${Name} is a parameter, ${!Name} the text ${Name}.
    made = re.sub(r"\$\{(!?)([^}]*)\}", lambda found: f"${{{found[2]}}}" if found[1] else values[found[2]], entry)
    wanted = {**{name.upper(): value for name, value in values.items()}, "NAME": NAME}
    assert made == lifecycle.script(wanted)


def test_another_script_target_or_stack_is_a_configuration_of_another_name(studio, text, monkeypatch, tmp_path):
    before = studio.one("AWS::SageMaker::StudioLifecycleConfig")["StudioLifecycleConfigName"]
    assert re.fullmatch(rf"{NAME}-[0-9a-f]{{8}}-0123abcd-aws", before)
    changed = tmp_path / "lifecycle.sh"
    changed.write_text(lifecycle.SCRIPT.read_text() + "# changed\n")
    monkeypatch.setattr(lifecycle, "SCRIPT", changed)
    assert lifecycle.fingerprint(lifecycle.for_sub(NAME)) not in before


@pytest.mark.parametrize("count", [0, -1, 61])
def test_a_number_that_cannot_be(count):
    with pytest.raises(InfraError, match=f"must be 1 to 60, not {count}"):
        template.participants(NAME, count)


def test_a_participants_name_is_a_workshops_name():
    assert template.participants("w" * LONGEST_WORKSHOP, 1) == ["w" * LONGEST_WORKSHOP]
    with pytest.raises(InfraError, match=r"would be a participant's, and a name must be 1 to 20"):
        template.participants("w" * (LONGEST_WORKSHOP - 2), 2)


@pytest.mark.rare  # 180 resources
def test_as_many_as_fit_into_one_template(text):
    body = text(template.MOST)
    assert len(body.encode()) <= template.LIMIT
    assert len(yaml.load(body, yaml.CSafeLoader)["Resources"]) <= 500


def test_without_a_policy_it_says_what_to_run(monkeypatch, tmp_path):
    monkeypatch.setattr(permissions, "POLICY", ROOT / "static" / "no_such_policy.json")
    with pytest.raises(InfraError, match="is missing: run make participant-policy"):
        permissions.of_workshop(NAME, NAME)


def test_a_policy_for_another_workshop_is_refused():
    with pytest.raises(InfraError, match="is not for the workshop art"):
        template.text(Settings(workshop=Workshop(name="art")))
