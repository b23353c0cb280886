"""What repackaging leaves behind: a model that an endpoint can load, and the record of how it was made."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from contract import container
from contract.errors import ModelError
from contract.names import MODEL_PARAMETERS


@dataclasses.dataclass(frozen=True)
class Source:
    """One of the artifacts that a model was made of, in the version that was read."""

    uri: str
    etag: str


@dataclasses.dataclass(frozen=True)
class Stored:
    """One object of the model bucket, as S3 knows it."""

    key: str
    size: int
    etag: str


@dataclasses.dataclass(frozen=True)
class PackagedModel:
    """A model that an endpoint can load: the parameters of the application stack, and how it came about.

    Attributes
    ----------
    bucket, key, data_type : str
        Where it is stored: a ``.tar.gz`` object (``S3Object``), or a prefix that ends in a slash (``S3Prefix``).
    image_uri, model_id, version, instance_type : str
        Container image, JumpStart's id and version, and the instance type that the image was chosen for.
    environment : mapping
        The container's environment variables, as JumpStart names them.
    size : int
        Bytes in S3; 0 for a model that only SageMaker may read.
    checksum_algorithm, checksum : str
        ``CRC32`` of the whole object in base64, as S3 keeps it; for a prefix ``SHA256-OF-ETAGS``.
    method : str
        ``spliced``, ``streamed``, ``copied``, ``uploaded``, ``prefix``, ``unchanged`` or ``gated``.
    accept_eula : bool
        True when the endpoint must say that the model's licence was accepted.
    network_isolation : bool
        False when JumpStart says that the model's container needs the network.
    sources : tuple of Source
    objects : tuple of Stored
        What makes up the model in the bucket.
    """

    bucket: str
    key: str
    data_type: str
    image_uri: str
    model_id: str
    version: str = ""
    instance_type: str = ""
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    size: int = 0
    checksum_algorithm: str = ""
    checksum: str = ""
    method: str = ""
    accept_eula: bool = False
    network_isolation: bool = True
    sources: tuple[Source, ...] = ()
    objects: tuple[Stored, ...] = ()

    def parameters(self) -> dict[str, str]:
        """CloudFormation parameters of the application stack, all of them; ModelError when a variable has none."""
        return self._choices() | container.parameters(self.environment)

    def _choices(self) -> dict[str, str]:
        eula, isolation = ("true" if value else "false" for value in (self.accept_eula, self.network_isolation))
        values = self.bucket, self.key, self.data_type, self.image_uri, self.instance_type, self.model_id
        return dict(zip(MODEL_PARAMETERS, (*values, eula, isolation), strict=True))

    def stack_parameters(self) -> str:
        """The same as a template configuration file, which the pipeline's CloudFormation action reads.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/continuous-delivery-codepipeline-cfn-artifacts.html
        """
        return json.dumps({"Parameters": self.parameters()}, indent=1) + "\n"

    def to_json(self) -> str:
        """``model.json``: what was chosen as text on top, then the rest."""
        document: dict[str, Any] = {
            **self._choices(),
            "Version": self.version,
            "Environment": dict(self.environment),
            "Size": self.size,
            "Checksum": {"Algorithm": self.checksum_algorithm, "Value": self.checksum},
            "Method": self.method,
            "Sources": [{"Uri": source.uri, "ETag": source.etag} for source in self.sources],
            "Objects": [{"Key": item.key, "Size": item.size, "ETag": item.etag} for item in self.objects],
        }
        return json.dumps(document, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> PackagedModel:
        """Read ``model.json``.

        Raises
        ------
        ModelError
            It is not what :meth:`to_json` writes.
        """
        try:
            document = json.loads(text)
            bucket, key, data_type, image_uri, instance_type, model_id, eula, isolation = map(
                document.__getitem__, MODEL_PARAMETERS
            )
            return cls(
                bucket=bucket,
                key=key,
                data_type=data_type,
                image_uri=image_uri,
                model_id=model_id,
                version=document["Version"],
                instance_type=instance_type,
                environment=dict(document["Environment"]),
                size=int(document["Size"]),
                checksum_algorithm=document["Checksum"]["Algorithm"],
                checksum=document["Checksum"]["Value"],
                method=document["Method"],
                accept_eula=eula == "true",
                network_isolation=isolation == "true",
                sources=tuple(Source(item["Uri"], item["ETag"]) for item in document["Sources"]),
                objects=tuple(Stored(item["Key"], int(item["Size"]), item["ETag"]) for item in document["Objects"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            raise ModelError(
                f"this is not a model.json ({type(problem).__name__}: {problem}): "
                "run python -m helpers.model.repackage again."
            ) from None
