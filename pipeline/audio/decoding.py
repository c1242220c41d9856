"""Decoding of audio files and of segments of them."""

import hashlib
import math
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from pipeline.audio import containers, ogg
from pipeline.audio.stretch import Stretch

LOSSY = frozenset({".mp3", ".ogg"})
SUFFIXES = frozenset({".wav", ".flac", ".aif", ".aiff"}) | LOSSY
TOO_LONG = "too long"  # reason of an AudioError
LFS_POINTER = b"version https://git-lfs"
FORMATS = frozenset({"WAV", "WAVEX", "RF64", "W64", "AIFF", "NIST", "FLAC", "MP3", "OGG"})  # of libsndfile
LONGEST = 2**32  # samples; a header with more is wrong
# Encodings of single samples, in which a seek is exact. In libsndfile 1.2.2, samples after a seek in MP3 are garbled,
# because a frame's data may begin many frames before it. A seek in Ogg may end at another place.
SEEKABLE = frozenset({"PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"})
BLOCK = 2**18  # samples of each channel that are decoded at a time
ROUNDING_S = 0.01  # tolerance of the times of a segment at the file's end


class AudioError(ValueError):
    """A file has no usable audio; `reason` is a category, the message has the details."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)  # both, so that it can be pickled
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return self.detail


@dataclass(frozen=True)
class Recording:
    """A decoded file."""

    samples: np.ndarray  # float32, mono, (samples,)
    sampling_rate: int  # [Hz]
    sha256: str  # of the decoded samples of all channels, with number of channels and rate

    @property
    def duration(self) -> float:
        """Length [s]."""
        return len(self.samples) / self.sampling_rate

    @property
    def peak(self) -> float:
        """Largest absolute sample, of full scale."""
        return float(max(self.samples.max(), -self.samples.min()))


def read(path: Path, start: float | None = None, end: float | None = None, longest_s: float = math.inf) -> Recording:
    """Decode a file, or only a segment of it, and mix its channels down.

    Args:
        path: of the file
        start: of the segment [s]; None: beginning of the file
        end: of the segment [s]; None: end of the file
        longest_s: longer audio is not decoded [s]

    Raises:
        AudioError: the file cannot be read, or an error of `decoded`
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would wait for its writer, a device may have no end
            raise AudioError("unreadable", "is a folder, a pipe or a device, expected a plain file")
        with path.open("rb") as file:
            return decoded(file, start, end, longest_s)
    except OSError as error:
        raise AudioError("unreadable", str(error.strerror)) from None


