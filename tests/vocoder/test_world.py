"""Copy-synthesis keeps what a listener hears as pitch and timbre; odd clips do no harm."""

from dataclasses import asdict, replace

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.vocoder import Features
from pipeline.vocoder.world import World, WorldParams

SAMPLING_RATE = 16_000
PARAMS = WorldParams(frame_ms=5, order=36, f0="dio", f0_floor_hz=71, f0_ceil_hz=600)
WORLD = World(PARAMS, SAMPLING_RATE)
FORMANTS = ((700, 100, 1.0), (1200, 120, 0.5), (2600, 160, 0.2), (3600, 300, 0.1))  # centre, width [Hz], strength


def vowel(f0_hz: float, duration_s: float = 0.6, moved: float = 1.0) -> np.ndarray:
    """Harmonics under four formants, which are `moved`, with a vibrato of 5 Hz, (samples,)."""
    time = np.arange(round(duration_s * SAMPLING_RATE)) / SAMPLING_RATE
    phase = 2 * np.pi * f0_hz * time + 0.5 * np.sin(2 * np.pi * 5 * time)
    sound = np.zeros(len(time))
    for number in range(1, int(7900 / (f0_hz + 2.5))):
        at = number * f0_hz / moved
        gain = sum(a / (1 + ((at - centre) / width) ** 2) for centre, width, a in FORMANTS) + 1e-3
        sound += gain * np.sin(number * phase + number**2)
    return 0.1 * sound * np.sin(np.pi * time / duration_s)


def true_f0(f0_hz: float, frames: int) -> np.ndarray:
    """F0 of the vowel in each frame, (frames,) [Hz]."""
    return f0_hz + 2.5 * np.cos(2 * np.pi * 5 * np.arange(frames) * PARAMS.frame_ms / 1000)


def spectral_distance_db(one: np.ndarray, other: np.ndarray, bands: int = 15) -> float:
    """Log-spectral distance over bands of 500 Hz, of which 15 have harmonics; the ends do not count [dB]."""

    def levels(samples: np.ndarray) -> np.ndarray:
        frames = np.lib.stride_tricks.sliding_window_view(samples[1600 : len(one) - 1600], 1024)[::256]
        power = np.abs(np.fft.rfft(frames * np.hanning(1024))) ** 2
        return 10 * np.log10(power[:, :-1].reshape(len(power), 16, -1).mean(axis=2) + 1e-9)[:, :bands]

    return float(np.sqrt(np.mean((levels(one) - levels(other)) ** 2)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"order": 0}, "order\n.*greater than 0"),
        ({"f0_floor_hz": 700}, "f0_floor_hz is 700.0: expected less than f0_ceil_hz, 600.0"),
    ],
)
def test_numbers_that_cannot_be(changes: dict[str, float], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        WorldParams(**{**asdict(PARAMS), **changes})


@pytest.mark.parametrize(
    ("f0_hz", "estimator"), [(110, "dio"), (220, "dio"), (330, "dio"), (110, "harvest"), (220, "harvest")]
)
def test_copy_synthesis_keeps_f0_and_envelope(f0_hz: float, estimator: str) -> None:
    world = replace(WORLD, params=replace(PARAMS, f0=estimator))
    sound = vowel(f0_hz)
    first = world.analyse(sound)
    copied = world.synthesise(first)
    for features in (first, world.analyse(copied)):
        track = features.f0_hz[: len(first.f0_hz), 0]
        voiced = track > 0
        assert voiced.mean() > 0.9
        error = np.abs(track / true_f0(f0_hz, len(track)) - 1)[voiced]
        assert np.quantile(error, 0.9) < 0.02  # the ends are silent, their F0 is a guess
    assert spectral_distance_db(sound, copied) < 2
    flat = world.synthesise(replace(first, spectrum=first.spectrum * (np.arange(PARAMS.order) < 2)))
    assert spectral_distance_db(sound, flat) > 6


def test_shapes_and_types() -> None:
    features = WORLD.analyse(vowel(150).astype(np.float32))
    frames = 1 + int(600 / PARAMS.frame_ms)
    assert Features.names() == ["spectrum", "f0_hz", "aperiodicity"]
    assert [array.shape for array in features.arrays().values()] == [(frames, 36), (frames, 1), (frames, 1)]
    assert all(array.dtype == np.float32 for array in features.arrays().values())
    assert Features.from_arrays(features.arrays()) == features
    samples = WORLD.synthesise(features)
    assert samples.dtype == np.float64
    assert samples.shape == (frames * 80,)


@pytest.mark.parametrize("factor", [0.88, 1.12])
def test_formants_move_and_f0_stays(factor: float) -> None:
    """As a vowel does that was spoken with such formants; before they move it is far from that."""
    sound, aim = vowel(150), vowel(150, moved=factor)
    features = WORLD.analyse(sound)
    moved = WORLD.synthesise(features, factor)
    unmoved = WORLD.synthesise(features)
    assert spectral_distance_db(aim, moved, bands=12) < 1 < 5 < spectral_distance_db(aim, unmoved, bands=12)
    before, after = features.f0_hz, WORLD.analyse(moved).f0_hz[: len(features.f0_hz)]
    both = (before > 0) & (after > 0)
    assert both.mean() > 0.9
    assert np.quantile(np.abs(after[both] / before[both] - 1), 0.9) < 0.02


def test_f0_is_changed_and_timbre_kept() -> None:
    sound = vowel(120)
    features = WORLD.analyse(sound)
    higher = WORLD.synthesise(replace(features, f0_hz=features.f0_hz * 1.5))
    track = WORLD.analyse(higher).f0_hz
    assert np.median(track[track > 0]) == pytest.approx(180, rel=0.02)
    assert spectral_distance_db(sound, higher * np.sqrt(np.mean(sound**2) / np.mean(higher**2))) < 3


@pytest.mark.parametrize("scale", [0, 1e-12, 1e-3])
def test_near_silence(scale: float) -> None:
    noise = scale * np.random.default_rng(1).standard_normal(4000)
    features = WORLD.analyse(noise)
    assert all(np.isfinite(array).all() for array in features.arrays().values())
    samples = WORLD.synthesise(features)
    assert np.isfinite(samples).all()
    assert np.abs(samples).max() < 10 * max(scale, 1e-7)


@pytest.mark.parametrize("samples", [1, 79, 160, 320], ids=lambda samples: f"{samples / 16} ms")
def test_very_short(samples: int) -> None:
    features = WORLD.analyse(vowel(200)[:samples])
    assert {len(array) for array in features.arrays().values()} == {1 + samples // 80}
    again = WORLD.synthesise(features)
    assert len(again) >= samples
    assert np.isfinite(again).all()


def test_same_bytes_twice() -> None:
    sound = vowel(150, duration_s=0.2)
    one, two = (WORLD.analyse(sound) for _ in range(2))
    for name, array in one.arrays().items():
        assert array.tobytes() == two.arrays()[name].tobytes()
    assert WORLD.synthesise(one).tobytes() == WORLD.synthesise(two).tobytes()


def test_without_aperiodicity() -> None:
    sound = vowel(150, duration_s=0.2)
    whole, rest = WORLD.analyse(sound), WORLD.analyse(sound, aperiodicity=False)
    assert rest.aperiodicity.shape == (len(rest.spectrum), 0)
    assert rest.spectrum.tobytes() == whole.spectrum.tobytes()
    assert rest.f0_hz.tobytes() == whole.f0_hz.tobytes()
