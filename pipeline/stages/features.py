"""Compute the features of a corpus's clips for the vocoder, the classifiers and the scorers."""

from contextlib import ExitStack
from functools import partial
from pathlib import Path

import click
import numpy as np

from pipeline import scorers
from pipeline.audio import decoding, measures, preparation
from pipeline.audio.acoustics import AcousticsParams, classifier_features
from pipeline.audio.preparation import AudioParams
from pipeline.core import manifest, params, shards
from pipeline.core.manifest import Segment
from pipeline.core.workers import in_parallel
from pipeline.vocoder import Vocoder, VocoderParams, vocoder

Arrays = dict[str, np.ndarray]

PATH = click.Path(path_type=Path)


@click.command()
@click.option("--params", "params_path", type=PATH, default="params.yaml")
@click.option("--clips", "clips_path", type=PATH, required=True, help="Parquet table of a corpus.")
@click.option("--vocoder-out", type=PATH, required=True, help="Shard of the vocoder's features to write.")
@click.option("--classifier-out", type=PATH, required=True, help="Shard of the classifiers' features to write.")
@click.option("--scorer-out", type=PATH, required=True, help="Shard of the scorers' statistics to write.")
@click.option("--recording-out", type=PATH, required=True, help="Shard of the recordings' measures to write.")
def main(
    params_path: Path, clips_path: Path, vocoder_out: Path, classifier_out: Path, scorer_out: Path, recording_out: Path
) -> None:
    """Compute the features of a corpus's clips for the vocoder, the classifiers and the scorers."""
    prepared = params.load(params_path, "audio", AudioParams)
    chosen = params.load(params_path, "vocoder", VocoderParams)
    acoustics = params.load(params_path, "acoustics", AcousticsParams)
    compute = partial(
        clip_features, prepared=prepared, vocoder=vocoder(chosen, prepared.sampling_rate), acoustics=acoustics
    )
    clips = manifest.read(clips_path, manifest.CLIPS)
    found = in_parallel(compute, manifest.segments(clips), clips_path.stem)
    params_hash = params.params_hash(prepared, chosen.analysis)
    with ExitStack() as stack:
        writers = [stack.enter_context(shards.Writer(vocoder_out, {"spectrum": chosen.storage}, params_hash))]
        writers += [stack.enter_context(shards.Writer(out)) for out in (classifier_out, scorer_out, recording_out)]
        for id_, kinds in zip(clips["id"], found, strict=True):
            for writer, arrays in zip(writers, kinds, strict=True):
                writer.add(id_, arrays)
    click.echo(f"{clips_path.stem}: features of {len(clips):,} clips, {clips['duration'].sum() / 3600:.2f} hours")


def clip_features(
    segment: Segment, prepared: AudioParams, vocoder: Vocoder, acoustics: AcousticsParams
) -> tuple[Arrays, Arrays, Arrays, Arrays]:
    """Arrays of a clip for the vocoder, the classifiers and the scorers, and measures of its recording."""
    recording = decoding.read(*segment)
    samples = preparation.prepare(recording.samples, recording.sampling_rate, prepared)
    measured = measures.recording(recording.samples, recording.sampling_rate)
    analysed = vocoder.analyse(samples)
    return (
        analysed.arrays(),
        classifier_features(samples, prepared.sampling_rate, acoustics, analysed.f0_hz[:, 0], vocoder.frame_ms),
        scorers.scorer_features(samples, prepared.sampling_rate),
        {name: np.array([[value]], np.float32) for name, value in measured.items()},
    )
