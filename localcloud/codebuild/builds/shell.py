"""One shell for a whole build: commands in, exit statuses and output out.

User Guide, "Build specification reference for CodeBuild", Buildspec versions: in version 0.2 all commands run in the
same instance of the shell, so variables and the current folder last from command to command. A command that ends the
shell (``exit 3``) fails alone: the next one gets a new shell with the variables and the folder of the old one.
"""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from localcloud.codebuild.builds import supervisor
from localcloud.codebuild.failures import BuildInterrupted
from localcloud.codebuild.stop import Stop
from localcloud.process import janitor, tied

CHUNK = 65536
LONGEST_LINE = 100_000
KILL_SECONDS = 5.0

# The state is saved after each command and when the shell ends, and read by the shell that follows it. Every name that
# this needs begins with __codebuild, and tracing (`set -x`) is off meanwhile.
DRIVER = """
__codebuild_note() {
  __codebuild_errexit=
  case $- in *e*) __codebuild_errexit='set -e' ;; esac
  # bash leaves errexit out of what a command substitution sees
  __codebuild_options=$(set +o)
  __codebuild_options="$__codebuild_options
$__codebuild_errexit"
  set +eux
}
__codebuild_save() {
  {
    if [ -n "$BASH_VERSION" ]; then declare -p; declare -f; alias -p; else set; export -p; fi
    printf '%s\\n' "$__codebuild_options"
    printf "cd '%s'\\n" "$(pwd | sed "s/'/'\\\\\\\\''/g")"
  } >|@STATE@ 2>/dev/null
}
__codebuild_end() {
  __codebuild_code=$?
  { __codebuild_note; } 2>/dev/null
  __codebuild_save
  exit $__codebuild_code
}
__codebuild_options='set +e'
if [ -f @STATE@ ]; then . @STATE@ 2>/dev/null; fi
trap __codebuild_end EXIT
while { set +eux; IFS= read -r __codebuild_command; } 2>/dev/null; do
  eval "$__codebuild_options" 2>/dev/null
  . "$__codebuild_command" </dev/null 3>&-
  { __codebuild_code=$?; __codebuild_note; } 2>/dev/null
  __codebuild_save
  printf 'done %s\\n' "$__codebuild_code" >&3
done
"""


class Shell:
    """A started shell.

    Parameters
    ----------
    program : str
        ``sh`` or ``bash``.
    folder : Path
        For the shell's own files.
    environment : mapping
        The whole environment of the build.
    directory : Path
        Where the first command runs.
    lifeline : Path
        The file on which the cloud holds a lock for as long as it lives.
    stop : Stop
    output : callable
        Gets each line that a command prints.
    """

    def __init__(
        self,
        program: str,
        folder: Path,
        environment: Mapping[str, str],
        directory: Path,
        lifeline: Path,
        stop: Stop,
        output: Callable[[str], None],
    ) -> None:
        self._output = output
        self._stop = stop
        self._partial = b""
        self._reports = b""
        self._command = folder / "command.sh"
        self._mark = f"CODEBUILD_BUILD_ARN={environment['CODEBUILD_BUILD_ARN']}"
        driver = folder / "driver.sh"
        driver.write_text(DRIVER.replace("@STATE@", shlex.quote(str(folder / "state.sh"))))
        text = Path(tied.__file__).read_text() + "\n" + Path(supervisor.__file__).read_text() + "\nmain(tie)\n"
        self._status, theirs = os.pipe()
        arguments = [sys.executable, "-I", "-S", "-c", text, str(lifeline), str(theirs), program, str(driver)]
        try:
            self._process = subprocess.Popen(
                arguments,
                env=dict(environment),
                cwd=directory,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(theirs,),
                start_new_session=True,
                bufsize=0,
            )
        except BaseException:
            os.close(self._status)
            raise
        finally:
            os.close(theirs)
        assert self._process.stdout is not None
        assert self._process.stdin is not None
        self._pipe = self._process.stdout.fileno()
        self._requests = self._process.stdin
        os.set_blocking(self._pipe, False)

    def run(self, command: str, output: Callable[[str], None] | None = None) -> int:
        """Run ``command`` and return its exit status when it has ended; its output goes to ``output``, line by line.

        Raises
        ------
        BuildInterrupted
            When the build was stopped or timed out meanwhile; everything that it started is gone then.
        """
        self._command.unlink(missing_ok=True)  # a shell may still read the old one
        self._command.write_text(command + "\n")
        usual, self._output = self._output, output or self._output
        try:
            with contextlib.suppress(BrokenPipeError):  # _wait says what happened
                self._requests.write(os.fsencode(self._command) + b"\n")
            return self._wait()
        finally:
            self._output = usual

    def value(self, name: str) -> str | None:
        """The value of a variable of the shell; None when it is not set."""
        lines: list[str] = []
        # The x keeps the newlines at the value's end, if it has any, from being lost.
        if self.run(f'[ -n "${{{name}+set}}" ] && printf "%sx\\n" "${name}"', lines.append) != 0:
            return None
        return "\n".join(lines).removesuffix("x")

    def close(self) -> None:
        """Kill the group, and what has left it but still has the build's mark in its environment."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        deadline = time.monotonic() + KILL_SECONDS
        while time.monotonic() < deadline:
            left = janitor.processes_with(self._mark)
            for pid in left:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            if not left and self._process.poll() is not None:
                break
            time.sleep(0.02)
        self._drain()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        os.close(self._status)

    def _wait(self) -> int:
        while True:
            stop = self._stop.fileno()
            ready, _, _ = select.select([self._pipe, self._status, stop], [], [])
            if stop in ready:
                self._stop.check()
            if self._pipe in ready and not self._read():
                select.select([self._status, stop], [], [])  # every writer is gone: only the status is left
            if self._status not in ready:
                continue
            received = os.read(self._status, CHUNK)
            if not received:
                self._drain()
                raise BuildInterrupted("FAULT", "INTERNAL_ERROR", "The build's shell was killed from outside")
            self._reports += received
            if b"\n" in self._reports:
                report, _, self._reports = self._reports.partition(b"\n")
                self._drain()
                return int(report.split()[1])

    def _read(self) -> bool:
        """Hand on what is there; False at the end of the pipe."""
        try:
            received = os.read(self._pipe, CHUNK)
        except BlockingIOError:
            return True
        self._partial += received
        *lines, self._partial = self._partial.split(b"\n")
        if len(self._partial) > LONGEST_LINE:
            lines, self._partial = [*lines, self._partial], b""
        for line in lines:
            self._output(line.decode("utf-8", "replace").rstrip("\r"))
        return bool(received)

    def _drain(self) -> None:
        """Hand on what a command printed before its end: it fits in the pipe, however much others print meanwhile."""
        for _ in range(64):
            if not select.select([self._pipe], [], [], 0)[0] or not self._read():
                break
        if self._partial:
            rest, self._partial = self._partial, b""
            self._output(rest.decode("utf-8", "replace").rstrip("\r"))
