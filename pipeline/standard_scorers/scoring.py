"""Standard scores of clips: real and written ones from a cache outside DVC, which may be deleted; others directly."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import soxr

from pipeline.audio import decoding, preparation
from pipeline.audio.preparation import AudioParams
from pipeline.core import manifest
from pipeline.core.files import atomic_write
from pipeline.core.manifest import Segment
from pipeline.core.params import params_hash
from pipeline.core.workers import in_parallel
from pipeline.networks.weights import NotInstalledError, Weights

RATE = 16_000  # that all networks expect [Hz]
CACHE = Path(".cache/scores")

Scores = dict[str, np.ndarray]  # name → numbers of a clip, (values,)


class StandardScorer(Protocol):
    """A frozen network."""

    WEIGHTS: Weights

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Samples at 16 kHz, (samples,) → numbers, (values,)."""


def installed(names: Sequence[str], stage: str) -> tuple[tuple[str, ...], list[str]]:
    """Those of some scorers whose packages are installed, and a line about each of the others.

    Args:
        names: of scorers
        stage: to run again once they are installed

    Raises:
        WeightsError: a package has other weights
    """
    found, missing = [], []
    for name in names:
        try:
            _module(name).Network.WEIGHTS.paths()
            found.append(name)
        except NotInstalledError as error:
            missing.append(f"no scores of {name}: {error.message}, then `dvc repro -f -s {stage}`")
    return tuple(found), missing


@dataclass(frozen=True)
class Scoring:
    """Some scorers; it is sent to other processes, which load the networks when they need them."""

    names: tuple[str, ...]
    audio: AudioParams
    cache: Path = CACHE

    def of_samples(self, samples: np.ndarray) -> Scores:
        """Scores of a prepared clip, (samples,)."""
        if not self.names:
            return {}
        if self.audio.sampling_rate != RATE:
            samples = soxr.resample(samples, self.audio.sampling_rate, RATE)
        return {name: _scorer(name)(samples.astype(np.float32)) for name in self.names}

    def of_clips(self, clips: pd.DataFrame, label: str) -> dict[str, np.ndarray]:
        """Scores of clips with files, real or synthetic, computed once.

        Args:
            clips: rows of the manifest, or of synthetic clips
            label: of the progress bar

        Returns:
            name → (clips, values)
        """
        keys = [params_hash(sha256, self.audio) for sha256 in clips["sha256"]]
        todo = {
            key: segment
            for key, segment in zip(keys, manifest.segments(clips), strict=True)
            if not all(self._place(name, key).is_file() for name in self.names)
        }
        if todo:
            found = in_parallel(self._of_segment, list(todo.values()), f"{label}: {', '.join(self.names)}")
            for key, scores in zip(todo, found, strict=True):
                for name, numbers in scores.items():
                    with atomic_write(self._place(name, key)) as temporary, temporary.open("wb") as file:
                        np.save(file, numbers)
        return {name: np.stack([np.load(self._place(name, key)) for key in keys]) for name in self.names}

    def _of_segment(self, segment: Segment) -> Scores:
        return self.of_samples(preparation.prepared(segment.path, self.audio, segment.start, segment.end))

    def _place(self, name: str, key: str) -> Path:
        return self.cache / _version(name) / key[:2] / f"{key}.npy"


def _module(name: str) -> Any:
    """Module of a scorer; these import PyTorch, so only where a scorer is wanted."""
    from pipeline.standard_scorers import distillmos, dnsmos, ge2e, swift_f0

    return {"distillmos": distillmos, "dnsmos": dnsmos, "ge2e": ge2e, "swift_f0": swift_f0}[name]


@lru_cache
def _scorer(name: str) -> StandardScorer:
    """A loaded scorer, once a process."""
    found: StandardScorer = _module(name).Network()
    return found


@lru_cache
def _version(name: str) -> str:
    """Name of a scorer with a hash of its code, of the code that prepares clips, and of its weights."""
    module = _module(name)
    paths = [module.__file__, *(each.__file__ for each in (decoding, preparation))]
    known = "".join(Path(path).read_text(encoding="utf-8") for path in paths) + str(module.Network.WEIGHTS)
    return f"{name}-{hashlib.sha256(known.encode()).hexdigest()[:16]}"
