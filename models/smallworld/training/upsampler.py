# Torch serves training alone and is not installed where mypy runs: without it, its classes are Any.
# mypy: disallow-subclassing-any=False, disallow-untyped-decorators=False, warn-return-any=False
"""Train the upsampler: a small convolutional network that doubles a picture, applied up to three times.

    y = bilinear(x) + clip(s f((x - m) / s, s), -r, r)

of the 5 x 5 pixels around, per channel: m their mean, r the largest less the smallest, s the largest r of the channels
(plus a little). What the network f sees of an edge is its shape, whatever its contrast and colours; a flat colour stays
exactly that colour, and nothing can appear where there is nothing.

It is trained the way it is used: a base picture is doubled one, two or three times in a row, and every result is
compared with what the generator draws at that size. The base is spoiled a little first, because a sampled picture is
never as clean as a drawn one.

``python -m smallworld.training.upsampler`` trains with the defaults of `UpsamplerConfig` and writes
``weights/upsampler.onnx``. Every step draws its pictures and noise from (seed, step) alone.
"""

from __future__ import annotations

import dataclasses
import json
import math
import random
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn

from smallworld.bundle import WEIGHTS
from smallworld.schedule import BASE, MOST_ASPECT

from .command import FOLDER, add_settings, configured, log, parser, say
from .generator import drawing
from .onnx_files import accept, session
from .optimize import Schedule, optimizers


@dataclass(frozen=True)
class UpsamplerConfig:
    """Everything that decides what the weights become."""

    channels: int = 32
    blocks: int = 2  # of two convolutions each
    steps: int = 1700
    warmup_steps: int = 50
    decay_steps: int = 1100
    matrix_rate: float = 0.02  # Muon
    other_rate: float = 3e-3  # AdamW
    seed: int = 1
    # How often a step doubles once, twice, three times; the base pixels of a crop's side and crops in a step for each:
    # about as many pixels go through the network every time.
    depths: tuple[float, ...] = (0.45, 0.3, 0.25)
    crops: tuple[int, ...] = (32, 20, 16)
    batches: tuple[int, ...] = (12, 6, 3)
    crops_a_scene: int = 2
    squeezed: float = 0.4  # share of pictures with another aspect than 1:1
    clean: float = 0.2  # share of bases left as drawn
    blur: float = 0.12  # largest weight of a neighbour
    noise: float = 3.0  # largest standard deviation, of 255
    gradient: float = 0.5  # weight of the error of differences between neighbours: crisp edges
    # The loss is sqrt(error^2 + softness^2), which falls from squares to absolute values as softness goes from first to
    # last. Absolute values alone never leave "change nothing", which is right nearly everywhere.
    softness: tuple[float, float] = (0.1, 0.02)


