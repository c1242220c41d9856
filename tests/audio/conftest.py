"""Encoded files, and what decoding them gives."""

from io import BytesIO

import numpy as np
import pytest
import soundfile

from pipeline.audio import decoding
from pipeline.audio.decoding import AudioError

RATE = 16_000
LENGTH = 8_001  # an odd number, so that samples of 8 and 24 bits end with a byte of padding


def encoded(kind: tuple[str, str], seconds: float = LENGTH / RATE, **more: str) -> bytes:
    """A file of noise, in which no two stretches of samples are alike, and none is nearly zero for long."""
    samples = 0.3 * np.random.default_rng(0).standard_normal(round(seconds * RATE)).clip(-3, 3)
    file = BytesIO()
    soundfile.write(file, samples, RATE, format=kind[0], subtype=kind[1], **more)
    return file.getvalue()


def length(data: bytes) -> int:
    return len(decoding.decoded(BytesIO(data)).samples)


def fault_of(data: bytes) -> tuple[str, str]:
    with pytest.raises(AudioError) as caught:
        decoding.decoded(BytesIO(data))
    return caught.value.reason, caught.value.detail
