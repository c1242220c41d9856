"""What the classifiers reach without augmentation, with one thing changed at a time: the table of docs/classifiers.md.

python experiments/baselines.py [--variant NAME …] full-1 full-2

Run it where `emocycle repro --from experiments/ravdess-first-8` was run. Each variant learns from train and is chosen
on valid; printed is its UAR on the test speakers of the named splits, all together and each: name developing folds.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import click
import numpy as np
import pandas as pd
import torch
from sklearn.metrics import recall_score
from staging import network_seeds

from pipeline import hardware, manifest, params
from pipeline.classifier import runs
from pipeline.classifier.normalisation import by_speaker
from pipeline.classifier.runs import Heard
from pipeline.classifier.training import Scaler
from pipeline.hardware import HardwareParams
from pipeline.shards import Shards
from pipeline.stages.classify import ClassifyParams

PARAMS = Path("params.yaml")
# Groups of functionals, and how many there are of each (64 mel bands).
GROUPS = {"descriptors": 225, "differences": 225, "velocity": 25, "acceleration": 25, "bands": 64, "melody": 7}
REST = 14  # F0 and rhythm
SVMS: dict[str, tuple[str, ...]] = {  # groups that are left out
    "svm": (),
    **{f"svm without {group}": (group,) for group in GROUPS},
    "svm without the last four": ("velocity", "acceleration", "bands", "melody"),
}
CNNS: dict[str, dict[str, Any]] = {  # changes of classify.cnn
    "cnn": {},
    "cnn, learning rate 4e-3": {"learning_rate": 4e-3},
    "cnn, 96 channels": {"channels": 96},
    "cnn, 300 steps, 150 frames": {"steps": 300, "frames": 150},
    "cnn, 1000 steps": {"steps": 1000},
    "cnn, a single mask over time": {"time_masks": 1, "time_mask_frames": 20},
}
VIEWS = {"cnn, without its own mean alone": "deviation", "cnn, as it is alone": "own_deviation"}  # what is hidden
BY_SPEAKER = {"svm+speaker_norm": "svm", "cnn+speaker_norm": "cnn"}
NAMES = [*SVMS, *CNNS, *VIEWS, *BY_SPEAKER]


@click.command()
@click.argument("splits", nargs=-1, required=True)
@click.option("--variant", "names", multiple=True, type=click.Choice(NAMES), help="All, if none is named.")
def main(splits: tuple[str, ...], names: tuple[str, ...]) -> None:
    """Print the UAR of each variant: mean over seeds, then over test speakers."""
    for name in names or NAMES:
        found = [recalls(name, split) for split in splits]
        print(f"| {name} | {pd.concat(found).mean():.3f} | " + " | ".join(f"{one.mean():.3f}" for one in found) + " |")


def recalls(name: str, split: str) -> "pd.Series[float]":
    """UAR of each test speaker of a split, mean over seeds."""
    plain = BY_SPEAKER.get(name, name)
    chosen = params.load(PARAMS, "classify", ClassifyParams)
    clips = manifest.read(Path(f"data/augmented/{split}/none.parquet"), manifest.AUGMENTED)
    labels = sorted(clips["emotion"].unique())
    clips = clips.assign(label=clips["emotion"].map(labels.index))
    stored = Shards([Path("data/features/classifier") / corpus for corpus in sorted(clips["corpus"].unique())])
    kind = "functionals" if plain in SVMS else "log_mel"
    arrays = [np.array(stored.array(id_, kind)) for id_ in clips["id"]]
    heard = Heard(clips, by_speaker(arrays, clips) if name in BY_SPEAKER else arrays)
    if plain in SVMS:
        heard = replace(heard, arrays=[array[:, kept(SVMS[plain], array.shape[1])] for array in heard.arrays])
        found = [runs.of_svm(heard, chosen.svm)]
    else:
        machine = params.load(PARAMS, "hardware", HardwareParams)
        device = hardware.device(machine)
        settings = (network_seeds(split), chosen.synthetic_first, device, hardware.autocast(machine, device))
        cnn = replace(chosen.cnn, **CNNS.get(plain, {}))
        with hidden(VIEWS.get(plain)):
            found = list(runs.of_cnn(heard, len(labels), cnn, *settings))
    rows = heard.among(*runs.HELD_OUT).rows.assign(**{str(run.seed): run.probabilities.argmax(axis=1) for run in found})
    seeds = [str(run.seed) for run in found]
    return (
        rows[rows["partition"] == "test"]
        .groupby("speaker")
        .apply(lambda own: np.mean([recall_score(own["label"], own[seed], average="macro") for seed in seeds]))
    )


def kept(without: tuple[str, ...], width: int) -> np.ndarray:
    """Columns of the functionals that are in none of some groups."""
    if sum(GROUPS.values()) + REST != width:
        raise click.ClickException(
            f"{width} functionals, expected {sum(GROUPS.values()) + REST}: another acoustics.n_mels"
        )
    names = [name for name, size in GROUPS.items() for _ in range(size)] + ["rest"] * REST
    return np.flatnonzero(~np.isin(names, without))


@contextmanager
def hidden(view: str | None) -> Iterator[None]:
    """Fit scalers that divide one of a spectrogram's views by infinity."""
    fit = Scaler.fit

    def blind(mels: Any) -> Scaler:
        scaler = fit(mels)
        return replace(scaler, **{view: torch.full_like(scaler.mean, torch.inf)}) if view else scaler

    with mock.patch.object(Scaler, "fit", blind):
        yield


if __name__ == "__main__":
    main()
