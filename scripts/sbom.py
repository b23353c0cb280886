"""Write ``build/sbom.cdx.json``: what an installation of the workshop consists of, as a CycloneDX 1.5 document.

The Python packages are those of ``uv.lock`` (without the development group), the CDK's command line is the one of
``infra/cli/package-lock.json``. Needs no network; the same locks give the same bytes.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "build" / "sbom.cdx.json"
UV = ROOT / ".tools" / "uv" / "bin" / "uv"
NPM_LOCK = ROOT / "infra" / "cli" / "package-lock.json"
FORMAT = "cyclonedx1.5"


def python_packages() -> dict[str, Any]:
    """The document that uv makes of its lock, without what differs from run to run."""
    command = [str(UV), "export", "--frozen", "--no-dev", "--format", FORMAT, "--preview-features", "sbom-export"]
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    done = subprocess.run(
        [*command, "--offline", "--quiet", "--python", sys.executable],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"uv cannot read uv.lock (run .tools/uv/bin/uv lock after a change of pyproject.toml): {done.stderr}")
    document: dict[str, Any] = json.loads(done.stdout)
    del document["serialNumber"], document["metadata"]["timestamp"]
    return document


def npm_packages(lock: dict[str, Any]) -> list[dict[str, Any]]:
    """The components of an npm lock file of version 3.

    Examples
    --------
    >>> lock = {"packages": {"node_modules/a": {"version": "1", "integrity": "sha512-AAA=", "license": "MIT"}}}
    >>> npm_packages(lock)[0]["purl"], npm_packages(lock)[0]["hashes"]
    ('pkg:npm/a@1', [{'alg': 'SHA-512', 'content': '0000'}])
    """
    made = []
    for path, package in lock["packages"].items():
        if not path:
            continue  # the project itself
        name = path.rpartition("node_modules/")[2]
        purl = f"pkg:npm/{name.replace('@', '%40')}@{package['version']}"
        algorithm, _, digest = package["integrity"].partition("-")
        component = {
            "type": "library",
            "bom-ref": purl,
            "name": name,
            "version": package["version"],
            "purl": purl,
            "hashes": [{"alg": f"SHA-{algorithm[3:]}", "content": base64.b64decode(digest).hex()}],
        }
        made.append(component | {"licenses": [{"expression": package["license"]}]})
    return made


def text() -> str:
    """What the file must hold."""
    document = python_packages()
    npm = npm_packages(json.loads(NPM_LOCK.read_text(encoding="utf-8")))
    document["components"] += npm
    project = document["metadata"]["component"]["bom-ref"]
    needs = next(entry for entry in document["dependencies"] if entry["ref"] == project)
    needs["dependsOn"] = [*needs.get("dependsOn", []), *(component["bom-ref"] for component in npm)]
    document["dependencies"] += [{"ref": component["bom-ref"]} for component in npm]
    # The number follows from the content: two documents with the same number are the same.
    content = json.dumps(document, sort_keys=True)
    return json.dumps({**document, "serialNumber": uuid.uuid5(uuid.NAMESPACE_OID, content).urn}, indent=1) + "\n"


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(text(), encoding="utf-8")
    components = json.loads(FILE.read_text(encoding="utf-8"))["components"]
    print(f"{len(components)} components: {FILE}")


if __name__ == "__main__":
    main()
