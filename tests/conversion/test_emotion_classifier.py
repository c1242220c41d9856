"""The classifier learns emotions of real clips, scores fakes in the vocoder's units, and its loss trains generators."""

from dataclasses import replace

import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor
from torch.nn.functional import cross_entropy

from pipeline.conversion.converter import Normalisation
from pipeline.conversion.emotion_classifier import (
    ClassifierLoss,
    EmotionClassifier,
    EmotionClassifierParams,
    equally_drawn,
    trained_classifier,
)

CPU = torch.device("cpu")
PARAMS = EmotionClassifierParams(channels=8, steps=80, batch=16, learning_rate=1e-2, noise=0.1)
ORDER = 3
PERIODS = {"angry": 4.0, "calm": 9.0, "sad": 32.0}  # frames; what tells the emotions apart, as statistics cannot


def clips(emotion: str, count: int, frames: int = 40, seed: int = 0) -> list[Tensor]:
    """Waves over time, each coefficient with another scale and level."""
    draw = torch.Generator().manual_seed(seed)
    phases = 7 * torch.rand(count, 1, ORDER, generator=draw)
    time = torch.arange(frames)[:, None]
    waves = torch.sin(2 * torch.pi * time / PERIODS[emotion] + phases)
    waves = waves + 0.1 * torch.randn(count, frames, ORDER, generator=draw)
    return list(waves * torch.tensor([10.0, 1.0, 0.1]) + torch.tensor([50.0, 0.0, -1.0]))


