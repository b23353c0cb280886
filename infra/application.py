"""The application stack: from a prompt in a bucket to a picture in the same bucket."""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from contract.names import IMAGES, OUTPUT, PUBLISHED, REQUESTS, STATUS, ssm_parameter
from contract.settings import ROOT, Settings
from infra.common.storage import make_key
from infra.lambda_code.bundling import Interpreter, python_code
from infra.safety.idle_alarm import IdleAlarm
from infra.serving.async_endpoint import AsyncEndpoint
from infra.serving.autoscaling import BacklogScaling
from infra.serving.dashboard import Dashboard
from infra.serving.functions import NotificationFunction
from infra.serving.image_model import ImageModel
from infra.serving.model_parameters import ModelParameters
from infra.serving.network import Network
from infra.serving.notifications import Notifications
from infra.serving.request_bucket import RequestBucket

LAMBDAS = ROOT / "lambdas"
BUNDLES = ROOT / "build" / "bundles"


class ApplicationStack(cdk.Stack):
    """Composes the parts and says who may do what.

    Parameters
    ----------
    settings : Settings
        The workshop's settings. The target decides only for which interpreter the functions are bundled.
    lambdas, bundles : Path
        The folder of the functions' packages, and the cache of their installed requirements.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        lambdas: Path = LAMBDAS,
        bundles: Path = BUNDLES,
        **kwargs: object,
    ) -> None:
        super().__init__(scope, construct_id, **kwargs)  # type: ignore[arg-type] # the properties of cdk.Stack
        self._settings, self._lambdas, self._bundles = settings, lambdas, bundles
        self._key = self._make_key()
        self._network = self._make_network()
        parameters = ModelParameters(
            self, "Parameters", model_id=settings.model.id, instance_type=settings.model.instance_type
        )
        self._bucket = RequestBucket(
            self,
            "Requests",
            keep=settings.bucket.keep,
            expire_after_days=settings.bucket.expire_after_days,
            key=self._key,
        )
        self._notifications = Notifications(self, "Notifications", key=self._key)
        model = ImageModel(self, "ImageModel", parameters=parameters, network=self._network)
        endpoint = AsyncEndpoint(
            self,
            "AsyncEndpoint",
            model=model,
            bucket=self._bucket,
            notifications=self._notifications,
            instance_type=parameters.instance_type,
            initial_instances=settings.endpoint.initial_instances,
            concurrent_invocations=settings.endpoint.concurrent_invocations,
        )
        scaling = BacklogScaling(
            self,
            "Scaling",
            endpoint_name=endpoint.name,
            max_capacity=settings.endpoint.max_capacity,
            backlog_per_instance=settings.endpoint.backlog_per_instance,
            scale_in_cooldown_seconds=settings.endpoint.scale_in_cooldown_seconds,
            scale_out_cooldown_seconds=settings.endpoint.scale_out_cooldown_seconds,
            alarm_minutes=settings.endpoint.alarm_minutes,
        )
        dashboard = Dashboard(
            self,
            "Dashboard",
            model_id=parameters.model_id,
            endpoint_name=endpoint.name,
            functions=[self._save_status(), self._extract_images()],
            alarms=[scaling.alarm, *self._idle_alarm(endpoint.name)],
        )
        self._publish_names(parameters.model_id, endpoint.name, dashboard.name)

    def _make_key(self) -> kms.Key | None:
        if not self._settings.security.kms:
            return None
        key = make_key(
            self,
            description=f"{self._settings.workshop.name}: requests, pictures, notifications, dead letters",
            keep=self._settings.bucket.keep,  # a bucket that stays is worth nothing without its key
        )
        # SNS itself puts what it cannot deliver into an encrypted dead-letter queue.
        # https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("sns.amazonaws.com")],
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=["*"],  # in a key's policy: this key
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
        return key

    def _make_network(self) -> Network | None:
        security = self._settings.security
        if not security.vpc_id:
            return None
        return Network(
            self,
            "Network",
            subnet_ids=security.subnet_ids,
            security_group_ids=security.security_group_ids,
        )

    def _idle_alarm(self, endpoint_name: str) -> list[cloudwatch.IAlarm]:
        """None when ``[safety] idle_hours`` is off."""
        hours = int(self._settings.safety_of("idle_hours"))
        if not hours:
            return []
        email = self._settings.safety_email
        return [
            IdleAlarm(self, "IdleAlarm", endpoint_name=endpoint_name, hours=hours, email=email, key=self._key).alarm
        ]

    def _save_status(self) -> NotificationFunction:
        """Stores each notification, of success and of failure."""
        function = self._function(
            "SaveStatus",
            package="save_status",
            topics=[self._notifications.success, self._notifications.error],
            memory_mb=256,
            timeout_seconds=30,
        )
        # It reads what it may supersede: the later of two notifications stays, in whichever order they come.
        self._bucket.allow(function.role, read=(STATUS,), write=(STATUS,))
        return function

    def _extract_images(self) -> NotificationFunction:
        """Turns outputs into pictures; reads the request too, for the prompt that each picture carries.

        It reads the pictures that it may supersede: of two answers under one id, those of the later one stay.
        """
        function = self._function(
            "ExtractImages",
            package="extract_images",
            topics=[self._notifications.success],
            memory_mb=self._settings.functions.memory_mb,
            timeout_seconds=120,
        )
        self._bucket.allow(function.role, read=(OUTPUT, REQUESTS, IMAGES), write=(IMAGES,))
        return function

    def _function(self, construct_id: str, *, package: str, **properties: object) -> NotificationFunction:
        functions = self._settings.functions
        local = self._settings.workshop.target == "local"
        interpreter = Interpreter.of_host() if local else Interpreter.of_lambda(functions.architecture)
        return NotificationFunction(
            self,
            construct_id,
            package=package,
            code=python_code(self._lambdas / package, interpreter, self._bundles),
            bucket_name=self._bucket.bucket.bucket_name,
            architecture=functions.architecture,
            log_retention_days=functions.log_retention_days,
            key=self._key,
            network=self._network,
            **properties,  # type: ignore[arg-type] # the four that differ, given above
        )

    def _publish_names(self, model_id: str, endpoint_name: str, dashboard_name: str) -> None:
        """What notebooks and scripts find the stack by: outputs, and most of them in SSM too."""
        success, error = self._notifications.success.topic_arn, self._notifications.error.topic_arn
        for output, value, parameter in (
            ("BucketName", self._bucket.bucket.bucket_name, PUBLISHED["bucket"]),
            ("EndpointName", endpoint_name, PUBLISHED["endpoint"]),
            ("SuccessTopicArn", success, PUBLISHED["success_topic_arn"]),
            ("ErrorTopicArn", error, PUBLISHED["error_topic_arn"]),
            ("ModelId", model_id, PUBLISHED["model"]),
            ("DashboardName", dashboard_name, None),
        ):
            cdk.CfnOutput(self, f"{output}Output", value=value).override_logical_id(output)
            if parameter:
                name = ssm_parameter(self._settings.workshop.name, parameter)
                ssm.StringParameter(self, f"{output}Parameter", parameter_name=name, string_value=value)
