"""Convert every train clip of a split to the other emotion of each of its pairs, and write the clips."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import click
import numpy as np
import pandas as pd
import torch

from pipeline.audio.acoustics import AcousticsParams, FrontEnd
from pipeline.audio.preparation import AudioParams
from pipeline.conversion.converter import SPECTRA, Converter
from pipeline.core import console, manifest, models, params
from pipeline.core.files import atomic_write
from pipeline.core.manifest import INTENSITIES
from pipeline.core.params import section
from pipeline.core.shards import Shards
from pipeline.generation import synthesis
from pipeline.generation.synthesis import Synthesis, Synthesiser
from pipeline.networks import hardware, provenance
from pipeline.networks.hardware import HardwareParams
from pipeline.vocoder import Features, VocoderParams


@section
class GenerateParams:
    """Target of the conversions."""

    intensity: Literal["source", "low", "medium", "high"]  # source: that of the clip, if frequent enough


@dataclass(frozen=True)
class Pair:
    """A trained pair, and the table of the clips that it generates."""

    converter: Converter
    generator: str
    rows: pd.DataFrame  # of the synthetic clips
    sources: pd.DataFrame  # real clips of the rows, in their order

    @classmethod
    def load(
        cls, model: Path, train: pd.DataFrame, generator: str, out: Path, intensity: str, device: torch.device
    ) -> "Pair":
        """Load a pair, and describe the conversions of all train clips of its emotions."""
        tensors, config = models.load(model)
        with models.fitting(model):
            a, b = config["emotions"]
            converter = Converter.from_tensors(tensors, config, device)
            sources = train[train["emotion"].isin((a, b))]
            prefix = f"{config['split']}/{generator}"
            rows = synthetic_rows(sources, (a, b), prefix, out, converter.prosody.intensities, intensity)
            licenses = "; ".join(config["licenses"]) or None  # clips derive from all clips that the model learned from
            rows = rows.assign(generator=generator, generator_sha256=provenance.fingerprint(model), seed=config["seed"])
            rows = rows.assign(license=licenses)
            return cls(converter, generator, rows, sources.set_index("id").loc[rows["source_id"]])

    def converted(self, stored: Shards, bounds_hz: tuple[float, float]) -> Iterator[Synthesis[Features]]:
        """Features of each synthetic clip, and its source."""
        known = zip(self.sources["intensity"], manifest.segments(self.sources), strict=True)
        labels = self.rows[["source_id", "source_emotion", "emotion", "intensity"]].itertuples(index=False)
        means = self.sources["speaker"].map(self.converter.means.get)
        by = SPECTRA[self.generator]
        for (id_, source, target, intensity), (own, segment), mean in zip(labels, known, means, strict=True):
            clip = Features.load(stored, id_)
            levels = (_known(own), _known(intensity))
            yield Synthesis(self.converter.convert(clip, source, target, bounds_hz, *levels, by, mean), segment)


@click.command()
@click.option("--params", "params_path", type=click.Path(path_type=Path), default="params.yaml")
@click.option("--manifest", "clips_path", type=click.Path(path_type=Path), default="data/manifest.parquet")
@click.option("--split", "split_path", type=click.Path(path_type=Path), required=True, help="Split table (Parquet).")
@click.option("--generator", type=click.Choice(list(SPECTRA)), required=True, help="Conversion of the spectrum.")
@click.option("--models", "trained", type=click.Path(path_type=Path), required=True, help="Models of the pairs.")
@click.option("--vocoder", "vocoders", type=click.Path(path_type=Path), required=True, help="Vocoders of the split.")
@click.option("--features", type=click.Path(path_type=Path), required=True, help="Vocoder features by corpus.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the clips, by pair.")
def main(
    params_path: Path,
    clips_path: Path,
    split_path: Path,
    generator: str,
    trained: Path,
    vocoders: Path,
    features: Path,
    out: Path,
) -> None:
    """Convert every train clip of a split to the other emotion of each of its pairs, and write the clips."""
    prepared = params.load(params_path, "audio", AudioParams)
    vocoder_params = params.load(params_path, "vocoder", VocoderParams)
    acoustics = params.load(params_path, "acoustics", AcousticsParams)
    hardware_params = params.load(params_path, "hardware", HardwareParams)
    chosen = params.load(params_path, "generate", GenerateParams)
    names = params.load(params_path, "pairs", tuple[str, ...])
    clips, split = manifest.read(clips_path, manifest.CLIPS), manifest.read(split_path, manifest.PARTITIONED)
    train = manifest.partition(clips, split, "train")
    stored = Shards(features / corpus for corpus in sorted(train["corpus"].unique()))
    bounds_hz = (vocoder_params.world.f0_floor_hz, vocoder_params.world.f0_ceil_hz)
    own, metadata = synthesis.vocoder_of(vocoder_params, prepared.sampling_rate, vocoders)
    synthesiser = Synthesiser(partial(synthesis.vocoded, vocoder=own), prepared, acoustics, own, FrontEnd.VOCODED)
    params_hash = params.params_hash(prepared, vocoder_params, acoustics, hardware_params, chosen)
    with atomic_write(out) as folder:
        folder.mkdir(parents=True)
        for name in names:
            model = trained / name
            pair = Pair.load(model, train, generator, out / name, chosen.intensity, hardware.device(hardware_params))
            if params_error := vocoder_params.params_error(pair.converter.prosody.params.f0):
                raise params.ParamsError(f"{params_path}: {params_error}")
            known = {"split": split_path.stem, "emotions": name, "model": model.as_posix(), **metadata}
            of_pair = pair.converted(stored, bounds_hz)
            label = f"{split_path.stem} {generator} {name}"
            written = synthesis.write(folder / name, pair.rows, of_pair, synthesiser, params_hash, label, **known)
            hours = written["duration"].sum() / 3600
            console.tell(label, f"{len(written):,} clips, {hours:.2f} hours")


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
