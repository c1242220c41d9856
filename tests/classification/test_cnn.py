"""Budget, draws, masks and selection of the `cnn`, on toy clips."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pipeline.classification import cnn, training
from pipeline.classification.cnn import CnnParams, Scaler, Spectrograms, probabilities, train_cnn
from pipeline.classification.networks import EmotionCnn
from pipeline.classification.training import Clips, nll, uar

CPU = torch.device("cpu")
MELS = 6
PARAMS = CnnParams(
    channels=8,
    kernel=3,
    dropout=0.1,
    steps=12,
    batch=8,
    frames=24,
    learning_rate=0.01,
    weight_decay=0.01,
    label_smoothing=0.1,
    frequency_masks=1,
    frequency_mask_bins=1,
    time_masks=1,
    time_mask_frames=4,
    checkpoints=3,
    averaged_share=0,
)
UNSCALED = Scaler(torch.zeros(MELS), torch.ones(MELS), torch.ones(MELS))


def toy(clips: int, seed: int = 0, frames: tuple[int, int] = (16, 40)) -> Clips:
    """Noise in which class 0, 1 or 2 has one louder band."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.arange(clips) % 3
    mels = []
    for label in labels.tolist():
        mel = torch.randn(int(torch.randint(*frames, (1,), generator=draw)), MELS, generator=draw)
        mel[:, 2 * label] += 3
        mels.append(mel)
    return Clips(mels, labels, torch.ones(clips))


def trained(train: Clips, valid: Clips | None = None, seed: int = 0, **changes: Any) -> tuple[EmotionCnn, Any]:
    params = replace(PARAMS, **changes)
    return train_cnn(train, valid or toy(9, seed=1), Scaler.fit(train.inputs), 3, params, seed, CPU)


def weights(network: EmotionCnn) -> Tensor:
    return torch.cat([tensor.flatten().double() for tensor in network.state_dict().values()])


