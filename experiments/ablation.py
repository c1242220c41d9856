"""Ablation of the conversion: the defaults with one change at a time, assessed on *valid* speakers.

python experiments/ablation.py [--variant NAME …] full-1 full-2

Run it in a workspace where `dvc repro features split train_vocoder` is done for a corpus. Networks and tables stay in
.cache/ablation and are used again with the same params.yaml: remove it after a change of code. Results go to
ablation.csv, and as a Markdown table to the terminal. Each split has one thread.
"""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click
import pandas as pd
from staging import changed, place, run

from pipeline.assessment import figures
from pipeline.core import manifest, params

CACHE = Path(".cache/ablation")
DEFAULTS = "defaults"
# Changes of params.yaml. A variant that changes prosody alone uses the networks of the defaults.
VARIANTS: dict[str, dict[str, Any]] = {
    DEFAULTS: {},
    "statistics": {},  # mean and variance of the spectrum change, without a network
    "f0_only": {},  # the spectrum stays
    "plain CycleGAN": {
        "train_cyclegan.parallel_weight": 0,
        "train_cyclegan.classifier_weight": 0,
        "train_cyclegan.residual_mean_removal": 0,
        "train_cyclegan.variance_compensation": 0,
    },
    "without parallel utterances": {"train_cyclegan.parallel_weight": 0},
    "without discriminators": {"train_cyclegan.adversarial_weight": 0},
    "without classifier loss": {"train_cyclegan.classifier_weight": 0},
    "four times the classifier loss": {"train_cyclegan.classifier_weight": 4},
    "without residual mean removal": {"train_cyclegan.residual_mean_removal": 0},
    "without variance compensation": {"train_cyclegan.variance_compensation": 0},
    "without cycle and identity": {"train_cyclegan.cycle_weight": 0, "train_cyclegan.identity_weight": 0},
    "a quarter of the steps": {"train_cyclegan.steps": 25},
    "half the steps": {"train_cyclegan.steps": 50},
    "twice the steps": {"train_cyclegan.steps": 200},
    "twice the steps at half the rates": {
        "train_cyclegan.steps": 200,
        "train_cyclegan.generator_rate": 5e-4,
        "train_cyclegan.discriminator_rate": 5e-4,
    },
    "F0: as it was": {"prosody.f0": "none"},
    "energy: deviation": {"prosody.energy": "log_gaussian"},
    "duration: as it was": {"prosody.duration": "none"},
    "seed 2": {"seed": 2},
    "seed 3": {"seed": 3},
}
GENERATORS = ("statistics", "f0_only")  # variants with a generator of their own; that of the others is `cyclegan`
NETWORKS_OF_DEFAULTS = (*GENERATORS, "F0: as it was", "duration: as it was")


@click.command()
@click.argument("splits", nargs=-1, required=True)
@click.option("--variant", "names", multiple=True, type=click.Choice(list(VARIANTS)), help="Default: all.")
def main(splits: tuple[str, ...], names: tuple[str, ...]) -> None:
    """Train and assess each variant in each split."""
    chosen = [DEFAULTS, *(name for name in names or VARIANTS if name != DEFAULTS)]
    with ThreadPoolExecutor(len(splits)) as pool:  # of processes
        tables = list(pool.map(lambda split: {name: assessed(name, split) for name in chosen}, splits))
    rows = {name: summary([found[name] for found in tables]) for name in chosen}
    results = pd.DataFrame(rows).T.rename_axis("variant").round(3)
    results.to_csv("ablation.csv")
    click.echo(results.to_markdown())


def assessed(name: str, split: str) -> pd.DataFrame:
    """Rows of `figures.ASSESSED` of a variant on the valid speakers of a split."""
    folder = place(CACHE, name, VARIANTS[name]) / split
    out = folder / "assessed.parquet"
    if not out.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        chosen = changed(VARIANTS[name], folder / "params.yaml")
        features = ("--features", "data/features/vocoder")
        given = ("--params", chosen, "--split", f"data/splits/{split}.parquet")
        models = folder / "models"
        if name in NETWORKS_OF_DEFAULTS:
            prosody = params.load(chosen, "prosody", dict[str, Any])
            for pair in params.load(chosen, "pairs", tuple[str, ...]):
                borrow(place(CACHE, DEFAULTS, {}) / split / "models" / pair, models / pair, prosody)
        elif not models.is_dir():
            out_and_curves = ("--out", models, "--curves", folder / "curves")
            run("train-cyclegan", *given, *features, *out_and_curves, "--checkpoints", folder / "checkpoints")
        scored = ("--scorers", "data/features/scorers", "--vocoder", f"models/vocoder/{split}")
        generator = name if name in GENERATORS else "cyclegan"
        chosen_clips = ("--partition", "valid", "--models", models, "--generator", generator)
        run("assess", *given, *features, *scored, *chosen_clips, "--out", out)
    return manifest.read(out, figures.ASSESSED)


def borrow(model: Path, to: Path, prosody: dict[str, Any]) -> None:
    """Copy a model with another conversion of prosody."""
    shutil.copytree(model, to, dirs_exist_ok=True)
    config = json.loads((to / "config.json").read_text(encoding="utf-8"))
    config["prosody"]["params"] = prosody
    (to / "config.json").write_text(json.dumps(config), encoding="utf-8")


def summary(tables: list[pd.DataFrame]) -> dict[str, float]:
    """Row of the table for a variant: means over the directions of all splits."""
    numbers = [figures.in_numbers(table) for table in tables]
    directions = [block for split in numbers for name, block in split.items() if name != "mean"]
    gains = [block["mcd_db"][figures.UNCONVERTED] - block["mcd_db"][figures.CONVERTED] for block in directions]
    found = {"gap_closed": mean(block["gap_closed"] for block in directions), "least_gain_db": min(gains)}
    for figure in (
        "mcd_db",
        "recognition_uar",
        "speaker_identification",
        "estoi",
        "estoi_at_source_f0",
        *figures.DISTANCES[1:],
    ):
        found[figure] = mean(split["mean"][figure]["converted"] for split in numbers)
    return found


def mean(values: Any) -> float:
    """Arithmetic mean."""
    return float(pd.Series(list(values)).mean())


if __name__ == "__main__":
    main()
