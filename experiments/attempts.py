"""What was tried to make converted clips help a classifier: each attempt's gain on the developing folds, and no other.

python experiments/attempts.py [--attempt NAME …] [--scenario NAME …] [--arm NAME]

Run it where `emocycle repro` is done, with folds 1 and 2 alone and `copy_synthesis` among the perturbations. With
another arm it says what that gains by the same way of mixing. What an attempt makes stays in .cache/attempts and, with
the same params.yaml, is not made again: remove it after other code. Gains over `none` go to attempts.csv, and as
Markdown to the terminal. One thread and core a split.
"""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import click
import pandas as pd
from ablation import NETWORKS_OF_DEFAULTS, VARIANTS, borrow
from staging import changed, place, run

from pipeline import comparison, params
from pipeline.augmentation import ARMS

PARAMS = Path("params.yaml")
CACHE = Path(".cache/attempts")
NONE, CYCLEGAN = "none", "cyclegan"
CONVERSIONS = (  # of the ablation
    "without guidance",
    "four times the guidance",
    "twice the steps at half the rates",
    "F0: as it was",
)
# Changes of params.yaml, of which an arm is made.
ATTEMPTS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "weight 0.1": {"augment.mix.weight": 0.1},
    "weight 1": {"augment.mix.weight": 1.0},
    "ratio 2": {"augment.mix.ratio": 2},
    "ratio 4": {"augment.mix.ratio": 4},
    "ratio 4, weight 1": {"augment.mix.ratio": 4, "augment.mix.weight": 1.0},
    "rare emotions only": {"augment.mix.balance": True, "augment.mix.weight": 1.0},
    "towards happy and sad": {"augment.mix.towards": ["happy", "sad"]},
    "gate: passed": {"augment.gate.keep": "passed"},
    "gate: best half": {"augment.gate.keep": "best"},
    "gate: best half, weight 1": {"augment.gate.keep": "best", "augment.mix.weight": 1.0},
    "real clips vocoded": {"augment.vocode_real": True},
    "real clips vocoded, ratio 4, weight 1": {
        "augment.vocode_real": True,
        "augment.mix.ratio": 4,
        "augment.mix.weight": 1.0,
    },
    **{name: VARIANTS[name] for name in CONVERSIONS},
    "intensity: high": {"generate.intensity": "high"},
}
TRAINING = {"prosody", "train_cyclegan"}  # sections that change models
MAKING = {*TRAINING, "generate"}  # sections that change clips
SHOWN = ["attempt", "arm", "scenario", "classifier", "UAR", "over none"]


@click.command()
@click.option("--attempt", "names", multiple=True, type=click.Choice(list(ATTEMPTS)), help="All, if none is named.")
@click.option("--scenario", "scenarios", multiple=True, help="All of params.yaml, if none is named.")
@click.option("--arm", type=click.Choice([name for name in ARMS if name != NONE]), default=CYCLEGAN, show_default=True)
def main(names: tuple[str, ...], scenarios: tuple[str, ...], arm: str) -> None:
    """Make, train and score each attempt."""
    names = names or tuple(ATTEMPTS)
    if arm != CYCLEGAN and (other := [name for name in names if sections(name) & MAKING]):
        raise click.UsageError(f"--arm {arm}: converted clips alone are made again, as {', '.join(other)} would")
    scenarios = scenarios or params.load(PARAMS, "scenarios", tuple[str, ...])
    folds = params.load(PARAMS, "folds", tuple[int, ...])
    splits = [f"{scenario}-{fold}" for scenario, fold in product(scenarios, folds)]
    tables = []
    for name in names:
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # of processes
            list(pool.map(partial(attempted, name, arm), splits))
        tables.append(scores(name, scenarios, arm).assign(attempt=name))
    found = pd.concat(tables, ignore_index=True)
    found.to_csv("attempts.csv", index=False)
    click.echo(comparison.markdown(found[SHOWN]))


def sections(name: str) -> set[str]:
    """Of params.yaml, that an attempt changes."""
    return {key.partition(".")[0] for key in ATTEMPTS[name]}


def attempted(name: str, arm: str, split: str) -> None:
    """Train on the clips of an attempt, and predict the test clips; of `none` the predictions are the workspace's."""
    folder = place(CACHE, name, ATTEMPTS[name])
    out = folder / "predictions" / split / f"{arm}.parquet"
    if not out.is_file():
        given = changed(ATTEMPTS[name], folder / f"{split}.yaml")
        table = folder / "augmented" / split / f"{arm}.parquet"
        source = ("--split", f"data/splits/{split}.parquet", "--synthetic", clips(name, split, given))
        run("augment", "--params", given, *source, "--features", "data/features", "--arm", arm, "--out", table)
        heard = ("--clips", table, "--features", "data/features/classifier")
        run("classify", "--params", given, *heard, "--curve", folder / "curves" / f"{split}.csv", "--out", out)
        shutil.copyfile(f"data/predictions/{split}/{NONE}.parquet", out.with_stem(NONE))


def clips(name: str, split: str, given: Path) -> Path:
    """Folder of the clips of an attempt, which are the workspace's if nothing of their making is changed."""
    changes = sections(name)
    if not changes & MAKING:
        return Path("data/synthetic") / split
    folder = place(CACHE, name, ATTEMPTS[name])
    shared = ("--params", given, "--split", f"data/splits/{split}.parquet", "--features", "data/features/vocoder")
    models, start = Path("models/cyclegan") / split, folder / "pretrained" / split
    if changes & TRAINING:
        models = folder / "models" / split
        if name not in NETWORKS_OF_DEFAULTS and not start.is_dir():
            run("pretrain", *shared, "--out", start)
    for pair in params.load(PARAMS, "pairs", tuple[str, ...]):
        model, out = models / pair, folder / "clips" / split / CYCLEGAN / pair
        if name in NETWORKS_OF_DEFAULTS:
            borrow(Path("models/cyclegan") / split / pair, model, params.load(given, "prosody", dict[str, Any]))
        elif not model.is_dir():
            curve = ("--curve", folder / "curves" / f"{split}-{pair}.csv")
            run("train-cyclegan", *shared, "--pretrained", start, "--pair", pair, "--out", model, *curve)
        if not out.is_dir():
            voice = ("--vocoder", f"models/vocoder/{split}")
            run("generate", *shared, *voice, "--generator", CYCLEGAN, "--model", model, "--out", out)
    return folder / "clips" / split


def scores(name: str, scenarios: tuple[str, ...], arm: str) -> pd.DataFrame:
    """Rows of `comparison.tidy` and `comparison.readable`, of the arm alone."""
    folder = place(CACHE, name, ATTEMPTS[name])
    changes = {"scenarios": list(scenarios), "arms": [NONE, arm], "augment.setting": arm}
    changes |= {"evaluate.scenario": scenarios[0], "evaluate.references": [NONE]}
    changes |= {"evaluate.primary.references": [NONE], "evaluate.primary.scenarios": list(scenarios)}
    given = ("--params", changed(changes, folder / "evaluate.yaml"), "--predictions", folder / "predictions")
    outs = ("--summary", folder / "summary.json", "--scores", folder / "ser.json", "--plots", folder / "plots")
    run("evaluate", *given, "--unaudited", *outs)
    found = comparison.read(folder / "ser.json")
    keys = ["scenario", "classifier", "arm"]
    both = comparison.tidy(found).merge(comparison.readable(found), on=keys)
    return both[both["arm"] == arm]


if __name__ == "__main__":
    main()
