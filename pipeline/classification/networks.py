"""The `cnn`: convolutions over time, attentive statistics pooling, a linear layer."""

import torch
from torch import Tensor, nn


class ConvBlock(nn.Module):
    """Convolution over time, batch normalisation, rectifier; halves the frame rate."""

    def __init__(self, channels_in: int, channels: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels_in, channels, kernel, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm1d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels_in, frames) → (batch, channels, ⌊frames / 2⌋)."""
        pooled: Tensor = nn.functional.max_pool1d(torch.relu(self.norm(self.conv(x))), 2)
        return pooled


class AttentiveStatistics(nn.Module):
    """Mean and deviation over time, frames weighted by attention (Okabe et al. 2018, eq. 5 and 6)."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        score = nn.Conv1d(hidden, channels, 1, bias=False)  # a bias would cancel in the softmax over time
        self.attention = nn.Sequential(nn.Conv1d(channels, hidden, 1), nn.Tanh(), score)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Pool over time.

        Args:
            x: (batch, channels, frames)
            mask: true where a frame is of the clip, false where it pads, (batch, 1, frames)

        Returns:
            (batch, 2 · channels)
        """
        full = next(
            self.attention.parameters()
        ).dtype  # in mixed precision the difference below would lose the variance
        weights, x = self.attention(x).to(full).masked_fill(~mask, float("-inf")).softmax(dim=2), x.to(full)
        mean = (weights * x).sum(dim=2)
        variance = (weights * x.square()).sum(dim=2) - mean.square()
        return torch.cat([mean, variance.clamp(min=1e-5).sqrt()], dim=1)


class EmotionCnn(nn.Module):
    """Log-mel spectrogram → one logit an emotion."""

    STRIDE = 8  # input frames a pooled frame

    def __init__(self, n_mels: int, channels: int, kernel: int, dropout: float, classes: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            ConvBlock(n_mels, channels, kernel),
            ConvBlock(channels, channels, kernel),
            ConvBlock(channels, channels, kernel),
        )
        self.pool = AttentiveStatistics(channels, channels // 2)
        self.head = nn.Sequential(nn.BatchNorm1d(2 * channels), nn.Dropout(dropout), nn.Linear(2 * channels, classes))

    def forward(self, mel: Tensor, lengths: Tensor) -> Tensor:
        """Logits of each clip, independent of the padding.

        Args:
            mel: normalised, zero where it pads, (batch, n_mels, frames), at least `STRIDE` frames
            lengths: frames of each clip, (batch,)

        Returns:
            (batch, classes)
        """
        hidden = mel
        for block in self.blocks:
            hidden = block(hidden)
            lengths = (lengths // 2).clamp(min=1)
            mask = torch.arange(hidden.shape[2], device=mel.device) < lengths[:, None, None]
            hidden = hidden * mask  # normalisation fills the padding, which would leak into the next convolution
        logits: Tensor = self.head(self.pool(hidden, mask))
        return logits
