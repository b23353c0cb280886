"""Everything that decides what the released weights become; ``make train`` uses these values and no others."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelConfig:
    """Widths and depths of the network."""

    text_width: int = 128
    text_layers: int = 3
    text_heads: int = 4
    channels: tuple[int, int, int] = (64, 128, 256)  # at 32 x 32, 16 x 16 and 8 x 8
    heads: tuple[int, int] = (4, 8)
    condition_width: int = 256
    patch: int = 2  # space-to-depth: 3 x 64 x 64 becomes 12 x 32 x 32


@dataclass(frozen=True)
class TrainConfig:
    """The first stage: rectified flow on drawn pictures."""

    steps: int = 3900
    decay_steps: int = 1365  # at the end, the learning rate falls to a fiftieth
    warmup_steps: int = 150
    batch: int = 1024
    fresh: int = 256  # of a batch's size, how many new pictures are drawn at each step: each is used four times
    pool: int = 256  # steps that a picture stays in the pool from which batches are taken
    head_start: int = 32  # pools' worth of ``fresh`` drawn before the first step
    seed: int = 1
    matrix_rate: float = 0.012  # Muon
    other_rate: float = 2e-3  # AdamW
    time_mean: float = 1.0  # t ~ sigmoid(normal(mean, spread)): what a picture shows is decided near the noise
    time_spread: float = 1.2
    weight_clip: float = 0.1
    caption_dropout: float = 0.1
    average: float = 0.999
    clip: float = 1.0


@dataclass(frozen=True)
class DistillConfig:
    """The second stage: four steps that land where the first model, guided, lands with many."""

    updates: int = 894
    decay_updates: int = 447
    batch: int = 192
    substeps: int = 3  # of the teacher for each of the student's four
    guidance: float = 3.0
    seed: int = 2
    matrix_rate: float = 2e-3
    other_rate: float = 3e-4
    average: float = 0.99
    clip: float = 1.0
