"""Write the trained model as two ONNX files, weights as 8-bit integers, and check them against PyTorch.

Weights only are quantised: one scale for each output channel, multiplied back when the session is made, so the network
computes in 32-bit floats. That makes the files a quarter as large.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort  # type: ignore[import-untyped]  # it ships no types
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from .bundle import WEIGHT_FILES, WEIGHTS
from .model import ModelConfig, SmallWorld, build
from .tokenizer import tokenize
from .train import FOLDER

SMALLEST = 2048  # parameters with fewer values stay as they are
TOLERANCE = 1e-4


class ExportError(Exception):
    """An exported file does not compute what PyTorch computes."""


def trained(checkpoint: Path) -> tuple[SmallWorld, dict[str, int]]:
    """The averaged model of a checkpoint, and what it went through."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    model = build(ModelConfig(**state["model_config"]), 0)
    model.load_state_dict(state["average"])
    return model.eval(), {"steps": state["step"], "pictures": state["step"] * state["config"]["batch"]}


def _example() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    ids = torch.tensor([tokenize("a red circle on a blue background"), tokenize("")])
    generator = torch.Generator().manual_seed(0)
    return ids, torch.randn(2, 3, 32, 32, generator=generator), torch.tensor([0.7, 0.4])


def to_onnx(model: SmallWorld, folder: Path) -> None:
    """Write ``text_encoder.onnx`` and ``denoiser.onnx`` in 32-bit floats, all sizes dynamic."""
    ids, x, t = _example()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer warns of every shape it turns into a constant; `check` tests them
        text = model.text(ids)
        torch.onnx.export(
            model.text,
            (ids,),
            str(folder / "text_encoder.onnx"),
            input_names=["ids"],
            output_names=["text"],
            dynamic_axes={"ids": {0: "B", 1: "L"}, "text": {0: "B", 1: "L"}},
            opset_version=18,
            dynamo=False,
        )
        torch.onnx.export(
            model.denoiser,
            (x, t, text, (ids != 0).float()),
            str(folder / "denoiser.onnx"),
            input_names=["x", "t", "text", "mask"],
            output_names=["clean"],
            dynamic_axes={
                "x": {0: "B", 2: "H", 3: "W"},
                "t": {0: "B"},
                "text": {0: "B", 1: "L"},
                "mask": {0: "B", 1: "L"},
                "clean": {0: "B", 2: "H", 3: "W"},
            },
            opset_version=18,
            dynamo=False,
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


def check(model: SmallWorld, folder: Path) -> float:
    """The largest difference between the files and PyTorch over several sizes, batches and lengths."""
    text_session = ort.InferenceSession(str(folder / "text_encoder.onnx"), providers=["CPUExecutionProvider"])
    session = ort.InferenceSession(str(folder / "denoiser.onnx"), providers=["CPUExecutionProvider"])
    generator, worst = torch.Generator().manual_seed(1), 0.0
    for batch, height, width, length in ((2, 32, 32, 32), (1, 24, 40, 12), (3, 40, 24, 32), (1, 48, 48, 20)):
        ids = torch.tensor([tokenize("two green stars above a yellow heart on black")] * batch)[:, :length]
        x = torch.randn(batch, 3, height, width, generator=generator)
        t = torch.rand(batch, generator=generator) * 0.9 + 0.05
        mask = (ids != 0).float()
        with torch.no_grad():
            text = model.text(ids)
            clean = model.denoiser(x, t, text, mask).numpy()
        (text_found,) = text_session.run(None, {"ids": ids.numpy()})
        feeds = {"x": x.numpy(), "t": t.numpy(), "text": text.numpy(), "mask": mask.numpy()}
        (found,) = session.run(None, feeds)
        worst = max(worst, float(np.abs(found - clean).max()), float(np.abs(text_found - text.numpy()).max()))
    return worst


def export(checkpoint: Path, folder: Path) -> dict[str, float]:
    """Export a checkpoint.

    Returns
    -------
    dict
        Steps and pictures trained, the largest difference to PyTorch before and after quantisation, and bytes.

    Raises
    ------
    ExportError
        When the float files differ from PyTorch by more than 1e-4.
    """
    model, facts = trained(checkpoint)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        to_onnx(model, Path(temporary))
        difference = check(model, Path(temporary))
        if difference > TOLERANCE:
            raise ExportError(
                f"the ONNX files differ from PyTorch by {difference:.1e}; at most {TOLERANCE:.0e} is allowed"
            )
        for name in WEIGHT_FILES:
            pack(Path(temporary) / name, folder / name)
    size = sum(path.stat().st_size for path in folder.glob("*.onnx"))
    report = {**facts, "float_difference": difference, "int8_difference": check(model, folder), "bytes": size}
    (folder / "training.json").write_text(json.dumps(facts, indent=1) + "\n")
    return report


def main(arguments: list[str] | None = None) -> None:
    """Command line of ``make export``."""
    parser = argparse.ArgumentParser(prog="python -m smallworld.export", description=__doc__.split("\n")[0])
    parser.add_argument("--checkpoint", type=Path, default=FOLDER / "checkpoint.pt")
    parser.add_argument("--folder", type=Path, default=WEIGHTS, help="where the ONNX files go (default: %(default)s)")
    options = parser.parse_args(arguments)
    print(json.dumps(export(options.checkpoint, options.folder)))  # noqa: T201 - the report


if __name__ == "__main__":
    main()
