"""Why a phase of a build ended badly."""

from __future__ import annotations


class PhaseFailed(Exception):  # noqa: N818 - named for what happened
    """A phase failed; ``status_code`` and the message are the phase's context, as ``BatchGetBuilds`` shows it."""

    def __init__(self, status_code: str, message: str) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.message = message


class BuildInterrupted(Exception):  # noqa: N818 - named for what happened
    """The build ended from outside: ``STOPPED``, ``TIMED_OUT`` or ``FAULT``.

    Parameters
    ----------
    status : str
        Of the build, and of the phase that was interrupted.
    status_code, message : str
        The phase's context.
    """

    def __init__(self, status: str, status_code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.status_code = status_code
        self.message = message


def yaml_error(message: str) -> PhaseFailed:
    """What was given as the buildspec is not a valid one."""
    return PhaseFailed("YAML_FILE_ERROR", message)


def client_error(message: str) -> PhaseFailed:
    """Something that the caller named does not exist, or is not as it must be."""
    return PhaseFailed("CLIENT_ERROR", message)
