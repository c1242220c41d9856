"""Parallel targets are aligned frames of the right utterances; networks learn from them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.conversion.alignment import Speech
from pipeline.conversion.crops import Domain
from pipeline.conversion.pair import CycleGanParams
from pipeline.conversion.parallel import ParallelUtterance, with_parallel_targets
from pipeline.conversion.training import train

ORDER = 6


def spectrum(frames: int = 40, seed: int = 0) -> np.ndarray:
    """Coded envelopes of a clip that is never quiet."""
    return np.random.default_rng(seed).normal(0, 0.2, (frames, ORDER)).astype(np.float32)


def utterance(
    coded: np.ndarray, speaker: str = "s1", sentence: str | None = "kids", intensity: str | None = "medium"
) -> ParallelUtterance:
    """A clip whose normalised frames are their numbers."""
    seen = torch.arange(len(coded), dtype=torch.float32)[:, None] * torch.tensor([1.0, -1.0])
    return ParallelUtterance(Speech.of(coded), seen, speaker, sentence, intensity)


def test_target_is_the_mean_of_the_aligned_frames() -> None:
    coded = spectrum()
    slower = np.repeat(coded, 2, axis=0)
    [frames], [whose] = with_parallel_targets([utterance(coded)], [utterance(slower)])
    assert whose.speaker == "s1"
    assert frames.shape == (40, 4)
    torch.testing.assert_close(frames[:, :2], utterance(coded).normalised)
    torch.testing.assert_close(frames[:, 2], 2 * torch.arange(40.0) + 0.5)  # of frames 2n and 2n + 1
    torch.testing.assert_close(frames[:, 3], -frames[:, 2])


def test_pauses_have_no_target() -> None:
    coded = spectrum()
    quiet = coded.copy()
    quiet[10:20, 0] -= 20  # nepers of power
    [frames], _ = with_parallel_targets([utterance(quiet)], [utterance(coded)])
    assert frames[10:20, 2:].isnan().all()
    assert frames[:10, 2:].isfinite().all()
    assert frames[20:, 2:].isfinite().all()


@pytest.mark.parametrize(
    ("sentence", "other", "targets"),
    [
        ("kids", {}, 1),
        ("kids", {"speaker": "s2"}, 0),
        ("kids", {"sentence": "dogs"}, 0),
        ("kids", {"sentence": None}, 0),
        (None, {"sentence": None}, 0),
        ("kids", {"intensity": "high"}, 1),  # as there is none in the same intensity
    ],
)
def test_which_utterances_are_parallel(sentence: str | None, other: dict[str, str | None], targets: int) -> None:
    frames, _ = with_parallel_targets([utterance(spectrum(), sentence=sentence)], [utterance(spectrum(), **other)])
    assert sum(bool(own[:, 2:].isfinite().all()) for own in frames) == targets
    assert len(frames) == 1


def test_a_source_has_a_target_for_each_parallel_utterance_of_its_intensity() -> None:
    source = utterance(spectrum())
    shifted = [replace(utterance(spectrum()), normalised=source.normalised + shift) for shift in (1, 2)]
    louder = replace(utterance(spectrum(), intensity="high"), normalised=source.normalised + 3)
    frames, whose = with_parallel_targets([source], [*shifted, louder])
    assert all(own is source for own in whose) and len(whose) == 2
    for own, shift in zip(frames, (1, 2), strict=True):
        torch.testing.assert_close(own[:, 2:], source.normalised + shift)


def test_networks_learn_the_targets(params: CycleGanParams) -> None:
    """A flip of the sign leaves the distribution of frames as it is, so that a discriminator cannot learn it."""
    changes = {"identity_weight": 0, "cycle_weight": 0, "parallel_weight": 10}
    params = replace(params, **changes, steps=80, batch=8, generator_rate=2e-2)
    draw = torch.Generator().manual_seed(0)
    clips = list(torch.randn(6, 40, 3, generator=draw))
    domain = Domain.of([torch.cat([clip, -clip], dim=1) for clip in clips], ["s1"] * 6)
    held_out = torch.randn(4, 3, 40, generator=draw)
    networks, _ = train(domain, domain, params, 0, torch.device("cpu"))
    with torch.no_grad():
        assert (networks.a_to_b(held_out) + held_out).abs().mean() < 0.3 < 1 < (2 * held_out).abs().mean()
