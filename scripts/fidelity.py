"""Write ``docs/fidelity.md`` and ``localcloud/verified.json``: what the conformance tests prove, without running them.

``--check`` writes nothing and fails when one of the files is not what the tests say. No cloud starts. What is not
enforced or not verified is written by hand, in ``docs/fidelity_notes.toml``.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import io
import json
import re
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # this script's own folder is what Python puts there

from localcloud.http.wire import OFFERED  # noqa: E402
from tests.conformance.behaviours import VERDICTS, Behaviour, behaviours  # noqa: E402

PAGE = ROOT / "docs" / "fidelity.md"
NOTES = ROOT / "docs" / "fidelity_notes.toml"
VERIFIED = ROOT / "localcloud" / "verified.json"
TESTS = ROOT / "tests" / "conformance"
AWS = "https://docs.aws.amazon.com/"
HEAD = """\
# Fidelity: what the local cloud does as AWS does

Each row is one behaviour, the document that describes it, and the test that proves it. The tests are in
`tests/conformance/`; they run with `make test` on the local cloud, and on an AWS account with
`pytest tests/conformance --target aws`. This page is made from them: `make fidelity` writes it, a test checks that it
is current, and nobody edits it. Nothing here was run on AWS unless a row names an answer that was recorded there.

- **same**: the local cloud does what the document says.
- **differs**: it does something else; the behaviour's text says what.
- **refused**: AWS offers it; the local cloud answers with an error that gives the reason.
- **ours**: AWS's documents leave it open; the local cloud's choice is described.

