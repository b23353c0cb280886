"""Distil the trained model to four steps, guidance included: Small World turbo.

From pure noise the student walks its own four steps. At each it is shown where the teacher, guided and with several
smaller steps, would have gone from the same place, and learns the clean picture that leads there in one:

    x_t' = teacher(x_t),   x_hat* = x_t - t (x_t - x_t') / (t - t'),   loss = |x_hat(x_t, t, text) - x_hat*|^2 / t^2

On its own path the student learns to correct its own mistakes. Only captions are needed, no pictures. The text
encoder stays the teacher's, so that both models share one file.
"""

from __future__ import annotations

import dataclasses
import itertools
import random
import time
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from smallworld.prompt import read, tokenize
from smallworld.schedule import BASE, TURBO_STEPS, times

from .command import add_run_options, add_settings, configured, log, parser, processors, say, stopping
from .config import DistillConfig, ModelConfig
from .generator import drawing
from .measure.questions import held_out
from .model import build
from .optimize import Schedule, device, follow, optimizers


class Captions(Dataset[tuple[Tensor, Tensor]]):
    """Token ids [N, L] and aspects [N] of scenes that nobody draws."""

    def __init__(self, seed: int, size: int) -> None:
        self.seed, self.size = seed, size
        self.excluded = frozenset(read(text).words for text in held_out())

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        rng = random.Random(f"smallworld captions {self.seed} {index}")  # noqa: S311 - pictures, not secrets
        drawn = [drawing.sample_caption(rng, self.excluded) for _ in range(self.size)]
        ids = torch.tensor([tokenize(text) for _, text, _ in drawn])
        return ids, torch.tensor([aspect for _, _, aspect in drawn])


def toward(x: Tensor, clean: Tensor, now: float, then: float) -> Tensor:
    """One step of Euler's method: dx/dt = (x - x_hat) / t.

    Parameters
    ----------
    x : Tensor
        The picture at the time ``now``, [B, 3, H, W].
    clean : Tensor
        The clean picture that is seen in it.
    now, then : float
        Times; 1 is noise and 0 is clean.
    """
    return x + (then - now) / now * (x - clean)