def test_same_seed_same_network(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = spied_batches(monkeypatch)
    (one, curve), (two, again), (other, _) = (trained(toy(12), seed=seed) for seed in (3, 3, 4))
    assert torch.equal(seen[0], seen[12])
    assert not torch.equal(seen[0], seen[24])
    assert torch.equal(weights(one), weights(two))
    assert curve == again
    assert not torch.equal(weights(one), weights(other))
    assert not one.training


def test_mixed_precision_trains_alike() -> None:
    train, valid = toy(12), toy(9, seed=1)
    given = (Scaler.fit(train.inputs), 3, replace(PARAMS, steps=4, dropout=0.0), 3, CPU)
    plain, _ = train_cnn(train, valid, *given)
    mixed, _ = train_cnn(train, valid, *given, autocast=torch.autocast("cpu", torch.bfloat16))
    assert not torch.equal(weights(plain), weights(mixed))
    assert mixed.head[-1].weight.dtype == torch.float32
    torch.testing.assert_close(weights(mixed), weights(plain), rtol=0.1, atol=0.05)


@pytest.mark.parametrize(("clips", "steps"), [(3, 1), (3, 10), (60, 7), (60, 10)])
def test_budget_does_not_depend_on_the_clips(monkeypatch: pytest.MonkeyPatch, clips: int, steps: int) -> None:
    taken = Counter[str]()

    class CountingAdamW(torch.optim.AdamW):
        def step(self, *arguments: Any) -> Any:
            taken["steps"] += 1
            return super().step(*arguments)

    def forward(self: EmotionCnn, mel: Tensor, lengths: Tensor) -> Tensor:
        taken["clips"] += len(mel) * self.training
        return original(self, mel, lengths)

    original = EmotionCnn.forward
    monkeypatch.setattr(torch.optim, "AdamW", CountingAdamW)
    monkeypatch.setattr(EmotionCnn, "forward", forward)
    _, curve = trained(toy(clips), steps=steps)
    assert taken == {"steps": steps, "clips": steps * PARAMS.batch}
    assert curve[-1]["step"] == steps


def test_clips_are_drawn_by_class_and_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    """The samples of each clip are its number."""
    seen = spied_batches(monkeypatch)
    weights_given = torch.tensor([1.0, 1.0, 1.0, 0.6, 1.0, 0.3])
    clips = Clips([torch.full((24, MELS), float(n)) for n in range(6)], torch.tensor([0, 0, 0, 0, 1, 2]), weights_given)
    train_cnn(clips, toy(3), UNSCALED, 3, replace(PARAMS, batch=3000, steps=2, channels=2), 0, CPU)
    drawn = torch.cat([batch[:, 0, 0] for batch in seen]).long()
    found = torch.bincount(drawn, minlength=6) / len(drawn)
    expected = torch.tensor([1 / 3.6 / 3, 1 / 3.6 / 3, 1 / 3.6 / 3, 0.6 / 3.6 / 3, 1 / 3, 1 / 3])
    torch.testing.assert_close(found, expected, rtol=0, atol=0.025)


def test_labels_follow_the_drawn_clips_and_the_curve_has_mean_losses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The samples of each clip are its class."""
    seen = spied_batches(monkeypatch)
    targets: list[Tensor] = []
    losses: list[float] = []
    original = torch.nn.functional.cross_entropy

    def cross_entropy(logits: Tensor, labels: Tensor, **words: Any) -> Tensor:
        loss = original(logits, labels, **words)
        targets.append(labels)
        losses.append(loss.item())
        return loss

    monkeypatch.setattr(torch.nn.functional, "cross_entropy", cross_entropy)
    clips = Clips([torch.full((24, MELS), float(n % 3)) for n in range(7)], torch.arange(7) % 3, torch.ones(7))
    _, curve = train_cnn(clips, toy(3), UNSCALED, 3, replace(PARAMS, steps=11), 0, CPU)
    for batch, labels in zip(seen, targets, strict=True):
        assert torch.equal(batch[:, 0, 0].long(), labels)
    assert [row["step"] for row in curve] == [3, 6, 9, 11]
    expected = [np.mean(losses[start:stop]) for start, stop in ((0, 3), (3, 6), (6, 9), (9, 11))]
    np.testing.assert_allclose([row["loss"] for row in curve], expected, rtol=1e-6)


def spied_batches(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """Batches before their masks, as in training."""
    seen: list[Tensor] = []
    original = cnn._masked

    def masked(batch: Tensor, params: CnnParams, generator: torch.Generator) -> Tensor:
        seen.append(batch.clone())
        return original(batch, params, generator)

    monkeypatch.setattr(cnn, "_masked", masked)
    return seen


def test_crops() -> None:
    """Frame n of a clip holds n: crops start anywhere, and short clips are padded."""
    draw = torch.Generator().manual_seed(0)
    ramps = [torch.arange(1.0, length + 1)[:, None].expand(-1, MELS) for length in (9, 8, 5, 1)]
    clips = Spectrograms.of(ramps, UNSCALED)
    starts = set()
    for _ in range(40):
        batch, lengths = clips.crops(torch.tensor([3, 0, 2, 1]), 8, draw)
        assert batch.shape == (4, 8, 2 * MELS)
        assert lengths.tolist() == [1, 8, 5, 8]
        starts.add(int(batch[1, 0, 0]))
        for row, length in zip(batch[:, :, :MELS], lengths.tolist(), strict=True):
            assert torch.equal(row[:length, 0], row[0, 0] + torch.arange(length))
            assert not row[length:].any()
    assert starts == {1, 2}


@pytest.mark.parametrize(("axis", "kind"), [(2, "frequency"), (1, "time")])
def test_spec_augment_masks(axis: int, kind: str) -> None:
    none = {"frequency_masks": 0, "time_masks": 0}
    sizes = {"frequency_mask_bins": 4, "time_mask_frames": 7}
    params = replace(PARAMS, **{**none, **sizes, f"{kind}_masks": 1})
    widest = {"frequency": 4, "time": 7}[kind]
    masked = cnn._masked(torch.ones(2000, 20, 12), params, torch.Generator().manual_seed(0))
    along = masked.movedim(axis, 1)
    hidden = (along == 0).all(dim=2)  # (batch, size)
    assert torch.equal(hidden, (along == 0).any(dim=2))  # whole bands, whole frames
    widths = hidden.sum(dim=1)
    counts = torch.bincount(widths, minlength=widest + 1) / len(widths)
    torch.testing.assert_close(counts, torch.full((widest + 1,), 1 / (widest + 1)), rtol=0, atol=0.03)
    edges = torch.diff(torch.nn.functional.pad(hidden.int(), (1, 1))).abs().sum(dim=1)
    assert torch.equal(edges, 2 * (widths > 0))  # one mask each
    first = hidden.int().argmax(dim=1)[widths > 0]
    assert first.min() == 0
    assert first.unique().numel() > hidden.shape[1] - widest - 1


def test_spec_augment_counts() -> None:
    params = replace(PARAMS, frequency_masks=2, frequency_mask_bins=3, time_masks=2, time_mask_frames=5)
    masked = cnn._masked(torch.ones(500, 60, 30), params, torch.Generator().manual_seed(0))
    bands, stretches = (masked == 0).all(dim=1).sum(dim=1), (masked == 0).all(dim=2).sum(dim=1)
    assert (int(bands.max()), int(stretches.max())) == (6, 10)  # two masks of each, side by side
    untouched = replace(params, frequency_masks=0, time_masks=0)
    assert cnn._masked(torch.ones(5, 60, 30), untouched, torch.Generator()).all()


@pytest.mark.parametrize(
    ("losses", "best"), [([0.9, 0.2, 0.5], 1), ([0.4, 0.4, 0.4], 0), ([0.3, 0.2, 0.1], 2), ([70.0, 70.0, 70.0], 0)]
)
def test_likeliest_checkpoint_is_returned(monkeypatch: pytest.MonkeyPatch, losses: list[float], best: int) -> None:
    checkpoints: list[Tensor] = []
    coming = iter(losses)

    def scored(network: EmotionCnn, *arguments: Any) -> Tensor:
        checkpoints.append(weights(network))
        return torch.zeros(9, 3)

    monkeypatch.setattr(cnn, "probabilities", scored)
    monkeypatch.setattr(training, "nll", lambda *_: next(coming))
    network, curve = trained(toy(12))
    assert [row["valid_nll"] for row in curve] == losses
    assert torch.equal(weights(network), checkpoints[best])
    assert len({tuple(checkpoint.tolist()) for checkpoint in checkpoints}) == 3


def test_checkpoints_are_scored_on_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    train, valid = toy(12), toy(9, seed=5)
    scored: list[Any] = []
    original: Callable[..., Tensor] = cnn.probabilities

    def spied(network: EmotionCnn, clips: Any, *arguments: Any) -> Tensor:
        scored.append(clips)
        assert network.training or len(scored) == 1  # it trains between two checkpoints
        return original(network, clips, *arguments)

    monkeypatch.setattr(cnn, "probabilities", spied)
    network, curve = trained(train, valid)
    monkeypatch.undo()
    expected = Spectrograms.of(valid.inputs, Scaler.fit(train.inputs))
    assert all(torch.equal(clips.frames, expected.frames) for clips in scored)
    found = probabilities(network, expected, CPU)
    least = min(curve, key=lambda row: row["valid_nll"])
    assert (least["valid_nll"], least["valid_uar"]) == (nll(found, valid.labels), uar(found, valid.labels))


@pytest.mark.parametrize("averaged_share", [0, 0.5])
def test_toy_problem_is_learnt(averaged_share: float) -> None:
    train, test = toy(60), toy(60, seed=9)
    network, _ = trained(train, steps=60, averaged_share=averaged_share)
    found = probabilities(network, Spectrograms.of(test.inputs, Scaler.fit(train.inputs)), CPU)
    assert uar(found, test.labels) > 0.95


def test_clips_shorter_than_the_crop() -> None:
    short = toy(12, frames=(1, 9))
    assert min(map(len, short.inputs)) < EmotionCnn.STRIDE
    network, curve = trained(short, short)
    assert all(np.isfinite(row["loss"]) for row in curve)
    assert probabilities(network, Spectrograms.of(short.inputs, Scaler.fit(short.inputs)), CPU).isfinite().all()


def test_probabilities_do_not_depend_on_the_batch() -> None:
    train, clips = toy(12), toy(11, seed=2, frames=(1, 60))
    network, _ = trained(train)
    scaler = Scaler.fit(train.inputs)
    some = Spectrograms.of(clips.inputs, scaler)
    together = probabilities(network, some, CPU)
    assert together.shape == (11, 3)
    torch.testing.assert_close(together.sum(dim=1), torch.ones(11))
    alone = torch.cat([probabilities(network, Spectrograms.of([mel], scaler), CPU) for mel in clips.inputs])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-6)
    torch.testing.assert_close(together, probabilities(network, some, CPU, batch=4), rtol=0, atol=1e-6)
    assert together.std(dim=0).min() > 0.001


def test_scaler() -> None:
    mels = [mel * torch.arange(MELS) + 3 * number for number, mel in enumerate(toy(6).inputs)]
    scaler = Scaler.fit(mels)
    scaled = scaler(mels)
    torch.testing.assert_close(scaled.mean(dim=0), torch.zeros(2 * MELS), rtol=0, atol=1e-5)
    moving = [*range(MELS), *range(MELS + 1, 2 * MELS)]  # the first band changes from clip to clip alone
    torch.testing.assert_close(scaled.std(dim=0)[moving], torch.ones(len(moving)))
    assert scaled.isfinite().all()
    mel = toy(1).inputs[0]  # a clip without its mean has no level
    scaler = Scaler.fit(toy(6).inputs)
    one, moved = scaler([mel]), scaler([mel + torch.arange(MELS)])
    torch.testing.assert_close(one[:, MELS:], moved[:, MELS:], rtol=0, atol=1e-5)
    assert (one - moved)[:, 1:MELS].abs().min() > 0.1
