"""Speech is within 30 dB of the loudest frame."""

import numpy as np

from pipeline.audio.speech import is_speech


def test_threshold() -> None:
    assert is_speech(10 ** (np.array([0, -29.9, -30.1, -90]) / 10)).tolist() == [True, True, False, False]
    assert is_speech(np.zeros(2)).all()
