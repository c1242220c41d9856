"""Interface of the generators that keep a clip's emotion, and the rows of their clips.

Each generator is a module with a function that returns a `Plan` for given `Sources`.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.core import manifest
from pipeline.core.manifest import Segment
from pipeline.core.shards import Shards
from pipeline.generation import synthesis
from pipeline.vocoder.features import Features


@dataclass(frozen=True)
class Sources:
    """Source clips of a generator, one for each clip that it synthesises."""

    segments: Sequence[Segment]  # audio
    features: Iterable[Features]  # vocoder features, read one by one
    seeds: Sequence[int]  # of the clip's random change


@dataclass(frozen=True)
class Plan:
    """What a generator synthesises."""

    synthesise: Callable[[Any, np.ndarray], np.ndarray]  # as in Synthesiser; importable by other processes
    contents: Iterable[Any]  # one for each clip
    changes: Sequence[Any] | None = None  # random change of each clip, a dataclass; None without randomness
    metadata: Mapping[str, str] = field(default_factory=dict)  # further metadata of the table

    def parameters(self) -> list[str]:
        """JSON of the change of each clip, without parts that are not changed."""
        return [
            json.dumps({name: value for name, value in asdict(change).items() if value is not None})
            for change in self.changes or ()
        ]


def sources_of(rows: pd.DataFrame, clips: pd.DataFrame, seeds: Sequence[int], features: Path) -> Sources:
    """Source clips of `synthetic_rows`.

    Args:
        rows: of the synthetic clips
        clips: real train clips
        seeds: of each row
        features: folder of the vocoder features, by corpus
    """
    by_id = dict(zip(clips["id"], manifest.segments(clips), strict=True))
    stored = Shards(features / corpus for corpus in sorted(rows["corpus"].unique()))
    return Sources(
        segments=[by_id[id_] for id_ in rows["source_id"]],
        features=(Features.load(stored, id_) for id_ in rows["source_id"]),
        seeds=seeds,
    )


def synthetic_rows(clips: pd.DataFrame, generator: str, copies: int, split: str, out: Path) -> pd.DataFrame:
    """Rows of the synthetic clips, sorted by id: labels of their sources, without measurements of the audio.

    Args:
        clips: real train clips
        generator: its name
        copies: of each clip
        split: name of the split
        out: folder of the synthetic clips
    """
    rows = pd.concat([clips.sort_values("id").assign(copy=str(number)) for number in range(1, copies + 1)])
    return (
        rows.assign(
            id=f"{split}/{generator}/" + rows["id"] + "/" + rows["copy"],
            filepath=synthesis.filepaths(rows["id"], rows["copy"], out),
            start=np.nan,  # a file of its own
            end=np.nan,
            is_synthetic=True,
            source_id=rows["id"],
            source_emotion=rows["emotion"],
            generator=generator,
        )
        .drop(columns="copy")
        .sort_values("id", ignore_index=True)
    )
