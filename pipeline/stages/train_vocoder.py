"""Train the neural vocoder on the train partition of a split."""

from dataclasses import asdict
from functools import partial
from pathlib import Path

import click
import numpy as np

from pipeline.audio import preparation
from pipeline.audio.preparation import AudioParams
from pipeline.core import console, manifest, models, params
from pipeline.core.manifest import Segment
from pipeline.core.workers import in_parallel
from pipeline.networks import hardware, provenance
from pipeline.networks.hardware import HardwareParams
from pipeline.networks.progress import last_line
from pipeline.vocoder import ISTFT, VocoderParams, training
from pipeline.vocoder.mel import Mel, analysis, transform

PATH = click.Path(path_type=Path)


@click.command()
@click.option("--params", "params_path", type=PATH, default="params.yaml")
@click.option(
    "--manifest", "clips_path", type=PATH, default="data/manifest.parquet", help="Parquet table of all real clips."
)
@click.option("--split", "split_path", type=PATH, required=True, help="Parquet table of the split.")
@click.option("--out", type=PATH, required=True, help="Folder of the model to write.")
def main(params_path: Path, clips_path: Path, split_path: Path, out: Path) -> None:
    """Train the neural vocoder on the train partition of a split."""
    chosen = params.load(params_path, "vocoder", VocoderParams)
    prepared = params.load(params_path, "audio", AudioParams)
    if not chosen.learns:
        raise params.ParamsError(f"{params_path}: 'vocoder.kind: {chosen.kind}' has nothing to train")
    hardware_params = params.load(params_path, "hardware", HardwareParams)
    seed = params.load(params_path, "seed", int)
    split = manifest.read(split_path, manifest.PARTITIONED)
    clips = manifest.partition(manifest.read(clips_path, manifest.CLIPS), split, "train")
    vocoder = Mel(chosen.mel, prepared.sampling_rate, chosen.world)
    prepare = partial(_samples_and_f0, prepared=prepared, vocoder=vocoder)
    examples = list(in_parallel(prepare, manifest.segments(clips), split_path.stem))
    mel = transform(chosen.mel, prepared.sampling_rate)
    device = hardware.device(hardware_params)
    network, losses = training.train(
        examples,
        mel,
        chosen.mel.istft,
        provenance.derived_seed(seed, split_path.stem, "vocoder"),
        device,
        hardware.autocast(hardware_params, device),
    )
    config = {
        "kind": ISTFT,
        "split": split_path.stem,
        "size": training.network_size(mel, chosen.mel.istft),
        "analysis": analysis(chosen.mel, prepared.sampling_rate),
        "seed": seed,
        "machine": hardware.resolved(hardware_params),
        "train_clips": len(clips),
        "train_clips_sha256": provenance.clips_sha256(clips),
        "params": asdict(chosen.mel.istft),
    }
    models.save(out, network.state_dict(), config)
    console.tell(f"{split_path.stem} vocoder", last_line(losses, chosen.mel.istft.steps))


def _samples_and_f0(segment: Segment, prepared: AudioParams, vocoder: Mel) -> tuple[np.ndarray, np.ndarray]:
    samples = preparation.prepared(segment.path, prepared, segment.start, segment.end)
    return samples, vocoder.f0(samples)
