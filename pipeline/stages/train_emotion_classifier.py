"""Train a split's auxiliary emotion classifier, by which its pairs are trained; without a weight, nothing."""

from pathlib import Path

import click
import torch

from pipeline.conversion.clips import spoken
from pipeline.conversion.emotion_classifier import trained_classifier
from pipeline.conversion.pair import CycleGanParams
from pipeline.conversion.prosody import ProsodyParams
from pipeline.core import hardware, manifest, models, params, provenance
from pipeline.core.hardware import HardwareParams
from pipeline.core.shards import Shards


@click.command()
@click.option("--params", "params_path", type=click.Path(path_type=Path), default="params.yaml")
@click.option("--manifest", "clips_path", type=click.Path(path_type=Path), default="data/manifest.parquet")
@click.option("--split", "split_path", type=click.Path(path_type=Path), required=True, help="Its table.")
@click.option("--features", type=click.Path(path_type=Path), required=True, help="Folder of the corpora's shards.")
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(params_path: Path, clips_path: Path, split_path: Path, features: Path, out: Path) -> None:
    """Train a split's auxiliary emotion classifier, by which its pairs are trained; without a weight, nothing."""
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
        frames = [torch.from_numpy(clip.features.spectrum) for clip in spoken(train, stored).values()]
        emotions, speakers = list(train["emotion"]), list(train["speaker"])
        device = hardware.device(machine)
        own_seed = provenance.derived_seed(seed, split, "guide")  # its earlier name; another one gives other weights
        masked = () if prosody.energy == "cyclegan" else (0,)
        classifier = trained_classifier(
            frames, emotions, speakers, chosen.emotion_classifier, chosen.frames, own_seed, device, masked
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
