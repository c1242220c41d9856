"""DistillMOS, a network that predicts the quality of speech; MIT.

Stahl and Gamper 2025, Distillation and pruning for scalable self-supervised representation-based speech quality
assessment. A convolutional network and a transformer, trained on the outputs of a large self-supervised model. The
output of a middle layer of the transformer is used.
"""

import numpy as np
import torch
from torch import Tensor

from pipeline.classification.interface import Resources
from pipeline.networks import distillmos

LAYER = 4  # layers of the transformer that are used, of 7
LONGEST, SHORTEST = 122_880, 1600  # samples of one input; the network has no positions beyond


class DistillMos:
    """The frozen network, a function from samples to the mean and deviation of a layer."""

    WEIGHTS = distillmos.weights("pretrained")
    SETTINGS = (LAYER, LONGEST, SHORTEST)

    def __init__(self, resources: Resources) -> None:
        """Load the network.

        Raises:
            WeightsError: the package or its weights are missing, or are other ones
        """
        network = distillmos.network(self.WEIGHTS).to(resources.device)
        network.cnn.to(memory_format=torch.channels_last)  # a tenth faster
        self._network, self._resources = network, resources

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Samples at 16 kHz, (samples,) → mean and deviation over time, (400,), float32.

        A long clip is cut into stretches of equal length; a short one is padded with silence.
        """
        samples = np.pad(samples, (0, max(0, SHORTEST - len(samples))))
        samples = samples / max(float(np.abs(samples).max()), 1e-8)  # as in training
        stretches = np.array_split(samples.astype(np.float32), -(-len(samples) // LONGEST))
        frames = torch.cat([self._frames(torch.from_numpy(stretch)) for stretch in stretches])
        found: np.ndarray = torch.cat([frames.mean(dim=0), frames.std(dim=0, correction=0)]).numpy()
        return found

    @torch.no_grad()
    def _frames(self, wave: Tensor) -> Tensor:
        """(samples,) → output of the layer, (frames, 200), a frame every 20 ms."""
        head = self._network.transformer_pool_attn
        transformer = head.transformer
        with self._resources.autocast():
            found = head.norm_input(self._network.cnn(wave[None].to(self._resources.device)))  # (1, width, frames)
            found = transformer.linear_proj(transformer.norm(found).transpose(1, 2))
            found = found + transformer.position_encoding.pe[:, : found.shape[1]]
            for layer in transformer.transformer_encoder.layers[:LAYER]:
                found = layer(found)
        frames: Tensor = found[0].float().cpu()
        return frames
