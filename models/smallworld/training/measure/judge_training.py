# Torch is not installed where mypy runs: without it, its classes are Any.
# mypy: disallow-subclassing-any=False
"""Train the judge of landscapes: a small network that says which elements a 64 x 64 picture shows.

It learns from the generator's pictures alone, never from the model that it judges. Half of them are landscapes as
training sees them, half have everything mixed that can be: any thing on any ground, all weather of the time, things in
the sky about as often present as absent. So the network has to look for an element and cannot guess it from the rest.
All are degraded (warped, shifted, blurred, made coarse, noisy, recoloured, JPEG), so that a wobbly or soft picture of a
house still counts as a house.

An element's threshold is where misses and false alarms on the generator's own pictures cost least together, a miss
counting ``MISS_COST`` times as much, because a picture passes only when nothing is missed. Both are then measured on
fresh pictures and written into the file.
"""

from __future__ import annotations

import dataclasses
import io
import json
import math
import random
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from smallworld.training.command import add_settings, configured, parser, say
from smallworld.training.generator import landscapes
from smallworld.training.generator.drawing import draw
from smallworld.training.generator.landscapes import ELEMENTS, Landscape, Thing
from smallworld.training.generator.styles import STYLES

from .judge import LANDSCAPE_JUDGE, LANDSCAPE_SIZE, LandscapeJudge

MISS_COST = 5.0
TRIED_THRESHOLDS = np.geomspace(0.1, 0.9, 100)
PLAIN_SHARE = 0.5  # of the pictures that training sees; the others are mixed
JPEG_SHARE = 0.25
SEEDS = {"training": 1, "thresholds": 2, "report": 3, "mixed": 4}

Say = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Training:
    """Everything that decides what the judge becomes."""

    pictures: int = 24_000
    epochs: int = 7
    batch: int = 64
    rate: float = 3e-3
    checked: int = 6_000  # pictures for the thresholds, and as many for the report


# ---- pictures


def plain(rng: random.Random) -> Landscape:
    """A landscape as the model's training sees it, in any of its styles."""
    scene = landscapes.sample_scene(rng)
    if rng.random() < 0.12:
        scene.style = rng.choice([style for style in STYLES if style != "night"])
    return scene


def mixed(rng: random.Random) -> Landscape:
    """A landscape whose parts have nothing to do with each other."""
    scene = plain(rng)
    scene.sky = [name for name in landscapes.SKY[scene.time] if rng.random() < 0.4]
    if "moon" in scene.sky and "crescent" in scene.sky:
        scene.sky.remove(rng.choice(("moon", "crescent")))
    # Not any weather at any time: by day the generator's rain has the colour of its sky.
    scene.weather = rng.choice(list(landscapes.WEATHER_CHANCES[scene.time])) if rng.random() < 0.4 else ""
    names = rng.sample(sorted(set(landscapes.NAMES)), rng.choice((0, 1, 2, 2)))
    places = rng.sample(list(landscapes.PLACES), len(names))
    scene.things = []
    for name, place in zip(names, places, strict=True):
        color = rng.choice(landscapes.COLOURED.get(name, (landscapes.NATURAL.get(name, "green"),)))
        scene.things.append(Thing(name, color, 1, place))
    return scene


