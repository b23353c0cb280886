import os
import threading

import boto3
import pytest

from contract import settings
from contract.errors import NotDeployedError, SettingsError, TargetError
from helpers.inference import connection
from helpers.target import targets
from helpers.target.explain import Target
from helpers.target.handle import Identity, Names
from helpers.target.pace import AWS, LOCAL
from tests.helpers.inference.conftest import AWS_SETTINGS, ENVIRONMENT, LOCAL_SETTINGS, Cloud

# The local target


def test_the_local_cloud_is_found(local):
    local.cloud = Cloud()
    found = connection.connect(LOCAL_SETTINGS)
    assert local.started == []
    assert found.environment == ENVIRONMENT
    assert found.pace is LOCAL
    assert repr(found) == "<Connection to the local cloud at http://127.0.0.1:4566>"


def as_role(name):
    role = f"arn:aws:iam::000000000000:role/{name}"
    return settings.load(environ={"WORKSHOP_WORKSHOP_TARGET": "local", "WORKSHOP_LOCAL_ROLE": role})


def test_the_local_cloud_is_reached_as_the_role_of_the_settings(local):
    local.cloud = Cloud()
    found = connection.connect(as_role("studio"))
    keys = {"AWS_ACCESS_KEY_ID": "ASIASTUDIO", "AWS_SESSION_TOKEN": "token"}
    assert keys.items() <= found.environment.items()
    assert keys.items() <= found.child_environment().items()


def test_a_role_that_the_local_cloud_does_not_have_is_named(local):
    local.cloud = Cloud()
    with pytest.raises(TargetError, match=r"role arn:\S+/none: there is no role .* Make the role"):
        connection.connect(as_role("none"))


def test_the_local_cloud_is_started(local):
    connection.connect(settings=LOCAL_SETTINGS)
    ((state_dir, arguments),) = local.started
    assert state_dir == settings.ROOT / ".localcloud"
    variables = arguments.pop("build_variables")
    assert arguments == {
        "port": 4566,
        "speed": 60,
        "provision_seconds": 120,
        "region": "us-east-1",
        "unverified": False,
    }
    assert variables["PATH"].endswith(os.environ["PATH"])
    assert variables["BUILD_ENVIRONMENTS"] == str(settings.ROOT / "build" / "codebuild")


def test_builds_of_the_local_cloud_reach_the_registries_that_this_machine_reaches(local, monkeypatch):
    for name in ("UV_INDEX_URL", "SSL_CERT_FILE", "https_proxy"):
        monkeypatch.setenv(name, f"value of {name}")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not for builds")
    connection.connect(settings=LOCAL_SETTINGS)
    variables = local.started[0][1]["build_variables"]
    assert {variables[name] for name in ("UV_INDEX_URL", "SSL_CERT_FILE", "https_proxy")} == {
        "value of UV_INDEX_URL", "value of SSL_CERT_FILE", "value of https_proxy",
    }  # fmt: skip
    assert "AWS_SECRET_ACCESS_KEY" not in variables


