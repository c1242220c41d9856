"""Output of a vocoder's analysis."""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from pipeline.core.shards import Shards


@dataclass(frozen=True)
class Features:
    """Frames of a clip; all arrays float32 with one row a frame."""

    spectrum: np.ndarray  # input of the CycleGAN, (frames, order)
    f0_hz: np.ndarray  # 0 where unvoiced, (frames, 1) [Hz]
    aperiodicity: np.ndarray  # coded, (frames, bands) [dB]

    @classmethod
    def load(cls, stored: Shards, id_: str) -> Self:
        """Features of a clip from the vocoder's shards.

        Raises:
            ShardError: no shard has the clip
        """
        return cls(**stored.arrays(id_, [field.name for field in fields(cls)]))

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays by name, for a shard."""
        return vars(self).copy()
