"""Convert every train clip of a pair to the pair's other emotion, and write the clips with their provenance."""

from collections.abc import Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Literal

import click
import numpy as np
import pandas as pd

from pipeline.audio.acoustics import AcousticsParams
from pipeline.audio.preparation import AudioParams
from pipeline.conversion.converter import SPECTRA, Converter
from pipeline.core import hardware, manifest, models, params, provenance
from pipeline.core.hardware import HardwareParams
from pipeline.core.manifest import INTENSITIES
from pipeline.core.params import section
from pipeline.core.shards import Shards
from pipeline.generation import synthesis
from pipeline.generation.synthesis import Synthesis, Synthesiser
from pipeline.vocoder import Features, VocoderParams, vocoder


@section
class GenerateParams:
    """Target of the conversions."""

    intensity: Literal["source", "low", "medium", "high"]  # source: that of the clip, if frequent enough


@click.command()
@click.option("--params", "params_path", type=click.Path(path_type=Path), default="params.yaml")
@click.option("--manifest", "clips_path", type=click.Path(path_type=Path), default="data/manifest.parquet")
@click.option("--split", "split_path", type=click.Path(path_type=Path), required=True, help="Split table (Parquet).")
@click.option("--generator", type=click.Choice(list(SPECTRA)), required=True, help="Conversion of the spectrum.")
@click.option("--model", type=click.Path(path_type=Path), required=True, help="Model folder of the pair.")
@click.option("--vocoder", "trained", type=click.Path(path_type=Path), required=True, help="Vocoders of the split.")
@click.option("--features", type=click.Path(path_type=Path), required=True, help="Vocoder features by corpus.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the synthetic clips.")
def main(
    params_path: Path,
    clips_path: Path,
    split_path: Path,
    generator: str,
    model: Path,
    trained: Path,
    features: Path,
    out: Path,
) -> None:
    """Convert every train clip of a pair to the pair's other emotion, and write the clips with their provenance."""
    prepared = params.load(params_path, "audio", AudioParams)
    vocoder_params = params.load(params_path, "vocoder", VocoderParams)
    acoustics = params.load(params_path, "acoustics", AcousticsParams)
    machine = params.load(params_path, "hardware", HardwareParams)
    chosen = params.load(params_path, "generate", GenerateParams)
    tensors, config = models.load(model)
    a, b = config["emotions"]
    converter = Converter.from_tensors(tensors, config, hardware.device(machine))
    prosody = converter.prosody
    if params_error := vocoder_params.params_error(prosody.params.f0):
        raise params.ParamsError(f"{params_path}: {params_error}")
    clips = manifest.read(clips_path, manifest.CLIPS)
    split = manifest.read(split_path, manifest.PARTITIONED)
    sources = manifest.partition(clips, split, "train")
    sources = sources[sources["emotion"].isin((a, b))]
    rows = synthetic_rows(sources, (a, b), f"{split_path.stem}/{generator}", out, prosody.intensities, chosen.intensity)
    rows = rows.assign(generator=generator, generator_sha256=provenance.fingerprint(model), seed=config["seed"])
    stored = Shards(features / corpus for corpus in sorted(rows["corpus"].unique()))
    bounds = (vocoder_params.world.f0_floor_hz, vocoder_params.world.f0_ceil_hz)

    def converted() -> Iterator[Synthesis[Features]]:
        by_id = sources.set_index("id").loc[rows["source_id"]]
        known = zip(by_id["intensity"], manifest.segments(by_id), strict=True)
        labels = rows[["source_id", "source_emotion", "emotion", "intensity"]].itertuples(index=False)
        for (id_, source, target, intensity), (own, segment) in zip(labels, known, strict=True):
            clip = Features.load(stored, id_)
            levels = (_known(own), _known(intensity))
            yield Synthesis(converter.convert(clip, source, target, bounds, *levels, by=SPECTRA[generator]), segment)

    network = vocoder_params.model(trained)
    voice = vocoder(vocoder_params, prepared.sampling_rate, network)
    metadata = {"vocoder": network.as_posix(), "vocoder_sha256": provenance.fingerprint(network)} if network else {}
    written = synthesis.write(
        out,
        rows,
        converted(),
        Synthesiser(partial(synthesis.vocoded, vocoder=voice), prepared, acoustics, voice),
        params.params_hash(prepared, vocoder_params, acoustics, machine, chosen),
        split=split_path.stem,
        emotions=f"{a}-{b}",
        model=model.as_posix(),
        **metadata,
    )
    hours = written["duration"].sum() / 3600
    click.echo(f"{split_path.stem} {generator} {a}-{b}: {len(written):,} clips, {hours:.2f} hours")


def synthetic_rows(
    sources: pd.DataFrame,
    emotions: tuple[str, str],
    prefix: str,
    out: Path,
    intensities: Mapping[str, Collection[str]],
    intensity: str = "source",
) -> pd.DataFrame:
    """Rows of the synthetic clips, one for each source, sorted by id, without measurements of the audio.

    Args:
        sources: real train clips of the pair's emotions
        emotions: of the pair
        prefix: of their ids
        out: folder of the clips
        intensities: of each emotion, those with enough train clips
        intensity: of all clips; `source`: that of the source, if it is among `intensities` of the target
    """
    a, b = emotions
    sources = sources.sort_values("id")
    target = sources["emotion"].map({a: b, b: a})
    levels = [
        _known(own, intensities.get(emotion, ())) if intensity == "source" else intensity
        for own, emotion in zip(sources["intensity"], target, strict=True)
    ]
    rows = sources.assign(
        id=f"{prefix}/" + sources["id"] + "/" + target,
        filepath=synthesis.filepaths(sources["id"], target, out),
        start=np.nan,  # a file of its own
        end=np.nan,
        emotion=target,
        intensity=pd.Series(levels, sources.index, object),
        is_synthetic=True,
        emotion_raw=None,
        intensity_raw=None,
        source_id=sources["id"],
        source_emotion=sources["emotion"],
    )
    return rows.sort_values("id", ignore_index=True)


def _known(level: object, among: Collection[str] = INTENSITIES) -> str | None:
    """The intensity if it is among the given ones, else None."""
    return level if isinstance(level, str) and level in among else None
