"""Utterances are found in a recording, and replaced without clicks."""

import numpy as np
import pytest
from librosa.effects import trim

from pipeline.audio.utterances import HOP_S, LONGEST_S, PAUSE_S, spans, spliced
from tests.conftest import harmonic

RATE = 16_000
NOISE = 1e-4


def room(seconds: float, level: float = NOISE) -> np.ndarray:
    return (level * np.random.default_rng(0).standard_normal(round(seconds * RATE))).astype(np.float32)


def voice(seconds: float = 1.0, rate: int = RATE) -> np.ndarray:
    return harmonic(150, seconds, rate).astype(np.float32)


def seconds(places: list[tuple[int, int]], rate: int = RATE) -> np.ndarray:
    return np.array(places) / rate


@pytest.mark.parametrize("rate", [8_000, RATE, 44_100])
def test_utterances_and_pauses(rate: int) -> None:
    pause = np.zeros(rate, np.float32)
    found = spans(np.concatenate([pause, voice(1, rate), pause, pause, 0.1 * voice(0.5, rate)]), rate, 30, 0.1)
    np.testing.assert_allclose(seconds(found, rate), np.array([[1, 2], [4, 4.5]]), atol=0.03)


@pytest.mark.parametrize("silence", [0.0, 0.2, 1.0])
def test_one_utterance_is_what_a_clip_is_trimmed_to(silence: float) -> None:
    given = np.concatenate([room(silence), voice(), room(silence)])
    trimmed, (start, stop) = trim(given, top_db=30, frame_length=512, hop_length=128)
    [found] = spans(given, RATE, 30, 0.1)
    # Without silence, nothing is left over that is shorter than a frame.
    assert found == ((start, stop) if silence else (0, len(given)))
    assert spans(trimmed, RATE, 30, 0.1) == [(0, len(trimmed))]


def test_a_soft_utterance_is_trimmed_by_its_own_loudest_frame() -> None:
    """Beside a loud one it would lose its soft ends."""
    soft = np.concatenate([np.zeros(RATE, np.float32), 0.05 * voice(), np.zeros(RATE, np.float32)])
    [alone] = spans(soft, RATE, 30, 0.1)
    _, beside = spans(np.concatenate([voice(), soft]), RATE, 30, 0.1)
    assert beside == (alone[0] + RATE, alone[1] + RATE)


def test_a_short_pause_is_within_an_utterance() -> None:
    short, long = room(0.6 * PAUSE_S), room(1.4 * PAUSE_S)
    assert len(spans(np.concatenate([room(1), voice(), short, voice(), room(1)]), RATE, 30, 0.1)) == 1
    assert len(spans(np.concatenate([room(1), voice(), long, voice(), room(1)]), RATE, 30, 0.1)) == 2


def test_speech_beside_a_loud_click_is_found() -> None:
    """Only the loudest vowels are within 30 dB of it, and the room is not quiet."""
    noise = 4 * NOISE
    soft = np.concatenate([room(1, noise), 0.1 * voice(), 0.01 * voice(), 0.1 * voice(), room(1, noise)])
    spoken = np.concatenate([soft] * 10)
    knock = np.concatenate([np.resize(np.array([0.3, -0.3], np.float32), 800), room(1, noise)])
    without, beside = spans(spoken, RATE, 30, 0.1), spans(np.concatenate([spoken, knock, spoken]), RATE, 30, 0.1)
    assert len(without) == 10
    assert len(beside) == 20
    for part in (np.array(beside[:10]), np.array(beside[10:]) - len(spoken) - len(knock)):
        np.testing.assert_allclose(part, without, atol=HOP_S * RATE)


@pytest.mark.parametrize(("down_db", "noise_db", "found"), [(40, -80, 2), (40, -60, 1), (60, -90, 1)])
def test_soft_utterances_are_found_where_the_room_is_quiet(down_db: float, noise_db: float, found: int) -> None:
    pause = room(1, 10 ** (noise_db / 20))
    soft = 10 ** (-down_db / 20) * voice()
    given = np.concatenate([pause, voice(), pause, soft + pause, pause])
    assert len(spans(given, RATE, 30, 0.1)) == found


def test_a_short_noise_is_left_out_where_there_is_an_utterance() -> None:
    knock = np.full(400, 0.2, np.float32)
    assert len(spans(np.concatenate([room(1), voice(), room(1), knock, room(1)]), RATE, 30, 0.1)) == 1
    assert len(spans(np.concatenate([room(1), knock, room(1)]), RATE, 30, 0.1)) == 1


def test_speech_without_a_pause_is_cut_where_it_is_quiet() -> None:
    """So that memory is bounded, in a noisy recording too."""
    given = voice(2.5 * LONGEST_S) + 0.1
    quiet = round(0.9 * LONGEST_S * RATE)
    given[quiet : quiet + RATE // 4] *= 0.5
    found = spans(given, RATE, 30, 0.1)
    assert [found[0][0], found[-1][1]] == [0, len(given)]
    assert [stop for _, stop in found[:-1]] == [start for start, _ in found[1:]]
    assert max(stop - start for start, stop in found) <= 1.5 * LONGEST_S * RATE
    assert quiet <= found[0][1] <= quiet + RATE // 4


@pytest.mark.parametrize("length", [1, 127, 128, 129, 1000])
def test_silent_and_tiny(length: int) -> None:
    for given in (np.zeros(length, np.float32), voice()[:length]):
        assert spans(given, RATE, 30, 0.1) == [(0, length)] or length > 600


@pytest.mark.parametrize("factor", [0.7, 1.0, 1.6])
def test_spliced_without_clicks(factor: float) -> None:
    given = np.concatenate([room(1), voice(), room(1), voice(), room(1)])
    places = spans(given, RATE, 30, 0.1)
    synthetic = [np.full(round((stop - start) * factor), 0.1, np.float32) for start, stop in places]
    out = np.concatenate(list(spliced(given, places, synthetic, RATE)))
    assert len(out) == len(given) + sum(map(len, synthetic)) - sum(stop - start for start, stop in places)
    assert np.abs(np.diff(out)).max() < 0.02  # a step of 0.1 without a fade
    np.testing.assert_array_equal(out[: places[0][0]], given[: places[0][0]])
    np.testing.assert_array_equal(out[-RATE // 2 :], given[-RATE // 2 :])
    middle = places[0][0] + len(synthetic[0]) // 2
    assert out[middle] == np.float32(0.1)


def test_spliced_with_the_same_samples_is_the_recording() -> None:
    given = np.concatenate([room(1), voice(LONGEST_S * 1.3), room(1)])
    places = spans(given, RATE, 30, 0.1)
    assert len(places) == 2
    parts = spliced(given, places, [given[start:stop] for start, stop in places], RATE)
    np.testing.assert_allclose(np.concatenate(list(parts)), given, atol=1e-7)
    new = np.full(RATE, 0.1, np.float32)  # without pauses there are no fades
    np.testing.assert_array_equal(np.concatenate(list(spliced(voice(), [(0, RATE)], [new], RATE))), new)
