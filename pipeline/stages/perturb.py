"""Make clips of train clips that keep their emotion: classical, by the vocoder alone, or in other voices."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from pydantic import PositiveInt

from pipeline.audio import preparation
from pipeline.audio.acoustics import AcousticsParams, classifier_features
from pipeline.audio.preparation import AudioParams
from pipeline.core import manifest, params, provenance
from pipeline.core.manifest import Segment
from pipeline.core.params import section
from pipeline.core.shards import Shards
from pipeline.generation import synthesis
from pipeline.generation.classical import ClassicalParams, Perturbation
from pipeline.generation.synthesis import Synthesis, Synthesiser
from pipeline.generation.vtlp import Vtlp, VtlpParams
from pipeline.vocoder import Features, VocoderParams, vocoder
from pipeline.vocoder.world import World

CLASSICAL, COPY, VOICES = "classical", "copy_synthesis", "voices"


@section
class PerturbParams:
    """What to make of each clip."""

    copies: PositiveInt  # of each train clip; `copy_synthesis` has but one
    classical: ClassicalParams


@click.command()
@click.option("--params", "params_path", type=click.Path(path_type=Path), default="params.yaml")
@click.option("--manifest", "clips_path", type=click.Path(path_type=Path), default="data/manifest.parquet")
@click.option("--split", "split_path", type=click.Path(path_type=Path), required=True, help="Its table.")
@click.option("--generator", type=click.Choice([CLASSICAL, COPY, VOICES]), required=True)
@click.option("--vocoder", "trained", type=click.Path(path_type=Path), required=True, help="Of the split's vocoders.")
@click.option("--features", type=click.Path(path_type=Path), required=True, help="Folder of the corpora's shards.")
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(
    params_path: Path, clips_path: Path, split_path: Path, generator: str, trained: Path, features: Path, out: Path
) -> None:
    """Make clips of train clips that keep their emotion: classical, by the vocoder alone, or in other voices."""
    chosen = params.load(params_path, "perturb", PerturbParams)
    chosen_voices = params.load(params_path, "voices", VtlpParams)
    prepared = params.load(params_path, "audio", AudioParams)
    vocoder_params = params.load(params_path, "vocoder", VocoderParams)
    acoustics = params.load(params_path, "acoustics", AcousticsParams)
    seed = params.load(params_path, "seed", int)
    split = split_path.stem
    clips = manifest.read(clips_path, manifest.CLIPS)
    sources = manifest.partition(clips, manifest.read(split_path, manifest.PARTITIONED), "train")
    rows = synthetic_rows(sources, generator, 1 if generator == COPY else chosen.copies, split, out)
    by_id = dict(zip(sources["id"], manifest.segments(sources), strict=True))
    segments = [by_id[id_] for id_ in rows["source_id"]]
    seeds = [provenance.derived_seed(seed, split, id_) for id_ in rows["id"]]
    declared: tuple[object, ...] = (chosen, prepared, vocoder_params, acoustics, seed)
    learned: dict[str, str] = {}
    synthesise: Callable[[Any], np.ndarray]
    contents: Iterable[Any]
    if generator == CLASSICAL:
        changes = [Perturbation.drawn(chosen.classical, own) for own in seeds]
        rows = rows.assign(parameters=[_json(change) for change in changes], seed=seed)
        synthesise, contents = partial(perturbed, prepared=prepared), zip(segments, changes, strict=True)
        digest = params.params_hash(CLASSICAL, chosen, prepared)
    elif generator == VOICES:
        if params_error := vocoder_params.vtlp_error():
            raise params.ParamsError(f"{params_path}: {params_error}")
        voices = [Vtlp.drawn(chosen_voices, own) for own in seeds]
        rows = rows.assign(parameters=[_json(voice) for voice in voices], seed=seed)
        world = World(vocoder_params.world, prepared.sampling_rate)
        synthesise, contents = partial(in_voice, vocoder=world), zip(spoken(rows, features), voices, strict=True)
        digest = params.params_hash(VOICES, chosen_voices, vocoder_params, prepared)
        declared += (chosen_voices,)
    else:
        network = vocoder_params.model(trained)
        synthesise = vocoder(vocoder_params, prepared.sampling_rate, network).synthesise
        contents = spoken(rows, features)
        digest = params.params_hash(COPY, vocoder_params, prepared)
        if network:
            learned = {"vocoder": network.as_posix(), "vocoder_sha256": provenance.fingerprint(network)}
    made = synthesis.write(
        out,
        rows.assign(generator_sha256=digest),
        (Synthesis(content, segment) for content, segment in zip(contents, segments, strict=True)),
        Synthesiser[Any](synthesise, prepared, partial(classifier_features, params=acoustics)),
        params.params_hash(*declared),
        split=split,
        emotions="all",
        **learned,
    )
    click.echo(f"{split} {generator}: {len(made):,} clips, {made['duration'].sum() / 3600:.2f} hours")


def synthetic_rows(sources: pd.DataFrame, generator: str, copies: int, split: str, out: Path) -> pd.DataFrame:
    """What is known of the clips before they are made, sorted by id: all of the sources', but for the provenance.

    Args:
        sources: real train clips
        generator: its name
        copies: of each source
        split: whose train partition this is
        out: folder of the clips
    """
    rows = pd.concat([sources.sort_values("id").assign(copy=str(number)) for number in range(1, copies + 1)])
    return (
        rows.assign(
            id=f"{split}/{generator}/" + rows["id"] + "/" + rows["copy"],
            filepath=synthesis.filepaths(rows["id"], rows["copy"], out),
            start=np.nan,  # a file of its own
            end=np.nan,
            is_synthetic=True,
            source_id=rows["id"],
            source_emotion=rows["emotion"],
            generator=generator,
        )
        .drop(columns="copy")
        .sort_values("id", ignore_index=True)
    )


def spoken(rows: pd.DataFrame, features: Path) -> Iterator[Features]:
    """Features of the source of each row, from the corpora's shards."""
    stored = Shards(features / corpus for corpus in sorted(rows["corpus"].unique()))
    return (Features.load(stored, id_) for id_ in rows["source_id"])


def perturbed(content: tuple[Segment, Perturbation], prepared: AudioParams) -> np.ndarray:
    """Samples of a clip, prepared as all are and then changed."""
    (path, start, end), perturbation = content
    return perturbation.apply(preparation.prepared(path, prepared, start, end), prepared.sampling_rate)


def in_voice(content: tuple[Features, Vtlp], vocoder: World) -> np.ndarray:
    """Samples of a clip, spoken by somebody else."""
    features, voice = content
    return voice.speak(features, vocoder)


def _json(change: Perturbation | Vtlp) -> str:
    """What was done to a clip, without what was not."""
    return json.dumps({name: value for name, value in asdict(change).items() if value is not None})
