"""Audio files in and out, and the one preparation that every clip goes through, real or synthetic."""

import hashlib
import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO

import click
import numpy as np
import soundfile
import soxr
from pydantic import Field

from pipeline.audio import containers
from pipeline.audio.containers import Stretch
from pipeline.core.params import section

LOSSY = frozenset({".mp3", ".ogg"})
SUFFIXES = frozenset({".wav", ".flac", ".aif", ".aiff"}) | LOSSY
TOO_LONG = "too long"  # reason
LFS_POINTER = b"version https://git-lfs"
PEAK = 0.99  # nothing is written louder, of full scale
FORMATS = frozenset({"WAV", "WAVEX", "RF64", "W64", "AIFF", "NIST", "FLAC", "MP3", "OGG"})  # of libsndfile
LONGEST = 2**32  # samples; a header that promises more is not believed
# Coded sample by sample, so that a seek is exact. In libsndfile 1.2.2 a seek in MP3 is followed by garbled samples, as
# a frame's data may begin many frames back, and one in Ogg may end up beside the place.
SEEKABLE = frozenset({"PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"})
BLOCK = 2**18  # samples of each channel that are decoded at once
ROUNDING_S = 0.01  # by which the times of a segment may be beyond the file's end


@section
class AudioParams:
    """How a clip is prepared before any analysis."""

    sampling_rate: Annotated[int, Field(ge=12_000)]  # [Hz]; WORLD codes no aperiodicity below
    trim_db: float  # quieter than this below the loudest frame, at the ends, is silence [dB]
    level_db: float  # root mean square after levelling, relative to full scale [dB]


