"""The network: a text encoder of 0.7 M parameters and a U-Net of 8 M that predicts the clean picture.

Shapes in comments: B pictures, C channels, H x W pixels, L tokens, D = 128 text features.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812 - the name that everyone uses
from torch import Tensor, nn

from smallworld.prompt import MAX_TOKENS, VOCABULARY_SIZE

from .config import ModelConfig


def _zero(layer: nn.Module) -> nn.Module:
    """Start a residual branch at zero, so that the network begins as the identity."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


class Attention(nn.Module):
    """Multi-head attention with RMS-normalised queries and keys.

    Parameters
    ----------
    width : int
        Features of a place.
    heads : int
    context_width : int, optional
        Features of what is looked at; those of a place unless given.
    """

    def __init__(self, width: int, heads: int, context_width: int | None = None) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(context_width or width, 2 * width, bias=False)
        self.out = _zero(nn.Linear(width, width))
        self.query_scale = nn.Parameter(torch.ones(width // heads))
        self.key_scale = nn.Parameter(torch.ones(width // heads))

    @staticmethod
    def _normalise(x: Tensor, scale: Tensor) -> Tensor:
        rms = torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + 1e-6)
        return x * rms.to(x.dtype) * scale.to(x.dtype)

    def forward(self, x: Tensor, context: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        """Mix what each place looks at.

        Parameters
        ----------
        x : Tensor
            Places, [B, N, width].
        context : Tensor, optional
            What they look at, [B, M, context width]; the places themselves unless given.
        bias : Tensor, optional
            Added to the scores, [B, 1, 1, M]: very negative where there is no word.
        """
        batch, length, width = x.shape  # [B, N, width]
        context = x if context is None else context
        q = self.query(x).view(batch, length, self.heads, -1).transpose(1, 2)  # [B, heads, N, width / heads]
        kv = self.key_value(context).view(batch, context.shape[1], 2, self.heads, -1)
        k, v = kv.permute(2, 0, 3, 1, 4).unbind(0)
        q, k = self._normalise(q, self.query_scale), self._normalise(k, self.key_scale)
        if x.is_cuda:
            mask = None if bias is None else bias.to(q.dtype).expand(batch, 1, length, -1)
            mixed = F.scaled_dot_product_attention(q, k, v.to(q.dtype), attn_mask=mask)
        else:  # written out: with so few places and words it is faster on a CPU than the fused kernel
            scores = q @ k.transpose(-1, -2) * (width // self.heads) ** -0.5
            mixed = torch.softmax(scores if bias is None else scores + bias, -1).to(v.dtype) @ v
        return self.out(mixed.transpose(1, 2).reshape(batch, length, width))


class TextBlock(nn.Module):
    """One pre-norm transformer layer of the text encoder."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(width), Attention(width, heads)
        self.norm2, self.wide, self.narrow = (
            nn.LayerNorm(width),
            nn.Linear(width, 3 * width),
            _zero(nn.Linear(3 * width, width)),
        )

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x), bias=bias)
        return x + self.narrow(F.gelu(self.wide(self.norm2(x)), approximate="tanh"))


class TextEncoder(nn.Module):
    """Token ids to features. The convolution over five tokens binds "red" to the "circle" beside it."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.text_width
        self.embedding = nn.Embedding(VOCABULARY_SIZE, width)
        nn.init.normal_(self.embedding.weight, std=0.3)
        self.position = nn.Parameter(torch.randn(MAX_TOKENS, width) * 0.02)
        self.convolution = nn.Conv1d(width, 2 * width, 5, padding=2)
        self.projection = nn.Linear(2 * width, width)
        self.blocks = nn.ModuleList(TextBlock(width, config.text_heads) for _ in range(config.text_layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, ids: Tensor) -> Tensor:
        mask = ids != 0  # [B, L]
        x = self.embedding(ids) + self.position[: ids.shape[1]]
        bias = torch.where(mask, 0.0, -1e4)[:, None, None, :].to(x.dtype)
        x = x * mask[..., None].to(x.dtype)
        neighbours = self.convolution(x.transpose(1, 2)).transpose(1, 2)
        x = x + self.projection(F.gelu(neighbours, approximate="tanh"))
        for block in self.blocks:
            x = block(x, bias)
        return self.norm(x) * mask[..., None].to(x.dtype)  # [B, L, D]


class ResidualBlock(nn.Module):
    """Two convolutions, modulated (FiLM) by the time and the pooled text.

    Parameters
    ----------
    inputs, outputs : int
        Channels.
    condition : int
        Features of what modulates it.
    """

    def __init__(self, inputs: int, outputs: int, condition: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(8, inputs), nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm2, self.conv2 = nn.GroupNorm(8, outputs), _zero(nn.Conv2d(outputs, outputs, 3, padding=1))
        self.film = _zero(nn.Linear(condition, 2 * outputs))
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        scale, shift = self.film(condition)[:, :, None, None].chunk(2, 1)
        return self.skip(x) + self.conv2(F.silu(self.norm2(h) * (1 + scale) + shift))


class PictureAttention(nn.Module):
    """Each place of the feature map looks at all places, then at the words, then thinks.

    Parameters
    ----------
    width : int
        Channels.
    heads : int
    text_width : int
        Features of a word.
    """

    def __init__(self, width: int, heads: int, text_width: int) -> None:
        super().__init__()
        self.norm1, self.to_self = nn.LayerNorm(width), Attention(width, heads)
        self.norm2, self.to_text = nn.LayerNorm(width), Attention(width, heads, text_width)
        self.norm3, self.wide, self.narrow = (
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            _zero(nn.Linear(2 * width, width)),
        )
        self.place = nn.Linear(18, width)
        nn.init.normal_(self.place.weight, std=0.2)

    def forward(self, x: Tensor, text: Tensor, bias: Tensor) -> Tensor:
        """Look at places and words.

        Parameters
        ----------
        x : Tensor
            [B, C, H, W].
        text : Tensor
            [B, L, D].
        bias : Tensor
            [B, 1, 1, L]: very negative where there is no word.
        """
        batch, channels, height, width = x.shape
        place = self.place(_place_features(height, width, x.device))[None]  # [1, H W, C]
        z = x.flatten(2).transpose(1, 2)
        z = z + self.to_self(self.norm1(z) + place)
        z = z + self.to_text(self.norm2(z) + place, text, bias)
        z = z + self.narrow(F.silu(self.wide(self.norm3(z))))
        return z.transpose(1, 2).reshape(batch, channels, height, width)


def _coordinates(height: int, width: int, device: torch.device) -> Tensor:
    """Coordinates x and y from -1 to 1 at the middle of each place, shape [2, H, W]."""
    y = (torch.arange(height, device=device).float() + 0.5) / height * 2 - 1
    x = (torch.arange(width, device=device).float() + 0.5) / width * 2 - 1
    return torch.stack([x[None, :].expand(height, width), y[:, None].expand(height, width)])


def _place_features(height: int, width: int, device: torch.device) -> Tensor:
    """Coordinates and their sines and cosines at four frequencies, shape [H W, 18]."""
    c = _coordinates(height, width, device)
    waves = [wave(2.0**k * math.pi / 2 * c) for k in range(4) for wave in (torch.sin, torch.cos)]
    return torch.cat([c, *waves], 0).flatten(1).t()


class Denoiser(nn.Module):
    """U-Net: noisy picture, time, aspect ratio and words to the clean picture it sees in them."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        a, b, c = config.channels
        d, text = config.condition_width, config.text_width
        pixels = 3 * config.patch**2
        self.patch = config.patch
        self.time1, self.time2, self.pooled = nn.Linear(128, d), nn.Linear(d, d), nn.Linear(text, d)
        self.aspect1, self.aspect2 = nn.Linear(1, d), _zero(nn.Linear(d, d))
        self.stem = nn.Conv2d(pixels + 2, a, 3, padding=1)
        self.down_a = ResidualBlock(a, a, d)
        self.to_b, self.down_b = nn.Conv2d(4 * a, b, 1), ResidualBlock(b, b, d)
        self.look_down = PictureAttention(b, config.heads[0], text)
        self.to_c, self.middle1 = nn.Conv2d(4 * b, c, 1), ResidualBlock(c, c, d)
        self.look_middle1, self.middle2 = PictureAttention(c, config.heads[1], text), ResidualBlock(c, c, d)
        self.look_middle2, self.middle3 = PictureAttention(c, config.heads[1], text), ResidualBlock(c, c, d)
        self.from_c, self.up_b1 = nn.Conv2d(c, 4 * b, 1), ResidualBlock(2 * b, b, d)
        self.look_up, self.up_b2 = PictureAttention(b, config.heads[0], text), ResidualBlock(b, b, d)
        self.from_b, self.up_a1, self.up_a2 = (
            nn.Conv2d(b, 4 * a, 1),
            ResidualBlock(2 * a, a, d),
            ResidualBlock(a, a, d),
        )
        self.norm, self.out = nn.GroupNorm(8, a), nn.Conv2d(a, pixels, 3, padding=1)

    def forward(self, x: Tensor, time: Tensor, aspect: Tensor, text: Tensor, mask: Tensor) -> Tensor:
        """Predict the clean picture.

        Parameters
        ----------
        x : Tensor
            Noisy picture, [B, 3, 64, 64], values about -1 to 1.
        time : Tensor
            [B], 0 is clean and 1 is noise.
        aspect : Tensor
            [B], the natural logarithm of width by height that the square stands for.
        text, mask : Tensor
            Features of the words [B, L, D] and 1 where there is a word [B, L].
        """
        bias = ((mask.float() - 1) * 1e4)[:, None, None, :].to(text.dtype)
        condition = self._condition(time, aspect, text, mask)
        h = F.pixel_unshuffle(x, self.patch)  # [B, 12, 32, 32]
        place = _coordinates(h.shape[2], h.shape[3], x.device)[None].expand(x.shape[0], -1, -1, -1)
        h = self.stem(torch.cat([h, place.to(h.dtype)], 1))
        skip_a = self.down_a(h, condition)
        h = self.to_b(F.pixel_unshuffle(skip_a, 2))  # [B, 128, 16, 16]
        skip_b = self.look_down(self.down_b(h, condition), text, bias)
        h = self.to_c(F.pixel_unshuffle(skip_b, 2))  # [B, 256, 8, 8]
        h = self.middle2(self.look_middle1(self.middle1(h, condition), text, bias), condition)
        h = self.middle3(self.look_middle2(h, text, bias), condition)
        h = torch.cat([F.pixel_shuffle(self.from_c(h), 2), skip_b], 1)
        h = self.up_b2(self.look_up(self.up_b1(h, condition), text, bias), condition)
        h = torch.cat([F.pixel_shuffle(self.from_b(h), 2), skip_a], 1)
        h = self.up_a2(self.up_a1(h, condition), condition)
        return F.pixel_shuffle(self.out(F.silu(self.norm(h))), self.patch)

    def _condition(self, time: Tensor, aspect: Tensor, text: Tensor, mask: Tensor) -> Tensor:
        """Time, aspect ratio and the mean of the words, [B, condition_width]."""
        frequencies = torch.exp(torch.arange(64, device=time.device).float() * (-math.log(1e4) / 64))
        angle = time.float()[:, None] * 1000 * frequencies
        words = mask.to(text.dtype)[..., None]
        pooled = (text * words).sum(1) / words.sum(1)
        clock = self.time2(F.silu(self.time1(torch.cat([angle.cos(), angle.sin()], 1))))
        shape = self.aspect2(F.silu(self.aspect1(aspect[:, None])))
        return F.silu(clock + shape + self.pooled(pooled))


class SmallWorld(nn.Module):
    """Text encoder and denoiser together, as they are trained."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.text = TextEncoder(config)
        self.denoiser = Denoiser(config)

    def forward(self, x: Tensor, time: Tensor, aspect: Tensor, ids: Tensor) -> Tensor:
        """Predict the clean picture.

        Parameters
        ----------
        x : Tensor
            Noisy picture, [B, 3, 64, 64].
        time, aspect : Tensor
            [B].
        ids : Tensor
            Token ids, [B, L].
        """
        return self.denoiser(x, time, aspect, self.text(ids), (ids != 0).float())


def build(config: ModelConfig, seed: int) -> SmallWorld:
    """A freshly initialised model; the global random generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return SmallWorld(config)
