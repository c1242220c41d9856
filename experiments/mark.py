"""How well a classifier tells copy synthesis by WORLD from recordings, for kinds of noise and thresholds of D4C.

python experiments/mark.py data/splits/full-1.parquet  # in a workspace after `split`

The `svm` on functionals learns natural against vocoded on train speakers. It chooses its grid point on the speakers of
valid and is tested on those of test, then the other way round: UAR 0.5 is no mark. Phase correlation: mean cosine of
the phase differences between the first 32 ms of two clips that begin with 40 ms without voice. Quality is of the
copies against the recordings: ESTOI, mel-cepstral distortion, F0. `noise` is the share of voiced frames that D4C made
noise.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
import pandas as pd
from sklearn.metrics import balanced_accuracy_score

from pipeline.assessment.distortion import distances
from pipeline.audio import preparation
from pipeline.audio.acoustics import AcousticsParams, classifier_features
from pipeline.audio.intelligibility import intelligibility
from pipeline.audio.preparation import AudioParams
from pipeline.classification.svm import SvmParams, train_svm
from pipeline.core import manifest, params
from pipeline.core.manifest import Segment
from pipeline.core.workers import in_parallel
from pipeline.vocoder import Features, VocoderParams, world
from pipeline.vocoder.copies import copied
from pipeline.vocoder.world import World

START = 512  # samples
UNVOICED = 8  # frames at the beginning of clips whose phases are compared
# Frames among which the noise of a clip begins, and threshold of D4C
VARIANTS = {
    "same noise, 0.85": (1, 0.85),
    "own noise, 0.85": (world.NOISES, 0.85),
    "own noise, 0.5": (world.NOISES, 0.5),
    "own noise, 0": (world.NOISES, 0.0),
}
NATURAL = "natural"
Quality = dict[str, float | None]


class Measured(NamedTuple):
    """Of a clip, or of its copy."""

    functionals: np.ndarray
    start: np.ndarray | None  # (START,); None where the clip begins with voice
    quality: Quality


@click.command()
@click.argument("split_path", metavar="SPLIT", type=click.Path(path_type=Path))
@click.option("--every", default=5, show_default=True, help="Of the train clips; of the others, twice as many.")
def main(split_path: Path, every: int) -> None:
    """Print the table."""
    path = Path("params.yaml")
    clips = manifest.read(Path("data/manifest.parquet"), manifest.CLIPS)
    rows = clips.merge(manifest.read(split_path, manifest.PARTITIONED), on="id").sort_values("id")
    sizes = {"train": every, "valid": max(1, every // 2), "test": max(1, every // 2)}
    rows = pd.concat(rows[rows["partition"] == name].iloc[::size] for name, size in sizes.items())
    measure = partial(
        measured,
        prepared=params.load(path, "audio", AudioParams),
        chosen=params.load(path, "vocoder", VocoderParams),
        acoustics=params.load(path, "acoustics", AcousticsParams),
    )
    svm = params.load(path, "classify.svm", SvmParams)
    found = list(in_parallel(measure, manifest.segments(rows), "copies"))
    natural = [each[NATURAL] for each in found]
    table = {NATURAL: {"phase_correlation": phase_correlation(natural)}}
    for name in VARIANTS:
        copies = [each[name] for each in found]
        quality = pd.DataFrame([each.quality for each in copies]).astype(float).mean()
        scores = {"mark_uar": mark(natural, copies, rows["partition"].to_numpy(), svm)}
        table[name] = {**scores, "phase_correlation": phase_correlation(copies), **quality}
    click.echo(f"{split_path.stem}: {len(rows)} clips\n{pd.DataFrame(table).T.round(3).to_string()}")


def measured(
    segment: Segment, prepared: AudioParams, chosen: VocoderParams, acoustics: AcousticsParams
) -> dict[str, Measured]:
    """A recording, and its copy by each variant."""
    samples = preparation.prepared(segment.path, prepared, segment.start, segment.end)
    rate = prepared.sampling_rate
    own = World(chosen.world, rate)
    original = own.analyse(samples, aperiodicity=False)
    unvoiced = not original.f0_hz[:UNVOICED].any()

    def of(wave: np.ndarray, analysed: Features, start: np.ndarray, quality: Quality) -> Measured:
        functionals = classifier_features(wave, rate, acoustics, analysed.f0_hz[:, 0], own.frame_ms)["functionals"]
        return Measured(functionals, start[:START] if unvoiced and len(start) >= START else None, quality)

    found = {NATURAL: of(samples, original, samples, {})}
    for name, (noises, threshold) in VARIANTS.items():
        world.NOISES = noises
        variant = World(replace(chosen.world, d4c_threshold=threshold), rate)
        features = variant.analyse(samples)
        raw, copy = variant.synthesise(features), copied(features, variant, prepared)
        analysed = own.analyse(copy, aperiodicity=False)
        distance = distances(analysed, original)
        quality = {
            "estoi": intelligibility(raw[: len(samples)], samples, rate),
            "mcd_db": distance["mcd_db"],
            "f0_rmse_st": distance["f0_rmse_st"],
            "noise": float(np.mean(features.aperiodicity[features.f0_hz[:, 0] > 0] > -1e-3)),
        }
        found[name] = of(copy, analysed, raw, quality)
    return found


def mark(natural: list[Measured], copies: list[Measured], partitions: np.ndarray, params: SvmParams) -> float:
    """UAR of natural against vocoded, mean over both groups of held-out speakers."""

    def of(name: str) -> tuple[np.ndarray, np.ndarray]:
        chosen = np.flatnonzero(partitions == name)
        rows = [kind[number].functionals for kind in (natural, copies) for number in chosen]
        return np.concatenate(rows), np.repeat([0, 1], len(chosen))

    functionals, labels = of("train")
    scores = []
    for selected, tested in (("valid", "test"), ("test", "valid")):
        ones = np.ones(len(labels))
        model = train_svm(functionals, labels, ones, ones.astype(bool), of(selected), params)
        inputs, expected = of(tested)
        scores.append(balanced_accuracy_score(expected, model.probabilities(inputs).argmax(axis=1)))
    return float(np.mean(scores))


def phase_correlation(clips: list[Measured]) -> float:
    """Mean over pairs of clips and over frequencies of the cosine of the difference of their phases."""
    starts = np.array([clip.start for clip in clips if clip.start is not None])
    phases = np.exp(1j * np.angle(np.fft.rfft(starts * np.hanning(START))[:, 1:-1]))
    pairs = len(phases) * (len(phases) - 1)
    return float(((np.abs(phases.sum(axis=0)) ** 2 - len(phases)) / pairs).mean())


if __name__ == "__main__":
    main()
