"""Train a DC-GAN on the train partition of one split, all emotions together."""

from dataclasses import asdict
from pathlib import Path

import click
import pandas as pd
import torch

from pipeline.core import console, manifest, models, params
from pipeline.core.files import write_csv
from pipeline.core.shards import Shards
from pipeline.generation.dcgan import training
from pipeline.generation.dcgan.networks import SCALE
from pipeline.generation.dcgan.spectrograms import Normalisation, SpectrogramGenerator
from pipeline.generation.dcgan.training import DcganParams
from pipeline.networks import hardware, provenance
from pipeline.networks.hardware import HardwareParams
from pipeline.networks.progress import last_line


@click.command()
@click.option("--params", "params_path", type=click.Path(path_type=Path), default="params.yaml")
@click.option("--manifest", "clips_path", type=click.Path(path_type=Path), default="data/manifest.parquet")
@click.option("--split", "split_path", type=click.Path(path_type=Path), required=True, help="Split table (Parquet).")
@click.option("--features", type=click.Path(path_type=Path), required=True, help="Classifier features by corpus.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Model folder.")
@click.option("--curve", type=click.Path(path_type=Path), required=True, help="CSV of the training losses.")
def main(params_path: Path, clips_path: Path, split_path: Path, features: Path, out: Path, curve: Path) -> None:
    """Train a DC-GAN on the train partition of one split, all emotions together."""
    chosen = params.load(params_path, "train_dcgan", DcganParams)
    seed = params.load(params_path, "seed", int)
    hardware_params = params.load(params_path, "hardware", HardwareParams)
    split = manifest.read(split_path, manifest.PARTITIONED)
    train = manifest.partition(manifest.read(clips_path, manifest.CLIPS), split, "train")
    if train.empty:
        raise click.ClickException(f"{split_path}: no train clip; expected some of each emotion")
    names = sorted(train["emotion"].unique())
    stored = Shards(features / corpus for corpus in sorted(train["corpus"].unique()))
    mels = [torch.tensor(stored.array(id_, "log_mel")) for id_ in train["id"]]
    if (bands := mels[0].shape[1]) < SCALE:
        raise click.ClickException(f"{split_path}: log-mel of {bands} bands, expected {SCALE} or more for a DC-GAN")
    emotions = torch.tensor([names.index(emotion) for emotion in train["emotion"]])
    normalisation = Normalisation.fit(mels, emotions)
    device = hardware.device(hardware_params)
    own_seed = provenance.derived_seed(seed, split_path.stem, "dcgan")
    images = normalisation.images(mels, emotions, chosen.frames)
    generator, losses = training.train(
        images, emotions, chosen, own_seed, device, hardware.autocast(hardware_params, device)
    )

    config = {
        "kind": "dcgan",
        "split": split_path.stem,
        "emotions": names,
        "size": training.generator_size(bands, len(names), chosen),
        "seed": seed,
        "machine": hardware.resolved(hardware_params),
        "train_clips": {emotion: int((train["emotion"] == emotion).sum()) for emotion in names},
        "train_clips_sha256": provenance.clips_sha256(train),
        "licenses": sorted(train["license"].dropna().unique()),
        "params": asdict(chosen),
    }
    models.save(out, SpectrogramGenerator(generator, normalisation).tensors(), config)
    write_csv(pd.DataFrame(losses), curve, "%.5g")
    console.tell(f"{split_path.stem} dcgan", f"{len(train):,} clips, {last_line(losses, chosen.steps)}")
