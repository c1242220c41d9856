"""A training that was killed goes on where it was; its checkpoints are of no use to anything else."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from pipeline.core.files import atomic_write
from pipeline.core.params import params_hash

LATEST = "latest.safetensors"


@dataclass(frozen=True)
class Checkpoints:
    """Place of one training's latest state: a single file, replaced whole; outside DVC, may be deleted at any time."""

    folder: Path  # nothing else lies there
    key: str  # of the training, from `key`
    every: int  # steps

    def due(self, step: int) -> bool:
        """Whether to save after this step."""
        return step % self.every == 0

    def save(self, state: Mapping[str, Tensor]) -> None:
        """Replace what was there."""
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
        with atomic_write(self.folder / LATEST) as temporary:
            save_file(tensors, temporary, {"key": self.key})

    def load(self) -> dict[str, Tensor] | None:
        """The latest state, on the CPU; None where there is none, it is of another training, or cannot be read."""
        try:
            with safe_open(self.folder / LATEST, "pt") as file:
                if (file.metadata() or {}).get("key") != self.key:
                    return None
                return {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        except (FileNotFoundError, SafetensorError):
            return None

    def delete(self) -> None:
        """Remove the folder's files, those too that a killed process left half-written, and the folder."""
        if self.folder.is_dir():
            for path in self.folder.iterdir():
                path.unlink(missing_ok=True)
            self.folder.rmdir()


def key(facts: Iterable[object], tensors: Iterable[Tensor]) -> str:
    """Hash of all that a training depends on; this package's code and torch's version are added.

    Args:
        facts: parameters, seed, hardware: dataclasses, or what JSON or `str` can write
        tensors: data, and weights to start from, on any device
    """
    found = hashlib.sha256(params_hash(*facts, torch.__version__).encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        found.update(source.read_bytes())
    for tensor in tensors:
        found.update(f"{tensor.dtype} {list(tensor.shape)}".encode())
        found.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return found.hexdigest()
