"""One asynchronous request from its input in S3 to its notification.

SageMaker Developer Guide, "Asynchronous inference" (create, invoke, check prediction results, monitor).
"""

from __future__ import annotations

import dataclasses
import json
import logging
import time
from pathlib import Path
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.clock import iso_timestamp
from localcloud.sagemaker.deployment import Deployment
from localcloud.sagemaker.handlers import CUSTOM_ATTRIBUTES, INFERENCE_ID
from localcloud.sagemaker.model_server import WORKER_DIED, ConnectionReset, WorkerDied
from localcloud.sagemaker.process import InvocationTimedOut, Reply
from localcloud.sagemaker.requests import Request
from localcloud.sagemaker.shared import Shared, bucket_and_key

logger = logging.getLogger(__name__)

ATTEMPTS = 3
"""How often a request is tried whose container ends meanwhile. AWS documents no number; one bad request must not keep
an endpoint restarting forever."""
MAX_INPUT = 1 << 30
"""Bytes: "payload sizes up to 1 GB"."""
LOGS_HINT = "See the SageMaker Endpoint logs in your account for more information."


class Container(Protocol):
    """What a request needs of an instance."""

    stream: str

    def invoke(self, headers: dict[str, str], source: Path, target: Path, timeout: float) -> Reply:
        """See :meth:`localcloud.sagemaker.process.ContainerProcess.invoke`."""


@dataclasses.dataclass(frozen=True)
class Failure:
    """Why a request failed: AWS's reason, the body for the failure object, and its place in the metrics."""

    reason: str
    body: bytes
    metric: str
    status: int = 0
    detail: str = ""


def failure_object(failure: Failure) -> bytes:
    """What is stored below ``S3FailurePath``: always JSON.

    AWS documents that the model's error is stored there, not its form. The inference toolkit answers with the message
    and a traceback in plain text, and the model server with JSON (``{"code": …, "type": …, "message": …}``). The
    SageMaker SDK v2 reads the object with the predictor's deserializer before it raises ``AsyncInferenceModelError``
    (aws/sagemaker-python-sdk, class ``AsyncInferenceResponse``); of plain text nothing but ``JSONDecodeError`` comes
    out. So here text is put into the server's form, and JSON of the model is stored as it is.
    """
    text = failure.body.decode("utf-8", "replace")
    try:
        json.loads(text)
    except ValueError:
        return json.dumps({"code": failure.status, "message": text}, ensure_ascii=False).encode()
    return text.encode()


def _no_answer(why: str) -> Failure:
    """A request to which the container gave no HTTP answer."""
    return Failure(
        f"ClientError: Received server error (0) from model. {LOGS_HINT}",
        why.encode(),
        "InvocationFailures",
        0,
        f'Received server error (0) from primary with message "{why}"',
    )


def _worker_died(error: WorkerDied) -> Failure:
    """A request whose worker the model server has ended; it is not tried again."""
    return Failure(
        f"ClientError: Received server error (500) from model. {LOGS_HINT}",
        WORKER_DIED,
        "InvocationFailures",
        500,
        f'Received server error (500) from primary with message "{WORKER_DIED.decode()}" ({error})',
    )


def notification(region: str, request: Request, outcome: dict[str, Any]) -> dict[str, Any]:
    """The message for SNS ("Check prediction results", Amazon SNS topics).

    Parameters
    ----------
    region : str
    request : Request
    outcome : dict
        ``status``, ``time``, and ``content_type`` or ``reason``.
    """
    message: dict[str, Any] = {
        "awsRegion": region,
        "eventTime": iso_timestamp(outcome["time"]),
        "receivedTime": iso_timestamp(request.received),
        "invocationStatus": outcome["status"],
    }
    if outcome["status"] == "Failed":
        message["failureReason"] = outcome["reason"]
    message["requestParameters"] = {"endpointName": request.endpoint}
    if "InputLocation" in request.body:
        message["requestParameters"]["inputLocation"] = request.body["InputLocation"]
    if outcome["status"] == "Completed":
        message["responseParameters"] = {
            "contentType": outcome["content_type"],
            "outputLocation": request.body["output"],
        }
    return message | {
        "inferenceId": request.inference_id,
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }


