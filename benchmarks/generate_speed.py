"""Time of conversion relative to WORLD's copy-synthesis of the same clips, on all cores.

python benchmarks/generate_speed.py [--model models/cyclegan/full-1/angry-happy]

Run it in a workspace where the pair is trained. Both directions are timed, with one process for each core. The two
kinds of work alternate, so that other load slows both. Copy-synthesis: analysis and synthesis. Conversion: analysis,
networks and prosody, synthesis, and writing of a FLAC file.
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
import numpy as np

from pipeline.audio import preparation
from pipeline.audio.preparation import AudioParams
from pipeline.conversion.converter import Converter
from pipeline.core import hardware, manifest, models, params
from pipeline.core.hardware import HardwareParams
from pipeline.core.workers import cores, in_parallel
from pipeline.vocoder import Vocoder, VocoderParams, vocoder

PARAMS = Path("params.yaml")
Job = tuple[np.ndarray, str, str, str]  # prepared samples (samples,), source emotion, target emotion, file name


@dataclass(frozen=True)
class Work:
    """The two kinds of work on a clip."""

    prepared: AudioParams
    vocoder: Vocoder
    bounds_hz: tuple[float, float]
    converter: Converter

    def copy(self, job: Job) -> None:
        """Copy-synthesis."""
        self.vocoder.synthesise(self.vocoder.analyse(job[0]))

    def convert(self, job: Job, folder: Path) -> None:
        """Conversion, to a file."""
        samples, source, target, name = job
        converted = self.converter.convert(self.vocoder.analyse(samples), source, target, self.bounds_hz)
        levelled = preparation.level(self.vocoder.synthesise(converted), self.prepared.level_db)
        preparation.write(folder / name, levelled, self.prepared.sampling_rate)


def seconds(work: Callable[[Job], None], jobs: list[Job]) -> float:
    """Wall-clock time of some work on all jobs."""
    start = time.perf_counter()
    list(in_parallel(work, jobs, "clips"))
    return time.perf_counter() - start


@click.command()
@click.option("--model", type=click.Path(path_type=Path), default="models/cyclegan/full-1/angry-happy")
@click.option("--count", default=64, show_default=True, help="Number of clips, evenly spaced.")
@click.option("--rounds", default=5, show_default=True)
def main(model: Path, count: int, rounds: int) -> None:
    """Print the seconds of both, and their ratio, in each round."""
    prepared = params.load(PARAMS, "audio", AudioParams)
    settings = params.load(PARAMS, "vocoder", VocoderParams)
    device = hardware.device(params.load(PARAMS, "hardware", HardwareParams))
    a, b = model.name.split("-")
    converter = Converter.from_tensors(*models.load(model), device)
    bounds_hz = (settings.world.f0_floor_hz, settings.world.f0_ceil_hz)
    trained = Path("models/vocoder") / model.parent.name
    work = Work(prepared, vocoder(settings, prepared.sampling_rate, settings.model(trained)), bounds_hz, converter)
    clips = manifest.read(Path("data/manifest.parquet"), manifest.CLIPS)
    clips = clips[clips["emotion"].isin((a, b))]
    chosen = clips.iloc[np.linspace(0, len(clips) - 1, count).astype(int)]
    jobs = [
        (preparation.prepared(path, prepared, start, end), emotion, b if emotion == a else a, f"{number}.flac")
        for number, ((path, start, end), emotion) in enumerate(
            zip(manifest.segments(chosen), chosen["emotion"], strict=True)
        )
    ]
    with tempfile.TemporaryDirectory() as folder:
        convert = partial(work.convert, folder=Path(folder))
        taken = np.array([(seconds(work.copy, jobs), seconds(convert, jobs)) for _ in range(rounds)])
    for copied, converted in taken:
        click.echo(f"copy-synthesis {copied:.2f} s, conversion {converted:.2f} s: {converted / copied:.2f}")
    click.echo(f"{count} clips, {cores()} processes: median {np.median(taken[:, 1] / taken[:, 0]):.2f}")


if __name__ == "__main__":
    main()
