"""The function's environment, read once."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from expire.exceptions import SettingsError


@dataclass(frozen=True)
class Settings:
    """What the safety stack gives the function.

    Attributes
    ----------
    parameter
        Name of the SSM parameter that holds the deadline.
    stacks
        What is deleted, in this order.
    own_stack
        Deleted last, when nothing else is there.
    log_groups
        Beginnings of the names of log groups that services make by themselves, so that no stack deletes them.
    """

    parameter: str
    stacks: tuple[str, ...]
    own_stack: str
    log_groups: tuple[str, ...]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the variables; raises `SettingsError` naming a missing one."""
        values = {name: environment.get(name, "") for name in ("PARAMETER", "STACKS", "OWN_STACK", "LOG_GROUPS")}
        for name, value in values.items():
            if not value:
                raise SettingsError(f"the environment variable {name} is missing: the safety stack must set it")
        return cls(
            values["PARAMETER"],
            tuple(values["STACKS"].split(",")),
            values["OWN_STACK"],
            tuple(values["LOG_GROUPS"].split(",")),
        )


@cache
def load() -> Settings:
    """Return the settings of this process."""
    return Settings.from_environment(os.environ)
