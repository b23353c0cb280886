"""The command ``python -m infra.app``: writes the templates, for the CDK CLI (see cdk.json) or for ``make synth``.

The settings come first, and only then the CDK, whose import starts Node.js: a misspelt key is reported at once.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

from contract.errors import SettingsError
from contract.settings import ROOT, Settings, load
from infra.errors import InfraError

OUTPUT = ROOT / "build" / "cdk.out"


def main() -> None:
    """Synthesise to where the CDK CLI asks for it, else to ``build/cdk.out``."""
    try:
        settings = load()
    except SettingsError as problem:
        sys.exit(f"error: {problem}")
    if "CDK_OUTDIR" in os.environ:  # not a setting of ours: how the CLI tells its app where to write
        synthesise(settings, None)
    else:
        clear(OUTPUT)
        synthesise(settings, OUTPUT)
        remove_unused_assets(OUTPUT)


def synthesise(settings: Settings, outdir: Path | None) -> None:
    """Write templates and assets to ``outdir``; exit with one line when a bundle cannot be made."""
    from infra.lambda_code.bundling import bundling_failure
    from infra.stacks import build_app

    try:
        build_app(settings, outdir).synth()
    except InfraError as problem:
        sys.exit(f"error: {problem}")
    except RuntimeError:
        if failure := bundling_failure():
            sys.exit(f"error: {failure}")
        raise


def clear(outdir: Path) -> None:
    """Remove an earlier synthesis, but for its assets: they are named after their content, and slow to make."""
    for path in outdir.glob("*"):
        if path.is_dir() and not path.name.startswith("asset."):
            shutil.rmtree(path)
        elif path.is_file():
            path.unlink()


def remove_unused_assets(outdir: Path) -> None:
    """Remove assets to which no stack refers."""
    used: set[str] = set()
    for path in outdir.glob("*.assets.json"):
        manifest = json.loads(path.read_text(encoding="utf-8"))
        used |= {entry["source"]["path"] for entry in manifest.get("files", {}).values()}
    for path in outdir.glob("asset.*"):
        if path.name not in used:
            shutil.rmtree(path)


if __name__ == "__main__":
    main()
