"""The `ssl`: a small trained head on a frozen self-supervised network (wav2vec 2.0, HuBERT, WavLM).

The layers of the network are summed with learned weights, as in the SUPERB benchmark (Yang et al.
2021), and averaged over time.
"""

import hashlib
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import click
import numpy as np
import pandas as pd
import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from pipeline.classification import embeddings
from pipeline.classification.interface import (
    HELD_OUT,
    ArmFeatures,
    Resources,
    Run,
    Weights,
    packed,
    partitions,
    unpacked,
)
from pipeline.classification.training import Clips, Curve, TrainingParams, fitted
from pipeline.core.params import nearest, section
from pipeline.networks.weights import sha256


@section
class SslParams(TrainingParams):
    """The frozen network, and the trained head."""

    bundle: str  # of torchaudio.pipelines
    weights: str  # file of its state dict
    hidden: PositiveInt
    dropout: Annotated[float, Field(ge=0, lt=1)]

    def params_error(self) -> str | None:
        """How to get a missing file of weights; None where it is there."""
        path = Path(self.weights)
        if path.is_file():
            return None
        return (
            f"'classify.ssl.weights': '{path}' not found; expected the weights of {self.bundle}. They are not "
            "downloaded automatically: check their licence, then run "
            f'`python -c "import torchaudio; torchaudio.pipelines.{self.bundle}.get_model(dl_kwargs='
            f"{{'model_dir': '{path.parent.as_posix()}', 'file_name': '{path.name}'}})\"`"
        )


class SslError(click.ClickException):
    """The network is missing, or its weights are of another network."""


