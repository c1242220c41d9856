"""Copy synthesis in memory: what a clip's audio is after it passed the vocoder."""

from io import BytesIO

import numpy as np

from pipeline.audio import decoding, preparation
from pipeline.audio.preparation import AudioParams
from pipeline.vocoder import Features, Vocoder


def copied(features: Features, vocoder: Vocoder, audio: AudioParams) -> np.ndarray:
    """Prepared samples of a clip's copy synthesis, (samples,), float32.

    They are rounded to 16 bits in between, as samples of synthetic clips are, which are read from files.

    Args:
        features: of the clip
        vocoder: that analysed it; it must be able to synthesise
        audio: preparation
    """
    file = BytesIO()
    preparation.write(file, preparation.level(vocoder.synthesise(features), audio.level_db), audio.sampling_rate)
    file.seek(0)
    return preparation.prepare(decoding.decoded(file).samples, audio.sampling_rate, audio)
