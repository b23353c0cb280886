"""The stack as one plain template, which the console, the CLI and Workshop Studio take as it is."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import yaml

from contract.naming import workshop_name
from contract.settings import Settings
from infra.errors import InfraError
from infra.stacks import FEATURES
from infra.workshop.stack import StudioStack

MOST = 60
"""Participants in one account and region: about where a template reaches CloudFormation's limit."""
LIMIT = 1_000_000
"""Bytes of a template that is uploaded; CloudFormation's limit is 1 MB.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""
HEAD = """\
# SageMaker Studio for a workshop: a domain, and for each participant a role, a user profile and a JupyterLab space that
# sets itself up. Written by `make event` from infra/workshop/; do not edit it. docs/event.md says how to
# use it.
"""


def participants(name: str, count: int) -> list[str]:
    """Names of the participants' workshops: the workshop's own for one, ``<name>-01`` and so on for several.

    Raises
    ------
    InfraError
        Too many, or their names are too long.
    """
    if not 1 <= count <= MOST:
        raise InfraError(f"the number of participants must be 1 to {MOST}, not {count}: use several accounts.")
    names = [name] if count == 1 else [f"{name}-{number:02}" for number in range(1, count + 1)]
    if wanted := workshop_name(names[-1]):
        raise InfraError(f"[workshop] name: {names[-1]!r} would be a participant's, and a name must be {wanted}.")
    return names


def build(settings: Settings, count: int, outdir: Path) -> cdk.App:
    """The app with the one stack, not yet synthesised; the same settings give the same template, byte for byte."""
    app = cdk.App(
        outdir=str(outdir),
        analytics_reporting=False,
        tree_metadata=False,
        builtin_cloud_formation_validation=False,  # tests/infra/workshop/ runs it
        context=FEATURES,
    )
    name = settings.workshop.name
    StudioStack(
        app,
        f"{name}-studio",
        names=participants(name, count),
        template_name=name,
        description="Asynchronous generative AI workshop: SageMaker Studio for participants",
    )
    return app


def text(settings: Settings, count: int = 1) -> str:
    """The template as YAML.

    Raises
    ------
    InfraError
        See :func:`participants`; or the template is too large.
    """
    with tempfile.TemporaryDirectory() as folder:
        build(settings, count, Path(folder)).synth()
        (path,) = Path(folder).glob("*.template.json")
        made = HEAD + as_yaml(json.loads(path.read_text(encoding="utf-8")))
    if len(made.encode()) > LIMIT:
        raise InfraError(f"the template has {len(made.encode()):,} bytes, at most {LIMIT:,}: fewer participants.")
    return made


def _text(dumper: Any, value: str) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


# Several lines are written as they are, and what is the same is repeated: CloudFormation does not take aliases.
_DUMPER: Any = type("_Dumper", (yaml.SafeDumper,), {"ignore_aliases": lambda _, data: True})
_DUMPER.add_representer(str, _text)


def as_yaml(template: dict[str, Any]) -> str:
    """A template as people read one: the version first, the script as a script."""
    ordered = {"AWSTemplateFormatVersion": "2010-09-09", **template}
    return str(yaml.dump(ordered, Dumper=_DUMPER, sort_keys=False, width=118, allow_unicode=True))
