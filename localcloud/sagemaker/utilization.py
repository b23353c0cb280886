"""How busy the instances are: CPU and memory of their containers, from the kernel's own account of each process.

SageMaker Developer Guide, "SageMaker AI endpoint instance metrics" (namespace ``/aws/sagemaker/Endpoints``). One value
for each instance, so that ``SampleCount`` counts instances, as AWS's troubleshooting pages use it.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

NAMESPACE = "/aws/sagemaker/Endpoints"
PROC = Path("/proc")
_UTIME, _RSS = 11, 21  # fields of /proc/<pid>/stat after the process's name: proc(5), 14 and 24


class Utilization:
    """Measures processes again and again; what ran before the first look does not count."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[float, float]] = {}

    def measure(self, pid: int) -> tuple[float, float] | None:
        """CPU since the last look and memory now, in percent: of one core, and of the machine's memory.

        None when the process is gone, or this kernel has no ``/proc``.
        """
        try:
            text = (PROC / str(pid) / "stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            self._seen.pop(pid, None)
            return None
        fields = text.rpartition(")")[2].split()
        # Its own time in user and kernel mode, and that of the processes that it has waited for.
        spent = sum(map(int, fields[_UTIME : _UTIME + 4])) / os.sysconf("SC_CLK_TCK")
        now = time.monotonic()
        before, since = self._seen.get(pid, (spent, now))
        self._seen[pid] = spent, now
        cpu = 100 * (spent - before) / (now - since) if now > since else 0.0
        return cpu, 100 * int(fields[_RSS]) / os.sysconf("SC_PHYS_PAGES")

    def forget(self, running: set[int]) -> None:
        """Let go of every process but these."""
        for pid in set(self._seen) - running:
            del self._seen[pid]
