"""Scores of real and synthesised clips: by scorers fitted on real train clips, and by standard scorers."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from pipeline.assessment.figures import STANDARD
from pipeline.core.shards import Shards
from pipeline.scorers import evaluation_classifier, speakers
from pipeline.scorers.evaluation_classifier import EvaluationClassifier
from pipeline.scorers.speakers import SpeakerSpace
from pipeline.standard_scorers import NATURALNESS
from pipeline.standard_scorers.scoring import Scores


class ConversionScorers:
    """The evaluation classifier and the speaker space, both fitted on train clips only.

    The candidates for a clip are the speakers of its corpus. Each is enrolled with real clips of other sentences. Where
    a speaker has no other sentence, all speakers are enrolled with all real clips except this one.
    """

    def __init__(self, train: pd.DataFrame, clips: pd.DataFrame, stored: Shards) -> None:
        """Fit both scorers.

        Args:
            train: rows of the manifest
            clips: rows of the manifest, all clips of the speakers to identify
            stored: shards with the statistics of all of them
        """
        self._emotions = EvaluationClassifier.fit(
            stored.rows(train["id"], evaluation_classifier.NAME), list(train["emotion"])
        )
        self._clips = clips.set_index("id")
        self._speakers = None
        if train["speaker"].nunique() > 1:  # a speaker space needs two
            self._speakers = SpeakerSpace.fit(stored.rows(train["id"], speakers.NAME), list(train["speaker"]))
            self._embeddings = self._speakers.embeddings(stored.rows(clips["id"], speakers.NAME))
        self._candidates: dict[str, dict[str, np.ndarray]] = {}

    def emotion(self, statistics: np.ndarray) -> str:
        """Recognised emotion, from statistics of a clip for the evaluation classifier, (features,)."""
        return self._emotions.emotions[int(self._emotions.probabilities(statistics[None]).argmax())]

    def speaker(self, statistics: np.ndarray, id_: str) -> str | None:
        """Identified speaker; None with fewer than two candidates, or where the speaker has no clip to enrol.

        Args:
            statistics: of a clip for the speaker space, (features,)
            id_: of the real clip, or of the source of a synthesised one
        """
        if self._speakers is None:
            return None
        if id_ not in self._candidates:
            chosen = enrolment(self._clips, id_)
            names = list(self._clips.loc[chosen, "speaker"])
            self._candidates[id_] = speakers.enrolled(self._embeddings[chosen], names)
        candidates = self._candidates[id_]
        if len(candidates) < 2 or self._clips.at[id_, "speaker"] not in candidates:
            return None
        return speakers.identify(self._speakers.embeddings(statistics[None])[0], candidates)


class StandardScores:
    """Columns of the standard scorers, as of `figures.STANDARD`; none without scorers."""

    def __init__(self, clips: pd.DataFrame, found: Mapping[str, np.ndarray]) -> None:
        """Keep what is known of real clips.

        Args:
            clips: rows of the manifest, all clips of the speakers to identify
            found: by scorer, its numbers of each of them, (clips, values)
        """
        self._clips = clips.set_index("id")
        self._found = found
        self._rows = {id_: row for row, id_ in enumerate(clips["id"])}

    def of_real(self, id_: str) -> Scores:
        """Numbers of a real clip."""
        return {name: numbers[self._rows[id_]] for name, numbers in self._found.items()}

    def scores(self, numbers: Scores, id_: str) -> dict[str, float | None]:
        """Naturalness, and similarity to the speaker with identification as of `ConversionScorers`.

        Args:
            numbers: of a clip
            id_: of the real clip, or of the source of a synthesised one
        """
        columns: dict[str, float | None] = {name: float(numbers[name][0]) for name in NATURALNESS if name in numbers}
        if "ge2e" in numbers:
            chosen, speaker = enrolment(self._clips, id_), self._clips["speaker"]
            candidates = speakers.enrolled(self._found["ge2e"][chosen], list(speaker[chosen]))
            near, own = speakers.similarities(numbers["ge2e"], candidates), speaker[id_]
            columns["ge2e_similarity"] = near.get(own)
            columns["ge2e_identification"] = (
                float(max(near, key=lambda each: near[each]) == own) if len(near) > 1 and own in near else None
            )
        return columns

    def f0(self, numbers: Scores, references: Sequence[str]) -> dict[str, float | None]:
        """Differences of the mean and deviation of log F0 to real clips, means over these [semitones].

        Args:
            numbers: of a clip
            references: ids of real clips
        """
        if "swift_f0" not in numbers:
            return {}
        differences = [np.abs(numbers["swift_f0"] - self.of_real(id_)["swift_f0"]) for id_ in references]
        known = [each for each in differences if np.isfinite(each).all()]
        mean = np.mean(known, axis=0).tolist() if known else [None, None]
        return dict(zip(STANDARD["swift_f0"], mean, strict=True))


def enrolment(clips: pd.DataFrame, id_: str) -> np.ndarray:
    """Which clips enrol the candidates for a clip, bool (clips,).

    Args:
        clips: rows of the manifest by id
        id_: of the real clip, or of the source of a synthesised one
    """
    own, speaker = clips.loc[id_], clips["speaker"]
    others = (clips["corpus"] == own["corpus"]) & (clips.index != id_)
    other_sentences = others & (clips["sentence"] != own["sentence"])
    chosen = other_sentences if set(speaker[other_sentences]) == set(speaker[others]) else others
    return chosen.to_numpy()
