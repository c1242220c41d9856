"""Utterances in a long recording: where they are, and how what was made of them goes back into its place.

Everything that is learned is learned from clips: one utterance each, trimmed and levelled. Means and variances over a
recording with its pauses are not those of any clip.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np

HOP_S = 0.008  # frames of four hops, as `audio.prepare` has them at 16 kHz
FRAME_HOPS = 4
LOUD = 99  # percentile of the loud frames that stands for the loudest: one knock must not make silence of all speech
SOFT_DB = 20  # by which an utterance may be softer than the loud ones, so far as the room is quiet
NOISE = 10  # percentile of the frames that stands for the room
ABOVE_NOISE_DB = 15  # an utterance that is softer than the loud ones must still be so much louder than the room
PAUSE_S = 0.7  # what is shorter is a pause within an utterance; 97 % of RAVDESS's clips have no longer one
LONGEST_S = 10.0  # longer ones are cut into equal parts, each at a quiet place near; so no part exceeds 1.5 times this
FADE_S = 0.01

Span = tuple[int, int]  # first sample, and the one after the last


def spans(samples: np.ndarray, sampling_rate: int, trim_db: float, shortest_s: float) -> list[Span]:
    """Where the utterances of a recording are, in their order; one at least.

    Args:
        samples: (samples,), one at least
        sampling_rate: [Hz]
        trim_db: frames that are quieter than this below the loud ones are a pause, but for soft utterances in a quiet
            room; each utterance is trimmed by its own loudest frame, as a clip is [dB]
        shortest_s: what is shorter is a noise and no utterance, where there are longer ones [s]
    """
    hop = max(1, round(HOP_S * sampling_rate))
    power = _power(samples, hop)
    down = _ratio(-trim_db)
    is_speech = power >= _threshold(power, down)
    starts, stops = np.flatnonzero(np.diff(is_speech, prepend=False, append=False)).reshape(-1, 2).T
    parted = (starts[1:] - stops[:-1]) * hop > PAUSE_S * sampling_rate
    found = zip(starts[np.append(True, parted)].tolist(), stops[np.append(parted, True)].tolist(), strict=True)
    reach = int(PAUSE_S / 2 * sampling_rate / hop)
    trimmed = [_trimmed(power, start, stop, down, reach) for start, stop in found]
    places = [
        (first * hop, min(last * hop, len(samples)))
        for start, stop in trimmed
        for first, last in _parts(power, start, stop, LONGEST_S * sampling_rate / hop)
    ]
    long_enough = [place for place in places if place[1] - place[0] >= shortest_s * sampling_rate]
    return _to_the_ends(long_enough or [max(places, key=lambda place: place[1] - place[0])], len(samples), hop)


def spliced(
    samples: np.ndarray, places: Sequence[Span], made: Iterable[np.ndarray], sampling_rate: int
) -> Iterator[np.ndarray]:
    """A recording with its utterances replaced, piece by piece; pauses are the recording's own samples.

    The first and last hundredth of a second of what is made fade from and to the recording.

    Args:
        samples: of the recording, (samples,)
        places: of its utterances, as `spans` gives them
        made: of each utterance what it is replaced by, of any length, (samples,)
        sampling_rate: [Hz]
    """
    end = 0
    for (start, stop), new in zip(places, made, strict=True):
        yield samples[end:start]
        old, end = samples[start:stop], stop
        length = min(round(FADE_S * sampling_rate), len(old), len(new) // 2)
        share = ((np.arange(length) + 0.5) / max(length, 1)).astype(np.float32)  # of what is new
        mixed = new.copy()
        if start > 0:
            mixed[:length] = share * new[:length] + (1 - share) * old[:length]
        if stop < len(samples):
            tail = len(new) - length
            mixed[tail:] = share[::-1] * new[tail:] + (1 - share[::-1]) * old[len(old) - length :]
        yield mixed
    yield samples[end:]


def _power(samples: np.ndarray, hop: int) -> np.ndarray:
    """Power of frames around the beginning of each hop, (hops + 1,), as librosa.effects.trim sees them.

    librosa itself would hold every sample four times.
    """
    whole = len(samples) // hop * hop
    hops = samples[:whole].reshape(-1, hop)
    sums = np.append(np.einsum("ij,ij->i", hops, hops), np.square(samples[whole:]).sum()).astype(np.float64)
    return np.convolve(sums, np.ones(FRAME_HOPS))[FRAME_HOPS // 2 - 1 :][: len(sums)]


def _threshold(power: np.ndarray, down: float) -> float:
    """Power of the softest frame that is speech."""
    usual = down * np.percentile(power[power >= down * power.max()], LOUD)
    softer = max(usual * _ratio(-SOFT_DB), np.percentile(power, NOISE) * _ratio(ABOVE_NOISE_DB))
    return float(min(usual, softer))


def _ratio(decibels: float) -> float:
    """Of powers."""
    return float(10 ** (decibels / 10))


def _trimmed(power: np.ndarray, start: int, stop: int, down: float, reach: int) -> Span:
    """Frames of an utterance by its own loudest frame, as a clip is trimmed; at most `reach` frames more on a side."""
    low = max(0, start - reach)
    loud = np.flatnonzero(power[low : stop + reach] >= down * power[start:stop].max())
    return low + int(loud[0]), low + int(loud[-1]) + 1


def _parts(power: np.ndarray, start: int, stop: int, longest: float) -> list[Span]:
    """Frames of an utterance, cut where it is too long; at the quietest frame near to where equal parts would end."""
    count = int(np.ceil((stop - start) / longest))
    size = (stop - start) / count
    cuts = [start]
    for number in range(1, count):
        low, high = (start + round((number + side) * size) for side in (-0.25, 0.25))
        cuts.append(low + int(power[low:high].argmin()))
    return list(pairwise([*cuts, stop]))


def _to_the_ends(places: list[Span], length: int, hop: int) -> list[Span]:
    """The same, with half a frame before the first or behind the last counted to it: what is trimmed stays whole."""
    first, last = places[0][0], places[-1][1]
    if first <= FRAME_HOPS // 2 * hop:
        places[0] = (0, places[0][1])
    if length - last <= FRAME_HOPS // 2 * hop:
        places[-1] = (places[-1][0], length)
    return places
