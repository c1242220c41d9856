"""The exported table as a PyTorch data set, for other training code."""

import json
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from pipeline.audio import preparation
from pipeline.audio.preparation import AudioParams
from pipeline.core import manifest

PREPARED = AudioParams(sampling_rate=16_000, trim_db=30, level_db=-26)


class EmotionalSpeech(Dataset[tuple[Tensor, int]]):
    """Clips of one partition of a table in data/augmented, and their emotions.

    An item is samples (samples,) at the rate of `prepared`, of any length, and the number of the emotion among
    `emotions`. Sample clips with `weights` (`torch.utils.data.WeightedRandomSampler`) for the share of synthetic clips
    in `augment.mix`.
    """

    def __init__(
        self, table: Path | str, partition: str = "train", root: Path | str = ".", prepared: AudioParams = PREPARED
    ) -> None:
        """Read the table; clips are decoded on access.

        Args:
            table: data/augmented/<split>/<arm>.parquet
            partition: train, valid or test; synthetic clips are only in train
            root: folder to which the table's paths are relative
            prepared: rate, trim and level of all clips, real or synthetic

        Raises:
            ManifestError: the table is missing, has another schema, or has no clip of the partition
        """
        rows = manifest.read(Path(table), manifest.AUGMENTED)
        self.emotions: list[str] = json.loads(manifest.metadata(Path(table))["labels"])
        self.rows = rows[rows["partition"] == partition].reset_index(drop=True)
        if self.rows.empty:
            known = ", ".join(sorted(rows["partition"].unique()))
            raise manifest.ManifestError(f"{table}: has no clip of partition '{partition}', only of {known}")
        self.weights = torch.tensor(self.rows["weight"].to_numpy())
        self._segments, self._prepared = manifest.segments(self.rows, Path(root)), prepared

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        path, start, end = self._segments[index]
        samples = preparation.prepared(path, self._prepared, start, end)
        return torch.from_numpy(samples), self.emotions.index(self.rows["emotion"].iloc[index])
