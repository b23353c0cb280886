"""The CDK app: ``python -m infra.app``, run by the CDK CLI (see cdk.json) and by ``make synth``."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import infra  # noqa: F401 - first: it tells jsii where Node is

# isort: split
import aws_cdk as cdk

from contract import names
from contract.errors import SettingsError
from contract.settings import ROOT, Settings, load
from infra.application import BUNDLES, LAMBDAS, ApplicationStack
from infra.bundling import bundling_failure
from infra.errors import InfraError
from infra.model_store import ModelStoreStack
from infra.pipeline import PipelineStack
from infra.repository import RepositoryStack

OUTPUT = ROOT / "build" / "cdk.out"

# The first four are behaviours that a project created today gets from its cdk.json; they stand here so that the
# templates are the same whether the CDK CLI runs the app or not. The last keeps call stacks out of the metadata.
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
        context=FEATURES,
    )
    # No account: the templates fit any, and whoever deploys brings credentials.
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


def main() -> None:
    """Synthesise to where the CDK CLI asks for it, else to ``build/cdk.out``."""
    outdir = None
    if "CDK_OUTDIR" not in os.environ:  # not a setting of ours: how the CLI tells its app where to write
        outdir = OUTPUT
        shutil.rmtree(outdir, ignore_errors=True)  # assets of earlier syntheses would stay
    try:
        build_app(load(), outdir).synth()
    except (SettingsError, InfraError) as problem:
        sys.exit(f"error: {problem}")
    except RuntimeError:
        if failure := bundling_failure():
            sys.exit(f"error: {failure}")
        raise


if __name__ == "__main__":
    main()
