"""Generator and discriminator of a DC-GAN (Radford et al. 2016): a spectrogram is an image of bands by frames."""

import torch
from torch import Tensor, nn

LAYERS = 4
SCALE = 2**LAYERS  # each layer doubles the sides of the generator's image, or halves those of the discriminator's


class ConditionalNorm(nn.Module):
    """Batch normalisation with a gain and a bias of each emotion (de Vries et al. 2017)."""

    def __init__(self, channels: int, emotions: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.gain = nn.Embedding(emotions, channels)
        self.bias = nn.Embedding(emotions, channels)
        nn.init.ones_(self.gain.weight)
        nn.init.zeros_(self.bias.weight)

    def forward(self, x: Tensor, emotions: Tensor) -> Tensor:
        """(batch, channels, height, width), same out; numbers of the emotions, (batch,)."""
        normalised: Tensor = self.norm(x)
        return normalised * self.gain(emotions)[..., None, None] + self.bias(emotions)[..., None, None]


class Generator(nn.Module):
    """Makes normalised spectrograms of emotions from noise."""

    def __init__(self, n_mels: int, frames: int, emotions: int, latent: int, channels: int) -> None:
        """Set up the layers.

        Args:
            n_mels: height of the image; one that `SCALE` does not divide is cut from a larger image
            frames: its width; the same holds
            emotions: how many
            latent: values of noise that an image is made from
            channels: before the last layer; each layer before has twice as many
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
        """Spectrograms, (batch, n_mels, frames), from noise (batch, latent) and numbers of emotions (batch,)."""
        x: Tensor = self.enter(noise).unflatten(1, (-1, *self.start))
        for norm, layer in zip(self.norms, self.layers, strict=True):
            x = layer(torch.relu(norm(x, emotions)))
        return x[:, 0, : self.n_mels, : self.frames]


class Discriminator(nn.Module):
    """Says how real a spectrogram looks as its emotion, by projection (Miyato & Koyama 2018)."""

    def __init__(self, emotions: int, channels: int) -> None:
        """Set up the layers: of so many emotions, and with so many channels after the first, then twice as many."""
        super().__init__()
        widths = [1, *(channels * 2**power for power in range(LAYERS))]
        layers: list[nn.Module] = []
        for narrow, wide in zip(widths, widths[1:], strict=False):
            layers += [nn.Conv2d(narrow, wide, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers)
        self.realness = nn.Linear(widths[-1], 1)
        self.similarity = nn.Embedding(emotions, widths[-1])

    def forward(self, x: Tensor, emotions: Tensor) -> Tensor:
        """One score each, (batch,), of (batch, n_mels, frames), both `SCALE` or more; a positive one is real."""
        seen: Tensor = self.layers(x[:, None]).sum(dim=(2, 3))
        scores: Tensor = self.realness(seen)[:, 0] + (self.similarity(emotions) * seen).sum(dim=1)
        return scores
