"""Which part of a clip is speech."""

import numpy as np

SPEECH_DB = 30  # speech is at most this far below the loudest frame
FRAME_HOPS = 4  # hops in a frame of `frame_power`


def is_speech(power: np.ndarray, below_db: float = SPEECH_DB) -> np.ndarray:
    """Whether each frame is at most `below_db` below the loudest, (frames,); at least one frame is.

    Args:
        power: of the frames, (frames,)
        below_db: [dB]
    """
    loud: np.ndarray = power >= power.max() / 10 ** (below_db / 10)
    return loud


def frame_power(samples: np.ndarray, hop: int) -> np.ndarray:
    """Sum of squares of frames of four hops, centred on every `hop`-th sample, (samples // hop + 1,).

    These are the frames of librosa.effects.trim, which holds every sample four times in memory.

    Args:
        samples: (samples,); there is silence before and after them
        hop: samples
    """
    n_full = len(samples) // hop * hop
    hops = samples[:n_full].reshape(-1, hop)
    sums = np.append(np.einsum("ij,ij->i", hops, hops), np.square(samples[n_full:]).sum()).astype(np.float64)
    return np.convolve(sums, np.ones(FRAME_HOPS))[FRAME_HOPS // 2 - 1 :][: len(sums)]
