"""Cost of the standard scorers: CPU seconds a clip, and per second of audio (real-time factor).

python benchmarks/scorer_speed.py --clips data/corpora/ravdess.parquet  # in a workspace after `ingest`
"""

import time
from pathlib import Path
from typing import get_args

import click
import numpy as np
import torch

from pipeline.audio import preparation
from pipeline.audio.preparation import AudioParams
from pipeline.core import manifest, params
from pipeline.standard_scorers import AssessScorers
from pipeline.standard_scorers.scoring import Scoring

PATH = click.Path(path_type=Path)


@click.command()
@click.option("--clips", "clips_path", type=PATH, default="data/corpora/demo.parquet")
@click.option("--count", default=30, help="Clips, evenly spaced.")
def main(clips_path: Path, count: int) -> None:
    """Print the cost of each scorer, after one clip that is not counted."""
    audio = params.load(Path("params.yaml"), "audio", AudioParams)
    clips = manifest.read(clips_path, manifest.CLIPS)
    segments = manifest.segments(clips.iloc[np.linspace(0, len(clips) - 1, count).astype(int)])
    samples = [preparation.prepared(path, audio, start, end) for path, start, end in segments]
    seconds = sum(map(len, samples)) / audio.sampling_rate
    torch.set_num_threads(1)
    for name in get_args(get_args(AssessScorers)[0]):
        scoring = Scoring((name,), audio)
        scoring.of_samples(samples[0])
        start_s = time.process_time()
        for some in samples:
            scoring.of_samples(some)
        taken = time.process_time() - start_s
        click.echo(f"{name}: {taken / count:.3f} CPU s a clip of {seconds / count:.1f} s, {taken / seconds:.3f} of it")


if __name__ == "__main__":
    main()
