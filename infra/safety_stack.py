"""The stack that deletes the others when the workshop expires, and tells about costs before."""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from contract.settings import Settings
from infra.lambda_code.bundling import Interpreter, python_code
from infra.safety.budget import Budget
from infra.safety.expiry import Expiry


class SafetyStack(cdk.Stack):
    """Deployed before the others and deleted after them, so that a deployment that breaks off expires too.

    The pipeline does not deploy it: a push changes neither the deadline nor what acts on it.

    Parameters
    ----------
    settings : Settings
        The workshop's settings.
    lambdas, bundles : Path
        The folder of the functions' packages, and the cache of their installed requirements.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, lambdas: Path, bundles: Path, **kwargs: object
    ) -> None:
        super().__init__(scope, construct_id, **kwargs)  # type: ignore[arg-type] # the properties of cdk.Stack
        stacks = [
            settings.pipeline_stack, settings.application_stack, settings.models_stack, settings.repository_stack,
        ]  # fmt: skip
        Expiry(
            self,
            "Expiry",
            workshop=settings.workshop.name,
            stacks=stacks,
            application_stack=settings.application_stack,
            code=self._code(settings, lambdas, bundles),
            architecture=settings.functions.architecture,
        )
        if settings.has_budget:
            Budget(
                self,
                "Budget",
                # Stacks belong to a region, and budgets to the account.
                prefix=f"{settings.safety_stack}-{settings.workshop.region}",
                usd=settings.safety_of("budget_usd"),
                email=settings.safety_email,
            )

    def _code(self, settings: Settings, lambdas: Path, bundles: Path) -> lambda_.Code:
        local = settings.workshop.target == "local"
        interpreter = Interpreter.of_host() if local else Interpreter.of_lambda(settings.functions.architecture)
        return python_code(lambdas / "expire", interpreter, bundles)
