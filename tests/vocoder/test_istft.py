"""The network corrects the excitation and the magnitudes frame by frame, and is saved without loss."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.core import models
from pipeline.vocoder.excitation import excitation
from pipeline.vocoder.griffin_lim import log_magnitude, spectrum
from pipeline.vocoder.istft import Istft, Network
from tests.vocoder.conftest import spectrogram

SIZE = {"n_mels": 80, "frequencies": 257, "channels": 16, "blocks": 2, "kernel": 3}


@pytest.fixture
def network() -> Network:
    """A network with corrections other than zero."""
    torch.manual_seed(0)
    network = Network(**SIZE)
    torch.nn.init.normal_(network.leave.weight, std=0.1)
    return network


def test_untrained_is_the_excitation_shaped_by_the_spectrogram(sound: np.ndarray, mel: Any) -> None:
    features = torch.from_numpy(spectrogram(sound))[None]
    f0_hz = torch.full((1, features.shape[1]), 120.0)
    found = Istft(Network(**SIZE), mel).synthesise(features[0].numpy(), f0_hz[0].numpy(), 0)
    source = spectrum(excitation(f0_hz, 80, 16_000, torch.Generator().manual_seed(0)), mel)
    magnitude = torch.exp(log_magnitude(features, mel))
    expected = torch.istft(magnitude * source / source.abs(), 512, 80, 320, mel.spectrogram.window, length=len(found))
    np.testing.assert_allclose(found, expected[0].numpy(), atol=1e-5)


def test_every_weight_learns(network: Network) -> None:
    magnitude, phase = network(torch.randn(2, 9, 80, generator=torch.Generator().manual_seed(0)))
    (magnitude.square().sum() + phase.square().sum()).backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


def test_round_trip_over_disk(network: Network, tmp_path: Path, sound: np.ndarray, mel: Any) -> None:
    models.save(tmp_path / "model", network.state_dict(), {"size": SIZE})
    tensors, config = models.load(tmp_path / "model")
    features = spectrogram(sound), np.full(101, 120, np.float32)
    again = Istft.from_tensors(tensors, config["size"], mel)
    assert again.synthesise(*features, 2).tobytes() == Istft(network, mel).synthesise(*features, 2).tobytes()
