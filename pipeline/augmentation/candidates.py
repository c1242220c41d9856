"""Synthetic clips of one split, read from the folders of the generators and scored for the quality gate."""

from collections.abc import Sequence
from pathlib import Path

import click
import pandas as pd

from pipeline.audio.acoustics import pitch
from pipeline.augmentation import arms, quality_gate
from pipeline.core import manifest
from pipeline.core.shards import Shards
from pipeline.standard_scorers.scoring import Scoring


class Candidates:
    """Synthetic clips that may join the train clips of a split; those of a generator are scored once for all arms.

    Each generator is scored on its own, so that its scores do not depend on what else there is, to the last digit.
    """

    def __init__(
        self, train: pd.DataFrame, synthetic: Path, features: Path, pairs: Sequence[str], scoring: Scoring | None = None
    ) -> None:
        """Set up without reading.

        Args:
            train: the real train clips of the split
            synthetic: folder of the split's synthetic clips
            features: folder of the kinds of features of real clips; those of synthetic ones lie beside them
            pairs: of emotions, for generators with a folder for each pair
            scoring: with standard scorers
        """
        self._train, self._synthetic, self._features, self._pairs = train, synthetic, features, pairs
        self._scoring = scoring
        self._scored: dict[str, pd.DataFrame] = {}

    def of(self, generator: str) -> pd.DataFrame:
        """Clips of a generator: rows of `manifest.SYNTHETIC`, with the `split` of their table's metadata.

        Raises:
            ClickException: a table is missing, or of other emotions
        """
        found = []
        for name in arms.folders(generator, self._pairs):
            table = self._synthetic / generator / name / manifest.SYNTHETIC_TABLE
            rows, about = manifest.read(table, manifest.SYNTHETIC), manifest.metadata(table)
            if about.get("emotions") != name:
                raise click.ClickException(f"{table}: has clips of {about.get('emotions')}, expected {name}")
            found.append(rows.assign(split=about.get("split")))
        return pd.concat(found, ignore_index=True)

    def scored(self, generators: Sequence[str]) -> pd.DataFrame:
        """Train clips and the clips of some generators, with the scores of `quality_gate`."""
        for name in generators:
            if name not in self._scored:
                own = self.of(name)
                if self._scoring:
                    label = f"{self._synthetic.name} {name}"
                    own = own.join(quality_gate.standard_scores(own, self._train, self._scoring, label))
                self._scored[name] = self._with_scores(pd.concat([self._train, own]))
        first, *others = (self._scored[name] for name in generators)
        return pd.concat([first, *(clips[clips["is_synthetic"]] for clips in others)])

    def _with_scores(self, clips: pd.DataFrame) -> pd.DataFrame:
        """Real train clips and synthetic ones, scored by models fitted on the real ones among them."""
        is_synthetic = clips["is_synthetic"]
        own = sorted({Path(path).parent / manifest.SYNTHETIC_FEATURES for path in clips.loc[is_synthetic, "filepath"]})
        corpora = sorted(clips.loc[~is_synthetic, "corpus"].unique())
        classifier, scorers = (
            Shards([self._features / kind / corpus for corpus in corpora] + own) for kind in ("classifier", "scorers")
        )
        f0 = pd.DataFrame([pitch(classifier.array(id_, "functionals")) for id_ in clips["id"]], clips.index)
        return clips.assign(
            **f0,
            silence=[quality_gate.silence(classifier.array(id_, "log_mel")) for id_ in clips["id"]],
            emotion_confidence=quality_gate.emotion_confidences(clips, scorers.rows(clips["id"], "gate")),
            speaker_similarity=quality_gate.speaker_similarities(clips, scorers.rows(clips["id"], "speakers")),
        )
