"""What classifiers of arm `none` take the converted clips for, in a finished workspace.

    python experiments/recognised.py --split full-1

The classifiers learned from the clips that were converted, under their true emotion; so a converted clip that they take
for the target has moved against what they were taught.
"""

from pathlib import Path

import click
import numpy as np
import pandas as pd
from choices import FEATURES
from staging import network_seeds

from pipeline import hardware, manifest, params
from pipeline.classifier import runs
from pipeline.classifier.runs import Heard
from pipeline.hardware import HardwareParams
from pipeline.stages.classify import ClassifyParams, stored


@click.command()
@click.option("--split", required=True)
def main(split: str) -> None:
    """Print the share of clips taken for the target and for the source, by direction and classifier."""
    path = Path("params.yaml")
    chosen = params.load(path, "classify", ClassifyParams)
    folders = [Path(f"data/synthetic/{split}/cyclegan/{pair}") for pair in params.load(path, "pairs", tuple[str, ...])]
    made = pd.concat([manifest.read(folder / manifest.SYNTHETIC_TABLE, manifest.SYNTHETIC) for folder in folders])
    real = manifest.read(Path(f"data/augmented/{split}/none.parquet"), manifest.AUGMENTED)
    labels = sorted(real["emotion"].unique())
    rows = pd.concat([real[real["partition"] != "test"], made.assign(partition="test", weight=1.0)], ignore_index=True)
    rows = rows.assign(label=rows["emotion"].map(labels.index)).astype({"is_synthetic": bool, "weight": np.float32})
    functionals, mels = (Heard(rows, stored(rows, FEATURES, name)) for name in ("functionals", "log_mel"))
    machine = params.load(path, "hardware", HardwareParams)
    device = hardware.device(machine)
    called, seed = next(iter(network_seeds(split).items()))
    settings = ({called: seed}, 0.0, device, hardware.autocast(machine, device))
    [cnn] = runs.of_cnn(mels, len(labels), chosen.cnn, *settings)
    svm = runs.of_svm(functionals, chosen.svm)
    taken = {name: run.probabilities[-len(made) :] for name, run in (("svm", svm), ("cnn", cnn))}
    for classifier, found in taken.items():
        word = np.array(labels, dtype=object)[found.argmax(axis=1)]
        made[f"{classifier}: target"] = word == made["emotion"]
        made[f"{classifier}: source"] = word == made["source_emotion"]
    columns = [name for name in made.columns if ": " in name]
    print(made.groupby(["source_emotion", "emotion"])[columns].mean().round(3).to_string())
    print("all", made[columns].mean().round(3).to_dict())


if __name__ == "__main__":
    main()
