"""The function's environment, read once."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from shared.exceptions import SettingsError


@dataclass(frozen=True)
class Settings:
    """What the stack gives the function (Powertools reads its own `POWERTOOLS_…` variables).

    Attributes
    ----------
    bucket_name
        The workshop's bucket.
    """

    bucket_name: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read and check the variables; raises `SettingsError` naming a missing one."""
        bucket_name = environment.get("BUCKET_NAME", "")
        if not bucket_name:
            raise SettingsError(
                "the environment variable BUCKET_NAME is missing: set it to the bucket's name in the stack"
            )
        return cls(bucket_name=bucket_name)


@cache
def load() -> Settings:
    """Return the settings of this process."""
    return Settings.from_environment(os.environ)
