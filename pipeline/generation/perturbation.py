"""Interface of the generators that keep a clip's emotion, and the rows of their clips.

Each generator is a module: `SECTIONS` are its parameters, `plan` gives what it synthesises from `Sources`.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from pipeline.core import manifest
from pipeline.core.manifest import Segment
from pipeline.core.shards import Shards
from pipeline.generation import synthesis
from pipeline.vocoder import VocoderParams
from pipeline.vocoder.features import Features


@dataclass(frozen=True)
class Sources:
    """What a generator starts from: clips, vocoder, voice banks."""

    rows: pd.DataFrame  # of the synthetic clips
    clips: pd.DataFrame  # real train clips
    enrolled: pd.DataFrame  # real clips of the partition `enrol`
    stored: Shards  # vocoder features of the real clips
    seeds: Sequence[int]  # of each synthetic clip's random change
    seed: int  # of random changes that several clips share
    vocoder: VocoderParams
    sampling_rate: int  # of prepared clips [Hz]
    trained: Path  # folder of the split's trained vocoders
    banks: Sequence[Path]  # folders of the voice banks' tables

    @property
    def segments(self) -> list[Segment]:
        """Audio of the source of each synthetic clip."""
        by_id = dict(zip(self.clips["id"], manifest.segments(self.clips), strict=True))
        return [by_id[id_] for id_ in self.rows["source_id"]]

    @property
    def features(self) -> Iterator[Features]:
        """Vocoder features of the source of each synthetic clip, read one by one."""
        return self.features_of(self.rows["source_id"])

    def features_of(self, ids: Iterable[str]) -> Iterator[Features]:
        """Vocoder features of real clips, read one by one."""
        return (Features.load(self.stored, id_) for id_ in ids)


@dataclass(frozen=True)
class Plan:
    """What a generator synthesises."""

    synthesise: Callable[[Any, Any], np.ndarray]  # as in Synthesiser; importable by other processes
    contents: Iterable[Any]  # one for each clip
    vocoded: bool  # whether the samples come from the vocoder
    changes: Sequence[Any] | None = None  # random change of each clip, a dataclass; None without randomness
    metadata: Mapping[str, str] = field(default_factory=dict)  # further metadata of the table

    def parameters(self) -> list[str]:
        """JSON of the change of each clip, without parts that are not changed."""
        return [
            json.dumps({name: value for name, value in asdict(change).items() if value is not None})
            for change in self.changes or ()
        ]


class Generator(Protocol):
    """A module of a generator."""

    @property
    def SECTIONS(self) -> Mapping[str, Any]:  # noqa: N802
        """Sections of params.yaml that its clips depend on, with their classes."""

    @property
    def plan(self) -> Callable[..., Plan]:
        """What it synthesises, from `Sources` and the values of its sections."""


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
