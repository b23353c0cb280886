"""Which modules of this cloud bring services, in the order in which they start."""

from __future__ import annotations

SERVICE_MODULES: list[tuple[str, str]] = [
    ("localcloud.sagemaker", "create_services"),
    ("localcloud.autoscaling", "create_services"),
    ("localcloud.codecommit", "create_services"),
    ("localcloud.codebuild", "create_services"),
    ("localcloud.codepipeline", "create_services"),
]
