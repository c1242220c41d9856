"""Train what all pairs of a split have in common: the guide and the warm start, where params ask for them."""

from pathlib import Path

import click
import torch

from pipeline import hardware, manifest, models, params
from pipeline.cyclegan.clips import spoken
from pipeline.cyclegan.conversion import Styles, inputs
from pipeline.cyclegan.crops import Domain
from pipeline.cyclegan.guidance import trained_guide
from pipeline.cyclegan.pair import CycleGanParams
from pipeline.cyclegan.pretraining import pretrained
from pipeline.hardware import HardwareParams
from pipeline.prosody import ProsodyParams
from pipeline.shards import Shards


@click.command()
@click.option("--params", "params_path", type=click.Path(path_type=Path), default="params.yaml")
@click.option("--manifest", "clips_path", type=click.Path(path_type=Path), default="data/manifest.parquet")
@click.option("--split", "split_path", type=click.Path(path_type=Path), required=True, help="Its table.")
@click.option("--features", type=click.Path(path_type=Path), required=True, help="Folder of the corpora's shards.")
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(params_path: Path, clips_path: Path, split_path: Path, features: Path, out: Path) -> None:
    """Train what all pairs of a split have in common: the guide and the warm start, where params ask for them."""
    chosen = params.load(params_path, "train_cyclegan", CycleGanParams)
    prosody = params.load(params_path, "prosody", ProsodyParams)
    seed = params.load(params_path, "seed", int)
    machine = params.load(params_path, "hardware", HardwareParams)
    clips = manifest.read(clips_path, manifest.CLIPS)
    train = manifest.partition(clips, manifest.read(split_path, manifest.PARTITIONED), "train")
    split = split_path.stem
    tensors: dict[str, torch.Tensor] = {}
    if chosen.guidance_weight or chosen.warm_start_steps:
        stored = Shards(features / corpus for corpus in sorted(train["corpus"].unique()))
        frames = [torch.from_numpy(inputs(clip.features, prosody)) for clip in spoken(train, stored).values()]
        emotions, speakers = list(train["emotion"]), list(train["speaker"])
        device = hardware.device(machine)
    if chosen.guidance_weight:
        own_seed = models.derived_seed(seed, split, "guide")
        deaf_to = () if prosody.energy == "cyclegan" else (0,)
        guide = trained_guide(frames, emotions, speakers, chosen.guide, chosen.frames, own_seed, device, deaf_to)
        tensors |= {f"guide.{name}": tensor for name, tensor in guide.state_dict().items()}
    if chosen.warm_start_steps:
        own_seed = models.derived_seed(seed, split, "warm start")
        autocast = hardware.autocast(machine, device)
        styles = Styles.fit(zip(frames, emotions, [None] * len(frames), strict=True), {})
        normalised = [
            styles.source(*of).apply(own) for own, of in zip(frames, ((e, None) for e in emotions), strict=True)
        ]
        start = pretrained(Domain.of(normalised, speakers), chosen, own_seed, device, autocast)
        tensors |= {f"start.{name}": tensor for name, tensor in start.items()}
    config = {
        "kind": "pretrained",
        "split": split,
        "emotions": sorted(train["emotion"].unique()),
        "seed": seed,
        "machine": hardware.resolved(machine),
        "train_clips_sha256": models.clips_sha256(train),
        "params": params.digest(chosen, prosody),
    }
    models.save(out, tensors, config)
    click.echo(f"{split}: {', '.join(sorted({name.split('.')[0] for name in tensors})) or 'nothing to train'}")
