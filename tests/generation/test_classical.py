"""Classical changes of a clip: each does what its name promises, and follows from its seed."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.audio import preparation
from pipeline.audio.preparation import AudioParams
from pipeline.generation.classical import CHANGES, ClassicalParams, Perturbation, faded

RATE = 16_000
PARAMS = ClassicalParams(probability=0.5, tempo=0.1, semitones=2, snr_db=(15, 40), gain_db=6)
TIME = np.arange(RATE) / RATE
PREPARED = AudioParams(sampling_rate=RATE, trim_db=30, level_db=-26)
TONE = (0.1 * np.sin(2 * np.pi * 220 * TIME)).astype(np.float32)


def f0_hz(samples: np.ndarray) -> float:
    """Of the strongest partial."""
    size = 2**18
    return float(np.abs(np.fft.rfft(samples * np.hanning(len(samples)), size)).argmax() * RATE / size)


def test_draws_stay_within_bounds_and_use_all_of_them() -> None:
    drawn = [Perturbation.drawn(PARAMS, seed) for seed in range(600)]
    values = {
        name: np.array([getattr(one, name) for one in drawn if getattr(one, name) is not None]) for name in CHANGES
    }
    bounds = {"tempo": (1 / 1.1, 1.1), "semitones": (-2, 2), "snr_db": (15, 40), "gain_db": (-6, 6)}
    for name, (low, high) in bounds.items():
        assert 260 < len(values[name]) < 400  # half of them, and some to which nothing else would happen
        assert low <= values[name].min() < low + 0.1 * (high - low)
        assert high >= values[name].max() > high - 0.1 * (high - low)
    assert all(any(getattr(one, name) is not None for name in CHANGES) for one in drawn)
    certain = [Perturbation.drawn(replace(PARAMS, probability=1), seed) for seed in range(20)]
    assert all(getattr(one, name) is not None for one in certain for name in CHANGES)


@pytest.mark.parametrize(("tempo", "semitones"), [(0.9, None), (1.1, None), (None, -2.0), (None, 1.5)])
def test_tempo_and_pitch(tempo: float | None, semitones: float | None) -> None:
    changed = Perturbation(1, tempo=tempo, semitones=semitones).apply(TONE, RATE)
    assert len(changed) == pytest.approx(RATE / (tempo or 1), rel=0.02 if tempo else 0)
    assert f0_hz(changed) == pytest.approx(220 * 2 ** ((semitones or 0) / 12), rel=0.01)


def test_noise() -> None:
    noise = Perturbation(1, snr_db=20.0).apply(TONE, RATE) - TONE
    assert 10 * np.log10(np.mean(TONE**2) / np.mean(noise**2)) == pytest.approx(20, abs=0.3)


@pytest.mark.parametrize("gain_db", [-6.0, 5.0])
def test_a_fade_ends_at_its_gain(gain_db: float) -> None:
    changed = Perturbation(4, gain_db=gain_db).apply(TONE, RATE)
    loud = np.abs(TONE) > 0.05
    gains_db = 20 * np.log10(np.abs(changed[loud] / TONE[loud]))
    assert gains_db[[0, -1]] == pytest.approx([0, gain_db], abs=0.01)
    assert (np.diff(gains_db) * np.sign(gain_db) > -1e-3).all()


def spoken(seed: int) -> np.ndarray:
    """Syllables of all levels between soft ends, prepared, (samples,); some long pauses, and some with a loud end."""
    draw = np.random.default_rng(seed)
    parts = [10 ** (-1.3) * np.linspace(0, 1, RATE // 5)]
    for _ in range(draw.integers(2, 7)):
        bump = np.hanning(round(draw.uniform(0.1, 0.4) * RATE))
        parts += [10 ** (-draw.uniform(0, 1.2)) * bump, np.full(round(draw.uniform(0, 0.3) * RATE), 1e-3)]
    parts.append(10 ** (-1.3) * np.linspace(1, 0, RATE // 4))
    envelope = np.concatenate(parts)
    return preparation.prepare(envelope * draw.standard_normal(len(envelope)), RATE, PREPARED)


@pytest.mark.parametrize("gain_db", [-6.0, 6.0])
def test_neither_levelling_nor_trimming_takes_a_fade_away(gain_db: float) -> None:
    """A gain that is the same for next to all of the speech would be levelled away; a fade of soft ends be trimmed."""
    for seed in range(40):
        clip = spoken(seed)
        factors = faded(clip, RATE, gain_db, np.random.default_rng(seed))
        power = np.square(clip, dtype=np.float64)
        gains_db = 20 * np.log10(factors)
        shares = [power[np.abs(gains_db - end_db) < 3.01].sum() / power.sum() for end_db in (0, gain_db)]
        assert min(shares) > 0.15, seed
        before, after = (len(preparation.prepare(each, RATE, PREPARED)) for each in (clip, clip * factors))
        assert before - after <= 256, seed  # two steps of trimming, 16 ms


def test_the_same_seed_gives_the_same_samples() -> None:
    one = Perturbation(5, tempo=1.05, semitones=1.0, snr_db=20.0, gain_db=3.0)
    np.testing.assert_array_equal(one.apply(TONE, RATE), one.apply(TONE, RATE))
    other = Perturbation(6, tempo=1.05, semitones=1.0, snr_db=20.0, gain_db=3.0)
    assert not np.array_equal(one.apply(TONE, RATE), other.apply(TONE, RATE))


@pytest.mark.parametrize("samples", [np.zeros(1600, np.float32), TONE[:160]])
def test_silence_and_a_clip_of_a_hundredth_of_a_second_come_out_finite(samples: np.ndarray) -> None:
    changed = Perturbation(1, tempo=1.1, semitones=2.0, snr_db=15.0, gain_db=6.0).apply(samples, RATE)
    assert np.isfinite(changed).all() and len(changed) > 0.8 * len(samples) / 1.1


@pytest.mark.parametrize("wrong", [{"probability": 0}, {"probability": 1.2}, {"tempo": -1}, {"semitones": 0}])
def test_numbers_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="greater than|less than"):
        replace(PARAMS, **wrong)
