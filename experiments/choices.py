"""How much of the svm's UAR is the choice of its two numbers on *valid*: by UAR, by likelihood, not at all.

python experiments/choices.py

Run it where `emocycle repro` is done, with developing folds alone. A row a scenario and arm: UAR of each fold's test
clips together, mean over the folds.
"""

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import recall_score

from pipeline import manifest, params
from pipeline.classifier.svm import SvmParams, train_svm
from pipeline.shards import Shards
from pipeline.stages.classify import ClassifyParams

PARAMS = Path("params.yaml")
FIXED = SvmParams(c=(3,), gamma=(0.3,))


def main() -> None:
    """Print the table as Markdown."""
    grid = params.load(PARAMS, "classify", ClassifyParams).svm
    single = [SvmParams(c=(c,), gamma=(gamma,)) for c, gamma in product(grid.c, grid.gamma)]
    lists = (params.load(PARAMS, key, tuple[str, ...]) for key in ("scenarios", "arms"))
    rows = []
    for scenario, arm, fold in product(*lists, params.load(PARAMS, "folds", tuple[int, ...])):
        table = manifest.read(Path(f"data/augmented/{scenario}-{fold}/{arm}.parquet"), manifest.AUGMENTED)
        labels = sorted(table["emotion"].unique())
        valid, test = (table.loc[table["partition"] == name, "emotion"].map(labels.index) for name in ("valid", "test"))
        each = [probabilities(table, one) for one in single]
        likeliest = max(each, key=lambda of: likelihood(of["valid"], valid.to_numpy()))
        found = {
            "chosen by UAR on valid": probabilities(table, grid)["test"],
            "chosen by likelihood on valid": likeliest["test"],
            "averaged over the grid": np.mean([of["test"] for of in each], axis=0),
            "C 3, gamma 0.3": probabilities(table, FIXED)["test"],
        }
        scores = {name: recall_score(test, p.argmax(axis=1), average="macro") for name, p in found.items()}
        rows.append({"scenario": scenario, "arm": arm, **scores})
    means = pd.DataFrame(rows).groupby(["scenario", "arm"], sort=False).mean().round(3)
    print(means.reset_index().to_markdown(index=False))


def probabilities(table: pd.DataFrame, grid: SvmParams) -> dict[str, np.ndarray]:
    """Of the valid and of the test clips, each (clips, classes), by the machine that `classify` would keep."""
    made = table[table["is_synthetic"] & (table["generator"] != manifest.REPEATED)]
    folders = {Path(path).parent / manifest.SYNTHETIC_FEATURES for path in made["filepath"]}
    corpora = {Path("data/features/classifier") / corpus for corpus in table.loc[~table["is_synthetic"], "corpus"]}
    heard = Shards(sorted(folders | corpora)).rows(manifest.heard_as(table), "functionals")
    labels = table["emotion"].map(sorted(table["emotion"].unique()).index).to_numpy()
    train, valid, test = (table["partition"].eq(name).to_numpy() for name in ("train", "valid", "test"))
    weights, is_real = table.loc[train, "weight"].to_numpy(), ~table.loc[train, "is_synthetic"].to_numpy()
    machine = train_svm(heard[train], labels[train], weights, is_real, (heard[valid], labels[valid]), grid)
    return {"valid": machine.probabilities(heard[valid]), "test": machine.probabilities(heard[test])}


def likelihood(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean log probability of the true class, each class the same in all."""
    logs = np.log(probabilities[np.arange(len(labels)), labels])
    return float(np.mean([logs[labels == label].mean() for label in np.unique(labels)]))


if __name__ == "__main__":
    main()