class AudioError(ValueError):
    """A file holds no usable audio; `reason` is one of few words, the message has the details."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)  # both, so that it survives the way between processes
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return self.detail


@dataclass(frozen=True)
class Recording:
    """A decoded file."""

    samples: np.ndarray  # float32, mono, (samples,)
    sampling_rate: int  # [Hz]
    sha256: str  # of the decoded samples, all channels, with their number and rate

    @property
    def duration(self) -> float:
        """Length [s]."""
        return len(self.samples) / self.sampling_rate

    @property
    def peak(self) -> float:
        """Largest absolute sample, of full scale."""
        return float(max(self.samples.max(), -self.samples.min()))


def read(path: Path, start: float | None = None, end: float | None = None, longest_s: float = math.inf) -> Recording:
    """Decode a file, or a segment of it and nothing else, and mix its channels down.

    Args:
        path: of the file
        start: of the segment [s]; None: the file's beginning
        end: of the segment [s]; None: the file's end
        longest_s: what lasts longer is not decoded [s]

    Raises:
        AudioError: as of `decoded`, or the file cannot be read
    """
    try:
        with path.open("rb") as file:
            return decoded(file, start, end, longest_s)
    except OSError as error:
        raise AudioError("unreadable", str(error.strerror)) from None


def decoded(
    file: BinaryIO, start: float | None = None, end: float | None = None, longest_s: float = math.inf
) -> Recording:
    """Decode an audio file, or a segment of it, and mix its channels down; the file's name does not matter.

    Args:
        file: opened, to be read from its beginning
        start: of the segment [s]; None: the file's beginning
        end: of the segment [s]; None: the file's end
        longest_s: what lasts longer, by its header or the segment's times, is not decoded [s]

    Raises:
        AudioError: unreadable, empty, truncated, unfinished, too long, a Git LFS pointer, a segment that is not inside
            the file (`invalid times`), or samples that are not finite
    """
    file.seek(0)
    head = file.read(len(LFS_POINTER))
    if not head:
        raise AudioError("empty", "the file has no bytes")
    if head == LFS_POINTER:
        raise AudioError("git lfs pointer", "the audio was not downloaded: run `git lfs pull`")
    sound = containers.untagged(file)
    if fault := containers.fault(sound):
        raise AudioError(*fault)
    with ExitStack() as stack:
        files = [stack.enter_context(_opened(link)) for link in containers.links(sound)]
        return _mixed(files, start, end, longest_s)


def too_long(duration: float, longest_s: float) -> AudioError:
    """What speaks against audio of a duration [s] that is above the longest [s]."""
    return AudioError(TOO_LONG, f"lasts {duration:,.1f} s, expected {longest_s:g} s or less")


def peak_limited(samples: np.ndarray) -> np.ndarray:
    """Samples, lowered where they are louder than `PEAK`.

    Raises:
        AudioError: some of them are NaN or infinite
    """
    _require_finite(samples)
    peak = float(np.abs(samples).max(initial=0.0))
    return samples * min(1.0, PEAK / max(peak, 1e-9))


def _require_finite(samples: np.ndarray) -> None:
    if wild := _count_wild(samples):
        raise AudioError("not finite", f"{wild} samples are NaN or infinite")


def _count_wild(samples: np.ndarray) -> int:
    is_finite = np.isfinite([samples.min(initial=0), samples.max(initial=0)]).all()
    return 0 if is_finite else int((~np.isfinite(samples)).sum())


def write(path: Path, samples: np.ndarray, sampling_rate: int) -> None:
    """Write mono samples as 16-bit FLAC, lowering what is louder than `PEAK`.

    Args:
        path: where to
        samples: (samples,), full scale is ±1
        sampling_rate: [Hz]

    Raises:
        AudioError: some samples are NaN or infinite
    """
    soundfile.write(path, peak_limited(samples), sampling_rate, format="FLAC", subtype="PCM_16")


def prepare(samples: np.ndarray, sampling_rate: int, params: AudioParams) -> np.ndarray:
    """Resample, trim the silent ends and level a clip, so that none of these can stand for an emotion.

    Args:
        samples: mono, (samples,)
        sampling_rate: [Hz]
        params: target rate, threshold and level

    Returns:
        (samples at `params.sampling_rate`,), float32; a silent clip stays silent
    """
    from librosa.effects import trim

    if sampling_rate != params.sampling_rate:
        samples = soxr.resample(samples, sampling_rate, params.sampling_rate)
    peak = float(np.abs(samples).max(initial=0.0))
    full = samples / peak if peak else samples  # librosa takes for silence what is 100 dB below full scale
    _, (start, stop) = trim(full, top_db=params.trim_db, frame_length=512, hop_length=128)
    return level(samples[start:stop], params.level_db).astype(np.float32)


def prepared(path: Path, params: AudioParams, start: float | None = None, end: float | None = None) -> np.ndarray:
    """What `prepare` makes of a file, or of a segment of it [s], that is expected to be readable.

    Raises:
        ClickException: it is not; names the file
    """
    try:
        recording = read(path, start, end)
    except AudioError as error:
        raise click.ClickException(f"{path}: {error}") from None
    return prepare(recording.samples, recording.sampling_rate, params)


def level(samples: np.ndarray, level_db: float) -> np.ndarray:
    """Scale to a root mean square of `level_db` [dB re full scale]; peaks may pass ±1, silence stays."""
    rms = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0
    return samples if rms == 0 else samples * (10 ** (level_db / 20) / rms)


def _opened(file: Stretch) -> soundfile.SoundFile:
    """An audio file whose header says how much is in it."""
    file.seek(0)
    try:
        opened = soundfile.SoundFile(file)
    except soundfile.LibsndfileError as error:
        raise AudioError("unreadable", f"not decodable as audio: {error.error_string}") from None
    if opened.format not in FORMATS:
        detail = f"of the format {opened.format}, which may be cut without a sign: convert it to WAV or FLAC"
        raise AudioError("unreadable", detail)
    if opened.frames > LONGEST or opened.format == "MP3" and not containers.is_counted(file):
        raise AudioError("unreadable", "the header does not say how long the audio is: convert the file anew")
    return opened


def _mixed(files: Sequence[soundfile.SoundFile], start: float | None, end: float | None, longest_s: float) -> Recording:
    """What is in files, one after another, decoded block by block, so that other channels than one take no memory."""
    [(sampling_rate, channels), *others] = {(file.samplerate, file.channels): None for file in files}
    if others:
        raise AudioError("unreadable", "holds recordings of several rates or channels one after another")
    first, last = _places(start, end, sum(file.frames for file in files), sampling_rate)
    if last - first > longest_s * sampling_rate:
        raise too_long((last - first) / sampling_rate, longest_s)
    digest = hashlib.sha256(f"{channels} {sampling_rate} ".encode())
    mono: list[np.ndarray] = []
    wild = 0
    for block in _blocks(files, first, last):
        wild += _count_wild(block)
        digest.update(np.ascontiguousarray(block, dtype="<f4").data)
        mono.append(block[:, 0] if channels == 1 else block.mean(axis=1))
    samples = np.concatenate(mono) if mono else np.zeros(0, np.float32)
    if 0 < len(samples) < last - first:
        raise AudioError("truncated", f"the header promises {last - first:,} samples, {len(samples):,} are there")
    if not len(samples):
        raise AudioError("empty", "the header is followed by no samples")
    if wild:
        raise AudioError("not finite", f"{wild} samples are NaN or infinite")
    return Recording(samples, sampling_rate, digest.hexdigest())


def _places(start: float | None, end: float | None, frames: int, sampling_rate: int) -> tuple[int, int]:
    """First sample of a segment, and the one after its last."""
    first, last = round((start or 0) * sampling_rate), frames if end is None else round(end * sampling_rate)
    if last > frames + ROUNDING_S * sampling_rate or start is not None and first >= min(last, frames):
        times = f"{start or 0:g} s to {'its end' if end is None else f'{end:g} s'}"
        detail = f"the segment is from {times}, but the file has {frames / sampling_rate:.3f} s (times are in seconds)"
        raise AudioError("invalid times", detail)
    return first, min(last, frames)


def _blocks(files: Sequence[soundfile.SoundFile], first: int, last: int) -> Iterator[np.ndarray]:
    """Samples from one place to another in files one after another, (samples, channels) at a time, float32."""
    for file in files:
        yield from _blocks_of(file, min(first, file.frames), min(last, file.frames))
        first, last = max(first - file.frames, 0), max(last - file.frames, 0)


def _blocks_of(file: soundfile.SoundFile, first: int, last: int) -> Iterator[np.ndarray]:
    size = last - first if file.format == "MP3" else BLOCK  # an MP3's samples depend on how many are read at once
    try:
        if last > first:
            _skip(file, first)
        for place in range(first, last, max(size, 1)):
            wanted = min(last - place, size)
            block = file.read(wanted, dtype="float32", always_2d=True)
            yield block
            if len(block) < wanted:  # libsndfile would go on behind a gap
                return
    except soundfile.LibsndfileError as error:
        detail = f"cut or damaged: decoding stops before sample {file.frames}: {error.error_string}"
        raise AudioError("truncated", detail) from None


def _skip(file: soundfile.SoundFile, samples: int) -> None:
    """Go to a sample from the file's beginning, by decoding what is before it where a seek would not be exact."""
    if samples and file.subtype in SEEKABLE:
        file.seek(samples)
    elif samples:
        file.seekable = lambda: False  # else soundfile 0.14 seeks after each read, to where it is anyway
        while samples and (passed := len(file.read(min(samples, BLOCK), dtype="float32"))):
            samples -= passed