class Encoder:
    """The frozen network, a function from samples to features."""

    def __init__(self, params: SslParams, device: torch.device) -> None:
        """Load the network; nothing is downloaded.

        Raises:
            SslError: no such network, or its weights are missing or of another network
        """
        network, self.sampling_rate = _loaded(params)
        self._extract: Any = network.to(device).extract_features
        self._device = device

    @torch.no_grad()
    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Samples at `sampling_rate`, (samples,) → mean over time of each layer, (layers, width), float32."""
        least = round(0.1 * self.sampling_rate)  # a network fails on clips shorter than one frame
        wave = torch.from_numpy(np.pad(samples, (0, max(0, least - len(samples)))).astype(np.float32))
        layers, _ = self._extract(wave[None].to(self._device))
        found: np.ndarray = torch.cat(layers).mean(dim=1).float().cpu().numpy()
        return found


class SslHead(nn.Module):
    """Weighted sum of layers, a hidden layer, one logit an emotion."""

    def __init__(self, layers: int, width: int, hidden: int, dropout: float, classes: int) -> None:
        super().__init__()
        self.mixture = nn.Parameter(torch.zeros(layers))
        self.head = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, classes))

    def forward(self, features: Tensor) -> Tensor:
        """(batch, layers, width) → (batch, classes)."""
        logits: Tensor = self.head((self.mixture.softmax(dim=0)[:, None] * features).sum(dim=1))
        return logits


@dataclass(frozen=True)
class Standardisation:
    """Mean and deviation of all features over the real training clips."""

    mean: Tensor  # (layers, width)
    deviation: Tensor  # (layers, width)

    @classmethod
    def fit(cls, features: Sequence[Tensor]) -> "Standardisation":
        """Statistics over some clips."""
        stacked = torch.stack(list(features))
        return cls(stacked.mean(dim=0), stacked.std(dim=0, correction=0).clamp(min=1e-5))

    def __call__(self, features: Sequence[Tensor]) -> Tensor:
        """Features of some clips, (clips, layers, width)."""
        return (torch.stack(list(features)) - self.mean) / self.deviation


def features(clips: pd.DataFrame, params: SslParams, resources: Resources) -> list[np.ndarray]:
    """Features of each clip, (1, layers, width)."""
    encoder = Encoder(params, resources.device)
    audio = replace(resources.audio, sampling_rate=encoder.sampling_rate)
    key = f"{params.bundle} {sha256(Path(params.weights))}"
    folder = resources.cache / hashlib.sha256(key.encode()).hexdigest()[:16]
    return [layers[None] for layers in embeddings.of_clips(clips, audio, folder, encoder)]


def runs(features: ArmFeatures, params: SslParams, resources: Resources) -> Iterator[Run]:
    """One run for each seed."""
    held_out = features.among(*HELD_OUT).arrays
    features = replace(features, arrays=[layers[0] for layers in features.arrays])
    train, valid, _ = (clips.for_network() for clips in partitions(features))
    scaler = Standardisation.fit(features.among("train").real())
    for seed, derived in resources.seeds.items():
        head, curve = train_ssl(train, valid, scaler, resources.classes, params, derived, resources.device)
        weights = packed(head=head.state_dict(), scaler=vars(scaler))
        found = predict(weights, held_out, params, resources)
        yield Run(seed, found, params.spent(curve), curve, weights)


def predict(weights: Weights, arrays: Sequence[np.ndarray], params: SslParams, resources: Resources) -> np.ndarray:
    """Probability of each class by the head of a run, (clips, classes)."""
    scaler = Standardisation(**unpacked(weights, "scaler"))
    layers, width = scaler.mean.shape
    head = SslHead(layers, width, params.hidden, params.dropout, resources.classes).to(resources.device)
    head.load_state_dict(unpacked(weights, "head"))
    inputs = [torch.from_numpy(array[0]) for array in arrays]
    return probabilities(head, inputs, scaler, resources.device).numpy()


def train_ssl(
    train: Clips,
    valid: Clips,
    scaler: Standardisation,
    classes: int,
    params: SslParams,
    seed: int,
    device: torch.device,
) -> tuple[SslHead, Curve]:
    """Train a head; arguments and result as of `cnn.train_cnn`."""
    torch.manual_seed(seed)
    layers, width = train.inputs[0].shape
    head = SslHead(layers, width, params.hidden, params.dropout, classes).to(device)
    inputs = scaler(train.inputs).to(device)

    def logits(picked: Tensor) -> Tensor:
        found: Tensor = head(inputs[picked.to(device)])
        return found

    def valid_probabilities() -> Tensor:
        return probabilities(head, valid.inputs, scaler, device)

    generator = torch.Generator().manual_seed(seed)
    return fitted(head, logits, valid_probabilities, train, valid.labels, params, generator)


@torch.no_grad()
def probabilities(head: SslHead, features: Sequence[Tensor], scaler: Standardisation, device: torch.device) -> Tensor:
    """Probability of each class for each clip, (clips, classes), on the CPU."""
    head.eval()
    found: Tensor = head(scaler(features).to(device)).softmax(dim=1).cpu()
    return found


def _loaded(params: SslParams) -> tuple[nn.Module, int]:
    """The network in evaluation mode, and the sampling rate that it expects [Hz]."""
    from torchaudio import pipelines

    bundles = [name for name in dir(pipelines) if type(getattr(pipelines, name)) is pipelines.Wav2Vec2Bundle]
    if params.bundle not in bundles:
        raise SslError(f"classify.ssl.bundle is '{params.bundle}'{nearest(params.bundle, bundles)}")
    bundle, path = getattr(pipelines, params.bundle), Path(params.weights)
    if params_error := params.params_error():
        raise SslError(params_error)
    given = {"model_dir": str(path.parent), "file_name": path.name, "map_location": "cpu", "weights_only": True}
    try:
        network = bundle.get_model(dl_kwargs=given)  # the file exists, so nothing is downloaded
    except (RuntimeError, AttributeError, TypeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        reason = [*str(error).splitlines(), type(error).__name__][0]
        raise SslError(f"{path}: not the weights of {params.bundle}: {reason}") from None
    return network.requires_grad_(False).eval(), bundle.sample_rate
