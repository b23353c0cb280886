"""Runs git, with an environment of its own: the host's configuration has no effect."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from localcloud.process.environment import inherited
from localcloud.services import ServiceError

logger = logging.getLogger(__name__)

COMMAND_SECONDS = 120.0


class GitFailed(Exception):  # noqa: N818 - named for what happened
    """A git command ended with an error; the message is git's own."""


class GitMissing(ServiceError):  # noqa: N818 - named for what happened
    """Git, or its ``http-backend``, is not installed on this machine."""

    def __init__(self, what: str) -> None:
        message = (
            f"CodeCommit of the local cloud needs {what}, which is not on the PATH that the cloud was started with: "
            "install Git (https://git-scm.com/downloads; on Alpine Linux the package git-daemon, too) and start the "
            "cloud again."
        )
        super().__init__("ServiceUnavailable", message, 503)


class Git:
    """The git of this machine.

    Parameters
    ----------
    home : Path
        Stands for the user's home, and holds nothing.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._has_backend = False

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """The whole environment of a git process."""
        variables = inherited(("PATH",))
        variables |= {
            "HOME": str(self._home),
            "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_TERMINAL_PROMPT": "0",
            # Collecting garbage after a push is part of the push: nothing works on in the background.
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": "gc.autoDetach",
            "GIT_CONFIG_VALUE_0": "false",
            "GIT_CONFIG_KEY_1": "maintenance.autoDetach",
            "GIT_CONFIG_VALUE_1": "false",
        }
        return variables | dict(more or {})

    def program(self) -> str:
        """The path of git; raises :class:`GitMissing` when there is none."""
        found = shutil.which("git")
        if found is None:
            raise GitMissing("git")
        return found

    def check_backend(self) -> None:
        """Raise :class:`GitMissing` unless git has its ``http-backend``, which some systems package apart."""
        if not self._has_backend:
            folder = Path(self.run(None, "--exec-path").decode().strip())
            if not (folder / "git-http-backend").exists():
                raise GitMissing("git's http-backend")
            self._has_backend = True

    def run(
        self,
        folder: Path | None,
        *arguments: str,
        content: bytes = b"",
        variables: Mapping[str, str] | None = None,
    ) -> bytes:
        """What a git command prints.

        Parameters
        ----------
        folder : Path or None
            The bare repository in which it works.
        arguments : str
            The command and its arguments.
        content : bytes
            Its standard input.
        variables : mapping, optional
            More of its environment.

        Raises
        ------
        GitFailed
            With what git said.
        GitMissing
        """
        place = [] if folder is None else [f"--git-dir={folder}"]
        done = subprocess.run(
            [self.program(), *place, *arguments],
            input=content,
            capture_output=True,
            env=self.environment(variables),
            cwd=self._home,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip()
            logger.debug("git %s: %s", " ".join(arguments), said)
            raise GitFailed(said or f"git {arguments[0]} ended with exit code {done.returncode}")
        return done.stdout
