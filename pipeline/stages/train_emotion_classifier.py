"""Train the auxiliary emotion classifier of a split, for all of its pairs; with weight 0 the model is empty."""

from pathlib import Path

import click
import torch

from pipeline.conversion.clips import train_clips
from pipeline.conversion.emotion_classifier import trained_classifier
from pipeline.conversion.pair import CycleGanParams
from pipeline.conversion.prosody import ProsodyParams
from pipeline.core import hardware, manifest, models, params, provenance
from pipeline.core.hardware import HardwareParams
from pipeline.core.shards import Shards


@click.command()
@click.option("--params", "params_path", type=click.Path(path_type=Path), default="params.yaml")
@click.option("--manifest", "clips_path", type=click.Path(path_type=Path), default="data/manifest.parquet")
@click.option(
    "--split", "split_path", type=click.Path(path_type=Path), required=True, help="Parquet table of the split."
)
@click.option(
    "--features", type=click.Path(path_type=Path), required=True, help="Folder of vocoder features, by corpus."
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Model folder.")
def main(params_path: Path, clips_path: Path, split_path: Path, features: Path, out: Path) -> None:
    """Train the auxiliary emotion classifier of a split, for all of its pairs; with weight 0 the model is empty."""
    chosen = params.load(params_path, "train_cyclegan", CycleGanParams)
    prosody = params.load(params_path, "prosody", ProsodyParams)
    seed = params.load(params_path, "seed", int)
    machine = params.load(params_path, "hardware", HardwareParams)
    clips = manifest.read(clips_path, manifest.CLIPS)
    train = manifest.partition(clips, manifest.read(split_path, manifest.PARTITIONED), "train")
    split = split_path.stem
    tensors: dict[str, torch.Tensor] = {}
    if chosen.classifier_weight:
        stored = Shards(features / corpus for corpus in sorted(train["corpus"].unique()))
        classifier = trained_classifier(
            [torch.from_numpy(clip.features.spectrum) for clip in train_clips(train, stored)],
            list(train["emotion"]),
            list(train["speaker"]),
            chosen.emotion_classifier,
            chosen.frames,
            provenance.derived_seed(seed, split, "guide"),  # an earlier name; another one would give other weights
            hardware.device(machine),
            masked=() if prosody.energy == "cyclegan" else (0,),
        )
        tensors = classifier.state_dict()
    config = {
        "kind": "emotion_classifier",
        "split": split,
        "emotions": sorted(train["emotion"].unique()),
        "seed": seed,
        "machine": hardware.resolved(machine),
        "train_clips_sha256": provenance.clips_sha256(train),
        "params": params.params_hash(chosen, prosody),
    }
    models.save(out, tensors, config)
    click.echo(f"{split}: {len(train):,} clips" if tensors else f"{split}: 'classifier_weight' is 0, nothing to train")
