"""Whether this runs in a JupyterLab space of SageMaker Studio, and how a browser reaches a port from there.

No browser reaches 127.0.0.1 of a space. Its own JupyterLab hands requests on to a port, with Jupyter Server Proxy:
``/proxy/<port>/…`` without, and ``/proxy/absolute/<port>/…`` with the beginning of the path. A Jupyter server writes
that beginning into its pages and expects it in requests, so for one the second is right.
https://jupyter-server-proxy.readthedocs.io/en/latest/arbitrary-ports-hosts.html
"""

from __future__ import annotations

import dataclasses
import json
import os
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

METADATA = Path("/opt/ml/metadata/resource-metadata.json")
"""https://docs.aws.amazon.com/sagemaker/latest/dg/notebooks-run-and-manage-metadata.html"""
JUPYTERLAB = "jupyterlab"
"""The one kind of space whose server has Jupyter Server Proxy; Code Editor forwards ports itself."""
QUICK = Config(  # type: ignore[call-arg]  # the stubs lack the last one
    connect_timeout=3,
    read_timeout=5,
    retries={"total_max_attempts": 1},
    ignore_configured_endpoint_urls=True,  # the space is AWS's, whatever cloud this shell has been pointed at
)


@dataclasses.dataclass(frozen=True)
class Space:
    """A JupyterLab space.

    Attributes
    ----------
    domain, name, region : str
        As its metadata say; empty when they do not.
    """

    domain: str = ""
    name: str = ""
    region: str = ""

    def path(self, port: int) -> str:
        """The path below which a browser finds what listens on a port of the space.

        The space's server is started with ``--ServerApp.base_url=/$SAGEMAKER_APP_TYPE_LOWERCASE/default``:
        https://github.com/aws/sagemaker-distribution, template/v4/dirs/usr/local/bin/start-jupyter-server
        """
        return f"/{JUPYTERLAB}/default/proxy/absolute/{port}/"


def find(environment: Mapping[str, str] | None = None, metadata: Path = METADATA) -> Space | None:
    """The JupyterLab space that this runs in, or None.

    Parameters
    ----------
    environment : mapping, optional
        By default this process's. ``SAGEMAKER_APP_TYPE`` says what kind of app this is (start-jupyter-server, see
        :meth:`Space.path`).
    metadata : Path
        Says it, too, to a shell that was started without the variable.
    """
    about = _read(metadata)
    variables = os.environ if environment is None else environment
    kind = variables.get("SAGEMAKER_APP_TYPE") or about.get("AppType", "")
    if kind.lower() != JUPYTERLAB:
        return None
    arn = about.get("ResourceArn", "").split(":")  # arn:aws:sagemaker:<region>:<account>:app/…
    region = arn[3] if len(arn) > 3 else variables.get("AWS_REGION", "")
    return Space(about.get("DomainId", ""), about.get("SpaceName", ""), region)


def _read(metadata: Path) -> dict[str, str]:
    try:
        about = json.loads(metadata.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {name: value for name, value in about.items() if isinstance(value, str)} if isinstance(about, dict) else {}


def origin(space: Space) -> str | None:
    """``https://….studio.<region>.sagemaker.aws``, or None when AWS does not tell it within seconds.

    The first part of the host is the space's own, and nothing inside of the space knows it: DescribeSpace does, for a
    role that may call it. https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeSpace.html
    """
    if not (space.domain and space.name and space.region):
        return None
    try:
        sagemaker: Any = boto3.client("sagemaker", region_name=space.region, config=QUICK)
        url = sagemaker.describe_space(DomainId=space.domain, SpaceName=space.name).get("Url", "")
    except (BotoCoreError, ClientError):
        return None
    parts = urllib.parse.urlsplit(url)
    return f"https://{parts.netloc.lower()}" if parts.scheme == "https" and parts.netloc else None
