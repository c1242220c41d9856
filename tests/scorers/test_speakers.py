"""Synthetic speakers are identified by their formants, for any F0, tilt and level."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from pipeline.scorers import speakers
from pipeline.scorers.speakers import SpeakerSpace, enrolled, identify, similarities

RATE = 16_000
KNOWN = {f"known_{shift}": tuple(shift / 10 * f for f in (600.0, 1500.0, 2600.0)) for shift in (8, 9, 10, 11, 12)}
NEW = {"ann": (560.0, 1750.0, 2500.0), "bob": (700.0, 1300.0, 2900.0), "cy": (480.0, 1400.0, 2350.0)}
STYLES = ((110.0, -12.0), (140.0, -9.0), (190.0, -5.0))  # F0 [Hz] and tilt [dB an octave]


Clips = tuple[np.ndarray, list[str]]


def clips_of(people: Mapping[str, tuple[float, ...]], speak) -> Clips:
    """Statistics of nine clips of each speaker, three of each style, and who speaks."""
    rows, names = [], []
    for number, (name, formants_hz) in enumerate(people.items()):
        for seed in range(9):
            clip = speak(*STYLES[seed % 3], formants_hz=formants_hz, seed=100 * number + seed)
            rows.append(speakers.statistics(clip, RATE))
            names.append(name)
    return np.array(rows), names


@pytest.fixture(scope="module")
def new(speak: Callable[..., np.ndarray]) -> Clips:
    return clips_of(NEW, speak)


@pytest.fixture(scope="module")
def space(speak: Callable[..., np.ndarray]) -> SpeakerSpace:
    return SpeakerSpace.fit(*clips_of(KNOWN, speak))


def test_new_speakers_are_identified(new: Clips, space: SpeakerSpace) -> None:
    rows, names = new
    embeddings = space.embeddings(rows)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1)
    for number, name in enumerate(names):
        others = [other for other in range(len(names)) if other != number]
        known = enrolled(embeddings[others], [names[other] for other in others])
        assert identify(embeddings[number], known) == name


def test_by_clips_of_another_style(new: Clips, space: SpeakerSpace) -> None:
    rows, names = new
    embeddings, words = space.embeddings(rows), np.array(names)
    style = np.arange(len(names)) % 3
    for other in range(3):
        known = enrolled(embeddings[style != other], words[style != other].tolist())
        found = [identify(embedding, known) for embedding in embeddings[style == other]]
        assert found == words[style == other].tolist()


def test_level_does_not_matter(speak: Callable[..., np.ndarray], space: SpeakerSpace) -> None:
    one, softer = (space.embeddings(speakers.statistics(gain * speak(), RATE)[None]) for gain in (1, 0.5))
    np.testing.assert_allclose(one, softer, atol=1e-3)


def test_enrolment() -> None:
    embeddings = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
    known = enrolled(embeddings, ["b", "a", "b", "a"])
    assert list(known) == ["a", "b"]
    np.testing.assert_allclose(known["b"], [0, 1])
    np.testing.assert_allclose(known["a"], np.array([0.8, 0.4]) / np.sqrt(0.8))
    assert similarities(np.array([0.0, 1.0]), known) == {"a": pytest.approx(0.4 / np.sqrt(0.8)), "b": 1.0}
    assert identify(np.array([0.0, 1.0]), known) == "b"
    assert identify(np.array([1.0, 0.0]), known) == "a"


def test_same_clips_same_bytes(new: Clips, speak: Callable[..., np.ndarray]) -> None:
    assert len({SpeakerSpace.fit(*new).embeddings(new[0]).tobytes() for _ in range(2)}) == 1
    assert len({speakers.statistics(speak(), RATE).tobytes() for _ in range(2)}) == 1


def test_clips_without_speech(odd: np.ndarray, space: SpeakerSpace) -> None:
    row = speakers.statistics(odd, RATE)
    assert row.shape == (speakers.CEPSTRA - 1,)
    assert np.isfinite(space.embeddings(row[None])).all()
