"""Compute the features of a corpus's clips for the classifiers and the scorers."""

import json
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path

import click
import numpy as np

from pipeline import scorers
from pipeline.audio import preparation
from pipeline.audio.acoustics import AcousticsParams, FrontEnd, classifier_features
from pipeline.audio.preparation import AudioParams
from pipeline.core import console, manifest, params, shards
from pipeline.core.manifest import Segment
from pipeline.core.shards import Shards
from pipeline.core.workers import in_parallel
from pipeline.vocoder import Features, Vocoder, VocoderParams, copies, vocoder

Arrays = dict[str, np.ndarray]

PATH = click.Path(path_type=Path)


@click.command()
@click.option("--params", "params_path", type=PATH, default="params.yaml")
@click.option("--clips", "clips_path", type=PATH, required=True, help="Parquet table of a corpus.")
@click.option("--features", type=PATH, required=True, help="Shard of the vocoder's features of the corpus.")
@click.option("--classifier-out", type=PATH, required=True, help="Shard of the classifiers' features to write.")
@click.option("--scorer-out", type=PATH, required=True, help="Shard of the scorers' statistics to write.")
def main(params_path: Path, clips_path: Path, features: Path, classifier_out: Path, scorer_out: Path) -> None:
    """Compute the features of a corpus's clips for the classifiers and the scorers."""
    prepared = params.load(params_path, "audio", AudioParams)
    chosen = params.load(params_path, "vocoder", VocoderParams)
    acoustics = params.load(params_path, "acoustics", AcousticsParams)
    front_end = params.load(params_path, "classify.front_end", FrontEnd)
    if error := chosen.front_end_error(front_end):
        raise params.ParamsError(f"{params_path}: {error}")
    compute = partial(
        clip_features,
        prepared=prepared,
        vocoder=vocoder(chosen, prepared.sampling_rate),
        acoustics=acoustics,
        front_end=front_end,
    )
    clips, stored = manifest.read(clips_path, manifest.CLIPS), Shards([features])
    analysed = (Features.load(stored, id_) for id_ in clips["id"])
    items = zip(manifest.segments(clips), analysed, strict=True)
    found = in_parallel(compute, items, clips_path.stem, len(clips), name=lambda item: item[0])
    with ExitStack() as stack:
        made_with = {shards.FRONT_END: front_end.value}
        how = {
            "audio": asdict(prepared),
            "acoustics": asdict(acoustics),
            "vocoder": chosen.of_front_end(front_end),
        }
        writers = [
            stack.enter_context(shards.Writer(out, metadata=made_with | more))
            for out, more in ((classifier_out, {shards.PREPARATION: json.dumps(how)}), (scorer_out, {}))
        ]
        for id_, kinds in zip(clips["id"], found, strict=True):
            for writer, arrays in zip(writers, kinds, strict=True):
                writer.add(id_, arrays)
    console.tell(clips_path.stem, f"{len(clips):,} clips, {front_end} front end")


def clip_features(
    item: tuple[Segment, Features],
    prepared: AudioParams,
    vocoder: Vocoder,
    acoustics: AcousticsParams,
    front_end: FrontEnd,
) -> tuple[Arrays, Arrays]:
    """Arrays of a clip for the classifiers and for the scorers, from its audio and its features by the vocoder."""
    (path, start, end), analysed = item
    if front_end == FrontEnd.VOCODED:
        samples = copies.copied(analysed, vocoder, prepared)
        f0_hz = vocoder.f0(samples)
    else:
        samples = preparation.prepared(path, prepared, start, end)
        f0_hz = analysed.f0_hz[:, 0]
    return (
        classifier_features(samples, prepared.sampling_rate, acoustics, f0_hz, vocoder.frame_ms),
        scorers.scorer_features(samples, prepared.sampling_rate),
    )
