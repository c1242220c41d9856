"""Arrays that a frozen network computes of clips, cached in a folder outside DVC, which may be deleted."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.audio import preparation
from pipeline.audio.preparation import AudioParams
from pipeline.core import manifest
from pipeline.core.console import tracked
from pipeline.core.files import atomic_write
from pipeline.core.params import params_hash


def of_clips(
    clips: pd.DataFrame, audio: AudioParams, folder: Path, computed: Callable[[np.ndarray], np.ndarray]
) -> list[np.ndarray]:
    """An array of each clip; every classifier that reads audio gets its samples here.

    Args:
        clips: rows of `manifest.AUGMENTED`
        audio: preparation of the clips, at the sampling rate that the network expects
        folder: cache of this network with these weights
        computed: function from prepared samples, (samples,), to the array; called if the array is not cached
    """
    prepared = params_hash(audio)
    keys = [hashlib.sha256(f"{sha256} {prepared}".encode()).hexdigest() for sha256 in clips["sha256"]]
    cached = [folder / key[:2] / f"{key}.npy" for key in keys]
    segments = manifest.segments(clips)
    order = np.random.default_rng().permutation(len(clips))  # processes side by side compute different clips
    for place in tracked(order, folder.name, len(clips)):
        if not cached[place].is_file():
            path, start, end = segments[place]
            array = computed(preparation.prepared(path, audio, start, end))
            with atomic_write(cached[place]) as temporary, temporary.open("wb") as file:
                np.save(file, array)
    return [np.load(path) for path in cached]
