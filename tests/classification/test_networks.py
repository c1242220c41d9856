"""Shapes, masks and gradients of the `cnn`."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipeline.classification.networks import AttentiveStatistics, ConvBlock, EmotionCnn, RectifiedPairs

MELS, CLASSES = 20, 4


@pytest.fixture
def network() -> EmotionCnn:
    """In evaluation mode, in double precision, with trained running statistics."""
    torch.manual_seed(0)
    fresh = EmotionCnn(MELS, channels=16, kernel=5, dropout=0.5, classes=CLASSES)
    for _ in range(20):
        fresh(2 * torch.randn(8, 60, MELS) + 1, torch.full((8,), 60))
    for norm in fresh.modules():
        if isinstance(norm, nn.BatchNorm1d):
            nn.init.normal_(norm.bias)  # a norm that moves zeros, as a trained one does
    return fresh.double().eval()


@pytest.mark.parametrize("frames", [8, 9, 13, 31, 64, 151])
def test_shapes(frames: int) -> None:
    network = EmotionCnn(MELS, channels=6, kernel=3, dropout=0.1, classes=CLASSES)
    assert network(torch.randn(3, frames, MELS), torch.tensor([frames, 8, 1])).shape == (3, CLASSES)
    mask = torch.ones(frames // 2, 1, dtype=torch.bool)
    assert ConvBlock(MELS, 6, 5)(torch.randn(3, frames, MELS), mask).shape == (3, frames // 2, 6)


@pytest.mark.parametrize("frames", [2, 7, 8])
def test_rectified_pairs_are_a_rectifier_and_a_maximum(frames: int) -> None:
    """Values with many ties; the gradient of a tie goes to the first frame, as in torch."""
    torch.manual_seed(3)
    x, mask = torch.randint(-3, 4, (4, frames, 5)).float().requires_grad_(), torch.rand(4, frames // 2, 1) > 0.3
    found = RectifiedPairs.apply(x, mask)
    expected = nn.functional.max_pool1d(torch.relu(x).transpose(1, 2), 2).transpose(1, 2) * mask
    assert torch.equal(found, expected)
    weights = torch.randn_like(found)
    gradients = [torch.autograd.grad((some * weights).sum(), x)[0] for some in (found, expected)]
    assert torch.equal(*gradients)


def test_padding_does_not_matter(network: EmotionCnn) -> None:
    lengths = torch.tensor([3, 5, 8, 9, 13, 15, 16, 17, 31, 33, 60, 61, 100])
    clips = [torch.randn(int(length), MELS, dtype=torch.float64) for length in lengths]
    together = nn.utils.rnn.pad_sequence(clips, batch_first=True)
    logits = network(together, lengths)
    assert logits.std(dim=0).min() > 0.01  # different clips, different logits
    for clip, length, expected in zip(clips, lengths, logits, strict=True):
        alone = nn.functional.pad(clip[None], (0, 0, 0, max(0, EmotionCnn.STRIDE - int(length))))
        torch.testing.assert_close(network(alone, length[None])[0], expected, rtol=0, atol=1e-10)


def test_nothing_is_dropped_in_evaluation(network: EmotionCnn) -> None:
    mel, length = torch.randn(1, 40, MELS, dtype=torch.float64), torch.tensor([40])
    assert torch.equal(network(mel, length), network(mel, length))
    changed = mel.clone()
    changed[:, 36] += 3  # every whole stride counts
    assert not torch.equal(network(mel, length), network(changed, length))
    for dropout in (module for module in network.modules() if isinstance(module, nn.Dropout)):
        dropout.train()
    assert not torch.equal(network(mel, length), network(mel, length))


def by_hand(pool: AttentiveStatistics, clip: Tensor) -> np.ndarray:
    """Okabe et al. 2018, eq. 5 and 6, of a clip (frames, channels), frame by frame."""
    first, last = (pool.attention[index] for index in (0, 2))
    frames = clip.numpy()
    hidden = np.tanh(frames @ first.weight.detach().numpy().T + first.bias.detach().numpy())
    scores = hidden @ last.weight.detach().numpy().T
    mean, square = np.zeros(frames.shape[1]), np.zeros(frames.shape[1])
    for frame, score in zip(frames, scores, strict=True):
        share = np.exp(score) / np.exp(scores).sum(axis=0)
        mean += share * frame
        square += share * frame**2
    return np.concatenate([mean, np.sqrt(square - mean**2)])


def test_attentive_statistics() -> None:
    torch.manual_seed(1)
    pool = AttentiveStatistics(5, 3).double()
    x = torch.randn(2, 7, 5, dtype=torch.float64)
    mask = torch.ones(2, 7, 1, dtype=torch.bool)
    mask[1, 4:] = False
    x[1, 4:] = 1e6  # padding
    with torch.no_grad():
        found = pool(x, mask).numpy()
    np.testing.assert_allclose(found[0], by_hand(pool, x[0]), rtol=1e-9)
    np.testing.assert_allclose(found[1], by_hand(pool, x[1, :4]), rtol=1e-6)


def test_statistics_of_one_frame_are_finite() -> None:
    pool = AttentiveStatistics(5, 3)
    x = torch.randn(1, 4, 5, requires_grad=True)
    found = pool(x, torch.tensor([[[True], [False], [False], [False]]]))
    torch.testing.assert_close(found[0, :5], x[0, 0])
    assert (found[0, 5:] < 0.01).all()
    found.sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_every_parameter_gets_a_gradient() -> None:
    torch.manual_seed(2)
    network = EmotionCnn(MELS, channels=6, kernel=3, dropout=0.0, classes=CLASSES)
    logits = network(torch.randn(8, 40, MELS), torch.tensor([40, 33, 25, 40, 40, 9, 40, 40]))
    nn.functional.cross_entropy(logits, torch.arange(8) % CLASSES).backward()
    for name, weights in network.named_parameters():
        assert weights.grad is not None, name
        assert weights.grad.abs().max() > 1e-6, name


def test_mixed_precision_keeps_the_deviation() -> None:
    """Values far from zero that hardly differ: bfloat16 cannot represent the difference of their squares."""
    torch.manual_seed(0)
    pool = AttentiveStatistics(6, 3)
    x, mask = 4 + 0.05 * torch.randn(2, 50, 6).bfloat16(), torch.ones(2, 50, 1, dtype=torch.bool)
    with torch.autocast("cpu", torch.bfloat16):
        found = pool(x, mask)
    torch.testing.assert_close(found, pool(x.float(), mask), rtol=0.02, atol=0)
