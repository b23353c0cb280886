"""The API's operations on repositories as a whole: create, show, rename, delete, tag."""

from __future__ import annotations

import datetime
import time
from typing import Any

from localcloud.cloud import Cloud
from localcloud.codecommit.errors import refusal
from localcloud.codecommit.operations.paging import page
from localcloud.codecommit.records import Record, Records, check_name
from localcloud.codecommit.smart_http import PREFIX
from localcloud.services import Operation, ServiceError

MOST_TAGS = 50
MOST_NAMES = 100


def check_tags(tags: dict[str, str]) -> None:
    """Refuse what CodeCommit User Guide, "Quotas", does not allow.

    At most 50 tags; keys to 128 and values to 256 characters; no ``aws:`` in front.
    """
    for key, value in tags.items():
        if key.lower().startswith("aws:"):
            raise refusal("InvalidSystemTagUsageException", key)
        if not 1 <= len(key) <= 128 or len(value) > 256:
            raise refusal("InvalidTagsMapException", key)
    if len(tags) > MOST_TAGS:
        raise refusal("TooManyTagsException", f"{len(tags)}; at most {MOST_TAGS}")


class RepositoryOperations:
    """Repositories and their tags."""

    def __init__(self, cloud: Cloud, records: Records) -> None:
        self._cloud = cloud
        self._records = records
        self.operations: dict[str, Operation] = {
            "CreateRepository": self.create,
            "GetRepository": self._get,
            "BatchGetRepositories": self._batch_get,
            "ListRepositories": self._list,
            "DeleteRepository": self._delete,
            "UpdateRepositoryName": self._rename,
            "UpdateRepositoryDescription": self._describe,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": self._list_tags,
        }

    def metadata(self, record: Record) -> dict[str, Any]:
        """A repository as the API shows it."""
        shown = {
            "accountId": self._cloud.account,
            "repositoryId": record["id"],
            "repositoryName": record["name"],
            "lastModifiedDate": datetime.datetime.fromtimestamp(record["modified"], datetime.UTC),
            "creationDate": datetime.datetime.fromtimestamp(record["created"], datetime.UTC),
            "cloneUrlHttp": f"{self._cloud.endpoint_url}{PREFIX}{record['name']}",
            # Shown because AWS shows it and templates read it: there is no SSH here.
            "cloneUrlSsh": f"ssh://git-codecommit.{self._cloud.region}.amazonaws.com{PREFIX}{record['name']}",
            "Arn": self._cloud.arn("codecommit", record["name"]),
        }
        if record["description"] is not None:
            shown["repositoryDescription"] = record["description"]
        default = self._records.open(record).default_branch()
        return shown | ({"defaultBranch": default} if default else {})

    def create(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """CreateRepository; refuses a KMS key."""
        if parameters.get("kmsKeyId"):
            message = "The local cloud does not encrypt repositories: leave kmsKeyId out."
            raise ServiceError("UnsupportedOperation", message)
        tags = parameters.get("tags") or {}
        check_tags(tags)
        record = self._records.create(parameters["repositoryName"], parameters.get("repositoryDescription"), tags)
        return {"repositoryMetadata": self.metadata(record)}

    def _get(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return {"repositoryMetadata": self.metadata(self._records.get(parameters["repositoryName"]))}

    def _batch_get(self, parameters: dict[str, Any]) -> dict[str, Any]:
        names = list(dict.fromkeys(parameters["repositoryNames"]))
        if not names:
            raise refusal("RepositoryNamesRequiredException")
        if len(names) > MOST_NAMES:
            raise refusal("MaximumRepositoryNamesExceededException", str(len(names)))
        for name in names:
            check_name(name)
        found = {name: self._records.find(name) for name in names}
        return {
            "repositories": [self.metadata(record) for record in found.values() if record],
            "repositoriesNotFound": [name for name, record in found.items() if not record],
        }

    def _list(self, parameters: dict[str, Any]) -> dict[str, Any]:
        keys = {"repositoryName": "name", "lastModifiedDate": "modified"}
        key = keys[parameters.get("sortBy", "repositoryName")]
        rows = sorted(self._records.all(), key=lambda record: (record[key], record["name"]))
        if parameters.get("order") == "descending":
            rows.reverse()
        rows, rest = page(rows, parameters)
        pairs = [{"repositoryName": record["name"], "repositoryId": record["id"]} for record in rows]
        return {"repositories": pairs, **rest}

    def _delete(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """API Reference, DeleteRepository: of a repository that is gone already no id is returned, and no error."""
        deleted = self._records.delete(parameters["repositoryName"])
        return {"repositoryId": deleted} if deleted else {}

    def _rename(self, parameters: dict[str, Any]) -> dict[str, Any]:
        self._records.rename(parameters["oldName"], parameters["newName"])
        return {}

    def _describe(self, parameters: dict[str, Any]) -> dict[str, Any]:
        record = self._records.get(parameters["repositoryName"])
        description = parameters.get("repositoryDescription")
        self._records.change(record["id"], description=description, modified=time.time())
        return {}

    # Tags --------------------------------------------------------------------------------------------------------

    def _by_arn(self, arn: str) -> Record:
        prefix = self._cloud.arn("codecommit", "")
        if not arn.startswith(prefix):
            raise refusal("InvalidResourceArnException", arn)
        return self._records.get(arn.removeprefix(prefix))

    def _tag(self, parameters: dict[str, Any]) -> dict[str, Any]:
        record = self._by_arn(parameters["resourceArn"])
        tags = record["tags"] | parameters["tags"]
        check_tags(tags)
        self._records.change(record["id"], tags=tags)
        return {}

    def _untag(self, parameters: dict[str, Any]) -> dict[str, Any]:
        record = self._by_arn(parameters["resourceArn"])
        tags = {key: value for key, value in record["tags"].items() if key not in parameters["tagKeys"]}
        self._records.change(record["id"], tags=tags)
        return {}

    def _list_tags(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return {"tags": self._by_arn(parameters["resourceArn"])["tags"]}
