"""Audio files of every kind of damage, and the preparation of clips."""

import pickle
import re
from pathlib import Path

import click
import numpy as np
import pytest
import soundfile

from pipeline.audio import recordings
from pipeline.audio.recordings import AudioError, AudioParams

RATE = 16_000
PARAMS = AudioParams(sampling_rate=RATE, trim_db=40, level_db=-23)
LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 212036\n"


@pytest.fixture
def tone() -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * 220 * np.arange(RATE // 2) / RATE)


def encoded(path: Path, samples: np.ndarray, **kind: str) -> bytes:
    soundfile.write(path, samples, RATE, **kind)
    return path.read_bytes()


def reason(path: Path) -> str:
    with pytest.raises(AudioError) as caught:
        recordings.read(path)
    return caught.value.reason


@pytest.mark.parametrize("suffix", sorted(recordings.SUFFIXES))
def test_reads_every_suffix(tmp_path: Path, tone: np.ndarray, suffix: str) -> None:
    path = tmp_path / f"tone{suffix}"
    encoded(path, tone, format={".aif": "AIFF"}.get(suffix, suffix[1:].upper()))
    recording = recordings.read(path)
    assert recording.sampling_rate == RATE
    assert recording.samples.dtype == np.float32
    assert recording.duration == pytest.approx(0.5, abs=0.01)
    assert np.abs(recording.samples).max() == pytest.approx(0.3, abs=0.03)


def test_aiff_named_wav(tmp_path: Path, tone: np.ndarray) -> None:
    encoded(tmp_path / "tone.wav", tone, format="AIFF")
    assert len(recordings.read(tmp_path / "tone.wav").samples) == len(tone)


def test_stereo_is_mixed_down(tmp_path: Path, tone: np.ndarray) -> None:
    encoded(tmp_path / "stereo.wav", np.stack([tone, np.zeros_like(tone)], axis=1))
    np.testing.assert_allclose(recordings.read(tmp_path / "stereo.wav").samples, tone / 2, atol=1e-4)


@pytest.mark.parametrize("form", ["WAV", "FLAC", "MP3", "OGG"])
@pytest.mark.parametrize("channels", [1, 2])
def test_blocks_make_no_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tone: np.ndarray, form: str, channels: int
) -> None:
    encoded(tmp_path / "tone", np.stack([tone, 0.5 * tone[::-1]][:channels], axis=1), format=form)
    whole = recordings.read(tmp_path / "tone")
    with soundfile.SoundFile(tmp_path / "tone") as file:
        expected = file.read(file.frames, dtype="float32", always_2d=True)
    np.testing.assert_array_equal(whole.samples, expected.mean(axis=1))
    monkeypatch.setattr(recordings, "BLOCK", 700)
    blocks = recordings.read(tmp_path / "tone")
    assert blocks.sha256 == whole.sha256
    np.testing.assert_array_equal(blocks.samples, whole.samples)


def test_what_is_too_long_is_refused_by_its_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tone: np.ndarray
) -> None:
    encoded(tmp_path / "tone.flac", tone)
    assert recordings.read(tmp_path / "tone.flac", longest_s=0.5).duration == 0.5
    monkeypatch.setattr(soundfile.SoundFile, "read", lambda *_, **__: pytest.fail("it was decoded"))
    with pytest.raises(AudioError, match=r"lasts 0\.5 s, expected 0\.49 s or less") as caught:
        recordings.read(tmp_path / "tone.flac", longest_s=0.49)
    assert caught.value.reason == "too long"


