"""The networks of a pair of emotions, and their parameters."""

from itertools import chain
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn

from pipeline.conversion.emotion_classifier import EmotionClassifierParams
from pipeline.conversion.losses import fake_loss, real_loss
from pipeline.conversion.networks import Discriminator, Generator
from pipeline.core.params import Odd, section

Share = Annotated[float, Field(ge=0, le=1)]


@section
class CycleGanParams:
    """Size and training of a pair's networks; a loss with weight 0 is not computed."""

    channels: PositiveInt
    blocks: NonNegativeInt
    kernel: Odd
    residual_mean_removal: Share  # share of the mean over time of a generator's residual that is subtracted
    variance_compensation: Share  # share of the way back to a clip's own global variance, in conversion
    discriminator_channels: PositiveInt
    normalisation: Literal["corpus", "speaker"]  # speaker: spectra are relative to the speaker's neutral speech
    steps: PositiveInt
    batch: PositiveInt  # crops of each emotion in a step
    frames: PositiveInt  # of a crop
    generator_rate: PositiveFloat  # learning rates
    discriminator_rate: PositiveFloat
    constant_share: Share  # of the steps, before both rates fall linearly to 0
    adversarial_weight: NonNegativeFloat
    cycle_weight: NonNegativeFloat
    identity_weight: NonNegativeFloat
    identity_share: Share  # of the steps in which the identity loss applies
    parallel_weight: NonNegativeFloat  # of the distance to parallel utterances
    classifier_weight: NonNegativeFloat  # of the loss of the auxiliary emotion classifier
    emotion_classifier: EmotionClassifierParams
    log_every: PositiveInt  # steps to a row of the training curve


class Discriminators(nn.Module):
    """A discriminator of each emotion of a pair."""

    def __init__(self, order: int, params: CycleGanParams) -> None:
        super().__init__()
        size = order, params.discriminator_channels
        self.a, self.b = Discriminator(*size), Discriminator(*size)

    def generator_loss(self, fake_a: Tensor, fake_b: Tensor) -> Tensor:
        """Adversarial loss of the generators: distance of the fakes' scores from those of real crops.

        Args:
            fake_a: (batch, order, frames)
            fake_b: same shape
        """
        return real_loss(self.a(fake_a).float()) + real_loss(self.b(fake_b).float())

    def discriminator_loss(self, real_a: Tensor, real_b: Tensor, fake_a: Tensor, fake_b: Tensor) -> Tensor:
        """Loss of the discriminators on real and fake crops, each (batch, order, frames); fakes get no gradient."""
        true_a, false_a = self.a(torch.cat([real_a, fake_a.detach()])).float().chunk(2)
        true_b, false_b = self.b(torch.cat([real_b, fake_b.detach()])).float().chunk(2)
        return real_loss(true_a) + fake_loss(false_a) + real_loss(true_b) + fake_loss(false_b)


class CycleGan(nn.Module):
    """The networks of a pair of emotions, a and b."""

    def __init__(self, order: int, params: CycleGanParams) -> None:
        super().__init__()
        size = generator_size(order, params)
        self.a_to_b, self.b_to_a = Generator(**size), Generator(**size)
        self.discriminators = Discriminators(order, params) if params.adversarial_weight else None

    def conversions(self, real_a: Tensor, real_b: Tensor, identity: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Crops converted to the other emotion and to their own one; each generator runs once.

        Args:
            real_a: (batch, order, frames)
            real_b: same shape
            identity: whether to convert to the own emotion; otherwise `same_a` and `same_b` are the real crops

        Returns:
            fake_a, fake_b, same_a, same_b, each (batch, order, frames)
        """
        if not identity:
            return self.b_to_a(real_b).float(), self.a_to_b(real_a).float(), real_a, real_b
        real = torch.cat([real_a, real_b])
        fake_b, same_b = self.a_to_b(real).float().chunk(2)
        same_a, fake_a = self.b_to_a(real).float().chunk(2)
        return fake_a, fake_b, same_a, same_b

    def generator_weights(self) -> list[nn.Parameter]:
        """Weights of both generators."""
        return list(chain(self.a_to_b.parameters(), self.b_to_a.parameters()))

    def discriminator_weights(self) -> list[nn.Parameter]:
        """Weights of both discriminators; none where the adversarial loss has weight 0."""
        return list(self.discriminators.parameters()) if self.discriminators else []


def generator_size(order: int, params: CycleGanParams) -> dict[str, Any]:
    """Arguments of `Generator`; they are saved beside its weights."""
    return {
        "order": order,
        "channels": params.channels,
        "blocks": params.blocks,
        "kernel": params.kernel,
        "residual_mean_removal": params.residual_mean_removal,
        "variance_compensation": params.variance_compensation,
    }