def pictures(seed: int, count: int, mixed_share: float) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Pictures ``(N, 64, 64, 3)`` and which of ``ELEMENTS`` they show ``(N, elements)``.

    Parameters
    ----------
    seed : int
    count : int
        N.
    mixed_share : float
        Share of the landscapes whose parts have nothing to do with each other.
    """
    rng = random.Random(f"judge {seed}")  # noqa: S311 - pictures, not secrets
    drawn = np.empty((count, LANDSCAPE_SIZE, LANDSCAPE_SIZE, 3), np.uint8)
    shown = np.zeros((count, len(ELEMENTS)), np.float32)
    for k in range(count):
        scene = mixed(rng) if rng.random() < mixed_share else plain(rng)
        drawn[k] = np.asarray(draw(scene, LANDSCAPE_SIZE, LANDSCAPE_SIZE))
        shown[k] = [name in landscapes.elements(scene) for name in ELEMENTS]
    return drawn, shown


def jpeg(rng: random.Random, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture with the blocks and ringing of a small JPEG."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=rng.randint(30, 85))
    return np.asarray(Image.open(file))


def degraded(generator: torch.Generator, clean: Tensor) -> Tensor:
    """The pictures [B, 3, H, W] mirrored, warped, shifted, softened, recoloured, noisy, each a little or not at all."""
    count, _, height, width = clean.shape

    def chance(share: float) -> Tensor:
        return (torch.rand(count, 1, 1, 1, generator=generator) < share).float()

    def between(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(count, *shape, generator=generator)

    mirror = 1 - 2 * chance(0.5)[:, 0, 0, 0]
    places = torch.zeros(count, 2, 3)
    places[:, 0, 0], places[:, 1, 1] = mirror * between(0.96, 1.04), between(0.96, 1.04)
    places[:, :, 2] = between(-0.06, 0.06, 2)  # two pixels
    grid = functional.affine_grid(places, [count, 3, height, width], align_corners=False)
    bends = torch.randn(count, 2, 8, 8, generator=generator) * between(0, 0.025, 1, 1, 1)
    bends = functional.interpolate(bends, (height, width), mode="bicubic", align_corners=False)
    grid = grid + bends.permute(0, 2, 3, 1)
    seen = functional.grid_sample(clean, grid, padding_mode="border", align_corners=False)
    coarse = int(torch.randint(36, 60, (1,), generator=generator))
    small = functional.interpolate(seen, (coarse, coarse), mode="bilinear", align_corners=False, antialias=True)
    small = functional.interpolate(small, (height, width), mode="bilinear", align_corners=False)
    seen = torch.lerp(seen, small, chance(0.3))
    soft = functional.avg_pool2d(functional.pad(seen, (1, 1, 1, 1), mode="replicate"), 3, 1)
    seen = torch.lerp(seen, soft, chance(0.4) * between(0, 1, 1, 1, 1))
    seen = seen * between(0.88, 1.12, 1, 1, 1) + between(-0.06, 0.06, 3, 1, 1)
    return (seen + chance(0.5) * between(0, 0.07, 1, 1, 1) * torch.randn(seen.shape, generator=generator)).clamp(-1, 1)


# ---- network


class Judge(nn.Module):
    """Five convolutions, then for each feature how strong it is anywhere and on the whole."""

    def __init__(self) -> None:
        super().__init__()

        def layer(inputs: int, outputs: int, window: int, stride: int) -> list[nn.Module]:
            convolution = nn.Conv2d(inputs, outputs, window, stride, window // 2, bias=False)
            return [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]

        self.features = nn.Sequential(
            *layer(3, 16, 5, 2),  # 32 x 32
            *layer(16, 32, 3, 1),
            *layer(32, 40, 3, 2),  # 16 x 16
            *layer(40, 56, 3, 2),  # 8 x 8
            *layer(56, 60, 3, 1),
        )
        self.answer = nn.Linear(2 * 60, len(ELEMENTS))

    def forward(self, pictures: Tensor) -> Tensor:
        """How surely [B, elements] pictures [B, 3, 64, 64] in -1..1 show each element, before the sigmoid."""
        found = self.features(pictures)
        return self.answer(torch.cat([found.amax((2, 3)), found.mean((2, 3))], 1))


def tensors(drawn: NDArray[np.uint8]) -> Tensor:
    """Pictures as the network takes them."""
    return torch.from_numpy(drawn).permute(0, 3, 1, 2).float() / 127.5 - 1


def train(config: Training, say: Say) -> Judge:
    """Train a judge; the same configuration gives the same pictures in the same order."""
    drawn, shown = pictures(SEEDS["training"], config.pictures, 1 - PLAIN_SHARE)
    rng = random.Random(0)  # noqa: S311 - pictures, not secrets
    for k in range(len(drawn)):
        if rng.random() < JPEG_SHARE:
            drawn[k] = jpeg(rng, drawn[k])
    say(f"{len(drawn)} pictures drawn")
    torch.manual_seed(0)
    generator, labels = torch.Generator().manual_seed(0), torch.from_numpy(shown)
    network = Judge()
    network.to(memory_format=torch.channels_last)
    steps = config.epochs * (len(drawn) // config.batch)
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.rate, total_steps=steps, pct_start=0.15)
    begun = time.monotonic()
    for epoch in range(config.epochs):
        losses = []
        order = torch.randperm(len(drawn), generator=generator)
        for chosen in order[: len(drawn) // config.batch * config.batch].split(config.batch):
            seen = degraded(generator, tensors(drawn[chosen.numpy()]))
            loss = functional.binary_cross_entropy_with_logits(
                network(seen.contiguous(memory_format=torch.channels_last)), labels[chosen]
            )
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        say(f"epoch {epoch + 1}/{config.epochs}  loss {np.mean(losses):.4f}  {time.monotonic() - begun:.0f} s")
    network.eval()
    return network


# ---- thresholds and file


def thresholds(network: Judge, count: int) -> dict[str, float]:
    """The cheapest threshold of each element on the generator's pictures, half of them degraded."""
    drawn, shown = pictures(SEEDS["thresholds"], count, 0.0)
    half, generator = count // 2, torch.Generator().manual_seed(1)
    with torch.no_grad():
        parts = [degraded(generator, part) for part in tensors(drawn[half:]).split(500)]
        parts = [*tensors(drawn[:half]).split(500), *parts]
        sure = torch.cat([network(part).sigmoid() for part in parts]).numpy()
    chosen = {}
    for k, name in enumerate(ELEMENTS):
        there, absent = (np.sort(sure[shown[:, k] == value, k]) for value in (1, 0))
        misses = np.searchsorted(there, TRIED_THRESHOLDS) / len(there)
        cost = MISS_COST * misses + 1 - np.searchsorted(absent, TRIED_THRESHOLDS) / len(absent)
        chosen[name] = float(np.median(TRIED_THRESHOLDS[cost <= cost.min() + 1e-9]))
    return chosen


