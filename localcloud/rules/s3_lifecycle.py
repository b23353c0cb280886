"""Amazon S3: lifecycle configurations.

Amazon S3 API Reference, PutBucketLifecycleConfiguration; User Guide, "Lifecycle configuration elements"; recorded on
AWS: LocalStack, tests/aws/services/s3/test_s3.py::TestS3BucketLifecycle::test_put_bucket_lifecycle_conf_exc.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from localcloud.rules import Call, rule
from localcloud.rules.s3 import malformed
from localcloud.services import ServiceError

MOST_RULES = 1000
_ACTIONS = (
    "Expiration",
    "Transitions",
    "NoncurrentVersionTransitions",
    "NoncurrentVersionExpiration",
    "AbortIncompleteMultipartUpload",
)


@rule("s3", "PutBucketLifecycleConfiguration")
def lifecycle(call: Call) -> None:
    """Each rule has a filter or a prefix, and does something at a time that can be."""
    rules = (call.parameters.get("LifecycleConfiguration") or {}).get("Rules") or []
    if not 1 <= len(rules) <= MOST_RULES:
        raise malformed()
    names = [each["ID"] for each in rules if each.get("ID")]
    if len(set(names)) < len(names):
        raise ServiceError("InvalidArgument", "Rule ID must be unique. Found same ID for more than one rule")
    for each in rules:
        _check_rule(each)


def _check_rule(each: dict[str, Any]) -> None:
    if len(each.get("ID", "")) > 255:
        raise ServiceError("InvalidArgument", "ID length should not exceed allowed limit of 255")
    if ("Filter" in each) == ("Prefix" in each):
        raise malformed()
    _check_filter(each.get("Filter") or {})
    if not any(each.get(action) is not None for action in _ACTIONS):
        # As seen on AWS: https://github.com/crossplane-contrib/provider-aws/issues/1337
        raise ServiceError("InvalidRequest", "At least one action needs to be specified in a rule")
    _check_expiration(each.get("Expiration"))
    for transition in each.get("Transitions") or ():
        if ("Days" in transition) == ("Date" in transition) or "StorageClass" not in transition:
            raise malformed()
        _check_date(transition)
        if int(transition.get("Days", 0)) < 0:
            raise ServiceError("InvalidArgument", "'Days' in Transition action must be nonnegative")
    expiration = each.get("NoncurrentVersionExpiration")
    if expiration is not None and "NoncurrentDays" not in expiration:
        raise malformed()
    for found, name in ((expiration, "NoncurrentDays"), (each.get(_ACTIONS[-1]), "DaysAfterInitiation")):
        if found and int(found.get(name, 1)) < 1:
            action = "NoncurrentVersionExpiration" if name == "NoncurrentDays" else _ACTIONS[-1]
            raise ServiceError("InvalidArgument", f"'{name}' for {action} action must be a positive integer")


def _check_filter(found: dict[str, Any]) -> None:
    """One condition, or several inside of And."""
    if len(found) > 1:
        raise malformed()
    joined = found.get("And")
    if joined is not None:
        tags = joined.get("Tags") or []
        if len(joined) - ("Tags" in joined) + len(tags) < 2:
            raise malformed()
        if len({tag["Key"] for tag in tags}) < len(tags):
            raise ServiceError("InvalidRequest", "Duplicate Tag Keys are not allowed.")


def _check_expiration(found: dict[str, Any] | None) -> None:
    if found is None:
        return
    if len(found) != 1:
        raise malformed()
    _check_date(found)
    if int(found.get("Days", 1)) < 1:
        raise ServiceError("InvalidArgument", "'Days' for Expiration action must be a positive integer")


def _check_date(found: dict[str, Any]) -> None:
    moment = found.get("Date")
    if isinstance(moment, dt.datetime) and moment.astimezone(dt.UTC).time() != dt.time():
        raise ServiceError("InvalidArgument", "'Date' must be at midnight GMT")
