"""How a browser reaches the pages that a command serves: on this machine directly, in SageMaker Studio by its proxy."""

from __future__ import annotations

import dataclasses
import socket
import urllib.parse

from helpers.target import space

UNKNOWN = "https://<this space's host>"
"""In place of the space's address when AWS does not tell it."""
EXPLAINED = (
    "In SageMaker Studio only your browser knows this space's host: copy it from the address of this tab "
    "(https://….sagemaker.aws)."
)


@dataclasses.dataclass(frozen=True)
class Reach:
    """How a server on 127.0.0.1 is reached.

    Attributes
    ----------
    port : int
        Where it listens.
    space : Space or None
        The space of SageMaker Studio that this runs in.
    origin : str or None
        Scheme and host of that space, where known.
    """

    port: int
    space: space.Space | None = None
    origin: str | None = None

    def options(self) -> list[str]:
        """What a Jupyter server is started with besides; nothing outside of SageMaker Studio.

        A Jupyter server that is bound to 127.0.0.1 answers only requests for that name, so that a page on the same
        machine's browser cannot reach it under another name. Through the proxy come requests for the space's. Where
        AWS tells that name, it is allowed and no other. Where it does not, any is: in a space no browser runs, what
        comes through the proxy has passed Studio's login, and the token is asked for in any case.
        """
        if self.space is None:
            return []
        options = [f"--ServerApp.base_url={self.space.path(self.port)}"]
        if self.origin is None:
            return [*options, "--ServerApp.allow_remote_access=True"]
        host = urllib.parse.urlsplit(self.origin).hostname
        return [
            *options,
            *(f"--ServerApp.local_hostnames={name}" for name in ("localhost", host)),
            f"--ServerApp.allow_origin={self.origin}",  # as the browser sends it, whatever host the proxy hands on
        ]

    def url(self, page: str, token: str) -> str:
        """Where a browser finds a page of the server.

        Parameters
        ----------
        page : str
            Its path below the server's, without a slash at the beginning.
        token : str
            The server's token.
        """
        start = f"http://127.0.0.1:{self.port}/"
        if self.space is not None:
            start = (self.origin or UNKNOWN) + self.space.path(self.port)
        return f"{start}{page}?{urllib.parse.urlencode({'token': token})}"

    def note(self) -> str:
        """A line that explains the URL where it has a gap; else empty."""
        return f"{EXPLAINED}\n" if self.space is not None and self.origin is None else ""


def reach(port: int) -> Reach:
    """How a server on this port of 127.0.0.1 is reached from a browser."""
    here = space.find()
    return Reach(port) if here is None else Reach(port, here, space.origin(here))


def free_port(wanted: int) -> int:
    """``wanted``, or any other that is free when somebody listens there."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
