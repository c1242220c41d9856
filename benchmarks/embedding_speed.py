"""Speed of the networks of the `pretrained`: seconds of audio a CPU second.

python benchmarks/embedding_speed.py --clips data/corpora/ravdess.parquet  # in a workspace after `ingest`
"""

import time
from pathlib import Path

import click
import numpy as np
import torch

from pipeline.audio import preparation
from pipeline.audio.preparation import AudioParams
from pipeline.classification.interface import Resources
from pipeline.classification.pretrained import NETWORKS, SAMPLING_RATE
from pipeline.core import manifest, params
from pipeline.networks import hardware
from pipeline.networks.hardware import HardwareParams

PATH = click.Path(path_type=Path)


@click.command()
@click.option("--clips", "clips_path", type=PATH, default="data/corpora/demo.parquet")
@click.option("--count", default=100, help="Clips, evenly spaced.")
@click.option("--rounds", default=3)
def main(clips_path: Path, count: int, rounds: int) -> None:
    """Print the speed in each round, after one that is not counted."""
    audio = params.load(Path("params.yaml"), "audio", AudioParams)
    machine = params.load(Path("params.yaml"), "hardware", HardwareParams)
    clips = manifest.read(clips_path, manifest.CLIPS)
    segments = manifest.segments(clips.iloc[np.linspace(0, len(clips) - 1, count).astype(int)])
    samples = [preparation.prepared(path, audio, start, end) for path, start, end in segments]
    seconds = sum(map(len, samples)) / SAMPLING_RATE
    device = hardware.device(machine)
    torch.set_num_threads(1)
    resources = Resources(Path(), Path(), audio, machine, device, 0, {})
    networks = {name: network(resources) for name, network in NETWORKS.items()}
    for number in range(rounds + 1):
        taken = {}
        for name, network in networks.items():
            start = time.process_time()
            for some in samples:
                network(some)
            taken[name] = time.process_time() - start
        if number:
            speeds = {**{name: seconds / took for name, took in taken.items()}, "all": seconds / sum(taken.values())}
            click.echo(", ".join(f"{name} {speed:.0f}" for name, speed in speeds.items()))


if __name__ == "__main__":
    main()
