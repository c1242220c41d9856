"""Utterances of a long recording: find them, and replace them by converted ones.

All models are trained on clips: one utterance each, trimmed and levelled. The mean and the variance over a recording
with pauses differ from those of a clip.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from pipeline.audio.speech import FRAME_HOPS, frame_power

HOP_S = 0.008  # a frame is four hops, as in `recordings.prepare` at 16 kHz
LOUD = 99  # percentile of the loud frames that is the reference level, instead of the maximum: a click may be louder
SOFT_DB = 20  # the threshold falls by at most this much in a quiet room, so that soft utterances are found
NOISE = 10  # percentile of all frames that estimates the noise floor
ABOVE_NOISE_DB = 15  # the threshold stays this far above the noise floor, up to the usual threshold
PAUSE_S = 0.7  # a shorter pause belongs to an utterance; 97 % of RAVDESS's clips have no longer one
LONGEST_S = 10.0  # longer utterances are cut at quiet frames near equal parts; a part has at most 1.5 times this length
FADE_S = 0.01

Span = tuple[int, int]  # first sample, and the one after the last


def spans(samples: np.ndarray, sampling_rate: int, trim_db: float, shortest_s: float) -> list[Span]:
    """Utterances of a recording, in their order; at least one.

    Args:
        samples: (samples,), at least one
        sampling_rate: [Hz]
        trim_db: frames this far below the loud frames are pauses, or further below in a quiet room. Each utterance is
            trimmed relative to its own loudest frame, as a clip is [dB]
        shortest_s: shorter ones are left out as noises, if there is a longer one [s]
    """
    hop = max(1, round(HOP_S * sampling_rate))
    power = frame_power(samples, hop)
    trim_ratio = _ratio(-trim_db)
    is_speech = power >= _threshold(power, trim_ratio)
    starts, stops = np.flatnonzero(np.diff(is_speech, prepend=False, append=False)).reshape(-1, 2).T
    is_parted = (starts[1:] - stops[:-1]) * hop > PAUSE_S * sampling_rate
    found = zip(starts[np.append(True, is_parted)].tolist(), stops[np.append(is_parted, True)].tolist(), strict=True)
    reach = int(PAUSE_S / 2 * sampling_rate / hop)
    trimmed = [_trimmed(power, start, stop, trim_ratio, reach) for start, stop in found]
    cut = [
        (first * hop, min(last * hop, len(samples)))
        for start, stop in trimmed
        for first, last in _parts(power, start, stop, LONGEST_S * sampling_rate / hop)
    ]
    long_enough = [span for span in cut if span[1] - span[0] >= shortest_s * sampling_rate]
    return _to_the_ends(long_enough or [max(cut, key=lambda span: span[1] - span[0])], len(samples), hop)


def spliced(
    samples: np.ndarray, utterances: Sequence[Span], converted: Iterable[np.ndarray], sampling_rate: int
) -> Iterator[np.ndarray]:
    """A recording with its utterances replaced, piece by piece; pauses are the recording's own samples.

    The ends of each converted utterance (`FADE_S`) are crossfaded with the original.

    Args:
        samples: recording, (samples,)
        utterances: result of `spans`
        converted: replacement of each utterance, of any length, (samples,)
        sampling_rate: [Hz]
    """
    end = 0
    for (start, stop), new in zip(utterances, converted, strict=True):
        yield samples[end:start]
        old, end = samples[start:stop], stop
        length = min(round(FADE_S * sampling_rate), len(old), len(new) // 2)
        share = ((np.arange(length) + 0.5) / max(length, 1)).astype(np.float32)  # weight of the new samples
        mixed = new.copy()
        if start > 0:
            mixed[:length] = share * new[:length] + (1 - share) * old[:length]
        if stop < len(samples):
            tail = len(new) - length
            mixed[tail:] = share[::-1] * new[tail:] + (1 - share[::-1]) * old[len(old) - length :]
        yield mixed
    yield samples[end:]


def _threshold(power: np.ndarray, trim_ratio: float) -> float:
    """Least power of a frame of speech."""
    usual = trim_ratio * np.percentile(power[power >= trim_ratio * power.max()], LOUD)
    softer = max(usual * _ratio(-SOFT_DB), np.percentile(power, NOISE) * _ratio(ABOVE_NOISE_DB))
    return float(min(usual, softer))


def _ratio(decibels: float) -> float:
    """Ratio of powers."""
    return float(10 ** (decibels / 10))


def _trimmed(power: np.ndarray, start: int, stop: int, trim_ratio: float, reach: int) -> Span:
    """Frames of an utterance, trimmed relative to its loudest frame; it may grow by `reach` frames on each side."""
    low = max(0, start - reach)
    loud = np.flatnonzero(power[low : stop + reach] >= trim_ratio * power[start:stop].max())
    return low + int(loud[0]), low + int(loud[-1]) + 1


def _parts(power: np.ndarray, start: int, stop: int, longest: float) -> list[Span]:
    """Frames of an utterance; if longer than `longest`, it is cut at the quietest frames near equal parts."""
    count = int(np.ceil((stop - start) / longest))
    size = (stop - start) / count
    cuts = [start]
    for number in range(1, count):
        low, high = (start + round((number + side) * size) for side in (-0.25, 0.25))
        cuts.append(low + int(power[low:high].argmin()))
    return list(pairwise([*cuts, stop]))


def _to_the_ends(utterances: list[Span], length: int, hop: int) -> list[Span]:
    """Extend the first and the last utterance to the ends of the recording, if less than half a frame is left there."""
    first, last = utterances[0][0], utterances[-1][1]
    if first <= FRAME_HOPS // 2 * hop:
        utterances[0] = (0, utterances[0][1])
    if length - last <= FRAME_HOPS // 2 * hop:
        utterances[-1] = (utterances[-1][0], length)
    return utterances
