"""Train Small World: rectified flow with x-prediction, on pictures drawn as they are needed.

    x_t = (1 - t) x + t e,   loss = |x_hat(x_t, t, text) - x|^2 / max(t, 0.1)^2   (the velocity's error)

Worker processes draw pictures into a pool from which every step takes its batch. What a step sees depends on (seed,
step) alone, however many workers there are: a resumed run equals one that never stopped. The learning rate is constant
after a warm-up and falls over the last ``decay_steps``, so a run can be made longer by resuming an earlier checkpoint.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from smallworld.prompt import MAX_TOKENS, read, tokenize
from smallworld.schedule import BASE

from .command import add_run_options, add_settings, configured, log, parser, processors, say, stopping
from .config import ModelConfig, TrainConfig
from .generator import drawing
from .measure.questions import held_out
from .model import build
from .optimize import Schedule, device, follow, optimizers


class Drawn(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """The pictures of the run, in portions: uint8 [N, 3, 64, 64], token ids [N, L], aspects [N]."""

    def __init__(self, seed: int, size: int) -> None:
        self.seed, self.size = seed, size
        self.excluded = frozenset(read(text).words for text in held_out())

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        batch = drawing.batch(self.seed, index, self.size, self.excluded)
        ids = torch.tensor([tokenize(text) for text in batch.captions])
        pictures = torch.from_numpy(batch.pictures).permute(0, 3, 1, 2).contiguous()
        return pictures, ids, torch.from_numpy(batch.aspects)


class Pool:
    """The pictures of the last ``config.pool`` steps, on the device, and the batches taken from them.

    Parameters
    ----------
    config : TrainConfig
    device : torch.device
    step : int
        Where the run stands.
    workers : int
        How many processes draw.
    """

    def __init__(self, config: TrainConfig, device: torch.device, step: int, workers: int) -> None:
        self.config, self.device, self.portions = config, device, 0
        size = config.pool * config.fresh
        self.pictures = torch.empty(size, 3, BASE, BASE, dtype=torch.uint8, device=device)
        self.ids = torch.empty(size, MAX_TOKENS, dtype=torch.long, device=device)
        self.aspects = torch.empty(size, device=device)
        last = config.steps + config.head_start
        self.portions = max(0, step + config.head_start - config.pool)
        order = range(self.portions, last)
        loader = DataLoader(
            Drawn(config.seed, config.fresh),
            batch_size=None,
            sampler=order,
            num_workers=workers,
            prefetch_factor=4 if workers else None,
            persistent_workers=False,
        )
        self.source: Iterator[tuple[Tensor, Tensor, Tensor]] = iter(loader)

    def fill(self, step: int) -> None:
        """Draw what the pool must hold at a step."""
        while self.portions < step + self.config.head_start:
            pictures, ids, aspects = next(self.source)
            first = self.portions % self.config.pool * self.config.fresh
            place = slice(first, first + self.config.fresh)
            self.pictures[place], self.ids[place] = pictures.to(self.device), ids.to(self.device)
            self.aspects[place] = aspects.to(self.device)
            self.portions += 1

    def take(self, step: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Clean pictures [B, 3, 64, 64] in -1..1, noise, times [B], aspects [B] and token ids [B, L] of one step."""
        self.fill(step)
        config = self.config
        generator = torch.Generator(self.device).manual_seed(config.seed * 1_000_003 + step)
        held = min(self.portions, config.pool) * config.fresh
        chosen = torch.randint(held, (config.batch,), generator=generator, device=self.device)
        clean = self.pictures[chosen].float() / 127.5 - 1
        clean = clean.contiguous(memory_format=torch.channels_last)
        noise = torch.randn(clean.shape, generator=generator, device=self.device)
        normal = torch.randn(config.batch, generator=generator, device=self.device)
        times = torch.sigmoid(normal * config.time_spread + config.time_mean).clamp(0.002, 1.0)
        dropped = torch.rand(config.batch, generator=generator, device=self.device) < config.caption_dropout
        empty = torch.tensor(tokenize(""), device=self.device)
        ids = torch.where(dropped[:, None], empty, self.ids[chosen])
        return clean, noise, times, self.aspects[chosen], ids


