"""Every speaker is drawn equally often, and crops stay in their clips."""

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from pipeline.conversion.crops import Domain


def drawing(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_every_speaker_is_drawn_equally_often() -> None:
    clips = {"s1": 30, "s2": 1, "s3": 5}
    speakers = [speaker for speaker, count in clips.items() for _ in range(count)]
    spectra = [torch.full((2 + number % 7, 1), float(number)) for number in range(len(speakers))]
    drawn = Domain.of(spectra, speakers).crops(9000, 1, drawing()).flatten().long()
    by_speaker = [sum(speakers[clip] == speaker for clip in drawn.tolist()) for speaker in clips]
    assert chisquare(by_speaker).pvalue > 0.001
    assert chisquare(torch.bincount(drawn, minlength=36)[:30].numpy()).pvalue > 0.001  # nor one clip of a speaker


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
    domain = Domain.of(list(torch.randn(4, 30, 3, generator=drawing())), ["s1", "s1", "s2", "s3"])
    one, two, other = (domain.crops(8, 16, drawing(seed)) for seed in (3, 3, 4))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_crops_of_given_clips() -> None:
    domain = Domain.of([torch.full((9, 2), float(number)) for number in range(5)], ["s1"] * 5)
    crops = domain.crops_of(torch.tensor([3, 0, 3]), 4, drawing())
    assert crops.shape == (3, 2, 4)
    assert crops[:, 0, 0].tolist() == [3, 0, 3]
