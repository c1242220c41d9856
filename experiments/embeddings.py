"""UAR of the `svm` on functionals, on each embedding of the `pretrained`, and on their combinations.

python experiments/embeddings.py  # in a workspace after `features` and `split`

Arm `none`, by the splits of params.yaml. In a low_data scenario other draws of the same number of train and valid
speakers are added, since one draw is luck. Besides the point of the grid that valid chooses ("chosen"), the mean over
all points ("grid"), which is less noisy.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import click
import numpy as np
import pandas as pd

from pipeline.audio.preparation import AudioParams
from pipeline.classification import interface, pretrained
from pipeline.classification.interface import Resources
from pipeline.classification.normalisation import by_speaker
from pipeline.classification.pretrained import NETWORKS, PretrainedParams
from pipeline.classification.svm import SvmParams, train_svm
from pipeline.core import manifest, params
from pipeline.networks import hardware
from pipeline.networks.hardware import HardwareParams

FUNCTIONALS = "functionals"
PATH = Path("params.yaml")


@click.command()
@click.option("--draws", default=5, help="Further draws of speakers in a low_data scenario.")
def main(draws: int) -> None:
    """Print a table: a set of features a row."""
    chosen = params.load(PATH, "classify.pretrained", PretrainedParams)
    clips = manifest.read(Path("data/manifest.parquet"), manifest.CLIPS).assign(
        is_synthetic=False, generator="", source_id="", parameters=""
    )
    clips["label"] = pd.factorize(clips["emotion"], sort=True)[0]
    of = _features(clips, chosen)
    rows = []
    for count in range(1, len(of) + 1):
        for names in combinations(of, count):
            arrays = np.concatenate([of[name] for name in names], axis=1)
            for scenario, partition in _splits(clips, draws):
                for normalisation in ("train", "speaker"):
                    scores = _scores(arrays, clips, partition, normalisation == "speaker", chosen)
                    rows.append([" + ".join(names), normalisation, scenario, *scores])
    table = pd.DataFrame(rows, columns=["features", "normalisation", "scenario", "chosen", "grid"])
    means = table.groupby(["features", "normalisation", "scenario"], sort=False).mean()
    click.echo(means.unstack(["normalisation", "scenario"]).round(3).to_string())


def _features(clips: pd.DataFrame, chosen: PretrainedParams) -> dict[str, np.ndarray]:
    """Functionals and embeddings by name, each (clips, values)."""
    machine, audio = params.load(PATH, "hardware", HardwareParams), params.load(PATH, "audio", AudioParams)
    device = hardware.device(machine)
    resources = Resources(Path("data/features/classifier"), Path(".cache/embeddings"), audio, machine, device, 0, {})
    found = {FUNCTIONALS: np.concatenate(interface.stored(clips, resources.features, FUNCTIONALS))}
    for name in NETWORKS:
        both = np.concatenate(pretrained.features(clips, replace(chosen, embeddings=(name,)), resources))
        found[name] = both[:, found[FUNCTIONALS].shape[1] :]
    return found


def _splits(clips: pd.DataFrame, draws: int) -> Iterator[tuple[str, pd.Series]]:
    """A scenario, and the partition of each clip; as many men as women are drawn."""
    for path in sorted(Path("data/splits").glob("*.parquet")):
        scenario, _, fold = path.stem.rpartition("-")
        split = pd.read_parquet(path).set_index("id")["partition"].astype(object)
        partition = clips["id"].map(split)
        yield scenario, partition
        if not scenario.startswith("low_data"):
            continue
        full = clips["id"].map(pd.read_parquet(path.with_name(f"full-{fold}.parquet")).set_index("id")["partition"])
        draw = np.random.default_rng(int(fold))
        for _ in range(draws):
            kept = full.astype(object)
            for name in ("train", "valid"):
                number = clips.loc[partition == name, "speaker"].nunique()
                speakers = clips[full == name].drop_duplicates("speaker").sample(frac=1, random_state=draw)
                rank = speakers.groupby("gender", observed=True).cumcount()
                some = speakers.loc[rank.sort_values(kind="stable").index[:number], "speaker"]
                kept[(full == name) & ~clips["speaker"].isin(some)] = None
            yield f"{scenario}, drawn", kept


def _scores(
    arrays: np.ndarray, clips: pd.DataFrame, partition: pd.Series, by_own: bool, grid: SvmParams
) -> tuple[float, float]:
    """UAR of the test clips, mean over speakers: at the chosen point of the grid, and over all points."""
    used = partition.notna().to_numpy()
    rows = clips[used].assign(partition=partition[used])
    some = np.concatenate(by_speaker(list(arrays[used, None]), rows)) if by_own else arrays[used]
    train, valid, test = ((rows["partition"] == name).to_numpy() for name in ("train", "valid", "test"))
    labels = rows["label"].to_numpy()

    def uar(points: SvmParams) -> float:
        weights = np.ones(train.sum())
        given = (some[train], labels[train], weights, weights > 0, (some[valid], labels[valid]))
        found = train_svm(*given, points).probabilities(some[test]).argmax(axis=1)
        hits = rows[test].assign(hit=found == labels[test])
        return float(hits.groupby(["speaker", "label"], observed=True)["hit"].mean().mean())

    points = [SvmParams((c,), (gamma,)) for c in grid.c for gamma in grid.gamma]
    return uar(grid), float(np.mean([uar(point) for point in points]))


if __name__ == "__main__":
    main()
