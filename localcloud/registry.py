"""Which modules of this cloud bring services, in the order in which they start: each has ``create_services(cloud)``."""

from __future__ import annotations

SERVICE_MODULES = (
    "localcloud.sagemaker",
    "localcloud.autoscaling",
    "localcloud.budgets",
    "localcloud.codecommit",
    "localcloud.codebuild",
    "localcloud.codepipeline",
)
