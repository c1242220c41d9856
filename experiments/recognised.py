"""What classifiers of arm `none` take the converted clips for, in a finished workspace.

    python experiments/recognised.py --split full-1

The classifiers learned from the clips that were converted, under their true emotion; so a converted clip that they take
for the target has moved against what they were taught.
"""

from pathlib import Path

import click
import numpy as np
import pandas as pd
import torch

from pipeline import hardware, manifest, params
from pipeline.classifier.svm import train_svm
from pipeline.classifier.training import Scaler, probabilities, train_cnn
from pipeline.hardware import HardwareParams
from pipeline.shards import Shards
from pipeline.stages.classify import ClassifyParams, clips_of, functionals_of


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
    real = real.assign(label=real["emotion"].map(labels.index))
    made = made.assign(label=made["emotion"].map(labels.index), weight=1.0)
    train, valid = (real[real["partition"] == name] for name in ("train", "valid"))
    stored = Shards(
        [Path("data/features/classifier") / corpus for corpus in sorted(real["corpus"].unique())]
        + [folder / manifest.SYNTHETIC_FEATURES for folder in folders]
    )
    machine = train_svm(
        functionals_of(train, stored),
        train["label"].to_numpy(),
        np.ones(len(train)),
        np.ones(len(train), bool),
        (functionals_of(valid, stored), valid["label"].to_numpy()),
        chosen.svm,
    )
    device = hardware.device(params.load(path, "hardware", HardwareParams))
    learnt = clips_of(train, stored)
    scaler = Scaler.fit(learnt.mels)
    network, _ = train_cnn(learnt, clips_of(valid, stored), scaler, len(labels), chosen.cnn, chosen.seeds[0], device)
    heard = probabilities(network, clips_of(made, stored).mels, scaler, device)
    taken = {"svm": machine.probabilities(functionals_of(made, stored)), "cnn": heard.numpy()}
    for classifier, found in taken.items():
        word = np.array(labels, dtype=object)[found.argmax(axis=1)]
        made[f"{classifier}: target"] = word == made["emotion"]
        made[f"{classifier}: source"] = word == made["source_emotion"]
    columns = [name for name in made.columns if ": " in name]
    print(made.groupby(["source_emotion", "emotion"])[columns].mean().round(3).to_string())
    print("all", made[columns].mean().round(3).to_dict(), "torch", torch.__version__)


if __name__ == "__main__":
    main()
