"""Which modules of this cloud bring services, in the order in which they start: each has ``create_services(cloud)``."""

from __future__ import annotations

from localcloud.cloud import Cloud
from localcloud.services import ResourceType

SERVICE_MODULES = (
    "localcloud.sagemaker",
    "localcloud.autoscaling",
    "localcloud.budgets",
    "localcloud.codecommit",
    "localcloud.codebuild",
    "localcloud.codepipeline",
)


def stack_types(cloud: Cloud) -> list[ResourceType]:
    """Resource types of templates that belong to no service of ours. Imported late: MiniStack must be prepared."""
    from localcloud.bucket_emptier import BucketEmptier
    from localcloud.composite_alarms import CompositeAlarmType

    return [BucketEmptier(cloud), CompositeAlarmType(cloud)]