class Upsampler(nn.Module):
    """Double a picture ``[B, 3, H, W]`` in 0..1."""

    def __init__(self, config: UpsamplerConfig) -> None:
        super().__init__()
        c = config.channels
        self.stem = nn.Conv2d(4, c, 3, padding=1)
        self.inner = nn.ModuleList(nn.Conv2d(c, c, 3, padding=1) for _ in range(2 * config.blocks))
        self.out = nn.Conv2d(c, 12, 3, padding=1)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, 3, H, W]`` to ``[B, 3, 2 H, 2 W]``."""
        spread = F.max_pool2d(x, 5, 1, 2) + F.max_pool2d(-x, 5, 1, 2)  # [B, 3, H, W]
        scale = spread.amax(1, keepdim=True) + 0.02
        mean = F.avg_pool2d(x, 5, 1, 2, count_include_pad=False)
        h = F.relu(self.stem(torch.cat([2 * (x - mean) / scale, scale], 1)))
        for first, second in zip(self.inner[::2], self.inner[1::2], strict=True):
            h = F.relu(h + second(F.relu(first(h))))
        change = 0.3 * scale * self.out(h)  # [B, 12, H, W]: four values for each channel of a pixel
        spread = spread.repeat_interleave(4, 1)
        change = F.pixel_shuffle(torch.minimum(torch.maximum(change, -spread), spread), 2)
        return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False) + change


def build(config: UpsamplerConfig) -> Upsampler:
    """An untrained network, the same for the same configuration."""
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        return Upsampler(config)


def random_aspect(rng: random.Random, scene: drawing.Scene, config: UpsamplerConfig) -> float:
    """Logarithm of width by height: 0, or any that the model is asked for.

    Parameters
    ----------
    rng : random.Random
    scene : Scene
    config : UpsamplerConfig
    """
    # Pixel art is drawn square only.
    if scene.style == "pixel art" or rng.random() >= config.squeezed:
        return 0.0
    return rng.uniform(-1, 1) * math.log(MOST_ASPECT)


def examples(config: UpsamplerConfig, step: int) -> list[Tensor]:
    """Crops of the same places at 64 x 64 and after each doubling, each ``[B, 3, side, side]`` in 0..1."""
    rng = random.Random(f"upsampler {config.seed} {step}")  # noqa: S311 - pictures, not secrets
    depth = rng.choices(range(len(config.depths)), config.depths)[0]
    side, batch = config.crops[depth], config.batches[depth]
    levels: list[list[Tensor]] = [[] for _ in range(depth + 2)]
    while len(levels[0]) < batch:
        scene = drawing.sample_scene(rng)
        aspect = random_aspect(rng, scene, config)
        pictures = [np.asarray(drawing.draw_base(scene, aspect, BASE << level)) for level in range(depth + 2)]
        for _ in range(min(config.crops_a_scene, batch - len(levels[0]))):
            # The busier of two places: much of most pictures is flat, which is soon learnt.
            places = [(rng.randint(0, BASE - side), rng.randint(0, BASE - side)) for _ in range(2)]
            top, left = max(places, key=lambda p: pictures[0][p[0] : p[0] + side, p[1] : p[1] + side].std((0, 1)).sum())
            for level, (picture, crops) in enumerate(zip(pictures, levels, strict=True)):
                rows = slice(top << level, (top + side) << level)
                columns = slice(left << level, (left + side) << level)
                crops.append(torch.from_numpy(picture[rows, columns].copy()))
    return [torch.stack(crops).permute(0, 3, 1, 2).float() / 255 for crops in levels]


def spoil(base: Tensor, config: UpsamplerConfig, generator: torch.Generator) -> Tensor:
    """Blur most pictures slightly, add slight noise, and round to 8 bits, each picture by its own amounts.

    Parameters
    ----------
    base : Tensor
        Pictures [B, 3, H, W] in 0..1.
    config : UpsamplerConfig
    generator : torch.Generator
    """
    amounts = torch.rand(3, len(base), 1, 1, 1, generator=generator)
    spoilt = (amounts[0] >= config.clean).float()
    k = config.blur * spoilt * amounts[1]
    padded = F.pad(base, (1, 1, 1, 1), mode="replicate")
    rows = (1 - 2 * k) * padded[:, :, 1:-1] + k * (padded[:, :, :-2] + padded[:, :, 2:])
    blurred = (1 - 2 * k) * rows[..., 1:-1] + k * (rows[..., :-2] + rows[..., 2:])
    noise = torch.randn(base.shape, generator=generator) * amounts[2] * spoilt * config.noise / 255
    return ((blurred + noise).clamp(0, 1) * 255).round() / 255


def error(found: Tensor, truth: Tensor, gradient: float, softness: float) -> Tensor:
    """Mean error of values, and of differences between neighbours.

    Parameters
    ----------
    found, truth : Tensor
        Pictures [B, 3, H, W].
    gradient : float
        Weight of the differences between neighbours.
    softness : float
        Below it an error counts by its square, above it by its size.
    """
    off = found - truth
    parts = ((1.0, off), (gradient, off.diff(dim=2)), (gradient, off.diff(dim=3)))
    return torch.stack([weight * (part.square() + softness**2).sqrt().mean() for weight, part in parts]).sum()


def loss_of(model: nn.Module, config: UpsamplerConfig, step: int) -> Tensor:
    """The mean error of all doublings of one step's examples.

    Parameters
    ----------
    model : torch.nn.Module
    config : UpsamplerConfig
    step : int
        Decides the examples and their noise.
    """
    base, *truths = examples(config, step)
    generator = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
    x, total = spoil(base, config, generator), torch.zeros(())
    first, last = config.softness
    softness = first * (last / first) ** min(1.0, step / (config.steps - config.decay_steps / 2))
    for truth in truths:
        x = model(x)
        total = total + error(x, truth, config.gradient, softness)
    return total / len(truths)


def train(config: UpsamplerConfig, folder: Path, log_every: int = 50) -> Upsampler:
    """Train from nothing.

    Parameters
    ----------
    config : UpsamplerConfig
    folder : Path
        Where the log goes, as ``upsampler.jsonl``, and the weights so far, as ``upsampler.pt``.
    log_every : int
        After how many steps both are written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model = build(config)
    both = optimizers(model, config.matrix_rate, config.other_rate)
    schedule = Schedule(both, config.steps, config.warmup_steps, config.decay_steps)
    record = folder / "upsampler.jsonl"
    record.write_text(json.dumps(dataclasses.asdict(config)) + "\n")
    recent: list[float] = []
    clock, cpu = time.monotonic(), time.process_time()
    for step in range(config.steps):
        model.zero_grad(set_to_none=True)
        loss = loss_of(model, config, step)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        schedule.set(step)
        for optimizer in both:
            optimizer.step()
        recent.append(float(loss.detach()))
        if (step + 1) % log_every == 0 or step + 1 == config.steps:
            line = {"step": step + 1, "loss": round(sum(recent) / len(recent), 5)}
            line |= {
                "seconds": round(time.monotonic() - clock, 1),
                "cpu_seconds": round(time.process_time() - cpu, 1),
            }
            log(record, line)
            say(json.dumps(line))
            torch.save({"config": dataclasses.asdict(config), "model": model.state_dict()}, folder / "upsampler.pt")
            recent = []
    return model.eval()