class Distillation:
    """Teacher, student and the student's average, and where the run stands.

    Parameters
    ----------
    config : DistillConfig
    model_config : ModelConfig
        Of the first stage.
    weights : dict
        The averaged weights of the first stage, by name.
    device : torch.device
    """

    def __init__(
        self, config: DistillConfig, model_config: ModelConfig, weights: dict[str, Tensor], device: torch.device
    ) -> None:
        self.config, self.device, self.update = config, device, 0
        self.teacher, self.student, self.average = (build(model_config, 0).to(device) for _ in range(3))
        for model in (self.teacher, self.student, self.average):
            model.load_state_dict(weights)
        self.teacher.requires_grad_(False)
        self.student.text.requires_grad_(False)
        self.student.denoiser.to(memory_format=torch.channels_last)
        self.teacher.denoiser.to(memory_format=torch.channels_last)
        self.optimizers = optimizers(self.student.denoiser, config.matrix_rate, config.other_rate)
        self.schedule = Schedule(self.optimizers, config.updates, 20, config.decay_updates)
        # The teacher only: compiled by torch 2.11, the student's backward pass failed on a GPU ("misaligned address").
        teacher = self.teacher.denoiser
        self.teach = torch.compile(teacher, dynamic=False) if device.type == "cuda" else teacher

    def half(self) -> torch.autocast:
        """16-bit floats on a GPU; few processors are fast at them."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.device.type == "cuda")

    def _teacher_end(self, x: Tensor, now: float, then: float, aspects: Tensor, texts: Tensor, masks: Tensor) -> Tensor:
        """Where the guided teacher arrives; ``texts`` and ``masks`` hold the captions', then the empty prompts'."""
        size = len(x)
        for a, b in itertools.pairwise(torch.linspace(now, then, self.config.substeps + 1).tolist()):
            with torch.no_grad(), self.half():
                clock = torch.full((2 * size,), a, device=self.device)
                both = self.teach(torch.cat([x, x]), clock, aspects.repeat(2), texts, masks).float()
            clean = both[size:] + self.config.guidance * (both[:size] - both[size:])
            x = toward(x, clean, a, b)
        return x

    def advance(self, ids: Tensor, aspects: Tensor) -> Tensor:
        """Walk the student's four steps with one batch of captions and learn from each; returns the mean loss."""
        config, size = self.config, len(ids)
        self.schedule.set(self.update)
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        generator = torch.Generator(self.device).manual_seed(config.seed * 1_000_003 + self.update)
        x = torch.randn(size, 3, BASE, BASE, generator=generator, device=self.device)
        empty = torch.tensor([tokenize("")], device=self.device)
        both = torch.cat([ids, empty.expand(size, -1)])
        with torch.no_grad():
            texts, masks = self.teacher.text(both), (both != 0).float()
        losses = []
        for now, then in itertools.pairwise(float(t) for t in times(TURBO_STEPS)):
            end = self._teacher_end(x, now, then, aspects, texts, masks)
            target = x - now / (now - then) * (x - end)
            with self.half():
                clock = torch.full((size,), now, device=self.device)
                clean = self.student.denoiser(x, clock, aspects, texts[:size], masks[:size])
            loss = (clean.float() - target).square().mean() / max(now, 0.3) ** 2
            (loss / TURBO_STEPS).backward()
            losses.append(loss.detach())
            x = toward(x, clean.detach().float(), now, then)
        torch.nn.utils.clip_grad_norm_(self.student.denoiser.parameters(), config.clip)
        for optimizer in self.optimizers:
            optimizer.step()
        self.update += 1
        follow(self.average.denoiser, self.student.denoiser, config.average, self.update)
        return torch.stack(losses).mean()

    def save(self, path: Path) -> None:
        """Write student, average and optimisers, whole or not at all."""
        state = {
            "update": self.update,
            "config": dataclasses.asdict(self.config),
            "student": self.student.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }
        torch.save(state, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)

    def load(self, path: Path) -> None:
        """Continue from a checkpoint."""
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.update = state["update"]
        self.student.load_state_dict(state["student"])
        self.average.load_state_dict(state["average"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)


def teacher_weights(checkpoint: Path) -> tuple[ModelConfig, dict[str, Tensor]]:
    """The averaged weights of the first stage."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    return ModelConfig(**state["model_config"]), state["average"]


def distill(
    run: Distillation, captions: Iterable[tuple[Tensor, Tensor]], folder: Path, *, log_every: int, save_every: int
) -> None:
    """Distil until the captions end; an interrupt saves a checkpoint and ends.

    Parameters
    ----------
    run : Distillation
        Fresh, or loaded from a checkpoint.
    captions : iterable
        Token ids and aspects of one update after another.
    folder : Path
        Holds ``turbo.pt`` and ``turbo.jsonl``.
    log_every, save_every : int
        After how many updates a line is logged and the checkpoint written.
    """
    checkpoint = folder / "turbo.pt"
    stop, clock = stopping(), time.monotonic()
    recent: list[Tensor] = []
    for ids, aspects in captions:
        recent.append(run.advance(ids.to(run.device), aspects.to(run.device)))
        if run.update % log_every == 0:
            loss, seconds = float(torch.stack(recent).mean()), time.monotonic() - clock
            log(folder / "turbo.jsonl", {"update": run.update, "loss": round(loss, 5), "seconds": round(seconds, 1)})
            say(f"update {run.update}/{run.config.updates}  loss {loss:.5f}  {seconds / len(recent):.2f} s each")
            recent, clock = [], time.monotonic()
        if run.update % save_every == 0:
            run.save(checkpoint)
        if stop():
            break
    run.save(checkpoint)
    say(f"{'stopped' if stop() else 'finished'} at update {run.update}: {checkpoint}")


def main(arguments: list[str] | None = None) -> None:
    """Command line: the second stage of ``make train``."""
    command, defaults = parser("distill", __doc__), DistillConfig()
    helps = {"updates": "length of the run", "decay_updates": "of these, the last ones at a falling rate"}
    add_settings(command, defaults, {**helps, "batch": "captions an update"})
    add_run_options(command, "turbo.pt", workers=max(1, processors() // 2), log_every=20, save_every=200)
    options = command.parse_args(arguments)
    where = device()
    model_config, weights = teacher_weights(options.folder / "checkpoint.pt")
    run = Distillation(configured(defaults, options), model_config, weights, where)
    checkpoint = options.folder / "turbo.pt"
    if checkpoint.exists() and not options.restart:
        run.load(checkpoint)
    captions = Captions(run.config.seed, run.config.batch)
    order = range(run.update, run.config.updates)
    loader = DataLoader(captions, batch_size=None, sampler=order, num_workers=options.workers, prefetch_factor=4)
    distill(run, loader, options.folder, log_every=options.log_every, save_every=options.save_every)


if __name__ == "__main__":
    main()
