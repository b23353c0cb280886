"""Resource Groups Tagging API: GetResources, page by page.

MiniStack finds the tagged resources of its services; it answers all of them at once whatever the page's size.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from localcloud.rules import Answer, Call, Rulebook
from localcloud.services import ServiceError

PAGE = 50
"""GetResources, ResourcesPerPage: 50 when nothing is said, 1 to 100."""


class Tags:
    """MiniStack's list of what is tagged."""

    def __init__(self, modules: Mapping[str, ModuleType], rules: Rulebook) -> None:
        self._tagging: Any = modules["tagging"]
        rules.add("resourcegroupstaggingapi", "GetResources", self.get_resources)

    def get_resources(self, call: Call) -> Answer:
        """The tagged resources, ordered by ARN."""
        given = dict(call.parameters)
        size, token = given.pop("ResourcesPerPage", PAGE), given.pop("PaginationToken", "")
        if not 1 <= size <= 100:
            raise ServiceError("InvalidParameterException", "ResourcesPerPage must be between 1 and 100")
        if token and not token.isdigit():
            raise ServiceError("PaginationTokenExpiredException", "The pagination token is not valid")
        status, _, body = self._tagging._get_resources(given)
        answer = json.loads(body)
        if status != 200:
            raise ServiceError("InvalidParameterException", str(answer.get("message") or answer.get("Message")))
        found = sorted(answer["ResourceTagMappingList"], key=lambda item: str(item["ResourceARN"]))
        begin = int(token or 0)
        end = begin + size
        return {
            "ResourceTagMappingList": found[begin:end],
            "PaginationToken": str(end) if end < len(found) else "",
        }
