"""Where models and clips come from: hashes and seeds."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.models import CONFIG, WEIGHTS

if TYPE_CHECKING:
    import pandas as pd


def fingerprint(model: Path) -> str:
    """SHA-256 of a model's weights and configuration; synthetic clips have it as `generator_sha256`."""
    return hashlib.sha256((model / WEIGHTS).read_bytes() + (model / CONFIG).read_bytes()).hexdigest()


def derived_seed(seed: int, *names: str) -> int:
    """A seed below 2³¹ for one model of an experiment, so that no two models share random numbers."""
    return int.from_bytes(hashlib.sha256("/".join([str(seed), *names]).encode()).digest()[:4], "big") >> 1


def clips_sha256(clips: "pd.DataFrame") -> str:
    """Hash of the clips that a model was trained on, in any order; the leakage audit computes it again.

    Args:
        clips: rows of a table of clips; the hash covers id, audio, emotion and, if present, weight
    """
    columns = ["id", "sha256", "emotion", *(["weight"] if "weight" in clips else [])]
    lines = sorted(" ".join(map(str, row)) for row in clips[columns].itertuples(index=False))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
