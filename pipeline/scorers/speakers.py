"""The scorer of speakers: an embedding that separates speakers and not their emotions.

Mean mel-cepstra of the frames of speech, without the 0th and so without the level, projected on Fisher's discriminants
of the speakers. F0 is no part of it, because a conversion of emotion has to change F0. The mean also contains the
channel of the recording, so only clips of one corpus can be compared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.fft import dct

from pipeline.audio.speech import is_speech
from pipeline.scorers import spectra
from pipeline.scorers.scorer import discriminants

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

NAME = "speakers"  # of the array in a shard
BANDS = 40
CEPSTRA = 20  # with the 0th
SHRINKAGE = 0.1


def statistics(samples: np.ndarray, sampling_rate: int) -> np.ndarray:
    """Mean mel-frequency cepstral coefficients, from the 1st, of a clip's frames of speech, (19,).

    Args:
        samples: prepared clip, (samples,)
        sampling_rate: [Hz]
    """
    mel = spectra.log_mel(samples, sampling_rate, BANDS)
    speech = mel[is_speech(np.exp(mel).sum(axis=1))]
    mean: np.ndarray = dct(speech, axis=1, norm="ortho")[:, 1:CEPSTRA].mean(axis=0)
    return mean


@dataclass(frozen=True)
class SpeakerSpace:
    """An embedding fitted on some speakers, for comparing others."""

    projection: "Pipeline"

    @classmethod
    def fit(cls, features: np.ndarray, speakers: Sequence[str]) -> "SpeakerSpace":
        """Fit the discriminants of some speakers.

        Args:
            features: `statistics` of each clip, (clips, features)
            speakers: of each clip; at least two, with several clips of different emotions each
        """
        return cls(discriminants(features, speakers, "eigen", SHRINKAGE))

    def embeddings(self, features: np.ndarray) -> np.ndarray:
        """Embedding of each clip, of length 1, (clips, at most speakers − 1), from `statistics` (clips, features)."""
        return _unit(self.projection.transform(features))


def enrolled(embeddings: np.ndarray, speakers: Sequence[str]) -> dict[str, np.ndarray]:
    """Mean embedding of each speaker, of length 1, (dimensions,) each, in the order of their names.

    Args:
        embeddings: of real clips, (clips, dimensions); without the clip to be identified and its source
        speakers: of each clip
    """
    words = np.asarray(speakers, dtype=str)
    return {str(speaker): _unit(embeddings[words == speaker].mean(axis=0)) for speaker in np.unique(words)}


def similarities(embedding: np.ndarray, speakers: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Cosine similarity of a clip's embedding (dimensions,) to that of each speaker, −1 … 1."""
    return {speaker: float(embedding @ mean) for speaker, mean in speakers.items()}


def identify(embedding: np.ndarray, speakers: Mapping[str, np.ndarray]) -> str:
    """The enrolled speaker with the highest similarity to a clip's embedding (dimensions,)."""
    found = similarities(embedding, speakers)
    return max(found, key=lambda speaker: found[speaker])


def _unit(vectors: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
    return scaled
