"""The checks of the target get small fakes of AWS's clients; those of this machine and of the local cloud are real."""

import functools
import json
import socket

import pytest

from contract.errors import ModelError
from contract.names import SMALLWORLD, SMALLWORLD_MODELS
from helpers.model import jumpstart
from helpers.preflight import account_checks, first_day_checks, machine_checks
from helpers.preflight.account_checks import Account
from helpers.preflight.checklist import preflight
from tests.helpers.conftest import refusal
from tests.helpers.preflight.accounts import ML, STS, Fake, aws, changed, quotas

FIRST_LINE = machine_checks._first_line


def test_who_we_are_is_shown():
    state, found, _ = aws().credentials()
    assert (state, found) == ("ok", "arn:aws:iam::123456789012:user/ada, account 123456789012")


def test_expired_credentials_fail_and_what_depends_on_them_says_so():
    account = aws(
        sts=Fake(get_caller_identity=refusal("ExpiredToken")),
        account=Fake(get_region_opt_status=refusal("ExpiredToken")),
    )
    assert account.credentials()[0] == "fail"
    state, found, fix = account.region()
    assert (state, found) == ("warn", "not looked at, since there are no credentials that work")
    assert "credentials first" in fix


@pytest.mark.parametrize(("status", "state"), [("ENABLED_BY_DEFAULT", "ok"), ("ENABLED", "ok"), ("DISABLED", "fail")])
def test_region(status, state):
    """Account Management API Reference, GetRegionOptStatus."""
    assert aws(account=Fake(get_region_opt_status={"RegionOptStatus": status})).region()[0] == state


def test_a_permission_that_only_the_check_needs_is_a_warning():
    state, found, fix = aws(account=Fake(get_region_opt_status=refusal("AccessDeniedException"))).region()
    assert state == "warn"
    assert "AccessDeniedException" in found
    assert "only this check needs it" in fix


def bootstrap_of(status="CREATE_COMPLETE", version="33"):
    outputs = [{"OutputKey": "BootstrapVersion", "OutputValue": version}]
    described = {"Stacks": [{"StackStatus": status, "Outputs": outputs}]}
    resource = {"StackResourceDetail": {"PhysicalResourceId": "cdk-hnb659fds-deploy-role"}}
    return Fake(describe_stacks=described, describe_stack_resource=resource)


@pytest.mark.parametrize(
    ("fake", "state"),
    [
        (bootstrap_of(), "ok"),
        (bootstrap_of(version="5"), "fail"),
        (bootstrap_of("ROLLBACK_COMPLETE"), "fail"),
        (bootstrap_of("UPDATE_IN_PROGRESS"), "warn"),
        (Fake(describe_stacks=refusal("ValidationError", "Stack with id CDKToolkit does not exist")), "ok"),
    ],
)
def test_bootstrap(fake, state):
    ssm = Fake(get_parameter=refusal("ParameterNotFound"))
    assert aws(cloudformation=fake, ssm=ssm).bootstrap()[0] == state


def test_an_event_has_bootstrapped_by_a_stack_of_another_name():
    missing = Fake(describe_stacks=refusal("ValidationError", "Stack with id CDKToolkit does not exist"))
    ssm = Fake(get_parameter={"Parameter": {"Value": "33"}})
    assert aws(cloudformation=missing, ssm=ssm).bootstrap()[:2] == (
        "ok",
        "by a stack of another name, as at an AWS event",
    )


@pytest.mark.parametrize(("value", "state"), [(0, "fail"), (1, "warn"), (2, "ok")])
def test_quota_against_initial_instances_and_max_capacity(value, state):
    fake = Fake(list_service_quotas=quotas(**{ML: value, "ml.m5.large for training job usage": 9}))
    got, found, fix = aws(**{"service-quotas": fake}).quota()
    assert got == state
    assert found.startswith(f"{value} of ml.m5.large")
    assert ("L-1" in fix) == (state != "ok"), "the request for more names the quota"


def test_a_quota_that_was_never_changed_comes_from_the_defaults():
    """Service Quotas API Reference, ListServiceQuotas: without an applied value "the quota is not retrieved"."""
    fake = Fake(list_service_quotas=quotas(), list_aws_default_service_quotas=quotas(**{ML: 4}))
    assert aws(**{"service-quotas": fake}).quota()[0] == "ok"


def test_an_instance_type_without_quota_does_not_exist():
    fake = Fake(list_service_quotas=quotas(), list_aws_default_service_quotas=quotas())
    state, found, _ = aws(**{"service-quotas": fake}).quota()
    assert state == "fail"
    assert "does not exist there" in found


def test_codecommit_that_refuses_is_a_warning_with_two_ways_out():
    fake = Fake(list_repositories=refusal("AccessDeniedException", "CodeCommit is not available"))
    state, found, fix = aws(codecommit=fake).git_provider()
    assert state == "warn"
    assert "CodeCommit is not available" in found
    assert "without the pipeline" in fix
    assert 'source = "connection"' in fix


