"""Duration of speech, and features stretched in time."""

import numpy as np

from pipeline.conversion.prosody.energy import threshold
from pipeline.vocoder.features import Features

PAUSE = 40  # frames, 0.2 s at 5 ms; longer pauses count as this


def speech_frames(c0: np.ndarray) -> int:
    """Frames from the first to the last frame of speech, where a pause counts as `PAUSE` at most.

    Speech is within 30 dB of the loud frames. F0 is not used: it is present in hum, and absent in whispers.

    Args:
        c0: energies of a clip's frames, (frames,) [nepers of power]
    """
    steps = np.diff(np.flatnonzero(c0 > threshold(c0)))
    return 1 + int(np.minimum(steps, PAUSE).sum())


def stretched(features: Features, factor: float) -> Features:
    """Features of a clip with `factor` times the duration, interpolated between frames.

    The logarithm of F0 is interpolated, between voiced frames only; a frame is voiced if its nearest source frame is.

    Args:
        features: of a clip
        factor: of the duration; 1 changes nothing

    Returns:
        features of round(frames · factor) frames, at least 1
    """
    frames = len(features.spectrum)
    count = max(1, round(frames * factor))
    places = np.clip((np.arange(count) + 0.5) * frames / count - 0.5, 0, frames - 1)  # middles of frames
    before = places.astype(int)
    after = np.minimum(before + 1, frames - 1)
    share = (places - before)[:, None]  # weight of the frame after
    return Features(
        spectrum=_between(features.spectrum[before], features.spectrum[after], share),
        f0_hz=_between_voiced(features.f0_hz[before], features.f0_hz[after], share),
        aperiodicity=_between(features.aperiodicity[before], features.aperiodicity[after], share),
    )


def _between(before: np.ndarray, after: np.ndarray, share: np.ndarray) -> np.ndarray:
    return ((1 - share) * before + share * after).astype(before.dtype)


def _between_voiced(before: np.ndarray, after: np.ndarray, share: np.ndarray) -> np.ndarray:
    voiced = np.where(share < 0.5, before, after) > 0
    start = np.where(before > 0, before, after).astype(np.float64)  # at edges, the voiced frame alone
    end = np.where(after > 0, after, before)
    ratio = np.divide(end, start, out=np.ones_like(start), where=voiced)
    return np.where(voiced, start * ratio**share, 0.0).astype(before.dtype)
