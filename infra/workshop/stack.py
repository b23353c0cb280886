"""The stack of an event: SageMaker Studio with a ready space for each participant."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from infra.common.reasons import acknowledge
from infra.workshop import lifecycle
from infra.workshop.participant import DISK_GB, Participant
from infra.workshop.permissions import INSTANCE_TYPES

IDLE_MINUTES = 60
"""The shortest that AWS takes. https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_IdleSettings.html"""
LARGEST_DISK_GB = 100
TAG = "workshop-event"
"""Not ``workshop``: by that tag a participant's notebook 99 finds what the workshop itself has left."""


class StudioStack(cdk.Stack):
    """A domain, and for each participant a role, a user profile and a private JupyterLab space.

    Parameters
    ----------
    names : sequence of str
        Of the participants' workshops.
    template_name : str
        The workshop's name in workshop.toml, with which all of them begin.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, names: Sequence[str], template_name: str, **kwargs: object
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            # A plain template: no assets, so nothing of a bootstrapped account is needed to deploy it.
            synthesizer=cdk.DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
            **kwargs,  # type: ignore[arg-type] # the properties of cdk.Stack
        )
        instance_type = self._parameters()
        script = self._lifecycle(template_name)
        domain = self._domain(template_name, script.attr_studio_lifecycle_config_arn)
        for name in names:
            Participant(
                self,
                "Participant" + name.removeprefix(template_name).removeprefix("-"),
                name=name,
                template_name=template_name,
                domain_id=domain.attr_domain_id,
                lifecycle_arn=script.attr_studio_lifecycle_config_arn,
                instance_type=instance_type,
            )
        self._outputs(domain, names)
        cdk.Tags.of(self).add(TAG, template_name)

    def _parameters(self) -> str:
        cdk.CfnParameter(
            self,
            "Repository",
            description="HTTPS address of the Git repository with the workshop, readable without a password",
            allowed_pattern=rf"https://[A-Za-z0-9._~:/+-]{{1,{lifecycle.LONGEST - 8}}}",
            constraint_description="must be an address such as https://git.example.com/team/async-genai-workshop.git",
        )
        cdk.CfnParameter(
            self,
            "Branch",
            default="main",
            description="Branch or tag that participants work on",
            allowed_pattern=rf"[A-Za-z0-9][A-Za-z0-9._/-]{{0,{lifecycle.LONGEST - 1}}}",
        )
        cdk.CfnParameter(
            self,
            "Target",
            default="aws",
            allowed_values=["aws", "local"],
            description="Where the notebooks build: in this account, or in the local cloud inside the space",
        )
        instance_type = cdk.CfnParameter(
            self,
            "InstanceType",
            default="ml.t3.large",
            allowed_values=list(INSTANCE_TYPES),
            description="On which a space runs JupyterLab; with the target local at least 8 GiB of memory",
        )
        return instance_type.value_as_string

    def _lifecycle(self, name: str) -> sagemaker.CfnStudioLifecycleConfig:
        text = lifecycle.for_sub(name)
        # All of it can only be replaced, and the new one is made before the old one goes: another name for another
        # script. Two stacks in an account differ in the first part of their ids, which are UUIDs.
        stack_id = cdk.Fn.select(0, cdk.Fn.split("-", cdk.Fn.select(2, cdk.Fn.split("/", self.stack_id))))
        return sagemaker.CfnStudioLifecycleConfig(
            self,
            "Lifecycle",
            studio_lifecycle_config_app_type="JupyterLab",
            studio_lifecycle_config_name=cdk.Fn.join(
                "-", [name, lifecycle.fingerprint(text), stack_id, cdk.Fn.ref("Target")]
            ),
            studio_lifecycle_config_content=cdk.Fn.base64(cdk.Fn.sub(text)),
        )

    def _domain(self, name: str, lifecycle_arn: str) -> sagemaker.CfnDomain:
        vpc = ec2.CfnVPC(self, "Vpc", cidr_block="10.0.0.0/24")
        acknowledge(vpc, {"AwsSolutions-VPC7": "No traffic passes it: spaces reach the internet through SageMaker's."})
        subnets = [
            ec2.CfnSubnet(
                self,
                f"Subnet{number}",
                vpc_id=vpc.ref,
                cidr_block=f"10.0.0.{number * 128}/25",
                availability_zone=cdk.Fn.select(number, cdk.Fn.get_azs()),
            )
            for number in range(2)
        ]
        nobody = iam.Role(
            self,
            "DefaultRole",
            assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"),
            description="The domain wants one; it may do nothing, since each participant has a role",
        )
        # Each of these is also the smallest that the domain takes: nobody can switch the shutdown off.
        idle = sagemaker.CfnDomain.IdleSettingsProperty(
            lifecycle_management="ENABLED",
            idle_timeout_in_minutes=IDLE_MINUTES,
            min_idle_timeout_in_minutes=IDLE_MINUTES,
            max_idle_timeout_in_minutes=2 * IDLE_MINUTES,
        )
        return sagemaker.CfnDomain(
            self,
            "Domain",
            domain_name=name,
            auth_mode="IAM",
            # Only EFS would use the VPC, and there is no EFS: spaces have disks of their own. So no NAT gateway, no
            # Elastic IP address, and nothing that stays behind and keeps the VPC from being deleted.
            # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateDomain.html
            app_network_access_type="PublicInternetOnly",
            home_efs_file_system_creation="Disabled",
            vpc_id=vpc.ref,
            subnet_ids=[subnet.ref for subnet in subnets],
            tag_propagation="ENABLED",
            default_user_settings=sagemaker.CfnDomain.UserSettingsProperty(
                execution_role=nobody.role_arn,
                auto_mount_home_efs="Disabled",
                studio_web_portal="ENABLED",
                default_landing_uri="studio::",
                jupyter_lab_app_settings=sagemaker.CfnDomain.JupyterLabAppSettingsProperty(
                    lifecycle_config_arns=[lifecycle_arn],
                    app_lifecycle_management=sagemaker.CfnDomain.AppLifecycleManagementProperty(idle_settings=idle),
                ),
                space_storage_settings=sagemaker.CfnDomain.DefaultSpaceStorageSettingsProperty(
                    default_ebs_storage_settings=sagemaker.CfnDomain.DefaultEbsStorageSettingsProperty(
                        default_ebs_volume_size_in_gb=DISK_GB, maximum_ebs_volume_size_in_gb=LARGEST_DISK_GB
                    )
                ),
            ),
        )

    def _outputs(self, domain: sagemaker.CfnDomain, names: Sequence[str]) -> None:
        link = (
            f"aws sagemaker create-presigned-domain-url --region {self.region} --domain-id {domain.attr_domain_id} "
            f"--user-profile-name {names[0]} --query AuthorizedUrl --output text"
        )
        for name, value, description in (
            ("DomainId", domain.attr_domain_id, "Of the SageMaker domain"),
            ("Participants", ",".join(names), "User profile, space and workshop of each participant"),
            ("OpenStudio", link, "Prints a link that opens Studio as a participant; it is good for 5 minutes"),
        ):
            cdk.CfnOutput(self, name, value=value, description=description)
