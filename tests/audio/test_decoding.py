"""Decoding of intact and damaged files, and of segments."""

import os
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.audio import decoding
from pipeline.audio.decoding import AudioError

RATE = 16_000
LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 212036\n"


@pytest.fixture
def tone() -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * 220 * np.arange(RATE // 2) / RATE)


def encoded(path: Path, samples: np.ndarray, **kind: str) -> bytes:
    soundfile.write(path, samples, RATE, **kind)
    return path.read_bytes()


def reason(path: Path) -> str:
    with pytest.raises(AudioError) as caught:
        decoding.read(path)
    return caught.value.reason


@pytest.mark.parametrize("suffix", sorted(decoding.SUFFIXES))
def test_reads_every_suffix(tmp_path: Path, tone: np.ndarray, suffix: str) -> None:
    path = tmp_path / f"tone{suffix}"
    encoded(path, tone, format={".aif": "AIFF"}.get(suffix, suffix[1:].upper()))
    recording = decoding.read(path)
    assert recording.sampling_rate == RATE
    assert recording.samples.dtype == np.float32
    assert recording.duration == pytest.approx(0.5, abs=0.01)
    assert np.abs(recording.samples).max() == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize("form", ["WAV", "FLAC", "MP3", "OGG"])
@pytest.mark.parametrize("channels", [1, 2])
def test_blocks_make_no_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tone: np.ndarray, form: str, channels: int
) -> None:
    encoded(tmp_path / "tone", np.stack([tone, 0.5 * tone[::-1]][:channels], axis=1), format=form)
    whole = decoding.read(tmp_path / "tone")
    with soundfile.SoundFile(tmp_path / "tone") as file:
        expected = file.read(file.frames, dtype="float32", always_2d=True)
    np.testing.assert_array_equal(whole.samples, expected.mean(axis=1))
    monkeypatch.setattr(decoding, "BLOCK", 700)
    blocks = decoding.read(tmp_path / "tone")
    assert blocks.sha256 == whole.sha256
    np.testing.assert_array_equal(blocks.samples, whole.samples)


def test_too_long_by_the_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tone: np.ndarray) -> None:
    encoded(tmp_path / "tone.flac", tone)
    assert decoding.read(tmp_path / "tone.flac", longest_s=0.5).duration == 0.5
    monkeypatch.setattr(soundfile.SoundFile, "read", lambda *_, **__: pytest.fail("it was decoded"))
    with pytest.raises(AudioError, match=r"lasts 0\.5 s, expected 0\.49 s or less") as caught:
        decoding.read(tmp_path / "tone.flac", longest_s=0.49)
    assert caught.value.reason == "too long"


