"""Copy synthesis keeps F0 and timbre; odd clips do no harm."""

from dataclasses import replace

import numpy as np
import pytest
import pyworld
from pydantic import ValidationError

from pipeline.vocoder import world
from pipeline.vocoder.world import World, WorldParams, _coded_aperiodicity, _coder

SAMPLING_RATE = 16_000
RATES = (16_000, 22_050, 24_000, 44_100, 48_000)
PARAMS = WorldParams(frame_ms=5, order=36, f0="dio", f0_floor_hz=71, f0_ceil_hz=600, d4c_threshold=0)
WORLD = World(PARAMS, SAMPLING_RATE)
FORMANTS = ((700, 100, 1.0), (1200, 120, 0.5), (2600, 160, 0.2), (3600, 300, 0.1))  # centre, width [Hz], strength


def formants(at_hz: np.ndarray | float) -> np.ndarray | float:
    """Gain at a frequency."""
    return sum(a / (1 + ((at_hz - centre) / width) ** 2) for centre, width, a in FORMANTS) + 1e-3


def vowel(f0_hz: float, duration_s: float = 0.6, moved: float = 1.0) -> np.ndarray:
    """Harmonics under four formants, which are `moved`, with a vibrato of 5 Hz, (samples,)."""
    time = np.arange(round(duration_s * SAMPLING_RATE)) / SAMPLING_RATE
    phase = 2 * np.pi * f0_hz * time + 0.5 * np.sin(2 * np.pi * 5 * time)
    sound = np.zeros(len(time))
    for number in range(1, int(7900 / (f0_hz + 2.5))):
        sound += formants(number * f0_hz / moved) * np.sin(number * phase + number**2)
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


def test_a_floor_above_the_ceiling() -> None:
    with pytest.raises(ValidationError, match="f0_floor_hz is 700.0: expected less than f0_ceil_hz, 600.0"):
        replace(PARAMS, f0_floor_hz=700)


@pytest.mark.parametrize(("f0_hz", "estimator"), [(110, "dio"), (330, "dio"), (220, "harvest")])
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
    shapes = {name: array.shape for name, array in features.arrays().items()}
    assert shapes == {"spectrum": (121, 36), "f0_hz": (121, 1), "aperiodicity": (121, 1)}
    assert all(array.dtype == np.float32 for array in features.arrays().values())
    samples = WORLD.synthesise(features)
    assert (samples.dtype, samples.shape) == (np.float64, (121 * 80,))


@pytest.mark.parametrize(
    ("sampling_rate", "floor_hz", "f0_hz"),
    [(16_000, 50, 55), (22_050, 60, 64), (24_000, 50, 55), (24_000, 71, 72), (48_000, 60, 64)],
)
def test_deep_voices_have_the_envelope_of_voiced_frames(sampling_rate: int, floor_hz: float, f0_hz: float) -> None:
    """As with a transform that is long enough for any voice; with the one of WORLD's defaults, some have not."""
    world = World(replace(PARAMS, f0_floor_hz=floor_hz), sampling_rate)
    time = np.arange(round(0.6 * sampling_rate)) / sampling_rate
    numbers = range(1, int(7900 / f0_hz))
    sound = 0.1 * sum(formants(n * f0_hz) * np.sin(2 * np.pi * n * f0_hz * time + n**2) for n in numbers)
    f0_track, times = world._f0(sound)
    inner = slice(20, -20)

    def envelope_db(coded: np.ndarray) -> np.ndarray:
        power = pyworld.decode_spectral_envelope(coded[inner].astype(np.float64), sampling_rate, 1024)
        return 10 * np.log10(power[:, :200])

    def distance_db(coded: np.ndarray) -> float:
        long = pyworld.cheaptrick(sound, f0_track, times, sampling_rate, fft_size=8192)
        expected = pyworld.code_spectral_envelope(long, sampling_rate, PARAMS.order)
        return float(np.sqrt(np.mean((envelope_db(coded) - envelope_db(expected)) ** 2)))

    features = world.analyse(sound)
    assert distance_db(features.spectrum) < 2
    size = pyworld.get_cheaptrick_fft_size(sampling_rate)
    if f0_hz < pyworld.get_cheaptrick_f0_floor(sampling_rate, size):
        short = pyworld.cheaptrick(sound, f0_track, times, sampling_rate)
        assert distance_db(pyworld.code_spectral_envelope(short, sampling_rate, PARAMS.order)) > 5
    copied = world.analyse(world.synthesise(features)).f0_hz[inner]
    for track in (features.f0_hz[inner], copied):
        assert (track > 0).mean() > 0.95
        assert np.median(track[track > 0]) == pytest.approx(f0_hz, rel=0.01)


