"""Files of a model: weights as safetensors and a configuration as JSON, never a pickle."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import safetensors
import safetensors.numpy

from pipeline.core.files import atomic_write, write_json

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS = "weights.safetensors"
CONFIG = "config.json"


class ModelError(click.ClickException):
    """A model is missing, broken, or not the expected one."""


def save(folder: Path, tensors: Mapping[str, "Tensor"], config: dict[str, Any]) -> None:
    """Write a model, with or without weights, in place of `folder`.

    Raises:
        ModelError: some weights are NaN or infinite
    """
    if wild := [name for name, tensor in tensors.items() if not tensor.isfinite().all()]:
        raise ModelError(f"{folder}: training diverged, {wild[0]} is not finite; lower the learning rates")
    if tensors:
        from safetensors.torch import save  # imports torch, which takes seconds

        weights = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
    else:
        weights = safetensors.numpy.save({})
    with atomic_write(folder) as temporary:
        temporary.mkdir(parents=True)
        (temporary / WEIGHTS).write_bytes(weights)
        write_json(temporary / CONFIG, config)


def load(folder: Path, command: str = "dvc repro") -> tuple[dict[str, "Tensor"], dict[str, Any]]:
    """Tensors and configuration of a model.

    Args:
        folder: of the model
        command: that trains it, and trains it again with `--force`; for errors

    Raises:
        ModelError: there is no model, or its file is broken
    """
    from safetensors.torch import load_file

    found = config(folder, command)
    try:
        return load_file(folder / WEIGHTS), found
    except safetensors.SafetensorError as error:
        hint = f"`{command} --force` trains it again"
        raise ModelError(f"{folder / WEIGHTS}: cannot be read ({error}); {hint}") from None


def config(folder: Path, command: str = "dvc repro") -> dict[str, Any]:
    """Configuration of a model.

    Args:
        folder: of the model
        command: as of `load`

    Raises:
        ModelError: there is no model
    """
    if not (folder / WEIGHTS).is_file() or not (folder / CONFIG).is_file():
        raise ModelError(f"{folder}: no model here; `{command}` trains it")
    found: dict[str, Any] = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    return found
