"""Checkpoints, from which an interrupted training continues."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from pipeline.core.files import atomic_write, remove_temporaries
from pipeline.core.params import params_hash
from pipeline.networks import hardware, progress

LATEST = "latest.safetensors"


@dataclass(frozen=True)
class Checkpoints:
    """Latest state of one training: a single file, written atomically, outside DVC; may be deleted at any time."""

    folder: Path  # of this training alone
    key: str  # from the function `key`
    every: int  # steps

    def due(self, step: int) -> bool:
        """Whether to save after this step."""
        return step % self.every == 0

    def save(self, state: Mapping[str, Tensor]) -> None:
        """Replace the saved state."""
        remove_temporaries(self.folder / LATEST)
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
        with atomic_write(self.folder / LATEST) as temporary:
            save_file(tensors, temporary, {"key": self.key})

    def load(self) -> dict[str, Tensor] | None:
        """The saved state, on the CPU; None if there is none, it is of another training, or it cannot be read."""
        try:
            with safe_open(self.folder / LATEST, "pt") as file:
                if (file.metadata() or {}).get("key") != self.key:
                    return None
                return {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        except (FileNotFoundError, SafetensorError):
            return None


def key(settings: Iterable[object], tensors: Iterable[Tensor]) -> str:
    """Hash of everything that a training depends on; it includes the code that trains and the version of torch.

    Args:
        settings: parameters, seed, hardware: dataclasses, or values for JSON or `str`
        tensors: data, and weights to start from, on any device
    """
    found = hashlib.sha256(params_hash(*settings, torch.__version__).encode())
    for source in (*sorted(Path(__file__).parent.glob("*.py")), Path(progress.__file__), Path(hardware.__file__)):
        found.update(source.read_bytes())
    for tensor in tensors:
        found.update(f"{tensor.dtype} {list(tensor.shape)}".encode())
        found.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return found.hexdigest()
