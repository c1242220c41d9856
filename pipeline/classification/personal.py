"""Personal classifiers: one for each held-out speaker, where an arm has clips for that person alone."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from pipeline.classification.interface import HELD_OUT, ArmFeatures, Classifier, Resources, Run


def runs(classifier: Classifier, features: ArmFeatures, params: Any, resources: Resources) -> Iterator[Run]:
    """Runs of a classifier; with personal clips, one classifier a person and run, which predicts that person's clips.

    All are selected on the same valid clips.

    Args:
        classifier: row of `CLASSIFIERS`
        features: of all clips of the arm; the column `person` of its rows names whom a clip is for
        params: the classifier's own
        resources: of all classifiers
    """
    persons = features.rows["person"]
    if persons.isna().all():
        yield from classifier.runs(features, params, resources)
        return
    speakers = features.among(*HELD_OUT).rows["speaker"].to_numpy()
    merged: dict[int, Run] = {}
    for person in np.unique(speakers):
        own = features.where(persons.isna() | (persons == person))
        for run in classifier.runs(own, params, resources):
            so_far = merged.get(run.seed, replace(run, curve=[]))
            is_own = (speakers == person)[:, None]
            merged[run.seed] = replace(
                run,
                probabilities=np.where(is_own, run.probabilities, so_far.probabilities),
                curve=[*so_far.curve, *run.curve],
                weights={},
            )
    yield from merged.values()
