"""Functionals of WORLD's features without synthesis, and scores of an SVM on them, for quick comparisons of voices.

Real and converted clips are treated alike: the spectrogram is the decoded envelope. Scores are the mean over a grid,
which is less noisy than the point that a few valid speakers choose.
"""

from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.fft import idct

from pipeline.audio.acoustics import functionals
from pipeline.classification.svm import SvmParams, train_svm
from pipeline.core import manifest, params
from pipeline.core.shards import Shards
from pipeline.vocoder import Features, VocoderParams

BANDS = 64  # on the mel axis
FRAME_MS = 5  # of WORLD
GRID = [SvmParams((c,), (gamma,)) for c, gamma in product((1, 3, 10), (0.1, 0.3))]


class Split(NamedTuple):
    """Clips of a split of kind `enrolment`, with their classes in the column `label`, and their features."""

    train: pd.DataFrame
    valid: pd.DataFrame
    test: pd.DataFrame
    enrolled: pd.DataFrame
    stored: Shards  # vocoder features
    bounds_hz: tuple[float, float]  # of F0

    @classmethod
    def read(cls, split: str) -> "Split":
        """Read a split of the workspace in the current directory."""
        clips = manifest.read(Path("data/manifest.parquet"), manifest.CLIPS)
        table = manifest.read(Path(f"data/splits/{split}.parquet"), manifest.PARTITIONED)
        world = params.load(Path("params.yaml"), "vocoder", VocoderParams).world
        labels = sorted(clips["emotion"].unique())
        train, valid, test, enrolled = (
            manifest.partition(clips, table, name).assign(
                label=lambda rows: rows["emotion"].map(labels.index).astype(int)
            )
            for name in ("train", "valid", "test", manifest.ENROL)
        )
        stored = Shards(Path("data/features/vocoder") / corpus for corpus in sorted(clips["corpus"].unique()))
        return cls(train, valid, test, enrolled, stored, (world.f0_floor_hz, world.f0_ceil_hz))


def functionals_of(clips: Iterable[Features]) -> np.ndarray:
    """Functionals of clips, (clips, functionals)."""
    return np.concatenate([functionals(log_envelope(clip.spectrum), clip.f0_hz[:, 0], FRAME_MS) for clip in clips])


def log_envelope(spectrum: np.ndarray) -> np.ndarray:
    """Log power on the mel axis, (frames, BANDS), of a coded envelope (frames, order)."""
    padded = np.zeros((len(spectrum), BANDS))
    padded[:, : spectrum.shape[1]] = spectrum
    decoded: np.ndarray = idct(padded, axis=1, norm="ortho") * np.sqrt(BANDS)
    return decoded


def uar_by_speaker(
    real: tuple[np.ndarray, np.ndarray],
    added: tuple[np.ndarray, np.ndarray],
    valid: tuple[np.ndarray, np.ndarray],
    tested: np.ndarray,
    test: pd.DataFrame,
    weight: float = 1,
) -> "pd.Series[float]":
    """UAR of each test speaker, mean over the grid.

    Args:
        real: functionals and classes of real train clips
        added: of converted clips; they weigh `weight` times as much as the real ones, together
        valid: of valid clips, which set the temperature alone
        tested: functionals of the test clips
        test: their `speaker` and `label`
        weight: of the added clips
    """
    arrays, labels = (np.concatenate([one, other]) for one, other in zip(real, added, strict=True))
    is_real = np.arange(len(labels)) < len(real[1])
    weights = np.where(is_real, 1.0, weight * len(real[1]) / max(len(added[1]), 1))
    scores = []
    for point in GRID:
        model = train_svm(arrays, labels, weights, is_real, valid, point)
        hits = test.assign(hit=model.probabilities(tested).argmax(axis=1) == test["label"])
        scores.append(hits.groupby(["speaker", "label"], observed=True)["hit"].mean().groupby("speaker").mean())
    return pd.concat(scores, axis=1).mean(axis=1)


def another(person: str, test: pd.DataFrame) -> str:
    """The next test speaker of the person's gender, of any gender where there is no other.

    Args:
        person: a test speaker
        test: clips with columns speaker and gender
    """
    genders = test.drop_duplicates("speaker").set_index("speaker")["gender"].sort_index()
    alike = list(genders.index[genders == genders[person]])
    alike = alike if len(alike) > 1 else list(genders.index)
    return str(alike[(alike.index(person) + 1) % len(alike)])


def summary(scores: pd.DataFrame, reference: str) -> pd.DataFrame:
    """UAR of each arm, and its gain over another with the standard error over speakers.

    Args:
        scores: a row a speaker, a column an arm
        reference: column
    """
    gains = 100 * scores.sub(scores[reference], axis=0)
    error = gains.std(ddof=1) / np.sqrt(len(gains))
    return pd.DataFrame({"UAR": 100 * scores.mean(), "gain": gains.mean(), "standard error": error}).round(1)
