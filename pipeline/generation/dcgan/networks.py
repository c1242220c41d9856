"""Generator and discriminator of a DC-GAN (Radford et al. 2016): a spectrogram is an image of bands by frames."""

import torch
from torch import Tensor, nn

LAYERS = 4
SCALE = 2**LAYERS  # each layer doubles the sides of the image in the generator, and halves them in the discriminator


class ConditionalNorm(nn.Module):
    """Batch normalisation with a gain and a bias for each emotion (de Vries et al. 2017)."""

    def __init__(self, channels: int, emotions: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.gain = nn.Embedding(emotions, channels)
        self.bias = nn.Embedding(emotions, channels)
        nn.init.ones_(self.gain.weight)
        nn.init.zeros_(self.bias.weight)

    def forward(self, x: Tensor, emotions: Tensor) -> Tensor:
        """Features, from and to (batch, channels, height, width); `emotions`: class numbers, (batch,)."""
        normalised: Tensor = self.norm(x)
        return normalised * self.gain(emotions)[..., None, None] + self.bias(emotions)[..., None, None]


class Generator(nn.Module):
    """Normalised spectrograms of given emotions, from noise."""

    def __init__(self, n_mels: int, frames: int, emotions: int, latent: int, channels: int) -> None:
        """Set up the layers.

        Args:
            n_mels: height of the image; if not a multiple of `SCALE`, it is cropped from a larger image
            frames: width of the image; likewise
            emotions: number of classes
            latent: values of noise for an image
            channels: before the last layer; each earlier layer has twice as many
        """
        super().__init__()
        self.latent, self.n_mels, self.frames = latent, n_mels, frames
        self.start = -(-n_mels // SCALE), -(-frames // SCALE)
        widths = [channels * 2**power for power in reversed(range(LAYERS))]
        self.enter = nn.Linear(latent, widths[0] * self.start[0] * self.start[1])
        self.norms = nn.ModuleList(ConditionalNorm(width, emotions) for width in widths)
        self.layers = nn.ModuleList(
            nn.ConvTranspose2d(wide, narrow, 4, stride=2, padding=1)
            for wide, narrow in zip(widths, [*widths[1:], 1], strict=True)
        )

    def forward(self, noise: Tensor, emotions: Tensor) -> Tensor:
        """Spectrograms, (batch, n_mels, frames), from noise (batch, latent) and class numbers (batch,)."""
        x: Tensor = self.enter(noise).unflatten(1, (-1, *self.start))
        for norm, layer in zip(self.norms, self.layers, strict=True):
            x = layer(torch.relu(norm(x, emotions)))
        return x[:, 0, : self.n_mels, : self.frames]


class Discriminator(nn.Module):
    """Scores how real a spectrogram of an emotion is, by projection (Miyato & Koyama 2018)."""

    def __init__(self, emotions: int, channels: int) -> None:
        """Set up the layers; `channels` is the number after the first one, and each further layer has twice as many."""
        super().__init__()
        widths = [1, *(channels * 2**power for power in range(LAYERS))]
        layers: list[nn.Module] = []
        for narrow, wide in zip(widths, widths[1:], strict=False):
            layers += [nn.Conv2d(narrow, wide, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers)
        self.realness = nn.Linear(widths[-1], 1)
        self.similarity = nn.Embedding(emotions, widths[-1])

    def forward(self, x: Tensor, emotions: Tensor) -> Tensor:
        """Scores, (batch,), positive for real, of (batch, n_mels, frames), at least `SCALE` each, and class numbers."""
        features: Tensor = self.layers(x[:, None]).sum(dim=(2, 3))
        scores: Tensor = self.realness(features)[:, 0] + (self.similarity(emotions) * features).sum(dim=1)
        return scores
