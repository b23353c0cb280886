"""What of the settings travels to a pipeline's builds: the pushed file, and the workshop's identity. Nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from contract.settings import PREFIX, Settings, as_environment, load

IDENTITY = ("name", "target", "region")
"""The keys of ``[workshop]``: what makes a deployment this one and not another. A pipeline keeps those it was deployed
with; everything else it reads from the ``workshop.toml`` that was pushed."""


def identity_as_environment(settings: Settings) -> dict[str, str]:
    """The part of :func:`as_environment` that a pipeline's builds get."""
    return {variable: str(getattr(settings.workshop, key)) for key, variable in _identity_variables().items()}


def _identity_variables() -> dict[str, str]:
    return {key: f"{PREFIX}workshop_{key}".upper() for key in IDENTITY}


def left_behind(path: Path, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """``WORKSHOP_…`` variables that say something else than a settings file, and do not travel with it.

    A pipeline builds from the file that was pushed: it knows nothing of the variables of the person who pushed, except
    for the workshop's identity. ``[local]`` and ``[verify]`` are about this machine alone.

    Parameters
    ----------
    path : Path
        The TOML file that is pushed.
    environ : mapping, optional
        Where overrides are looked up; by default the process's environment.

    Returns
    -------
    dict
        Name of the variable to what the file says instead.

    Raises
    ------
    SettingsError
        As :func:`load`.
    """
    here, there = as_environment(load(path, environ)), as_environment(load(path, {}))
    stays = (*_identity_variables().values(), f"{PREFIX}LOCAL_", f"{PREFIX}VERIFY_")
    return {name: there[name] for name in here if here[name] != there[name] and not name.startswith(stays)}
