"""Convert clips of speakers whom no pair has heard, and compare the conversions with real takes of the target."""

from collections.abc import Iterator
from pathlib import Path

import click
import pandas as pd
import torch

from pipeline.assessment.figures import ASSESSED
from pipeline.assessment.measurement import AssessedClip, Assessor, parallel_utterances, rows
from pipeline.assessment.scores import ConversionScorers
from pipeline.audio.recordings import AudioParams
from pipeline.conversion import pairs
from pipeline.conversion.converter import SPECTRA, Converter, Spectrum
from pipeline.core import hardware, manifest, models, params
from pipeline.core.hardware import HardwareParams
from pipeline.core.models import ModelError
from pipeline.core.shards import Shards
from pipeline.core.workers import in_parallel
from pipeline.scorers import evaluation_classifier, speakers
from pipeline.vocoder import Features, VocoderParams, vocoder


@click.command()
@click.option("--params", "params_path", type=click.Path(path_type=Path), default="params.yaml")
@click.option("--manifest", "clips_path", type=click.Path(path_type=Path), default="data/manifest.parquet")
@click.option("--split", "split_path", type=click.Path(path_type=Path), required=True, help="Its table.")
@click.option("--partition", type=click.Choice(["valid", "test"]), default="test", show_default=True)
@click.option(
    "--generator", type=click.Choice(list(SPECTRA)), default="cyclegan", show_default=True, help="What is assessed."
)
@click.option("--models", "folder", type=click.Path(path_type=Path), required=True, help="With a folder for each pair.")
@click.option("--vocoder", "trained", type=click.Path(path_type=Path), required=True, help="Of the split's vocoders.")
@click.option("--features", type=click.Path(path_type=Path), required=True, help="Folder of the vocoder's shards.")
@click.option("--scorers", type=click.Path(path_type=Path), required=True, help="Folder of the scorers' shards.")
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(
    params_path: Path,
    clips_path: Path,
    split_path: Path,
    partition: str,
    generator: str,
    folder: Path,
    trained: Path,
    features: Path,
    scorers: Path,
    out: Path,
) -> None:
    """Convert clips of speakers whom no pair has heard, and compare the conversions with real takes of the target."""
    prepared = params.load(params_path, "audio", AudioParams)
    voice = params.load(params_path, "vocoder", VocoderParams)
    machine = params.load(params_path, "hardware", HardwareParams)
    names = params.load(params_path, "pairs", tuple[str, ...])
    every = manifest.read(clips_path, manifest.CLIPS).sort_values("id").astype(object)
    every = every.where(every.notna(), None)
    split = manifest.read(split_path, manifest.PARTITIONED)
    train, heard = (manifest.partition(every, split, name) for name in ("train", partition))
    device = hardware.device(machine)
    converters: dict[tuple[str, str], Converter] = {}  # by source and target
    for name in names:
        a, b = pairs.parse(name, set(every["emotion"]))
        pair = _converter(folder / name, (a, b), split_path.stem, device)
        converters |= {(a, b): pair, (b, a): pair}

    paired = heard[heard["emotion"].isin([source for source, _ in converters])]
    corpora = sorted(set(train["corpus"]) | set(heard["corpus"]))
    stored = Shards(features / corpus for corpus in corpora)
    judged = Shards(scorers / corpus for corpus in corpora)
    takes = parallel_utterances(paired)
    bounds = (voice.world.f0_floor_hz, voice.world.f0_ceil_hz)

    def subjects() -> Iterator[AssessedClip]:
        def spoken(id_: str) -> Features:
            return Features.from_arrays(stored.arrays(id_, Features.names()))

        columns = (paired["id"], manifest.segments(paired), paired["emotion"], paired["intensity"])
        for id_, segment, emotion, level in zip(*columns, strict=True):
            own = spoken(id_)
            made = {
                target: converted(converter, own, source, target, bounds, level, SPECTRA[generator])
                for (source, target), converter in converters.items()
                if source == emotion
            }
            known = {each: [spoken(other) for other in takes[id_].get(each, ())] for each in (emotion, *made)}
            yield AssessedClip(segment, own, known, made)

    found: list[dict[str, object]] = []
    if len(paired):
        jury = ConversionScorers(train, heard, judged)
        laboratory = Assessor(vocoder(voice, prepared.sampling_rate, voice.model(trained)), prepared)
        measured = in_parallel(
            laboratory.measure, subjects(), split_path.stem, len(paired), lambda subject: subject.segment
        )
        for (_, clip), measure in zip(paired.iterrows(), measured, strict=True):
            scored_by = (evaluation_classifier, speakers)
            examined, own_voice = (judged.array(clip["id"], scorer.NAME)[0] for scorer in scored_by)
            found += rows(clip, examined, own_voice, measure, jury)
    table = pd.DataFrame(found, columns=ASSESSED.names).sort_values(["source", "target", "what", "id"], kind="stable")
    digest = params.params_hash(prepared, voice, machine, names)
    manifest.write(table, out, ASSESSED, digest, split=split_path.stem, partition=partition, generator=generator)
    click.echo(f"{split_path.stem}: {len(paired):,} {partition} clips, {len(converters)} directions")


def _converter(folder: Path, emotions: tuple[str, str], split: str, device: torch.device) -> Converter:
    """A trained pair; it must be of the split, or its speakers are not those to hear for the first time."""
    tensors, config = models.load(folder)
    if (config["split"], tuple(config["emotions"])) != (split, emotions):
        found, expected = "-".join(config["emotions"]), "-".join(emotions)
        raise ModelError(f"{folder}: is {found} of {config['split']}, expected {expected} of {split}")
    return Converter.from_tensors(tensors, config, device)


def converted(
    converter: Converter,
    clip: Features,
    source: str,
    target: str,
    bounds_hz: tuple[float, float],
    level: str | None,
    by: Spectrum = "network",
) -> Features:
    """A clip in the target emotion at its own intensity, or at none where too little was heard of that."""
    return converter.convert(clip, source, target, bounds_hz, level, converter.styles.level(target, level), by)