What no test verifies is not offered: an operation of MiniStack's half without a row here is refused, unless the cloud
was started with `--unverified` (`[local] unverified` in `workshop.toml`); the services of our own refuse what they do
not have. What cannot be enforced, or could not be verified, is [listed below](#what-is-not-enforced-or-not-verified).

"""
OWN_PAGES = (
    ("the cloud and MiniStack's half", "localcloud/NOT_AS_ON_AWS.md"),
    ("SageMaker hosting", "localcloud/sagemaker/NOT_AS_ON_AWS.md"),
    ("Application Auto Scaling", "localcloud/autoscaling/NOT_AS_ON_AWS.md"),
    ("AWS Budgets", "localcloud/budgets/NOT_AS_ON_AWS.md"),
    ("CodeCommit", "localcloud/codecommit/NOT_AS_ON_AWS.md"),
    ("CodeBuild", "localcloud/codebuild/NOT_AS_ON_AWS.md"),
    ("CodePipeline", "localcloud/codepipeline/NOT_AS_ON_AWS.md"),
)


@dataclasses.dataclass(frozen=True, order=True)
class Row:
    """One behaviour with the test that proves it."""

    service: str
    text: str
    source: str
    verdict: str
    test: str
    operations: tuple[str, ...]


class _Collector:
    """A plugin of pytest's that keeps what is collected."""

    def __init__(self) -> None:
        self.items: list[pytest.Item] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.items = session.items


def collected() -> list[Row]:
    """The behaviours of all conformance tests, sorted; those that differ in nothing but their cases are one."""
    collector, output = _Collector(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        status = pytest.main(
            ["--collect-only", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--rootdir", str(ROOT), str(TESTS)],
            plugins=[collector],
        )
    if status != pytest.ExitCode.OK:
        sys.exit(f"the conformance tests cannot be collected:\n{output.getvalue()}")
    return sorted({_row(item, each) for item in collector.items for each in behaviours(item)})


def _row(item: pytest.Item, proved: Behaviour) -> Row:
    name = item.name.partition("[")[0]
    test = f"{item.path.relative_to(TESTS).as_posix()}::{name}"
    return Row(proved.service, proved.text, proved.source, proved.verdict, test, tuple(sorted(proved.operations)))


def operations(rows: list[Row]) -> dict[str, list[str]]:
    """The operations of each service that a behaviour shows at work."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.verdict != "refused":
            found[row.service].update(row.operations)
    return {service: sorted(names) for service, names in sorted(found.items())}


def page(rows: list[Row], notes: dict[str, list[str]]) -> str:
    """The text of ``docs/fidelity.md``."""
    return "".join(f"{line}\n" for line in (*HEAD.splitlines(), *_summary(rows), *_services(rows), *_notes(notes)))


def _summary(rows: list[Row]) -> Iterator[str]:
    verified = operations(rows)
    yield f"| service | {' | '.join(VERDICTS)} | operations verified |"
    yield f"| --- |{' ---: |' * (len(VERDICTS) + 1)}"
    total: Counter[str] = Counter()
    for service in sorted({row.service for row in rows}):
        counts = Counter(row.verdict for row in rows if row.service == service)
        total += counts
        cells = " | ".join(str(counts[verdict]) for verdict in VERDICTS)
        yield f"| [{service}](#{service}) | {cells} | {len(verified.get(service, ()))} |"
    cells = " | ".join(f"**{total[verdict]}**" for verdict in VERDICTS)
    yield f"| **{len(rows)} behaviours** | {cells} | **{sum(map(len, verified.values()))}** |"


def _services(rows: list[Row]) -> Iterator[str]:
    verified = operations(rows)
    for service in sorted({row.service for row in rows}):
        yield from ("", f"## {service}", "")
        if service in verified:
            yield f"| operations verified |\n| --- |\n| {', '.join(verified[service])} |\n"
        yield "| behaviour | source | verdict | test |"
        yield "| --- | --- | --- | --- |"
        for row in rows:
            if row.service == service:
                yield f"| {_cell(row.text)} | {_source(row.source)} | {row.verdict} | `{row.test}` |"


def _cell(text: str) -> str:
    """``text`` in a table, with the characters that Markdown would take for its own."""
    return re.sub(r"([|<>\[\]*_\\`])", r"\\\1", " ".join(text.split()))


def _source(source: str) -> str:
    if re.match(r"[a-z]+:(?!//)", source):
        return f"recorded on AWS: `{source}`"
    address = source if source.startswith("https://") else AWS + source
    name = address.partition("#")[0].rstrip("/").rpartition("/")[2].removesuffix(".html")
    return f"[{_cell(name)}]({address})"


def _notes(notes: dict[str, list[str]]) -> Iterator[str]:
    yield from ("", "## What is not enforced or not verified", "")
    yield from ("What differs by design is on pages beside the code:", "")
    yield from (f"- [{name}](../{path})" for name, path in OWN_PAGES)
    for topic, lines in sorted(notes.items()):
        yield from ("", f"### {topic}", "")
        for line in sorted(lines):
            yield from _wrapped(line)


def _wrapped(text: str, width: int = 120) -> Iterator[str]:
    line = "-"
    for word in text.split():
        if len(line) + 1 + len(word) > width:
            yield line
            line = " "
        line += f" {word}"
    yield line


def _topics() -> dict[str, list[str]]:
    """The notes; exits when one is not a list of texts."""
    notes: dict[str, list[str]] = tomllib.loads(NOTES.read_text(encoding="utf-8"))
    for topic, lines in notes.items():
        if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
            sys.exit(f"{NOTES.relative_to(ROOT)}: {topic} must be a list of texts")
    return notes


def main(arguments: list[str] | None = None) -> int:
    """Write both files, or check them; the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, fail when a file is not current")
    options = parser.parse_args(arguments)
    rows = collected()
    offered = {service: names for service, names in operations(rows).items() if service in OFFERED}
    wanted = {PAGE: page(rows, _topics()), VERIFIED: json.dumps(offered, indent=2) + "\n"}
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if options.check:
        for path in stale:
            sys.stderr.write(f"{path.relative_to(ROOT)} is not what the conformance tests say: run `make fidelity`\n")
        return 1 if stale else 0
    for path in stale:
        path.write_text(wanted[path], encoding="utf-8")
    print(f"{len(rows)} behaviours, {sum(map(len, offered.values()))} operations of MiniStack's half are verified")
    return 0


if __name__ == "__main__":
    sys.exit(main())
