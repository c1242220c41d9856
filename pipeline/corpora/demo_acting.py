"""Acting: how a made-up speaker says a sentence, drawn from tables of emotions and seeded deviations."""

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from pathlib import PurePosixPath
from typing import Annotated

import numpy as np
from pydantic import Field

from pipeline.core import params
from pipeline.core.manifest import EMOTIONS, INTENSITIES
from pipeline.corpora.demo import VOICES, name

RATE = 175  # of the plain voice [words a minute]
RANGE = 35  # of the plain voice, in eSpeak's 0-100: less than its usual 50, to leave room above
LEVEL_CUT_DB = 6  # the plain voice is this much below eSpeak's, to leave room above [dB]


@params.section
class Prosody:
    """How something is said, against the plain voice; or the standard deviations of that."""

    rate_pct: float  # [percent faster]
    pitch_st: float  # [semitones higher]
    range_pct: float  # [percent more pitch movement]
    tilt_db: float  # slope of the spectrum: vocal effort makes it brighter [dB an octave]
    volume_db: float  # [dB louder]


@params.section
class DemoCorpusParams:
    """Who says what, how, in the demo."""

    seed: int
    speakers: Annotated[int, Field(ge=2, le=len(VOICES), multiple_of=2)]  # half of them women
    sentences: list[str]
    intensities: dict[str, float]  # share of the emotion's prosody
    emotions: dict[str, Prosody]
    expressiveness_sd: float  # of the logarithm of the share of an emotion's prosody that a speaker shows
    speaker_sd: Prosody  # of a speaker's habits, in any emotion
    acting_sd: Prosody  # of a speaker's own way to act an emotion
    clip_sd: Prosody  # from clip to clip


@dataclass(frozen=True)
class Utterance:
    """One clip to be."""

    path: PurePosixPath  # below the corpus's folder
    text: str
    prosody: Prosody


def utterances(demo: DemoCorpusParams) -> dict[str, list[Utterance]]:
    """What each speaker says and how; a speaker's prosody does not depend on how many others there are."""
    _check_words("emotions", demo.emotions, EMOTIONS)
    _check_words("intensities", demo.intensities, INTENSITIES)
    spoken: dict[str, list[Utterance]] = {}
    for number, speaker in enumerate(VOICES):
        if int(speaker[1:]) > demo.speakers // 2:
            continue
        random = np.random.default_rng([demo.seed, number])
        habit = _drawn(demo.speaker_sd, random)
        share = np.exp(demo.expressiveness_sd * random.standard_normal())
        spoken[speaker] = []
        for emotion, prosody in demo.emotions.items():
            acting = share * np.array(astuple(prosody)) + _drawn(demo.acting_sd, random)
            for intensity, strength in demo.intensities.items():
                for sentence, text in enumerate(demo.sentences, start=1):
                    said = Prosody(*(habit + strength * acting + _drawn(demo.clip_sd, random)).tolist())
                    spoken[speaker].append(Utterance(name(speaker, sentence, emotion, intensity), text, said))
    return spoken


def espeak_settings(prosody: Prosody, pitch_st: float) -> dict[str, int]:
    """Prosody in eSpeak's numbers, held inside what it accepts.

    Args:
        prosody: of the utterance
        pitch_st: the voice's own shift [semitones]
    """
    octaves = (prosody.pitch_st + pitch_st) / 12
    return {
        "rate": int(np.clip(round(RATE * (1 + prosody.rate_pct / 100)), 80, 400)),
        "pitch": int(np.clip(round(50 * (1 + octaves)), 0, 100)),  # half as high at 0, twice at 100
        # eSpeak's range is linear in Hz: it grows with the pitch, to stay the same in semitones.
        "range": int(np.clip(round(RANGE * (1 + prosody.range_pct / 100) * 2**octaves), 0, 100)),
    }


def with_effort(samples: np.ndarray, sampling_rate: int, prosody: Prosody) -> np.ndarray:
    """Samples with the prosody's volume and spectral tilt, which leaves 1 kHz as it is; no phase changes."""
    size = len(samples) + sampling_rate // 10  # what rings before the start falls behind the end, and off
    frequency_hz = np.maximum(np.fft.rfftfreq(size, 1 / sampling_rate), 60.0)
    gain_db = prosody.volume_db - LEVEL_CUT_DB + prosody.tilt_db * np.log2(frequency_hz / 1000)
    return np.fft.irfft(np.fft.rfft(samples, size) * 10 ** (gain_db / 20), size)[: len(samples)]


def _drawn(sd: Prosody, random: np.random.Generator) -> np.ndarray:
    """A normal deviation of each of a prosody's numbers, (5,)."""
    deviations: np.ndarray = np.array(astuple(sd)) * random.standard_normal(5)
    return deviations


def _check_words(key: str, found: Mapping[str, object], known: tuple[str, ...]) -> None:
    for word in found:
        if word not in known:
            raise params.ParamsError(f"'demo_corpus.{key}.{word}' is not known{params.nearest(word, known)}")
