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
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
WEIGHTS = HERE / "weights"
PACKAGE = (
    *("__init__.py", "palette.py", "pictures.py", "prompt.py", "request.py", "response.py", "sample.py", "schedule.py"),
    "upscale.py",
)

MODEL_VERSION = "1.0.0"

SOURCE_ARTIFACT = "sourcedir.tar.gz"
PACKED_ARTIFACT = "model.tar.gz"


@dataclass(frozen=True)
class Model:
    """A model as JumpStart lists it; all of them share the code and differ in their weights.

    Attributes
    ----------
    id, title : str
        JumpStart's model id, and the name for people.
    files : tuple of str
        Its weights, out of ``weights/``.
    variant : str
        What its ``config.json`` tells the code about the weights.
    """

    id: str
    title: str
    files: tuple[str, ...]
    variant: str

    @property
    def artifact(self) -> str:
        """File name of the model artifact."""
        return f"infer-{self.id}.tar.gz"


BASE = Model(
    "model-txt2img-smallworld", "Small World", ("denoiser.onnx", "text_encoder.onnx", "upsampler.onnx"), "base"
)
TURBO = Model(
    "model-txt2img-smallworld-turbo",
    "Small World turbo",
    ("text_encoder.onnx", "turbo.onnx", "upsampler.onnx"),
    "turbo",
)
MODELS = (BASE, TURBO)


class BundleError(Exception):
    """A file that belongs in the bundle is missing."""


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise BundleError(f"{path} is missing; weights are written by `make train`") from None


def model_files(model: Model = BASE) -> dict[str, bytes]:
    """The files of the model artifact, weights and ``config.json``; a :class:`BundleError` when one is missing."""
    told = {"model_id": model.id, "title": model.title, "variant": model.variant, "version": MODEL_VERSION}
    config = {**json.loads(_read(WEIGHTS / "training.json")), **told}
    files = {name: _read(WEIGHTS / name) for name in model.files}
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


def model_artifact(model: Model = BASE) -> bytes:
    """What JumpStart calls the hosting artifact: weights and configuration."""
    return tarball(model_files(model))


def source_artifact() -> bytes:
    """What JumpStart calls the hosting script: ``sourcedir.tar.gz``."""
    return tarball(source_files())


def packed_model(model: Model = BASE) -> bytes:
    """The ``model.tar.gz`` of an endpoint: the artifact with the sources under ``code/``."""
    return tarball(model_files(model) | {f"code/{name}": content for name, content in source_files().items()})


def write(folder: Path, model: Model = BASE) -> list[Path]:
    """Write the three tarballs of a model into a folder.

    Returns
    -------
    list of Path
        Model artifact, source artifact, packed model.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = {
        model.artifact: model_artifact(model),
        SOURCE_ARTIFACT: source_artifact(),
        PACKED_ARTIFACT: packed_model(model),
    }
    for name, content in made.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in made]


def main(arguments: list[str] | None = None) -> None:
    """Command line: ``python -m smallworld.bundle OUT [--model ID]``."""
    models = {model.id: model for model in MODELS}
    parser = argparse.ArgumentParser(prog="python -m smallworld.bundle", description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="where the tarballs go")
    parser.add_argument("--model", choices=models, default=BASE.id, help="JumpStart's id (default: %(default)s)")
    options = parser.parse_args(arguments)
    for path in write(options.folder, models[options.model]):
        print(f"{path.stat().st_size:>10,} {path}")  # noqa: T201 - the result


if __name__ == "__main__":
    main()
