"""What conversions can teach: an svm that hears synthetic clips alone is tested on real speech.

python experiments/transfer.py full-1 low_data_25-1

Run it where `dvc repro` is done with `copy_synthesis` among the perturbations; name splits of developing folds. A row a
training set: the real train clips; their copy-synthesis; all conversions, in which what was not converted speaks
against the emotion; and for each emotion what was made of its clips, with their copy-synthesis. Printed is the UAR on
test speakers (chance: 1 / emotions). C 3, gamma 0.3, nothing is chosen.
"""

from pathlib import Path

import click
import numpy as np
import pandas as pd
from sklearn.metrics import recall_score

from pipeline.augmentation import arms
from pipeline.classification.interface import stored
from pipeline.classification.svm import SvmParams, train_svm
from pipeline.core import manifest, params

FEATURES = Path("data/features/classifier")
FIXED = SvmParams(c=(3,), gamma=(0.3,))


@click.command()
@click.argument("splits", nargs=-1, required=True)
def main(splits: tuple[str, ...]) -> None:
    """Print the table as Markdown."""
    print(pd.DataFrame({split: transferred(split) for split in splits}).round(3).to_markdown())


def transferred(split: str) -> "pd.Series[float]":
    """UAR of each training set."""
    real = manifest.read(Path(f"data/augmented/{split}/none.parquet"), manifest.AUGMENTED)
    labels = sorted(real["emotion"].unique())
    pairs = params.load(Path("params.yaml"), "pairs", tuple[str, ...])
    made, copies = (
        pd.concat(
            manifest.read(Path(f"data/synthetic/{split}/{name}/{part}") / manifest.SYNTHETIC_TABLE, manifest.SYNTHETIC)
            for part in arms.folders(name, pairs)
        )
        for name in ("cyclegan", arms.COPIES)
    )

    def labelled(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        return np.concatenate(stored(rows, FEATURES, "functionals")), rows["emotion"].map(labels.index).to_numpy()

    train, valid, test = (real[real["partition"] == name] for name in ("train", "valid", "test"))
    sets = {"real": train, "copy-synthesis": copies, "all conversions": made}
    for emotion in labels:
        ours = pd.concat([made[made["source_emotion"] == emotion], copies[copies["emotion"] == emotion]])
        sets[f"made of {emotion}, and its copy-synthesis"] = ours
    spoken, said = labelled(test)
    found = {}
    for name, rows in sets.items():
        functionals, classes = labelled(rows)
        every_one = np.ones(len(rows))
        model = train_svm(functionals, classes, every_one, every_one.astype(bool), labelled(valid), FIXED)
        found[name] = recall_score(said, model.probabilities(spoken).argmax(axis=1), average="macro")
    return pd.Series(found)


if __name__ == "__main__":
    main()
