"""Train the neural vocoder of a split on its train partition; other vocoders have nothing to learn."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

from pipeline import audio, manifest, models, params
from pipeline.audio import AudioParams
from pipeline.vocoder import VocoderParams
from pipeline.vocoder.mel import Mel, heard, transform
from pipeline.workers import in_parallel


@click.command()
@click.option("--params", "params_path", type=click.Path(path_type=Path), default="params.yaml")
@click.option("--manifest", "clips_path", type=click.Path(path_type=Path), default="data/manifest.parquet")
@click.option("--split", "split_path", type=click.Path(path_type=Path), required=True, help="Its table.")
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(params_path: Path, clips_path: Path, split_path: Path, out: Path) -> None:
    """Train the neural vocoder of a split on its train partition; other vocoders have nothing to learn."""
    voice = params.load(params_path, "vocoder", VocoderParams)
    prepared = params.load(params_path, "audio", AudioParams)
    config: dict[str, Any] = {
        "kind": voice.kind,
        "split": split_path.stem,
        "features": params.digest(prepared, voice),  # on which the split's pairs were trained
    }
    if not voice.learns:
        models.save(out, {}, config)
        click.echo(f"{split_path.stem}: the vocoder has nothing to learn")
        return

    from pipeline import hardware  # brings torch, which takes seconds
    from pipeline.hardware import HardwareParams
    from pipeline.vocoder import training

    machine = params.load(params_path, "hardware", HardwareParams)
    seed = params.load(params_path, "seed", int)
    split = manifest.read(split_path, manifest.PARTITIONED)
    clips = manifest.partition(manifest.read(clips_path, manifest.CLIPS), split, "train")
    mel = Mel(voice.mel, prepared.sampling_rate, voice.world)
    prepare = partial(_spoken, prepared=prepared, mel=mel)
    spoken = list(in_parallel(prepare, list(clips["filepath"]), split_path.stem))
    analysis = transform(voice.mel, prepared.sampling_rate)
    device = hardware.device(machine)
    network, losses = training.train(
        spoken,
        analysis,
        voice.mel.istft,
        models.derived_seed(seed, split_path.stem, "vocoder"),
        device,
        hardware.autocast(machine, device),
    )
    config |= {
        "size": training.network_size(analysis, voice.mel.istft),
        "heard": heard(voice.mel, prepared.sampling_rate),
        "seed": seed,
        "machine": hardware.resolved(machine),
        "train_clips": len(clips),
        "train_clips_sha256": models.clips_sha256(clips),
        "params": asdict(voice.mel.istft),
    }
    models.save(out, network.state_dict(), config)
    click.echo(f"{split_path.stem}: loss {losses[0]:.3f} … {losses[-1]:.3f} in {voice.mel.istft.steps} steps")


def _spoken(filepath: str, prepared: AudioParams, mel: Mel) -> tuple[np.ndarray, np.ndarray]:
    """A clip's samples and F0."""
    samples = audio.prepared(Path(filepath), prepared)
    return samples, mel.f0(samples)
