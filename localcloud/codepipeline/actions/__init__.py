"""Providers of actions, one module each."""

from __future__ import annotations

from localcloud.codepipeline.action_types import Key
from localcloud.codepipeline.actions.approval import run_approval
from localcloud.codepipeline.actions.cloudformation import run_cloudformation
from localcloud.codepipeline.actions.codebuild import run_codebuild
from localcloud.codepipeline.actions.codecommit import run_codecommit_source
from localcloud.codepipeline.actions.job import Provider
from localcloud.codepipeline.actions.s3 import run_s3_deploy, run_s3_source

PROVIDERS: dict[Key, Provider] = {
    ("Source", "CodeCommit"): run_codecommit_source,
    ("Source", "S3"): run_s3_source,
    ("Build", "CodeBuild"): run_codebuild,
    ("Test", "CodeBuild"): run_codebuild,
    ("Deploy", "CloudFormation"): run_cloudformation,
    ("Deploy", "S3"): run_s3_deploy,
    ("Approval", "Manual"): run_approval,
}
