"""Write the trained models as ONNX files, weights as 8-bit integers, and check them against PyTorch.

Weights only are quantised: one scale for each output channel, multiplied back when the session is made, so the network
computes in 32-bit floats. That makes the files a quarter as large.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from smallworld.bundle import WEIGHTS
from smallworld.prompt import tokenize
from smallworld.schedule import BASE

from .command import FOLDER, parser, say
from .config import ModelConfig
from .model import SmallWorld, build
from .onnx_files import accept, session

SMALLEST = 2048  # parameters with fewer values stay as they are
INPUTS = ["x", "t", "aspect", "text", "mask"]
FILES = ("text_encoder.onnx", "denoiser.onnx", "turbo.onnx")


def trained(folder: Path) -> tuple[SmallWorld, SmallWorld, dict[str, Any]]:
    """The averaged models of both stages, and what they went through."""
    base = torch.load(folder / "checkpoint.pt", map_location="cpu", weights_only=True)
    fast = torch.load(folder / "turbo.pt", map_location="cpu", weights_only=True)
    config = ModelConfig(**base["model_config"])
    model, turbo = build(config, 0), build(config, 0)
    model.load_state_dict(base["average"])
    turbo.load_state_dict(fast["average"])
    facts = {
        "steps": base["step"],
        "examples": base["step"] * base["config"]["batch"],
        "turbo_updates": fast["update"],
        "turbo_guidance": fast["config"]["guidance"],
    }
    return model.eval(), turbo.eval(), facts


def _example(text: str, seed: int, aspect: float = 0.0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    ids = torch.tensor([tokenize(text)])
    x = torch.randn(1, 3, BASE, BASE, generator=generator)
    return ids, x, torch.rand(1, generator=generator) * 0.9 + 0.05, torch.tensor([aspect])


def to_onnx(text: nn.Module, denoisers: dict[str, nn.Module], folder: Path) -> None:
    """Write text encoder and denoisers in 32-bit floats, for one picture of fixed size.

    Parameters
    ----------
    text : torch.nn.Module
        The text encoder.
    denoisers : dict
        File name -> network.
    folder : Path
        Where the files go.
    """
    ids, x, t, aspect = _example("a red circle on a blue background", 0)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer warns of every shape it turns into a constant: all are
        features = text(ids)
        options: dict[str, Any] = {"opset_version": 18, "dynamo": False}
        torch.onnx.export(text, (ids,), str(folder / FILES[0]), input_names=["ids"], output_names=["text"], **options)
        for name, denoiser in denoisers.items():
            example = (x, t, aspect, features, (ids != 0).float())
            torch.onnx.export(
                denoiser, example, str(folder / name), input_names=INPUTS, output_names=["clean"], **options
            )


def quantise(values: NDArray[np.float32], axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """8-bit integers and the scale of each channel along ``axis``, shaped to be multiplied back."""
    others = tuple(k for k in range(values.ndim) if k != axis)
    scale = np.maximum(np.abs(values).max(others, keepdims=True) / 127, 1e-12).astype(np.float32)
    return np.rint(values / scale).astype(np.int8), scale


def pack(source: Path, target: Path) -> None:
    """Rewrite an ONNX file with its large weights as 8-bit integers."""
    model = onnx.load(str(source))
    # A convolution and an embedding hold their channels first, a matrix product's right side last.
    last = {node.input[1] for node in model.graph.node if node.op_type == "MatMul"}
    kept, restored = [], []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.ndim < 2 or values.size < SMALLEST:
            kept.append(tensor)
            continue
        integers, scale = quantise(values, values.ndim - 1 if tensor.name in last else 0)
        name = tensor.name
        kept += [numpy_helper.from_array(integers, f"{name}.int8"), numpy_helper.from_array(scale, f"{name}.scale")]
        restored += [
            helper.make_node("Cast", [f"{name}.int8"], [f"{name}.float"], to=TensorProto.FLOAT),
            helper.make_node("Mul", [f"{name}.float", f"{name}.scale"], [name]),
        ]
    nodes = list(model.graph.node)
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(kept)
    model.graph.node.extend([*restored, *nodes])
    onnx.checker.check_model(model)
    target.write_bytes(model.SerializeToString(deterministic=True))


def check(text: nn.Module, denoisers: dict[str, nn.Module], folder: Path) -> float:
    """The largest difference between the files and PyTorch over several prompts, times and aspects.

    Parameters
    ----------
    text : torch.nn.Module
        The text encoder.
    denoisers : dict
        File name -> network.
    folder : Path
        Holds the files.
    """
    worst, encoder = 0.0, session(folder / FILES[0])
    examples = (("two green stars above a yellow heart", 1, 0.0), ("", 2, 0.6), ("a city at night", 3, -0.6))
    for name, denoiser in denoisers.items():
        network = session(folder / name)
        for prompt, seed, ratio in examples:
            ids, x, t, aspect = _example(prompt, seed, ratio)
            mask = (ids != 0).float()
            with torch.no_grad():
                features = text(ids)
                clean = denoiser(x, t, aspect, features, mask).numpy()
            (found_features,) = encoder.run(None, {"ids": ids.numpy()})
            values = (x, t, aspect, features, mask)
            feeds = {key: value.numpy() for key, value in zip(INPUTS, values, strict=True)}
            (found,) = network.run(None, feeds)
            worst = max(worst, float(np.abs(found - clean).max()))
            worst = max(worst, float(np.abs(found_features - features.numpy()).max()))
    return worst


def _commit() -> str:
    """The commit of the code, which `training.json` records."""
    found = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False, cwd=FOLDER.parent)
    return found.stdout.strip() or "unknown"


def export(source: Path, folder: Path) -> dict[str, Any]:
    """Export the checkpoints of both stages.

    Parameters
    ----------
    source : Path
        Holds ``checkpoint.pt`` and ``turbo.pt``.
    folder : Path
        Where the ONNX files and ``training.json`` go.

    Returns
    -------
    dict
        What the models went through, the largest difference to PyTorch before and after quantisation, bytes and
        SHA-256 of each file.

    Raises
    ------
    ExportError
        When the float files differ from PyTorch by more than 1e-4.
    """
    model, turbo, facts = trained(source)
    denoisers: dict[str, nn.Module] = {FILES[1]: model.denoiser, FILES[2]: turbo.denoiser}
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        to_onnx(model.text, denoisers, Path(temporary))
        difference = accept(check(model.text, denoisers, Path(temporary)), "the ONNX files differ")
        for name in FILES:
            pack(Path(temporary) / name, folder / name)
    sums = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.onnx"))}
    facts |= {"sha256": sums, "commit": _commit()}
    (folder / "training.json").write_text(json.dumps(facts, indent=1) + "\n")
    size = sum(path.stat().st_size for path in folder.glob("*.onnx"))
    rounded = check(model.text, denoisers, folder)
    return {**facts, "float_difference": difference, "int8_difference": rounded, "bytes": size}


def main(arguments: list[str] | None = None) -> None:
    """Command line: the last stage of ``make train``."""
    command = parser("export", __doc__)
    command.add_argument("--source", type=Path, default=FOLDER, help="folder of the checkpoints (default: %(default)s)")
    command.add_argument("--folder", type=Path, default=WEIGHTS, help="where the ONNX files go (default: %(default)s)")
    options = command.parse_args(arguments)
    say(json.dumps(export(options.source, options.folder)))


if __name__ == "__main__":
    main()
