"""The CDK app with its stacks."""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk

from contract import names
from contract.settings import Settings
from infra.application import BUNDLES, LAMBDAS, ApplicationStack
from infra.model_store import ModelStoreStack
from infra.pipeline import PipelineStack
from infra.repository import RepositoryStack
from infra.safety_stack import SafetyStack

# The first four are behaviours that a project created today gets from its cdk.json. They are here because the
# templates must be the same whether the CDK CLI runs the app or not. The last keeps call stacks out of the metadata.
FEATURES = {
    "@aws-cdk/aws-iam:minimizePolicies": True,
    "@aws-cdk/aws-iam:standardizedServicePrincipals": True,
    "@aws-cdk/aws-sns-subscriptions:restrictSqsDescryption": True,
    "@aws-cdk/core:enablePartitionLiterals": True,
    "aws:cdk:disable-stack-trace": True,
}


def build_app(
    settings: Settings, outdir: Path | None = None, *, lambdas: Path = LAMBDAS, bundles: Path = BUNDLES
) -> cdk.App:
    """The app with its stacks, not yet synthesised.

    Parameters
    ----------
    settings : Settings
        Decide names and options; the same settings give the same templates, byte for byte.
    outdir : Path, optional
        Where ``synth()`` writes; without it where ``CDK_OUTDIR`` says.
    lambdas, bundles : Path
        The folder of the functions' packages, and the cache of their installed requirements.
    """
    app = cdk.App(
        outdir=str(outdir) if outdir else None,
        analytics_reporting=False,
        tree_metadata=False,
        # It takes as long as everything else together, most of it to compile its rules, and only warns.
        # tests/infra/test_rules.py runs it on every variant and lets no finding pass.
        builtin_cloud_formation_validation=False,
        context=FEATURES,
    )
    # No account: the templates fit any, and the credentials of a deployment decide.
    env = cdk.Environment(region=settings.workshop.region)
    cdk.Tags.of(app).add(names.TAG, settings.workshop.name)
    models = ModelStoreStack(
        app, settings.models_stack, env=env, description="Asynchronous generative AI workshop: packaged models"
    )
    ApplicationStack(
        app,
        settings.application_stack,
        settings=settings,
        lambdas=lambdas,
        bundles=bundles,
        env=env,
        description="Asynchronous generative AI workshop: endpoint, notifications, pictures",
    )
    pipeline = PipelineStack(
        app,
        settings.pipeline_stack,
        settings=settings,
        model_bucket_name=models.bucket_name,
        env=env,
        description="Asynchronous generative AI workshop: from a push to a deployed endpoint",
    )
    if settings.has_safety_stack:
        SafetyStack(
            app,
            settings.safety_stack,
            settings=settings,
            lambdas=lambdas,
            bundles=bundles,
            env=env,
            description="Asynchronous generative AI workshop: deletes the others when it expires",
        )
    if settings.pipeline.source == "codecommit":
        repository = RepositoryStack(
            app,
            settings.repository_stack,
            repository_name=settings.workshop.name,
            env=env,
            description="Asynchronous generative AI workshop: the Git repository",
        )
        pipeline.add_stack_dependency(repository)
    return app
