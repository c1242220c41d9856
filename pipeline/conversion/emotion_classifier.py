"""A small emotion classifier, trained on real clips and then frozen, that pushes conversions towards their target.

StarGAN-VC (Kameoka et al. 2018) has such a domain classifier beside its discriminators. The one here is done learning
before the generators begin, so that it knows nothing but real clips of the train partition.
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
from pipeline.core.params import section


@section
class EmotionClassifierParams:
    """Size and training of the classifier."""

    channels: PositiveInt
    steps: PositiveInt
    batch: PositiveInt
    learning_rate: PositiveFloat  # falls to nothing, linearly
    noise: NonNegativeFloat  # added to what it learns from, so that a trace of an emotion does not convince it


class EmotionClassifier(nn.Module):
    """Mel-cepstrum → one logit an emotion: strided convolutions over frames, their mean over time, a linear layer."""

    mean: Tensor  # of each coefficient over the frames that it learned from, (order,)
    deviation: Tensor
    heard: Tensor  # 1, or 0 of what it is deaf to, (order, 1)

    def __init__(self, order: int, channels: int, emotions: Sequence[str], masked: Sequence[int] = ()) -> None:
        """Set up the layers.

        Args:
            order: coefficients of a frame
            channels: inside
            emotions: in the order of its logits
            masked: coefficients that the clip will not have from the generator, which should not try with these
        """
        super().__init__()
        self.emotions = tuple(emotions)
        self.register_buffer("mean", torch.zeros(order))
        self.register_buffer("deviation", torch.ones(order))
        self.register_buffer("heard", torch.ones(order, 1))
        self.heard[list(masked)] = 0
        widths = (order, channels, channels, channels)
        layers: list[nn.Module] = []
        for narrow, wide in zip(widths, widths[1:], strict=False):
            layers += [nn.Conv1d(narrow, wide, 5, stride=2, padding=2), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers)
        self.leave = nn.Linear(channels, len(self.emotions))

    def forward(self, spectrum: Tensor) -> Tensor:
        """Logits.

        Args:
            spectrum: as the vocoder gives it, not normalised, (batch, order, frames), any number of frames

        Returns:
            (batch, emotions)
        """
        x = (spectrum - self.mean[:, None]) / self.deviation[:, None] * self.heard
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
    """Train a classifier; the same arguments on the same kind of machine give the same weights.

    Every emotion is drawn equally often, and of each emotion every speaker who acts it.

    Args:
        spectra: of train clips, as the vocoder gives them, (frames, order)
        labels: emotion of each clip
        speakers: of each clip
        params: size and training
        frames: of the crops that it learns from; those that it will score
        seed: of weights, crops and noise
        device: where to train
        masked: coefficients that do not come from the generator

    Returns:
        the classifier, on the device
    """
    torch.manual_seed(seed)
    draw = torch.Generator().manual_seed(seed)
    emotions = sorted(set(labels))
    clips = equally_drawn(spectra, labels, speakers).to(device)
    classifier = EmotionClassifier(clips.frames.shape[1], params.channels, emotions, masked)
    statistics = Normalisation.fit(spectra)
    classifier.mean.copy_(statistics.mean)
    classifier.deviation.copy_(statistics.deviation)
    classifier.to(device)
    targets = torch.tensor([emotions.index(label) for label in labels])
    adam = torch.optim.Adam(classifier.parameters(), params.learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(adam, lambda step: 1 - step / params.steps)
    for _ in range(params.steps):
        picked = clips.clips(params.batch, draw)
        crops = clips.crops_of(picked, frames, draw)
        noise = torch.randn(crops.shape, generator=draw).to(device)
        logits = classifier(crops + params.noise * classifier.deviation[:, None] * noise)
        loss = cross_entropy(logits, targets[picked].to(device))
        adam.zero_grad()
        loss.backward()
        adam.step()
        schedule.step()
    return classifier


def equally_drawn(spectra: Sequence[Tensor], labels: Sequence[str], speakers: Sequence[str]) -> Domain:
    """Clips of which every emotion is drawn equally often, and of each emotion every speaker who acts it."""
    cells = list(zip(labels, speakers, strict=True))
    actors = {emotion: len({speaker for label, speaker in cells if label == emotion}) for emotion in set(labels)}
    chances = torch.tensor([1 / (cells.count(cell) * actors[cell[0]]) for cell in cells])
    return replace(Domain.of(spectra, speakers), chances=chances)


class ClassifierLoss(nn.Module):
    """What a frozen classifier makes of fakes of a pair's two emotions, a and b."""

    a_to_b: "Units"  # of each clip of a, when it is made b
    b_to_a: "Units"
    targets: Tensor  # of a and b, numbers of the classifier's emotions, (2,)

    def __init__(
        self,
        classifier: EmotionClassifier,
        emotions: tuple[str, str],
        a_to_b: Sequence[Normalisation],
        b_to_a: Sequence[Normalisation],
    ) -> None:
        """Copy and freeze the classifier.

        Args:
            classifier: knows both emotions
            emotions: of the pair, in the order of `train`
            a_to_b: of each clip of the domain a, what is undone of its conversion to b, as `Converter` does it
            b_to_a: the same of each clip of b

        Raises:
            ValueError: the classifier has not learned one of them
        """
        super().__init__()
        self.classifier = deepcopy(classifier).eval().requires_grad_(False)
        for emotion in emotions:
            if emotion not in classifier.emotions:
                raise ValueError(f"the classifier does not know '{emotion}', only {', '.join(classifier.emotions)}")
        self.a_to_b, self.b_to_a = Units(a_to_b), Units(b_to_a)
        self.register_buffer("targets", torch.tensor([classifier.emotions.index(emotion) for emotion in emotions]))

    def forward(self, fake_a: Tensor, fake_b: Tensor, of_b: Tensor, of_a: Tensor) -> Tensor:
        """Cross-entropy of the logits from the target emotion, the mean over fakes of a and that over fakes of b added.

        Args:
            fake_a: normalised as a is, (batch, order, frames)
            fake_b: normalised as b is, same shape
            of_b: numbers of the clips of b that `fake_a` was made of, (batch,)
            of_a: numbers of the clips of a that `fake_b` was made of, (batch,)
        """
        spectra = torch.cat([self.b_to_a(fake_a, of_b), self.a_to_b(fake_b, of_a)])
        logits = self.classifier(spectra)
        return 2 * cross_entropy(logits, self.targets.repeat_interleave(len(fake_a)))


class Units(nn.Module):
    """From normalised to the vocoder's units, for each clip of a domain its own way."""

    scale: Tensor  # (clips, order, 1)
    shift: Tensor

    def __init__(self, undone: Sequence[Normalisation]) -> None:
        super().__init__()
        self.register_buffer("scale", torch.stack([own.deviation for own in undone])[:, :, None])
        self.register_buffer("shift", torch.stack([own.mean for own in undone])[:, :, None])

    def forward(self, fakes: Tensor, clips: Tensor) -> Tensor:
        """Fakes (batch, order, frames) in the vocoder's units, of the clips with these numbers, (batch,)."""
        numbers = clips.to(self.scale.device)
        return fakes * self.scale[numbers] + self.shift[numbers]
