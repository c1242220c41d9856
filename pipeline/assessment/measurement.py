"""Distances and scores of conversions, clip by clip.

Distances of a conversion are measured on the converted features, as is usual, and again after synthesis, preparation
and analysis, so that they include the vocoder's loss. Scores are always of the synthesised clip.
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
from pipeline.assessment.scores import ConversionScorers, StandardScores
from pipeline.audio import preparation
from pipeline.audio.intelligibility import band_envelopes, similarity
from pipeline.audio.preparation import AudioParams
from pipeline.core.manifest import Segment
from pipeline.scorers import evaluation_classifier, speakers
from pipeline.standard_scorers.scoring import Scores, Scoring
from pipeline.vocoder import Features, Vocoder

SAME_UTTERANCE = ["corpus", "speaker", "sentence", "intensity"]  # equal in parallel utterances


@dataclass(frozen=True)
class AssessedClip:
    """A real clip, its conversions, and the references of both."""

    segment: Segment
    features: Features
    references: Mapping[str, Sequence[Features]]  # parallel utterances by emotion: of the clip's own and of all targets
    conversions: Mapping[str, Features]  # by target


@dataclass(frozen=True)
class Synthesised:
    """Measures of a synthesised clip."""

    distances: Mapping[str, Any]  # `mean_distances` of the clip, analysed again
    estoi: float | None
    estoi_at_source_f0: float | None
    emotion_statistics: np.ndarray  # for the evaluation classifier, (features,)
    speaker_statistics: np.ndarray  # for the speaker space, (features,)
    standard: Scores  # numbers of the standard scorers


@dataclass(frozen=True)
class Measurements:
    """All measures of a real clip and its conversions."""

    unconverted: Mapping[str, Mapping[str, Any]]  # `mean_distances` of the clip itself, by emotion of the references
    copy_synthesis: Synthesised  # distances are to the clip itself
    converted: Mapping[str, Mapping[str, Any]]  # `mean_distances` of the converted features, by target
    resynthesised: Mapping[str, Synthesised]  # the conversions synthesised, by target


@dataclass(frozen=True)
class Assessor:
    """Synthesises clips and measures them; can be sent to another process."""

    vocoder: Vocoder
    audio: AudioParams
    scoring: Scoring

    def measure(self, clip: AssessedClip) -> Measurements:
        """Measure a clip, its copy-synthesis and its conversions.

        Raises:
            ClickException: the clip's audio cannot be read
        """
        path, start, end = clip.segment
        original = band_envelopes(preparation.prepared(path, self.audio, start, end), self.audio.sampling_rate)
        return Measurements(
            {emotion: mean_distances(clip.features, references) for emotion, references in clip.references.items()},
            self._synthesised(clip.features, original, clip.features, [clip.features]),
            {target: mean_distances(own, clip.references[target]) for target, own in clip.conversions.items()},
            {
                target: self._synthesised(own, original, clip.features, clip.references[target])
                for target, own in clip.conversions.items()
            },
        )

    def _synthesised(
        self, features: Features, original: np.ndarray, source: Features, references: Sequence[Features]
    ) -> Synthesised:
        rate = self.audio.sampling_rate
        untrimmed = self.vocoder.synthesise(features)
        estoi = at_source_f0 = similarity(band_envelopes(untrimmed, rate), original)
        if features is not source:
            frames = np.linspace(0, len(source.f0_hz) - 1, len(features.f0_hz)).round().astype(int)
            wave = self.vocoder.synthesise(replace(features, f0_hz=source.f0_hz[frames]))
            at_source_f0 = similarity(band_envelopes(wave, rate), original)
        samples = preparation.prepare(untrimmed, rate, self.audio)
        return Synthesised(
            mean_distances(self.vocoder.analyse(samples, aperiodicity=False), references),
            estoi,
            at_source_f0,
            evaluation_classifier.statistics(samples, rate).astype(np.float32),
            speakers.statistics(samples, rate).astype(np.float32),
            self.scoring.of_samples(samples),
        )


def parallel_utterances(clips: pd.DataFrame) -> dict[str, dict[str, list[str]]]:
    """For each clip, by emotion, ids of the other clips with the same speaker, sentence and intensity.

    A clip without a known sentence has none. Unknown intensities count as the same.

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