class Invocation:
    """The work on one request for one generation of an endpoint."""

    def __init__(self, shared: Shared, deployment: Deployment) -> None:
        self._shared = shared
        self._deployment = deployment

    def run(self, request: Request, instance: Container, folder: Path) -> None:
        """Carry a claimed request to its end.

        Parameters
        ----------
        request : Request
        instance : Container
            Serves it.
        folder : Path
            For input and output while it is served.

        Raises
        ------
        ContainerGone
            The container ended before it answered; the request stays claimed, and the caller decides.
        InvocationTimedOut, WorkerDied
            The request has failed and is announced; the container should be ended.
        """
        source, target = folder / f"{request.number}.in", folder / f"{request.number}.out"
        ended: InvocationTimedOut | WorkerDied | None = None
        times: dict[str, float] = {"TimeInBacklog": (time.time() - request.received) * 1e6}
        try:
            failure = self._download(request, source, times)
            reply: Reply | None = None
            if failure is None:
                begun = time.monotonic()
                try:
                    reply = instance.invoke(self._headers(request), source, target, self._timeout(request))
                except InvocationTimedOut as error:
                    ended, failure = error, self._timeout_failure(request)
                except WorkerDied as error:
                    ended, failure = error, _worker_died(error)
                except ConnectionReset as error:
                    failure = _no_answer(str(error))
                times["ModelLatency"] = (time.monotonic() - begun) * 1e6
            if reply is not None:
                failure = self._model_failure(reply, target) or self._upload(request, reply, target, times)
            if failure is None and reply is not None:
                self._succeed(request, reply, instance.stream, times)
            elif failure is not None:
                self.fail(request, failure, instance.stream, times)
        finally:
            source.unlink(missing_ok=True)
            target.unlink(missing_ok=True)
        if ended is not None:
            raise ended

    def crashed(self, request: Request, instance: Container, reason: str) -> None:
        """Try a request again whose container ended, or fail it after :data:`ATTEMPTS`.

        Parameters
        ----------
        request : Request
        instance : Container
            The one that ended.
        reason : str
            How it ended.
        """
        attempts = request.attempts + 1
        text = f'Received server error (0) from primary with message "{reason}"'
        if attempts < ATTEMPTS:
            self._shared.logs.data_log(
                request.endpoint, instance.stream, request.inference_id, f"{text}; attempt {attempts} of {ATTEMPTS}"
            )
            self._shared.queue.release(request, attempts)
            return
        self.fail(request, dataclasses.replace(_no_answer(reason), detail=text), instance.stream, {})

    def expire(self, request: Request) -> None:
        """Fail a request that waited longer than its RequestTTLSeconds (metric ExpiredRequests)."""
        seconds = request.body["RequestTTLSeconds"]
        text = (
            f"The request was in the queue for longer than its RequestTTLSeconds ({seconds} seconds) and has expired."
        )
        failure = Failure(f"ClientError: {text}", text.encode(), "ExpiredRequests", 0, text)
        self.fail(request, failure, self._deployment.variant_name, {})

    def announce(self, request: Request, outcome: dict[str, Any]) -> None:
        """Send the notification, then let go of the request: a crash may send it twice, never not at all."""
        topics = self._deployment.output.get("NotificationConfig", {})
        topic = topics.get("SuccessTopic" if outcome["status"] == "Completed" else "ErrorTopic")
        if topic:
            message = json.dumps(notification(self._shared.cloud.region, request, outcome))
            try:
                self._deployment.client(self._shared, "sns").publish(TopicArn=topic, Message=message)
            except (ClientError, BotoCoreError) as error:
                logger.warning("no notification for %s: %s", request.inference_id, error)
                self._record(NotificationFailures=1)
        self._shared.queue.announced(request)

    def _record(self, **values: float) -> None:
        self._shared.metrics.record(self._deployment.endpoint, self._deployment.variant_name, **values)

    def _headers(self, request: Request) -> dict[str, str]:
        body = request.body
        headers = {"Content-Type": body.get("ContentType"), "Accept": body.get("Accept")}
        headers |= {CUSTOM_ATTRIBUTES: body.get("CustomAttributes"), INFERENCE_ID: request.inference_id}
        return {name: value for name, value in headers.items() if value is not None}

    @staticmethod
    def _timeout(request: Request) -> float:
        return float(request.body["InvocationTimeoutSeconds"])

    def _download(self, request: Request, target: Path, times: dict[str, float]) -> Failure | None:
        if request.inline is not None:
            target.write_bytes(request.inline)
            return None
        begun = time.monotonic()
        location = request.body["InputLocation"]
        try:
            bucket, key = bucket_and_key(location)
            found = self._deployment.client(self._shared, "s3").get_object(Bucket=bucket, Key=key)
            if found["ContentLength"] > MAX_INPUT:
                raise ValueError(f"{found['ContentLength']} bytes; at most {MAX_INPUT} are taken")
            with target.open("wb") as file:
                for chunk in found["Body"].iter_chunks(1 << 20):
                    file.write(chunk)
        except (ClientError, BotoCoreError, OSError, ValueError) as error:
            text = f"Unable to download the request from {location}: {error}"
            return Failure(f"ClientError: {text}", text.encode(), "RequestDownloadFailures", 0, text)
        times["RequestDownloadLatency"] = (time.monotonic() - begun) * 1e6
        return None

    def _put(self, uri: str, body: Any, content_type: str) -> None:
        bucket, key = bucket_and_key(uri)
        extra = {}
        if self._deployment.output.get("KmsKeyId"):
            extra = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self._deployment.output["KmsKeyId"]}
        self._deployment.client(self._shared, "s3").put_object(
            Bucket=bucket, Key=key, Body=body, ContentType=content_type, **extra
        )

    def _upload(self, request: Request, reply: Reply, source: Path, times: dict[str, float]) -> Failure | None:
        begun = time.monotonic()
        try:
            with source.open("rb") as file:
                self._put(request.body["output"], file, reply.content_type)
        except (ClientError, BotoCoreError, OSError) as error:
            text = f"Unable to upload the response to {request.body['output']}: {error}"
            return Failure(f"ClientError: {text}", text.encode(), "ResponseUploadFailures", 0, text)
        times["ResponseUploadLatency"] = (time.monotonic() - begun) * 1e6
        return None

    @staticmethod
    def _model_failure(reply: Reply, body: Path) -> Failure | None:
        if reply.status < 400:
            return None
        kind = "client" if reply.status < 500 else "server"
        content = body.read_bytes()
        excerpt = content[:512].decode("utf-8", "replace")
        return Failure(
            # "Check prediction results": the documented failureReason of an error that the model answered.
            f"ClientError: Received {kind} error ({reply.status}) from model. {LOGS_HINT}",
            content,
            "InvocationFailures",
            reply.status,
            f'Received {kind} error ({reply.status}) from primary with message "{excerpt}"',
        )

    @staticmethod
    def _timeout_failure(request: Request) -> Failure:
        # The wording of InvokeEndpoint's ModelError for a container that does not answer in time.
        text = (
            "Your invocation timed out while waiting for a response from container primary. Review the latency metrics "
            "for each container in Amazon CloudWatch, resolve the issue, and try again. "
            f"(InvocationTimeoutSeconds: {request.body['InvocationTimeoutSeconds']})"
        )
        return _no_answer(text)

    def _succeed(self, request: Request, reply: Reply, stream: str, times: dict[str, float]) -> None:
        outcome: dict[str, Any] = {"status": "Completed", "time": time.time(), "content_type": reply.content_type}
        self._shared.queue.answered(request, outcome)
        times["TotalProcessingTime"] = (outcome["time"] - request.received) * 1e3
        self._record(
            InvocationsProcessed=1, InvocationFailures=0, Invocation4XXErrors=0, Invocation5XXErrors=0, **times
        )
        self._shared.logs.data_log(
            request.endpoint,
            stream,
            request.inference_id,
            f"Inference request succeeded. ModelLatency: {times['ModelLatency']:.0f} us, "
            f"RequestDownloadLatency: {times.get('RequestDownloadLatency', 0):.0f} us, "
            f"ResponseUploadLatency: {times['ResponseUploadLatency']:.0f} us, "
            f"TimeInBacklog: {times['TimeInBacklog'] / 1e3:.0f} ms, "
            f"TotalProcessingTime: {times['TotalProcessingTime']:.0f} ms",
        )
        self.announce(request, outcome)

    def fail(self, request: Request, failure: Failure, stream: str, times: dict[str, float]) -> None:
        """Store the failure object, count, log and announce.

        Parameters
        ----------
        request : Request
        failure : Failure
        stream : str
            The log stream of the instance.
        times : dict
            Measurements so far, by metric name.
        """
        outcome: dict[str, Any] = {"status": "Failed", "time": time.time(), "reason": failure.reason}
        location = request.body.get("failure")
        if location:
            try:
                self._put(location, failure_object(failure), "application/json")
            except (ClientError, BotoCoreError) as error:
                logger.warning("the failure of %s was not stored at %s: %s", request.inference_id, location, error)
                self._record(ResponseUploadFailures=1)
        self._shared.queue.answered(request, outcome)
        times["TotalProcessingTime"] = (outcome["time"] - request.received) * 1e3
        counts = {"InvocationFailures": 1.0, failure.metric: 1.0}
        if failure.metric == "InvocationFailures":
            counts["Invocation4XXErrors"] = float(400 <= failure.status < 500)
            counts["Invocation5XXErrors"] = float(not 400 <= failure.status < 500)
        self._record(**counts, InvocationsProcessed=1, **times)
        self._shared.logs.data_log(request.endpoint, stream, request.inference_id, failure.detail)
        self.announce(request, outcome)
