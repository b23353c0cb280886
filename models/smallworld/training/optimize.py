"""How both training stages optimise: where, with what (Muon for matrices, AdamW for the rest), and how fast."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn


class Muon(torch.optim.Optimizer):
    """Momentum whose update is orthogonalised by five Newton-Schulz steps (Keller Jordan, 2024).

    Parameters
    ----------
    parameters : iterable of Tensor
        Each with two dimensions or more.
    lr : float
    momentum : float
    """

    def __init__(self, parameters: Iterable[Tensor], lr: float, momentum: float = 0.95) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:
        """Update every matrix; convolution kernels are seen as outputs x (inputs x window).

        Matrices of one shape are orthogonalised together: on a GPU many small products cost their launches.
        """
        for group in self.param_groups:
            alike: dict[tuple[int, int], list[tuple[Tensor, Tensor]]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                mean = self.state[parameter].setdefault("mean", torch.zeros_like(parameter))
                mean.lerp_(parameter.grad, 1 - group["momentum"])
                update = parameter.grad.lerp(mean, group["momentum"]).reshape(parameter.shape[0], -1)
                alike[tuple(update.shape)].append((parameter, update))
            for (rows, columns), pairs in alike.items():
                rate = group["lr"] * 0.2 * math.sqrt(max(rows, columns))
                for (parameter, _), update in zip(pairs, orthogonal(torch.stack([u for _, u in pairs])), strict=True):
                    parameter.sub_(update.reshape(parameter.shape), alpha=rate)


def orthogonal(matrices: Tensor) -> Tensor:
    """Matrices [N, rows, columns] to the nearest with singular values near one, by the quintic iteration of Muon."""
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.transpose(1, 2) if tall else matrices
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    if x.is_cuda:  # few processors multiply batches of 16-bit matrices fast
        x = x.bfloat16()
    for _ in range(5):
        a = x @ x.transpose(1, 2)
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return (x.transpose(1, 2) if tall else x).to(matrices.dtype)


# Embeddings, first and last layers, modulation: what Muon is not for.
_OUTER = ("embedding", "stem", "out.weight", "place", "time1", "time2", "aspect", "pooled", "film", "position")


def optimizers(model: nn.Module, matrix_rate: float, other_rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the inner matrices; AdamW for embeddings, first and last layers, modulation, norms and biases.

    Parameters
    ----------
    model : torch.nn.Module
    matrix_rate, other_rate : float
        Full learning rates of Muon and of AdamW.
    """
    matrices: list[Tensor] = []
    others: list[Tensor] = []
    for name, parameter in model.named_parameters():
        outer = any(word in name for word in _OUTER) and "to_" not in name
        (matrices if parameter.ndim >= 2 and not outer else others).append(parameter)
    fused = others[0].is_cuda
    return [
        Muon(matrices, lr=matrix_rate),
        torch.optim.AdamW(others, lr=other_rate, betas=(0.9, 0.98), weight_decay=0.0, fused=fused),
    ]


class Schedule:
    """Warm-up, constant, then a linear fall to a fiftieth, of every group's full learning rate.

    Parameters
    ----------
    optimizers : list
    steps : int
        Length of the run.
    warmup, decay : int
        Its first and its last steps, in which the rate rises and falls.
    """

    def __init__(self, optimizers: list[torch.optim.Optimizer], steps: int, warmup: int, decay: int) -> None:
        self.optimizers, self.steps, self.warmup, self.decay = optimizers, steps, warmup, decay
        self.full = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]

    def share(self, step: int) -> float:
        """The share of the full rate at a step."""
        return min(1.0, (step + 1) / self.warmup, max(0.02, (self.steps - step) / self.decay))

    def set(self, step: int) -> None:
        """Set the rates of a step."""
        for optimizer, rates in zip(self.optimizers, self.full, strict=True):
            for group, full in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = full * self.share(step)


def device() -> torch.device:
    """The GPU if there is one, with its faster products of 32-bit floats; otherwise the processor."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@torch.no_grad()
def follow(average: nn.Module, model: nn.Module, share: float, step: int) -> None:
    """Move the running average of the weights toward the model; early on it forgets faster.

    Parameters
    ----------
    average, model : torch.nn.Module
    share : float
        How much of the average is kept, in the end.
    step : int
        How many updates the model has had.
    """
    share = min(share, (1 + step) / (10 + step))
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - share)
