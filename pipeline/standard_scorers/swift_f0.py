"""SwiftF0 (Nieradzik 2025), a small network for F0: independent of the vocoder's; MIT."""

import numpy as np

from pipeline.networks.weights import Weights

RATE = 16_000  # [Hz]
VOICED = 0.5  # confidence, at least
FEWEST = 4  # voiced frames, of 16 ms


class Network:
    """The frozen network."""

    WEIGHTS = Weights(
        "swift-f0",
        {"swift_f0/model.onnx": "6385e8c2ebc3872e82c9ff5946228de44cd3be77a750ea53698b7dbfe94b0a22"},
        "scorers",
    )

    def __init__(self) -> None:
        """Load the network, for one thread; errors as of `Weights.paths`."""
        self.WEIGHTS.paths()
        from swift_f0 import SwiftF0

        self._network = SwiftF0(threads=1)

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Samples at 16 kHz, (samples,) → mean and deviation of log F0 [semitones re 1 Hz], (2,); NaN if unvoiced."""
        found = self._network.detect(samples, RATE)
        semitones = 12 * np.log2(found.pitch_hz[found.confidence >= VOICED])
        if len(semitones) < FEWEST:
            return np.full(2, np.nan)
        return np.array([semitones.mean(), semitones.std()])
