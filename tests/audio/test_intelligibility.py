"""ESTOI equals pystoi's at the tempo of the source, and is close to it at other tempi."""

import numpy as np
import pystoi
import pytest

from pipeline.audio.intelligibility import intelligibility

RATE = 16_000
TONES_HZ = 600 * 2 ** (np.arange(9) / 3)  # one in the middle of each band; in lower ones, neighbours would beat


def speech(words: int = 0, duration_s: float = 2.0, noise: float = 0.0, rate: int = RATE) -> np.ndarray:
    """Tones that come and go, each on its own, at a tempo that fits the duration, (samples,)."""
    draw = np.random.default_rng(words)
    time = np.linspace(0, 1, round(duration_s * rate))
    syllables = np.linspace(0, 1, 13)
    loudness = draw.random((len(TONES_HZ), len(syllables))) ** 2
    tones = [
        np.interp(time, syllables, own) * np.sin(2 * np.pi * hz * duration_s * time)
        for own, hz in zip(loudness, TONES_HZ, strict=True)
    ]
    return 0.1 * np.sum(tones, axis=0) + noise * draw.standard_normal(len(time))


@pytest.mark.parametrize(("rate", "noise"), [(10_000, 0.0), (10_000, 1.0), (16_000, 0.2), (44_100, 0.05)])
def test_it_is_pystois(rate: int, noise: float) -> None:
    pair = speech(noise=noise, rate=rate), speech(rate=rate)
    expected = pystoi.stoi(pair[1], pair[0], rate, extended=True)
    assert intelligibility(*pair, rate) == pytest.approx(expected, abs=0.01)


def test_pauses_do_not_count() -> None:
    """pystoi cuts them out; what is around a cut differs a little."""
    is_speech = np.arange(2 * RATE) % RATE < 0.7 * RATE
    source = speech() * is_speech
    pair = source + 0.02 * np.random.default_rng(1).standard_normal(len(source)), source
    expected = pystoi.stoi(pair[1], pair[0], RATE, extended=True)
    assert intelligibility(*pair, RATE) == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("duration_s", [1.2, 1.99, 3.3])
def test_the_same_words_at_another_tempo(duration_s: float) -> None:
    assert intelligibility(speech(duration_s=duration_s), speech(), RATE) > 0.88
    assert intelligibility(speech(1, duration_s), speech(), RATE) < 0.3


def test_later_softer_and_silent_words() -> None:
    source = speech()
    assert intelligibility(np.roll(source, RATE // 2), source, RATE) < 0.3
    assert intelligibility(0.01 * source, source, RATE) == pytest.approx(1)
    assert intelligibility(0 * source, source, RATE) == 0


@pytest.mark.parametrize(
    ("samples", "source"),
    [
        (speech(duration_s=0.3), speech(duration_s=0.3)),
        (speech()[:100], speech()),
        (speech(), speech()[:100]),
        (speech(), np.zeros(2 * RATE)),
        (speech(), speech() * (np.arange(2 * RATE) < 0.3 * RATE)),
        (np.zeros(0), speech()),
    ],
    ids=["short", "shorter than a frame", "of less than a frame", "of silence", "of a word and silence", "empty"],
)
def test_nothing_to_compare(samples: np.ndarray, source: np.ndarray) -> None:
    assert intelligibility(samples, source, RATE) is None
