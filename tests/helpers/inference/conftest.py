"""A stand-in for the local cloud's package, and a machine without AWS credentials, for the tests of connections."""

import sys
import types

import pytest

from contract import settings

LOCAL_SETTINGS = settings.Settings()
AWS_SETTINGS = settings.Settings(workshop=settings.Workshop(target="aws", region="eu-west-1"))
ENVIRONMENT = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
    "AWS_ACCESS_KEY_ID": "AKIALOCAL",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_REGION": "us-east-1",
}


class Cloud:
    endpoint_url = ENVIRONMENT["AWS_ENDPOINT_URL"]
    environment = ENVIRONMENT

    def environment_of_role(self, role):
        if not role.endswith("/studio"):
            raise RuntimeError(f"there is no role {role}")
        return {**ENVIRONMENT, "AWS_ACCESS_KEY_ID": "ASIASTUDIO", "AWS_SESSION_TOKEN": "token"}


@pytest.fixture
def local(monkeypatch):
    """A localcloud package whose state the test sets."""
    package = types.ModuleType("localcloud")
    package.cloud, package.started = None, []
    package.running = lambda state_dir: package.cloud

    def start(state_dir, **arguments):
        package.started.append((state_dir, arguments))
        package.cloud = Cloud()
        return package.cloud

    package.start = start
    monkeypatch.setitem(sys.modules, "localcloud", package)
    return package


@pytest.fixture
def nobody(monkeypatch, tmp_path):
    """A machine without AWS credentials."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return monkeypatch
