"""Mean of a speaker's neutral speech, which `train_cyclegan.normalisation: speaker` takes off the spectra.

What is the same in all emotions of a speaker is then no part of what the networks learn.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from pipeline.conversion.alignment import Speech
from pipeline.core.manifest import NEUTRAL
from pipeline.core.shards import Shards
from pipeline.vocoder.features import Features


class NeutralSpeech:
    """Speech frames of neutral clips, summed by clip."""

    def __init__(self, clips: pd.DataFrame, stored: Shards) -> None:
        """Read the neutral ones among clips.

        Args:
            clips: rows of `manifest.CLIPS`
            stored: their vocoder features
        """
        self.clips = clips[clips["emotion"] == NEUTRAL]
        self._sums = [summed(Features.load(stored, id_).spectrum) for id_ in self.clips["id"]]

    def means(self) -> dict[str, np.ndarray]:
        """Mean of each speaker who has a neutral clip, as of `mean`."""
        speakers = self.clips["speaker"]
        return {str(speaker): self._mean(speakers == speaker) for speaker in sorted(speakers.unique())}

    def mean_of_other_sentences(self, speaker: str, sentence: str | None) -> np.ndarray | None:
        """Mean of a speaker's clips without those of a sentence, as of `mean`; None where there are none.

        So no parallel utterance that a conversion is compared with is in its mean.
        """
        rows = self.clips["speaker"] == speaker
        if sentence is not None:
            rows &= self.clips["sentence"] != sentence
        return self._mean(rows) if rows.any() else None

    def _mean(self, rows: "pd.Series[bool]") -> np.ndarray:
        return mean([own for own, wanted in zip(self._sums, rows, strict=True) if wanted])


def summed(spectrum: np.ndarray) -> np.ndarray:
    """Sum of the speech frames of a spectrum (frames, order), and after it their number, (order + 1,)."""
    speech = spectrum[Speech.of(spectrum).frames].astype(np.float64)
    return np.append(speech.sum(axis=0), len(speech))


def mean(sums: Iterable[np.ndarray]) -> np.ndarray:
    """Mean of the speech frames of clips, (order,), from what `summed` returns; 0 for the 0th coefficient (level)."""
    total = np.sum(list(sums), axis=0)
    found: np.ndarray = (total[:-1] / total[-1]).astype(np.float32)
    found[0] = 0
    return found
