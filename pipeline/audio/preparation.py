"""The one preparation that every clip gets, real or synthetic, and the writing of audio files."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Annotated, BinaryIO

import click
import numpy as np
import soundfile
import soxr
from pydantic import Field

from pipeline.audio import marking
from pipeline.audio.decoding import AudioError, count_not_finite, read
from pipeline.audio.speech import frame_power, is_speech
from pipeline.core.params import section

TRIM_HOP = 128  # samples; a frame of the search for silent ends is four hops
PEAK = 0.99  # largest sample that is written, of full scale


@section
class AudioParams:
    """How a clip is prepared before any analysis."""

    sampling_rate: Annotated[int, Field(ge=12_000)]  # [Hz]; WORLD codes no aperiodicity below
    trim_db: float  # ends that are further below the loudest frame are silence [dB]
    level_db: float  # root mean square after levelling, relative to full scale [dB]


def prepare(samples: np.ndarray, sampling_rate: int, params: AudioParams) -> np.ndarray:
    """Resample, trim the silent ends and level a clip, so that rate, pauses and level do not reveal an emotion.

    Args:
        samples: mono, (samples,)
        sampling_rate: [Hz]
        params: target rate, threshold and level

    Returns:
        (samples at `params.sampling_rate`,), float32; a silent clip stays silent
    """
    if sampling_rate != params.sampling_rate:
        samples = soxr.resample(samples, sampling_rate, params.sampling_rate)
    loud = np.flatnonzero(is_speech(frame_power(samples, TRIM_HOP), params.trim_db))
    start, stop = loud[0] * TRIM_HOP, (loud[-1] + 1) * TRIM_HOP
    return level(samples[start:stop], params.level_db).astype(np.float32)


def prepared(path: Path, params: AudioParams, start: float | None = None, end: float | None = None) -> np.ndarray:
    """Prepared samples of a file, or of a segment of it [s], as of `prepare`.

    Raises:
        ClickException: the file cannot be decoded; the message names it
    """
    try:
        recording = read(path, start, end)
    except AudioError as error:
        raise click.ClickException(f"{path}: {error}") from None
    return prepare(recording.samples, recording.sampling_rate, params)


def level(samples: np.ndarray, level_db: float) -> np.ndarray:
    """Scale to a root mean square of `level_db` [dB re full scale]; peaks may exceed ±1, silence stays."""
    rms = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0
    return samples if rms == 0 else samples * (10 ** (level_db / 20) / rms)


def peak_limited(samples: np.ndarray) -> np.ndarray:
    """Samples, scaled down to a peak of `PEAK` if they are louder.

    Raises:
        AudioError: some samples are NaN or infinite
    """
    if wild := count_not_finite(samples):
        raise AudioError("not finite", f"{wild} samples are NaN or infinite")
    peak = float(np.abs(samples).max(initial=0.0))
    return samples * min(1.0, PEAK / max(peak, 1e-9))


def write(
    path: Path | BinaryIO, samples: np.ndarray, sampling_rate: int, tags: Mapping[str, str] | None = None
) -> None:
    """Write mono samples as 16-bit FLAC, scaled down to a peak of `PEAK` if they are louder.

    Args:
        path: of the file, or the file itself
        samples: (samples,), full scale is ±1
        sampling_rate: [Hz]
        tags: of the file (`marking`)

    Raises:
        AudioError: some samples are NaN or infinite
    """
    limited = peak_limited(samples)
    with opened(path, sampling_rate, "FLAC", "PCM_16") as file:
        marking.write(file, tags or {})
        file.write(limited)


@contextmanager
def opened(
    path: Path | BinaryIO, sampling_rate: int, form: str, subtype: str | None = None
) -> Iterator[soundfile.SoundFile]:
    """Open a mono audio file for writing; its bytes are written at the end.

    libsndfile reports no error where the disk is full when it writes the last bytes of FLAC.

    Args:
        path: of the file, or the file itself
        sampling_rate: [Hz]
        form: such as FLAC, as libsndfile names it
        subtype: such as PCM_16; None: the usual one of the form
    """
    encoded = BytesIO()
    with soundfile.SoundFile(encoded, "w", sampling_rate, 1, subtype, format=form) as file:
        yield file
    if isinstance(path, Path):
        path.write_bytes(encoded.getvalue())
    else:
        path.write(encoded.getvalue())
