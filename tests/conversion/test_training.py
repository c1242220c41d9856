"""Training is reproducible, and equals the plain CycleGAN; each loss has an effect, or none with weight 0."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn
from torch.optim.optimizer import Optimizer, register_optimizer_step_post_hook

from pipeline.conversion import training
from pipeline.conversion.converter import Normalisation
from pipeline.conversion.crops import Domain
from pipeline.conversion.emotion_classifier import ClassifierLoss, EmotionClassifier
from pipeline.conversion.networks import Discriminator, Generator
from pipeline.conversion.pair import CycleGan, CycleGanParams
from pipeline.conversion.training import train
from pipeline.networks.progress import Optimiser

CPU = torch.device("cpu")
ORDER = 3


def drawing(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_clips(clips: int, seed: int = 0) -> list[Tensor]:
    return list(torch.randn(clips, 30, ORDER, generator=drawing(seed)))


A, B = Domain.of(random_clips(4), ["s1", "s1", "s2", "s3"]), Domain.of(random_clips(3, seed=1), ["s1", "s2", "s2"])


def with_targets(domain: Domain, seed: int) -> Domain:
    """With a parallel target beside each frame but every third."""
    targets = torch.randn(domain.frames.shape, generator=drawing(seed))
    targets[::3] = torch.nan
    return replace(domain, frames=torch.cat([domain.frames, targets], dim=1))


def classifier_loss(seed: int = 0) -> ClassifierLoss:
    """Of an untrained classifier."""
    torch.manual_seed(seed)
    plain = Normalisation(torch.zeros(ORDER), torch.ones(ORDER))
    return ClassifierLoss(
        EmotionClassifier(ORDER, 4, ("angry", "calm", "sad")), ("angry", "sad"), [plain] * 4, [plain] * 3
    )


def trained(params: CycleGanParams, seed: int = 5, **more: Any) -> tuple[CycleGan, list[dict[str, float]]]:
    a, b = (with_targets(A, 2), with_targets(B, 3)) if params.parallel_weight else (A, B)
    return train(a, b, params, seed, CPU, **{"classifier_loss": classifier_loss(), **more})


SWITCHES: dict[str, dict[str, Any]] = {
    "identity schedule": {"identity_share": 0.5},
    "rate schedule": {"constant_share": 0.2},
    "mean": {"residual_mean_removal": 0.5},
    "parallel": {"parallel_weight": 1},
    "classifier": {"classifier_weight": 1},
}
EVERYTHING = {key: value for changes in SWITCHES.values() for key, value in changes.items()}


# The complete training


def plain_cyclegan(params: CycleGanParams, seed: int) -> list[Tensor]:
    """Weights of the plain CycleGAN (Zhu et al. 2017), written down once more: both generators, both discriminators."""
    torch.manual_seed(seed)
    draw = drawing(seed)
    size = ORDER, params.channels, params.blocks, params.kernel
    a_to_b, b_to_a = Generator(*size), Generator(*size)
    discriminator_a, discriminator_b = (Discriminator(ORDER, params.discriminator_channels) for _ in range(2))
    discriminators = discriminator_a, discriminator_b
    steps = []
    for networks, rate in (((a_to_b, b_to_a), params.generator_rate), (discriminators, params.discriminator_rate)):
        weights = [own for network in networks for own in network.parameters()]
        adam = torch.optim.Adam(weights, rate, betas=(0.5, 0.999), fused=True)
        falling = torch.optim.lr_scheduler.LambdaLR(adam, lambda step: min(1, 2 - 2 * step / params.steps))
        steps.append((adam, falling))

    def step(loss: Tensor, adam: Optimizer, falling: torch.optim.lr_scheduler.LambdaLR) -> None:
        adam.zero_grad()
        loss.backward()
        adam.step()
        falling.step()

    for _ in range(params.steps):
        real_a, real_b = A.crops(params.batch, params.frames, draw), B.crops(params.batch, params.frames, draw)
        both = torch.cat([real_a, real_b])
        (fake_b, kept_b), (kept_a, fake_a) = a_to_b(both).chunk(2), b_to_a(both).chunk(2)
        cycle = (real_a - b_to_a(fake_b)).abs().mean() + (real_b - a_to_b(fake_a)).abs().mean()
        kept = (real_a - kept_a).abs().mean() + (real_b - kept_b).abs().mean()
        generator_loss = ((discriminator_a(fake_a) - 1) ** 2).mean() + ((discriminator_b(fake_b) - 1) ** 2).mean()
        around = params.cycle_weight * cycle + params.identity_weight * kept
        step(params.adversarial_weight * generator_loss + around, *steps[0])
        discriminator_loss = torch.zeros(())
        for discriminator, real, fake in ((discriminator_a, real_a, fake_a), (discriminator_b, real_b, fake_b)):
            true, false = discriminator(torch.cat([real, fake.detach()])).chunk(2)
            discriminator_loss = discriminator_loss + ((true - 1) ** 2).mean() + (false**2).mean()
        step(discriminator_loss, *steps[1])
    return [
        own.detach() for network in (a_to_b, b_to_a, discriminator_a, discriminator_b) for own in network.parameters()
    ]


@pytest.mark.parametrize("weight", [1, 0])
def test_with_all_switched_off_it_is_the_plain_cyclegan(params: CycleGanParams, weight: float) -> None:
    """Without discriminators where there is no adversarial loss."""
    params = replace(params, adversarial_weight=weight)
    networks, curve = trained(params)
    assert (networks.discriminators is None) == (weight == 0)
    assert all((row["adversarial"] == row["discriminator"] == 0) == (weight == 0) for row in curve)
    own = list(networks.parameters())
    expected = plain_cyclegan(params, 5)
    for found, known in zip(own, expected if weight else expected[: len(own)], strict=True):
        torch.testing.assert_close(found.detach(), known, rtol=1e-6, atol=1e-7)


def test_each_switch_changes_the_weights(params: CycleGanParams) -> None:
    before, *others = (trained(replace(params, **changes))[0] for changes in ({}, *SWITCHES.values()))
    for after, switch in zip(others, SWITCHES, strict=True):
        for generator in ("a_to_b", "b_to_a"):
            old, new = (getattr(networks, generator).leave.weight for networks in (before, after))
            assert not torch.equal(old, new), switch


@pytest.mark.parametrize("changes", [{}, EVERYTHING], ids=["none", "all"])
def test_same_seed_same_weights(params: CycleGanParams, changes: dict[str, Any]) -> None:
    params = replace(params, **changes)
    (one, curve), (two, again), (other, _) = (trained(params, seed) for seed in (5, 5, 6))
    assert curve == again
    for name, weights in one.state_dict().items():
        assert torch.isfinite(weights).all(), name
        assert torch.equal(weights, two.state_dict()[name]), name
    for name, weights in one.named_parameters():
        assert not torch.equal(weights, dict(other.named_parameters())[name]), name


@pytest.mark.parametrize("changes", [{}, EVERYTHING], ids=["none", "all"])
def test_every_parameter_of_all_networks_learns(params: CycleGanParams, changes: dict[str, Any]) -> None:
    params = replace(params, **changes)
    before = dict(training.untrained(ORDER, params, 5).named_parameters())
    assert len(before) == 2 * (2 + 4 * params.blocks + 2) + 2 * 8
    one = dict(trained(replace(params, steps=1))[0].named_parameters())
    # The generators' last layer begins at zero and stops all gradients below it in the first step.
    stopped = {name for name in before if name.split(".")[0] in ("a_to_b", "b_to_a") and ".leave." not in name}
    assert stopped
    assert {name for name, weights in one.items() if torch.equal(weights, before[name])} == stopped
    two = dict(trained(replace(params, steps=2, constant_share=1))[0].named_parameters())
    for name, weights in two.items():
        assert not torch.equal(weights, before[name]), name


@pytest.mark.parametrize("frames", [1, 33])
def test_crops_of_any_length(params: CycleGanParams, frames: int) -> None:
    networks, curve = trained(replace(params, **EVERYTHING, frames=frames))
    assert all(torch.isfinite(weights).all() for weights in networks.parameters())
    assert all(np.isfinite(list(row.values())).all() for row in curve)


def test_nothing_but_its_own_generator_is_drawn_from_while_it_trains(params: CycleGanParams) -> None:
    states = []
    for steps in (1, 3):  # or checkpoints would have to keep torch's own generator too
        trained(replace(params, **EVERYTHING, steps=steps))
        states.append(torch.get_rng_state())
    assert torch.equal(*states)


def test_classifier_loss_that_is_asked_for_must_be_given(params: CycleGanParams) -> None:
    with pytest.raises(ValueError, match="'classifier_weight'"):
        train(A, B, replace(params, classifier_weight=1), 5, CPU)


# The curve and the sum of the losses


def test_curve_has_means(params: CycleGanParams) -> None:
    curve, fine = (trained(replace(params, steps=5, log_every=every))[1] for every in (2, 1))
    assert [row["step"] for row in curve] == [2, 4, 5]
    assert list(curve[0]) == ["step", "adversarial", "cycle", "identity", "discriminator"]
    for name in list(curve[0])[1:]:
        means = [(fine[0][name] + fine[1][name]) / 2, (fine[2][name] + fine[3][name]) / 2, fine[4][name]]
        assert [row[name] for row in curve] == pytest.approx(means)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Losses that optimisers are given, the generators' and the discriminators' in turn."""
    seen: list[float] = []

    class Watched(Optimiser):
        def step(self, loss: Tensor) -> None:
            seen.append(loss.item())
            super().step(loss)

    monkeypatch.setattr(training, "Optimiser", Watched)
    return seen