def mean_distances(clip: Features, references: Sequence[Features]) -> dict[str, Any]:
    """Number of `references`, and means of `DISTANCES` over them: absolute values of differences, None if unknown."""
    found = [distances(clip, reference) for reference in references]
    means: dict[str, Any] = {"references": len(found)}
    for name in DISTANCES:
        known = [value for row in found if (value := row[name]) is not None]
        means[name] = float(np.mean(known if name == "f0_correlation" else np.abs(known))) if known else None
    return means


def rows(
    clip: pd.Series,
    emotion_statistics: np.ndarray,
    speaker_statistics: np.ndarray,
    measured: Measurements,
    scorers: ConversionScorers,
    standard: StandardScores,
    parallel: Mapping[str, Sequence[str]],
) -> Iterator[dict[str, Any]]:
    """Rows of `ASSESSED` of a real clip, as a source and as a reference of conversions.

    A copy-synthesis has two rows in each pair. As a source it shows how much of words and speaker is kept; as a
    reference it shows the distances and the recognised emotion of a perfect conversion.

    Args:
        clip: its row of the manifest
        emotion_statistics: of the clip, for the evaluation classifier, (features,)
        speaker_statistics: of the clip, for the speaker space, (features,)
        measured: its measures
        scorers: that recognise emotion and speaker
        standard: standard scorers
        parallel: ids of its parallel utterances by emotion
    """
    id_, own = clip["id"], clip["emotion"]
    about = {name: clip[name] for name in ("id", "speaker", "sentence", "intensity")}

    def scores(emotion: np.ndarray, speaker: np.ndarray) -> dict[str, Any]:
        return {"recognised": scorers.emotion(emotion), "identified": scorers.speaker(speaker, id_)}

    def f0(numbers: Scores, emotion: str) -> dict[str, float | None]:
        return standard.f0(numbers, parallel.get(emotion, ()))

    found = standard.of_real(id_)
    real = scores(emotion_statistics, speaker_statistics) | standard.scores(found, id_)
    copy = measured.copy_synthesis
    of_copy = scores(copy.emotion_statistics, copy.speaker_statistics)
    of_copy_standard = standard.scores(copy.standard, id_)
    for other, conversion in measured.resynthesised.items():
        forth = {"source": own, "target": other, **about}
        back = {"source": other, "target": own, **about}
        of_conversion = scores(conversion.emotion_statistics, conversion.speaker_statistics)
        of_conversion |= standard.scores(conversion.standard, id_)
        yield {**forth, "what": UNCONVERTED, **measured.unconverted[other], **real, **f0(found, other)}
        yield {**forth, "what": CONVERTED, **measured.converted[other], **words(conversion), **of_conversion}
        yield {**forth, "what": RESYNTHESISED, **conversion.distances, **f0(conversion.standard, other)}
        copied = {"references": 0, **words(copy), "identified": of_copy["identified"], **of_copy_standard}
        yield {**forth, "what": COPY_SYNTHESIS, **copied}
        perfect = {**copy.distances, "recognised": of_copy["recognised"], **standard.f0(copy.standard, [id_])}
        yield {**back, "what": COPY_SYNTHESIS, **perfect}
        yield {**back, "what": SECOND_REFERENCE, **measured.unconverted[own], **real, **f0(found, own)}


def words(clip: Synthesised) -> dict[str, float | None]:
    """Intelligibility."""
    return {"estoi": clip.estoi, "estoi_at_source_f0": clip.estoi_at_source_f0}
