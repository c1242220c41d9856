"""GE2E speaker embeddings (Wan et al. 2018), by the network of Resemblyzer; Apache-2.0.

Only the weights of the package are used: its own code needs webrtcvad, which has no wheel.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchaudio.transforms import MelSpectrogram

from pipeline.audio.preparation import level
from pipeline.networks.weights import Weights

RATE = 16_000  # [Hz]
LEVEL_DB = -30  # of the clips that the network was trained on; its spectrogram is not logarithmic
WINDOW, HOP, MELS, WIDTH = 400, 160, 40, 256
PARTIAL, STEP = 160, 77  # frames of one input, and between two
COVERAGE = 0.75  # of the last input by the clip, at least


class Network:
    """The frozen network."""

    WEIGHTS = Weights(
        "Resemblyzer",
        {"resemblyzer/pretrained.pt": "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"},
        "scorers",
    )

    def __init__(self) -> None:
        """Load the network; errors as of `Weights.paths`."""
        (path,) = self.WEIGHTS.paths()
        self._network = nn.ModuleDict(
            {"lstm": nn.LSTM(MELS, WIDTH, 3, batch_first=True), "linear": nn.Linear(WIDTH, WIDTH)}
        )
        found = torch.load(path, map_location="cpu", weights_only=True)["model_state"]
        self._network.load_state_dict({name: found[name] for name in self._network.state_dict()})
        self._network.requires_grad_(False).eval()
        self._mel = MelSpectrogram(
            RATE, WINDOW, hop_length=HOP, n_mels=MELS, norm="slaney", mel_scale="slaney", pad_mode="constant"
        )

    @torch.no_grad()
    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Samples at 16 kHz, (samples,) → embedding of length 1, (256,)."""
        count = len(samples)
        frames = -(-(count + 1) // HOP)
        starts = list(range(0, max(1, frames - PARTIAL + STEP + 1), STEP))
        if len(starts) > 1 and count / HOP - starts[-1] < COVERAGE * PARTIAL:
            starts.pop()
        wave = level(samples, LEVEL_DB)
        end = (starts[-1] + PARTIAL) * HOP
        wave = np.pad(wave, (0, max(0, end - count)))
        mel = self._mel(torch.from_numpy(wave)).T  # (frames, 40)
        partials = torch.stack([mel[start : start + PARTIAL] for start in starts])
        _, (hidden, _) = self._network["lstm"](partials)
        embeddings = functional.normalize(self._network["linear"](hidden[-1]).relu())
        mean: Tensor = functional.normalize(embeddings.mean(dim=0), dim=0)
        return mean.numpy()