def test_losses_are_weighted(params: CycleGanParams, seen: list[float]) -> None:
    names = ("adversarial", "cycle", "identity", "classifier", "parallel")
    weights = dict(zip(names, (13, 3, 7, 5, 11), strict=True))
    changes = EVERYTHING | {f"{name}_weight": weight for name, weight in weights.items()}
    params = replace(params, **changes, steps=4, generator_rate=0.05, log_every=1)
    rows = pd.DataFrame(trained(params)[1])
    always = ["step", "adversarial", "cycle", "identity", "discriminator"]
    assert list(rows) == [*always, "parallel", "classifier"]
    assert (rows.iloc[1] > 0.001).all()
    expected = sum(weight * rows[name] for name, weight in weights.items())
    np.testing.assert_allclose(seen[0::2], expected, rtol=1e-5)
    np.testing.assert_allclose(seen[1::2], rows["discriminator"], rtol=1e-5)


# Schedules


def test_both_rates_end_at_nothing(params: CycleGanParams) -> None:
    rates: dict[Optimizer, list[float]] = {}
    watch = register_optimizer_step_post_hook(
        lambda optimiser, *_: rates.setdefault(optimiser, []).append(optimiser.param_groups[0]["lr"])
    )
    try:
        trained(replace(params, steps=8))
    finally:
        watch.remove()
    generators, discriminators = rates
    assert rates[generators] == pytest.approx([1e-3 * share for share in (1, 1, 1, 1, 1, 0.75, 0.5, 0.25)])
    assert rates[discriminators] == pytest.approx([2 * rate for rate in rates[generators]])
    for optimiser in rates:
        assert optimiser.param_groups[0]["lr"] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("share", "last"), [(0.0, 0), (0.29, 2), (1.0, 8)])
