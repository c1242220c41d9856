"""DistillMOS: naturalness, a predicted mean opinion score (MOS)."""

import numpy as np
import torch

from pipeline.networks import distillmos


class Network:
    """The frozen network."""

    WEIGHTS = distillmos.weights("scorers")

    def __init__(self) -> None:
        """Load the network; errors as of `Weights.paths`."""
        self._network = distillmos.network(self.WEIGHTS)

    @torch.no_grad()
    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Samples at 16 kHz, (samples,) → MOS, (1,), 1 … 5; the level does not matter.

        An input has 7.68 s: a shorter clip is followed by silence, as its package does it.
        """
        mos: np.ndarray = self._network(torch.from_numpy(samples)[None]).numpy()[0]
        return mos
