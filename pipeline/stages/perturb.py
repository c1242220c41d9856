"""Make clips that keep their emotion of a split's train clips: classical augmentation, or the vocoder's copies."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from pydantic import PositiveInt

from pipeline import audio, manifest, models, params, renditions
from pipeline.audio import AudioParams
from pipeline.classifier.acoustics import AcousticsParams, heard
from pipeline.params import section
from pipeline.perturbation import ClassicalParams, Perturbation
from pipeline.renditions import Renderer, Rendition
from pipeline.shards import Shards
from pipeline.vocoder import Features, VocoderParams, vocoder

CLASSICAL, COPY = "classical", "copy_synthesis"


@section
class PerturbParams:
    """What to make of each clip."""

    copies: PositiveInt  # of each train clip, by `classical`; `copy_synthesis` has but one
    classical: ClassicalParams


@click.command()
@click.option("--params", "params_path", type=click.Path(path_type=Path), default="params.yaml")
@click.option("--manifest", "clips_path", type=click.Path(path_type=Path), default="data/manifest.parquet")
@click.option("--split", "split_path", type=click.Path(path_type=Path), required=True, help="Its table.")
@click.option("--generator", type=click.Choice([CLASSICAL, COPY]), required=True)
@click.option("--vocoder", "voice_path", type=click.Path(path_type=Path), required=True, help="The split's.")
@click.option("--features", type=click.Path(path_type=Path), required=True, help="Folder of the corpora's shards.")
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(
    params_path: Path, clips_path: Path, split_path: Path, generator: str, voice_path: Path, features: Path, out: Path
) -> None:
    """Make clips that keep their emotion of a split's train clips: classical augmentation, or the vocoder's copies."""
    chosen = params.load(params_path, "perturb", PerturbParams)
    prepared = params.load(params_path, "audio", AudioParams)
    voice_params = params.load(params_path, "vocoder", VocoderParams)
    acoustics = params.load(params_path, "acoustics", AcousticsParams)
    seed = params.load(params_path, "seed", int)
    split = split_path.stem
    clips = manifest.read(clips_path, manifest.CLIPS)
    sources = manifest.partition(clips, manifest.read(split_path, manifest.PARTITIONED), "train")
    rows = synthetic_rows(sources, generator, chosen.copies if generator == CLASSICAL else 1, split, out)
    paths = rows["source_id"].map(sources.set_index("id")["filepath"]).map(Path)
    learned: dict[str, str] = {}
    synthesise: Callable[[Any], np.ndarray]
    contents: Iterable[Any]
    if generator == CLASSICAL:
        drawn = [Perturbation.drawn(chosen.classical, models.derived_seed(seed, split, id_)) for id_ in rows["id"]]
        known = [{name: value for name, value in asdict(one).items() if value is not None} for one in drawn]
        rows = rows.assign(parameters=[json.dumps(one) for one in known], seed=seed)
        synthesise, contents = partial(perturbed, prepared=prepared), zip(paths, drawn, strict=True)
        digest = params.digest(CLASSICAL, chosen, prepared)
    else:
        stored = Shards(features / corpus for corpus in sorted(rows["corpus"].unique()))
        synthesise = vocoder(voice_params, prepared.sampling_rate, voice_path).synthesise
        contents = (Features.from_arrays(stored.arrays(id_, Features.names())) for id_ in rows["source_id"])
        digest = params.digest(COPY, voice_params, prepared)
        if voice_params.learns:
            learned = {"vocoder": voice_path.as_posix(), "vocoder_sha256": models.fingerprint(voice_path)}
    made = renditions.write(
        out,
        rows.assign(generator_sha256=digest),
        (Rendition(content, path) for content, path in zip(contents, paths, strict=True)),
        Renderer(synthesise, prepared, partial(heard, params=acoustics)),
        params.digest(chosen, prepared, voice_params, acoustics, seed),
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
            filepath=renditions.filepaths(rows["id"], rows["copy"], out),
            is_synthetic=True,
            source_id=rows["id"],
            source_emotion=rows["emotion"],
            generator=generator,
        )
        .drop(columns="copy")
        .sort_values("id", ignore_index=True)
    )


def perturbed(content: tuple[Path, Perturbation], prepared: AudioParams) -> np.ndarray:
    """Samples of a clip, prepared as all are and then changed."""
    path, perturbation = content
    return perturbation.apply(audio.prepared(path, prepared), prepared.sampling_rate)
