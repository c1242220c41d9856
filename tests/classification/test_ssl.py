"""The `ssl` with a tiny network of random weights instead of a large one."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torchaudio import pipelines
from torchaudio.models import wav2vec2_model

from pipeline.classification import ssl
from pipeline.classification.ssl import Encoder, SslError, SslParams, Standardisation, train_ssl
from pipeline.classification.training import Clips, uar

CPU = torch.device("cpu")
TINY = {
    "extractor_mode": "group_norm",
    "extractor_conv_layer_config": [(8, 10, 5), (8, 8, 4), (8, 4, 4)],
    "extractor_conv_bias": False,
    "encoder_embed_dim": 12,
    "encoder_projection_dropout": 0.1,
    "encoder_pos_conv_kernel": 5,
    "encoder_pos_conv_groups": 2,
    "encoder_num_layers": 3,
    "encoder_num_heads": 2,
    "encoder_attention_dropout": 0.1,
    "encoder_ff_interm_features": 16,
    "encoder_ff_interm_dropout": 0.1,
    "encoder_dropout": 0.1,
    "encoder_layer_norm_first": False,
    "encoder_layer_drop": 0.1,
    "aux_num_out": None,
}
PARAMS: dict[str, Any] = {
    "bundle": "TINY_BASE",
    "hidden": 16,
    "dropout": 0.1,
    "steps": 60,
    "batch": 16,
    "learning_rate": 0.01,
    "weight_decay": 0.01,
    "label_smoothing": 0.1,
    "checkpoints": 4,
    "averaged_share": 0,
}


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SslParams:
    """A bundle of torchaudio's form, with weights in a file; a download fails."""
    bundle = pipelines.Wav2Vec2Bundle("tiny.pth", TINY, 16_000, False, "Wav2Vec2")
    monkeypatch.setattr(pipelines, "TINY_BASE", bundle, raising=False)
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda *_, **__: pytest.fail("downloads"))
    torch.manual_seed(0)
    torch.save(wav2vec2_model(**TINY).state_dict(), tmp_path / "weights.pth")
    return SslParams(**PARAMS, weights=str(tmp_path / "weights.pth"))


@pytest.fixture
def encoder(tiny: SslParams) -> Encoder:
    return Encoder(tiny, CPU)


def noise(samples: int = 4000) -> np.ndarray:
    return np.random.default_rng(samples).standard_normal(samples).astype(np.float32)


def test_features_are_mean_layers(encoder: Encoder) -> None:
    torch.manual_seed(0)
    network = wav2vec2_model(**TINY).eval()
    found = encoder(noise())
    layers, _ = network.extract_features(torch.from_numpy(noise())[None])
    expected = np.stack([layer[0].detach().numpy().mean(axis=0) for layer in layers])
    assert found.shape == (3, 12) and found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.isfinite(encoder(noise(7))).all()  # shorter than a frame


def test_missing_weights_are_explained(tiny: SslParams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(tiny.weights).unlink()
    with pytest.raises(SslError) as caught:
        Encoder(tiny, CPU)
    message = caught.value.message
    assert f"'{tiny.weights}' not found" in message and "pipelines.TINY_BASE.get_model(" in message
    command = message[message.index('-c "') + 4 : message.rindex('"')]
    requested: list[str] = []
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda url, path, *_, **__: requested.extend((url, path)))
    with pytest.raises(FileNotFoundError):  # the download is replaced
        exec(command)
    with pytest.raises(FileNotFoundError):
        pipelines.TINY_BASE.get_model(dl_kwargs={"model_dir": str(tmp_path / "its own way")})
    of_command, of_torchaudio = requested[:2], requested[2:]
    address = of_torchaudio[0]
    assert address.startswith("https://") and address.endswith("/torchaudio/models/tiny.pth")
    assert of_command == [address, tiny.weights]


def test_other_weights(tiny: SslParams, tmp_path: Path) -> None:
    torch.save({"head": torch.zeros(2)}, tmp_path / "other.pth")
    for content in (b"weights", b"", (tmp_path / "other.pth").read_bytes()):
        Path(tiny.weights).write_bytes(content)
        with pytest.raises(SslError, match="weights.pth: not the weights of TINY_BASE"):
            Encoder(tiny, CPU)


@pytest.mark.parametrize("name", ["WAVLM_BASE_PLUZ", "WAV2VEC2_ASR_BASE_960H", "Wav2Vec2Bundle"])
def test_unknown_bundle(tiny: SslParams, name: str) -> None:
    params = SslParams(**{**PARAMS, "bundle": name}, weights=tiny.weights)
    with pytest.raises(SslError, match=f"'{name}'; (did you mean|expected one of)"):
        Encoder(params, CPU)


def clouds(clips: int, seed: int) -> Clips:
    """The second of three layers depends on the class; the others are noise of other sizes."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.arange(clips) % 3
    features = torch.randn(clips, 3, 5, generator=draw) * torch.tensor([1.0, 0.1, 50.0])[:, None]
    features[torch.arange(clips), 1, labels] += 0.5  # five deviations of that layer
    return Clips(list(features), labels, torch.ones(clips))


def test_head_weighs_the_informative_layer(tiny: SslParams) -> None:
    train, valid, test = (clouds(150, seed) for seed in range(3))
    scaler = Standardisation.fit(train.inputs)
    (head, curve), (again, _) = (
        train_ssl(train, valid, scaler, 3, replace(tiny, learning_rate=0.05), 0, CPU) for _ in range(2)
    )
    found = ssl.probabilities(head, test.inputs, scaler, CPU)
    assert torch.equal(found, ssl.probabilities(again, test.inputs, scaler, CPU))
    torch.testing.assert_close(found.sum(dim=1), torch.ones(150))
    assert uar(found, test.labels) > 0.9
    assert int(head.mixture.argmax()) == 1
    assert [row["step"] for row in curve] == [15, 30, 45, 60]


def test_standardisation() -> None:
    clips = clouds(30, 0)
    scaled = Standardisation.fit(clips.inputs)(clips.inputs)
    torch.testing.assert_close(scaled.mean(dim=0), torch.zeros(3, 5), rtol=0, atol=1e-5)
    torch.testing.assert_close(scaled.std(dim=0, correction=0), torch.ones(3, 5))
