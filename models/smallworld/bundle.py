"""Pack Small World for an endpoint: the same bytes every time, from the standard library alone.

Three tarballs: the model artifact and the inference code as JumpStart keeps them apart, and the two merged into the
``model.tar.gz`` that an endpoint loads, with the code under ``code/``.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).parent
WEIGHTS = HERE / "weights"
WEIGHT_FILES = ("denoiser.onnx", "text_encoder.onnx")
PACKAGE = ("__init__.py", "request.py", "response.py", "sample.py", "tokenizer.py", "upscale.py")

MODEL_ID = "model-txt2img-smallworld"
MODEL_VERSION = "1.0.0"

MODEL_ARTIFACT = "infer-model-txt2img-smallworld.tar.gz"
SOURCE_ARTIFACT = "sourcedir.tar.gz"
PACKED_ARTIFACT = "model.tar.gz"


class BundleError(Exception):
    """A file that belongs into the bundle is missing."""


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise BundleError(f"{path} is missing; weights are written by `make train` and `make export`") from None


def model_files() -> dict[str, bytes]:
    """The files of the model artifact: weights and ``config.json``."""
    config = {"model_id": MODEL_ID, "version": MODEL_VERSION, **json.loads(_read(WEIGHTS / "training.json"))}
    files = {name: _read(WEIGHTS / name) for name in WEIGHT_FILES}
    return files | {"config.json": json.dumps(config, indent=1, sort_keys=True).encode() + b"\n"}


def source_files() -> dict[str, bytes]:
    """The files of the inference code: the handlers, what they import, what they need installed."""
    files = {name: _read(HERE / name) for name in ("inference.py", "requirements.txt")}
    return files | {f"smallworld/{name}": _read(HERE / name) for name in PACKAGE}


def tarball(files: Mapping[str, bytes]) -> bytes:
    """A gzip tarball that depends on names and contents only: sorted, no owner, no dates."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in sorted(files):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(files[name]), 0o644
            tar.addfile(member, io.BytesIO(files[name]))
    return gzip.compress(plain.getvalue(), compresslevel=9, mtime=0)


def model_artifact() -> bytes:
    """What JumpStart calls the hosting artifact: weights and configuration."""
    return tarball(model_files())


def source_artifact() -> bytes:
    """What JumpStart calls the hosting script: ``sourcedir.tar.gz``."""
    return tarball(source_files())


def packed_model() -> bytes:
    """The ``model.tar.gz`` of an endpoint: the artifact with the sources under ``code/``."""
    return tarball(model_files() | {f"code/{name}": content for name, content in source_files().items()})


def write(folder: Path) -> list[Path]:
    """Write the three tarballs into a folder.

    Returns
    -------
    list of Path
        Model artifact, source artifact, packed model.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = {MODEL_ARTIFACT: model_artifact(), SOURCE_ARTIFACT: source_artifact(), PACKED_ARTIFACT: packed_model()}
    for name, content in made.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in made]


def main(arguments: list[str] | None = None) -> None:
    """Command line: ``python -m smallworld.bundle OUT``."""
    parser = argparse.ArgumentParser(prog="python -m smallworld.bundle", description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="where the tarballs go")
    for path in write(parser.parse_args(arguments).folder):
        print(f"{path.stat().st_size:>10,} {path}")  # noqa: T201 - the result


if __name__ == "__main__":
    main()
