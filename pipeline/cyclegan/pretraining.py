"""A warm start: what a generator learns of speech by filling in hidden frames of all emotions.

A masked autoencoder (He et al. 2022) of the generator's own shape, with the task that MaskCycleGAN-VC (Kaneko et al.
2021) sets its generators beside conversion. No discriminator, no pair: it is trained once a split, and both generators
of every pair start from it.
"""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from pipeline.cyclegan.crops import Domain, filling_masks
from pipeline.cyclegan.losses import filling_loss
from pipeline.cyclegan.networks import Generator
from pipeline.cyclegan.pair import CycleGanParams, generator_size
from pipeline.cyclegan.progress import Optimiser


def pretrained(
    clips: Domain,
    params: CycleGanParams,
    seed: int,
    device: torch.device,
    autocast: AbstractContextManager[None] | None = None,
) -> dict[str, Tensor]:
    """Weights for `train` to start from; the same arguments on the same kind of machine give the same.

    The last layer is not the one that was learned, but zero. That one says what hidden frames were like, which
    conversion does not ask, and adds to frames that were seen what nothing has held back; with zeros the generator is
    the identity, as without a warm start. The layers below, which know what surrounds a frame, are what is kept.

    Args:
        clips: all train clips, each normalised by its own emotion's statistics
        params: `warm_start_steps` and `warm_start_mask_frames`, with the generator's size, crops and learning rate
        seed: of weights, crops and masks
        device: where to train
        autocast: context of the forward passes (mixed precision)

    Returns:
        by name, on the CPU
    """
    generator = autoencoder(clips, params, seed, device, autocast)
    generator.forget_last_layer()
    return {name: weights.cpu() for name, weights in generator.state_dict().items()}


def autoencoder(
    clips: Domain,
    params: CycleGanParams,
    seed: int,
    device: torch.device,
    autocast: AbstractContextManager[None] | None = None,
) -> Generator:
    """A generator that fills in hidden frames, arguments as for `pretrained`."""
    torch.manual_seed(seed)
    draw = torch.Generator().manual_seed(seed)
    generator = Generator(**generator_size(clips.frames.shape[1], params)).to(device)
    clips = clips.to(device)
    precision = autocast or nullcontext()
    optimiser = Optimiser(
        list(generator.parameters()), params.generator_rate, params.warm_start_steps, params.constant_share
    )
    for _ in range(params.warm_start_steps):
        real = clips.crops(params.batch, params.frames, draw)
        mask = filling_masks(params.batch, params.frames, params.warm_start_mask_frames, draw).to(device)
        with precision:
            filled = generator(real, mask).float()
        optimiser.step(filling_loss(real, filled, mask))
    return generator
