"""The CDK app: what the workshop consists of in an AWS account, and in the local cloud."""

from infra.node import use_wheel_node

# Here, because Python runs this before any module of the package can import aws_cdk.
use_wheel_node()