def test_only_a_repository_proves_that_codecommit_is_open():
    """ListRepositories answers new customers too; what AWS refused them is CreateRepository."""
    state, found, fix = aws(codecommit=Fake(list_repositories=[{"repositories": []}])).git_provider()
    assert state == "warn"
    assert "only creating one tells" in found
    assert "CreateRepository request is not allowed" in fix
    assert "AWS Support" in fix
    pages = [{"repositories": [{"repositoryName": "a"}]}, {"repositories": [{"repositoryName": "b"}]}]
    state, found, _ = aws(codecommit=Fake(list_repositories=pages)).git_provider()
    assert (state, "2 repositories" in found) == ("ok", True)


def test_a_connection_that_waits_for_its_click_fails():
    chosen = changed(pipeline={"source": "connection", "connection_arn": "arn:x", "repository": "a/b"})
    answer = {"Connection": {"ConnectionName": "github", "ConnectionStatus": "PENDING"}}
    state, _, fix = aws(chosen, codeconnections=Fake(get_connection=answer)).git_provider()
    assert state == "fail"
    assert "Update pending" in fix


def model(**changes):
    values = {
        "model_id": "model-x", "version": "1.0.0", "model_uri": "", "script_uri": "", "image_uri": "",
        "environment": {}, "prepacked": True, "instance_types": ("ml.g5.xlarge",), "needs_eula": False,
        "accept_types": ("application/json", "application/json;jpeg"),
    }  # fmt: skip
    return jumpstart.Model(**values | changes)


@pytest.mark.parametrize(
    ("found", "chosen", "state"),
    [
        (model(), {"instance_type": "ml.g5.xlarge"}, "ok"),
        (model(), {"instance_type": "ml.m5.large"}, "warn"),
        (model(needs_eula=True), {"instance_type": "ml.g5.xlarge"}, "fail"),
        (model(needs_eula=True), {"instance_type": "ml.g5.xlarge", "accept_eula": True}, "ok"),
        (model(notice="To be withdrawn in May."), {"instance_type": "ml.g5.xlarge"}, "warn"),
        (model(accept_types=("application/json",)), {"instance_type": "ml.g5.xlarge"}, "warn"),
        (model(model_id="model-imagegeneration-x"), {"instance_type": "ml.g5.xlarge"}, "fail"),
    ],
)
def test_jumpstart_model(monkeypatch, found, chosen, state):
    monkeypatch.setattr(jumpstart, "look_up", lambda *arguments: found)
    assert aws(changed(model={"id": "model-x", **chosen})).model()[0] == state


def test_an_unknown_model_fails_with_the_nearest_ids(monkeypatch):
    def look_up(*arguments):
        raise ModelError("JumpStart has no model 'model-x': the nearest ids are model-y.")

    monkeypatch.setattr(jumpstart, "look_up", look_up)
    state, found, _ = aws(changed(model={"id": "model-x"})).model()
    assert (state, "model-y" in found) == ("fail", True)


@pytest.mark.parametrize(("kind", "state"), [("cpu", "ok"), ("gpu", "warn")])
def test_smallworld_on_a_gpu_wastes_money(monkeypatch, kind, state):
    image = f"7.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.6.0-{kind}-py312"
    monkeypatch.setattr(jumpstart, "pytorch_image", lambda *arguments: image)
    assert aws().model()[0] == state


@pytest.mark.parametrize("model_id", SMALLWORLD_MODELS)
def test_both_models_of_smallworld_come_with_the_workshop(monkeypatch, model_id):
    monkeypatch.setattr(jumpstart, "pytorch_image", lambda *arguments: "x/pytorch-inference:2.6.0-cpu")
    state, said, _ = aws(changed(model={"id": model_id})).model()
    assert (state, said.split()[0]) == ("ok", model_id)


def test_another_model_than_smallworld_is_not_in_the_local_cloud():
    state, said, fix = Account(changed(model={"id": "model-x"}), None).model()
    assert state == "fail"
    assert f"which has {' and '.join(SMALLWORLD_MODELS)} alone" in said
    assert SMALLWORLD in fix


def test_nothing_on_aws_is_changed(monkeypatch):
    """Every call is one that reads."""
    monkeypatch.setattr(jumpstart, "pytorch_image", lambda *arguments: "x/pytorch-inference:2.6.0-cpu")
    clients = {
        "sts": Fake(**STS, assume_role={}),
        "account": Fake(get_region_opt_status={"RegionOptStatus": "ENABLED"}),
        "cloudformation": bootstrap_of(),
        "service-quotas": Fake(list_service_quotas=quotas(**{ML: 2, first_day_checks.BUILDS: 2})),
        "codecommit": Fake(list_repositories=[{"repositories": []}]),
        "ssm": Fake(get_parameters_by_path=[{"Parameters": []}]),
    }
    report = preflight(aws(**clients).given)
    assert report.ok, str(report)
    called = [operation for fake in clients.values() for operation, _ in fake.calls]
    assert len(called) >= 8
    # AssumeRole gives out credentials, which nobody uses; it changes nothing.
    assert all(operation.startswith(("get_", "list_", "describe_", "assume_role")) for operation in called)


