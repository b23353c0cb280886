"""Train Small World: rectified flow with x-prediction, on pictures drawn as they are needed.

    x_t = (1 - t) x + t e,   loss = |x_hat(x_t, t, text) - x|^2 / max(t, 0.1)^2   (the velocity's error)

The released weights come from ``python -m smallworld.train`` with the defaults of `TrainConfig`. The learning rate is
constant after a warm-up and falls to zero over the last ``decay_steps``, so a run can be made longer by resuming an
earlier checkpoint with a larger ``--steps``. Every step draws its pictures and noise from (seed, step) alone: a resumed
run equals one that never stopped.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from . import drawing
from .model import ModelConfig, SmallWorld, build
from .tokenizer import tokenize

FOLDER = Path(__file__).parent / ".train"

# (height, width) and how often: mostly square, so that a prompt without a size looks best.
BASE_SIZES = {(32, 32): 0.8, (24, 40): 0.1, (40, 24): 0.1}


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides what the weights become."""

    steps: int = 3400
    decay_steps: int = 900
    warmup_steps: int = 100
    batch: int = 64
    seed: int = 1
    matrix_rate: float = 0.01  # Muon
    other_rate: float = 2e-3  # AdamW
    time_mean: float = 1.2  # t ~ sigmoid(normal(mean, spread)): what a picture shows is decided near the noise
    time_spread: float = 1.2
    weight_clip: float = 0.1
    caption_dropout: float = 0.1
    average: float = 0.998
    clip: float = 1.0


class Muon(torch.optim.Optimizer):
    """Momentum whose update is orthogonalised by five Newton-Schulz steps (Keller Jordan, 2024)."""

    def __init__(self, parameters: Iterable[Tensor], lr: float, momentum: float = 0.95) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:
        """Update every matrix; convolution kernels are seen as outputs x (inputs x window)."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                mean = state.setdefault("mean", torch.zeros_like(parameter))
                mean.lerp_(parameter.grad, 1 - group["momentum"])
                update = parameter.grad.lerp(mean, group["momentum"]).reshape(parameter.shape[0], -1)
                rows, columns = update.shape
                scale = 0.2 * math.sqrt(max(rows, columns))
                parameter.sub_(orthogonal(update).reshape(parameter.shape), alpha=group["lr"] * scale)


def orthogonal(matrix: Tensor) -> Tensor:
    """The nearest matrix with singular values near one, by the quintic iteration of Muon."""
    x = matrix.t() if matrix.shape[0] > matrix.shape[1] else matrix
    x = x / (x.norm() + 1e-7)
    if matrix.numel() > 20_000:
        x = x.bfloat16()
    for _ in range(5):
        a = x @ x.t()
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return (x.t() if matrix.shape[0] > matrix.shape[1] else x).to(matrix.dtype)


def optimizers(model: SmallWorld, config: TrainConfig) -> list[torch.optim.Optimizer]:
    """Muon for the inner matrices; AdamW for embeddings, first and last layers, modulation, norms and biases."""
    outer = ("embedding", "stem", "denoiser.out", "place", "time1", "time2", "pooled", "film", "position")
    matrices: list[Tensor] = []
    others: list[Tensor] = []
    for name, parameter in model.named_parameters():
        inner = parameter.ndim >= 2 and not any(word in name for word in outer)
        (matrices if inner else others).append(parameter)
    return [
        Muon(matrices, lr=config.matrix_rate),
        torch.optim.AdamW(others, lr=config.other_rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def rate(config: TrainConfig, step: int) -> float:
    """The share of the full learning rate at a step: warm-up, constant, linear decay to a fiftieth."""
    left = (config.steps - step) / config.decay_steps
    return min(1.0, (step + 1) / config.warmup_steps, max(0.02, left))


def examples(config: TrainConfig, step: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Clean pictures [B, 3, H, W] in -1..1, noise, times [B] and token ids [B, L] of one step."""
    generator = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
    sizes = list(BASE_SIZES)
    height, width = sizes[int(torch.multinomial(torch.tensor(list(BASE_SIZES.values())), 1, generator=generator))]
    pictures, captions = drawing.batch(config.seed, step, config.batch, width, height)
    dropped = torch.rand(config.batch, generator=generator) < config.caption_dropout
    ids = torch.tensor([tokenize("" if drop else text) for text, drop in zip(captions, dropped, strict=True)])
    ids = ids[:, : int((ids != 0).sum(1).max())]
    clean = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
    clean = clean.contiguous(memory_format=torch.channels_last)
    noise = torch.randn(clean.shape, generator=generator)
    normal = torch.randn(config.batch, generator=generator)
    times = torch.sigmoid(normal * config.time_spread + config.time_mean).clamp(0.002, 1.0)
    return clean.to(device), noise.to(device), times.to(device), ids.to(device)


