"""The stacks, synthesised as tests/infra has them and for a GPU besides; functions with stand-ins for their code."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # tests is not installed

from contract.settings import Model, Settings, Workshop  # noqa: E402 - needs the path
from infra.stacks import build_app  # noqa: E402
from tests.infra.conftest import VARIANTS  # noqa: E402

GPU = Settings(
    workshop=Workshop(target="aws"),
    model=Model(id="model-txt2img-stabilityai-stable-diffusion-v1-4", instance_type="ml.g4dn.xlarge"),
)


def synthesise(folder: Path) -> dict[str, Path]:
    """Variant to the folder with its templates.

    Parameters
    ----------
    folder : Path
        Where everything is written.
    """
    lambdas = folder / "lambdas"
    for name in (path.name for path in (ROOT / "lambdas").iterdir() if path.is_dir()):
        (lambdas / name).mkdir(parents=True)
        for file in ("__init__.py", "requirements.txt"):
            (lambdas / name / file).touch()
        (lambdas / name / "handler.py").write_text("def handler(event, context):\n    return event\n")
    made = {}
    with quiet():
        for variant, settings in {**VARIANTS, "gpu": GPU}.items():
            made[variant] = folder / variant
            build_app(settings, made[variant], lambdas=lambdas, bundles=folder / "bundles").synth()
    return made


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """The CDK says "Bundling asset" for each function of each variant; errors come as exceptions."""
    kept = os.dup(2)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