def test_sha256_is_of_the_samples(tmp_path: Path, tone: np.ndarray) -> None:
    tone = np.round(tone * 32767).astype(np.int16)  # rounded here, as formats round each in its own way
    encoded(tmp_path / "a.wav", tone)
    encoded(tmp_path / "a.flac", tone)
    encoded(tmp_path / "other.wav", tone[:-1])
    soundfile.write(tmp_path / "slower.wav", tone, RATE // 2)
    same, flac, other, slower = (
        recordings.read(tmp_path / name).sha256 for name in ("a.wav", "a.flac", "other.wav", "slower.wav")
    )
    assert same == flac
    assert len({same, other, slower}) == 3


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".aiff", ".mp3"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_truncated(tmp_path: Path, tone: np.ndarray, suffix: str, share: float) -> None:
    path = tmp_path / f"cut{suffix}"
    whole = encoded(path, tone)
    path.write_bytes(whole[: int(len(whole) * share)])
    assert reason(path) == "truncated"


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_cut_within_the_header(tmp_path: Path, tone: np.ndarray, suffix: str) -> None:
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(encoded(path, tone)[:40])
    assert reason(path) == "unreadable"


def test_nothing_behind_the_header(tmp_path: Path, tone: np.ndarray) -> None:
    path = tmp_path / "cut.wav"
    path.write_bytes(encoded(path, tone)[:44])
    assert reason(path) == "truncated"
    encoded(path, tone[:0])
    assert reason(path) == "empty"


def test_wav_headers_that_only_look_cut(tmp_path: Path, tone: np.ndarray) -> None:
    path = tmp_path / "tone.wav"
    whole = encoded(path, tone)
    unknown = (2**32 - 1).to_bytes(4, "little")
    for changed in (
        whole[:4] + unknown + whole[8:40] + unknown + whole[44:],  # written to a pipe
        whole[:4] + (len(whole)).to_bytes(4, "little") + whole[8:],  # counted the first 8 bytes too
    ):
        path.write_bytes(changed)
        assert len(recordings.read(path).samples) == len(tone)


@pytest.mark.parametrize("tags", [0, 2])
def test_mp3_of_unknown_length(tmp_path: Path, tone: np.ndarray, tags: int) -> None:
    path = tmp_path / "tone.mp3"
    whole = encoded(path, tone, format="MP3", subtype="MPEG_LAYER_III")
    tag = b"ID3\x04\x00\x00" + bytes([0, 0, 1, 2]) + bytes(130)
    path.write_bytes(tags * tag + whole)
    assert len(recordings.read(path).samples) == len(tone)
    count = re.search(b"Info|Xing", whole)
    assert count
    next_frame = whole.index(whole[:2], count.end())
    path.write_bytes(tags * tag + whole[next_frame:])
    with pytest.raises(AudioError, match="does not say how long"):
        recordings.read(path)


def test_wav_in_which_nothing_can_be_looked_for(tmp_path: Path, tone: np.ndarray) -> None:
    path = tmp_path / "tone.wav"
    soundfile.write(path, tone, 8_000, subtype="GSM610")
    assert len(recordings.read(path).samples) == pytest.approx(len(tone), abs=320)  # a block


def test_flac_of_unknown_length(tmp_path: Path, tone: np.ndarray) -> None:
    path = tmp_path / "tone.flac"
    whole = bytearray(encoded(path, tone))
    whole[21] &= 0xF0
    whole[22:26] = bytes(4)  # as an encoder leaves it that wrote to a pipe
    path.write_bytes(whole)
    with pytest.raises(AudioError, match="does not say how long"):
        recordings.read(path)


def test_not_finite(tmp_path: Path, tone: np.ndarray) -> None:
    tone[100:103] = np.nan
    encoded(tmp_path / "nan.wav", tone, subtype="FLOAT")
    with pytest.raises(AudioError, match="3 samples are NaN") as caught:
        recordings.read(tmp_path / "nan.wav")
    assert caught.value.reason == "not finite"


@pytest.mark.parametrize("wild", [np.nan, np.inf])
def test_what_is_not_finite_is_not_written(tmp_path: Path, tone: np.ndarray, wild: float) -> None:
    tone[100] = wild
    with pytest.raises(AudioError, match="1 samples are NaN or infinite"):
        recordings.write(tmp_path / "out.flac", tone, 16_000)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(("text", "expected"), [("not audio", "unreadable"), ("", "empty"), (LFS, "git lfs pointer")])
def test_text_named_wav(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "text.wav").write_text(text)
    assert reason(tmp_path / "text.wav") == expected


def test_missing_file(tmp_path: Path) -> None:
    (tmp_path / "link.wav").symlink_to("nowhere.wav")
    assert reason(tmp_path / "link.wav") == "unreadable"


def test_error_survives_the_way_between_processes() -> None:
    error = pickle.loads(pickle.dumps(AudioError("empty", "the file has no bytes")))
    assert (error.reason, str(error)) == ("empty", "the file has no bytes")


def test_write_and_read_again(tmp_path: Path, tone: np.ndarray) -> None:
    recordings.write(tmp_path / "tone.flac", tone, RATE)
    np.testing.assert_allclose(recordings.read(tmp_path / "tone.flac").samples, tone, atol=1e-4)
    recordings.write(tmp_path / "loud.flac", 10 * tone, RATE)
    loud = recordings.read(tmp_path / "loud.flac").samples
    np.testing.assert_allclose(loud, tone / np.abs(tone).max() * recordings.PEAK, atol=1e-3)


def test_level(tone: np.ndarray) -> None:
    levelled = recordings.level(tone, -20)
    assert np.sqrt(np.mean(levelled**2)) == pytest.approx(0.1)
    np.testing.assert_array_equal(recordings.level(np.zeros(8), -20), np.zeros(8))


def test_prepare_trims_resamples_and_levels(tone: np.ndarray) -> None:
    silence = np.zeros(RATE)
    padded = np.concatenate([silence, tone, silence])
    prepared = recordings.prepare(padded, RATE, PARAMS)
    assert len(prepared) == pytest.approx(len(tone), abs=1024)
    assert prepared.dtype == np.float32
    assert np.sqrt(np.mean(prepared**2)) == pytest.approx(10 ** (-23 / 20), rel=1e-3)
    slower = recordings.prepare(padded, 2 * RATE, PARAMS)
    assert len(slower) == pytest.approx(len(tone) / 2, abs=1024)


@pytest.mark.parametrize("scale", [1e-2, 1e-4, 1e-6])
def test_a_quiet_clip_is_trimmed_as_a_loud_one(tone: np.ndarray, scale: float) -> None:
    """Silence is what is quieter than the clip itself; librosa has a floor of its own, 100 dB below full scale."""
    noise = 1e-4 * np.random.default_rng(0).standard_normal(RATE)
    loud = np.concatenate([noise[: RATE // 2], tone + noise[: len(tone)], noise]).astype(np.float32)
    expected = recordings.prepare(loud, RATE, PARAMS)
    assert len(tone) <= len(expected) < len(tone) + 1024
    np.testing.assert_allclose(recordings.prepare(scale * loud, RATE, PARAMS), expected, rtol=1e-3, atol=1e-6)


def test_prepared_silence_stays_silent() -> None:
    prepared = recordings.prepare(np.zeros(RATE, dtype=np.float32), RATE, PARAMS)
    assert np.isfinite(prepared).all()
    assert not prepared.any()


def test_a_file_is_prepared_as_its_samples_are(tmp_path: Path) -> None:
    samples = (0.1 * np.sin(np.arange(22_050) / 20)).astype(np.float32)
    recordings.write(tmp_path / "tone.flac", samples, 22_050)
    expected = recordings.prepare(recordings.read(tmp_path / "tone.flac").samples, 22_050, PARAMS)
    np.testing.assert_array_equal(recordings.prepared(tmp_path / "tone.flac", PARAMS), expected)


@pytest.mark.parametrize("content", [None, b"", b"no audio"])
def test_a_file_that_cannot_be_prepared_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "odd.flac"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(click.ClickException, match="odd.flac: "):
        recordings.prepared(path, PARAMS)


# Segments


@pytest.mark.parametrize("kind", [("WAV", "PCM_16"), ("WAV", "PCM_24"), ("FLAC", "PCM_16"), ("AIFF", "PCM_16")])
@pytest.mark.parametrize(("start", "end"), [(0.5, 1.25), (None, 0.7), (1.9, None), (0.123456, 0.2), (1.5, 2.005)])
def test_a_segment_is_a_part_of_the_samples(
    tmp_path: Path, kind: tuple[str, str], start: float | None, end: float | None
) -> None:
    path = tmp_path / "long"
    stereo = 0.1 * np.random.default_rng(0).standard_normal((2 * RATE, 2))
    soundfile.write(path, stereo, RATE, format=kind[0], subtype=kind[1])
    whole = recordings.read(path)
    first, last = round((start or 0) * RATE), round((end or 2) * RATE)
    segment = recordings.read(path, start, end)
    np.testing.assert_array_equal(segment.samples, whole.samples[first:last])
    assert segment.sampling_rate == RATE
    part = tmp_path / "part"
    soundfile.write(part, soundfile.read(path, dtype="float32")[0][first:last], RATE, format="WAV", subtype="FLOAT")
    assert segment.sha256 == recordings.read(part).sha256  # as if it were a file of its own
    prepared = recordings.prepared(path, PARAMS, start, end)
    np.testing.assert_array_equal(prepared, recordings.prepare(segment.samples, RATE, PARAMS))


@pytest.mark.parametrize("rate", [16_000, 24_000])
@pytest.mark.parametrize("sound", ["tone", "hiss"])
@pytest.mark.parametrize("kind", [("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS"), ("OGG", "OPUS")])
def test_a_segment_of_a_lossy_file(tmp_path: Path, kind: tuple[str, str], sound: str, rate: int) -> None:
    """The very samples that are there when all is decoded; after a seek, libsndfile has others."""
    path, draw = tmp_path / "long", np.random.default_rng(0)
    samples = {
        "tone": 0.3 * np.sin(2 * np.pi * 300 * np.arange(20 * rate) / rate),
        "hiss": np.convolve(0.2 * draw.standard_normal(20 * rate), np.ones(8) / 8, "same"),
    }
    soundfile.write(path, samples[sound], rate, format=kind[0], subtype=kind[1])
    whole = recordings.read(path)
    for start in draw.uniform(0, 19, 20).round(3):
        segment = recordings.read(path, start, start + 0.5)
        first, last = round(start * rate), round((start + 0.5) * rate)
        assert len(segment.samples) == last - first
        np.testing.assert_allclose(segment.samples, whole.samples[first:last], atol=1e-4)
    assert segment.sha256 == recordings.read(path, start, start + 0.5).sha256


@pytest.mark.parametrize(("start", "end"), [(1.0, 2.02), (2.0, None), (3.0, 4.0), (5.0, None), (None, 2.5)])
def test_segments_beyond_the_end(tmp_path: Path, start: float | None, end: float | None) -> None:
    soundfile.write(tmp_path / "long.wav", np.full(2 * RATE, 0.1), RATE)
    with pytest.raises(AudioError, match="but the file has 2.000 s .times are in seconds.") as caught:
        recordings.read(tmp_path / "long.wav", start, end)
    assert caught.value.reason == "invalid times"


def test_segments_of_damaged_files(tmp_path: Path, tone: np.ndarray) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(2 * RATE)
    for name, content, expected in (
        ("empty.wav", b"", "empty"),
        ("lfs.wav", LFS.encode(), "git lfs pointer"),
        ("text.wav", b"not audio", "unreadable"),
        ("cut.wav", encoded(tmp_path / "cut.wav", noise)[:-1000], "truncated"),
        ("cut.flac", encoded(tmp_path / "cut.flac", noise)[:-9000], "truncated"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(AudioError) as caught:
            recordings.read(tmp_path / name, 1.0, 2.0)
        assert caught.value.reason == expected, name
    with pytest.raises(AudioError, match="No such file"):
        recordings.read(tmp_path / "gone.wav", 1.0, 2.0)
    noise[-100] = np.nan
    soundfile.write(tmp_path / "nan.wav", noise, RATE, subtype="FLOAT")
    assert len(recordings.read(tmp_path / "nan.wav", 0.5, 1.0).samples) == RATE // 2
    with pytest.raises(AudioError, match="1 samples are NaN"):
        recordings.read(tmp_path / "nan.wav", 1.0, 2.0)
