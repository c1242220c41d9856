"""Each scorer recognises synthetic emotions of any speaker."""

from collections.abc import Callable

import numpy as np
import pytest

from pipeline.scorers import evaluation_classifier, gate
from pipeline.scorers.evaluation_classifier import EvaluationClassifier
from pipeline.scorers.gate import Gate

RATE = 16_000
STYLES = {
    "sad": {"f0_hz": 120.0, "tilt_db": -14.0, "syllables_hz": 2.5},
    "angry": {"f0_hz": 180.0, "tilt_db": -4.0, "syllables_hz": 6.0},
    "neutral": {"f0_hz": 130.0, "tilt_db": -9.0, "syllables_hz": 4.0},
}
Clips = tuple[np.ndarray, list[str]]
Statistics = Callable[[np.ndarray, int], np.ndarray]
Scorer = Gate | EvaluationClassifier
Kind = type[Gate] | type[EvaluationClassifier]


@pytest.fixture(scope="module", params=[Gate, EvaluationClassifier])
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


@pytest.fixture(scope="module")
def statistics(kind: Kind) -> Statistics:
    return {Gate: gate, EvaluationClassifier: evaluation_classifier}[kind].statistics


@pytest.fixture(scope="module")
def fitted(kind: Kind, clips: Clips) -> Scorer:
    return kind.fit(*clips)


@pytest.fixture(scope="module")
def clips(speak: Callable[..., np.ndarray], statistics: Statistics) -> Clips:
    """Statistics of 8 clips of each emotion."""
    emotions = [emotion for emotion in STYLES for _ in range(8)]
    features = [statistics(speak(**STYLES[emotion], seed=seed), RATE) for seed, emotion in enumerate(emotions)]
    return np.array(features), emotions


@pytest.fixture(scope="module")
def unseen(speak: Callable[..., np.ndarray], statistics: Statistics) -> Clips:
    """Statistics of another speaker, with other formants and a higher F0."""
    emotions = [emotion for emotion in STYLES for _ in range(4)]
    styles = [STYLES[emotion] | {"f0_hz": 1.1 * STYLES[emotion]["f0_hz"]} for emotion in emotions]
    clips = [speak(**style, formants_hz=(650, 1600, 2800), seed=100 + seed) for seed, style in enumerate(styles)]
    return np.array([statistics(clip, RATE) for clip in clips]), emotions


def test_emotions_are_recognised(fitted: Scorer, unseen: Clips) -> None:
    found = fitted.probabilities(unseen[0])
    assert fitted.emotions == ("angry", "neutral", "sad")
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert [fitted.emotions[best] for best in found.argmax(axis=1)] == unseen[1]


def test_neither_order_nor_time_matters(kind: Kind, fitted: Scorer, clips: Clips, unseen: Clips) -> None:
    features, emotions = clips
    backwards = kind.fit(features[::-1], emotions[::-1])
    assert backwards.emotions == fitted.emotions
    expected = fitted.probabilities(unseen[0])
    np.testing.assert_allclose(backwards.probabilities(unseen[0]), expected, atol=1e-6)
    assert kind.fit(*clips).probabilities(unseen[0]).tobytes() == expected.tobytes()


def test_every_emotion_counts_the_same(kind: Kind, clips: Clips, unseen: Clips) -> None:
    """Five copies of each neutral clip do not change the predictions."""
    features, emotions = clips
    times = [5 if emotion == "neutral" else 1 for emotion in emotions]
    fitted = kind.fit(np.repeat(features, times, axis=0), np.repeat(emotions, times).tolist())
    found = fitted.probabilities(unseen[0]).argmax(axis=1)
    assert [fitted.emotions[best] for best in found] == unseen[1]


def test_statistics_of_any_level_and_sampling_rate(statistics: Statistics, speak: Callable[..., np.ndarray]) -> None:
    expected = statistics(speak(), RATE)
    assert statistics(speak(), RATE).tobytes() == expected.tobytes()
    np.testing.assert_allclose(statistics(0.2 * speak(), RATE), expected, atol=1e-3)
    for rate in (12_000, 22_050, 48_000):
        found = statistics(speak(), rate)
        assert found.shape == expected.shape and np.isfinite(found).all()


def test_clips_without_speech(fitted: Scorer, statistics: Statistics, clips: Clips, odd: np.ndarray) -> None:
    features = statistics(odd, RATE)
    assert features.shape == clips[0][0].shape and np.isfinite(features).all()
    assert np.isfinite(fitted.probabilities(features[None])).all()