def loss_of(model: SmallWorld, config: TrainConfig, step: int, device: torch.device) -> Tensor:
    """The velocity's squared error on the examples of one step."""
    clean, noise, times, ids = examples(config, step, device)
    t = times[:, None, None, None]
    with torch.autocast(device.type, dtype=torch.bfloat16):
        predicted = model((1 - t) * clean + t * noise, times, ids)
    error = (predicted.float() - clean).square().mean((1, 2, 3))
    return (error / times.clamp_min(config.weight_clip).square()).mean()


class Run:
    """A training run: model, its running average, optimisers, and where it stands."""

    def __init__(self, config: TrainConfig, model_config: ModelConfig, device: torch.device) -> None:
        self.config, self.model_config, self.device, self.step = config, model_config, device, 0
        self.model = build(model_config, config.seed).to(device).to(memory_format=torch.channels_last)
        self.average = build(model_config, config.seed).to(device)
        self.optimizers = optimizers(self.model, config)
        self.full_rates = [[group["lr"] for group in o.param_groups] for o in self.optimizers]

    def advance(self) -> float:
        """Take one step and return its loss."""
        for optimizer, rates in zip(self.optimizers, self.full_rates, strict=True):
            for group, full in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = full * rate(self.config, self.step)
            optimizer.zero_grad(set_to_none=True)
        loss = loss_of(self.model, self.config, self.step, self.device)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        for optimizer in self.optimizers:
            optimizer.step()
        self.step += 1
        share = min(self.config.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), 1 - share)
        return float(loss.item())

    def save(self, path: Path) -> None:
        """Write a checkpoint, whole or not at all."""
        state: dict[str, Any] = {
            "step": self.step,
            "config": dataclasses.asdict(self.config),
            "model_config": dataclasses.asdict(self.model_config),
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(state, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)

    def load(self, path: Path) -> None:
        """Continue from a checkpoint."""
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)


def train(run: Run, folder: Path, *, log_every: int, save_every: int, say: Callable[[str], None]) -> None:
    """Train until ``config.steps``; an interrupt saves a checkpoint and ends."""
    asked: list[int] = []

    def ask(number: int, _frame: FrameType | None) -> None:
        asked.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask)
    recent: list[float] = []
    clock, cpu = time.monotonic(), time.process_time()
    while run.step < run.config.steps and not asked:
        recent.append(run.advance())
        if run.step % log_every == 0:
            seconds, cpu_seconds = time.monotonic() - clock, time.process_time() - cpu
            pictures = len(recent) * run.config.batch / seconds
            line = {
                "step": run.step,
                "loss": round(sum(recent) / len(recent), 4),
                "pictures_per_second": round(pictures),
            }
            line |= {"seconds": round(seconds, 1), "cpu_seconds": round(cpu_seconds, 1)}
            with (folder / "log.jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")
            minutes = (run.config.steps - run.step) * run.config.batch / pictures / 60
            say(f"step {run.step}/{run.config.steps}  loss {line['loss']}  {pictures:.0f}/s  {minutes:.0f} min left")
            recent, clock, cpu = [], time.monotonic(), time.process_time()
        if run.step % save_every == 0:
            run.save(folder / "checkpoint.pt")
    run.save(folder / "checkpoint.pt")
    say(f"{'stopped' if asked else 'finished'} at step {run.step}: {folder / 'checkpoint.pt'}")


def main(arguments: list[str] | None = None) -> None:
    """Command line of ``make train``."""
    parser = argparse.ArgumentParser(prog="python -m smallworld.train", description=__doc__.split("\n")[0])
    defaults = TrainConfig()
    parser.add_argument("--steps", type=int, default=defaults.steps, help="length of the run (default: %(default)s)")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="checkpoint and log (default: %(default)s)")
    parser.add_argument("--restart", action="store_true", help="begin anew instead of resuming the checkpoint")
    parser.add_argument("--threads", type=int, help="CPU threads (default: all)")
    parser.add_argument("--log-every", type=int, default=50)
    parser.add_argument("--save-every", type=int, default=250)
    options = parser.parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    run = Run(dataclasses.replace(defaults, steps=options.steps), ModelConfig(), device)
    options.folder.mkdir(parents=True, exist_ok=True)
    checkpoint = options.folder / "checkpoint.pt"
    if checkpoint.exists() and not options.restart:
        run.load(checkpoint)
    parameters = sum(p.numel() for p in run.model.parameters())
    print(f"{parameters / 1e6:.2f} M parameters on {device}, from step {run.step} to {options.steps}", flush=True)  # noqa: T201 - progress
    say: Callable[[str], None] = lambda text: print(text, flush=True)  # noqa: E731, T201 - progress
    train(run, options.folder, log_every=options.log_every, save_every=options.save_every, say=say)


if __name__ == "__main__":
    main()
