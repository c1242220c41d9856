"""Prosody of the demo corpus: settings of each emotion with random deviations of speakers and clips."""

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from pathlib import PurePosixPath
from typing import Annotated

import numpy as np
from pydantic import Field

from pipeline.core import params
from pipeline.core.manifest import EMOTIONS, INTENSITIES
from pipeline.corpora.demo import VOICES, name

RATE = 175  # without emotion [words a minute]
RANGE = 35  # of F0 without emotion, in eSpeak's 0-100; below its default of 50, for higher ranges
FFT_MULTIPLE = 4096  # a transform is ten times faster than where the length has a large prime factor
LEVEL_CUT_DB = 6  # reduction of eSpeak's level, for louder clips [dB]


@params.section
class Prosody:
    """Prosody relative to speech without emotion, or its standard deviations."""

    rate_pct: float  # [percent faster]
    pitch_st: float  # [semitones higher]
    range_pct: float  # [percent wider range of F0]
    tilt_db: float  # slope of the spectrum, which rises with vocal effort [dB an octave]
    volume_db: float  # [dB louder]


@params.section
class DemoCorpusParams:
    """Speakers, sentences and prosody of the demo corpus."""

    seed: int
    speakers: Annotated[int, Field(ge=2, le=len(VOICES), multiple_of=2)]  # half of them female
    sentences: list[str]
    intensities: dict[str, float]  # share of the emotion's prosody
    emotions: dict[str, Prosody]
    expressiveness_sd: float  # of the log of a speaker's factor on the prosody of emotions
    speaker_sd: Prosody  # of a speaker, the same for all emotions
    acting_sd: Prosody  # of a speaker and emotion
    clip_sd: Prosody  # from clip to clip


@dataclass(frozen=True)
class Utterance:
    """One clip to synthesise."""

    path: PurePosixPath  # below the corpus's folder
    text: str
    prosody: Prosody


def utterances(demo: DemoCorpusParams) -> dict[str, list[Utterance]]:
    """Utterances of each speaker; a speaker's prosody does not depend on the number of speakers."""
    _check_words("emotions", demo.emotions, EMOTIONS)
    _check_words("intensities", demo.intensities, INTENSITIES)
    by_speaker: dict[str, list[Utterance]] = {}
    for number, speaker in enumerate(VOICES):
        if int(speaker[1:]) > demo.speakers // 2:
            continue
        random = np.random.default_rng([demo.seed, number])
        habit = _drawn(demo.speaker_sd, random)
        share = np.exp(demo.expressiveness_sd * random.standard_normal())
        by_speaker[speaker] = []
        for emotion, prosody in demo.emotions.items():
            acting = share * np.array(astuple(prosody)) + _drawn(demo.acting_sd, random)
            for intensity, strength in demo.intensities.items():
                for sentence, text in enumerate(demo.sentences, start=1):
                    sampled = Prosody(*(habit + strength * acting + _drawn(demo.clip_sd, random)).tolist())
                    by_speaker[speaker].append(Utterance(name(speaker, sentence, emotion, intensity), text, sampled))
    return by_speaker


def espeak_settings(prosody: Prosody, pitch_st: float) -> dict[str, int]:
    """ESpeak's settings for a prosody, clipped to their ranges.

    Args:
        prosody: of the utterance
        pitch_st: shift of the voice [semitones]
    """
    octaves = (prosody.pitch_st + pitch_st) / 12
    return {
        "rate": int(np.clip(round(RATE * (1 + prosody.rate_pct / 100)), 80, 400)),
        "pitch": int(np.clip(round(50 * (1 + octaves)), 0, 100)),  # half as high at 0, twice at 100
        # eSpeak's range is linear in Hz, so it must grow with F0 to be constant in semitones.
        "range": int(np.clip(round(RANGE * (1 + prosody.range_pct / 100) * 2**octaves), 0, 100)),
    }


def with_effort(samples: np.ndarray, sampling_rate: int, prosody: Prosody) -> np.ndarray:
    """Samples with the prosody's volume and a spectral tilt around 1 kHz, without a change of phase."""
    size = len(samples) + sampling_rate // 10  # pre-ringing wraps around to the end, which is cut off
    size += -size % FFT_MULTIPLE
    frequency_hz = np.maximum(np.fft.rfftfreq(size, 1 / sampling_rate), 60.0)
    gain_db = prosody.volume_db - LEVEL_CUT_DB + prosody.tilt_db * np.log2(frequency_hz / 1000)
    return np.fft.irfft(np.fft.rfft(samples, size) * 10 ** (gain_db / 20), size)[: len(samples)]


def _drawn(sd: Prosody, random: np.random.Generator) -> np.ndarray:
    """Normal deviates with the standard deviations of a prosody, (5,)."""
    deviations: np.ndarray = np.array(astuple(sd)) * random.standard_normal(5)
    return deviations


def _check_words(key: str, found: Mapping[str, object], known: tuple[str, ...]) -> None:
    for word in found:
        if word not in known:
            raise params.ParamsError(f"'demo_corpus.{key}.{word}' is not known{params.nearest(word, known)}")
