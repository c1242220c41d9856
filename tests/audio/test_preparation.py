"""Preparation and writing of clips."""

import resource
from pathlib import Path

import click
import librosa
import numpy as np
import pytest

from pipeline.audio import decoding, preparation
from pipeline.audio.decoding import AudioError
from pipeline.audio.preparation import AudioParams

RATE = 16_000
PARAMS = AudioParams(sampling_rate=RATE, trim_db=40, level_db=-23)


@pytest.fixture
def tone() -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * 220 * np.arange(RATE // 2) / RATE)


def test_what_is_not_finite_is_not_written(tmp_path: Path, tone: np.ndarray) -> None:
    for wild in (np.nan, np.inf):
        tone[100] = wild
        with pytest.raises(AudioError, match="1 samples are NaN or infinite"):
            preparation.write(tmp_path / "out.flac", tone, 16_000)
    assert not any(tmp_path.iterdir())


def test_write_and_read_again(tmp_path: Path, tone: np.ndarray) -> None:
    preparation.write(tmp_path / "tone.flac", tone, RATE)
    np.testing.assert_allclose(decoding.read(tmp_path / "tone.flac").samples, tone, atol=1e-4)
    preparation.write(tmp_path / "loud.flac", 10 * tone, RATE)
    loud = decoding.read(tmp_path / "loud.flac").samples
    np.testing.assert_allclose(loud, tone / np.abs(tone).max() * preparation.PEAK, atol=1e-3)


def test_a_full_disk_is_an_error(tmp_path: Path, tone: np.ndarray) -> None:
    """Also where only the last bytes find no space; a limit of the size of files stands for the disk's."""
    path = tmp_path / "tone.flac"
    preparation.write(path, tone, RATE)
    size, limits = path.stat().st_size, resource.getrlimit(resource.RLIMIT_FSIZE)
    path.unlink()
    resource.setrlimit(resource.RLIMIT_FSIZE, (size - 1, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            preparation.write(path, tone, RATE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_prepare_trims_resamples_and_levels(tone: np.ndarray) -> None:
    silence = np.zeros(RATE)
    padded = np.concatenate([silence, tone, silence])
    prepared = preparation.prepare(padded, RATE, PARAMS)
    assert len(prepared) == pytest.approx(len(tone), abs=1024)
    assert prepared.dtype == np.float32
    assert np.sqrt(np.mean(prepared**2)) == pytest.approx(10 ** (-23 / 20), rel=1e-3)
    slower = preparation.prepare(padded, 2 * RATE, PARAMS)
    assert len(slower) == pytest.approx(len(tone) / 2, abs=1024)
    assert (preparation.prepare(silence, RATE, PARAMS) == 0).all()


@pytest.mark.parametrize("scale", [1e-2, 1e-4, 1e-6])
def test_a_quiet_clip_is_trimmed_as_a_loud_one(tone: np.ndarray, scale: float) -> None:
    """Silence is what is quieter than the clip itself; librosa has a floor of its own, 100 dB below full scale."""
    noise = 1e-4 * np.random.default_rng(0).standard_normal(RATE)
    loud = np.concatenate([noise[: RATE // 2], tone + noise[: len(tone)], noise]).astype(np.float32)
    expected = preparation.prepare(loud, RATE, PARAMS)
    assert len(tone) <= len(expected) < len(tone) + 1024
    np.testing.assert_allclose(preparation.prepare(scale * loud, RATE, PARAMS), expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("samples", [1, 100, 500, 3000, 16_001])
def test_ends_are_those_of_librosa(samples: int) -> None:
    rng = np.random.default_rng(samples)
    sound = (rng.standard_normal(samples) * np.sin(np.pi * np.arange(samples) / samples) ** 8).astype(np.float32)
    expected, _ = librosa.effects.trim(sound, top_db=40, frame_length=512, hop_length=128)
    prepared = preparation.prepare(sound, RATE, PARAMS)
    np.testing.assert_allclose(prepared, preparation.level(expected, -23), rtol=1e-6)


@pytest.mark.parametrize("times", [(), (0.2, 0.7), (None, 0.4)])
def test_prepare_a_file_or_segment(tmp_path: Path, times: tuple[float | None, ...]) -> None:
    path = tmp_path / "tone.flac"
    preparation.write(path, (0.1 * np.sin(np.arange(22_050) / 20)).astype(np.float32), 22_050)
    expected = preparation.prepare(decoding.read(path, *times).samples, 22_050, PARAMS)
    np.testing.assert_array_equal(preparation.prepared(path, PARAMS, *times), expected)


@pytest.mark.parametrize("content", [None, b"", b"no audio"])
def test_a_file_that_cannot_be_prepared_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "odd.flac"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(click.ClickException, match="odd.flac: "):
        preparation.prepared(path, PARAMS)
