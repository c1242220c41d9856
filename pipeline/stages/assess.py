"""Convert clips of held-out speakers, and compare them with parallel utterances of the target emotion."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click
import numpy as np
import pandas as pd
import torch

from pipeline.assessment.figures import schema
from pipeline.assessment.measurement import AssessedClip, Assessor, parallel_utterances, rows
from pipeline.assessment.scores import ConversionScorers, StandardScores
from pipeline.audio.preparation import AudioParams
from pipeline.conversion import pairs
from pipeline.conversion.converter import SPECTRA, Converter, Spectrum
from pipeline.conversion.speaker_means import NeutralSpeech
from pipeline.core import console, manifest, models, params
from pipeline.core.models import ModelError
from pipeline.core.shards import Shards
from pipeline.core.workers import in_parallel
from pipeline.networks import hardware
from pipeline.networks.hardware import HardwareParams
from pipeline.scorers import evaluation_classifier, speakers
from pipeline.standard_scorers import AssessScorers
from pipeline.standard_scorers.scoring import Scoring, installed
from pipeline.vocoder import Features, VocoderParams, vocoder

Converters = dict[tuple[str, str], Converter]  # by source and target emotion


@click.command()
@click.option("--params", "params_path", type=click.Path(path_type=Path), default="params.yaml")
@click.option("--manifest", "clips_path", type=click.Path(path_type=Path), default="data/manifest.parquet")
@click.option(
    "--split", "split_path", type=click.Path(path_type=Path), required=True, help="Parquet table of the split."
)
@click.option("--partition", type=click.Choice(["valid", "test"]), default="test", show_default=True)
@click.option(
    "--generator", type=click.Choice(list(SPECTRA)), default="cyclegan", show_default=True, help="Kind of conversion."
)
@click.option(
    "--models", "folder", type=click.Path(path_type=Path), required=True, help="Folder with one of each pair."
)
@click.option("--vocoder", "trained", type=click.Path(path_type=Path), required=True, help="Folder of the vocoders.")
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
    """Convert clips of held-out speakers, and compare them with parallel utterances of the target emotion."""
    audio = params.load(params_path, "audio", AudioParams)
    chosen = params.load(params_path, "vocoder", VocoderParams)
    hardware_params = params.load(params_path, "hardware", HardwareParams)
    names = params.load(params_path, "pairs", tuple[str, ...])
    standard, missing = installed(params.load(params_path, "standard_scorers.assess", AssessScorers), "assess")
    every = manifest.read(clips_path, manifest.CLIPS).sort_values("id").astype(object)
    every = every.where(every.notna(), None)
    split = manifest.read(split_path, manifest.PARTITIONED)
    train, held_out = (manifest.partition(every, split, name) for name in ("train", partition))
    device = hardware.device(hardware_params)
    converters: Converters = {}
    for name in names:
        a, b = pairs.parse(name, set(every["emotion"]))
        pair = _converter(folder / name, (a, b), split_path.stem, device)
        converters |= {(a, b): pair, (b, a): pair}

    paired = held_out[held_out["emotion"].isin([source for source, _ in converters])]
    corpora = sorted(set(train["corpus"]) | set(held_out["corpus"]))
    stored, statistics = (Shards(root / corpus for corpus in corpora) for root in (features, scorers))
    means: dict[str, np.ndarray] = {}
    if any(converter.means for converter in converters.values()):
        means = _means(paired, NeutralSpeech(held_out, stored))
        if left_out := len(paired) - len(means):
            missing = [*missing, f"left out {left_out:,} clips: no neutral clip of the speaker in another sentence"]
        paired = paired[paired["id"].isin(means)]
    found: list[dict[str, object]] = []
    if len(paired):
        parallel, bounds_hz = parallel_utterances(paired), (chosen.world.f0_floor_hz, chosen.world.f0_ceil_hz)
        clips = _assessed(paired, parallel, stored, converters, bounds_hz, generator, means)
        scoring = Scoring(standard, audio)
        of_real = StandardScores(held_out, scoring.of_clips(held_out, split_path.stem))
        assessor = Assessor(vocoder(chosen, audio.sampling_rate, chosen.model(trained)), audio, scoring)
        measured = in_parallel(assessor.measure, clips, split_path.stem, len(paired), lambda clip: clip.segment)
        conversion_scorers = ConversionScorers(train, held_out, statistics)
        for (_, clip), measures in zip(paired.iterrows(), measured, strict=True):
            emotion, speaker = (
                statistics.array(clip["id"], scorer.NAME)[0] for scorer in (evaluation_classifier, speakers)
            )
            found += rows(clip, emotion, speaker, measures, conversion_scorers, of_real, parallel[clip["id"]])
    columns = schema(standard)
    table = pd.DataFrame(found, columns=columns.names).sort_values(["source", "target", "what", "id"], kind="stable")
    params_hash = params.params_hash(audio, chosen, hardware_params, names, *standard)
    manifest.write(table, out, columns, params_hash, split=split_path.stem, partition=partition, generator=generator)
    console.tell(split_path.stem, f"{len(paired):,} {partition} clips, {len(converters)} directions")
    for line in missing:
        console.warn(split_path.stem, line)


def _assessed(
    clips: pd.DataFrame,
    parallel: Mapping[str, Mapping[str, Sequence[str]]],
    stored: Shards,
    converters: Converters,
    bounds_hz: tuple[float, float],
    generator: str,
    means: Mapping[str, np.ndarray],
) -> Iterator[AssessedClip]:
    """Each clip with its conversions and references."""

    def features(id_: str) -> Features:
        return Features.load(stored, id_)

    columns = (clips["id"], manifest.segments(clips), clips["emotion"], clips["intensity"])
    for id_, segment, emotion, level in zip(*columns, strict=True):
        own = features(id_)
        conversions = {
            target: converted(converter, own, source, target, bounds_hz, level, SPECTRA[generator], means.get(id_))
            for (source, target), converter in converters.items()
            if source == emotion
        }
        references = {
            each: [features(other) for other in parallel[id_].get(each, ())] for each in (emotion, *conversions)
        }
        yield AssessedClip(segment, own, references, conversions)


def _means(clips: pd.DataFrame, neutral: NeutralSpeech) -> dict[str, np.ndarray]:
    """Mean of the speaker's neutral speech in other sentences than the clip's, by clip; none where there is none."""
    own = zip(clips["id"], clips["speaker"], clips["sentence"], strict=True)
    found = ((id_, neutral.mean_of_other_sentences(speaker, sentence)) for id_, speaker, sentence in own)
    return {id_: mean for id_, mean in found if mean is not None}


def _converter(folder: Path, emotions: tuple[str, str], split: str, device: torch.device) -> Converter:
    """A trained pair of this split: a model of another split may have been trained on the held-out speakers."""
    tensors, config = models.load(folder)
    with models.fitting(folder):
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
    mean: np.ndarray | None = None,
) -> Features:
    """A clip converted at its own intensity, or at none where the train clips of that intensity are too few."""
    return converter.convert(clip, source, target, bounds_hz, level, converter.styles.level(target, level), by, mean)
