"""Transfer from synthetic to real speech: an SVM is trained on synthetic clips alone and tested on real ones.

python experiments/transfer.py full-1 low_data_25-1

Run it in a workspace where `dvc repro` is done with `copy_synthesis` among the perturbations; name splits of
development folds. Training sets: the real train clips; their copy-synthesis; all conversions; and for each emotion, its
conversions with its copy-synthesis. It prints the UAR on test speakers (chance level: 1 / emotions). The SVM has C 3
and gamma 0.3; no hyperparameter is selected.
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
    conversions, copies = (
        pd.concat(
            manifest.read(Path(f"data/synthetic/{split}/{name}/{part}") / manifest.SYNTHETIC_TABLE, manifest.SYNTHETIC)
            for part in arms.folders(name, pairs)
        )
        for name in ("cyclegan", arms.COPIES)
    )

    def inputs(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        return np.concatenate(stored(rows, FEATURES, "functionals")), rows["emotion"].map(labels.index).to_numpy()

    train, valid, test = (real[real["partition"] == name] for name in ("train", "valid", "test"))
    sets = {"real": train, "copy-synthesis": copies, "all conversions": conversions}
    for emotion in labels:
        own = pd.concat([conversions[conversions["source_emotion"] == emotion], copies[copies["emotion"] == emotion]])
        sets[f"conversions of {emotion}, and its copy-synthesis"] = own
    functionals_of_test, labels_of_test = inputs(test)
    found = {}
    for name, rows in sets.items():
        functionals, classes = inputs(rows)
        weights = np.ones(len(rows))
        model = train_svm(functionals, classes, weights, weights.astype(bool), inputs(valid), FIXED)
        found[name] = recall_score(
            labels_of_test, model.probabilities(functionals_of_test).argmax(axis=1), average="macro"
        )
    return pd.Series(found)


if __name__ == "__main__":
    main()
