"""CloudFormation actions of the pipeline, under the roles that ``cdk bootstrap`` made."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_iam as iam
from constructs import Construct

CHANGE_SET = "workshop-pipeline"


class Deployments(Construct):
    """Makes actions that deploy stacks as ``cdk deploy`` would.

    The pipeline's own roles may assume the bootstrap's deploy role, which hands CloudFormation its execution role.
    How much that one may do is decided where the account is bootstrapped
    (``cdk bootstrap --cloudformation-execution-policies``), not here.
    https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        # What the actions need of the artifacts is granted by the bucket: the role is not ours to change.
        self._deployer = self._bootstrap_role("deploy-role", add_grants_to_resources=True)
        self._executor = self._bootstrap_role("cfn-exec-role")

    def _bootstrap_role(self, name: str, *, add_grants_to_resources: bool = False) -> iam.IRole:
        region, qualifier = cdk.Stack.of(self).region, cdk.DefaultStackSynthesizer.DEFAULT_QUALIFIER
        # Fn::Sub, not a join: cfn-lint requires that in an action's configuration.
        arn = cdk.Fn.sub(
            f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/cdk-{qualifier}-{name}-${{AWS::AccountId}}-{region}"
        )
        return iam.Role.from_role_arn(self, name, arn, mutable=False, add_grants_to_resources=add_grants_to_resources)

    def update(self, stack_name: str, templates: codepipeline.Artifact, *, run_order: int = 1) -> codepipeline.IAction:
        """Create or update a stack that takes no parameters.

        Parameters
        ----------
        stack_name : str
            The stack; its template's file is named after it.
        templates : codepipeline.Artifact
            Holds the template.
        run_order : int
            Place among the actions of its stage.
        """
        return actions.CloudFormationCreateUpdateStackAction(
            action_name=_action_name(stack_name),
            stack_name=stack_name,
            template_path=templates.at_path(f"{stack_name}.template.json"),
            admin_permissions=False,
            cfn_capabilities=[cdk.CfnCapabilities.NAMED_IAM],
            role=self._deployer,
            deployment_role=self._executor,
            run_order=run_order,
        )

    def change_set(
        self,
        stack_name: str,
        templates: codepipeline.Artifact,
        *,
        parameters: codepipeline.ArtifactPath,
    ) -> list[codepipeline.IAction]:
        """Prepare a change set, then execute it: what will change can be read before, and nothing changes by halves.

        Parameters
        ----------
        stack_name, templates
            As for :meth:`update`.
        parameters : codepipeline.ArtifactPath
            A template configuration file with the stack's parameters: CodePipeline takes at most a kilobyte of them
            in the pipeline itself, and a model's environment alone may have more.
            https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/continuous-delivery-codepipeline-cfn-artifacts.html
        """
        return [
            actions.CloudFormationCreateReplaceChangeSetAction(
                action_name="Prepare",
                stack_name=stack_name,
                change_set_name=CHANGE_SET,
                template_path=templates.at_path(f"{stack_name}.template.json"),
                template_configuration=parameters,
                admin_permissions=False,
                cfn_capabilities=[cdk.CfnCapabilities.NAMED_IAM],
                role=self._deployer,
                deployment_role=self._executor,
                run_order=1,
            ),
            actions.CloudFormationExecuteChangeSetAction(
                action_name="Deploy",
                stack_name=stack_name,
                change_set_name=CHANGE_SET,
                role=self._deployer,
                run_order=2,
            ),
        ]


def _action_name(stack_name: str) -> str:
    """``genai-async-models`` is shown as ``Models``."""
    return stack_name.rpartition("-")[2].capitalize()