def export(model: Upsampler, path: Path) -> float:
    """Write the network as ONNX, height and width dynamic, weights in 32-bit floats.

    Returns
    -------
    float
        The largest difference to PyTorch over several sizes.

    Raises
    ------
    ExportError
        When that is more than 1e-4.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter itself being old
        torch.onnx.export(
            model,
            (torch.zeros(1, 3, BASE, BASE),),
            str(path),
            input_names=["picture"],
            output_names=["doubled"],
            dynamic_axes={"picture": {2: "H", 3: "W"}, "doubled": {2: "2H", 3: "2W"}},
            opset_version=18,
            dynamo=False,
        )
    network = session(path)
    generator, worst = torch.Generator().manual_seed(1), 0.0
    for height, width in ((64, 64), (128, 128), (40, 56)):
        x = torch.rand(1, 3, height, width, generator=generator)
        (found,) = network.run(None, {"picture": x.numpy()})
        with torch.no_grad():
            worst = max(worst, float(np.abs(found - model(x).numpy()).max()))
    return accept(worst, "the ONNX file differs")


def main(arguments: list[str] | None = None) -> None:
    """Command line: train, export, check."""
    command, defaults = parser("upsampler", __doc__), UpsamplerConfig()
    add_settings(command, defaults, {"steps": "length of the run"})
    command.add_argument("--folder", type=Path, default=FOLDER, help="log and PyTorch weights (default: %(default)s)")
    command.add_argument("--out", type=Path, default=WEIGHTS / "upsampler.onnx", help="default: %(default)s")
    command.add_argument("--threads", type=int, default=1, help="CPU threads (default: %(default)s)")
    options = command.parse_args(arguments)
    torch.set_num_threads(options.threads)
    begun = time.monotonic()
    model = train(configured(defaults, options), options.folder)
    report: dict[str, Any] = {"parameters": sum(p.numel() for p in model.parameters())}
    report |= {"minutes": round((time.monotonic() - begun) / 60, 1), "difference": export(model, options.out)}
    report["bytes"] = options.out.stat().st_size
    say(json.dumps(report))


if __name__ == "__main__":
    main()
