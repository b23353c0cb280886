"""The command ``python -m infra.workshop``: writes what an AWS event needs into ``static/``.

With ``--participants`` it writes one template for that many people in one account, into ``build/``, and nothing else.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from contract.errors import SettingsError
from contract.settings import ROOT, load
from infra.errors import InfraError

STATIC = ROOT / "static"
BOOTSTRAP = (
    ROOT / ".tools" / "cdk" / "node_modules" / "aws-cdk" / "lib" / "api" / "bootstrap" / "bootstrap-template.yaml"
)
"""The template that ``cdk bootstrap`` of the pinned CLI deploys; ``cdk bootstrap --show-template`` prints it."""


def files() -> dict[Path, str]:
    """What ``static/`` must hold, by path.

    Raises
    ------
    InfraError
        The CDK's CLI or the participant's policy is missing.
    """
    from infra.workshop import permissions, template

    if not BOOTSTRAP.exists():
        raise InfraError("the CDK's CLI is missing: run make setup.")
    # As in Git, so with the defaults of the file: the environment of the person who runs this must not get into it.
    settings = load(environ={})
    return {
        STATIC / "bootstrap.yaml": BOOTSTRAP.read_text(encoding="utf-8"),
        STATIC / "studio_policy.json": json.dumps(permissions.event_policy(), indent=2) + "\n",
        STATIC / "studio.yaml": template.text(settings),
    }


def main() -> None:
    """Write the files, compare them, or write the template for a shared account."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when static/ is not up to date")
    parser.add_argument("--participants", type=int, help="people who share one account")
    chosen = parser.parse_args()
    try:
        if chosen.participants is not None:
            from infra.workshop import template

            path = ROOT / "build" / f"studio-{chosen.participants}.yaml"
            made = {path: template.text(load(), chosen.participants)}
        else:
            made = files()
    except (InfraError, SettingsError) as problem:
        sys.exit(f"error: {problem}")
    for path, text in made.items():
        name = path.relative_to(ROOT)
        if not chosen.check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {name}")  # noqa: T201 - a command
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            sys.exit(f"error: {name} is out of date: run make event.")


if __name__ == "__main__":
    main()
