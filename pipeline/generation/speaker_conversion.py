"""Speaker conversion: a clip in another speaker's voice; its emotion, words and timing stay.

By statistics of speech frames, as in feature statistics matching: mean and deviation of each mel-cepstral coefficient
except the 0th, and the mean of log F0. Statistics of a speaker are of neutral clips, so that the difference of an
emotion from neutral stays in the clip.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Literal, Self

import numpy as np
import pandas as pd
from pydantic import Field

from pipeline.audio.speech import is_speech
from pipeline.core import provenance
from pipeline.core.params import ParamsError, section
from pipeline.generation.perturbation import Plan, Sources
from pipeline.vocoder import VocoderParams
from pipeline.vocoder.features import Features
from pipeline.vocoder.world import World

NEUTRAL = "neutral"
RATIO = (0.7, 1.4)  # bounds of the ratio of two speakers' deviations; others are errors of estimation


@section
class SpeakerConversionParams:
    """Whose voices the clips get."""

    targets: Annotated[tuple[Literal["train", "virtual"], ...], Field(min_length=1)]  # copies use them in turn


@dataclass(frozen=True)
class Voice:
    """Statistics of a speaker's speech frames."""

    mean: np.ndarray  # of the mel-cepstrum without its 0th coefficient, (order - 1,)
    deviation: np.ndarray  # likewise, (order - 1,)
    log_f0: float  # mean over voiced frames [log Hz]; NaN without any

    @classmethod
    def of(cls, clips: Iterable[Features]) -> Self:
        """Statistics of a speaker's clips; every frame has the same weight."""
        speech, log_f0 = [], []
        for features in clips:
            speech.append(features.spectrum[is_speech(np.exp(features.spectrum[:, 0])), 1:].astype(np.float64))
            voiced = features.f0_hz[features.f0_hz > 0].astype(np.float64)
            log_f0.append(np.log(voiced))
        frames, voiced = np.concatenate(speech), np.concatenate(log_f0)
        deviation = np.maximum(frames.std(axis=0), 1e-6)
        return cls(frames.mean(axis=0), deviation, float(voiced.mean()) if len(voiced) else np.nan)

    @classmethod
    def mixed(cls, voices: Sequence[Self], shares: Sequence[float]) -> Self:
        """Weighted mean of the statistics; of deviations, of their logarithms."""
        weights = np.array(shares)[:, None]
        mean = (weights * [voice.mean for voice in voices]).sum(axis=0)
        deviation = np.exp((weights * np.log([voice.deviation for voice in voices])).sum(axis=0))
        return cls(mean, deviation, float(np.dot(shares, [voice.log_f0 for voice in voices])))


@dataclass(frozen=True)
class Target:
    """The voice of a synthetic clip."""

    targets: Mapping[str, float]  # speaker → share of its statistics


def plan(sources: Sources, params: SpeakerConversionParams, vocoder: VocoderParams, sampling_rate: int) -> Plan:
    """Each source in another voice.

    All clips of a speaker get the same voice in the same copy, so that a voice has clips of all emotions.

    Args:
        sources: real train clips
        params: whose voices
        vocoder: of kind WORLD
        sampling_rate: of prepared clips [Hz]

    Raises:
        ParamsError: train has a single speaker
    """
    clips = sources.clips
    voices = {speaker: Voice.of(sources.features_of(_neutral(own)["id"])) for speaker, own in clips.groupby("speaker")}
    copies = sources.rows.groupby("source_id").cumcount()
    drawn = {speaker: _drawn(clips, speaker, copies.max() + 1, params, sources.seed) for speaker in sorted(voices)}
    changes = [drawn[speaker][copy] for speaker, copy in zip(sources.rows["speaker"], copies, strict=True)]
    mixed = [
        (voices[speaker], Voice.mixed([voices[name] for name in change.targets], list(change.targets.values())))
        for speaker, change in zip(sources.rows["speaker"], changes, strict=True)
    ]
    convert = partial(synthesised, world=World(vocoder.world, sampling_rate))
    metadata = {"train_clips_sha256": provenance.clips_sha256(clips)}
    return Plan(convert, zip(sources.features, mixed, strict=True), changes, metadata)


def synthesised(content: tuple[Features, tuple[Voice, Voice]], world: World) -> np.ndarray:
    """Samples (samples,) of a clip, as long as its source, from one voice to another."""
    features, (source, target) = content
    bounds = (world.params.f0_floor_hz, world.params.f0_ceil_hz)
    return world.synthesise(converted(features, source, target, bounds))


def converted(features: Features, source: Voice, target: Voice, f0_bounds_hz: tuple[float, float]) -> Features:
    """Features of a clip with the target's statistics in place of the source's.

    Args:
        features: of WORLD
        source: voice of the clip
        target: voice of the result
        f0_bounds_hz: lowest and highest F0 of the result [Hz]
    """
    ratio = np.clip(target.deviation / source.deviation, *RATIO)
    spectrum = features.spectrum.copy()
    spectrum[:, 1:] = (spectrum[:, 1:] - source.mean) * ratio + target.mean
    shift = np.nan_to_num(target.log_f0 - source.log_f0)
    f0_hz = np.where(features.f0_hz > 0, np.clip(features.f0_hz * np.exp(shift), *f0_bounds_hz), 0)
    return replace(features, spectrum=spectrum, f0_hz=f0_hz.astype(np.float32))


def _neutral(clips: pd.DataFrame) -> pd.DataFrame:
    """Neutral clips of a speaker; all clips if none is neutral."""
    neutral = clips[clips["emotion"] == NEUTRAL]
    return neutral if len(neutral) else clips


def _drawn(clips: pd.DataFrame, speaker: str, copies: int, params: SpeakerConversionParams, seed: int) -> list[Target]:
    """Voice of each copy of a speaker's clips: of other speakers of the same gender, where that is known."""
    genders = clips.groupby("speaker")["gender"].first()
    others = genders.index[genders.index != speaker]
    alike = [other for other in others if genders[other] == genders[speaker]] or sorted(others)
    if not alike:
        raise ParamsError(f"'speaker_conversion' needs another speaker than {speaker} in train")
    rng = np.random.default_rng(provenance.derived_seed(seed, speaker))
    order = [alike[number] for number in rng.permutation(len(alike))]
    mixable = alike if len(alike) > 1 else [*alike, speaker]
    found = []
    for copy in range(copies):
        turn, kind = divmod(copy, len(params.targets))
        if params.targets[kind] == "train":
            found.append(Target({order[turn % len(order)]: 1.0}))
        else:
            share = round(float(rng.uniform()), 4)
            first, second = (mixable[number] for number in rng.permutation(len(mixable))[:2])
            found.append(Target({first: share, second: round(1 - share, 4)}))
    return found
