"""The networks of a pair of emotions, and what params.yaml says of their size and training."""

from itertools import chain
from typing import Annotated, Any

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
    """Size and training of a pair's networks; a part with a weight of 0 is not there."""

    channels: PositiveInt
    blocks: NonNegativeInt
    kernel: Odd
    residual_mean_removal: Share  # of what a generator would move a clip's mean by
    variance_compensation: Share  # of the way back to a clip's own deviations, in conversion
    discriminator_channels: PositiveInt
    steps: PositiveInt
    batch: PositiveInt  # crops of each emotion in a step
    frames: PositiveInt  # of a crop
    generator_rate: PositiveFloat  # learning rates
    discriminator_rate: PositiveFloat
    constant_share: Share  # of the steps before both rates begin to fall to nothing, linearly
    adversarial_weight: NonNegativeFloat  # of discriminators that judge fakes
    cycle_weight: NonNegativeFloat
    identity_weight: NonNegativeFloat
    identity_share: Share  # of the steps in which it applies
    parallel_weight: NonNegativeFloat  # of the distance to real takes of the same words by the same speaker
    classifier_weight: NonNegativeFloat
    emotion_classifier: EmotionClassifierParams
    log_every: PositiveInt  # steps to a row of the training curve


class Discriminators(nn.Module):
    """A discriminator of each emotion of a pair."""

    def __init__(self, order: int, params: CycleGanParams) -> None:
        super().__init__()
        size = order, params.discriminator_channels
        self.a, self.b = Discriminator(*size), Discriminator(*size)

    def fooled(self, made_a: Tensor, made_b: Tensor) -> Tensor:
        """What the generators lose where made crops, (batch, order, frames), are taken for made."""
        return real_loss(self.a(made_a).float()) + real_loss(self.b(made_b).float())

    def mistaken(self, real_a: Tensor, real_b: Tensor, made_a: Tensor, made_b: Tensor) -> Tensor:
        """What the judges lose where they take real crops for made or made ones for real; the makers learn nothing."""
        true_a, false_a = self.a(torch.cat([real_a, made_a.detach()])).float().chunk(2)
        true_b, false_b = self.b(torch.cat([real_b, made_b.detach()])).float().chunk(2)
        return real_loss(true_a) + fake_loss(false_a) + real_loss(true_b) + fake_loss(false_b)


class CycleGan(nn.Module):
    """The networks of a pair of emotions, a and b."""

    def __init__(self, order: int, params: CycleGanParams) -> None:
        super().__init__()
        size = generator_size(order, params)
        self.a_to_b, self.b_to_a = Generator(**size), Generator(**size)
        self.judges = Discriminators(order, params) if params.adversarial_weight else None

    def converted(self, real_a: Tensor, real_b: Tensor, keep: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Crops as the other emotion and, where asked, as the one that they are, both by one call of a generator.

        Args:
            real_a: (batch, order, frames)
            real_b: same shape
            keep: without it the kept ones are the real ones themselves, whose identity loss is 0

        Returns:
            fake_a, fake_b, kept_a, kept_b, each (batch, order, frames)
        """
        if not keep:
            return self.b_to_a(real_b).float(), self.a_to_b(real_a).float(), real_a, real_b
        real = torch.cat([real_a, real_b])
        fake_b, kept_b = self.a_to_b(real).float().chunk(2)
        kept_a, fake_a = self.b_to_a(real).float().chunk(2)
        return fake_a, fake_b, kept_a, kept_b

    def generator_weights(self) -> list[nn.Parameter]:
        """Of both generators."""
        return list(chain(self.a_to_b.parameters(), self.b_to_a.parameters()))

    def discriminator_weights(self) -> list[nn.Parameter]:
        """Of both discriminators; none where the adversarial loss has no weight."""
        return list(self.judges.parameters()) if self.judges else []


def generator_size(order: int, params: CycleGanParams) -> dict[str, Any]:
    """Arguments of `Generator`; they go beside kept weights."""
    return {
        "order": order,
        "channels": params.channels,
        "blocks": params.blocks,
        "kernel": params.kernel,
        "residual_mean_removal": params.residual_mean_removal,
        "variance_compensation": params.variance_compensation,
    }
