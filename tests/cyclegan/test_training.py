"""Crops are drawn fairly and stay in their clips; training repeats, ends at rest, and moves one domain to another."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor
from torch.optim.optimizer import Optimizer, register_optimizer_step_post_hook

from pipeline.cyclegan import training
from pipeline.cyclegan.training import CycleGan, CycleGanParams, Domain, Optimiser, train

CPU = torch.device("cpu")
PARAMS = CycleGanParams(
    channels=8,
    blocks=2,
    kernel=3,
    discriminator_channels=4,
    steps=4,
    batch=2,
    frames=16,
    generator_rate=1e-3,
    discriminator_rate=2e-3,
    cycle_weight=2,
    identity_weight=0.5,
    log_every=2,
)
NETWORKS = ("a_to_b", "b_to_a", "judge_a", "judge_b")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def drawing(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def made_up(clips: int, order: int = 3, frames: int = 30, seed: int = 0) -> list[Tensor]:
    return list(torch.randn(clips, frames, order, generator=drawing(seed)))


def weights_of(networks: CycleGan) -> dict[str, Tensor]:
    return {f"{name}.{key}": value for name in NETWORKS for key, value in getattr(networks, name).state_dict().items()}


A, B = Domain.of(made_up(4), ["s1", "s1", "s2", "s3"]), Domain.of(made_up(3, seed=1), ["s1", "s2", "s2"])


# Drawing


def test_every_speaker_is_drawn_equally_often() -> None:
    clips = {"s1": 30, "s2": 1, "s3": 5}
    speakers = [speaker for speaker, count in clips.items() for _ in range(count)]
    spectra = [torch.full((2 + number % 7, 1), float(number)) for number in range(len(speakers))]
    drawn = Domain.of(spectra, speakers).crops(9000, 1, drawing()).flatten().long()
    by_speaker = [sum(speakers[clip] == speaker for clip in drawn.tolist()) for speaker in clips]
    assert chisquare(by_speaker).pvalue > 0.001
    assert chisquare(torch.bincount(drawn, minlength=36)[:30].numpy()).pvalue > 0.001  # nor one clip of a speaker


def test_crops_never_cross_clips() -> None:
    lengths = (8, 9, 30, 3, 1, 100)  # as long as a crop, longer, shorter
    spectra = [torch.full((length, 2), float(number)) for number, length in enumerate(lengths)]
    crops = Domain.of(spectra, ["s1"] * len(lengths)).crops(3000, 8, drawing())
    assert crops.shape == (3000, 2, 8)
    assert (crops == crops[:, :1, :1]).all()
    assert set(crops[:, 0, 0].tolist()) == set(range(len(lengths)))


def test_crops_are_stretches_of_the_clip_from_anywhere_in_it() -> None:
    length, frames = 20, 8
    clip = torch.stack([torch.arange(length), -torch.arange(length)], dim=1).float()
    crops = Domain.of([torch.full((5, 2), 99.0), clip], ["s1", "s1"]).crops(4000, frames, drawing())
    own = crops[crops[:, 0, 0] < 99]
    starts = own[:, 0, 0]
    assert torch.equal(own[:, 0], starts[:, None] + torch.arange(frames))
    assert torch.equal(own[:, 1], -own[:, 0])
    assert chisquare(torch.bincount(starts.long(), minlength=length - frames + 1).numpy()).pvalue > 0.001


@pytest.mark.parametrize("length", [1, 2, 3, 7, 8])
def test_short_clip_is_reflected(length: int) -> None:
    clip = np.arange(float(length))
    expected = np.pad(clip, (0, 20 - length), mode="reflect") if length > 1 else np.zeros(20)
    for around in ([], [torch.full((4, 1), 99.0)]):  # alone, and as the last of two
        spectra = [*around, torch.from_numpy(clip)[:, None]]
        crops = Domain.of(spectra, ["s1"] * len(spectra)).crops(50, 20, drawing())[:, 0]
        own = crops[crops[:, 0] < 99]
        assert len(own)
        assert (own.numpy() == expected).all()


def test_same_seed_same_crops() -> None:
    one, two, other = (A.crops(8, 16, drawing(seed)) for seed in (3, 3, 4))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


# Training


def test_same_seed_same_weights() -> None:
    (one, curve), (two, again), (other, _) = (train(A, B, PARAMS, seed, CPU) for seed in (5, 5, 6))
    assert curve == again
    for name, weights in weights_of(one).items():
        assert torch.equal(weights, weights_of(two)[name]), name
        assert not torch.equal(weights, weights_of(other)[name]), name


def test_every_parameter_of_the_four_networks_learns() -> None:
    torch.manual_seed(5)
    before = weights_of(CycleGan(3, PARAMS, CPU))
    one = weights_of(train(A, B, replace(PARAMS, steps=1), 5, CPU)[0])
    # The generators' last layer begins at zero and stops all gradients below it in the first step.
    stopped = {name for name in before if name.split(".")[0] in ("a_to_b", "b_to_a") and ".leave." not in name}
    assert stopped
    assert {name for name, weights in one.items() if torch.equal(weights, before[name])} == stopped
    two = weights_of(train(A, B, replace(PARAMS, steps=2), 5, CPU)[0])
    for name, weights in two.items():
        assert not torch.equal(weights, before[name]), name
        assert torch.isfinite(weights).all(), name


def test_curve() -> None:
    params = replace(PARAMS, steps=5, generator_rate=1e-30, discriminator_rate=1e-30)
    networks, curve = train(A, B, params, 5, CPU)
    assert [row["step"] for row in curve] == [2, 4, 5]
    assert list(curve[0]) == ["step", "adversarial", "cycle", "identity", "discriminator"]
    # At rates that move nothing the generators stay the identity: nothing is lost on the way round, and what the
    # judges say over two steps can be asked again of the same crops.
    draw, fooled, found_out = drawing(5), [], []
    for _ in range(2):
        real_a, real_b = A.crops(2, 16, draw), B.crops(2, 16, draw)
        with torch.no_grad():
            true = [networks.judge_a(real_a), networks.judge_b(real_b)]
            made = [networks.judge_a(real_b), networks.judge_b(real_a)]
        fooled.append(sum(float(((scores - 1) ** 2).mean()) for scores in made))
        found_out.append(sum(float(((x - 1) ** 2).mean() + (y**2).mean()) for x, y in zip(true, made, strict=True)))
    assert curve[0]["cycle"] == curve[0]["identity"] == 0
    assert curve[0]["adversarial"] == pytest.approx(np.mean(fooled), rel=1e-5)
    assert curve[0]["discriminator"] == pytest.approx(np.mean(found_out), rel=1e-5)


def test_losses_are_weighted(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []

    class Watched(Optimiser):
        def step(self, loss: Tensor) -> None:
            seen.append(loss.item())
            super().step(loss)

    monkeypatch.setattr(training, "Optimiser", Watched)
    params = replace(PARAMS, steps=3, generator_rate=0.05, cycle_weight=3, identity_weight=7, log_every=1)
    rows = pd.DataFrame(train(A, B, params, 5, CPU)[1])
    assert (rows[["cycle", "identity"]].iloc[-1] > 0.01).all()
    np.testing.assert_allclose(seen[0::2], rows["adversarial"] + 3 * rows["cycle"] + 7 * rows["identity"], rtol=1e-5)
    np.testing.assert_allclose(seen[1::2], rows["discriminator"], rtol=1e-5)


def test_rate_is_constant_and_then_falls_to_nothing() -> None:
    weights = torch.nn.Parameter(torch.zeros(1))
    optimiser = Optimiser([weights], rate=0.1, steps=10)
    path = [0.0]
    for _ in range(11):
        optimiser.step(weights.sum())  # of constant gradient, where Adam moves by its rate
        path.append(-weights.item())
    moved = np.diff(path) / 0.1
    np.testing.assert_allclose(moved, [1, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2, 0], atol=1e-4)


def test_both_rates_end_at_nothing() -> None:
    rates: dict[Optimizer, list[float]] = {}
    watch = register_optimizer_step_post_hook(
        lambda optimiser, *_: rates.setdefault(optimiser, []).append(optimiser.param_groups[0]["lr"])
    )
    try:
        train(A, B, replace(PARAMS, steps=8), 5, CPU)
    finally:
        watch.remove()
    generators, discriminators = rates
    assert rates[generators] == pytest.approx([1e-3 * share for share in (1, 1, 1, 1, 1, 0.75, 0.5, 0.25)])
    assert rates[discriminators] == pytest.approx([2 * rate for rate in rates[generators]])
    for optimiser in rates:
        assert optimiser.param_groups[0]["lr"] == pytest.approx(0, abs=1e-12)


def test_mixed_precision() -> None:
    full, half, again = (
        weights_of(train(A, B, PARAMS, 5, CPU, autocast)[0])
        for autocast in (None, *(torch.autocast("cpu", torch.bfloat16) for _ in range(2)))
    )
    assert any(not torch.equal(half[name], full[name]) for name in full)
    for name, weights in half.items():
        assert weights.dtype == torch.float32
        assert torch.equal(weights, again[name]), name
        torch.testing.assert_close(weights, full[name], atol=4 * 2e-3, rtol=0)  # Adam moves by the rate at most


def distance(one: Tensor, other: Tensor) -> float:
    """Of two sets of frames, (frames, order): squared distance of means and of covariances."""
    means = (one.mean(dim=0) - other.mean(dim=0)).square().sum()
    return float(means + (torch.cov(one.T) - torch.cov(other.T)).square().sum())


def test_one_domain_learns_to_be_the_other() -> None:
    angle = torch.tensor(0.7)
    turn = torch.tensor([[angle.cos(), -angle.sin()], [angle.sin(), angle.cos()]])
    a = [clip * torch.tensor([1.0, 0.3]) for clip in made_up(20, order=2, frames=64, seed=1)]
    b = [clip * torch.tensor([1.0, 0.3]) @ turn.T + torch.tensor([1.0, -0.5]) for clip in made_up(20, 2, 64, seed=2)]
    speakers = ["s1"] * 20
    params = replace(
        PARAMS,
        channels=16,
        blocks=1,
        kernel=1,
        discriminator_channels=16,
        steps=200,
        batch=8,
        frames=32,
        generator_rate=2e-3,
        identity_weight=0,
        log_every=100,
    )
    networks, _ = train(Domain.of(a, speakers), Domain.of(b, speakers), params, 0, CPU)
    before = distance(torch.cat(a), torch.cat(b))
    with torch.no_grad():
        fake_b = torch.cat([networks.a_to_b(clip.T[None])[0].T for clip in a])
        fake_a = torch.cat([networks.b_to_a(clip.T[None])[0].T for clip in b])
    assert distance(fake_b, torch.cat(b)) < before / 3
    assert distance(fake_a, torch.cat(a)) < before / 3
