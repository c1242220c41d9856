"""CPU seconds of `generate`, `perturb` and `assess`, relative to WORLD's own for the same clips.

python benchmarks/generate_speed.py  # in a workspace after `emocycle repro`, with WORLD as its vocoder

Both kinds of work alternate clip by clip in one process with one thread, so that other load slows both.
"""

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import click
import numpy as np
import pyworld
import torch
from features_speed import cpu_ms
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from pipeline.assessment.measurement import AssessedClip, Assessor, parallel_utterances
from pipeline.audio import decoding, preparation
from pipeline.audio.acoustics import AcousticsParams, FrontEnd
from pipeline.audio.preparation import AudioParams
from pipeline.conversion import pairs
from pipeline.conversion.converter import Converter
from pipeline.core import manifest, models, params
from pipeline.core.manifest import Segment
from pipeline.core.shards import Shards
from pipeline.generation import classical, synthesis
from pipeline.generation.perturbation import Sources, synthetic_rows
from pipeline.generation.synthesis import Synthesis, Synthesiser
from pipeline.stages import assess, generate
from pipeline.stages.perturb import PerturbParams
from pipeline.standard_scorers.scoring import Scoring
from pipeline.vocoder import Features, VocoderParams
from pipeline.vocoder.world import World

PARAMS = Path("params.yaml")
Works = tuple[str, Callable[[], object], Callable[[], object]]  # name, work of a stage, WORLD's own for its clips


@click.command()
@click.option("--split", default="full-1", show_default=True)
@click.option("--count", default=24, show_default=True, help="Clips of each stage.")
@click.option("--rounds", default=3, show_default=True)
def main(split: str, count: int, rounds: int) -> None:
    """Print milliseconds a source clip, and the ratio to WORLD's own."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
        for number in range(rounds + 1):
            taken: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
            for name, own, alone in Stages(split, Path(folder) / "clip.flac", count).works():
                taken[name][0] += cpu_ms(own) / count
                taken[name][1] += cpu_ms(alone) / count
            if number:  # the first round loads what is loaded once
                figures = (f"{name} {a:.1f} of {b:.1f} ms, {a / b:.2f}" for name, (a, b) in taken.items())
                click.echo("; ".join(figures))


class Stages:
    """The works of some clips of a split."""

    def __init__(self, split: str, out: Path, count: int) -> None:
        self._split, self._out, self._count = split, out, count
        self._audio = params.load(PARAMS, "audio", AudioParams)
        self._vocoder = params.load(PARAMS, "vocoder", VocoderParams)
        self._world = World(self._vocoder.world, self._audio.sampling_rate)
        self._bounds_hz = (self._vocoder.world.f0_floor_hz, self._vocoder.world.f0_ceil_hz)
        clips = manifest.read(Path("data/manifest.parquet"), manifest.CLIPS)
        partitions = manifest.read(Path(f"data/splits/{split}.parquet"), manifest.PARTITIONED)
        self._train, self._test = (manifest.partition(clips, partitions, name) for name in ("train", "test"))
        corpora = sorted(clips["corpus"].unique())
        self._stored = Shards(Path("data/features/vocoder") / corpus for corpus in corpora)

    def works(self) -> Iterator[Works]:
        """All works, clip by clip."""
        yield from self._generate()
        yield from self._perturb()
        yield from self._assess()

    def _writer(self, synthesise: Callable[..., np.ndarray]) -> Synthesiser[Features]:
        acoustics = params.load(PARAMS, "acoustics", AcousticsParams)
        return Synthesiser(synthesise, self._audio, acoustics, self._world, FrontEnd.VOCODED)

    def _generate(self) -> Iterator[Works]:
        """Conversion by the first pair's network."""
        name = params.load(PARAMS, "pairs", tuple[str, ...])[0]
        model = Path("models/cyclegan") / self._split / name
        pair = generate.Pair.load(model, self._train, "cyclegan", self._out.parent, "source", torch.device("cpu"))
        writer = self._writer(partial(synthesis.vocoded, vocoder=self._world))
        converted = pair.converted(self._stored, self._bounds_hz)

        def own() -> None:
            writer.write((next(converted), self._out, {}))

        known = zip(pair.rows["source_id"], manifest.segments(pair.sources), strict=True)
        for id_, segment in islice(known, self._count):
            yield "generate", own, partial(self._rewritten, Features.load(self._stored, id_), segment)

    def _perturb(self) -> Iterator[Works]:
        """`classical`, which needs no vocoder but is measured against it."""
        chosen = params.load(PARAMS, "perturb", PerturbParams)
        rows = synthetic_rows(self._train, "classical", 1, self._split, self._out.parent)
        seeds, rate = range(len(rows)), self._audio.sampling_rate
        none = self._train[:0]
        sources = Sources(rows, self._train, none, self._stored, seeds, 0, self._vocoder, rate, Path(), [])
        plan = classical.plan(sources, chosen.classical)
        writer = self._writer(plan.synthesise)
        known = zip(plan.contents, sources.segments, rows["source_id"], strict=True)
        for content, segment, id_ in islice(known, self._count):
            own = partial(writer.write, (Synthesis(content, segment), self._out, {}))
            yield "perturb", own, partial(self._rewritten, Features.load(self._stored, id_), segment)

    def _assess(self) -> Iterator[Works]:
        """Conversions of test clips, each synthesised twice and analysed once."""
        converters: assess.Converters = {}
        for name in params.load(PARAMS, "pairs", tuple[str, ...]):
            a, b = pairs.parse(name, set(self._train["emotion"]))
            pair = Converter.from_tensors(
                *models.load(Path("models/cyclegan") / self._split / name), torch.device("cpu")
            )
            converters |= {(a, b): pair, (b, a): pair}
        assessor = Assessor(self._world, self._audio, Scoring((), self._audio))
        clips = assess._assessed(
            self._test, parallel_utterances(self._test), self._stored, converters, self._bounds_hz, "cyclegan", {}
        )

        measured: list[AssessedClip] = []

        def own() -> None:
            measured.append(next(clips))
            assessor.measure(measured[-1])

        def alone() -> None:
            clip = measured[-1]
            decoding.read(*clip.segment)
            for features in (clip.features, *clip.conversions.values()):
                wave = self._world.synthesise(features)
                f0_hz, times = self._f0(wave)
                pyworld.cheaptrick(wave, f0_hz, times, self._audio.sampling_rate, fft_size=self._world.fft_size)
                if features is not clip.features:
                    self._world.synthesise(features)  # with F0 of the source

        yield from [("assess", own, alone)] * self._count

    def _rewritten(self, content: Features, source: Segment) -> None:
        """WORLD's own work for a synthetic clip: synthesis and F0, with reading and writing."""
        decoding.read(*source)
        samples = preparation.level(self._world.synthesise(content), self._audio.level_db)
        preparation.write(self._out, samples, self._audio.sampling_rate)
        self._f0(decoding.read(self._out).samples.astype(np.float64))

    def _f0(self, wave: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rate, frame_ms = self._audio.sampling_rate, self._world.params.frame_ms
        coarse, times = pyworld.dio(wave, rate, *self._bounds_hz, frame_period=frame_ms)
        return pyworld.stonemask(wave, coarse, times, rate), times


if __name__ == "__main__":
    main()
