"""Files of a model: weights as safetensors and a configuration as JSON, never a pickle."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import safetensors
import safetensors.numpy

from pipeline.core.files import atomic_write, read_json, write_json

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS = "weights.safetensors"
CONFIG = "config.json"
HASH = "model_sha256"  # key of the configuration: hash of the weights and of its other entries


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
        write_json(temporary / CONFIG, {**config, HASH: _sha256(weights, config)})


def load(folder: Path, command: str = "dvc repro") -> tuple[dict[str, "Tensor"], dict[str, Any]]:
    """Tensors and configuration of a model.

    Args:
        folder: of the model
        command: that trains it, and trains it again with `--force`; for errors

    Raises:
        ModelError: there is no model, its file is broken, or it is not the one that was saved
    """
    from safetensors.torch import load

    found, path, hint = config(folder, command), folder / WEIGHTS, f"`{command} --force` trains it again"
    content = path.read_bytes()
    try:
        tensors = load(content)
    except (safetensors.SafetensorError, ValueError, KeyError) as error:  # KeyError: a type that torch lacks
        raise ModelError(f"{path}: cannot be read ({error}); {hint}") from None
    if (saved := found.pop(HASH, None)) is None:
        raise ModelError(f"{folder}: of an older version: {CONFIG} has no '{HASH}'; {hint}")
    if saved != _sha256(content, found):
        raise ModelError(f"{folder}: not as it was saved: {WEIGHTS} or {CONFIG} was changed; {hint}")
    if wild := [name for name, tensor in tensors.items() if not tensor.isfinite().all()]:
        raise ModelError(f"{path}: '{wild[0]}' is not finite; {hint}")
    return tensors, found


@contextmanager
def fitting(folder: Path, command: str = "dvc repro") -> Iterator[None]:
    """While networks are built from a model's weights and configuration: errors say that these do not fit.

    Args:
        folder: of the model
        command: as of `load`

    Raises:
        ModelError: an entry is missing, unknown, or of another type or shape
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RuntimeError) as error:
        detail = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        raise ModelError(
            f"{folder}: of another version, or changed ({detail}); `{command} --force` trains it again"
        ) from error


def config(folder: Path, command: str = "dvc repro") -> dict[str, Any]:
    """Configuration of a model.

    Args:
        folder: of the model
        command: as of `load`

    Raises:
        ModelError: there is no model
        ClickException: its configuration is damaged
    """
    if not (folder / WEIGHTS).is_file() or not (folder / CONFIG).is_file():
        raise ModelError(f"{folder}: no model here; `{command}` trains it")
    return read_json(folder / CONFIG, f"`{command} --force` trains it again")


def _sha256(weights: bytes, config: Mapping[str, Any]) -> str:
    """Hash of the file of the weights, and of a configuration as JSON."""
    plain = json.loads(json.dumps(config))  # as it is read: keys are strings
    return hashlib.sha256(weights + json.dumps(plain, sort_keys=True).encode()).hexdigest()
