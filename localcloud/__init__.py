"""AWS on a laptop: MiniStack in process, plus the services it lacks.

Knows AWS's APIs and nothing of the workshop. ``localcloud.start()`` gives a :class:`Running` cloud,
``localcloud.running()`` the one that runs already; ``python -m localcloud`` does the same from a shell.
"""

from localcloud.process.control import CloudError, Running, reset, running, start, stop

__all__ = ["CloudError", "Running", "reset", "running", "start", "stop"]
