"""Each judge of emotions tells toy voices apart, whoever speaks."""

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
Kind = type[Gate] | type[EvaluationClassifier]
JudgeOf = tuple[Statistics, Kind]
JUDGES: list[JudgeOf] = [(gate.statistics, Gate), (evaluation_classifier.statistics, EvaluationClassifier)]


@pytest.fixture(
    scope="module",
    params=[(gate.statistics, Gate), (evaluation_classifier.statistics, EvaluationClassifier)],
    ids=["gate", "examiner"],
)
def judge_of(request: pytest.FixtureRequest) -> JudgeOf:
    """What a judge hears of a clip, and its class."""
    return request.param


@pytest.fixture(scope="module")
def statistics(judge_of: JudgeOf) -> Statistics:
    return judge_of[0]


@pytest.fixture(scope="module")
def kind(judge_of: JudgeOf) -> Kind:
    return judge_of[1]


@pytest.fixture(scope="module")
def clips(speak, statistics: Statistics) -> Clips:
    """Statistics of 8 clips of each emotion."""
    emotions = [emotion for emotion in STYLES for _ in range(8)]
    heard = [statistics(speak(**STYLES[emotion], seed=seed), RATE) for seed, emotion in enumerate(emotions)]
    return np.array(heard), emotions


@pytest.fixture(scope="module")
def unheard(speak, statistics: Statistics) -> Clips:
    """The same of another speaker, with other formants and a higher voice."""
    emotions = [emotion for emotion in STYLES for _ in range(4)]
    styles = [STYLES[emotion] | {"f0_hz": 1.1 * STYLES[emotion]["f0_hz"]} for emotion in emotions]
    voices = [speak(**style, formants_hz=(650, 1600, 2800), seed=100 + seed) for seed, style in enumerate(styles)]
    return np.array([statistics(voice, RATE) for voice in voices]), emotions


def test_emotions_are_told_apart(kind: Kind, clips: Clips, unheard: Clips) -> None:
    judge = kind.fit(*clips)
    found = judge.probabilities(unheard[0])
    assert judge.emotions == ("angry", "neutral", "sad")
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert [judge.emotions[best] for best in found.argmax(axis=1)] == unheard[1]


def test_the_order_of_the_clips_does_not_matter(kind: Kind, clips: Clips, unheard: Clips) -> None:
    heard, emotions = clips
    backwards = kind.fit(heard[::-1], emotions[::-1])
    assert backwards.emotions == kind.fit(*clips).emotions
    np.testing.assert_allclose(
        backwards.probabilities(unheard[0]), kind.fit(*clips).probabilities(unheard[0]), atol=1e-6
    )


def test_every_emotion_counts_the_same(kind: Kind, clips: Clips, unheard: Clips) -> None:
    """Neutral clips that are there five times over do not draw others to them."""
    heard, emotions = clips
    times = [5 if emotion == "neutral" else 1 for emotion in emotions]
    judge = kind.fit(np.repeat(heard, times, axis=0), np.repeat(emotions, times).tolist())
    found = judge.probabilities(unheard[0]).argmax(axis=1)
    assert [judge.emotions[best] for best in found] == unheard[1]


def test_same_clips_same_bytes(kind: Kind, statistics: Statistics, clips: Clips, unheard: Clips, speak) -> None:
    once, again = (kind.fit(*clips).probabilities(unheard[0]).tobytes() for _ in range(2))
    assert once == again
    assert statistics(speak(), RATE).tobytes() == statistics(speak(), RATE).tobytes()


def test_level_does_not_matter(statistics: Statistics, speak) -> None:
    np.testing.assert_allclose(statistics(0.2 * speak(), RATE), statistics(speak(), RATE), atol=1e-3)


def test_clips_without_speech(kind: Kind, statistics: Statistics, clips: Clips, odd: np.ndarray) -> None:
    heard = statistics(odd, RATE)
    assert heard.shape == clips[0][0].shape and np.isfinite(heard).all()
    assert np.isfinite(kind.fit(*clips).probabilities(heard[None])).all()


@pytest.mark.parametrize("rate", [12_000, 16_000, 22_050, 48_000])
def test_any_sampling_rate(statistics: Statistics, rate: int, speak) -> None:
    heard = statistics(speak(), rate)
    assert heard.shape == statistics(speak(), RATE).shape and np.isfinite(heard).all()
