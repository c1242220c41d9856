"""How long speech takes, and features that take longer or shorter."""

import numpy as np

from pipeline.conversion.prosody.energy import threshold
from pipeline.vocoder.features import Features

PAUSE = 40  # frames, 0.2 s at 5 ms; a longer pause is one of thought, and counts as this


def speech_frames(c0: np.ndarray) -> int:
    """Frames from the first to the last that is speech, in which a pause counts as `PAUSE` at most.

    Speech is within 30 dB of the loud frames. F0 takes no part in it: it is found in hums, and missed in whispers.

    Args:
        c0: energies of a clip's frames, (frames,) [nepers of power]
    """
    steps = np.diff(np.flatnonzero(c0 > threshold(c0)))
    return 1 + int(np.minimum(steps, PAUSE).sum())


def stretched(features: Features, factor: float) -> Features:
    """Features of a clip that takes `factor` times as long, interpolated between frames.

    F0 is interpolated in its logarithm, between voiced frames only; a frame is voiced if the nearest one was.

    Args:
        features: of a clip
        factor: of time; 1 changes nothing

    Returns:
        features of round(frames · factor) frames, at least 1
    """
    frames = len(features.spectrum)
    wanted = max(1, round(frames * factor))
    places = np.clip((np.arange(wanted) + 0.5) * frames / wanted - 0.5, 0, frames - 1)  # middles of frames
    before = places.astype(int)
    after = np.minimum(before + 1, frames - 1)
    share = (places - before)[:, None]  # of the frame after
    return Features(
        spectrum=_between(features.spectrum[before], features.spectrum[after], share),
        f0_hz=_between_voiced(features.f0_hz[before], features.f0_hz[after], share),
        aperiodicity=_between(features.aperiodicity[before], features.aperiodicity[after], share),
    )


def _between(before: np.ndarray, after: np.ndarray, share: np.ndarray) -> np.ndarray:
    return ((1 - share) * before + share * after).astype(before.dtype)


def _between_voiced(before: np.ndarray, after: np.ndarray, share: np.ndarray) -> np.ndarray:
    voiced = np.where(share < 0.5, before, after) > 0
    start = np.where(before > 0, before, after).astype(np.float64)  # at the edge of a voiced stretch, the voiced frame
    end = np.where(after > 0, after, before)
    ratio = np.divide(end, start, out=np.ones_like(start), where=voiced)
    return np.where(voiced, start * ratio**share, 0.0).astype(before.dtype)
