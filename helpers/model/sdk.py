"""The SageMaker SDK in a process of its own, one for each target, kept for further questions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from typing import Any

from contract.errors import ModelError
from contract.settings import ROOT

ANSWER_SECONDS = 120
BUSY = 4
"""How many times as long a busy machine may take: where no network is asked, nothing but the machine is slow."""


class RefusedError(Exception):
    """The SDK answered with an error: its class name and message."""


class _Process:
    """A running :mod:`helpers.model.jumpstart_lookup`; it ends with this process, since its input does."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - open for as long as the process is
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "helpers.model.jumpstart_lookup"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
        )
        self._turn = threading.Lock()
        self._local = "127.0.0.1" in environment.get("AWS_ENDPOINT_URL", "")

    @property
    def runs(self) -> bool:
        """Whether it may still be asked."""
        return self._process.poll() is None

    def ask(self, question: tuple[str, ...]) -> dict[str, Any]:
        """Its answer; :class:`ModelError` when there is none."""
        with self._turn:
            late, line = threading.Event(), ""
            seconds = ANSWER_SECONDS * (BUSY if self._local else 1)
            deadline = threading.Timer(seconds, self._give_up, (late,))
            deadline.start()
            try:
                assert self._process.stdin is not None
                assert self._process.stdout is not None
                self._process.stdin.write(json.dumps(question) + "\n")
                self._process.stdin.flush()
                line = self._process.stdout.readline()
            except OSError:
                pass  # it has ended; said below
            finally:
                deadline.cancel()
            if line:
                answer: dict[str, Any] = json.loads(line)
                return answer
            self.end()
            if late.is_set():
                raise ModelError(
                    f"JumpStart gave no answer within {seconds:g} s ({' '.join(question)}): {self._advice()}"
                )
            self._said.seek(0)
            raise ModelError(f"the SageMaker SDK ended without an answer: {self._said.read().strip()[-2000:]}")

    def _advice(self) -> str:
        if not self._local:
            return "check the network and try again."
        waiting, cores = os.getloadavg()[0], os.cpu_count() or 1
        return f"this machine is busy ({waiting:.0f} programs want its {cores} cores): end some and try again."

    def _give_up(self, late: threading.Event) -> None:
        late.set()
        self.end()

    def end(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()


DECIDING = ("AWS_", "SAGEMAKER_")
"""Beginnings of the variables that say which target the SDK reads from: a process is kept for each set of them."""

_PROCESSES: dict[frozenset[tuple[str, str]], _Process] = {}
_STARTING = threading.Lock()


def _key(environment: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset((name, value) for name, value in environment.items() if name.startswith(DECIDING))


def ask(environment: Mapping[str, str], *question: str) -> Any:
    """What the SDK answers in this environment: the first time after some seconds, then at once.

    Parameters
    ----------
    environment : mapping
        Says which target the SDK reads from.
    *question : str
        A name in :data:`helpers.model.jumpstart_lookup.QUESTIONS` and its arguments.

    Raises
    ------
    RefusedError
        The SDK answered with an error.
    ModelError
        It did not answer.
    """
    key = _key(environment)
    with _STARTING:
        process = _PROCESSES.get(key)
        if process is None or not process.runs:
            process = _PROCESSES[key] = _Process(environment)
    answer = process.ask(question)
    if "error" in answer:
        raise RefusedError(answer["error"], answer["message"])
    return answer["answer"]
