"""Auxiliary emotion classifier: its loss moves conversions towards their target emotion.

StarGAN-VC (Kameoka et al. 2018) trains such a domain classifier beside its discriminators. This one is trained before
the generators, on real clips of the train partition alone, and then frozen.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace

import torch
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from pipeline.conversion.converter import Normalisation
from pipeline.conversion.crops import Domain
from pipeline.core import console
from pipeline.core.params import section
from pipeline.networks.progress import Optimiser


@section
class EmotionClassifierParams:
    """Size and training of the classifier."""

    channels: PositiveInt
    steps: PositiveInt
    batch: PositiveInt
    learning_rate: PositiveFloat  # falls linearly to 0
    noise: NonNegativeFloat  # added to training crops, in standard deviations, so that weak cues do not suffice


class EmotionClassifier(nn.Module):
    """One logit for each emotion: strided convolutions over frames, their mean over time, a linear layer."""

    mean: Tensor  # of each coefficient over the training frames, (order,)
    deviation: Tensor
    mask: Tensor  # 0 for masked coefficients, 1 for others, (order, 1)

    def __init__(self, order: int, channels: int, emotions: Sequence[str], masked: Sequence[int] = ()) -> None:
        """Set up the layers.

        Args:
            order: coefficients of a frame
            channels: of each convolution
            emotions: in the order of the logits
            masked: coefficients that are ignored, because a converted clip does not get them from the generator
        """
        super().__init__()
        self.emotions = tuple(emotions)
        self.register_buffer("mean", torch.zeros(order))
        self.register_buffer("deviation", torch.ones(order))
        self.register_buffer("mask", torch.ones(order, 1))
        self.mask[list(masked)] = 0
        widths = (order, channels, channels, channels)
        layers: list[nn.Module] = []
        for narrow, wide in zip(widths, widths[1:], strict=False):
            layers += [nn.Conv1d(narrow, wide, 5, stride=2, padding=2), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers)
        self.leave = nn.Linear(channels, len(self.emotions))

    def forward(self, spectrum: Tensor) -> Tensor:
        """Logits.

        Args:
            spectrum: of the vocoder, not normalised, (batch, order, frames), any number of frames

        Returns:
            (batch, emotions)
        """
        x = (spectrum - self.mean[:, None]) / self.deviation[:, None] * self.mask
        logits: Tensor = self.leave(self.layers(x).mean(dim=2))
        return logits.float()


def trained_classifier(
    spectra: Sequence[Tensor],
    labels: Sequence[str],
    speakers: Sequence[str],
    params: EmotionClassifierParams,
    frames: int,
    seed: int,
    device: torch.device,
    masked: Sequence[int] = (),
) -> EmotionClassifier:
    """Train a classifier; equal arguments on the same kind of hardware give equal weights.

    Every emotion is drawn equally often, and within an emotion every speaker.

    Args:
        spectra: of train clips, not normalised, each (frames, order)
        labels: emotion of each clip
        speakers: of each clip
        params: size and training
        frames: of a crop, in training as in the loss
        seed: of weights, crops and noise
        device: where to train
        masked: coefficients that are ignored

    Returns:
        the classifier, on the device
    """
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed)
    emotions = sorted(set(labels))
    clips = equally_drawn(spectra, labels, speakers).to(device)
    classifier = EmotionClassifier(clips.frames.shape[1], params.channels, emotions, masked)
    statistics = Normalisation.fit(spectra)
    classifier.mean.copy_(statistics.mean)
    classifier.deviation.copy_(statistics.deviation)
    classifier.to(device)
    targets = torch.tensor([emotions.index(label) for label in labels])
    adam = torch.optim.Adam(classifier.parameters(), params.learning_rate, fused=True)
    optimiser = Optimiser(adam, params.steps, constant_share=0)
    for _ in console.steps("emotion classifier", params.steps):
        picked = clips.clips(params.batch, rng)
        crops = clips.crops_of(picked, frames, rng)
        noise = torch.randn(crops.shape, generator=rng).to(device)
        logits = classifier(crops + params.noise * classifier.deviation[:, None] * noise)
        optimiser.step(cross_entropy(logits, targets[picked].to(device)))
    return classifier


def equally_drawn(spectra: Sequence[Tensor], labels: Sequence[str], speakers: Sequence[str]) -> Domain:
    """Clips, of which every emotion is drawn equally often, and within an emotion every speaker."""
    cells = list(zip(labels, speakers, strict=True))
    speakers_of = {emotion: len({speaker for label, speaker in cells if label == emotion}) for emotion in set(labels)}
    probabilities = torch.tensor([1 / (cells.count(cell) * speakers_of[cell[0]]) for cell in cells])
    return replace(Domain.of(spectra, speakers), probabilities=probabilities)


class ClassifierLoss(nn.Module):
    """Loss of a frozen classifier on fakes of a pair's two emotions, a and b."""

    a_to_b: "Denormalisation"  # of conversions from a to b
    b_to_a: "Denormalisation"
    targets: Tensor  # class numbers of a and b, (2,)

    def __init__(
        self,
        classifier: EmotionClassifier,
        emotions: tuple[str, str],
        a_to_b: Sequence[Normalisation],
        b_to_a: Sequence[Normalisation],
    ) -> None:
        """Copy and freeze the classifier.

        Args:
            classifier: trained on both emotions among others
            emotions: a and b
            a_to_b: normalisation to undo after the conversion of each clip of a to b, as in `Converter`
            b_to_a: the same of each clip of b

        Raises:
            ValueError: the classifier was not trained on one of them
        """
        super().__init__()
        self.classifier = deepcopy(classifier).eval().requires_grad_(False)
        for emotion in emotions:
            if emotion not in classifier.emotions:
                raise ValueError(f"classifier without '{emotion}', expected one of {', '.join(classifier.emotions)}")
        self.a_to_b, self.b_to_a = Denormalisation(a_to_b), Denormalisation(b_to_a)
        self.register_buffer("targets", torch.tensor([classifier.emotions.index(emotion) for emotion in emotions]))

    def forward(self, fake_a: Tensor, fake_b: Tensor, of_b: Tensor, of_a: Tensor) -> Tensor:
        """Cross-entropy against the target emotion: mean over fakes of a plus mean over fakes of b.

        Args:
            fake_a: normalised, (batch, order, frames)
            fake_b: same shape
            of_b: numbers of the clips of b that are the sources of `fake_a`, (batch,)
            of_a: numbers of the clips of a that are the sources of `fake_b`, (batch,)
        """
        spectra = torch.cat([self.b_to_a(fake_a, of_b), self.a_to_b(fake_b, of_a)])
        logits = self.classifier(spectra)
        return 2 * cross_entropy(logits, self.targets.repeat_interleave(len(fake_a)))


class Denormalisation(nn.Module):
    """From normalised to vocoder units, with statistics of its own for each clip of a domain."""

    scale: Tensor  # (clips, order, 1)
    shift: Tensor

    def __init__(self, normalisations: Sequence[Normalisation]) -> None:
        super().__init__()
        self.register_buffer("scale", torch.stack([own.deviation for own in normalisations])[:, :, None])
        self.register_buffer("shift", torch.stack([own.mean for own in normalisations])[:, :, None])

    def forward(self, fakes: Tensor, clips: Tensor) -> Tensor:
        """Fakes in vocoder units, from and to (batch, order, frames); `clips`: numbers of their sources, (batch,)."""
        numbers = clips.to(self.scale.device)
        return fakes * self.scale[numbers] + self.shift[numbers]
