"""Analyse the clips of a corpus: what vocoder, classifiers and judges make of them, and how they were recorded."""

from functools import partial
from pathlib import Path

import click
import numpy as np

from pipeline import scorers
from pipeline.audio import measures, recordings
from pipeline.audio.acoustics import AcousticsParams, classifier_features
from pipeline.audio.recordings import AudioParams
from pipeline.core import manifest, params, shards
from pipeline.core.manifest import Segment
from pipeline.core.workers import in_parallel
from pipeline.vocoder import Vocoder, VocoderParams, vocoder

Arrays = dict[str, np.ndarray]


@click.command()
@click.option("--params", "params_path", type=click.Path(path_type=Path), default="params.yaml")
@click.option("--clips", "clips_path", type=click.Path(path_type=Path), required=True, help="A corpus's table.")
@click.option("--vocoder-out", type=click.Path(path_type=Path), required=True)
@click.option("--classifier-out", type=click.Path(path_type=Path), required=True)
@click.option("--scorer-out", type=click.Path(path_type=Path), required=True)
@click.option("--recording-out", type=click.Path(path_type=Path), required=True)
def main(
    params_path: Path, clips_path: Path, vocoder_out: Path, classifier_out: Path, scorer_out: Path, recording_out: Path
) -> None:
    """Analyse the clips of a corpus: what vocoder, classifiers and judges make of them, and how they were recorded."""
    prepared = params.load(params_path, "audio", AudioParams)
    voice = params.load(params_path, "vocoder", VocoderParams)
    analyse = partial(
        _analysed,
        prepared=prepared,
        voice=vocoder(voice, prepared.sampling_rate),
        acoustics=params.load(params_path, "acoustics", AcousticsParams),
    )
    clips = manifest.read(clips_path, manifest.CLIPS)
    found = in_parallel(analyse, manifest.segments(clips), clips_path.stem)
    with (
        shards.Writer(
            vocoder_out, {"spectrum": voice.storage}, params.params_hash(prepared, voice.analysis)
        ) as of_vocoder,
        shards.Writer(classifier_out) as of_classifiers,
        shards.Writer(scorer_out) as of_judges,
        shards.Writer(recording_out) as of_recordings,
    ):
        for id_, (features, audible, judged, recorded) in zip(clips["id"], found, strict=True):
            of_vocoder.add(id_, features)
            of_classifiers.add(id_, audible)
            of_judges.add(id_, judged)
            of_recordings.add(id_, recorded)
    click.echo(f"{clips_path.stem}: features of {len(clips):,} clips, {clips['duration'].sum() / 3600:.2f} hours")


def _analysed(
    segment: Segment, prepared: AudioParams, voice: Vocoder, acoustics: AcousticsParams
) -> tuple[Arrays, Arrays, Arrays, Arrays]:
    recording = recordings.read(*segment)
    samples = recordings.prepare(recording.samples, recording.sampling_rate, prepared)
    recorded = measures.recording(recording.samples, recording.sampling_rate)
    return (
        voice.analyse(samples).arrays(),
        classifier_features(samples, prepared.sampling_rate, acoustics),
        scorers.scorer_features(samples, prepared.sampling_rate),
        {name: np.array([[value]], np.float32) for name, value in recorded.items()},
    )
