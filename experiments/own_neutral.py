"""The neutral recordings of the person to be recognised, converted to each emotion, as train clips.

python experiments/own_neutral.py enrol_1-1 enrol_1-2     # in a workspace after `train_cyclegan`

Scenarios are of kind `enrolment`; `pairs` has each emotion with neutral. It prints the UAR of test speakers by an SVM
on functionals of WORLD's features without synthesis, mean over its grid; one classifier a person.
"""

from pathlib import Path

import click
import numpy as np
import pandas as pd
import torch
from envelopes import Split, another, functionals_of, summary, uar_by_speaker

from pipeline.cli.trained_pairs import Pairs
from pipeline.conversion import speaker_means
from pipeline.conversion.converter import SPECTRA
from pipeline.core import manifest, params
from pipeline.vocoder import Features

WEIGHTS = (0.3, 1.0)  # of the added clips, relative to the real ones


def scores(split: str) -> pd.DataFrame:
    """UAR of each test speaker, by arm."""
    train, valid, test, enrolled, stored, bounds = Split.read(split)
    pairs = Pairs(
        Path("models/cyclegan") / split, params.load(Path("params.yaml"), "pairs", tuple[str, ...]), torch.device("cpu")
    )
    classes = train.drop_duplicates("emotion").set_index("emotion")["label"]

    def inputs(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        return functionals_of(Features.load(stored, id_) for id_ in rows["id"]), rows["label"].to_numpy()

    def converted(person: str, generator: str) -> tuple[np.ndarray, np.ndarray]:
        """The neutral clips of a person, and their conversions to the other emotions."""
        clips = [Features.load(stored, id_) for id_ in enrolled.loc[enrolled["speaker"] == person, "id"]]
        mean = speaker_means.mean([speaker_means.summed(clip.spectrum) for clip in clips])
        found, labels = list(clips), [classes[manifest.NEUTRAL]] * len(clips)
        for emotion in classes.index.drop(manifest.NEUTRAL):
            converter = pairs.converter(manifest.NEUTRAL, emotion)
            by = SPECTRA[generator]
            found += [converter.convert(clip, manifest.NEUTRAL, emotion, bounds, by=by, mean=mean) for clip in clips]
            labels += [classes[emotion]] * len(clips)
        return functionals_of(found), np.array(labels)

    real, held_out = inputs(train), inputs(valid)
    nothing = real[0][:0], real[1][:0]
    persons = sorted(test["speaker"].unique())
    added = {(person, name): converted(person, name) for person in persons for name in ("cyclegan", "statistics")}
    rows = {}
    for person in persons:
        mine = test[test["speaker"] == person]
        other = another(person, test)
        arms = {
            "neutral recordings alone": inputs(enrolled[enrolled["speaker"] == person]),
            "converted by cyclegan": added[person, "cyclegan"],
            "converted by statistics": added[person, "statistics"],
            "another person's, by cyclegan": added[other, "cyclegan"],
        }
        tested = inputs(mine)[0]
        uar = {"none": uar_by_speaker(real, nothing, held_out, tested, mine)}
        for name, own in arms.items():
            uar |= {f"{name}, weight {w}": uar_by_speaker(real, own, held_out, tested, mine, w) for w in WEIGHTS}
        rows[f"{person} {split.partition('-')[0]}"] = pd.Series({name: each.item() for name, each in uar.items()})
    return pd.DataFrame(rows).T


@click.command()
@click.argument("splits", nargs=-1, required=True)
def main(splits: tuple[str, ...]) -> None:
    """Print the table as Markdown; a speaker's score is the mean over draws of train speakers."""
    torch.set_num_threads(1)
    found = pd.concat([scores(split) for split in splits])
    print(summary(found.groupby(found.index.str.split(" ").str[0]).mean(), "none").to_markdown())


if __name__ == "__main__":
    main()