def write(network: Judge, path: Path, facts: dict[str, Any]) -> None:
    """Write the network, ending in probabilities, with ``facts`` as its metadata, each in JSON.

    Parameters
    ----------
    network : Judge
    path : Path
        Where the ONNX file goes.
    facts : dict
        Name -> a value that JSON can hold.
    """
    whole = nn.Sequential(network, nn.Sigmoid()).eval()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer's own deprecation
        target = Path(folder) / "judge.onnx"
        torch.onnx.export(
            whole,
            (torch.zeros(1, 3, LANDSCAPE_SIZE, LANDSCAPE_SIZE),),
            str(target),
            input_names=["pictures"],
            output_names=["sure"],
            dynamic_axes={"pictures": {0: "B"}, "sure": {0: "B"}},
            opset_version=18,
            dynamo=False,
        )
        model = onnx.load(str(target))
    onnx.helper.set_model_props(model, {name: json.dumps(value) for name, value in facts.items()})
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString(deterministic=True))


def report(judge: LandscapeJudge, config: Training) -> dict[str, Any]:
    """Recall and false alarms of each element on fresh pictures, and how often every element of a picture is seen.

    False alarms are also measured on mixed landscapes, where nothing can be guessed from the rest.
    """
    rows: dict[str, dict[str, float]] = {name: {} for name in judge.names}
    whole = {}
    for kind, share in (("report", 0.0), ("mixed", 1.0)):
        drawn, shown = pictures(SEEDS[kind], config.checked, share)
        seen = np.concatenate([judge.seen(list(part)) for part in np.array_split(drawn, math.ceil(len(drawn) / 500))])
        there = shown > 0
        for k, name in enumerate(judge.names):
            rows[name][f"{kind}_recall"] = round(float(seen[there[:, k], k].mean()), 4)
            rows[name][f"{kind}_false_alarms"] = round(float(seen[~there[:, k], k].mean()), 4)
        whole[f"{kind}_all_seen"] = round(float((seen | ~there).all(1).mean()), 4)
        whole[f"{kind}_false_alarms"] = round(float(seen[~there].mean()), 4)
    return {**whole, "elements": rows}


def main(arguments: list[str] | None = None) -> None:
    """Command line: ``python -m smallworld.training.measure.judge_training``."""
    command, defaults = parser("measure.judge_training", __doc__), Training()
    command.add_argument("--out", type=Path, default=LANDSCAPE_JUDGE, help="(default: %(default)s)")
    helps = {"pictures": "to learn from", "epochs": "how often each is seen"}
    add_settings(command, defaults, {**helps, "checked": "pictures for the thresholds, and for the report"})
    command.add_argument("--threads", type=int, default=1, help="CPU threads (default: %(default)s)")
    options = command.parse_args(arguments)
    torch.set_num_threads(options.threads)
    config = configured(defaults, options)
    network = train(config, say)
    facts = {"thresholds": thresholds(network, config.checked), "training": dataclasses.asdict(config)}
    write(network, options.out, facts)
    measured = report(LandscapeJudge(options.out), config)
    write(network, options.out, {**facts, "report": measured})
    for name, row in measured.pop("elements").items():
        say(f"{name:11}" + "  ".join(f"{key} {100 * value:5.1f} %" for key, value in row.items()))
    say(json.dumps({**measured, "bytes": options.out.stat().st_size}))


if __name__ == "__main__":
    main()