@pytest.mark.parametrize(
    ("environment", "cache"),
    [
        ({"HOME": "/h"}, "/h/.cache/uv"),
        ({"HOME": "/h", "XDG_CACHE_HOME": "/x"}, "/x/uv"),
        ({"HOME": "/h", "XDG_CACHE_HOME": "/x", "UV_CACHE_DIR": "/u"}, "/u"),
    ],
)
def test_builds_of_the_local_cloud_use_the_cache_that_the_set_up_filled(local, monkeypatch, environment, cache):
    for name in ("XDG_CACHE_HOME", "UV_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    connection.connect(LOCAL_SETTINGS)
    assert local.started[0][1]["build_variables"]["UV_CACHE_DIR"] == cache


def test_the_local_cloud_is_not_started_unasked(local):
    with pytest.raises(TargetError, match="does not run: start it with"):
        connection.connect(LOCAL_SETTINGS, start=False)
    assert local.started == []


def test_a_local_cloud_that_does_not_start(local):
    def start(state_dir, **arguments):
        raise OSError("port 4566 is in use")

    local.start = start
    with pytest.raises(TargetError, match=r"did not start on port 4566: port 4566 is in use.*\[local\] port"):
        connection.connect(LOCAL_SETTINGS)


def test_settings_come_from_the_file_and_the_environment(local, monkeypatch):
    monkeypatch.setenv("WORKSHOP_LOCAL_PORT", "4999")
    assert connection.connect().settings.local.port == 4999
    monkeypatch.setenv("WORKSHOP_WORKSHOP_TARGET", "moon")
    with pytest.raises(SettingsError, match="'moon'"):
        connection.connect()


def test_clients_of_the_local_target_ignore_what_the_user_has_set_up_for_aws(local, monkeypatch, tmp_path):
    config = tmp_path / "config"
    config.write_text("[profile work]\nregion = ap-south-1\nendpoint_url = https://example.org\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "not-there")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://example.org")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    s3 = connection.connect(LOCAL_SETTINGS).client("s3")
    assert s3.meta.endpoint_url == "http://127.0.0.1:4566"
    assert s3.meta.region_name == "us-east-1"
    assert s3._request_signer._credentials.access_key == "AKIALOCAL"
    assert s3.meta.config.proxies == {}
    assert s3.meta.config.s3["addressing_style"] == "path"


def test_the_process_environment_stays_as_it_is(local, monkeypatch):
    import os

    before = dict(os.environ)
    connection.connect(LOCAL_SETTINGS).client("ssm")
    assert dict(os.environ) == before


def test_clients_are_made_once_for_all_threads(local):
    found, clients = connection.connect(LOCAL_SETTINGS), []
    threads = [threading.Thread(target=lambda: clients.append(found.client("sns"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(clients) == 4
    assert len({id(client) for client in clients}) == 1
    config = clients[0].meta.config
    assert (config.connect_timeout, config.read_timeout, config.retries["mode"]) == (5, 60, "standard")


def test_a_local_cloud_of_another_region(local):
    local.cloud = Cloud()
    elsewhere = settings.Settings(workshop=settings.Workshop(region="eu-west-1"))
    with pytest.raises(TargetError, match=r"runs as us-east-1, and \[workshop\] region .* is eu-west-1: stop it"):
        connection.connect(elsewhere)


# AWS


def test_aws_with_the_usual_credentials(nobody):
    nobody.setenv("AWS_ACCESS_KEY_ID", "AKIAMINE")
    nobody.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    nobody.setenv("AWS_REGION", "us-west-2")
    found = connection.connect(AWS_SETTINGS)
    assert found.environment == {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"}
    assert found.client("s3").meta.region_name == "eu-west-1"
    assert found.client("sns").meta.endpoint_url == "https://sns.eu-west-1.amazonaws.com"
    assert found.pace is AWS
    assert "region eu-west-1" in repr(found) or repr(found) == "<Connection to AWS in eu-west-1>"


def test_aws_without_credentials(nobody):
    with pytest.raises(TargetError, match=r"no usable AWS credentials.*aws configure sso.*target = \"local\""):
        connection.connect(AWS_SETTINGS)


def test_aws_with_a_profile_that_is_not_there(nobody):
    nobody.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(TargetError, match=r"nobody.*unset AWS_PROFILE"):
        connection.connect(AWS_SETTINGS)


class Sts:
    def __init__(self, error=None):
        self.error, self.asked = error, 0

    def get_caller_identity(self):
        self.asked += 1
        if self.error:
            raise self.error
        return {"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/me"}


class OnAws(targets.Access):
    def client(self, service):
        return self.clients[service]


def on_aws(backend, sts):
    access = OnAws(Target("aws", "eu-west-1"), boto3.Session("x", "y", region_name="eu-west-1"), {})
    object.__setattr__(access, "clients", {**backend.clients, "sts": sts})
    return connection.Connection(AWS_SETTINGS, access)


def test_on_aws_the_identity_is_asked_for_once_and_late(backend):
    sts = Sts()
    found = on_aws(backend, sts)
    assert sts.asked == 0
    assert found.names.bucket == "workshop-bucket"
    assert found.identity == Identity("123456789012", "arn:aws:iam::123456789012:user/me")
    assert sts.asked == 1


@pytest.mark.parametrize("code", ["ExpiredToken", "ExpiredTokenException", "RequestExpired"])
def test_an_expired_token_is_said_before_anything_else(backend, refuse, code):
    found = on_aws(backend, Sts(refuse(code, "The security token included in the request is expired")))
    with pytest.raises(TargetError, match=r"checking credentials on AWS in eu-west-1.*have expired.*aws sso login"):
        found.generate("a")
    assert backend.keys() == []


# Names


def test_names_come_from_ssm(backend):
    assert backend.connection.names == Names(
        bucket="workshop-bucket",
        endpoint="genai-async-endpoint",
        success_topic_arn="arn:aws:sns:us-east-1:123456789012:success",
        error_topic_arn="arn:aws:sns:us-east-1:123456789012:error",
        model="model-txt2img-smallworld",
    )
    assert backend.connection.limits.longest_side == 512


@pytest.mark.parametrize("missing", [["bucket-name"], ["model", "endpoint-name"]])
def test_what_is_not_deployed_is_named_with_what_to_run(backend, missing):
    for name in missing:
        backend.ssm.delete_parameter(Name=f"/genai-async/{name}")
    with pytest.raises(NotDeployedError) as caught:
        backend.connection.generate("a")
    for part in ["'genai-async' is not deployed", "make demo", *(f"/genai-async/{name}" for name in missing)]:
        assert part in str(caught.value)
    assert "/genai-async/success-topic-arn" not in str(caught.value)


def test_on_aws_the_region_may_be_why(backend, nobody):
    backend.ssm.delete_parameter(Name="/genai-async/model")
    nobody.setenv("AWS_DEFAULT_REGION", "us-west-2")
    with pytest.raises(NotDeployedError, match=r"it says eu-west-1, and your AWS configuration us-west-2"):
        _ = on_aws(backend, Sts()).names
    nobody.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(NotDeployedError, match="deployed elsewhere than in eu-west-1"):
        _ = on_aws(backend, Sts()).names


def test_after_a_deployment_names_can_be_read_anew(backend):
    assert backend.connection.store.bucket == "workshop-bucket"
    backend.ssm.put_parameter(Name="/genai-async/bucket-name", Value="another", Overwrite=True)
    assert backend.connection.names.bucket == "workshop-bucket"
    backend.connection.refresh()
    assert backend.connection.names.bucket == backend.connection.store.bucket == "another"


# The log


def test_log_messages_go_through_empty_pages(backend):
    pages = [{"events": [], "nextToken": "1"}, {"events": [{"logStreamName": "s", "message": "m"}], "nextToken": "2"}]
    calls = []

    class Logs:
        def filter_log_events(self, **call):
            calls.append(call)
            return pages[len(calls) - 1]

    backend.clients["logs"] = Logs()
    import datetime as dt

    since = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
    assert backend.connection.log_messages("/aws/x", '"id"', since) == [("s", "m")]
    assert calls[0] == {"logGroupName": "/aws/x", "filterPattern": '"id"', "startTime": 1795305600000}
    assert calls[1]["nextToken"] == "1"


# Programs that we start


def test_a_program_on_aws_keeps_the_users_credentials_and_gets_the_region(nobody):
    for name, value in (("AWS_ACCESS_KEY_ID", "AKIAMINE"), ("AWS_SECRET_ACCESS_KEY", "mine"), ("HOME", "/home/me")):
        nobody.setenv(name, value)
    environment = connection.connect(AWS_SETTINGS).child_environment()
    assert (environment["AWS_ACCESS_KEY_ID"], environment["HOME"]) == ("AKIAMINE", "/home/me")
    assert (environment["AWS_REGION"], environment["WORKSHOP_WORKSHOP_TARGET"]) == ("eu-west-1", "aws")
    assert "AWS_ENDPOINT_URL" not in environment


def test_a_program_on_the_local_target_gets_its_keys_and_no_profile(local, monkeypatch):
    local.cloud = Cloud()
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "mine")
    environment = connection.connect(LOCAL_SETTINGS).child_environment()
    assert {name: environment[name] for name in ENVIRONMENT} == ENVIRONMENT
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN"} & environment.keys()
    assert "127.0.0.1" in environment["NO_PROXY"]
