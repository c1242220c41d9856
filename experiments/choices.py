"""What the choice on *valid* does, of the svm's numbers and of a cnn's checkpoint: by UAR, by likelihood, or none.

python experiments/choices.py [--arm NAME …] [--classifier svm|cnn]

Run it where `emocycle repro` is done, with developing folds alone. A row a scenario and arm: UAR of each fold's test
clips together, mean over folds and seeds, and for the cnn the deviation over seeds, mean over folds.
"""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from unittest import mock

import click
import numpy as np
import pandas as pd
from sklearn.metrics import log_loss, recall_score
from sklearn.utils.class_weight import compute_sample_weight
from staging import network_seeds

from pipeline import hardware, manifest, params
from pipeline.classifier import runs, training
from pipeline.classifier.runs import HELD_OUT, Heard
from pipeline.classifier.svm import SvmParams
from pipeline.hardware import HardwareParams
from pipeline.stages.classify import ClassifyParams, stored

PARAMS = Path("params.yaml")
FEATURES = Path("data/features/classifier")
ARRAYS = {"svm": "functionals", "cnn": "log_mel"}


@click.command()
@click.option("--arm", "arms", multiple=True, help="All of params.yaml, if none is named.")
@click.option("--classifier", type=click.Choice(list(ARRAYS)), default="svm")
def main(arms: tuple[str, ...], classifier: str) -> None:
    """Print the table as Markdown."""
    scenarios, every = (params.load(PARAMS, key, tuple[str, ...]) for key in ("scenarios", "arms"))
    rows = []
    for scenario, arm, fold in product(scenarios, arms or every, params.load(PARAMS, "folds", tuple[int, ...])):
        table = manifest.read(Path(f"data/augmented/{scenario}-{fold}/{arm}.parquet"), manifest.AUGMENTED)
        labels = sorted(table["emotion"].unique())
        table = table.assign(label=table["emotion"].map(labels.index))
        heard = Heard(table, stored(table, FEATURES, ARRAYS[classifier]))
        held_out = heard.among(*HELD_OUT).rows
        among = {name: held_out["partition"].eq(name).to_numpy() for name in HELD_OUT}
        classes = held_out["label"].to_numpy()
        for seed, each in enumerate(machines(heard) if classifier == "svm" else checkpoints(heard, len(labels))):
            found = {
                name: max(each, key=lambda one: by(classes[among["valid"]], one[among["valid"]]))
                for name, by in (("chosen by UAR", uar), ("chosen by likelihood", likelihood))
            }
            found |= {"all averaged": np.mean(each, axis=0), "the last": each[-1]}
            scores = {name: uar(classes[among["test"]], one[among["test"]]) for name, one in found.items()}
            rows.append({"scenario": scenario, "arm": arm, "fold": fold, "seed": seed, **scores})
    by_fold = pd.DataFrame(rows).drop(columns="seed").groupby(["scenario", "arm", "fold"], sort=False)
    shown = {"mean": by_fold.mean()} | ({"deviation over seeds": by_fold.std(ddof=0)} if classifier == "cnn" else {})
    for what, table in shown.items():
        means = table.groupby(["scenario", "arm"], sort=False).mean().round(3).reset_index()
        print(f"\n{what}\n\n{means.to_markdown(index=False)}")


def machines(heard: Heard) -> Iterator[list[np.ndarray]]:
    """Probabilities of the held-out clips by each machine of the grid."""
    grid = params.load(PARAMS, "classify", ClassifyParams).svm
    single = [SvmParams(c=(c,), gamma=(gamma,)) for c, gamma in product(grid.c, grid.gamma)]
    yield [runs.of_svm(heard, one).probabilities for one in single]


def checkpoints(heard: Heard, classes: int) -> Iterator[list[np.ndarray]]:
    """For each seed, probabilities of the held-out clips by each checkpoint."""
    chosen = params.load(PARAMS, "classify", ClassifyParams)
    machine = params.load(PARAMS, "hardware", HardwareParams)
    device = hardware.device(machine)
    held_out = heard.among(*HELD_OUT).clips().inputs
    original = training.probabilities
    for called, seed in network_seeds(heard.rows["split"].iloc[0]).items():
        found: list[np.ndarray] = []

        def looked_at(network, mels, *more, found=found):  # type: ignore[no-untyped-def]
            found.append(original(network, held_out, *more).numpy())
            return original(network, mels, *more)

        with mock.patch.object(training, "probabilities", looked_at):
            settings = ({called: seed}, chosen.synthetic_first, device, hardware.autocast(machine, device))
            list(runs.of_cnn(heard, classes, chosen.cnn, *settings))
        yield found[:-1]  # the last is the chosen one again


def uar(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Of the clips of a partition."""
    return float(recall_score(labels, probabilities.argmax(axis=1), average="macro"))


def likelihood(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean log probability of the true class, each class the same in all."""
    weights = compute_sample_weight("balanced", labels)
    return -float(log_loss(labels, probabilities, sample_weight=weights, labels=range(probabilities.shape[1])))


if __name__ == "__main__":
    main()
