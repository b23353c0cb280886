"""Ties a process to the local cloud's life: when the cloud is gone, however it went, so is the process.

The cloud holds an exclusive lock on a file for as long as it lives, and the kernel takes the lock away when it dies,
even by SIGKILL. A tied process waits for that lock in a thread; getting it means that the cloud is gone. (The parent
death signal of Linux will not do: it fires when the parent's *thread* ends, and macOS has none.)

Standard library only, and in one piece: the text of this file is put in front of the script of each Lambda worker and
of each build's leader. Containers import it.
"""

import fcntl
import os
import signal
import sys
import threading

LIFELINE_VARIABLE = "LOCALCLOUD_LIFELINE"


def tie(lifeline: str) -> None:
    """Make this process the leader of a group that ends when the holder of the lock on ``lifeline`` does.

    Raises
    ------
    RuntimeError
        When it cannot lead a group of its own.
    """
    try:
        os.setpgid(0, 0)
    except OSError as error:  # a session leader is the leader of its group already
        if os.getpgid(0) != os.getpid():
            raise RuntimeError(f"cannot lead a process group of its own: {error}") from error

    def end_with_the_cloud() -> None:
        try:
            with open(lifeline) as file:  # noqa: PTH123 - pathlib would cost every cold start its import
                fcntl.flock(file, fcntl.LOCK_SH)
        except FileNotFoundError:
            pass  # the cloud is gone and its work folder, too
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=end_with_the_cloud, daemon=True, name="lifeline").start()


def become_lambda_worker(runtime: str, project: list[str], private: str) -> None:
    """Give a Lambda worker the surroundings that a Lambda function has.

    Parameters
    ----------
    runtime : str
        Folder with the packages of AWS's Python runtime (boto3 and what it needs). Everything else that is installed
        on this machine disappears, so that a dependency missing in a bundle is missed here as it is on AWS.
    project : list of str
        Folders of this project on ``sys.path``, which disappear, too.
    private : str
        Names of the environment variables, separated by commas, that are none of the function's business.
    """
    tie(os.environ[LIFELINE_VARIABLE])
    kept = [p for p in sys.path if "site-packages" not in p and "dist-packages" not in p and p not in project]
    sys.path[:] = [*kept, runtime]
    for name in private.split(","):
        os.environ.pop(name, None)
