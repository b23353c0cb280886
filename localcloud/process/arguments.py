"""The server's command line."""

from __future__ import annotations

import argparse
from pathlib import Path


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """The server's command line; ``localcloud.process.control`` writes it."""
    parser = argparse.ArgumentParser(prog="localcloud server")
    parser.add_argument("--state-dir", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--speed", type=float, required=True)
    parser.add_argument("--provision-seconds", type=float, required=True)
    parser.add_argument("--region", required=True)
    parser.add_argument("--build-variables", default="{}", help="a JSON object: the environment of CodeBuild's image")
    parser.add_argument("--unverified", action="store_true", help="pass on what no conformance test verifies")
    parser.add_argument("--service-modules", help="names, separated by commas; default: all of localcloud.registry")
    return parser.parse_args(arguments)
