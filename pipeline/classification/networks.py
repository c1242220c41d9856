"""The `cnn`: convolutions over time, attentive statistics pooling, a linear layer.

All layers work on (batch, frames, channels), so that elementwise operations and reductions run along channels, which
lie side by side in memory. On a CPU this takes half the time of (batch, channels, frames).
"""

from typing import Any

import torch
from torch import Tensor, nn


class RectifiedPairs(torch.autograd.Function):
    """Maximum of zero and each two neighbouring frames: `max_pool1d(relu(x), 2) * mask`, much faster on a CPU.

    Where both frames are equal, the gradient goes to the first, as in `max_pool1d`.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, mask: Tensor) -> Tensor:
        """(batch, frames, channels) → (batch, ⌊frames / 2⌋, channels)."""
        first, second = x[:, : x.shape[1] - 1 : 2], x[:, 1::2]
        pooled = torch.maximum(first, second).clamp_(min=0).mul_(mask.to(x.dtype))
        ctx.save_for_backward(second - first, pooled)
        ctx.shape = x.shape
        return pooled

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Gradient of the pooled frames → gradient of the frames."""
        difference, pooled = ctx.saved_tensors
        above = torch.ops.aten.threshold_backward  # the gradient where another tensor is above a number, else 0
        gradient = above(gradients[0], pooled, 0)
        of_second = above(gradient, difference, 0)
        found = pooled.new_zeros(ctx.shape) if ctx.shape[1] % 2 else pooled.new_empty(ctx.shape)
        torch.sub(gradient, of_second, out=found[:, : ctx.shape[1] - 1 : 2])
        found[:, 1::2] = of_second
        return found, None


class ConvBlock(nn.Module):
    """Convolution over time, batch normalisation, rectifier; halves the frame rate."""

    def __init__(self, channels_in: int, channels: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels, (1, kernel), padding=(0, kernel // 2), bias=False)
        self.norm = nn.BatchNorm1d(channels)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(batch, frames, channels_in) → (batch, ⌊frames / 2⌋, channels), zero where `mask` is false.

        Normalisation fills the padding, which would leak into the next convolution.
        """
        wide = x.transpose(1, 2).unsqueeze(2)  # (B, T, C) -> (B, C, 1, T), the channels still last in memory
        hidden = self.conv(wide).squeeze(2).transpose(1, 2)
        pooled: Tensor = RectifiedPairs.apply(self.norm(hidden.flatten(0, 1)).view_as(hidden), mask)
        return pooled


class AttentiveStatistics(nn.Module):
    """Mean and deviation over time, frames weighted by attention (Okabe et al. 2018, eq. 5 and 6)."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        score = nn.Linear(hidden, channels, bias=False)  # a bias would cancel in the softmax over time
        self.attention = nn.Sequential(nn.Linear(channels, hidden), nn.Tanh(), score)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Pool over time.

        Args:
            x: (batch, frames, channels)
            mask: true where a frame is of the clip, false where it pads, (batch, frames, 1)

        Returns:
            (batch, 2 · channels)
        """
        full = next(self.parameters()).dtype  # in mixed precision the difference below would lose the variance
        weights, x = self.attention(x).to(full).masked_fill(~mask, float("-inf")).softmax(dim=1), x.to(full)
        mean = (weights * x).sum(dim=1)
        variance = (weights * x.square()).sum(dim=1) - mean.square()
        return torch.cat([mean, variance.clamp(min=1e-5).sqrt()], dim=1)


class EmotionCnn(nn.Module):
    """Log-mel spectrogram → one logit an emotion."""

    STRIDE = 8  # input frames a pooled frame

    def __init__(self, n_mels: int, channels: int, kernel: int, dropout: float, classes: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(ConvBlock(width, channels, kernel) for width in (n_mels, channels, channels))
        self.pool = AttentiveStatistics(channels, channels // 2)
        self.head = nn.Sequential(nn.BatchNorm1d(2 * channels), nn.Dropout(dropout), nn.Linear(2 * channels, classes))

    def forward(self, mel: Tensor, lengths: Tensor) -> Tensor:
        """Logits of each clip, independent of the padding.

        Args:
            mel: normalised, zero where it pads, (batch, frames, n_mels), at least `STRIDE` frames
            lengths: frames of each clip, (batch,)

        Returns:
            (batch, classes)
        """
        hidden = mel
        for block in self.blocks:
            lengths = (lengths // 2).clamp(min=1)
            mask = torch.arange(hidden.shape[1] // 2, device=mel.device)[:, None] < lengths[:, None, None]
            hidden = block(hidden, mask)
        logits: Tensor = self.head(self.pool(hidden, mask))
        return logits
