"""The container's environment variables, each a parameter of the stack."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct

from contract import container


class ContainerEnvironment(Construct):
    """One parameter for each variable that :mod:`contract.container` knows; an empty one is not set at all.

    Attributes
    ----------
    variables : dict
        For the model's container.
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.variables = {container.REGION: cdk.Stack.of(self).region}
        for variable, default in container.VARIABLES.items():
            self.variables[variable] = self._parameter(variable, default)

    def _parameter(self, variable: str, default: str) -> str:
        name = container.parameter(variable)
        parameter = cdk.CfnParameter(
            self,
            name,
            type="String",
            default=default,
            # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ContainerDefinition.html
            max_length=1024,
            description=f"{variable} of the model's container; empty: not set",
        )
        parameter.override_logical_id(name)  # part of the contract with people and pipelines: no path, no hash
        if default:
            return parameter.value_as_string
        given = cdk.CfnCondition(
            self,
            f"Has{name}",
            expression=cdk.Fn.condition_not(cdk.Fn.condition_equals(parameter.value_as_string, "")),
        )
        given.override_logical_id(f"Has{name}")
        value = parameter.value_as_string
        return cdk.Fn.condition_if(given.logical_id, value, cdk.Aws.NO_VALUE).to_string()
