"""The mean of a speaker's neutral speech is that of its frames, and of no other clip."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.conversion.speaker_means import NeutralSpeech, mean, summed
from pipeline.core.shards import Shards, Writer

ORDER = 6
CLIPS = pd.DataFrame(
    [
        (f"c/{speaker}-{emotion}-{sentence}", emotion, f"c_{speaker}", f"s{sentence}")
        for speaker in ("f.1", "m1")
        for emotion in ("neutral", "sad")
        for sentence in (1, 2)
    ],
    columns=["id", "emotion", "speaker", "sentence"],
)


def spectrum_of(id_: str) -> np.ndarray:
    """Random frames, another number in each clip, of which every third is 40 to 60 dB below the others."""
    draw = np.random.default_rng(list(id_.encode()))
    spectrum = draw.standard_normal((int(draw.integers(20, 40)), ORDER)) / 5
    spectrum[::3, 0] -= 6 * np.log(10)
    spectrum[::3, 1:] = 0.7
    return spectrum.astype(np.float32)


def speech_of(ids: list[str]) -> np.ndarray:
    """Loud frames of clips, (frames, order)."""
    return np.concatenate([spectrum[np.arange(len(spectrum)) % 3 > 0] for spectrum in map(spectrum_of, ids)])


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[Shards]:
    with Writer(tmp_path) as writer:
        for id_, emotion in CLIPS[["id", "emotion"]].itertuples(index=False):
            spectrum = spectrum_of(id_) if emotion == "neutral" else np.full((9, ORDER), np.nan, np.float32)
            writer.add(id_, {"spectrum": spectrum, "f0_hz": spectrum[:, :1], "aperiodicity": spectrum[:, :1]})
    yield Shards([tmp_path])


def test_mean_of_each_speaker(stored: Shards) -> None:
    """Each speech frame of the neutral clips has the same weight; the level is left alone."""
    neutral = NeutralSpeech(CLIPS, stored)
    found = neutral.means()
    assert list(found) == ["c_f.1", "c_m1"]
    assert list(neutral.clips["id"]) == [id_ for id_ in CLIPS["id"] if "neutral" in id_]
    for speaker, own in found.items():
        speech = speech_of([f"c/{speaker[2:]}-neutral-{sentence}" for sentence in (1, 2)])
        assert own.dtype == np.float32 and own[0] == 0
        np.testing.assert_allclose(own[1:], speech.mean(axis=0, dtype=np.float64)[1:], rtol=1e-5)
    assert np.abs(found["c_m1"] - found["c_f.1"]).max() > 0.01


def test_no_parallel_utterance_is_in_the_mean_of_other_sentences(stored: Shards) -> None:
    neutral = NeutralSpeech(CLIPS, stored)
    expected = speech_of(["c/m1-neutral-2"]).mean(axis=0)
    np.testing.assert_allclose(neutral.mean_of_other_sentences("c_m1", "s1")[1:], expected[1:], rtol=1e-5)
    for sentence in (None, "s3"):
        np.testing.assert_array_equal(neutral.mean_of_other_sentences("c_m1", sentence), neutral.means()["c_m1"])
    assert neutral.mean_of_other_sentences("c_m2", "s1") is None
    alone = NeutralSpeech(CLIPS[CLIPS["sentence"] == "s1"], stored)
    assert alone.mean_of_other_sentences("c_m1", "s1") is None


def test_without_neutral_clips(stored: Shards) -> None:
    assert NeutralSpeech(CLIPS[CLIPS["emotion"] == "sad"], stored).means() == {}


def test_clips_together_and_alone() -> None:
    first, second = (spectrum_of(id_) for id_ in "ab")
    both = mean([summed(first), summed(second)])
    shares = [len(speech_of([id_])) for id_ in "ab"]
    expected = np.average([mean([summed(first)]), mean([summed(second)])], axis=0, weights=shares)
    np.testing.assert_allclose(both, expected, rtol=1e-5)
