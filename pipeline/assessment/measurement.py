"""How near conversions come to real takes of their target, clip by clip.

Distances of a conversion are measured as the networks made it, as is usual, and once more after it was synthesised,
prepared and analysed again, so that the vocoder's loss is in them. What is heard is always the synthesised clip.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from pipeline.assessment.distortion import distances
from pipeline.assessment.figures import (
    CONVERTED,
    COPY_SYNTHESIS,
    DISTANCES,
    RESYNTHESISED,
    SECOND_REFERENCE,
    UNCONVERTED,
)
from pipeline.assessment.scores import ConversionScorers
from pipeline.audio import preparation
from pipeline.audio.intelligibility import intelligibility
from pipeline.audio.preparation import AudioParams
from pipeline.core.manifest import Segment
from pipeline.scorers import evaluation_classifier, speakers
from pipeline.vocoder import Features, Vocoder

SAME_UTTERANCE = ["corpus", "speaker", "sentence", "intensity"]  # what takes of one thing have in common


@dataclass(frozen=True)
class AssessedClip:
    """A real clip, its conversions, and what to compare them with."""

    segment: Segment
    features: Features
    takes: Mapping[str, Sequence[Features]]  # by emotion, the clip's own and all targets: other takes of the same thing
    conversions: Mapping[str, Features]  # by target


@dataclass(frozen=True)
class Scores:
    """What was made of a clip, as it is heard."""

    distances: Mapping[str, Any]  # as `mean_distances` has them
    estoi: float | None
    estoi_at_source_f0: float | None
    examined: np.ndarray  # for the examiner, (features,)
    voice: np.ndarray  # for the judge of speakers, (features,)


@dataclass(frozen=True)
class Measurements:
    """What was measured of a subject."""

    real: Mapping[str, Mapping[str, Any]]  # `mean_distances` of the clip itself to the takes of each emotion
    copy: Scores  # its distances are to the clip itself
    made: Mapping[str, Mapping[str, Any]]  # `mean_distances` of conversions to the takes of their target, by that
    converted: Mapping[str, Scores]  # the same, synthesised


@dataclass(frozen=True)
class Assessor:
    """Synthesises, listens and compares; plain numbers, so that it can be sent to another process."""

    voice: Vocoder
    prepared: AudioParams

    def measure(self, subject: AssessedClip) -> Measurements:
        """Measure a clip, its copy-synthesis and its conversions.

        Raises:
            ClickException: the clip's audio cannot be read
        """
        path, start, end = subject.segment
        original = preparation.prepared(path, self.prepared, start, end)
        return Measurements(
            {emotion: mean_distances(subject.features, takes) for emotion, takes in subject.takes.items()},
            self._heard(subject.features, original, subject.features, [subject.features]),
            {target: mean_distances(made, subject.takes[target]) for target, made in subject.conversions.items()},
            {
                target: self._heard(converted, original, subject.features, subject.takes[target])
                for target, converted in subject.conversions.items()
            },
        )

    def _heard(self, features: Features, original: np.ndarray, source: Features, takes: Sequence[Features]) -> Scores:
        rate = self.prepared.sampling_rate
        untrimmed = self.voice.synthesise(features)
        places = np.linspace(0, len(source.f0_hz) - 1, len(features.f0_hz)).round().astype(int)
        unmoved = self.voice.synthesise(replace(features, f0_hz=source.f0_hz[places]))
        samples = preparation.prepare(untrimmed, rate, self.prepared)
        return Scores(
            mean_distances(self.voice.analyse(samples, aperiodicity=False), takes),
            intelligibility(untrimmed, original, rate),
            intelligibility(unmoved, original, rate),
            evaluation_classifier.statistics(samples, rate).astype(np.float32),
            speakers.statistics(samples, rate).astype(np.float32),
        )


def parallel_utterances(clips: pd.DataFrame) -> dict[str, dict[str, list[str]]]:
    """Of each clip, by emotion, ids of the others with the same speaker, sentence and intensity.

    Where nobody knows what is said, there are none. Intensities that are not known count as the same.

    Args:
        clips: rows of the manifest
    """
    found: dict[str, dict[str, list[str]]] = {id_: {} for id_ in clips["id"]}
    known = clips[clips["sentence"].notna()].fillna({"intensity": ""}).sort_values("id")
    for _, rows in known.groupby(SAME_UTTERANCE):
        for own in rows["id"]:
            for other, emotion in zip(rows["id"], rows["emotion"], strict=True):
                if other != own:
                    found[own].setdefault(emotion, []).append(other)
    return found


def mean_distances(clip: Features, takes: Sequence[Features]) -> dict[str, Any]:
    """Number of `takes`, and `DISTANCES` of a clip, means over these: of differences the size, None where unknown."""
    found = [distances(clip, take) for take in takes]
    means: dict[str, Any] = {"takes": len(found)}
    for name in DISTANCES:
        known = [value for row in found if (value := row[name]) is not None]
        means[name] = float(np.mean(known if name == "f0_correlation" else np.abs(known))) if known else None
    return means


def rows(
    clip: pd.Series, examined: np.ndarray, voice: np.ndarray, measure: Measurements, jury: ConversionScorers
) -> Iterator[dict[str, Any]]:
    """Rows of `ASSESSED` about a real clip: as one to be converted, and as one that others are converted to.

    A copy-synthesis has two of them in a pair: of a source it tells what is left of words and speaker, of a target how
    near a perfect conversion would come to it, and what the examiner would hear.

    Args:
        clip: its row in the manifest
        examined: its statistics for the examiner, (features,)
        voice: for the judge of speakers, (features,)
        measure: all that was measured
        jury: who judges
    """
    id_, own = clip["id"], clip["emotion"]
    about = {name: clip[name] for name in ("id", "speaker", "sentence", "intensity")}
    judged = {"heard": jury.emotion(examined), "identified": jury.speaker(voice, id_)}
    copy = measure.copy
    copy_heard, copy_identified = jury.emotion(copy.examined), jury.speaker(copy.voice, id_)
    for other, made in measure.converted.items():
        forth = {"source": own, "target": other, **about}
        back = {"source": other, "target": own, **about}
        made_judged = {"heard": jury.emotion(made.examined), "identified": jury.speaker(made.voice, id_)}
        yield {**forth, "what": UNCONVERTED, **measure.real[other], **judged}
        yield {**forth, "what": CONVERTED, **measure.made[other], **words(made), **made_judged}
        yield {**forth, "what": RESYNTHESISED, **made.distances}
        yield {**forth, "what": COPY_SYNTHESIS, "takes": 0, **words(copy), "identified": copy_identified}
        yield {**back, "what": COPY_SYNTHESIS, **copy.distances, "heard": copy_heard}
        yield {**back, "what": SECOND_REFERENCE, **measure.real[own], **judged}


def words(made: Scores) -> dict[str, float | None]:
    """What is left of the words."""
    return {"estoi": made.estoi, "estoi_at_source_f0": made.estoi_at_source_f0}