def test_identity_applies_in_its_share_of_the_steps(params: CycleGanParams, share: float, last: int) -> None:
    params = replace(params, steps=8, generator_rate=0.05, log_every=1, identity_share=share, constant_share=1)
    rows = trained(params)[1]
    applies = [row["step"] for row in rows[1:] if row["identity"] > 0]  # in the first step nothing is lost yet
    assert applies == list(range(2, last + 1))


# Discriminators


def test_conversions_are_equal_with_and_without_the_identity(params: CycleGanParams) -> None:
    networks = training.untrained(ORDER, params, 5)
    for generator in (networks.a_to_b, networks.b_to_a):
        nn.init.normal_(generator.leave.weight)
    real_a, real_b = A.crops(2, 16, drawing()), B.crops(2, 16, drawing())
    alone, beside = (networks.conversions(real_a, real_b, identity) for identity in (False, True))
    for one, other in zip(alone[:2], beside[:2], strict=True):
        torch.testing.assert_close(one, other)
    assert alone[2] is real_a
    assert alone[3] is real_b
    torch.testing.assert_close(beside[2], networks.b_to_a(real_a))
    torch.testing.assert_close(beside[3], networks.a_to_b(real_b))


# Precision


def test_mixed_precision(params: CycleGanParams) -> None:
    params = replace(params, **EVERYTHING)
    full, half, again = (
        trained(params, autocast=autocast)[0].state_dict()
        for autocast in (None, *(torch.autocast("cpu", torch.bfloat16) for _ in range(2)))
    )
    assert any(not torch.equal(half[name], full[name]) for name in full)
    for name, weights in half.items():
        assert weights.dtype == torch.float32
        assert torch.equal(weights, again[name]), name
        if name.endswith(("weight", "bias")):
            torch.testing.assert_close(weights, full[name], atol=4 * 2e-3, rtol=0)  # Adam moves by the rate at most