@pytest.mark.parametrize("sampling_rate", RATES)
def test_cheaptrick_reaches_every_floor(sampling_rate: int) -> None:
    """Also where WORLD's own size is one power of two too small: 70.47 Hz at 24 kHz."""
    floors_hz = [*np.geomspace(20, 300, 500), 3 * sampling_rate / 1021, 3 * sampling_rate / 1021 - 0.05]
    for floor_hz in floors_hz:
        size = World(replace(PARAMS, f0_floor_hz=floor_hz), sampling_rate).fft_size
        assert pyworld.get_cheaptrick_f0_floor(sampling_rate, size) < floor_hz
    assert World(PARAMS, 16_000).fft_size == pyworld.get_cheaptrick_fft_size(16_000)


def test_f0_stays_inside_the_bounds() -> None:
    """StoneMask moves what DIO found, here by up to a tenth out of a hiss; such frames stay voiced."""
    time = np.arange(9600) / SAMPLING_RATE
    glide_hz = 250 * 1.28 ** (time / 0.6)
    phase = 2 * np.pi * np.cumsum(glide_hz) / SAMPLING_RATE
    voice = 0.1 * sum(formants(n * glide_hz) * np.sin(n * phase + n**2) for n in range(1, 25))
    sound = voice + 0.05 * np.random.default_rng(0).standard_normal(len(time))
    world = replace(WORLD, params=replace(PARAMS, f0_ceil_hz=300))
    coarse, times = pyworld.dio(sound, SAMPLING_RATE, 71, 300, frame_period=PARAMS.frame_ms)
    refined = pyworld.stonemask(sound, coarse, times, SAMPLING_RATE)
    beyond = (refined > 0) & (refined < 71)
    assert beyond.any()
    found, _ = world._f0(sound)
    assert (found[beyond] == 71).all()
    assert (found[~beyond] == refined[~beyond]).all()


def test_f0_above_the_ceiling_stays_voiced_at_the_ceiling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyworld, "stonemask", lambda _, coarse, *__: 1.15 * coarse)
    found = replace(WORLD, params=replace(PARAMS, f0_ceil_hz=230)).f0(vowel(220))
    assert set(found[found > 0]) == {230.0}


@pytest.mark.parametrize("factor", [0.88, 1.12])
def test_formants_move_and_f0_stays(factor: float) -> None:
    """As a vowel does that was spoken with such formants; before they move it is far from that."""
    sound, target = vowel(150), vowel(150, moved=factor)
    features = WORLD.analyse(sound)
    moved = WORLD.synthesise(features, factor)
    unmoved = WORLD.synthesise(features)
    assert spectral_distance_db(target, moved, bands=12) < 1 < 5 < spectral_distance_db(target, unmoved, bands=12)
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


def test_same_bytes_without_aperiodicity() -> None:
    sound = vowel(150, duration_s=0.2)
    one, two, rest = WORLD.analyse(sound), WORLD.analyse(sound), WORLD.analyse(sound, aperiodicity=False)
    assert rest.aperiodicity.shape == (len(rest.spectrum), 0)
    for name, array in one.arrays().items():
        assert array.tobytes() == two.arrays()[name].tobytes()
        assert name == "aperiodicity" or array.tobytes() == rest.arrays()[name].tobytes()
    assert one.f0_hz.tobytes() == WORLD.f0(sound).tobytes()
    assert WORLD.synthesise(one).tobytes() == WORLD.synthesise(two).tobytes()


