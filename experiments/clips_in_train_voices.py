"""Test clips in the voices of the train speakers against train clips in the voice of the test speaker.

python experiments/clips_in_train_voices.py enrol_1-1 enrol_1-2     # in a workspace after `features` and `split`

Both conversions are by statistics of neutral speech, in scenarios of kind `enrolment`. It prints the UAR of test
speakers by an SVM on functionals of WORLD's features, mean over its grid. Probabilities are averaged where a test clip
has several versions, or where two classifiers predict.
"""

import click
import numpy as np
import pandas as pd
from envelopes import GRID, Split, functionals_of, summary

from pipeline.classification.svm import train_svm
from pipeline.core import manifest
from pipeline.generation.speaker_statistics import converted, of_speakers
from pipeline.vocoder import Features

Probabilities = list[np.ndarray]  # (clips, emotions) of each point of the grid


def scores(split: str) -> pd.DataFrame:
    """UAR of each test speaker, by arm."""
    train, valid, test, enrolled, stored, bounds = Split.read(split)
    known = pd.concat([train, enrolled])
    voices = of_speakers(known, stored)

    def inputs(rows: pd.DataFrame, voice: str = "") -> np.ndarray:
        """Functionals of clips, in a voice if one is named."""
        pairs = ((Features.load(stored, id_), name) for id_, name in zip(rows["id"], rows["speaker"], strict=True))
        return functionals_of(converted(clip, voices[name], voices[voice or name], bounds) for clip, name in pairs)

    neutral = known[known["emotion"] == manifest.NEUTRAL]
    means = {name: inputs(rows).mean(axis=0) for name, rows in neutral.groupby("speaker")}

    def relative(found: np.ndarray, rows: pd.DataFrame) -> np.ndarray:
        """Functionals minus the mean of the speaker's neutral clips."""
        return found - np.stack([means[name] for name in rows["speaker"]])

    def predictor(*arrays: np.ndarray, of_valid: np.ndarray) -> list:
        """Models of the grid; all arrays have the classes of the train clips."""
        rows, classes = np.concatenate(arrays), np.tile(train["label"], len(arrays))
        real = np.arange(len(rows)) < len(train)
        held_out = of_valid, valid["label"].to_numpy()
        return [train_svm(rows, classes, np.ones(len(rows)), real, held_out, point) for point in GRID]

    real, of_valid = inputs(train), inputs(valid)
    plain = predictor(real, of_valid=of_valid)
    normalised = predictor(relative(real, train), of_valid=relative(of_valid, valid))
    rows = {}
    for person, mine in test.groupby("speaker"):
        own, in_voice = inputs(mine), inputs(train, str(person))
        in_train_voices = [inputs(mine, name) for name in sorted(train["speaker"].unique())]
        personal = predictor(real, in_voice, of_valid=of_valid)
        arms = {
            "none": _predicted(plain, own),
            "train clips in the person's voice": _predicted(personal, own),
            "test clips in train voices": _predicted(plain, *in_train_voices),
            "both": _predicted(personal, own, *in_train_voices),
            "none, neutral_norm": _predicted(normalised, relative(own, mine)),
        }
        arms["test clips, and in train voices"] = _mean(arms["none"], arms["test clips in train voices"])
        arms["none, with and without neutral_norm"] = _mean(arms["none"], arms["none, neutral_norm"])
        rows[f"{person} {split.partition('-')[0]}"] = {name: _uar(found, mine) for name, found in arms.items()}
    return pd.DataFrame(rows).T


def _predicted(models: list, *versions: np.ndarray) -> Probabilities:
    """Mean over versions of the test clips."""
    return [np.mean([model.probabilities(version) for version in versions], axis=0) for model in models]


def _mean(*predictions: Probabilities) -> Probabilities:
    return [np.mean(points, axis=0) for points in zip(*predictions, strict=True)]


def _uar(found: Probabilities, test: pd.DataFrame) -> float:
    hits = (pd.Series(each.argmax(axis=1) == test["label"]).groupby(test["label"]).mean().mean() for each in found)
    return float(np.mean(list(hits)))


@click.command()
@click.argument("splits", nargs=-1, required=True)
def main(splits: tuple[str, ...]) -> None:
    """Print the table as Markdown; a speaker's score is the mean over draws of train speakers."""
    found = pd.concat([scores(split) for split in splits])
    print(summary(found.groupby(found.index.str.split(" ").str[0]).mean(), "none").to_markdown())


if __name__ == "__main__":
    main()