def test_sha256_is_of_the_samples(tmp_path: Path, tone: np.ndarray) -> None:
    tone = np.round(tone * 32767).astype(np.int16)  # rounded here, as formats round each in its own way
    encoded(tmp_path / "a.wav", tone)
    encoded(tmp_path / "a.flac", tone)
    encoded(tmp_path / "other.wav", tone[:-1])
    soundfile.write(tmp_path / "slower.wav", tone, RATE // 2)
    same, flac, other, slower = (
        decoding.read(tmp_path / name).sha256 for name in ("a.wav", "a.flac", "other.wav", "slower.wav")
    )
    assert same == flac
    assert len({same, other, slower}) == 3


@pytest.mark.parametrize(
    ("name", "length", "expected"),
    [("cut.wav", 40, "unreadable"), ("cut.flac", 40, "unreadable"), ("cut.wav", 44, "truncated")],
)
def test_cut_within_the_header_or_behind_it(
    tmp_path: Path, tone: np.ndarray, name: str, length: int, expected: str
) -> None:
    (tmp_path / name).write_bytes(encoded(tmp_path / name, tone)[:length])
    assert reason(tmp_path / name) == expected


def test_wav_headers_that_only_look_cut_or_cannot_be_examined(tmp_path: Path, tone: np.ndarray) -> None:
    path = tmp_path / "tone.wav"
    soundfile.write(path, tone, 8_000, subtype="GSM610")
    assert len(decoding.read(path).samples) == pytest.approx(len(tone), abs=320)  # a block
    whole = encoded(path, tone)
    unknown = (2**32 - 1).to_bytes(4, "little")
    for changed in (
        whole[:4] + unknown + whole[8:40] + unknown + whole[44:],  # written to a pipe
        whole[:4] + (len(whole)).to_bytes(4, "little") + whole[8:],  # counted the first 8 bytes too
    ):
        path.write_bytes(changed)
        assert len(decoding.read(path).samples) == len(tone)


@pytest.mark.parametrize("tags", [0, 2])
def test_mp3_and_flac_of_unknown_length(tmp_path: Path, tone: np.ndarray, tags: int) -> None:
    path = tmp_path / "tone.mp3"
    whole = encoded(path, tone, format="MP3", subtype="MPEG_LAYER_III")
    tag = b"ID3\x04\x00\x00" + bytes([0, 0, 1, 2]) + bytes(130)
    path.write_bytes(tags * tag + whole)
    assert len(decoding.read(path).samples) == len(tone)
    count = re.search(b"Info|Xing", whole)
    assert count
    next_frame = whole.index(whole[:2], count.end())
    path.write_bytes(tags * tag + whole[next_frame:])
    flac = bytearray(encoded(tmp_path / "tone.flac", tone))
    flac[21] &= 0xF0
    flac[22:26] = bytes(4)  # as an encoder leaves it that wrote to a pipe
    (tmp_path / "tone.flac").write_bytes(flac)
    for each in (path, tmp_path / "tone.flac"):
        with pytest.raises(AudioError, match="does not say how long"):
            decoding.read(each)


def test_not_finite(tmp_path: Path, tone: np.ndarray) -> None:
    tone[100:103] = np.nan
    encoded(tmp_path / "nan.wav", tone, subtype="FLOAT")
    with pytest.raises(AudioError, match="3 samples are NaN") as caught:
        decoding.read(tmp_path / "nan.wav")
    assert caught.value.reason == "not finite"


@pytest.mark.parametrize(("text", "expected"), [("not audio", "unreadable"), ("", "empty"), (LFS, "git lfs pointer")])
def test_text_named_wav(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "text.wav").write_text(text)
    assert reason(tmp_path / "text.wav") == expected
    (tmp_path / "link.wav").symlink_to("nowhere.wav")
    assert reason(tmp_path / "link.wav") == "unreadable"


def test_error_survives_the_way_between_processes() -> None:
    error = pickle.loads(pickle.dumps(AudioError("empty", "the file has no bytes")))
    assert (error.reason, str(error)) == ("empty", "the file has no bytes")


@pytest.mark.parametrize("kind", [("WAV", "PCM_16"), ("WAV", "PCM_24"), ("FLAC", "PCM_16"), ("AIFF", "PCM_16")])
def test_a_segment_is_a_part_of_the_samples(tmp_path: Path, kind: tuple[str, str]) -> None:
    path, part = tmp_path / "long", tmp_path / "part"
    stereo = 0.1 * np.random.default_rng(0).standard_normal((2 * RATE, 2))
    soundfile.write(path, stereo, RATE, format=kind[0], subtype=kind[1])
    whole, samples = decoding.read(path), soundfile.read(path, dtype="float32")[0]
    for start, end in ((0.5, 1.25), (None, 0.7), (1.9, None), (0.123456, 0.2), (1.5, 2.005)):
        first, last = round((start or 0) * RATE), round((end or 2) * RATE)
        segment = decoding.read(path, start, end)
        np.testing.assert_array_equal(segment.samples, whole.samples[first:last])
        assert segment.sampling_rate == RATE
        soundfile.write(part, samples[first:last], RATE, format="WAV", subtype="FLOAT")
        assert segment.sha256 == decoding.read(part).sha256  # as if it were a file of its own


@pytest.mark.parametrize("rate", [16_000, 24_000])
@pytest.mark.parametrize("kind", [("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS"), ("OGG", "OPUS")])
def test_a_segment_of_a_lossy_file(tmp_path: Path, kind: tuple[str, str], rate: int) -> None:
    """The very samples that are there when all is decoded; after a seek, libsndfile has others."""
    path, draw = tmp_path / "long", np.random.default_rng(0)
    hiss = np.convolve(0.2 * draw.standard_normal(10 * rate), np.ones(8) / 8, "same")
    soundfile.write(path, hiss, rate, format=kind[0], subtype=kind[1])
    whole = decoding.read(path)
    for start in draw.uniform(0, 9, 6).round(3):
        segment = decoding.read(path, start, start + 0.5)
        first, last = round(start * rate), round((start + 0.5) * rate)
        assert len(segment.samples) == last - first
        np.testing.assert_allclose(segment.samples, whole.samples[first:last], atol=1e-4)
    assert segment.sha256 == decoding.read(path, start, start + 0.5).sha256


@pytest.mark.parametrize(("start", "end"), [(1.0, 2.02), (2.0, None), (3.0, 4.0), (5.0, None), (None, 2.5)])
def test_segments_beyond_the_end(tmp_path: Path, start: float | None, end: float | None) -> None:
    soundfile.write(tmp_path / "long.wav", np.full(2 * RATE, 0.1), RATE)
    with pytest.raises(AudioError, match="but the file has 2.000 s .times are in seconds.") as caught:
        decoding.read(tmp_path / "long.wav", start, end)
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
            decoding.read(tmp_path / name, 1.0, 2.0)
        assert caught.value.reason == expected, name
    with pytest.raises(AudioError, match="No such file"):
        decoding.read(tmp_path / "gone.wav", 1.0, 2.0)
    noise[-100] = np.nan
    soundfile.write(tmp_path / "nan.wav", noise, RATE, subtype="FLOAT")
    assert len(decoding.read(tmp_path / "nan.wav", 0.5, 1.0).samples) == RATE // 2
    with pytest.raises(AudioError, match="1 samples are NaN"):
        decoding.read(tmp_path / "nan.wav", 1.0, 2.0)


def test_what_has_no_end_is_not_opened(tmp_path: Path) -> None:
    """A pipe without a writer would wait for ever, and a device never ends."""
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "zero.wav").symlink_to("/dev/zero")
    (tmp_path / "folder.wav").mkdir()
    for name in ("pipe.wav", "zero.wav", "folder.wav"):
        with pytest.raises(AudioError, match="expected a plain file"):
            decoding.read(tmp_path / name)