@pytest.mark.parametrize("sampling_rate", RATES)
def test_code_is_that_of_pyworld(sampling_rate: int) -> None:
    world = World(PARAMS, sampling_rate)
    envelope = np.exp(np.random.default_rng(0).normal(-10, 5, (20, world.fft_size // 2 + 1)))
    found = np.log(envelope) @ _coder(sampling_rate, world.fft_size, PARAMS.order)
    np.testing.assert_allclose(found, pyworld.code_spectral_envelope(envelope, sampling_rate, PARAMS.order), atol=1e-4)
    noise = np.random.default_rng(1).uniform(1e-3, 1, envelope.shape)
    expected = pyworld.code_aperiodicity(noise, sampling_rate)
    np.testing.assert_allclose(_coded_aperiodicity(noise, sampling_rate), expected, atol=1e-10)


def correlation_of_phases(clips: list[np.ndarray]) -> float:
    """Mean over pairs of clips and over frequencies of the cosine of the difference of their phases."""
    phases = np.exp(1j * np.angle(np.fft.rfft(np.array(clips) * np.hanning(len(clips[0])))[:, 1:-1]))
    pairs = len(clips) * (len(clips) - 1)
    return float(((np.abs(phases.sum(axis=0)) ** 2 - len(clips)) / pairs).mean())


def test_noise_differs_by_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    """WORLD's own is the same in every clip."""
    draw = np.random.default_rng(0)
    hisses = [WORLD.analyse(0.05 * draw.standard_normal(1600)) for _ in range(20)]
    hisses = [replace(hiss, f0_hz=np.zeros_like(hiss.f0_hz), aperiodicity=0 * hiss.aperiodicity) for hiss in hisses]
    assert abs(correlation_of_phases([WORLD.synthesise(hiss)[:512] for hiss in hisses])) < 0.05
    monkeypatch.setattr(world, "NOISES", 1)
    assert correlation_of_phases([WORLD.synthesise(hiss)[:512] for hiss in hisses]) > 0.3


@pytest.mark.parametrize("sampling_rate", RATES)
def test_samples_before_the_clip_are_cut(sampling_rate: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sound begins where it does with the fewest of them, and the number of samples is that of the frames."""
    own = World(PARAMS, sampling_rate)
    time = np.arange(round(0.3 * sampling_rate)) / sampling_rate
    tones = np.sum([np.sin(2 * np.pi * n * 200 * time) for n in range(1, 11)], axis=0) * (time > 0.1)
    features = own.analyse(tones + 0.01 * np.random.default_rng(0).standard_normal(len(time)))
    beginnings = []
    for noises in (1, 128):
        monkeypatch.setattr(world, "NOISES", noises)
        samples = own.synthesise(features)
        assert len(samples) == int(len(features.f0_hz) * PARAMS.frame_ms * sampling_rate / 1000)
        window = np.ones(sampling_rate // 100)  # two periods
        energy = np.convolve(samples**2, window / len(window), "same")
        beginnings.append(np.argmax(energy > 0.5 * np.mean(samples[sampling_rate // 5 :] ** 2)) / sampling_rate)
    assert beginnings[0] == pytest.approx(0.1, abs=0.01)
    assert beginnings[1] == pytest.approx(beginnings[0], abs=0.006)  # about a period of the voice


def test_voiced_frames_without_noise_alone() -> None:
    """With the highest threshold, all frames of a vowel get noise alone; with 0, none does."""
    shares = []
    for threshold in (0.0, 1.0):
        features = replace(WORLD, params=replace(PARAMS, d4c_threshold=threshold)).analyse(vowel(150))
        voiced = features.f0_hz[:, 0] > 0
        assert voiced.mean() > 0.9
        shares.append(np.mean(features.aperiodicity[voiced] > -1e-3))
    assert shares == [0, 1]
