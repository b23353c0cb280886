"""The leader of a build's process group: starts the build's shell, and a new one when that ends.

Runs as a process of its own (``python -I -S supervisor.py <lifeline> <status descriptor> <shell> <driver>``), which
ends, with the whole group, when the local cloud does: the text of :mod:`localcloud.process.tied` is put in front of
this file. Standard library only. The shell gets the requests on its standard input, and descriptor 3 for its answers.
"""

import os
import signal
import sys

STATUS = 3


def main(tie):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 - joined to another file's text, see shell.py
    """Start shells until the build's end, which is SIGKILL to the group."""
    lifeline, status, shell, driver = sys.argv[1:5]
    if int(status) != STATUS:
        os.dup2(int(status), STATUS)
        os.close(int(status))
    os.set_inheritable(STATUS, True)
    tie(lifeline)  # after the lines above: it opens a file, which must not get the number 3
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        child = os.posix_spawnp(shell, [shell, driver], os.environ, setsigdef=[signal.SIGINT, signal.SIGPIPE])
        _, ended = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(ended)
        os.write(STATUS, b"gone %d\n" % (code if code >= 0 else 128 - code))
