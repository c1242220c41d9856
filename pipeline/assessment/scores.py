"""Recognised emotion and identified speaker of real and synthesised clips, by scorers fitted on real train clips."""

import numpy as np
import pandas as pd

from pipeline.core.shards import Shards
from pipeline.scorers import evaluation_classifier, speakers
from pipeline.scorers.evaluation_classifier import EvaluationClassifier
from pipeline.scorers.speakers import SpeakerSpace


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
            self._candidates[id_] = self._enrolled(id_)
        candidates = self._candidates[id_]
        if len(candidates) < 2 or self._clips.at[id_, "speaker"] not in candidates:
            return None
        return speakers.identify(self._speakers.embeddings(statistics[None])[0], candidates)

    def _enrolled(self, id_: str) -> dict[str, np.ndarray]:
        own = self._clips.loc[id_]
        others = (self._clips["corpus"] == own["corpus"]) & (self._clips.index != id_)
        other_sentences = others & (self._clips["sentence"] != own["sentence"])
        speaker = self._clips["speaker"]
        chosen = other_sentences if set(speaker[other_sentences]) == set(speaker[others]) else others
        return speakers.enrolled(self._embeddings[chosen], list(speaker[chosen]))
