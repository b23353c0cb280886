"""Lambda functions for conformance tests."""

from __future__ import annotations

from typing import Any

from botocore.config import Config

from tests.conformance.conftest import Account
from tests.localcloud.conftest import wait_until

ONE = "def handler(event, context):\n    return 1"


def function(aws: Account, role: str, **settings: Any) -> str:
    """A new function that answers 1; its name."""
    return active(aws, aws.function(ONE, Role=role, **settings).split(":")[-1])


def active(aws: Account, name: str) -> str:
    """``name`` when the function can be invoked and changed; the waiter of boto3 looks only once a second."""
    client = aws.client("lambda")

    def ready() -> bool:
        found = client.get_function_configuration(FunctionName=name)
        return bool(found["State"] == "Active" and found["LastUpdateStatus"] == "Successful")

    wait_until(ready)
    return name


def unchecked(aws: Account, service: str) -> Any:
    """A client that does not check parameters itself."""
    return aws.client(service, config=Config(parameter_validation=False, retries={"total_max_attempts": 1}))
