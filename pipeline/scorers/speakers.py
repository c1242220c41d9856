"""Who is speaking: an embedding of the timbre in which speakers are far apart and their emotions are not.

Mean mel-cepstra of the frames of speech, without the 0th and hence without the level, projected so that known speakers
differ most for what a speaker's own clips differ (Fisher's discriminants). It does not know F0, which a conversion of
emotion has to move. The mean holds the recording's channel as well: compare clips of one corpus.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.fft import dct
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from pipeline.scorers import spectra

NAME = "voice"  # of its statistics in a shard
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
    speech = mel[spectra.is_speech(np.exp(mel).sum(axis=1))]
    mean: np.ndarray = dct(speech, axis=1, norm="ortho")[:, 1:CEPSTRA].mean(axis=0)
    return mean


@dataclass(frozen=True)
class SpeakerSpace:
    """A space of voices, fitted on some speakers, to compare others in."""

    projection: Pipeline

    @classmethod
    def fit(cls, heard: np.ndarray, speakers: Sequence[str]) -> "SpeakerSpace":
        """Learn what distinguishes speakers and what does not.

        Args:
            heard: `statistics` of each clip, (clips, features)
            speakers: of each clip; two different ones or more, with several clips of different emotions each
        """
        words = np.asarray(speakers, dtype=str)
        count = len(np.unique(words))
        analysis = LinearDiscriminantAnalysis(solver="eigen", shrinkage=SHRINKAGE, priors=np.full(count, 1 / count))
        return cls(make_pipeline(StandardScaler(), analysis).fit(heard, words))

    def embeddings(self, heard: np.ndarray) -> np.ndarray:
        """Of each clip, of length 1, (clips, speakers fitted − 1 or fewer), from `statistics` (clips, features)."""
        return _unit(self.projection.transform(heard))


def enrolled(embeddings: np.ndarray, speakers: Sequence[str]) -> dict[str, np.ndarray]:
    """Mean embedding of each speaker, of length 1, (dimensions,) each, in the order of their names.

    Args:
        embeddings: of real clips, (clips, dimensions); not of the clip to be identified, nor of what it was made from
        speakers: of each clip
    """
    words = np.asarray(speakers, dtype=str)
    return {str(speaker): _unit(embeddings[words == speaker].mean(axis=0)) for speaker in np.unique(words)}


def similarities(embedding: np.ndarray, voices: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Cosine between a clip's embedding (dimensions,) and that of each speaker, −1 … 1."""
    return {speaker: float(embedding @ voice) for speaker, voice in voices.items()}


def identify(embedding: np.ndarray, voices: Mapping[str, np.ndarray]) -> str:
    """The speaker whose enrolled voice is most like a clip's embedding (dimensions,)."""
    found = similarities(embedding, voices)
    return max(found, key=lambda speaker: found[speaker])


def _unit(vectors: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
    return scaled
