"""The exported table as a PyTorch data set, for other training code."""

import json
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from pipeline.audio import preparation
from pipeline.audio.preparation import AudioParams
from pipeline.core import manifest


class EmotionalSpeech(Dataset[tuple[Tensor, int]]):
    """Clips of one partition of a table in data/augmented, and their emotions.

    An item is samples (samples,), of any length, and the number of the emotion among `emotions`. All clips get the
    preparation that the table names (`audio`), as in the pipeline. Real clips have not passed the vocoder; synthetic
    clips of the generators in `vocoded` have.

    Sample clips with `weights` (`torch.utils.data.WeightedRandomSampler`) for the share of synthetic clips
    in `augment.mix`.
    """

    def __init__(
        self, table: Path | str, partition: str = "train", root: Path | str = ".", audio: AudioParams | None = None
    ) -> None:
        """Read the table; clips are decoded on access.

        Args:
            table: data/augmented/<split>/<arm>.parquet
            partition: train, valid or test; synthetic clips are only in train
            root: folder to which the table's paths are relative
            audio: rate, trim and level of all clips, in place of those of the table

        Raises:
            ManifestError: the table is missing, of another version, or has no clip of the partition
        """
        rows = manifest.read(Path(table), manifest.AUGMENTED)
        about = manifest.metadata(Path(table))
        if lacking := [key for key in ("labels", "audio", "vocoded") if key not in about]:
            raise manifest.ManifestError(f"{table}: its metadata lack '{lacking[0]}'; `dvc repro` adds it")
        self.emotions: list[str] = json.loads(about["labels"])
        self.vocoded: list[str] = json.loads(about["vocoded"])
        self.audio = audio or AudioParams(**json.loads(about["audio"]))
        self.rows = rows[rows["partition"] == partition].reset_index(drop=True)
        if self.rows.empty:
            known = ", ".join(sorted(rows["partition"].unique()))
            raise manifest.ManifestError(f"{table}: has no clip of partition '{partition}', only of {known}")
        self.weights = torch.tensor(self.rows["weight"].to_numpy())
        self._segments = manifest.segments(self.rows, Path(root))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        path, start, end = self._segments[index]
        samples = preparation.prepared(path, self.audio, start, end)
        return torch.from_numpy(samples), self.emotions.index(self.rows["emotion"].iloc[index])