@pytest.fixture(autouse=True, scope="module")
def asked_once():
    """Node.js, the CDK and git say the same each time, and take a second to say it."""
    with pytest.MonkeyPatch.context() as patch:
        once = functools.cache(lambda *command: FIRST_LINE(list(command)))
        patch.setattr(machine_checks, "_first_line", lambda command: once(*command))
        yield


@pytest.mark.parametrize(("free", "state"), [(100, "fail"), (1000, "warn"), (100_000, "ok")])
def test_disk(monkeypatch, tmp_path, free, state):
    usage = machine_checks.shutil.disk_usage(tmp_path)._replace(free=free << 20)
    monkeypatch.setattr(machine_checks.shutil, "disk_usage", lambda folder: usage)
    assert machine_checks.disk(tmp_path)[0] == state


def test_this_machine_is_ready():
    """The tests run where the workshop was set up, so each of these must hold here."""
    for check in (machine_checks.python, machine_checks.packages, machine_checks.node_and_cdk, machine_checks.git):
        assert check()[0] == "ok", check.__name__


def test_a_package_of_another_version_is_named(monkeypatch):
    project = {"dependencies": ["numpy>=1000", "no-such-package-at-all", "boto3"]}
    monkeypatch.setattr(machine_checks, "_project", lambda: project)
    state, found, _ = machine_checks.packages()
    assert state == "warn"
    assert "numpy is" in found
    assert "wanted >=1000" in found
    assert "no-such-package-at-all is missing" in found
    assert "boto3" not in found


def test_a_missing_cdk_fails(monkeypatch, tmp_path):
    monkeypatch.setattr(machine_checks, "CDK", tmp_path / "cdk")
    state, found, fix = machine_checks.node_and_cdk()
    assert (state, "make setup" in fix) == ("fail", True)
    assert "is missing" in found


def idle(enabled, minutes=None):
    rules = {"LifecycleManagement": enabled, "IdleTimeoutInMinutes": minutes}
    return {"JupyterLabAppSettings": {"AppLifecycleManagement": {"IdleSettings": rules}}}


@pytest.mark.parametrize(
    ("domain", "space", "said"),
    [
        (idle("ENABLED", 60), {}, "stops after 60 minutes"),
        (idle("ENABLED", 60), idle(None, 90), "stops after 90 minutes"),
        (idle("DISABLED"), {}, "does not stop by itself"),
        ({}, {}, "does not stop by itself"),
    ],
)
def test_idle_shutdown_in_studio(tmp_path, domain, space, said):
    """SageMaker Developer Guide, "Idle shutdown": the domain enables it, a space may choose its own time."""
    metadata = tmp_path / "metadata.json"
    metadata.write_text(json.dumps({"DomainId": "d-1", "SpaceName": "mine", "AppType": "JupyterLab"}))
    fake = Fake(describe_space={"SpaceSettings": space}, describe_domain={"DefaultUserSettings": domain})
    _, found, _ = machine_checks.studio(aws(sagemaker=fake), metadata)
    assert "space mine" in found
    assert said in found


def test_outside_of_studio_nothing_is_asked(tmp_path):
    assert machine_checks.studio(aws(), tmp_path / "none")[0] == "ok"


def test_a_taken_port_fails_while_the_local_cloud_does_not_run(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        chosen = changed(local={"port": port})
        state, found, fix = machine_checks.local_cloud(chosen, Account(chosen, tmp_path), tmp_path)
    assert state == "fail"
    assert f"port {port} is taken" in found
    assert "[local] port" in fix
    assert machine_checks.local_cloud(chosen, Account(chosen, tmp_path), tmp_path)[0] == "ok"


def test_before_the_first_start_of_the_local_cloud_all_is_well(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    report = preflight(changed(local={"port": port}), state=tmp_path)
    assert report.ok, str(report)
    assert "connect() starts it" in report["Local cloud"].found
    assert "quotas do not apply" in report["Instance quota"].found


def test_without_credentials_one_check_fails_and_the_others_are_there(monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    report = preflight(changed(workshop={"target": "aws"}), state=tmp_path)
    assert [check.name for check in report.failed] == ["Credentials"]
    assert "aws configure sso" in report["Credentials"].found
    assert report["Python"].state == "ok"


def test_quota_of_reads_all_pages():
    pages = [*quotas(**{"other": 1}), *quotas(**{ML: 7})]
    assert account_checks.quota_of(Fake(list_service_quotas=pages), ML).value == 7
