"""Cleans up after the local cloud, whatever ended it: kills every process that it left and removes its work folder.

Runs as a process of its own, started by the cloud with a pipe as its standard input; the pipe's end is the cloud's
end. Standard library only, so that it is small (`python -I -S janitor.py <work folder> …`). The tests of this project
have their own janitors, for the clouds and all other processes that they start.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

MARK = "LOCALCLOUD_WORK"
"""Every process that the cloud starts inherits this environment variable: the work folder."""


def start(*works: str) -> subprocess.Popen[bytes]:
    """Start a janitor that cleans up when this process is gone; anything written to its input lets the first stay."""
    return subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, *works],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"PATH": os.environ.get("PATH", "/usr/bin:/bin")},
        # What ends the group of this process must not end the one that cleans up after it.
        start_new_session=True,
    )


def marked_processes(work: str) -> list[int]:
    """Process ids of this user that carry the mark of ``work`` or of a folder in it, without this process."""
    mark, inside = f"{MARK}={work}".encode(), f"{MARK}={work}/".encode()
    return [
        pid
        for pid, environment in _environments()
        if pid != os.getpid() and any(entry == mark or entry.startswith(inside) for entry in environment)
    ]


def processes_with(entry: str) -> list[int]:
    """Process ids of this user whose environment began with ``entry`` (``NAME=value``), without this process."""
    needle = entry.encode()
    return [pid for pid, environment in _environments() if needle in environment and pid != os.getpid()]


def _environments() -> Iterator[tuple[int, list[bytes]]]:
    if os.path.isdir("/proc/self"):  # noqa: PTH112 - pathlib would be this small process's largest import
        for name in os.listdir("/proc"):  # noqa: PTH208
            if name.isdigit():
                try:
                    with open(f"/proc/{name}/environ", "rb") as file:  # noqa: PTH123
                        yield int(name), file.read().split(b"\0")
                except OSError:
                    continue  # it is gone already, or another user's
        return
    listing = subprocess.run(["ps", "-axww", "-E", "-o", "pid=,command="], capture_output=True, check=False)
    for line in listing.stdout.splitlines():
        pid, _, rest = line.strip().partition(b" ")
        yield int(pid), rest.split(b" ")


def clean(work: str) -> None:
    """Kill every marked process and remove ``work``."""
    kill(work)
    shutil.rmtree(work, ignore_errors=True)


def kill(work: str) -> None:
    """Kill every marked process, also those that start meanwhile."""
    for _ in range(50):
        left = marked_processes(work)
        if not left:
            break
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def main() -> None:
    """Wait for the cloud's end, then clean."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    works, removed = sys.argv[1:], sys.argv[1:]
    while os.read(0, 4096):
        removed = works[1:]
    for work in works:
        kill(work)
    for work in removed:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