def decoded(
    file: BinaryIO, start: float | None = None, end: float | None = None, longest_s: float = math.inf
) -> Recording:
    """Decode an audio file, or a segment of it, and mix its channels down; the file's name is not used.

    Args:
        file: opened for binary reading
        start: of the segment [s]; None: beginning of the file
        end: of the segment [s]; None: end of the file
        longest_s: longer audio, by the header or the segment's times, is not decoded [s]

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
        files = [stack.enter_context(_opened(link)) for link in ogg.links(sound)]
        return _mixed(files, start, end, longest_s)


def too_long(duration: float, longest_s: float) -> AudioError:
    """Error for audio that is longer than the maximum; both durations in [s]."""
    return AudioError(TOO_LONG, f"lasts {duration:,.1f} s, expected {longest_s:g} s or less")


def count_not_finite(samples: np.ndarray) -> int:
    """Number of samples that are NaN or infinite."""
    is_finite = np.isfinite([samples.min(initial=0), samples.max(initial=0)]).all()
    return 0 if is_finite else int((~np.isfinite(samples)).sum())


def _opened(file: Stretch) -> soundfile.SoundFile:
    """Open an audio file; its header must have the number of samples."""
    file.seek(0)
    try:
        opened = soundfile.SoundFile(file)
    except soundfile.LibsndfileError as error:
        raise AudioError("unreadable", f"not decodable as audio: {error.error_string}") from None
    if opened.format not in FORMATS:
        detail = f"of the format {opened.format}, in which a cut cannot be detected: convert it to WAV or FLAC"
        raise AudioError("unreadable", detail)
    if opened.frames > LONGEST or opened.format == "MP3" and not containers.is_counted(file):
        raise AudioError("unreadable", "the header does not say how long the audio is: convert the file again")
    return opened


def _mixed(files: Sequence[soundfile.SoundFile], start: float | None, end: float | None, longest_s: float) -> Recording:
    """Decode files one after another, block by block, so that only the mixed channel is in memory."""
    [(sampling_rate, channels), *others] = {(file.samplerate, file.channels): None for file in files}
    if others:
        raise AudioError("unreadable", "contains recordings of several rates or channels one after another")
    first, last = _places(start, end, sum(file.frames for file in files), sampling_rate)
    if last - first > longest_s * sampling_rate:
        raise too_long((last - first) / sampling_rate, longest_s)
    sha256 = hashlib.sha256(f"{channels} {sampling_rate} ".encode())
    mono: list[np.ndarray] = []
    wild = 0
    for block in _blocks(files, first, last):
        wild += count_not_finite(block)
        sha256.update(np.ascontiguousarray(block, dtype="<f4").data)
        mono.append(block[:, 0] if channels == 1 else block.mean(axis=1))
    samples = np.concatenate(mono) if mono else np.zeros(0, np.float32)
    if 0 < len(samples) < last - first:
        raise AudioError("truncated", f"the header promises {last - first:,} samples, {len(samples):,} are there")
    if not len(samples):
        raise AudioError("empty", "the header is followed by no samples")
    if wild:
        raise AudioError("not finite", f"{wild} samples are NaN or infinite")
    return Recording(samples, sampling_rate, sha256.hexdigest())


def _places(start: float | None, end: float | None, frames: int, sampling_rate: int) -> tuple[int, int]:
    """First sample of a segment, and the sample after its last."""
    first, last = round((start or 0) * sampling_rate), frames if end is None else round(end * sampling_rate)
    if last > frames + ROUNDING_S * sampling_rate or start is not None and first >= min(last, frames):
        times = f"{start or 0:g} s to {'its end' if end is None else f'{end:g} s'}"
        detail = f"the segment is from {times}, but the file has {frames / sampling_rate:.3f} s (times are in seconds)"
        raise AudioError("invalid times", detail)
    return first, min(last, frames)


def _blocks(files: Sequence[soundfile.SoundFile], first: int, last: int) -> Iterator[np.ndarray]:
    """Blocks (samples, channels), float32, of the samples `first` to `last` of consecutive files."""
    for file in files:
        yield from _blocks_of(file, min(first, file.frames), min(last, file.frames))
        first, last = max(first - file.frames, 0), max(last - file.frames, 0)


def _blocks_of(file: soundfile.SoundFile, first: int, last: int) -> Iterator[np.ndarray]:
    size = last - first if file.format == "MP3" else BLOCK  # samples of an MP3 depend on the block size
    try:
        if last > first:
            _skip(file, first)
        for place in range(first, last, max(size, 1)):
            wanted = min(last - place, size)
            block = file.read(wanted, dtype="float32", always_2d=True)
            yield block
            if len(block) < wanted:  # libsndfile would continue after a gap
                return
    except soundfile.LibsndfileError as error:
        detail = f"cut or damaged: decoding stops before sample {file.frames}: {error.error_string}"
        raise AudioError("truncated", detail) from None


def _skip(file: soundfile.SoundFile, samples: int) -> None:
    """Move to a sample from the file's beginning, by decoding all samples before it where a seek is not exact."""
    if samples and file.subtype in SEEKABLE:
        file.seek(samples)
    elif samples:
        file.seekable = lambda: False  # otherwise soundfile 0.14 seeks after each read
        while samples and (passed := len(file.read(min(samples, BLOCK), dtype="float32"))):
            samples -= passed