class Run:
    """A training run: model, its running average, optimisers, and where it stands.

    Parameters
    ----------
    config : TrainConfig
    model_config : ModelConfig
    device : torch.device
    """

    def __init__(self, config: TrainConfig, model_config: ModelConfig, device: torch.device) -> None:
        self.config, self.model_config, self.device, self.step = config, model_config, device, 0
        self.model = build(model_config, config.seed).to(device).to(memory_format=torch.channels_last)
        self.average = build(model_config, config.seed).to(device)
        self.optimizers = optimizers(self.model, config.matrix_rate, config.other_rate)
        self.schedule = Schedule(self.optimizers, config.steps, config.warmup_steps, config.decay_steps)
        # Compiling pays on a GPU; on two cores it would take minutes and bring nothing.
        self.loss = torch.compile(self._loss) if device.type == "cuda" else self._loss

    def _loss(self, clean: Tensor, noise: Tensor, times: Tensor, aspects: Tensor, ids: Tensor) -> Tensor:
        """The velocity's squared error."""
        t = times[:, None, None, None]
        # 16-bit floats on a GPU only: few processors are fast at them.
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.device.type == "cuda"):
            predicted = self.model((1 - t) * clean + t * noise, times, aspects, ids)
        error = (predicted.float() - clean).square().mean((1, 2, 3))
        return (error / times.clamp_min(self.config.weight_clip).square()).mean()

    def advance(self, pool: Pool) -> Tensor:
        """Take one step and return its loss."""
        self.schedule.set(self.step)
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss = self.loss(*pool.take(self.step))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        for optimizer in self.optimizers:
            optimizer.step()
        self.step += 1
        follow(self.average, self.model, self.config.average, self.step)
        return loss.detach()

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


def train(run: Run, pool: Pool, folder: Path, *, log_every: int, save_every: int) -> None:
    """Train until ``config.steps``; an interrupt saves a checkpoint and ends.

    Parameters
    ----------
    run : Run
        Fresh, or loaded from a checkpoint.
    pool : Pool
        Where its batches come from.
    folder : Path
        Holds ``checkpoint.pt`` and ``log.jsonl``.
    log_every, save_every : int
        After how many steps a line is logged and the checkpoint written.
    """
    stop = stopping()
    recent: list[Tensor] = []
    clock = time.monotonic()
    while run.step < run.config.steps and not stop():
        recent.append(run.advance(pool))
        if run.step % log_every == 0:
            loss = float(torch.stack(recent).mean())
            seconds = time.monotonic() - clock
            pictures = len(recent) * run.config.batch / seconds
            line = {"step": run.step, "loss": round(loss, 5), "pictures_per_second": round(pictures)}
            log(folder / "log.jsonl", line | {"seconds": round(seconds, 1)})
            minutes = (run.config.steps - run.step) * run.config.batch / pictures / 60
            say(f"step {run.step}/{run.config.steps}  loss {loss:.4f}  {pictures:.0f}/s  {minutes:.1f} min left")
            recent, clock = [], time.monotonic()
        if run.step % save_every == 0:
            run.save(folder / "checkpoint.pt")
    run.save(folder / "checkpoint.pt")
    say(f"{'stopped' if stop() else 'finished'} at step {run.step}: {folder / 'checkpoint.pt'}")


def main(arguments: list[str] | None = None) -> None:
    """Command line of ``make train``."""
    command, defaults = parser("train", __doc__), TrainConfig()
    helps = {"steps": "length of the run", "decay_steps": "of these, the last ones at a falling rate"}
    add_settings(command, defaults, {**helps, "batch": "examples a step", "fresh": "pictures drawn for each step"})
    add_run_options(command, "checkpoint.pt", workers=max(1, processors() - 2), log_every=50, save_every=500)
    options = command.parse_args(arguments)
    where = device()
    run = Run(configured(defaults, options), ModelConfig(), where)
    options.folder.mkdir(parents=True, exist_ok=True)
    checkpoint = options.folder / "checkpoint.pt"
    if checkpoint.exists() and not options.restart:
        run.load(checkpoint)
    parameters = sum(p.numel() for p in run.model.parameters())
    say(f"{parameters / 1e6:.2f} M parameters on {where}, from step {run.step} to {options.steps}")
    pool = Pool(run.config, where, run.step, options.workers)
    train(run, pool, options.folder, log_every=options.log_every, save_every=options.save_every)


if __name__ == "__main__":
    main()
