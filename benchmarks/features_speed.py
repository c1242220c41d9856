"""CPU seconds of `features` with `acoustics`, and of a synthesis, relative to WORLD's own for the same clips.

python benchmarks/features_speed.py  # in a workspace after `ingest`

Both kinds of work alternate clip by clip in one process with one thread, so that other load slows both.
"""

import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
import numpy as np
import pyworld
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from pipeline.audio import decoding, preparation
from pipeline.audio.acoustics import AcousticsParams, FrontEnd
from pipeline.audio.preparation import AudioParams
from pipeline.core import manifest, params
from pipeline.generation import synthesis
from pipeline.generation.synthesis import Synthesis, Synthesiser
from pipeline.stages import acoustics as of_classifiers
from pipeline.stages.features import clip_features
from pipeline.vocoder import Features, VocoderParams
from pipeline.vocoder.world import World

PATH = click.Path(path_type=Path)


@click.command()
@click.option("--clips", "clips_path", type=PATH, default="data/corpora/demo.parquet")
@click.option("--count", default=64, help="Clips, evenly spaced.")
@click.option("--rounds", default=3)
def main(clips_path: Path, count: int, rounds: int) -> None:
    """Print milliseconds a clip, and the ratios of each round."""
    path = Path("params.yaml")
    prepared = params.load(path, "audio", AudioParams)
    acoustics = params.load(path, "acoustics", AcousticsParams)
    rate = prepared.sampling_rate
    world = World(params.load(path, "vocoder", VocoderParams).world, rate)
    bounds = world.params.f0_floor_hz, world.params.f0_ceil_hz
    frame_ms = world.params.frame_ms
    compute = partial(clip_features, prepared=prepared, vocoder=world)
    writer = Synthesiser(partial(synthesis.vocoded, vocoder=world), prepared, acoustics, world, FrontEnd.VOCODED)
    clips = manifest.read(clips_path, manifest.CLIPS)
    segments = manifest.segments(clips.iloc[np.linspace(0, len(clips) - 1, count).astype(int)])

    def f0(wave: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        coarse, times = pyworld.dio(wave, rate, *bounds, frame_period=frame_ms)
        return pyworld.stonemask(wave, coarse, times, rate), times

    def analyse(wave: np.ndarray) -> None:
        f0_hz, times = f0(wave)
        pyworld.cheaptrick(wave, f0_hz, times, rate, fft_size=world.fft_size)
        pyworld.d4c(wave, f0_hz, times, rate, threshold=world.params.d4c_threshold, fft_size=world.fft_size)

    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
        out = Path(folder) / "clip.flac"

        def synthesise_alone(content: Features) -> None:
            preparation.write(out, preparation.level(world.synthesise(content), prepared.level_db), rate)
            f0(decoding.read(out).samples.astype(np.float64))

        for number in range(rounds + 1):
            taken: dict[str, float] = defaultdict(float)
            for segment in segments:
                samples = preparation.prepared(segment.path, prepared, segment.start, segment.end)
                wave = samples + 1e-8 * np.random.default_rng(0).standard_normal(len(samples))
                content = world.analyse(samples)
                works: dict[str, Callable[[], object]] = {
                    "WORLD analysis": partial(analyse, wave),
                    "features": partial(compute, segment),
                    **{
                        f"acoustics ({front_end})": partial(
                            of_classifiers.clip_features,
                            (segment, content),
                            prepared=prepared,
                            vocoder=world,
                            acoustics=acoustics,
                            front_end=front_end,
                        )
                        for front_end in FrontEnd
                    },
                    "reading a source": partial(decoding.read, *segment),
                    "WORLD synthesis": partial(synthesise_alone, content),
                    "a synthetic clip": partial(writer.write, (Synthesis(content, segment), out, {})),
                }
                for name, work in works.items():
                    taken[name] += cpu_ms(work) / count
            if number:  # the first round loads what is loaded once
                print(", ".join(f"{name} {each:.1f} ms" for name, each in taken.items()))
                alone = taken["WORLD synthesis"] + taken["reading a source"]
                for front_end in FrontEnd:
                    both = taken["features"] + taken[f"acoustics ({front_end})"]
                    print(f"features ({front_end}) {both / taken['WORLD analysis']:.2f} of WORLD's analysis,", end=" ")
                print(f"a clip {taken['a synthetic clip'] / alone:.2f} of synthesis, F0, reading and writing alone")


def cpu_ms(work: Callable[[], object]) -> float:
    """Milliseconds of the CPU."""
    start = time.process_time()
    work()
    return 1000 * (time.process_time() - start)


if __name__ == "__main__":
    main()
