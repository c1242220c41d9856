"""Audio files in and out, and the one preparation that every clip goes through, real or synthetic."""

import hashlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Annotated, BinaryIO

import click
import numpy as np
import soundfile
import soxr
from pydantic import Field

from pipeline.params import section

LOSSY = frozenset({".mp3", ".ogg"})
SUFFIXES = frozenset({".wav", ".flac", ".aif", ".aiff"}) | LOSSY
PEAK = 0.99  # nothing is written louder, of full scale
LONGEST = 2**32  # samples; a header that promises more is not believed
# Coded sample by sample, so that a seek is exact. In libsndfile 1.2.2 a seek in MP3 is followed by garbled samples, as
# a frame's data may begin many frames back, and one in Ogg may end up beside the place.
SEEKABLE = frozenset({"PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"})
BLOCK = 2**18  # samples that are decoded at once to get past them
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


def read(path: Path, start: float | None = None, end: float | None = None) -> Recording:
    """Decode a file, or a segment of it and nothing else, and mix its channels down.

    Args:
        path: of the file
        start: of the segment [s]; None: the file's beginning
        end: of the segment [s]; None: the file's end

    Raises:
        AudioError: as of `decoded`, the file cannot be read, or the segment is not inside it (`invalid times`)
    """
    if start is None and end is None:
        return decoded(contents(path))
    try:
        with path.open("rb") as file:
            return _decoded(file, path.stat().st_size, start, end)
    except OSError as error:
        raise AudioError("unreadable", str(error.strerror)) from None


def contents(path: Path) -> bytes:
    """Bytes of a file.

    Raises:
        AudioError: it cannot be read
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise AudioError("unreadable", str(error.strerror)) from None


def decoded(data: bytes) -> Recording:
    """Decode the bytes of an audio file and mix its channels down; the file's name does not matter.

    Raises:
        AudioError: unreadable, empty, truncated, a Git LFS pointer, or with samples that are not finite
    """
    return _decoded(BytesIO(data), len(data), None, None)


def _decoded(file: BinaryIO, size: int, start: float | None, end: float | None) -> Recording:
    """What `decoded` and `read` return.

    Args:
        file: at its beginning
        size: of it [bytes]
        start: of the segment [s]
        end: of the segment [s]
    """
    if not size:
        raise AudioError("empty", "the file has no bytes")
    if file.read(100).startswith(b"version https://git-lfs"):
        raise AudioError("git lfs pointer", "the audio was not downloaded: run `git lfs pull`")
    file.seek(0)
    is_cut = _is_cut(file, size)
    if is_cut and (start, end) != (None, None):
        raise AudioError("truncated", "the header promises more samples than there are")
    file.seek(0)
    samples, sampling_rate, promised = _decode(file, start, end)
    if is_cut or 0 < len(samples) < promised:
        raise AudioError("truncated", f"the header promises more than the {len(samples)} samples there are")
    if not len(samples):
        raise AudioError("empty", "the header is followed by no samples")
    _refuse_wild(samples)
    digest = hashlib.sha256(f"{samples.shape[1]} {sampling_rate} ".encode())
    digest.update(np.ascontiguousarray(samples, dtype="<f4").data)
    mono = samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1)
    return Recording(mono, sampling_rate, digest.hexdigest())


def peak_limited(samples: np.ndarray) -> np.ndarray:
    """Samples, lowered where they are louder than `PEAK`.

    Raises:
        AudioError: some of them are NaN or infinite
    """
    _refuse_wild(samples)
    peak = float(np.abs(samples).max(initial=0.0))
    return samples * min(1.0, PEAK / max(peak, 1e-9))


def _refuse_wild(samples: np.ndarray) -> None:
    if not np.isfinite([samples.min(initial=0), samples.max(initial=0)]).all():
        raise AudioError("not finite", f"{int((~np.isfinite(samples)).sum())} samples are NaN or infinite")


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
    trimmed, _ = trim(samples, top_db=params.trim_db, frame_length=512, hop_length=128)
    return level(trimmed, params.level_db).astype(np.float32)


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


def _decode(data: BinaryIO, start: float | None, end: float | None) -> tuple[np.ndarray, int, int]:
    """Samples (samples, channels) of a segment, sampling rate [Hz], and how many samples the header promises."""
    try:
        file = soundfile.SoundFile(data)
    except soundfile.LibsndfileError as error:
        raise AudioError("unreadable", f"not decodable as audio: {error.error_string}") from None
    with file:
        if file.frames > LONGEST or file.format == "MP3" and not _is_counted(data):
            raise AudioError("unreadable", "the header does not say how long the audio is: convert the file anew")
        first, last = _places(start, end, file.frames, file.samplerate)
        try:
            _skip(file, first)
            return file.read(last - first, dtype="float32", always_2d=True), file.samplerate, last - first
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


def _places(start: float | None, end: float | None, frames: int, sampling_rate: int) -> tuple[int, int]:
    """First sample of a segment, and the one after its last."""
    first, last = round((start or 0) * sampling_rate), frames if end is None else round(end * sampling_rate)
    if last > frames + ROUNDING_S * sampling_rate or start is not None and first >= min(last, frames):
        times = f"{start or 0:g} s to {'its end' if end is None else f'{end:g} s'}"
        detail = f"the segment is from {times}, but the file has {frames / sampling_rate:.3f} s (times are in seconds)"
        raise AudioError("invalid times", detail)
    return first, min(last, frames)


def _is_counted(file: BinaryIO) -> bool:
    """Whether an MP3 says how many frames it has; else libsndfile guesses, and stops reading where it guessed."""
    place = file.tell()
    file.seek(0)
    while (head := file.read(10))[:3] == b"ID3":
        length = 0
        for byte in head[6:]:
            length = length << 7 | byte
        file.seek(length, 1)
    first_frame = head + file.read(200)
    file.seek(place)
    return any(name in first_frame for name in (b"Xing", b"Info", b"VBRI"))


def _is_cut(file: BinaryIO, size: int) -> bool:
    """Whether the sound chunk of a WAV or AIFF promises bytes beyond the file's end.

    libsndfile reads such a file without a word. What the whole file's header promises is no guide: many
    programs get it wrong, and lost chunks behind the sound do no harm.
    """
    form = file.read(12)[:4]
    if form not in (b"RIFF", b"FORM"):
        return False
    while len(head := file.read(8)) == 8:
        length = int.from_bytes(head[4:], "little" if form == b"RIFF" else "big")
        if head[:4] in (b"data", b"SSND"):
            streamed = length >= 0x7FFFF000  # a program that wrote to a pipe did not know the length
            return not streamed and file.tell() + length > size
        file.seek(length + length % 2, 1)
    return False
