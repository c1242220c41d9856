"""Analyse a corpus's clips by the vocoder, and measure their recordings."""

from contextlib import ExitStack
from functools import partial
from pathlib import Path

import click
import numpy as np

from pipeline.audio import decoding, measures, preparation
from pipeline.audio.preparation import AudioParams
from pipeline.core import console, manifest, params, shards
from pipeline.core.manifest import Segment
from pipeline.core.workers import in_parallel
from pipeline.vocoder import Vocoder, VocoderParams, vocoder

Arrays = dict[str, np.ndarray]

PATH = click.Path(path_type=Path)


@click.command()
@click.option("--params", "params_path", type=PATH, default="params.yaml")
@click.option("--clips", "clips_path", type=PATH, required=True, help="Parquet table of a corpus.")
@click.option("--vocoder-out", type=PATH, required=True, help="Shard of the vocoder's features to write.")
@click.option("--recording-out", type=PATH, required=True, help="Shard of the recordings' measures to write.")
def main(params_path: Path, clips_path: Path, vocoder_out: Path, recording_out: Path) -> None:
    """Analyse a corpus's clips by the vocoder, and measure their recordings."""
    prepared = params.load(params_path, "audio", AudioParams)
    chosen = params.load(params_path, "vocoder", VocoderParams)
    compute = partial(clip_features, prepared=prepared, vocoder=vocoder(chosen, prepared.sampling_rate))
    clips = manifest.read(clips_path, manifest.CLIPS)
    found = in_parallel(compute, manifest.segments(clips), clips_path.stem)
    made_with = {shards.PARAMS: params.params_hash(prepared, chosen.analysis)}
    with ExitStack() as stack:
        writers = [
            stack.enter_context(shards.Writer(vocoder_out, {"spectrum": chosen.storage}, made_with)),
            stack.enter_context(shards.Writer(recording_out)),
        ]
        for id_, kinds in zip(clips["id"], found, strict=True):
            for writer, arrays in zip(writers, kinds, strict=True):
                writer.add(id_, arrays)
    console.tell(clips_path.stem, f"{len(clips):,} clips, {clips['duration'].sum() / 3600:.2f} hours")


def clip_features(segment: Segment, prepared: AudioParams, vocoder: Vocoder) -> tuple[Arrays, Arrays]:
    """Arrays of a clip by the vocoder, and measures of its recording."""
    recording = decoding.read(*segment)
    samples = preparation.prepare(recording.samples, recording.sampling_rate, prepared)
    measured = measures.recording(recording.samples, recording.sampling_rate)
    return vocoder.analyse(samples).arrays(), {
        name: np.array([[value]], np.float32) for name, value in measured.items()
    }
