"""IAM of MiniStack: who a caller is, what its policies say, and sessions of roles."""

from __future__ import annotations

import dataclasses
import json
import secrets
import time
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from localcloud.iam.authorizer import AUTHORIZED
from localcloud.iam.checks import Check
from localcloud.iam.decisions import Decision
from localcloud.services import ACCOUNT, DEFAULT_REGION, ServiceError

_POLICIES = {"lambda": "lambda", "s3": "s3", "sns": "sns", "sqs": "sqs", "sts": "sts"}
"""Services whose resources have a policy of their own, by the prefix of their actions."""
_MENDING = frozenset({"s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"})
"""What a bucket's policy cannot take from the account's root (Amazon S3 User Guide, "Bucket policies")."""


@dataclasses.dataclass(frozen=True)
class Session:
    """Temporary credentials of a role. ``expires`` is in seconds since 1970."""

    access_key: str
    secret_key: str
    token: str
    expires: float
    arn: str


class Permissions:
    """MiniStack's IAM and STS, asked by the rest of the cloud. Its methods may be called on any thread.

    Attributes
    ----------
    tags_of : callable
        The tags of a resource that MiniStack does not have, by its ARN.
    """

    def __init__(self, modules: Mapping[str, ModuleType]) -> None:
        self._evaluator: Any = modules["iam_evaluator"]
        self._iam: Any = modules["iam"]
        self._sts: Any = modules["sts"]
        self._tagging: Any = modules["tagging"]
        self.tags_of: Callable[[str], Mapping[str, str]] = lambda arn: {}
        self._responses: Any = modules["responses"]
        self._keep_services_apart()

    def _keep_services_apart(self) -> None:
        """A role that trusts a service trusts nobody else, and a role's trust policy is its resource-based policy.

        IAM User Guide, "IAM roles: Trust policy", and "Policy evaluation logic": within an account a trust policy that
        names the caller is enough; one that names the account leaves it to the caller's policies.
        """
        matches, enforce = self._evaluator._principal_matches, self._evaluator.enforce

        def without_services(principal: Any, caller_arn: str) -> Any:
            named = {"AWS": principal.get("AWS", [])} if isinstance(principal, dict) else principal
            return matches(named, caller_arn)

        def trust_policy(role_arn: str) -> tuple[Any, str] | None:
            role = self.role(role_arn)
            return None if role is None else (self._document(role), ACCOUNT)

        def enforce_once(*arguments: Any, **options: Any) -> Any:
            return None if AUTHORIZED.get() else enforce(*arguments, **options)

        self._evaluator.enforce = enforce_once
        self._evaluator._principal_matches = without_services
        self._sts.trust_policy_for_arn = trust_policy
        self._evaluator._RESOURCE_POLICY_LOOKUPS["sts"] = ("sts", "trust_policy_for_arn")

    # Who ---------------------------------------------------------------------------------------------------------

    def identity(self, access_key: str) -> str:
        """The ARN of the caller with ``access_key``; empty when there is none."""
        with self._responses.request_scope(ACCOUNT, DEFAULT_REGION):
            found = self._evaluator.resolve_credential(access_key, ACCOUNT)
        return str(getattr(found, "principal_arn", ""))

    def is_root(self, access_key: str) -> bool:
        """Whether ``access_key`` is the cloud's own: that of its administrator."""
        return bool(self._evaluator.is_root_access_key(access_key))

    # May it ------------------------------------------------------------------------------------------------------

    def decide(self, access_key: str, check: Check, region: str) -> Decision:
        """Whether the caller with ``access_key`` may do what ``check`` says.

        IAM User Guide, "Policy evaluation logic", for one account: an explicit deny anywhere, then an allow of the
        caller's policies within its boundary and session policies, or of the resource's own policy.

        Raises
        ------
        ServiceError
            When the caller's credentials are not valid (any more).
        """
        with self._responses.request_scope(ACCOUNT, region):
            principal = self._evaluator.resolve_principal(access_key, ACCOUNT)
            if isinstance(principal, self._evaluator.AuthError):
                raise ServiceError(principal.code, principal.message, 403)
            return self._decide(principal, check, region)

    def decide_for_role(self, role_arn: str, session: str, check: Check, region: str) -> Decision:
        """The same for a session of a role that nobody has asked STS for: the rights of what acts with the role."""
        name = role_arn.rpartition("/")[2]
        arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{session}"
        with self._responses.request_scope(ACCOUNT, region):
            evaluator = self._evaluator
            principal = evaluator.PrincipalInfo(
                arn=arn,
                type="AssumedRole",
                account=ACCOUNT,
                policies=evaluator._gather_role_policies(name, ACCOUNT),
                limits=evaluator._permissions_boundary(self._iam._roles, name, ACCOUNT),
            )
            return self._decide(principal, check, region)

    def _decide(self, principal: Any, check: Check, region: str) -> Decision:
        evaluator = self._evaluator
        check = self._with_tags(principal, check)
        context = self._context(principal, check, region)
        root = principal.policies is None
        if root:
            identity = evaluator.EvalResult("Allow", principal.arn)
        else:
            identity = evaluator.evaluate(context, principal.policies, *principal.limits)
        found = None
        if check.service in _POLICIES and not (root and check.action in _MENDING):
            found = evaluator._resource_policy(_POLICIES[check.service], check.resource)
        if found is None or not found[0]:
            return Decision(identity.decision, principal.arn, check, statement=identity.matched_sid)
        result = evaluator.combine_resource_policy(identity, context, *found, limits=principal.limits)
        by_resource = bool(result.resource_policy_arn) or (result.decision == "Allow" != identity.decision)
        return Decision(result.decision, principal.arn, check, statement=result.matched_sid, by_resource=by_resource)

    def _with_tags(self, principal: Any, check: Check) -> Check:
        """``check`` with the tags of its resource, if a policy of the caller looks at them."""
        if not principal.policies or not self._evaluator._names_condition_key(principal.policies, "aws:resourcetag/"):
            return check
        tags = self._tagging.resource_tags(check.resource) or self.tags_of(check.resource)
        found = {f"aws:ResourceTag/{name}": value for name, value in tags.items()}
        return dataclasses.replace(check, context={**found, **check.context})

    def _context(self, principal: Any, check: Check, region: str) -> Any:
        context: dict[str, Any] = {"aws:tagkeys": None}
        context.update({name.lower(): value for name, value in check.context.items()})
        return self._evaluator.EvalContext(
            principal_arn=principal.arn,
            principal_type=principal.type,
            principal_account=principal.account,
            action=check.action,
            resource_arn=check.resource,
            region=region,
            source_ip="127.0.0.1",
            secure_transport=True,
            service_context=context,
            principal_keys=principal.keys,
        )

    def service_may(self, service: str, check: Check, *, source_arn: str) -> bool:
        """Whether the resource's own policy lets an AWS service do what ``check`` says.

        Parameters
        ----------
        service : str
            ``sns.amazonaws.com``.
        check : Check
        source_arn : str
            The resource on whose behalf the service acts.
        """
        region = check.resource.split(":")[3] or DEFAULT_REGION
        with self._responses.request_scope(ACCOUNT, region):
            found = self._evaluator._resource_policy(check.service, check.resource)
            if found is None or not found[0]:
                return False
            context = self._evaluator.EvalContext(
                principal_arn="*",  # no caller in the account: only "*" and the service itself match
                principal_type="Service",
                principal_account="",
                action=check.action,
                resource_arn=check.resource,
                region=region,
                source_ip="127.0.0.1",
                secure_transport=True,
                service_context={
                    "aws:tagkeys": None,
                    "aws:sourcearn": source_arn,
                    "aws:sourceaccount": ACCOUNT,
                    "aws:sourceowner": ACCOUNT,
                    **{name.lower(): value for name, value in check.context.items()},
                },
            )
            result = self._evaluator.evaluate_resource_policy(found[0], context, service=service)
        return bool(result.decision == "Allow")

    # Roles -------------------------------------------------------------------------------------------------------

    def role(self, role_arn: str) -> dict[str, Any] | None:
        """MiniStack's record of a role; None when there is none with exactly this ARN."""
        with self._responses.request_scope(ACCOUNT, DEFAULT_REGION):
            found: dict[str, Any] | None = self._iam._roles.get(role_arn.rpartition("/")[2])
        return found if found is not None and found.get("Arn") == role_arn else None

    def trusts(self, role_arn: str, principal: str) -> bool:
        """Whether the role exists and lets ``principal`` (``lambda.amazonaws.com``) assume it."""
        role = self.role(role_arn)
        if role is None:
            return False
        document = self._document(role)
        context = self._evaluator.EvalContext(
            principal_arn="*",
            principal_type="Service",
            principal_account="",
            action="sts:AssumeRole",
            resource_arn=role_arn,
            region=DEFAULT_REGION,
            service_context={"aws:sourceaccount": ACCOUNT},
        )
        # A trust policy has no Resource: it is the role itself.
        statements = [
            {**statement, "Resource": "*"}
            for statement in _listed(document.get("Statement"))
            if isinstance(statement, dict)
        ]
        result = self._evaluator.evaluate_resource_policy({"Statement": statements}, context, service=principal)
        return bool(result.decision == "Allow")

    def _document(self, role: Mapping[str, Any]) -> dict[str, Any]:
        document = role.get("AssumeRolePolicyDocument") or {}
        parsed: dict[str, Any] = json.loads(document) if isinstance(document, str) else document
        return parsed

    def session(self, role_arn: str, name: str, seconds: float) -> Session:
        """New credentials of a role; whether the caller may have them is not looked at here."""
        role = role_arn.rpartition("/")[2]
        record = self.role(role_arn) or {}
        session = Session(
            access_key=f"ASIA{secrets.token_hex(8).upper()}",
            secret_key=secrets.token_urlsafe(30),
            token=secrets.token_urlsafe(120),
            expires=time.time() + seconds,
            arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{name}",
        )
        self._sts.register_session(
            session.access_key,
            {
                "Arn": session.arn,
                "UserId": f"{record.get('RoleId', role)}:{name}",
                "SecretAccessKey": session.secret_key,
                "SessionToken": session.token,
                "Expiration": session.expires,
                "AccountId": ACCOUNT,
                "PrincipalType": "AssumedRole",
            },
        )
        return session


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []
