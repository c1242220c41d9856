"""Train one pair's CycleGAN on the train partition of one split."""

from dataclasses import asdict
from pathlib import Path

import click
import numpy as np
import pandas as pd
import torch

from pipeline import hardware, manifest, models, pairs, params
from pipeline.cyclegan import training
from pipeline.cyclegan.conversion import Converter, Normalisation
from pipeline.cyclegan.training import CycleGanParams, Domain
from pipeline.files import whole
from pipeline.hardware import HardwareParams
from pipeline.prosody import f0_statistics
from pipeline.shards import Shards


@click.command()
@click.option("--params", "params_path", type=click.Path(path_type=Path), default="params.yaml")
@click.option("--manifest", "clips_path", type=click.Path(path_type=Path), default="data/manifest.parquet")
@click.option("--split", "split_path", type=click.Path(path_type=Path), required=True, help="Its table.")
@click.option("--pair", required=True, help="Two emotions, such as angry-happy.")
@click.option("--features", type=click.Path(path_type=Path), required=True, help="Folder of the corpora's shards.")
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--curve", type=click.Path(path_type=Path), required=True, help="CSV of the training's losses.")
def main(
    params_path: Path, clips_path: Path, split_path: Path, pair: str, features: Path, out: Path, curve: Path
) -> None:
    """Train one pair's CycleGAN on the train partition of one split."""
    chosen = params.load(params_path, "train_cyclegan", CycleGanParams)
    seed = params.load(params_path, "seed", int)
    machine = params.load(params_path, "hardware", HardwareParams)
    clips = manifest.read(clips_path, manifest.CLIPS)
    emotions = pairs.parse(pair, set(clips["emotion"]))
    split = manifest.read(split_path, manifest.PARTITIONED)
    train = manifest.partition(clips, split, "train")
    train = train[train["emotion"].isin(emotions)]
    for emotion in emotions:
        if emotion not in set(train["emotion"]):
            raise click.ClickException(f"{split_path}: pair '{pair}': no train clip is '{emotion}'")

    stored = Shards(features / corpus for corpus in sorted(train["corpus"].unique()))
    spectra = {id_: torch.from_numpy(np.array(stored.array(id_, "spectrum"))) for id_ in train["id"]}
    normalisations: dict[str, Normalisation] = {}
    domains: dict[str, Domain] = {}
    for emotion in emotions:
        own = train[train["emotion"] == emotion]
        normalisation = normalisations[emotion] = Normalisation.fit([spectra[id_] for id_ in own["id"]])
        domains[emotion] = Domain.of([normalisation.apply(spectra[id_]) for id_ in own["id"]], list(own["speaker"]))
    device = hardware.device(machine)
    own_seed = models.derived_seed(seed, split_path.stem, pair)
    a, b = emotions
    networks, losses = training.train(
        domains[a], domains[b], chosen, own_seed, device, hardware.autocast(machine, device)
    )
    converter = Converter(normalisations, {(a, b): networks.a_to_b, (b, a): networks.b_to_a})

    tracks = [stored.array(id_, "f0_hz") for id_ in train["id"]]
    pitch = f0_statistics([np.log(f0[f0 > 0]) for f0 in tracks], list(train["emotion"]), list(train["speaker"]))
    order = domains[a].frames.shape[1]
    config = {
        "kind": "cyclegan",
        "split": split_path.stem,
        "emotions": list(emotions),
        "size": {
            "order": order,
            "channels": chosen.channels,
            "blocks": chosen.blocks,
            "kernel": chosen.kernel,
        },
        "f0": {emotion: asdict(statistics) for emotion, statistics in pitch.items()},
        "seed": seed,
        "train_clips": len(train),
        "train_clips_sha256": models.clips_sha256(train),
        "params": asdict(chosen),
    }
    models.save(out, converter.tensors(), config)
    with whole(curve) as temporary:
        pd.DataFrame(losses).to_csv(temporary, index=False, float_format="%.5g")
    click.echo(f"{split_path.stem} {pair}: {chosen.steps} steps on {len(train):,} clips, {losses[-1]}")
