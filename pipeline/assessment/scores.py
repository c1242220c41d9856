"""Judges that have heard real train clips say of others, real or made, which emotion they are and who speaks."""

import numpy as np
import pandas as pd

from pipeline.core.shards import Shards
from pipeline.scorers import evaluation_classifier, speakers
from pipeline.scorers.evaluation_classifier import EvaluationClassifier
from pipeline.scorers.speakers import SpeakerSpace


class ConversionScorers:
    """The examiner and the judge of speakers. They learn from train clips alone.

    The speakers to tell apart are those of a clip's corpus. Each is known by real clips of other sentences than the
    clip's or, where somebody speaks no other, by all real clips but this one.
    """

    def __init__(self, train: pd.DataFrame, clips: pd.DataFrame, stored: Shards) -> None:
        """Learn, and get to know the speakers.

        Args:
            train: rows of the manifest
            clips: likewise, all clips of the speakers to tell apart
            stored: statistics of both
        """
        self._examiner = EvaluationClassifier.fit(
            stored.rows(train["id"], evaluation_classifier.NAME), list(train["emotion"])
        )
        self._clips = clips.set_index("id")
        self._voices = None
        if train["speaker"].nunique() > 1:  # one alone does not show what sets speakers apart
            self._voices = SpeakerSpace.fit(stored.rows(train["id"], speakers.NAME), list(train["speaker"]))
            self._embeddings = self._voices.embeddings(stored.rows(clips["id"], speakers.NAME))
        self._known: dict[str, dict[str, np.ndarray]] = {}

    def emotion(self, examined: np.ndarray) -> str:
        """What the examiner hears, from its statistics of a clip, (features,)."""
        return self._examiner.emotions[int(self._examiner.probabilities(examined[None]).argmax())]

    def speaker(self, voice: np.ndarray, id_: str) -> str | None:
        """Who is heard; None where there is nobody to be mistaken for, or nothing to know the speaker by.

        Args:
            voice: statistics of a clip for the judge of speakers, (features,)
            id_: of the real clip that it is, or was made from
        """
        if self._voices is None:
            return None
        if id_ not in self._known:
            self._known[id_] = self._enrolled(id_)
        known = self._known[id_]
        if len(known) < 2 or self._clips.at[id_, "speaker"] not in known:
            return None
        return speakers.identify(self._voices.embeddings(voice[None])[0], known)

    def _enrolled(self, id_: str) -> dict[str, np.ndarray]:
        own = self._clips.loc[id_]
        others = (self._clips["corpus"] == own["corpus"]) & (self._clips.index != id_)
        apart = others & (self._clips["sentence"] != own["sentence"])
        who = self._clips["speaker"]
        chosen = apart if set(who[apart]) == set(who[others]) else others
        return speakers.enrolled(self._embeddings[chosen], list(who[chosen]))
