"""Whether a caller may learn that a key is not there.

S3 API Reference, GetObject and HeadObject, "Permissions": "If the object that you request doesn't exist, the error that
Amazon S3 returns depends on whether you also have the s3:ListBucket permission": with it 404, without it 403.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from localcloud.rules import Call, Rulebook


class Absent:
    """The rule.

    Attributes
    ----------
    ask : callable
        Raises :class:`~localcloud.services.ServiceError` unless the caller may make a call.
    """

    def __init__(self, modules: Mapping[str, ModuleType], rules: Rulebook) -> None:
        self._s3: Any = modules["s3"]
        self.ask: Callable[[Call], None] = lambda call: None
        for operation in ("GetObject", "HeadObject"):
            rules.add("s3", operation, self._hide)

    def _hide(self, call: Call) -> None:
        """Refuse instead of a 404. The ways to name a version have permissions of their own."""
        name, key = call.parameters["Bucket"], call.parameters["Key"]
        bucket = self._s3._buckets.get(name)
        if bucket is None or call.parameters.get("VersionId") or key in bucket["objects"]:
            return
        self.ask(dataclasses.replace(call, operation="ListBucket", parameters={"Bucket": name}))
