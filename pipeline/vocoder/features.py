"""What a vocoder makes of a clip."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self

import numpy as np


@dataclass(frozen=True)
class Features:
    """Frames of a clip; all arrays float32 with one row a frame."""

    spectrum: np.ndarray  # what a CycleGAN converts, (frames, order)
    f0_hz: np.ndarray  # 0 where unvoiced, (frames, 1) [Hz]
    aperiodicity: np.ndarray  # coded, (frames, bands) [dB]

    @classmethod
    def names(cls) -> list[str]:
        """Of the arrays, as a shard keeps them."""
        return [field.name for field in fields(cls)]

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays by name."""
        return {name: getattr(self, name) for name in self.names()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """Inverse of `arrays`."""
        return cls(**arrays)
