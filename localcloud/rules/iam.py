"""IAM: what makes a policy document one that IAM takes.

IAM User Guide, "Grammar of the IAM JSON policy language" (reference_policies_grammar.html) and "IAM JSON policy element
reference" (reference_policies_elements.html). Wording: answers of AWS that moto's tests keep
(tests/test_iam/test_iam_policies.py).
"""

from __future__ import annotations

import json
import re
from typing import Any

from localcloud.rules import Call, rule
from localcloud.services import ServiceError

VERSIONS = ("2008-10-17", "2012-10-17")
_ACTION = re.compile(r"\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+")
_STATEMENT = frozenset(
    [
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    ]
)
_IDENTITY = ("CreatePolicy", "CreatePolicyVersion", "PutRolePolicy", "PutUserPolicy", "PutGroupPolicy")


def _malformed(message: str) -> ServiceError:
    return ServiceError("MalformedPolicyDocument", message)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def check_document(text: str, *, trust: bool, managed: bool = False) -> None:
    """Refuse what is not a policy.

    Parameters
    ----------
    text : str
        JSON.
    trust : bool
        Whether it is a role's trust policy: it names principals and no resources; every other one the reverse.
    managed : bool
        Whether it is a managed policy: those have a version.

    Raises
    ------
    ServiceError
        MalformedPolicyDocument.
    """
    try:
        document = json.loads(text)
    except ValueError:
        raise _malformed("This policy contains invalid Json") from None
    if not isinstance(document, dict) or not set(document) <= {"Version", "Id", "Statement"}:
        raise _malformed("Syntax errors in policy.")
    if document.get("Version", VERSIONS[0]) not in VERSIONS:
        raise _malformed("Syntax errors in policy.")
    if managed and document.get("Version") != VERSIONS[1]:
        raise _malformed("Policy document must be version 2012-10-17 or greater.")
    statements = _listed(document.get("Statement") or [])
    if not statements or not all(isinstance(each, dict) for each in statements):
        raise _malformed("Syntax errors in policy.")
    for statement in statements:
        _check_statement(statement, trust=trust)


def _check_statement(statement: dict[str, Any], *, trust: bool) -> None:
    if not set(statement) <= _STATEMENT or statement.get("Effect") not in ("Allow", "Deny"):
        raise _malformed("Syntax errors in policy.")
    for one, other in (("Action", "NotAction"), ("Resource", "NotResource"), ("Principal", "NotPrincipal")):
        if one in statement and other in statement:
            raise _malformed("Syntax errors in policy.")
    actions = _listed(statement.get("Action", statement.get("NotAction", [])))
    if not actions:
        raise _malformed("Policy statement must contain actions.")
    if not all(isinstance(each, str) and _ACTION.fullmatch(each) for each in actions):
        raise _malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
    if trust:
        _check_trust(statement, actions)
        return
    if "Principal" in statement or "NotPrincipal" in statement:
        raise _malformed("Policy document should not specify a principal.")
    resources = _listed(statement.get("Resource", statement.get("NotResource", [])))
    if not resources:
        raise _malformed("Policy statement must contain resources.")
    for resource in resources:
        if not isinstance(resource, str) or not (resource == "*" or resource.startswith("arn:")):
            raise _malformed(f'Resource {resource} must be in ARN format or "*".')


def _check_trust(statement: dict[str, Any], actions: list[str]) -> None:
    if "Resource" in statement or "NotResource" in statement:
        raise _malformed("Has prohibited field Resource")
    if "Principal" not in statement and "NotPrincipal" not in statement:
        raise _malformed("Missing required field Principal")
    if not all(each == "*" or each.lower().startswith("sts:") for each in actions):
        raise _malformed("AssumeRole policy may only specify STS AssumeRole actions.")


@rule("iam", *_IDENTITY)
def identity_policy(call: Call) -> None:
    """API reference, CreatePolicy and PutRolePolicy: MalformedPolicyDocument."""
    managed = call.operation.startswith("CreatePolicy")
    check_document(call.parameters["PolicyDocument"], trust=False, managed=managed)


@rule("iam", "CreateRole")
def trust_of_new_role(call: Call) -> None:
    """API reference, CreateRole: MalformedPolicyDocument."""
    check_document(call.parameters["AssumeRolePolicyDocument"], trust=True)


@rule("iam", "UpdateAssumeRolePolicy")
def trust_of_role(call: Call) -> None:
    """API reference, UpdateAssumeRolePolicy: MalformedPolicyDocument."""
    check_document(call.parameters["PolicyDocument"], trust=True)