def corpus(count: int = 8, seed: int = 0) -> tuple[list[Tensor], list[str], list[str]]:
    """Spectra, labels, speakers."""
    spectra = [clip for emotion in PERIODS for clip in clips(emotion, count, seed=seed)]
    return spectra, [emotion for emotion in PERIODS for _ in range(count)], ["s1", "s2"] * (count * len(PERIODS) // 2)


@pytest.fixture(scope="module")
def classifier() -> EmotionClassifier:
    torch.set_num_threads(1)
    return trained_classifier(*corpus(), PARAMS, 32, 0, CPU)


def test_emotions_of_other_clips_are_recognised(classifier: EmotionClassifier) -> None:
    spectra, labels, _ = corpus(count=30, seed=1)
    with torch.no_grad():
        found = classifier(torch.stack(spectra).transpose(1, 2)).argmax(dim=1)
    right = [classifier.emotions[number] == label for number, label in zip(found.tolist(), labels, strict=True)]
    assert sum(right) / len(right) > 0.95


def test_statistics_are_those_of_what_it_learned_from(classifier: EmotionClassifier) -> None:
    frames = torch.cat(corpus()[0])
    torch.testing.assert_close(classifier.mean, frames.mean(dim=0))
    torch.testing.assert_close(classifier.deviation, frames.std(dim=0))
    assert classifier.emotions == ("angry", "calm", "sad")


def test_masked_coefficients_do_not_count_and_get_no_gradient() -> None:
    classifier = trained_classifier(*corpus(), replace(PARAMS, steps=3), 16, 0, CPU, masked=(0, 2))
    x = torch.randn(2, ORDER, 33, requires_grad=True)
    loud = x.detach() + torch.tensor([5.0, 0.0, 5.0])[:, None]
    assert torch.equal(classifier(loud), classifier(x))
    classifier(x).square().sum().backward()
    assert [own.abs().max().item() > 0 for own in x.grad.unbind(dim=1)] == [False, True, False]


def test_any_number_of_frames(classifier: EmotionClassifier) -> None:
    for frames in (1, 7, 8, 9, 127, 333):
        logits = classifier(torch.randn(2, ORDER, frames))
        assert logits.shape == (2, 3)
        assert torch.isfinite(logits).all()


def test_every_parameter_gets_a_gradient() -> None:
    torch.manual_seed(0)
    classifier = EmotionClassifier(ORDER, 4, ("angry", "sad"))
    classifier(torch.randn(4, ORDER, 32)).square().sum().backward()
    for name, weights in classifier.named_parameters():
        assert weights.grad is not None, name
        assert weights.grad.abs().max() > 0, name


def test_same_seed_same_weights() -> None:
    few = replace(PARAMS, steps=3)
    one, two, other = (trained_classifier(*corpus(), few, 16, seed, CPU) for seed in (3, 3, 4))
    for name, weights in one.named_parameters():
        assert torch.equal(weights, two.get_parameter(name)), name
        assert not torch.equal(weights, other.get_parameter(name)), name


def test_every_emotion_is_drawn_equally_often_and_every_speaker_who_acts_it() -> None:
    cells = {("sad", "s1"): 9, ("sad", "s2"): 1, ("sad", "s3"): 4, ("calm", "s1"): 30}
    labels, speakers = zip(*(cell for cell, count in cells.items() for _ in range(count)), strict=True)
    domain = equally_drawn([torch.zeros(2, 1)] * len(labels), labels, speakers)
    drawn = domain.clips(6000, torch.Generator().manual_seed(0)).tolist()
    counts = [sum((labels[clip], speakers[clip]) == cell for clip in drawn) for cell in cells]
    assert chisquare(counts, [1000, 1000, 1000, 3000]).pvalue > 0.001


# ClassifierLoss


def fits() -> tuple[list[Normalisation], list[Normalisation]]:
    """Of what angry clips become sad by, and sad ones angry; every other clip has its own."""
    sad, angry = (
        [Normalisation.fit(clips(emotion, 8)), Normalisation.fit(clips(emotion, 2, seed=3))] * 4
        for emotion in ("sad", "angry")
    )
    return sad, angry


def test_classifier_loss_by_hand(classifier: EmotionClassifier) -> None:
    """Each fake is denormalised as the conversion of its own source."""
    fake_a, fake_b = torch.randn(2, 4, ORDER, 33)
    of_a, of_b = torch.tensor([0, 7, 2, 0]), torch.tensor([1, 1, 4, 0])
    a_to_b, b_to_a = fits()
    expected = torch.zeros(())
    for fakes, numbers, undone, emotion in ((fake_a, of_b, b_to_a, "angry"), (fake_b, of_a, a_to_b, "sad")):
        real_units = torch.stack(
            [undone[clip].undo(fake.T).T for fake, clip in zip(fakes, numbers.tolist(), strict=True)]
        )
        expected = expected + cross_entropy(
            classifier(real_units), torch.full((4,), classifier.emotions.index(emotion))
        )
    found = ClassifierLoss(classifier, ("angry", "sad"), a_to_b, b_to_a)(fake_a, fake_b, of_b, of_a)
    torch.testing.assert_close(found, expected)
    swapped = ClassifierLoss(classifier, ("sad", "angry"), b_to_a, a_to_b)
    torch.testing.assert_close(swapped(fake_b, fake_a, of_a, of_b), expected)
    of_others = torch.tensor([1, 6, 3, 1])
    assert ClassifierLoss(classifier, ("angry", "sad"), a_to_b, b_to_a)(fake_a, fake_b, of_b, of_others) != found


def test_classifier_of_the_loss_is_frozen_and_the_given_one_is_not(classifier: EmotionClassifier) -> None:
    classifier_loss = ClassifierLoss(classifier, ("angry", "sad"), *fits())
    fakes = torch.randn(2, 4, ORDER, 33, requires_grad=True)
    classifier_loss(*fakes, torch.arange(4), torch.arange(4)).backward()
    assert fakes.grad.abs().max() > 0
    assert all(weights.grad is None and not weights.requires_grad for weights in classifier_loss.parameters())
    assert all(weights.requires_grad for weights in classifier.parameters())
    assert classifier_loss.classifier is not classifier


def test_classifier_loss_towards_an_unknown_emotion(classifier: EmotionClassifier) -> None:
    with pytest.raises(ValueError, match="'happy', expected one of angry, calm, sad"):
        ClassifierLoss(classifier, ("angry", "happy"), *fits())
