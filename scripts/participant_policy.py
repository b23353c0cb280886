"""Write ``static/iam_policy.json``, what a participant may do, and ``docs/participant-policy.md``, which explains it.

Three files decide: ``scripts/participant_calls.json``, the calls that the notebooks and helpers made in the local cloud
as a role (``tests/endtoend/participant.py`` records them); ``scripts/participant_policy.toml``, which says for what and
on which resources; ``workshop.toml``, whose name of the workshop the policy is for. Each statement allows the actions
that were recorded on its resources, and those that only AWS is asked for, which name their source.
"""

from __future__ import annotations

import argparse
import dataclasses
import fnmatch
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CALLS = ROOT / "scripts" / "participant_calls.json"
STATEMENTS = ROOT / "scripts" / "participant_policy.toml"
POLICY = ROOT / "static" / "iam_policy.json"
PAGE = ROOT / "docs" / "participant-policy.md"
LIMIT = 6144
"""Characters of a managed policy, white space not counted.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""

Values = Mapping[str, str]
"""What stands for ``{name}``, ``{account}`` and ``{region}``."""


class PolicyError(Exception):
    """The files do not fit together; the message says which line to change."""


@dataclasses.dataclass(frozen=True)
class Call:
    """One kind of call that was recorded.

    Attributes
    ----------
    action, resource : str
        As IAM was asked; account, region, name and what is random are placeholders, such as ``{name}``.
    first : str
        The notebook or step that made it first.
    context : mapping
        The condition keys that some statement looks at.
    """

    action: str
    resource: str
    first: str
    context: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Extra:
    """Actions or resources that the local cloud cannot prove: why they are needed, and where AWS says so."""

    actions: tuple[str, ...]
    why: str
    source: str
    resources: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Statement:
    """One statement of the policy.

    Attributes
    ----------
    sid, why : str
    takes : tuple of str
        Patterns of the actions that may be in it; a recorded call is for the first statement that takes it.
    resources : tuple of str
        With placeholders.
    condition : mapping
        As in a policy.
    extras : tuple of Extra
    """

    sid: str
    why: str
    takes: tuple[str, ...]
    resources: tuple[str, ...]
    condition: Mapping[str, Mapping[str, str]]
    extras: tuple[Extra, ...]

    def fits(self, call: Call) -> bool:
        """Whether a call is one of those that the statement is for."""
        named = any(fnmatch.fnmatchcase(call.action, pattern) for pattern in self.takes)
        return named and any(fnmatch.fnmatchcase(call.resource, pattern) for pattern in self.resources)


def load_calls(path: Path = CALLS) -> list[Call]:
    """The recorded calls."""
    return [Call(**row) for row in json.loads(path.read_text(encoding="utf-8"))]


def load_statements(path: Path = STATEMENTS) -> list[Statement]:
    """The statements, in the order of the file."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return [
        Statement(
            each["sid"],
            each["why"],
            tuple(each.get("takes", ())),
            tuple(each["resources"]),
            each.get("condition", {}),
            tuple(map(_extra, each.get("unproven", ()))),
        )
        for each in table["statement"]
    ]


def _extra(row: Mapping[str, Any]) -> Extra:
    return Extra(tuple(row.get("actions", ())), row["why"], row["source"], tuple(row.get("resources", ())))


def sorted_in(calls: Iterable[Call], statements: Sequence[Statement]) -> dict[str, list[Call]]:
    """The calls of each statement, by its Sid.

    Raises
    ------
    PolicyError
        A call has no statement, or a statement has neither calls nor a reason to be there without.
    """
    found: dict[str, list[Call]] = {statement.sid: [] for statement in statements}
    for call in calls:
        sid = next((statement.sid for statement in statements if statement.fits(call)), None)
        if sid is None:
            raise PolicyError(
                f"no statement takes {call.action} on {call.resource}, which {call.first} calls: say in "
                f"{STATEMENTS.name} what it is for."
            )
        found[sid].append(call)
    for statement in statements:
        if not found[statement.sid] and not statement.extras:
            raise PolicyError(f"nothing calls what statement {statement.sid} allows: remove it from {STATEMENTS.name}.")
        for extra in statement.extras:
            both = {call.action for call in found[statement.sid]}.intersection(extra.actions)
            if both:
                raise PolicyError(
                    f"{', '.join(sorted(both))} is recorded now: remove it from unproven of {statement.sid}."
                )
    return found


