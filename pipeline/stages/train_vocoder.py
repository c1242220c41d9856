"""Train the neural vocoder of a split on its train partition."""

from dataclasses import asdict
from functools import partial
from pathlib import Path

import click
import numpy as np

from pipeline.audio import recordings
from pipeline.audio.recordings import AudioParams
from pipeline.core import hardware, manifest, models, params
from pipeline.core.hardware import HardwareParams
from pipeline.core.manifest import Segment
from pipeline.core.workers import in_parallel
from pipeline.vocoder import ISTFT, VocoderParams, training
from pipeline.vocoder.mel import Mel, heard, transform


@click.command()
@click.option("--params", "params_path", type=click.Path(path_type=Path), default="params.yaml")
@click.option("--manifest", "clips_path", type=click.Path(path_type=Path), default="data/manifest.parquet")
@click.option("--split", "split_path", type=click.Path(path_type=Path), required=True, help="Its table.")
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(params_path: Path, clips_path: Path, split_path: Path, out: Path) -> None:
    """Train the neural vocoder of a split on its train partition."""
    voice = params.load(params_path, "vocoder", VocoderParams)
    prepared = params.load(params_path, "audio", AudioParams)
    if not voice.learns:
        raise params.ParamsError(f"{params_path}: 'vocoder.kind: {voice.kind}' has nothing to train")
    machine = params.load(params_path, "hardware", HardwareParams)
    seed = params.load(params_path, "seed", int)
    split = manifest.read(split_path, manifest.PARTITIONED)
    clips = manifest.partition(manifest.read(clips_path, manifest.CLIPS), split, "train")
    mel = Mel(voice.mel, prepared.sampling_rate, voice.world)
    prepare = partial(_spoken, prepared=prepared, mel=mel)
    spoken = list(in_parallel(prepare, manifest.segments(clips), split_path.stem))
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
    config = {
        "kind": ISTFT,
        "split": split_path.stem,
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


def _spoken(segment: Segment, prepared: AudioParams, mel: Mel) -> tuple[np.ndarray, np.ndarray]:
    """A clip's samples and F0."""
    samples = recordings.prepared(segment.path, prepared, segment.start, segment.end)
    return samples, mel.f0(samples)
