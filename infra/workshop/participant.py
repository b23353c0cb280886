"""A participant: role, user profile and a JupyterLab space."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from infra.common.reasons import acknowledge_wildcards
from infra.workshop import permissions

DISK_GB = 20
"""Of a space: 2 for the set-up, up to 5 for builds and pictures of the local cloud, the rest is the participant's."""


class Participant(Construct):
    """A user profile of a SageMaker domain with one private JupyterLab space, both named after the workshop.

    The space is there and not running: CloudFormation cannot start JupyterLab in it (AWS::SageMaker::App takes no
    space), and an instance would be billed from then on.

    Parameters
    ----------
    name : str
        Of the participant's workshop; space and profile have the same.
    template_name : str
        The name that the policy in ``static/`` was made for.
    domain_id, lifecycle_arn, instance_type : str
        Of the domain, the lifecycle configuration and the instance on which the space runs.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        template_name: str,
        domain_id: str,
        lifecycle_arn: str,
        instance_type: str,
    ) -> None:
        super().__init__(scope, construct_id)
        stack = cdk.Stack.of(self)
        profile_arn = f"arn:aws:sagemaker:{stack.region}:{stack.account}:user-profile/{domain_id}/{name}"
        workshop = permissions.of_workshop(name, template_name)
        studio = permissions.of_studio(profile_arn)
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"),
            description=f"What notebooks of the workshop {name} may do",
            max_session_duration=cdk.Duration.hours(12),
            inline_policies={
                "Workshop": permissions.document(workshop),
                "Studio": permissions.document(studio),
            },
        )
        acknowledge_wildcards(
            role,
            permissions.wildcards(workshop + studio),
            "static/iam_policy.json says why, statement by statement; Studio's are those of AmazonSageMakerFullAccess.",
        )
        profile = sagemaker.CfnUserProfile(
            self,
            "Profile",
            domain_id=domain_id,
            user_profile_name=name,
            user_settings=sagemaker.CfnUserProfile.UserSettingsProperty(execution_role=role.role_arn),
        )
        space = sagemaker.CfnSpace(
            self,
            "Space",
            domain_id=domain_id,
            space_name=name,
            space_display_name=f"Workshop {name}",
            ownership_settings=sagemaker.CfnSpace.OwnershipSettingsProperty(owner_user_profile_name=name),
            space_sharing_settings=sagemaker.CfnSpace.SpaceSharingSettingsProperty(sharing_type="Private"),
            space_settings=sagemaker.CfnSpace.SpaceSettingsProperty(
                app_type="JupyterLab",
                jupyter_lab_app_settings=sagemaker.CfnSpace.SpaceJupyterLabAppSettingsProperty(
                    default_resource_spec=sagemaker.CfnSpace.ResourceSpecProperty(
                        instance_type=instance_type, lifecycle_config_arn=lifecycle_arn
                    )
                ),
                space_storage_settings=sagemaker.CfnSpace.SpaceStorageSettingsProperty(
                    ebs_storage_settings=sagemaker.CfnSpace.EbsStorageSettingsProperty(ebs_volume_size_in_gb=DISK_GB)
                ),
            ),
        )
        space.add_resource_dependency(profile)
