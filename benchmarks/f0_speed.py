"""Time of WORLD's two F0 estimators on clips of the demo: the reason why `vocoder.world.f0` is `dio`.

python benchmarks/f0_speed.py
"""

import time
from pathlib import Path
from typing import Literal

import click
import numpy as np

from pipeline.audio import decoding, preparation
from pipeline.audio.preparation import AudioParams
from pipeline.core import manifest, params
from pipeline.vocoder.world import World, WorldParams

ESTIMATORS: tuple[Literal["dio", "harvest"], ...] = ("dio", "harvest")


@click.command()
@click.option("--clips", "clips_path", type=click.Path(path_type=Path), default="data/corpora/demo.parquet")
@click.option("--count", default=20, help="Clips to analyse, evenly spaced.")
def main(clips_path: Path, count: int) -> None:
    """Print milliseconds a clip for each estimator, measured clip by clip in one run, and their ratio."""
    path = Path("params.yaml")
    prepared = params.load(path, "audio", AudioParams)
    world = World(params.load(path, "vocoder.world", WorldParams), prepared.sampling_rate)
    clips = manifest.read(clips_path, manifest.CLIPS)
    chosen = clips.iloc[np.linspace(0, len(clips) - 1, count).astype(int)]
    seconds = dict.fromkeys(ESTIMATORS, 0.0)
    length_s = 0.0
    for segment in manifest.segments(chosen):
        recording = decoding.read(*segment)
        samples = preparation.prepare(recording.samples, recording.sampling_rate, prepared).astype(np.float64)
        length_s += len(samples) / prepared.sampling_rate
        for name in ESTIMATORS:
            start = time.perf_counter()
            world.f0(samples, name)
            seconds[name] += time.perf_counter() - start
    for name, taken in seconds.items():
        print(f"{name}: {1000 * taken / count:.1f} ms a clip of {length_s / count:.2f} s")
    print(f"harvest takes {seconds['harvest'] / seconds['dio']:.0f} times as long")


if __name__ == "__main__":
    main()
