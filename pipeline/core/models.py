"""Models on disk: weights as safetensors, what they are as JSON; never a pickle."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import safetensors
import safetensors.numpy

from pipeline.core.files import atomic_write, write_json

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

WEIGHTS = "weights.safetensors"
CONFIG = "config.json"


class ModelError(click.ClickException):
    """A model is missing or is another than expected."""


def save(folder: Path, tensors: Mapping[str, "Tensor"], config: dict[str, Any]) -> None:
    """Write a model, which may have no weights; `folder` is replaced whole.

    Raises:
        ModelError: some weights are NaN or infinite
    """
    if wild := [name for name, tensor in tensors.items() if not tensor.isfinite().all()]:
        raise ModelError(f"{folder}: training diverged, {wild[0]} is not finite; lower the learning rates")
    if tensors:
        from safetensors.torch import save  # brings torch, which takes seconds; not all who import this need it

        weights = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
    else:
        weights = safetensors.numpy.save({})
    with atomic_write(folder) as temporary:
        temporary.mkdir(parents=True)
        (temporary / WEIGHTS).write_bytes(weights)
        write_json(temporary / CONFIG, config)


def load(folder: Path) -> tuple[dict[str, "Tensor"], dict[str, Any]]:
    """Tensors and configuration of a model.

    Raises:
        ModelError: there is none, or its file is broken
    """
    from safetensors.torch import load_file

    about = config(folder)
    try:
        return load_file(folder / WEIGHTS), about
    except safetensors.SafetensorError as error:
        raise ModelError(f"{folder / WEIGHTS}: cannot be read ({error}); `dvc repro --force` trains it again") from None


def config(folder: Path) -> dict[str, Any]:
    """Configuration of a model.

    Raises:
        ModelError: there is none
    """
    if not (folder / WEIGHTS).is_file() or not (folder / CONFIG).is_file():
        raise ModelError(f"{folder}: no model here; `dvc repro` trains it")
    found: dict[str, Any] = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    return found


def fingerprint(folder: Path) -> str:
    """SHA-256 of a model, weights and configuration, which synthetic clips carry as `generator_sha256`."""
    return hashlib.sha256((folder / WEIGHTS).read_bytes() + (folder / CONFIG).read_bytes()).hexdigest()


def derived_seed(seed: int, *names: str) -> int:
    """A seed of its own for each model of an experiment, so that none repeats another's chance; below 2³¹."""
    return int.from_bytes(hashlib.sha256("/".join([str(seed), *names]).encode()).digest()[:4], "big") >> 1


def clips_sha256(clips: "pd.DataFrame") -> str:
    """Hash of the clips that a model saw, in any order; the leakage guard computes it again.

    Args:
        clips: rows of a table of clips; id, audio, emotion and, where there are any, weights count
    """
    columns = ["id", "sha256", "emotion", *(["weight"] if "weight" in clips else [])]
    lines = sorted(" ".join(map(str, row)) for row in clips[columns].itertuples(index=False))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
