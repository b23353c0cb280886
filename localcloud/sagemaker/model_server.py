"""The limits of the model server in AWS's containers: how long an answer may take, how large it may be.

Which server it is depends on the image. PyTorch images (and those built on them, such as Stability AI's) run
TorchServe, which reads ``TS_…``; Hugging Face and MXNet images run Multi Model Server, which reads ``MMS_…``
(pytorch/serve and awslabs/multi-model-server, pages "Advanced configuration"). Neither reads the other's variables.

``SAGEMAKER_MODEL_SERVER_TIMEOUT`` counts for Multi Model Server alone (aws/sagemaker-inference-toolkit,
function ``_generate_mms_config_properties``; 60 seconds unless set). With TorchServe it has no effect: the toolkit's
``etc/default-ts.properties`` ends without a newline, so that the setting becomes part of the line before
(aws/sagemaker-pytorch-inference-toolkit 2.0.25; tried with pytorch-inference 2.6.0).
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from pathlib import Path

from localcloud.sagemaker.process import ContainerProcess, InvocationTimedOut, Reply

DEFAULT_BYTES = 6_553_500
"""``max_request_size`` and ``max_response_size`` of both servers."""
TORCHSERVE_SECONDS, MULTI_MODEL_SECONDS = 120, 60
_DIED = {"code": 500, "type": "InternalServerException", "message": "Worker died."}
WORKER_DIED = json.dumps(_DIED, indent=2).encode() + b"\n"
"""What both servers answer when the process that works on a request is gone."""

# Repositories of AWS's registry whose containers serve code/inference.py through one of the two servers.
_SERVED = re.compile(r"(pytorch|huggingface-pytorch|stabilityai-pytorch|mxnet)-inference(-[a-z0-9-]+)?")
_MULTI_MODEL = re.compile(r"(huggingface-pytorch|mxnet)-inference")
IMAGE = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/"
    r"(?P<repository>[a-z0-9][a-z0-9._/-]*)([:@][A-Za-z0-9_.:-]+)?"
)
"""The form of an image in a private registry of ECR."""


class WorkerDied(Exception):  # noqa: N818 - named for what happened
    """The server has ended the process that worked on a request; the message says why."""


class ConnectionReset(Exception):  # noqa: N818 - named for what happened
    """The server has cut off a request that it does not take; the message says why."""


def served(repository: str) -> bool:
    """Whether containers of this repository serve ``code/inference.py``, as the local cloud does."""
    return _SERVED.fullmatch(repository) is not None


@dataclasses.dataclass(frozen=True)
class ModelServer:
    """What one container's server allows.

    Attributes
    ----------
    seconds : float
        Real seconds that an answer may take before the worker is ended.
    request_bytes, response_bytes : int
    prefix : str
        Of the environment variables that it reads: ``TS`` or ``MMS``.
    """

    seconds: float
    request_bytes: int
    response_bytes: int
    prefix: str

    @classmethod
    def of(cls, image: str, environment: Mapping[str, str]) -> ModelServer:
        """The server of ``image``, configured by the container's environment.

        Parameters
        ----------
        image : str
        environment : mapping
            Of the model.

        Raises
        ------
        ValueError
            A limit that is not a whole number: the server does not start.
        """
        found = IMAGE.fullmatch(image)
        multi_model = found is not None and _MULTI_MODEL.match(found["repository"]) is not None
        prefix, seconds = ("MMS", MULTI_MODEL_SECONDS) if multi_model else ("TS", TORCHSERVE_SECONDS)
        if multi_model:
            seconds = _number(environment, "SAGEMAKER_MODEL_SERVER_TIMEOUT", seconds)
        return cls(
            seconds=_number(environment, f"{prefix}_DEFAULT_RESPONSE_TIMEOUT", seconds),
            request_bytes=_number(environment, f"{prefix}_MAX_REQUEST_SIZE", DEFAULT_BYTES),
            response_bytes=_number(environment, f"{prefix}_MAX_RESPONSE_SIZE", DEFAULT_BYTES),
            prefix=prefix,
        )

    def ask(
        self, container: ContainerProcess, headers: Mapping[str, str], source: Path, target: Path, timeout: float
    ) -> Reply:
        """Hand one request to the container within these limits; parameters and other errors: see its ``invoke``.

        Raises
        ------
        WorkerDied, ConnectionReset
            The request, or the answer's time or size, exceeds a limit.
        """
        self.check_request(source.stat().st_size)
        try:
            reply = container.invoke(headers, source, target, min(timeout, self.seconds))
        except InvocationTimedOut:
            if self.seconds < timeout:
                raise self.too_slow() from None
            raise
        self.check_response(target.stat().st_size)
        return reply

    def check_request(self, size: int) -> None:
        """Raise :class:`ConnectionReset` for a body that is too large."""
        if size > self.request_bytes:
            raise ConnectionReset(
                f"the request has {size} bytes and {self.prefix}_MAX_REQUEST_SIZE is {self.request_bytes}: "
                "the model server has reset the connection"
            )

    def check_response(self, size: int) -> None:
        """Raise :class:`WorkerDied` for an answer that is too large (Netty's TooLongFrameException)."""
        if size > self.response_bytes:
            raise WorkerDied(
                f"the response has {size} bytes and {self.prefix}_MAX_RESPONSE_SIZE is {self.response_bytes}"
            )

    def too_slow(self) -> WorkerDied:
        """The error for an answer that takes longer than :attr:`seconds`."""
        return WorkerDied(f"no response within {self.seconds:g} s ({self.prefix}_DEFAULT_RESPONSE_TIMEOUT)")


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit():
        raise ValueError(f"environment variable {name}={text!r} must be a whole number")
    return int(text)