def policy(calls: Iterable[Call], statements: Sequence[Statement], values: Values) -> dict[str, Any]:
    """The policy document.

    Parameters
    ----------
    calls, statements
        See :func:`load_calls` and :func:`load_statements`.
    values : mapping
        ``name``, ``account`` and ``region``; the last two may be ``*``.

    Raises
    ------
    PolicyError
        See :func:`sorted_in`; or the document is too large for IAM.
    """
    made = []
    found = sorted_in(calls, statements)
    for statement in statements:
        actions = {call.action for call in found[statement.sid]} | {a for e in statement.extras for a in e.actions}
        document: dict[str, Any] = {"Sid": statement.sid, "Effect": "Allow", "Action": sorted(actions)}
        more = [each for extra in statement.extras for each in extra.resources]
        document["Resource"] = [filled(each, values) for each in (*statement.resources, *more)]
        if statement.condition:
            document["Condition"] = json.loads(filled(json.dumps(statement.condition), values))
        made.append(document)
    whole = {"Version": "2012-10-17", "Statement": made}
    if (length := size(whole)) > LIMIT:
        raise PolicyError(f"the policy has {length} characters, and a managed policy may have {LIMIT}: split it.")
    return whole


def filled(text: str, values: Values) -> str:
    """``text`` with the values in place of ``{name}``, ``{account}`` and ``{region}``; other braces stay."""
    for key, value in values.items():
        text = text.replace(f"{{{key}}}", value)
    return text


def size(document: Mapping[str, Any]) -> int:
    """Characters of a policy as IAM counts them: without white space."""
    return len(re.sub(r"\s", "", json.dumps(document)))


def default_values() -> dict[str, str]:
    """Those of the file in the repository: the name that ``workshop.toml`` has, any account and any region."""
    name = tomllib.loads((ROOT / "workshop.toml").read_text(encoding="utf-8"))["workshop"]["name"]
    return {"name": name, "account": "*", "region": "*"}


def text_of(document: Mapping[str, Any]) -> str:
    """A policy as it is written to a file."""
    return json.dumps(document, indent=2) + "\n"


def page(calls: Sequence[Call], statements: Sequence[Statement], values: Values) -> str:
    """The page that says of each permission what it is for, and how we know."""
    found = sorted_in(calls, statements)
    length = size(policy(calls, statements, values))
    proven = {(sid, call.action) for sid, group in found.items() for call in group}
    unproven = sum(len(extra.actions) for statement in statements for extra in statement.extras)
    lines = [
        "# What a participant may do",
        "",
        "Written by `make participant-policy` from `scripts/participant_calls.json` (what the notebooks and helpers",
        "asked of the local cloud as a role) and `scripts/participant_policy.toml` (what it is for); do not edit it.",
        "Why the policy is made this way, and what it cannot keep apart:",
        "[decision 0024](decisions/0024-the-participants-policy.md).",
        "",
        *_wrapped(
            f"{len(statements)} statements, {len(proven) + unproven} permissions: {len(proven)} are proven (without"
            f" each of them a recorded call is denied), {unproven} only AWS can confirm. {length:,} of the {LIMIT:,}"
            f" characters that a managed policy may have. `{values['name']}` stands for the name of the workshop."
        ),
    ]
    for statement in statements:
        lines += ["", f"## {statement.sid}", "", *_wrapped(statement.why), "", "On", ""]
        lines += [f"- `{filled(each, values)}`" for each in statement.resources]
        if statement.condition:
            lines += ["", f"if `{json.dumps(statement.condition)}`."]
        first = {call.action: call.first for call in reversed(found[statement.sid])}
        if first:
            lines += ["", "| action | first asked for by |", "| --- | --- |"]
            lines += [f"| `{action}` | {first[action]} |" for action in sorted(first)]
        for extra in statement.extras:
            named = ", ".join(f"`{filled(each, values)}`" for each in (*extra.actions, *extra.resources))
            lines += ["", *_wrapped(f"Not proven here: {named}. {extra.why}"), f"<{extra.source}>"]
    return "\n".join(lines) + "\n"


def _wrapped(text: str, width: int = 118) -> list[str]:
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Write policy and page, or print the policy for another name."""
    parser = argparse.ArgumentParser(description="Write static/iam_policy.json and docs/participant-policy.md.")
    parser.add_argument("--name", help="print the policy for a workshop of this name instead of writing the files")
    parser.add_argument("--account", default="*", help="with --name: for this account alone")
    parser.add_argument("--region", default="*", help="with --name: for this region alone")
    parser.add_argument(
        "--record", action="store_true", help="first run everything as a role, and write its calls down"
    )
    parser.add_argument("--check", action="store_true", help="write nothing; fail when the files are out of date")
    options = parser.parse_args(arguments)
    if options.record:
        done = subprocess.run([sys.executable, "-m", "tests.endtoend.participant"], cwd=ROOT, check=False)
        if done.returncode:
            return done.returncode
    calls, statements = load_calls(), load_statements()
    try:
        if options.name:
            values = {"name": options.name, "account": options.account, "region": options.region}
            sys.stdout.write(text_of(policy(calls, statements, values)))
            return 0
        values = default_values()
        files = {POLICY: text_of(policy(calls, statements, values)), PAGE: page(calls, statements, values)}
    except PolicyError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    for path, text in files.items():
        if options.check and (not path.exists() or path.read_text(encoding="utf-8") != text):
            sys.stderr.write(f"error: {path.relative_to(ROOT)} is out of date: run make participant-policy.\n")
            return 1
        if not options.check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
