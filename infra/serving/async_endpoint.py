"""The asynchronous endpoint: a queue, instances, and what happens to each answer."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from contract.names import FAILURES, OUTPUT, REQUESTS, VARIANT
from infra.serving.image_model import ImageModel
from infra.serving.notifications import Notifications
from infra.serving.request_bucket import RequestBucket

# A GPU model of 20 GB needs minutes to arrive and to load; SageMaker's own defaults give up earlier.
DOWNLOAD_SECONDS, STARTUP_SECONDS = 1800, 1200


class AsyncEndpoint(Construct):
    """Endpoint and endpoint configuration.

    The configuration's name is CloudFormation's, since any change replaces it. The endpoint's is made of the stack's
    name and the instance type: UpdateEndpoint refuses another instance type while the variant is a scalable target, and
    CloudFormation would not know to deregister it first. With another name it replaces the endpoint instead, and with
    it everything that is made for it: it creates the new one, waits until it serves, creates its scalable target, its
    policies and what shows it, and deletes the old ones at the end. Another model updates the endpoint in place.
    https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-update.html

    What waits in the old endpoint's queue goes with it: AWS documents nothing else. Requests stay in the bucket.

    Parameters
    ----------
    model : ImageModel
        What serves; its role gets read access to requests, write access to outputs, and may publish.
    bucket : RequestBucket
        Where requests come from and answers go.
    notifications : Notifications
        The topics that report each answer.
    instance_type : str
        Instance type, or the parameter that holds it.
    initial_instances : int
        Instances at creation and after each update of the model; SageMaker requires at least one.
    concurrent_invocations : int
        Requests that one instance works on at a time.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        model: ImageModel,
        bucket: RequestBucket,
        notifications: Notifications,
        instance_type: str,
        initial_instances: int,
        concurrent_invocations: int,
    ) -> None:
        super().__init__(scope, construct_id)
        bucket.allow_endpoint(model.role, read=(REQUESTS,), write=(OUTPUT, FAILURES))
        notifications.allow_publishing(model.role)
        config = sagemaker.CfnEndpointConfig(
            self,
            "Config",
            production_variants=[
                sagemaker.CfnEndpointConfig.ProductionVariantProperty(
                    variant_name=VARIANT,
                    model_name=model.name,
                    initial_instance_count=initial_instances,
                    initial_variant_weight=1,
                    instance_type=instance_type,
                    model_data_download_timeout_in_seconds=DOWNLOAD_SECONDS,
                    container_startup_health_check_timeout_in_seconds=STARTUP_SECONDS,
                )
            ],
            async_inference_config=sagemaker.CfnEndpointConfig.AsyncInferenceConfigProperty(
                client_config=sagemaker.CfnEndpointConfig.AsyncInferenceClientConfigProperty(
                    max_concurrent_invocations_per_instance=concurrent_invocations
                ),
                output_config=sagemaker.CfnEndpointConfig.AsyncInferenceOutputConfigProperty(
                    s3_output_path=bucket.uri(OUTPUT),
                    s3_failure_path=bucket.uri(FAILURES),
                    notification_config=sagemaker.CfnEndpointConfig.AsyncInferenceNotificationConfigProperty(
                        success_topic=notifications.success.topic_arn, error_topic=notifications.error.topic_arn
                    ),
                ),
            ),
        )
        # ml.g5.xlarge becomes ml-g5-xlarge: an endpoint's name may hold no dots.
        kind = cdk.Fn.join("-", cdk.Fn.split(".", instance_type))
        endpoint = sagemaker.CfnEndpoint(
            self,
            "Endpoint",
            endpoint_name=f"{cdk.Stack.of(self).stack_name}-{kind}",
            endpoint_config_name=config.attr_endpoint_config_name,
        )
        endpoint.node.add_dependency(bucket, notifications)
        self.name = endpoint.attr_endpoint_name
