"""A recording: JSON lines, compressed, the first of which says what was recorded where."""

from __future__ import annotations

import dataclasses
import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from contract.errors import ResultError
from helpers.recording.recorder import KEY, OWN, PREFIX

FORMAT = 1


@dataclasses.dataclass(frozen=True)
class Recording:
    """What :func:`put_together` has stored.

    Attributes
    ----------
    header : mapping
        ``format``, ``target``, ``began``, ``region``, ``speed`` and what the workshop was set to.
    lines : sequence of mapping
        In the order of time; each has ``kind``, ``t`` (Unix time) and what belongs to its kind.
    """

    header: Mapping[str, Any]
    lines: Sequence[Mapping[str, Any]]

    def of(self, kind: str) -> Iterator[Mapping[str, Any]]:
        """The lines of one kind."""
        return (line for line in self.lines if line["kind"] == kind)

    @property
    def facts(self) -> dict[str, Any]:
        """What the steps concluded, by name; of several under one name the last."""
        return {line["name"]: line["value"] for line in self.of("fact")}

    @property
    def steps(self) -> dict[str, Mapping[str, Any]]:
        """The last line of each step that ended: ``outcome``, ``seconds``, ``problem``."""
        return {line["name"]: line for line in self.of("step") if line.get("outcome")}


def load(path: Path) -> Recording:
    """Read a recording.

    Raises
    ------
    ResultError
        The file is missing, or it is not a recording of this format.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        if lines[0]["kind"] != "header" or lines[0]["format"] != FORMAT:
            raise ValueError(f"its format must be {FORMAT}")
    except (OSError, EOFError, ValueError, KeyError, IndexError, TypeError) as error:
        raise ResultError(f"{path} is not a recording of make verify-aws: {error}.") from error
    return Recording(lines[0], lines[1:])


def put_together(folder: Path, path: Path, header: Mapping[str, Any]) -> Recording:
    """Make one file of a recorder's folder, and throw the key of its pseudonyms away.

    Calls that ask the same again and get the same answer, as waits do, are one line with ``times``.

    Parameters
    ----------
    folder : Path
        See :class:`helpers.recording.recorder.Recorder`; what is in it is removed.
    path : Path
        The recording; written whole or not at all.
    header : mapping
        See :class:`Recording`.
    """
    lines = [json.loads(text) for file in folder.glob(f"{PREFIX}*.jsonl") for text in _texts(file)]
    lines = _without_repetitions(sorted(lines, key=lambda line: float(line["t"])))
    first = {"kind": "header", "format": FORMAT, **header}
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as file:
        for line in (first, *lines):
            file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
    part.replace(path)
    for used in (*folder.glob(f"{PREFIX}*.jsonl"), folder / KEY, folder / OWN):
        used.unlink(missing_ok=True)
    return Recording(first, lines)


def _texts(file: Path) -> list[str]:
    """Whole lines: a process that was killed may have left a part of one."""
    return [line for line in file.read_text(encoding="utf-8").split("\n")[:-1] if line]


def _without_repetitions(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = []
    last: dict[str, tuple[str, dict[str, Any]]] = {}
    for line in lines:
        if line["kind"] == "call" and not line.get("label"):
            asked = json.dumps([line["service"], line["operation"], line["request"]])
            answer = json.dumps([line["status"], line["error"], line["response"]])
            if asked in last and last[asked][0] == answer:
                last[asked][1]["times"] = last[asked][1].get("times", 1) + 1
                continue
            last[asked] = (answer, line)
        kept.append(line)
    return kept
