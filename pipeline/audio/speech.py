"""Which frames of a clip are speech."""

import numpy as np

SPEECH_DB = 30  # speech is at most this far below the loudest frame


def is_speech(power: np.ndarray) -> np.ndarray:
    """Whether each frame is within 30 dB of the loudest, (frames,); at least one frame is.

    Args:
        power: of the frames, (frames,)
    """
    loud: np.ndarray = power >= power.max() / 10 ** (SPEECH_DB / 10)
    return loud
