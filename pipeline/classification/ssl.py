"""The `ssl`: a small head on what a frozen self-supervised network makes of speech (wav2vec 2.0, HuBERT, WavLM).

Layers are summed with learned weights, as in the SUPERB benchmark (Yang et al. 2021), and averaged over time.
"""

import hashlib
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import click
import numpy as np
import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from pipeline.classification.training import Clips, Curve, TrainingParams, fitted
from pipeline.core.files import atomic_write
from pipeline.core.params import nearest, section


@section
class SslParams(TrainingParams):
    """Which network, and the head that is trained."""

    bundle: str  # of torchaudio.pipelines
    weights: str  # file of its state dict
    hidden: PositiveInt
    dropout: Annotated[float, Field(ge=0, lt=1)]

    def params_error(self) -> str | None:
        """What to do where the file of weights is not there; None where it is."""
        path = Path(self.weights)
        if path.is_file():
            return None
        return (
            f"'classify.ssl.weights': '{path}' not found; expected the weights of {self.bundle}. Nothing is downloaded "
            "unasked: see to it that their licence suits you, then run "
            f'`python -c "import torchaudio; torchaudio.pipelines.{self.bundle}.get_model(dl_kwargs='
            f"{{'model_dir': '{path.parent.as_posix()}', 'file_name': '{path.name}'}})\"`"
        )


class SslError(click.ClickException):
    """The network is not there, or is not the one that was asked for."""


class Encoder:
    """The frozen network; what it made of a clip is kept in a folder outside DVC, which may be deleted."""

    def __init__(self, params: SslParams, device: torch.device, cache: Path) -> None:
        """Load the network; nothing is downloaded.

        Raises:
            SslError: there is no such network, or its weights are not there or are another's
        """
        network, self.sampling_rate = _loaded(params)
        self._extract: Any = network.to(device).extract_features
        self._device = device
        key = f"{params.bundle} {_sha256(Path(params.weights))}"
        self._cache = cache / hashlib.sha256(key.encode()).hexdigest()[:16]

    def features(self, sha256: str, samples: Callable[[], np.ndarray]) -> np.ndarray:
        """Mean over time of each layer, (layers, width), float32.

        Args:
            sha256: of the samples' source and of how they are prepared
            samples: gives them at `sampling_rate`, (samples,), if they must be heard
        """
        kept = self._cache / sha256[:2] / f"{sha256}.npy"
        if kept.is_file():
            found: np.ndarray = np.load(kept)
            return found
        found = self._heard(samples())
        with atomic_write(kept) as temporary, temporary.open("wb") as file:
            np.save(file, found)
        return found

    @torch.no_grad()
    def _heard(self, samples: np.ndarray) -> np.ndarray:
        least = round(0.1 * self.sampling_rate)  # shorter than the reach of a frame, a network would refuse
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


def train_ssl(
    train: Clips,
    valid: Clips,
    scaler: Standardisation,
    classes: int,
    params: SslParams,
    seed: int,
    device: torch.device,
) -> tuple[SslHead, Curve]:
    """Train a head; arguments and result as of `training.train_cnn`."""
    torch.manual_seed(seed)
    layers, width = train.inputs[0].shape
    head = SslHead(layers, width, params.hidden, params.dropout, classes).to(device)
    learnt = scaler(train.inputs).to(device)

    def logits(picked: Tensor) -> Tensor:
        found: Tensor = head(learnt[picked.to(device)])
        return found

    def chances() -> Tensor:
        return probabilities(head, valid.inputs, scaler, device)

    generator = torch.Generator().manual_seed(seed)
    return fitted(head, logits, chances, train, valid.labels, params, generator)


@torch.no_grad()
def probabilities(head: SslHead, features: Sequence[Tensor], scaler: Standardisation, device: torch.device) -> Tensor:
    """Probability of each class for each clip, (clips, classes), on the CPU."""
    head.eval()
    chances: Tensor = head(scaler(features).to(device)).softmax(dim=1).cpu()
    return chances


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
        network = bundle.get_model(dl_kwargs=given)  # reads the file that is there, and downloads nothing
    except (RuntimeError, AttributeError, TypeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        said = [*str(error).splitlines(), type(error).__name__]
        raise SslError(f"{path}: not the weights of {params.bundle}: {said[0]}") from None
    return network.requires_grad_(False).eval(), bundle.sample_rate


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
